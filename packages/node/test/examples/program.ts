/** An example as a program of its own, for tests: what it prints, what it is told, and how it ends. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

export class Program implements AsyncDisposable {
  readonly child: ChildProcess
  readonly lines: Array<string> = []
  readonly errors: Array<string> = []
  readonly exit: Promise<number | null>
  #changed: () => void = () => {}
  constructor(name: string, ...words: ReadonlyArray<string>) {
    this.child = spawn(process.execPath, [fileURLToPath(new URL(`../../examples/${name}`, import.meta.url)), ...words], { stdio: "pipe" })
    this.exit = once(this.child, "close").then(([code]) => {
      this.#changed()
      return code as number | null
    })
    for (const [stream, lines] of [[this.child.stdout!, this.lines], [this.child.stderr!, this.errors]] as const) {
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line)
        this.#changed()
      })
    }
  }
  type(line: string): void {
    this.child.stdin!.write(`${line}\n`)
  }
  /** The first line, from the one numbered `from` on, that matches; the program's end without it is a failure. */
  async sees(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.lines.slice(from)) {
        const found = pattern.exec(line)
        if (found !== null) return found
      }
      const isOver = this.child.exitCode !== null || this.child.signalCode !== null
      if (isOver) throw new Error(`ended before ${String(pattern)}: ${[...this.lines, ...this.errors].join("; ")}`)
      await new Promise<void>((resolve) => { this.#changed = resolve })
    }
  }
  /** Asks it to end, and says with which status it did. */
  async stop(): Promise<number | null> {
    this.child.kill("SIGTERM")
    return this.exit
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL")
    await this.exit
  }
}
