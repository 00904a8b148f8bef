/**
 * A process that a bench starts, and both ends of how they speak: the bench asks by name, the process
 * answers once. What it has used of the processor comes with every answer, so that an interval is the
 * difference of two. Processes end with the bench, whatever becomes of it.
 */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"

interface Asked {
  readonly id: number
  readonly what: string
  readonly about: any
}
interface Answer {
  readonly id: number
  readonly value?: any
  readonly error?: string
}
/** What a process has used so far: processor time in µs, resident memory and heap in bytes. */
export interface Usage {
  readonly cpuUs: number
  readonly rss: number
  readonly heap: number
}

/** The clock that all processes of a machine share, in µs. */
export const clock = (): number => Number(process.hrtime.bigint() / 1000n)

/** The bench's end. */
export class Helper {
  readonly child: ChildProcess
  readonly #waiting = new Map<number, { readonly resolve: (value: any) => void; readonly reject: (error: Error) => void }>()
  #count = 0
  constructor(file: string, about: object = {}) {
    const profile = process.env["BENCH_PROFILE"]
    const execArgv = ["--expose-gc", ...profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${file}-${++profiles}.cpuprofile`]]
    this.child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(about)], { execArgv, stdio: ["ignore", "inherit", "inherit", "ipc"] })
    all.add(this)
    this.child.on("message", ({ error, id, value }: Answer) => {
      const one = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) one?.resolve(value)
      else one?.reject(new Error(`${file}: ${error}`))
    })
    this.child.once("exit", (code, signal) => {
      all.delete(this)
      for (const { reject } of this.#waiting.values()) reject(new Error(`${file} ended: ${code ?? signal}`))
    })
  }
  ask<A = unknown>(what: string, about: object = {}): Promise<A> {
    return new Promise((resolve, reject) => {
      const id = ++this.#count
      this.#waiting.set(id, { resolve, reject })
      this.child.send({ id, what, about } satisfies Asked)
    })
  }
  usage(): Promise<Usage> {
    return this.ask("usage")
  }
  /** Ends it in peace, or with `SIGKILL` at once. */
  async end(signal?: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const gone = new Promise((resolve) => { this.child.once("exit", resolve) })
    if (signal === undefined) this.child.disconnect()
    else this.child.kill(signal)
    await gone
  }
}
let profiles = 0
const all = new Set<Helper>()
process.once("exit", () => { for (const { child } of all) child.kill("SIGKILL") })

/** The process's end: what it was started with. */
export const given = (): any => JSON.parse(process.argv[2]!)

/** Answers each question with what `answers` says of it; ends when the bench lets go. */
export const serve = (answers: { readonly [what: string]: (about: any) => unknown }): void => {
  const usage = (): Usage => {
    const { system, user } = process.cpuUsage()
    const { heapUsed, rss } = process.memoryUsage()
    return { cpuUs: user + system, rss, heap: heapUsed }
  }
  const known: typeof answers = { usage, collect: () => globalThis.gc?.(), ...answers }
  process.on("message", async ({ about, id, what }: Asked) => {
    try {
      process.send!({ id, value: await known[what]!(about) } satisfies Answer)
    } catch (error) {
      process.send?.({ id, error: String(error instanceof Error ? error.stack : error) } satisfies Answer)
    }
  })
  process.once("disconnect", () => process.exit(0))
}
