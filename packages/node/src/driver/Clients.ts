/**
 * Who connects. `<tcp-connect id target>` is a demand, and whoever holds it has the connection: while it
 * stands, `<tcp-connected id …>` says that it is open, and `<tcp-failed demand reason>` that it is not,
 * or not any more. Nothing is tried twice: whoever wants that withdraws the demand and makes it again.
 */
import { Canonical, type Value } from "@colloquy/core"
import { type Conversation, type Conversations, fieldsOf, say, whole } from "./Conversations.ts"
import { isName } from "./Port.ts"
import * as Reason from "./Reason.ts"
import type { News, Wire } from "./Wire.ts"

export interface ClientNews extends News {
  /** What is told of it, after its id. Before, `ended` says that it could not be connected. */
  readonly connected: (details: ReadonlyArray<Value.Value>) => void
}
/** What those may cost to whom we connect. */
export interface Limits {
  /** Connections of one driver, those that are being made among them; a demand for more fails with `too-many`. */
  readonly clientsMax: number
}
export const limits: Limits = {
  clientsMax: 1_000 // a guess: what one node asks of others
}

/** Connects; a reason when there is nothing to connect to. */
export type Connect<W extends Wire> = (target: Value.Value) => ((news: ClientNews) => W) | undefined

export const connect = <W extends Wire>(conversations: Conversations<W>, connectTo: Connect<W>, { clientsMax }: Limits): void => {
  const { add, close, get, port, word } = conversations
  const demands = new Map<string, () => void>()
  let count = 0 // of what the system has not got back yet

  /** Connects for a demand, and says how to stop. */
  const begin = (demand: Value.Value): () => void => {
    const [id, target] = fieldsOf(demand)
    const failure = port.hold()
    const connected = port.hold()
    let conversation: Conversation<W> | undefined
    let isWithdrawn = false
    const failed = (reason: Value.Value): void => {
      if (!isWithdrawn) failure.become(say(word, "failed", demand, reason))
      connected.release(reason)
    }
    const open = connectTo(target!)
    if (get(id!) !== undefined) failed(Reason.of("id-in-use"))
    else if (open === undefined) failed(Reason.of("misused"))
    else if (count >= clientsMax) failed(Reason.of("too-many"))
    else {
      const up = (details: ReadonlyArray<Value.Value>): void => {
        if (conversation === undefined || get(id!) !== conversation) return
        conversation.isUp = true
        connected.become(say(word, "connected", id!, ...details))
        conversation.wire.begin()
      }
      count++
      try {
        conversation = add(id!, (news) => open({ ...news, connected: up, gone: () => {
          count--
          news.gone()
        } }), failed)
      } catch (error) {
        count--
        failed(Reason.ofError(error as Error))
      }
    }
    return () => {
      isWithdrawn = true
      failure.release()
      if (conversation !== undefined && get(id!) === conversation) close(conversation, "close", "closed")
    }
  }
  port.hear(whole(word, "connect", 2), {
    added: (demand) => {
      if (isName(demand!)) demands.set(Canonical.key(demand!), begin(demand!))
      else port.log("a demand is too large", { word: `${word}-connect` })
    },
    removed: (demand) => {
      const key = Canonical.key(demand!)
      demands.get(key)?.()
      demands.delete(key)
    }
  })
}
