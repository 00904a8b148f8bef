/**
 * A driver's own process in the dataspace, for callbacks of Node: what it says is said at once, in the
 * order of the calls, and what it hears of all its patterns comes in one order, so that `tcp-end`
 * cannot overtake the `tcp-out` before it.
 *
 * It leaves when the Scope closes, for the reason `driver-stopped`. What an ear throws is our own bug: it
 * is logged, and the driver goes on. What it says must be small enough for a dataspace (`isName`, and
 * `dataBytesMax` for the data of strangers), or it is ended, and all its facts go with `<crash text>`.
 */
import { Canonical, type Pattern, Process, Text, Value } from "@colloquy/core"
import { Effect, type Scope } from "effect"
import { isAbsolute, resolve, sep } from "node:path"
import { Space } from "../space/Space.ts"

export interface Ears {
  readonly added?: (...captures: ReadonlyArray<Value.Value>) => void
  readonly removed?: (...captures: ReadonlyArray<Value.Value>) => void
  readonly received?: (...captures: ReadonlyArray<Value.Value>) => void
}
/** Where one fact is held up, or none. */
export interface Held {
  readonly become: (fact: Value.Value) => void
  readonly release: (reason?: Value.Value) => void
}
export interface Port {
  readonly hear: (pattern: Pattern.Pattern, ears: Ears) => void
  /** Without a fact, room for one: who sees a fact may act on it before the call that holds it up returns what releases it. */
  readonly hold: (fact?: Value.Value) => Held
  /** All of them in one turn. */
  readonly say: (...bodies: ReadonlyArray<Value.Value>) => void
  readonly log: (message: string, fields?: Readonly<Record<string, unknown>>) => void
}

export const make = (name: string): Effect.Effect<Port, never, Space | Scope.Scope> => Effect.gen(function*() {
  const { place } = yield* Space
  const ears = new Map<Process.Handle, Ears>()
  let handles = 0
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const log: Port["log"] = (message, fields = {}) => void fork(Effect.annotateLogs(Effect.logWarning(message), { driver: name, ...fields }))

  const tell = (event: Process.Event): void => {
    const ear = ears.get(event.handle)
    try {
      if (event._tag === "Added") ear?.added?.(...event.captures)
      else if (event._tag === "Removed") ear?.removed?.(...event.captures)
      else if (event._tag === "Received") ear?.received?.(...event.captures)
    } catch (error) {
      log("a driver did not understand", { error: String(error instanceof Error ? error.stack : error) })
    }
  }
  let isLeaving = false
  const pid = yield* Effect.acquireRelease(
    Effect.sync(() => place.enter(name, {
      deliver: (events) => { for (const event of events) tell(event) },
      exited: (reason) => {
        ears.clear()
        if (!isLeaving) log("a driver was ended, and does nothing any more", { reason: Text.print(reason) })
      }
    })),
    (entered) => Effect.sync(() => {
      isLeaving = true
      place.leave(entered, Value.symbol("driver-stopped"))
    })
  )
  const perform = (...actions: ReadonlyArray<Process.Action>): void => place.perform(pid, actions)
  return {
    hear: (pattern, ear) => {
      ears.set(++handles, ear)
      perform(Process.observe(handles, pattern))
    },
    hold: (fact) => {
      const handle = ++handles
      const become = (next: Value.Value): void => perform(Process.assert(handle, next))
      if (fact !== undefined) become(fact)
      return { become, release: (reason) => perform(Process.retract(handle, reason)) }
    },
    say: (...bodies) => perform(...bodies.map(Process.send)),
    log
  }
})

/**
 * Whether others' words are small enough for ours to hold them: a fact that is too large or too deep
 * would end the driver. Demands and ids are names, not data.
 */
export const isName = (value: Value.Value): boolean => {
  try {
    return Canonical.key(value, nameLevelsMax).length <= nameBytesMax
  } catch {
    return false
  }
}
const nameBytesMax = 64 * 1024 // a guess: a long path and a large id
const nameLevelsMax = 100 // processes may say 110

/** Whether a path means what it reads: whoever allows some, by how they begin, need not know of `..`. */
export const isPlainPath = (path: string): boolean =>
  isAbsolute(path) && !path.includes("\0") && resolve(path) === (path.length > 1 && path.endsWith(sep) ? path.slice(0, -1) : path)

/** A user's answer to what may be; one that throws allows nothing. */
export const sure = <A extends ReadonlyArray<unknown>>(allow: (...asked: A) => boolean) => (...asked: A): boolean => {
  try {
    return allow(...asked)
  } catch {
    return false
  }
}

/** What strangers say at once can be no more, however a driver is configured: a fact has 4 MiB, names and numbers included. */
export const dataBytesMax = 3 * 1024 * 1024
/** Of text that is no UTF-8, each byte may become three. */
export const textBytesMax = dataBytesMax / 3
