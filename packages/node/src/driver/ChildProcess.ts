/**
 * Child processes. A fact asks for one; it runs as long as the fact is held, and no longer.
 *
 * | word | | means |
 * | --- | --- | --- |
 * | `<process id command args options>` | fact, you | run it, without a shell, while this is held; `id` is yours to choose |
 * | `<process-running id pid>` | fact | it runs, and from here on hears the messages below |
 * | `<process-exited id code signal>` | fact; a message when the demand went first | its end: one of the two is `false` |
 * | `<process-failed id reason>` | fact | it could not be started (`Reason.ts` has the reasons); withdraw the demand, and ask again |
 * | `<process-credit id stream n>` | message, you | send me n more lines, or bytes, of `stdout` or `stderr` |
 * | `<process-output id stream data>` | message | a line (a string), bytes, or `eof`, which needs no credit |
 * | `<process-input id n data>` | message, you | for its standard input: a string, bytes, or `eof`; n is your number for it |
 * | `<process-written id n>` | message | the pipe has taken it |
 * | `<process-unwritten id n reason>` | message | it has not: too much waits, or nobody reads any more |
 *
 * Options, a dictionary of symbols:
 *
 * | option | | default |
 * | --- | --- | --- |
 * | `cwd` | a folder, as `allowFolder` says | the node's own |
 * | `env` | {string: string}, as `allowEnv` says, beside PATH, HOME, LANG and their like | {} |
 * | `inherit` | whether it sees all of the node's environment | `#f`: that may hold secrets |
 * | `stdin` | `pipe`, `none` | `pipe` |
 * | `stdout`, `stderr` | `lines`, `bytes`, `none` | `lines` |
 * | `credit` | granted on each of the two at the start | 0 |
 * | `killMs` | from SIGTERM to SIGKILL | the driver's |
 *
 * Withdrawing the demand sends SIGTERM to the process and the group that it leads, and SIGKILL to both
 * when it has not gone in time; so does closing the layer, which waits for it, and no longer than the
 * driver's `killMs`. What a process wrote before its end can be read as long as the demand stands. Of one
 * id, the next process is started when the last has gone.
 *
 * Commands are run for whoever can assert in the dataspace, which in a federated scope is every peer: say
 * with `allow` what may run. What a command means depends on its environment (PATH, LD_PRELOAD,
 * GIT_SSH_COMMAND, …) and its folder: demands choose neither, unless `allowEnv` and `allowFolder` say so.
 */
import { Canonical, Pattern, Value } from "@colloquy/core"
import { Effect, Layer, type Scope } from "effect"
import { realpathSync } from "node:fs"
import type { Space } from "../space/Space.ts"
import { type Child, start } from "./Child.ts"
import { type Demand, readDemand } from "./ChildOptions.ts"
import * as Demands from "./Demands.ts"
import * as Port from "./Port.ts"
import * as Reason from "./Reason.ts"

/** What the driver keeps to. `allow` has no default: nothing runs that nobody allowed. */
export interface Config {
  /** What may be run. */
  readonly allow: (command: string, args: ReadonlyArray<string>) => boolean
  /** Which variables a demand may set. */
  readonly allowEnv: (name: string, value: string) => boolean
  /** Which folders it may choose: where links lead counts. */
  readonly allowFolder: (folder: string) => boolean
  /** At one time; a demand for more fails with `too-many`. */
  readonly processesMax: number
  /** Longer lines come in pieces. */
  readonly lineMax: number
  /** How much of what was said to a process may wait for it to read. */
  readonly inputMax: number
  /** From SIGTERM to SIGKILL, unless a demand says otherwise. */
  readonly killMs: number
}
/** What `layer` keeps to unless told otherwise: of the environment and the folder, demands choose nothing. */
export const defaults: Omit<Config, "allow"> = {
  allowEnv: () => false,
  allowFolder: () => false,
  processesMax: 256, // a guess
  lineMax: 64 * 1024, // as much as a stream reads ahead
  inputMax: 1024 * 1024, // a guess
  killMs: 2_000 // a guess: as long as a connection lingers
}

/** Runs the processes that the dataspace asks for, as far as they are allowed. */
export const layer = (config: Partial<Config> & Pick<Config, "allow">): Layer.Layer<never, never, Space> => Layer.effectDiscard(driver({ ...defaults, ...config }))

const word = (label: string, fields: number) => Pattern.record(label, ...Array.from({ length: fields }, () => Pattern.bind()))

const driver = (asked: Config): Effect.Effect<void, never, Space | Scope.Scope> => Effect.gen(function*() {
  const config = {
    ...asked,
    allow: Port.sure(asked.allow), allowEnv: Port.sure(asked.allowEnv), allowFolder: Port.sure(asked.allowFolder),
    lineMax: Math.min(asked.lineMax, Port.textBytesMax)
  }
  const ending = endings()
  yield* Effect.addFinalizer(() => Effect.promise(() => ending.all(config.killMs)))
  const port = yield* Port.make("child-process")
  const children = new Map<string, Child>()

  const childOf = (id: Value.Value | undefined) => children.get(Canonical.key(id!))
  port.hear(word("process-credit", 3), { received: (id, stream, n) => childOf(id)?.grant(stream!, n!) })
  port.hear(word("process-input", 3), { received: (id, n, data) => childOf(id)?.input(n!, data!) })

  /** Runs it, or the reason why not. */
  const begin = (id: Value.Value, rest: ReadonlyArray<Value.Value>): Child | Value.Value => {
    const read = readDemand(rest, config)
    if (typeof read === "string") return Reason.failure("misused", read)
    if (children.has(Canonical.key(id))) return Reason.of("id-in-use")
    // those that end may be as many again: a demand says how long that takes
    if (children.size >= config.processesMax || children.size + ending.size() >= 2 * config.processesMax) return Reason.of("too-many")
    const demand = placed(read)
    if (demand instanceof Error) return Reason.ofError(demand)
    return isAllowed(demand, config) ? start(id, demand, config, port) : Reason.of("denied")
  }
  yield* Demands.serve(port, word("process", 4), ([id, ...rest]) => {
    const key = Canonical.key(id!)
    const failure = port.hold()
    let child: Child | undefined
    let isWithdrawn = false
    const run = (): void => {
      if (isWithdrawn) return
      const begun = begin(id!, rest)
      if (!isChild(begun)) return failure.become(Value.record("process-failed", id!, begun))
      child = begun
      children.set(key, child)
    }
    const before = ending.of(key)
    if (before === undefined) run()
    else void before.then(run)
    return () => {
      isWithdrawn = true
      failure.release()
      if (child === undefined) return
      children.delete(key)
      ending.add(key, child)
    }
  })
})
const isChild = (begun: Child | Value.Value): begun is Child => typeof begun === "object" && "hurry" in begun

const isAllowed = ({ args, command, cwd, own }: Demand, { allow, allowEnv, allowFolder }: Config): boolean =>
  allow(command, args) && Object.entries(own).every(([name, value]) => allowEnv(name, value)) && (cwd === undefined || allowFolder(cwd))
/** With its folder where links lead. */
const placed = (demand: Demand): Demand | Error => {
  try {
    return demand.cwd === undefined ? demand : { ...demand, cwd: realpathSync.native(demand.cwd) }
  } catch (error) {
    return error as Error
  }
}

/** Those that were told to end, until they have. */
const endings = () => {
  const ending = new Map<string, { readonly child: Child; readonly ended: Promise<void> }>()
  return {
    size: () => ending.size,
    of: (key: string) => ending.get(key)?.ended,
    add: (key: string, child: Child): void => {
      const ended = child.end().finally(() => ending.delete(key))
      ending.set(key, { child, ended })
    },
    /** Completes when there are none. */
    all: async (killMs: number): Promise<void> => {
      const timer = setTimeout(() => { for (const { child } of ending.values()) child.hurry() }, killMs)
      await Promise.all([...ending.values()].map(({ ended }) => ended))
      clearTimeout(timer)
    }
  }
}
