/**
 * Connections as conversations: what is said about them, and how they end. The TCP and the WebSocket
 * driver share this; their words differ in the first syllable, `tcp` or `ws`. `Listeners.ts` accepts and
 * `Clients.ts` connects.
 *
 * What is said to a connection and makes no sense ends it, as `misused`: a bound that nobody checked is
 * none. What is said about an id that is no connection is ignored.
 */
import { Canonical, Pattern, Value } from "@colloquy/core"
import { Effect, type Scope } from "effect"
import type { Space } from "../space/Space.ts"
import * as Port from "./Port.ts"
import * as Reason from "./Reason.ts"
import type { News, Wire } from "./Wire.ts"

export type Word = "tcp" | "ws"

export interface Conversation<W extends Wire> {
  readonly id: Value.Value
  readonly wire: W
  /** Lets its fact go. */
  readonly over: (reason: Value.Value) => void
  /** Whether it is open: before, nothing can be said to it. */
  isUp: boolean
}
export interface Conversations<W extends Wire> {
  readonly word: Word
  readonly port: Port.Port
  readonly get: (id: Value.Value) => Conversation<W> | undefined
  /** A connection that `open` makes. */
  readonly add: (id: Value.Value, open: (news: News) => W, over: (reason: Value.Value) => void) => Conversation<W>
  readonly close: (conversation: Conversation<W>, how: "close" | "abort", why: Reason.Known) => void
  /** Hears `<label id …>` with so many fields after the id; `false` says that it made no sense. */
  readonly onWord: (label: string, fields: number, hear: (wire: W, ...fields: ReadonlyArray<Value.Value>) => boolean) => void
  /** Is called when the driver stops, and has left the dataspace. */
  readonly onStop: (stop: () => void) => void
}

/** A driver's word: `<tcp-in …>`. */
export const say = (word: Word, what: string, ...fields: ReadonlyArray<Value.Value>): Value.Record => Value.record(`${word}-${what}`, ...fields)
/** Hears it with so many fields, whole. */
export const whole = (word: Word, what: string, fields: number): Pattern.Pattern =>
  Pattern.bind(Pattern.record(`${word}-${what}`, ...Array.from({ length: fields }, () => Pattern.discard)))
export const fieldsOf = (value: Value.Value | undefined): ReadonlyArray<Value.Value> => (value as Value.Record).fields

const isAmount = (n: Value.Value | undefined): n is number => typeof n === "number" && Number.isSafeInteger(n) && n >= 0

/** Those of one driver, until the Scope closes: then they are gone at once, and what was written is sent. */
export const make = <W extends Wire>(word: Word): Effect.Effect<Conversations<W>, never, Space | Scope.Scope> => Effect.gen(function*() {
  const live = new Map<string, Conversation<W>>()
  const wires = wiresOf<W>()
  // before the port, so that it runs after it: nothing more is said
  const stops: Array<() => void> = []
  yield* Effect.addFinalizer(() => {
    for (const stop of stops) stop()
    return wires.stop
  })
  const port = yield* Port.make(`${word} driver`)

  const add: Conversations<W>["add"] = (id, open, over) => {
    const key = Canonical.key(id)
    const wire: W = open({
      received: (pieces) => port.say(...pieces.map((piece) => say(word, "in", id, piece))),
      eof: () => port.say(say(word, "eof", id)),
      written: (n) => port.say(say(word, "written", id, n)),
      ended: (reason) => {
        if (live.get(key) === conversation) forget(conversation, reason)
      },
      gone: () => wires.remove(wire)
    })
    const conversation: Conversation<W> = { id, wire, over, isUp: false }
    wires.add(wire)
    live.set(key, conversation)
    return conversation
  }
  const forget = (conversation: Conversation<W>, reason: Value.Value): void => {
    live.delete(Canonical.key(conversation.id))
    conversation.over(reason)
  }
  const close: Conversations<W>["close"] = (conversation, how, why) => {
    forget(conversation, Reason.of(why))
    conversation.wire[how]()
  }
  const onWord: Conversations<W>["onWord"] = (label, fields, hear) => {
    const pattern = Pattern.record(label, ...Array.from({ length: fields + 1 }, () => Pattern.bind()))
    port.hear(pattern, {
      received: (id, ...rest) => {
        const conversation = live.get(Canonical.key(id!))
        if (conversation?.isUp === true && !hear(conversation.wire, ...rest)) close(conversation, "abort", "misused")
      }
    })
  }
  onWord(`${word}-credit`, 1, (wire, n) => {
    if (!isAmount(n)) return false
    wire.credit(n)
    return true
  })
  onWord(`${word}-out`, 1, (wire, data) => (typeof data === "string" || data instanceof Uint8Array) && wire.write(data))
  return { word, port, get: (id) => live.get(Canonical.key(id)), add, close, onWord, onStop: (stop) => void stops.push(stop) }
})

/** All that the system has not got back yet, those included that are no conversation any more. */
const wiresOf = <W extends Wire>() => {
  const wires = new Set<W>()
  let onEmpty: (() => void) | undefined
  return {
    add: (wire: W) => void wires.add(wire),
    remove: (wire: W) => {
      wires.delete(wire)
      if (wires.size === 0) onEmpty?.()
    },
    stop: Effect.callback<void>((resume) => {
      onEmpty = () => resume(Effect.void)
      if (wires.size === 0) return onEmpty()
      for (const wire of wires) wire.stop()
    })
  }
}
