/** A member's process as its parent sees it: what it says, line by line, and what it is told. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Line, Order, Report, Spec } from "./lines.ts"

const program = fileURLToPath(new URL("program.ts", import.meta.url))

export class Member {
  readonly spec: Spec
  readonly exit: Promise<unknown>
  /** Where it listens, once it does. */
  address: string | undefined
  /** The nodes that it has links with. */
  readonly linked = new Set<string>()
  /** What its edges lead to, by node. */
  readonly edges = new Map<string, string>()
  /** Those whose messages it has heard since the mark. */
  readonly heard = new Set<string>()
  readonly #child: ChildProcess
  #reported: (report: Report) => void = () => {}
  /** `prefix` is a command to run it under, such as one that enters a network namespace. */
  constructor(spec: Spec, prefix: ReadonlyArray<string>, onLine: (member: Member, line: Line) => void) {
    this.spec = spec
    const [command, ...args] = [...prefix, process.execPath, program, JSON.stringify(spec)]
    this.#child = spawn(command!, args, { stdio: ["pipe", "pipe", "pipe"] })
    this.#child.stdin!.on("error", () => {}) // it was killed while it was being told something
    this.exit = once(this.#child, "close")
    createInterface({ input: this.#child.stderr! }).on("line", (text) => onLine(this, { is: "log", level: "stderr", text }))
    createInterface({ input: this.#child.stdout! }).on("line", (text) => {
      const line = JSON.parse(text) as Line
      this.#note(line)
      onLine(this, line)
    })
  }
  get life(): string {
    return this.spec.life
  }
  #note(line: Line): void {
    switch (line.is) {
      case "ready": return void (this.address = line.address)
      case "linked": return void this.linked.add(line.node)
      case "parted": return void this.linked.delete(line.node)
      case "heard": return void this.heard.add(line.life)
      case "edge": return void (line.role === undefined ? this.edges.delete(line.node) : this.edges.set(line.node, line.role))
      case "report": return this.#reported(line.report)
    }
  }
  tell(order: Order): void {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`)
  }
  mark(): void {
    this.heard.clear()
    this.tell({ do: "mark" })
  }
  listen(): void {
    this.heard.clear()
    this.tell({ do: "listen" })
  }
  report(): Promise<Report> {
    return new Promise((resolve) => {
      this.#reported = resolve
      this.tell({ do: "report" })
    })
  }
  kill(): void {
    this.#child.kill("SIGKILL")
  }
}
