/** A node in this process with one program that keeps a diary, for tests of drivers on real sockets. */
import { type Pattern, Pattern as P, Process, Text, Value } from "@colloquy/core"
import { Effect, Layer, type Scope } from "effect"
import { Host } from "../../src/Host.ts"
import * as HostPlace from "../../src/space/HostPlace.ts"
import * as NestedPlace from "../../src/space/NestedPlace.ts"
import type { Place } from "../../src/space/Place.ts"
import * as Space from "../../src/space/Space.ts"

const spaceAt = (within: (place: Place) => Place): Layer.Layer<Space.Space> => Layer.effect(Space.Space, Effect.gen(function*() {
  const place = within(HostPlace.make(yield* Host, "main"))
  return yield* Space.at(place, "nobody")
})).pipe(Layer.provide(Host.layer({ node: "test" })))

/** A dataspace of a node of its own. */
export const space = spaceAt((place) => place)
/** One that is nested in it. */
export const nested = spaceAt((place) => NestedPlace.make(place, "nested"))

export interface Entry {
  readonly sign: "+" | "-" | "!"
  readonly value: Value.Value
  readonly reason?: Value.Value
}
/** A program: what it observes is entered into its diary in the order in which it is told, as `+ <fact>`, `- <fact> reason` and `! <message>`. */
export interface Program {
  readonly diary: Array<Entry>
  /** Observes `<label …>` with so many fields. */
  readonly observe: (label: string, fields: number) => void
  readonly assert: (fact: Value.Value) => { readonly retract: () => void }
  readonly send: (...bodies: ReadonlyArray<Value.Value>) => void
  /** Waits until an entry reads like this, counting from the beginning. */
  readonly reads: (text: string | RegExp, times?: number) => Effect.Effect<Entry>
  readonly until: (isSo: (diary: ReadonlyArray<Entry>) => boolean) => Effect.Effect<void>
  /** The diary as text. */
  readonly text: () => ReadonlyArray<string>
  /** Is called with each entry, within the step that told it. */
  onEntry: (entry: Entry) => void
}

export const program: Effect.Effect<Program, never, Space.Space | Scope.Scope> = Effect.gen(function*() {
  const { place } = (yield* Space.Space) as Space.Interface & { readonly place: Place }
  const diary: Array<Entry> = []
  const waiters = new Set<() => void>()
  let handles = 0
  const enter = (event: Process.Event): void => {
    const [value] = event.captures
    if (value === undefined) return // for an observation that was asserted as a fact
    const sign = event._tag === "Added" ? "+" : event._tag === "Removed" ? "-" : "!"
    const entry: Entry = event._tag === "Removed" && event.reason !== undefined ? { sign, value, reason: event.reason } : { sign, value }
    diary.push(entry)
    self.onEntry(entry)
  }
  const pid = yield* Effect.acquireRelease(
    Effect.sync(() => place.enter("program", {
      deliver: (events) => {
        events.forEach(enter)
        for (const waiter of [...waiters]) waiter()
      },
      exited: () => {}
    })),
    (entered) => Effect.sync(() => place.leave(entered))
  )
  const perform = (...actions: ReadonlyArray<Process.Action>) => place.perform(pid, actions)
  const until = (isSo: (diary: ReadonlyArray<Entry>) => boolean) => Effect.callback<void>((resume) => {
    const check = () => {
      if (!isSo(diary)) return
      waiters.delete(check)
      resume(Effect.void)
    }
    waiters.add(check)
    check()
    return Effect.sync(() => { waiters.delete(check) })
  })
  const self: Program = {
    diary,
    observe: (label, fields) => perform(Process.observe(++handles, whole(label, fields))),
    assert: (fact) => {
      const handle = ++handles
      perform(Process.assert(handle, fact))
      return { retract: () => perform(Process.retract(handle)) }
    },
    send: (...bodies) => perform(...bodies.map(Process.send)),
    until,
    reads: (text, times = 1) => {
      const found: Array<Entry> = []
      let read = 0
      const look = () => {
        for (; read < diary.length; read++) {
          const line = print(diary[read]!)
          if (typeof text === "string" ? line === text : text.test(line)) found.push(diary[read]!)
        }
        return found.length >= times
      }
      return Effect.map(until(look), () => found[times - 1]!)
    },
    text: () => diary.map(print),
    onEntry: () => {}
  }
  return self
})

const whole = (label: string, fields: number): Pattern.Pattern => P.bind(P.record(label, ...Array.from({ length: fields }, () => P.discard)))
export const print = ({ reason, sign, value }: Entry): string =>
  `${sign} ${Text.print(short(value))}${reason === undefined ? "" : ` ${Text.print(reason)}`}`
/** Without what nobody would read. */
const short = (value: Value.Value): Value.Value => {
  if (value instanceof Uint8Array && value.length > 100) return record("bytes", value.length)
  return value instanceof Value.Record ? new Value.Record(value.label, value.fields.map(short)) : value
}
export const fields = ({ value }: Entry): ReadonlyArray<Value.Value> => (value as Value.Record).fields
export const { record, symbol } = Value
