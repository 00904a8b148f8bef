/**
 * One child process: what it says, what it is told, and its end.
 *
 * It leads a process group, so that what it started ends with it, also what outlived it. `end` may be
 * called at any time and completes when the process has gone.
 */
import { Value } from "@colloquy/core"
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process"
import { setTimeout as delay } from "node:timers/promises"
import type { Demand, Mode } from "./ChildOptions.ts"
import { type Credited, isCredit, read } from "./Credited.ts"
import { isName, type Port } from "./Port.ts"
import * as Reason from "./Reason.ts"

export interface Limits {
  readonly lineMax: number
  readonly inputMax: number
}
export interface Child {
  readonly grant: (stream: Value.Value, n: Value.Value) => void
  readonly input: (n: Value.Value, data: Value.Value) => void
  readonly end: () => Promise<void>
  /** Waits no longer: SIGKILL. */
  readonly hurry: () => void
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
  const group = groupOf(child)
  return {
    grant: (stream, n) => { if (isCredit(n)) outputs.get(stream)?.grant(n) },
    input,
    end: async () => {
      isWanted = false
      running.release()
      outcome.release()
      for (const output of outputs.values()) output.stop()
      await kill(group, gone, demand.killMs)
      group.forget()
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
    },
    hurry: () => group.signal("SIGKILL")
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
  return { grant: () => {}, input: () => {}, end: async () => held.release(), hurry: () => {} }
}
/** What is said to its standard input, bounded: whoever writes waits for `process-written`. */
const inputOf = ({ stdin }: ChildProcess, id: Value.Value, inputMax: number, port: Port) => {
  let waiting = 0
  let isOver = stdin == null // neither is there one when it could not be started
  stdin?.on("error", () => { isOver = true }) // it does not read any more; each write is told by its callback
  return (n: Value.Value, data: Value.Value): void => {
    const unwritten = (reason: Value.Value) => port.say(Value.record("process-unwritten", id, n, reason))
    const written = () => port.say(Value.record("process-written", id, n))
    if (!isName(n)) return port.log("the number of an input is too large")
    if (isOver || stdin == null || !stdin.writable) return unwritten(Reason.of("closed"))
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

/**
 * The group that a process leads. While anybody is in it, its number is nobody else's; so once the leader
 * has exited, it is looked at now and then, in order never to signal those who have the number next.
 */
interface Group {
  readonly isThere: () => boolean
  readonly signal: (name: NodeJS.Signals) => void
  /** It is of no interest any more. */
  readonly forget: () => void
}
const groupOf = (child: ChildProcess): Group => {
  let isEmpty = child.pid === undefined
  let watch: NodeJS.Timeout | undefined
  const look = (): boolean => {
    isEmpty ||= (child.exitCode !== null || child.signalCode !== null) && !isThere(-child.pid!)
    if (isEmpty) clearInterval(watch)
    return !isEmpty
  }
  child.on("exit", () => { if (look()) watch = setInterval(look, lookMs).unref() })
  return {
    isThere: look,
    signal: (name) => {
      if (!look()) return
      try {
        process.kill(-child.pid!, name)
      } catch {
        child.kill(name) // there are no groups here
      }
    },
    forget: () => {
      isEmpty = true
      clearInterval(watch)
    }
  }
}
const lookMs = 1_000 // a guess: numbers come back after thousands of processes

/** The process and what is left of its group: SIGTERM, and SIGKILL to what has not gone in time. */
const kill = async (group: Group, gone: Promise<void>, killMs: number): Promise<void> => {
  if (!group.isThere()) return
  const deadline = performance.now() + killMs
  group.signal("SIGTERM")
  const timer = setTimeout(() => group.signal("SIGKILL"), killMs)
  await gone
  clearTimeout(timer)
  while (group.isThere()) {
    if (performance.now() >= deadline) return group.signal("SIGKILL")
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
