/** Servers in a row that relay between raw clients: ours and what people use today, for the same works. */
import type { Socket } from "node:net"
import type { Server, Traffic } from "./server.ts"

export interface Broker {
  readonly name: string
  readonly servers: ReadonlyArray<Server>
  /** Clients, subscribed: subscribers at the last server, and one who publishes at the first. */
  readonly traffic: (work: Subscriptions) => Promise<Traffic & { readonly subscribeMs: number }>
  /** Two clients at the first server, who each hear what the other says: one that asks, and one that answers. */
  readonly talk: () => Promise<Talk>
  readonly stop: () => void
}

/** A message of each, and how many bytes it is at least when it comes out at the other. */
export interface Talk {
  readonly asking: Socket
  readonly answering: Socket
  readonly question: Uint8Array
  readonly answer: Uint8Array
  readonly bytesOut: number
}

/** Connections that share so many topics, or all hear the only one; `perTurn` messages of 128 bytes are said at once. */
export interface Subscriptions {
  readonly topics: number
  readonly connections: number
  readonly perTurn: number
}

/** What one of the connections subscribes to. */
export const topicsOf = ({ connections, topics }: Subscriptions, connection: number): ReadonlyArray<number> => {
  const each = topics / connections
  return topics === 1 ? [0] : Array.from({ length: each }, (_, n) => connection * each + n)
}

/** How many of a turn's messages each connection hears. */
export const heardBy = ({ connections, perTurn, topics }: Subscriptions): number => topics === 1 ? perTurn : perTurn / connections

/** The topics of each message of several turns, which come again and again: all over the topics, and as many of each connection's. */
export const turnsOf = ({ connections, perTurn, topics }: Subscriptions): ReadonlyArray<ReadonlyArray<number>> => {
  const each = topics / connections
  const topicOf = (turn: number, k: number): number => k % connections * each + (turn * 7_919 + Math.floor(k / connections) * 104_729) % each
  return Array.from({ length: topics === 1 ? 1 : 64 }, (_, turn) => Array.from({ length: perTurn }, (_, k) => topics === 1 ? 0 : topicOf(turn, k)))
}
