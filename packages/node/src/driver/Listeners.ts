/**
 * Who listens, and what is accepted. `<tcp-listen address>` is a demand: while it stands, and in the
 * fact `<tcp-listening …>` or `<tcp-failed …>`, it is known how it goes.
 *
 * Nothing waits for ever: what was accepted and nobody handles within `unhandledMs` is closed, and so is
 * all that waits when the listener goes. What somebody handles lives on without its listener.
 */
import { Canonical, Pattern, type Value } from "@colloquy/core"
import { type Conversation, type Conversations, fieldsOf, say, whole } from "./Conversations.ts"
import { type Endpoint, parse } from "./Endpoint.ts"
import { isName } from "./Port.ts"
import * as Reason from "./Reason.ts"
import * as Tally from "./Tally.ts"
import type { News, Wire } from "./Wire.ts"

/** What those may cost who connect to us. */
export interface Limits {
  /** Of one driver; a demand for more fails with `too-many`. */
  readonly listenersMax: number
  /** Of one listener; more are dropped, and counted. */
  readonly connectionsMax: number
  /** How long a connection waits for somebody to hold its handle; then it is closed. */
  readonly unhandledMs: number
}
export const limits: Limits = {
  listenersMax: 256, // a guess
  connectionsMax: 10_000, // a guess: a few hundred megabytes when all are busy
  unhandledMs: 10_000 // a guess: a program answers sooner, and a stranger holds no more than what it connects meanwhile
}

/** What becomes of a listener. */
export interface ListenerNews<W extends Wire> {
  readonly listening: (bound: Value.Value) => void
  readonly failed: (reason: Value.Value) => void
  readonly dropped: () => void
  /** `details`: what is told of it, after its id and the address. */
  readonly accepted: (details: ReadonlyArray<Value.Value>, open: (news: News) => W) => void
}
/** Listens until it is told to stop. What was accepted lives on. */
export type Listen<W extends Wire> = (endpoint: Endpoint, address: Value.Value, news: ListenerNews<W>) => () => void

export const serve = <W extends Wire>(conversations: Conversations<W>, listen: Listen<W>, { listenersMax, unhandledMs }: Limits): void => {
  const { close, port, word } = conversations
  const listeners = new Map<string, () => void>()
  let listening = 0
  const waiting = waitingRoom<W>(unhandledMs, (conversation) => close(conversation, "abort", "unhandled"))
  // tells this driver's connections from all others', those of other nodes included
  const name = crypto.randomUUID().slice(0, 13)
  let count = 0

  const accept = (address: Value.Value, details: ReadonlyArray<Value.Value>, open: (news: News) => W): void => {
    const id = `${name}.${++count}`
    const fact = port.hold()
    const conversation = conversations.add(id, open, (reason) => {
      waiting.leave(id)
      fact.release(reason)
    })
    waiting.enter(conversation, address)
    fact.become(say(word, "connection", id, address, ...details))
  }
  port.hear(Pattern.record(`${word}-handle`, Pattern.bind()), {
    added: (id) => {
      const conversation = waiting.leave(id!)
      if (conversation === undefined) return
      conversation.isUp = true
      conversation.wire.begin()
    },
    removed: (id) => {
      const conversation = conversations.get(id!)
      if (conversation !== undefined && typeof id === "string" && id.startsWith(`${name}.`)) close(conversation, "close", "closed")
    }
  })

  /** Listens for a demand, and says how to stop. */
  const begin = (demand: Value.Value): () => void => {
    const [address] = fieldsOf(demand)
    const fact = port.hold()
    const failed = (reason: Value.Value) => fact.become(say(word, "failed", demand, reason))
    const drops = Tally.make(port, (n) => say(word, "dropped", address!, n))
    const endpoint = parse(address!)
    const isTooMany = listening >= listenersMax
    if (endpoint === undefined || isTooMany) failed(Reason.of(endpoint === undefined ? "misused" : "too-many"))
    const start = (at: Endpoint) => listen(at, address!, {
      listening: (bound) => fact.become(say(word, "listening", address!, bound)),
      failed,
      dropped: drops.count,
      accepted: (details, open) => accept(address!, details, open)
    })
    let stop: (() => void) | undefined
    try {
      stop = isTooMany ? undefined : endpoint && start(endpoint)
      if (stop !== undefined) listening++
    } catch (error) {
      failed(Reason.ofError(error as Error)) // in a worker thread, which may not set the mode of what it makes
    }
    return () => {
      if (stop !== undefined) listening--
      stop?.()
      drops.stop()
      fact.release(Reason.of("closed"))
    }
  }
  port.hear(whole(word, "listen", 1), {
    added: (demand) => {
      if (isName(demand!)) listeners.set(Canonical.key(demand!), begin(demand!))
      else port.log("a demand is too large", { word: `${word}-listen` })
    },
    removed: (demand) => {
      const key = Canonical.key(demand!)
      listeners.get(key)?.()
      listeners.delete(key)
      for (const conversation of waiting.at(fieldsOf(demand)[0]!)) close(conversation, "abort", "listener-closed")
    }
  })
  conversations.onStop(() => {
    for (const stop of listeners.values()) stop()
    waiting.stop()
  })
}

/** Those that were accepted and that nobody handles yet. */
const waitingRoom = <W extends Wire>(unhandledMs: number, onLate: (conversation: Conversation<W>) => void) => {
  const waiting = new Map<string, { readonly conversation: Conversation<W>; readonly address: string; readonly timer: NodeJS.Timeout }>()
  return {
    enter: (conversation: Conversation<W>, address: Value.Value): void => {
      const timer = setTimeout(onLate, unhandledMs, conversation)
      waiting.set(Canonical.key(conversation.id), { conversation, address: Canonical.key(address), timer })
    },
    leave: (id: Value.Value): Conversation<W> | undefined => {
      const key = Canonical.key(id)
      const found = waiting.get(key)
      waiting.delete(key)
      clearTimeout(found?.timer)
      return found?.conversation
    },
    at: (address: Value.Value): ReadonlyArray<Conversation<W>> => {
      const key = Canonical.key(address)
      return [...waiting.values()].filter((one) => one.address === key).map(({ conversation }) => conversation)
    },
    stop: () => {
      for (const { timer } of waiting.values()) clearTimeout(timer)
    }
  }
}
