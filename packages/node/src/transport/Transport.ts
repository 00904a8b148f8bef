/**
 * What carries a link: an ordered, reliable stream of bytes (`stream`) or of messages.
 *
 * A connection hands over each chunk in a callback and reads on when the callback returns, so a node
 * that steps within it takes no more from a peer than it has dealt with.
 */
import { type Context, type Effect, Schema, type Scope } from "effect"
import type { Address } from "./Address.ts"

/** One link's connection, used by the host: `start` once, then `write` until `close`, `abort` or `onLost`. */
export interface Connection {
  /** Whether it carries bytes, which may come cut up in any way, or whole messages. */
  readonly stream: boolean
  /** Who is at the other end, for people. */
  readonly remote: string
  /** Starts reading. `onLost` comes once, last. A chunk is the receiver's for ever. */
  readonly start: (handlers: { readonly onChunk: (bytes: Uint8Array) => void; readonly onLost: (reason: string) => void }) => void
  /** `onTaken` comes when the operating system has the bytes. */
  readonly write: (bytes: Uint8Array, onTaken: () => void) => void
  /** Holds writes back until `uncork`, to send them as one. */
  readonly cork: () => void
  readonly uncork: () => void
  /** Closes when all is written, or after `lingerMs`. */
  readonly close: () => void
  /** Closes now; what was not sent is lost. */
  readonly abort: () => void
}

/** A place where connections are accepted, as long as the scope of `listen` is open. */
export interface Listener {
  /** Where it listens really: the port, when 0 was asked for. */
  readonly address: Address
}

/** A way to reach other nodes. A node uses the transports whose layers it is provided with, by the scheme of the address. */
export interface Transport {
  /** Accepts connections until the scope closes. They live on; the host closes them. */
  readonly listen: (address: Address, accept: (connection: Connection) => void) => Effect.Effect<Listener, ListenError, Scope.Scope>
  /** Connects, or fails within `dialTimeoutMs`. Who asked closes it. */
  readonly dial: (address: Address) => Effect.Effect<Connection, DialError>
}

/** How long a connection that is closed may take to send what was written: a peer that is gone never takes it. */
export const lingerMs = 2_000 // a guess: some round trips of a slow network
/** How long a dial may take. */
export const dialTimeoutMs = 10_000 // a guess

/** Nobody was reached there; `reason` is for people. An uplink is tried again. */
export class DialError extends Schema.TaggedError<DialError>()("DialError", { address: Schema.String, reason: Schema.String }) {
  override get message() {
    return `cannot reach ${this.address}: ${this.reason}`
  }
}
/** The address cannot be listened at: it is in use, not allowed, or no transport for it is provided. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", { address: Schema.String, reason: Schema.String }) {
  override get message() {
    return `cannot listen on ${this.address}: ${this.reason}`
  }
}

/** A system error in words; the code stays for those who look it up. */
export const reasonOf = (error: NodeJS.ErrnoException): string => {
  const known = { ECONNREFUSED: "nobody listens there", EADDRINUSE: "it is in use; choose another one or stop who has it",
    EACCES: "permission denied", ENOENT: "there is no such file or folder", ENOTFOUND: "its host name is unknown",
    EADDRNOTAVAIL: "this machine has no such address", ECONNRESET: "the connection was reset", ETIMEDOUT: "no answer in time",
    EHOSTUNREACH: "its host cannot be reached", ENETUNREACH: "its network cannot be reached" } as Record<string, string>
  const words = error.code === undefined ? undefined : known[error.code]
  return words === undefined ? error.message : `${words} (${error.code})`
}

/** A service that is a transport; each has its own, so that a node has those that it is given. */
export type Tag<Self> = Context.Service<Self, Transport>
