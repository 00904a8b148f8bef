/** A program in a process of its own, for tests: started, read line by line, killed. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"

export class Running {
  readonly child: ChildProcess
  readonly lines: Array<string> = []
  readonly errors: Array<string> = []
  readonly exit: Promise<number | null>
  #changed: () => void = () => {}
  constructor(file: string, words: ReadonlyArray<string>) {
    this.child = spawn(process.execPath, [file, ...words], { stdio: "pipe" })
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
  /** What `look` finds in what was printed, as soon as it does; the process's end without it is a failure. */
  async until<A>(what: string, look: (lines: ReadonlyArray<string>) => A | false | undefined): Promise<A> {
    for (;;) {
      const found = look(this.lines)
      if (found !== undefined && found !== false) return found
      const isOver = this.child.exitCode !== null || this.child.signalCode !== null
      if (isOver) throw new Error(`ended before ${what}: ${[...this.lines, ...this.errors].join("; ")}`)
      await new Promise<void>((resolve) => { this.#changed = resolve })
    }
  }
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}
