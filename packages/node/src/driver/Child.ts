/**
 * One child process: what it says, what it is told, and its end.
 *
 * It leads a process group, so that what it started ends with it. `end` may be called at any time and
 * completes when the process has gone.
 */
import { Value } from "@colloquy/core"
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process"
import { setTimeout as delay } from "node:timers/promises"
import type { Demand, Mode } from "./ChildOptions.ts"
import { type Credited, isCredit, read } from "./Credited.ts"
import type { Port } from "./Port.ts"
import * as Reason from "./Reason.ts"

export interface Limits {
  readonly lineMax: number
  readonly inputMax: number
}
export interface Child {
  readonly grant: (stream: Value.Value, n: Value.Value) => void
  readonly input: (n: Value.Value, data: Value.Value) => void
  readonly end: () => Promise<void>
}

const eof = Value.symbol("eof")

/** Starts it. That it failed, runs, or has exited is a fact until `end` is called. */
export const start = (id: Value.Value, demand: Demand, limits: Limits, port: Port): Child => {
  const child = attempt(demand)
  if (child instanceof Error) return failed(child, id, port)
  let isWanted = true
  const running = port.hold()
  const outcome = port.hold()
  const over = (fact: Value.Value): void => {
    if (isWanted) outcome.become(fact)
    running.release(fact)
  }
  const outputs = new Map<Value.Value, Credited>()
  const open = (name: "stdout" | "stderr", mode: Mode): void => {
    const stream = child[name]
    if (stream === null || mode === "none") return
    const tell = (data: Value.Value) => port.say(Value.record("process-output", id, Value.symbol(name), data))
    outputs.set(Value.symbol(name), read(stream, { mode, lineMax: limits.lineMax, onData: tell, onEnd: () => tell(eof) }))
  }
  const gone = new Promise<void>((resolve) => {
    child.on("spawn", () => {
      // heard of before any output: then a reader knows whose it is
      if (!isWanted) return
      running.become(Value.record("process-running", id, child.pid!))
      open("stdout", demand.stdout)
      open("stderr", demand.stderr)
      if (demand.credit > 0) for (const output of outputs.values()) output.grant(demand.credit)
    })
    child.on("error", (error) => {
      if (child.pid !== undefined) return // a signal that could not be sent: it has gone already
      over(Value.record("process-failed", id, Reason.ofError(error)))
      resolve()
    })
    child.on("exit", (code, signal) => {
      const exited = Value.record("process-exited", id, code ?? false, signal ?? false)
      if (!isWanted) port.say(exited)
      over(exited)
      resolve()
    })
  })
  const input = inputOf(child, id, limits.inputMax, port)
  return {
    grant: (stream, n) => { if (isCredit(n)) outputs.get(stream)?.grant(n) },
    input,
    end: async () => {
      isWanted = false
      running.release()
      outcome.release()
      for (const output of outputs.values()) output.stop()
      await kill(child, gone, demand.killMs)
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
    }
  }
}

const attempt = ({ args, command, cwd, env, stderr, stdin, stdout }: Demand): ChildProcess | Error => {
  const pipe = (mode: Mode | "pipe") => mode === "none" ? "ignore" : "pipe"
  const stdio: StdioOptions = [pipe(stdin), pipe(stdout), pipe(stderr)]
  try {
    return spawn(command, [...args], { cwd, env, stdio, shell: false, detached: true, windowsHide: true })
  } catch (error) {
    return error as Error // too many arguments, no more files to open
  }
}
const failed = (error: Error, id: Value.Value, port: Port): Child => {
  const held = port.hold(Value.record("process-failed", id, Reason.ofError(error)))
  return { grant: () => {}, input: () => {}, end: async () => held.release() }
}
/** What is said to its standard input, bounded: whoever writes waits for `process-written`. */
const inputOf = ({ stdin }: ChildProcess, id: Value.Value, inputMax: number, port: Port) => {
  let waiting = 0
  let isOver = stdin === null
  stdin?.on("error", () => { isOver = true }) // it does not read any more; each write is told by its callback
  return (n: Value.Value, data: Value.Value): void => {
    const unwritten = (reason: Value.Value) => port.say(Value.record("process-unwritten", id, n, reason))
    const written = () => port.say(Value.record("process-written", id, n))
    if (isOver || stdin === null || !stdin.writable) return unwritten(Reason.of("closed"))
    if (data === eof) {
      isOver = true
      return void stdin.end(written)
    }
    if (typeof data !== "string" && !(data instanceof Uint8Array)) return unwritten(Reason.of("misused"))
    const bytes = typeof data === "string" ? Buffer.from(data) : data
    if (waiting + bytes.length > inputMax) return unwritten(Reason.of("write-overflow"))
    waiting += bytes.length
    stdin.write(bytes, (error) => {
      waiting -= bytes.length
      if (error) unwritten(Reason.of("closed"))
      else written()
    })
  }
}

/** The process, then what is left of its group: SIGTERM, and SIGKILL to what has not gone in time. */
const kill = async (child: ChildProcess, gone: Promise<void>, killMs: number): Promise<void> => {
  // of one that has exited the number may be somebody else's by now
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const deadline = performance.now() + killMs
  signal(child, "SIGTERM")
  const timer = setTimeout(() => signal(child, "SIGKILL"), killMs)
  await gone
  clearTimeout(timer)
  while (isThere(-child.pid)) {
    if (performance.now() >= deadline) return signal(child, "SIGKILL")
    await delay(20)
  }
}
const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
const signal = (child: ChildProcess, name: NodeJS.Signals): void => {
  try {
    process.kill(-child.pid!, name)
  } catch {
    child.kill(name) // there are no groups here
  }
}
