/** An example as a program of its own, for tests: what it prints, what it is told, and how it ends. */
import { fileURLToPath } from "node:url"
import { Running } from "../running.ts"

export class Program extends Running implements AsyncDisposable {
  constructor(name: string, ...words: ReadonlyArray<string>) {
    super(fileURLToPath(new URL(`../../examples/${name}`, import.meta.url)), words)
  }
  type(line: string): void {
    this.child.stdin!.write(`${line}\n`)
  }
  /** The first line, from the one numbered `from` on, that matches. */
  sees(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    return this.until(String(pattern), (lines) => {
      for (const line of lines.slice(from)) {
        const found = pattern.exec(line)
        if (found !== null) return found
      }
      return undefined
    })
  }
  /** Asks it to end, and says with which status it did. */
  async stop(): Promise<number | null> {
    this.kill("SIGTERM")
    return this.exit
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL")
    await this.exit
  }
}
