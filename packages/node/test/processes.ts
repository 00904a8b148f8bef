/** Real `colloquy` processes for tests: started, read line by line, killed. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url))

export class Running {
  readonly child: ChildProcess
  readonly lines: Array<string> = []
  readonly errors: Array<string> = []
  readonly exit: Promise<number | null>
  #changed: () => void = () => {}
  constructor(args: ReadonlyArray<string>) {
    this.child = spawn(process.execPath, [main, ...args], { stdio: ["pipe", "pipe", "pipe"] })
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
  /** Waits until what was printed satisfies `isSo`; the process's end without it is a failure. */
  async until(what: string, isSo: (lines: ReadonlyArray<string>) => boolean): Promise<void> {
    while (!isSo(this.lines)) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`ended before ${what}: ${this.lines.join("; ")} ${this.errors.join("; ")}`)
      await new Promise<void>((resolve) => { this.#changed = resolve })
    }
  }
  sees(line: string): Promise<void> {
    return this.until(line, (lines) => lines.includes(line))
  }
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

/** Starts processes and makes sure that none outlives the test. */
export class Processes {
  readonly all: Array<Running> = []
  run(...args: ReadonlyArray<string>): Running {
    const running = new Running(args)
    this.all.push(running)
    return running
  }
  /** A node that is ready, and where it listens. */
  async serve(...args: ReadonlyArray<string>): Promise<{ readonly node: Running; readonly address: string }> {
    const node = this.run("serve", ...args)
    await node.until("ready", (lines) => lines.some((line) => line.endsWith("is ready")))
    return { node, address: node.lines.find((line) => line.startsWith("listening on "))!.slice("listening on ".length) }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.all) child.kill("SIGKILL")
    await Promise.all(this.all.map(({ exit }) => exit))
  }
}
