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
 * | `cwd` | a folder | the node's own |
 * | `env` | {string: string}, beside PATH, HOME, LANG and their like | {} |
 * | `inherit` | whether it sees all of the node's environment | `#f`: that may hold secrets |
 * | `stdin` | `pipe`, `none` | `pipe` |
 * | `stdout`, `stderr` | `lines`, `bytes`, `none` | `lines` |
 * | `credit` | granted on each of the two at the start | 0 |
 * | `killMs` | from SIGTERM to SIGKILL | the driver's |
 *
 * Withdrawing the demand sends SIGTERM to the process and the group that it leads, and SIGKILL to both
 * when it has not gone in time; so does closing the layer, which waits for it. What a process wrote
 * before its end can be read as long as the demand stands. Commands are run for whoever can assert in
 * the dataspace, which in a federated scope is every peer: say with `allow` what may run.
 */
import { Canonical, Pattern, Value } from "@colloquy/core"
import { Effect, Layer, type Scope } from "effect"
import type { Space } from "../space/Space.ts"
import { type Child, start } from "./Child.ts"
import { readDemand } from "./ChildOptions.ts"
import * as Demands from "./Demands.ts"
import * as Port from "./Port.ts"
import * as Reason from "./Reason.ts"

export interface Config {
  /** What may be run. */
  readonly allow: (command: string, args: ReadonlyArray<string>) => boolean
  readonly processesMax: number
  /** Longer lines come in pieces. */
  readonly lineMax: number
  /** How much of what was said to a process may wait for it to read. */
  readonly inputMax: number
  readonly killMs: number
}
export const defaults: Omit<Config, "allow"> = {
  processesMax: 256, // a guess
  lineMax: 64 * 1024, // as much as a stream reads ahead
  inputMax: 1024 * 1024, // a guess
  killMs: 2_000 // a guess: as long as a connection lingers
}

/** Runs the processes that the dataspace asks for, as far as they are allowed. */
export const layer = (config: Partial<Config> & Pick<Config, "allow">): Layer.Layer<never, never, Space> => Layer.effectDiscard(driver({ ...defaults, ...config }))

const word = (label: string, fields: number) => Pattern.record(label, ...Array.from({ length: fields }, () => Pattern.bind()))

const driver = (config: Config): Effect.Effect<void, never, Space | Scope.Scope> => Effect.gen(function*() {
  // those that are told to end, and those that run: all have ended when the layer is closed
  const ending = new Set<Promise<void>>()
  yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(ending)))
  const port = yield* Port.make("child-process")
  const children = new Map<string, Child>()

  const childOf = (id: Value.Value | undefined) => children.get(Canonical.key(id!))
  port.hear(word("process-credit", 3), { received: (id, stream, n) => childOf(id)?.grant(stream!, n!) })
  port.hear(word("process-input", 3), { received: (id, n, data) => childOf(id)?.input(n!, data!) })

  yield* Demands.serve(port, word("process", 4), ([id, ...rest]) => {
    const key = Canonical.key(id!)
    const failed = (reason: Value.Value) => {
      const held = port.hold(Value.record("process-failed", id!, reason))
      return () => held.release()
    }
    const demand = readDemand(rest, config)
    if (typeof demand === "string") return failed(Reason.failure("misused", demand))
    if (children.has(key)) return failed(Reason.of("id-in-use"))
    if (children.size >= config.processesMax) return failed(Reason.of("too-many"))
    if (!config.allow(demand.command, demand.args)) return failed(Reason.of("denied"))
    const child = start(id!, demand, config, port)
    children.set(key, child)
    return () => {
      children.delete(key)
      const ended = child.end().finally(() => ending.delete(ended))
      ending.add(ended)
    }
  })
})
