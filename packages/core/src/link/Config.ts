/** What a link is told at its start, and the defaults of what it is not told. */
import { depthMax } from "./Fit.ts"
import { type Capacity, leastCapacity, type Peer } from "./Packet.ts"

/** What `initial` of a link is given. */
export type Config = {
  /** Our own name for the link; it is not sent. */
  readonly link: string
  /** What our hello says of us. */
  readonly self: Peer
  /** Whether packets lie in a stream of bytes, each after its length, or each is one message. */
  readonly stream: boolean
  /** Those left out are as in `defaultLimits`, and none is less than `leastCapacity`. */
  readonly limits?: Partial<Limits>
  /** Those left out are as in `defaultTiming`. */
  readonly timing?: Partial<Timing>
  /** What becomes of messages for a peer that is too slow for them: the oldest are dropped (default), or the link closes. */
  readonly slowPeer?: "drop" | "close"
} & (
  | {
    readonly role: "dialer"
    /** What the dialer wants to join over there. */
    readonly scope: string
  }
  | { readonly role: "acceptor" }
)

/** What we take from a peer, and the error that more is; and what waits for one. The capacity is told in our hello, and `leastCapacity` or more. */
export interface Limits extends Capacity {
  /** Nesting of captures and of patterns: `TooDeep`. More than the default is not taken whatever is said here. */
  readonly depthMax: number
  /** Bytes written that the transport has not taken: behind as many no turn is written, but waits in the outbox. */
  readonly unsentBytesMax: number
  /** Messages that wait there, and their bytes: for more, `slowPeer` says what happens. */
  readonly messagesMax: number
  readonly messageBytesMax: number
  /** Bytes that wait for the peer in all, written or in the outbox: more are an `Overflow`. */
  readonly queueBytesMax: number
}

/** What a link keeps to unless told otherwise; `limits` of a node's configuration replaces any of them. */
export const defaultLimits: Limits = {
  packetBytesMax: 16_777_216, // what the codec takes for one value: a fact has to fit in a packet
  turnBytesMax: 67_108_864, // a guess: the first turn of a scope of half a million facts
  turnItemsMax: 1_048_576, // a guess: about 100 MB once they are items
  windowBytes: 4_194_304, // a guess: 400 Mbit/s over 80 ms
  unsentBytesMax: 2_097_152, // half a window: what leaves the other half to the way
  messagesMax: 16_384, // a guess: some seconds of a busy scope; 20 MB of small ones
  messageBytesMax: 16_777_216, // one of the largest size
  depthMax, // what leaves the kernel room for what it wraps values in (Fit.ts)
  queueBytesMax: 67_108_864 // one turn of the largest size
}

/** When a link asks whether the peer is there, and when it gives it up. All in ms. */
export interface Timing {
  /** Silence of the peer after which we ask whether it is there. */
  readonly pingMs: number
  /** Silence of the peer after which we take it to be gone. */
  readonly giveUpMs: number
  /** How long a peer may take to say hello. */
  readonly helloMs: number
}

/** Ten seconds to say hello, a ping after ten of silence, the end after thirty. */
export const defaultTiming: Timing = {
  pingMs: 10_000,
  giveUpMs: 30_000, // two pings may go astray
  helloMs: 10_000 // a guess: some round trips of the slowest network
}

/** The limits in force: what was given, else the default, and never less than every peer may rely on. */
export const settled = (given: Partial<Limits> = {}): Limits => {
  const limits = { ...defaultLimits, ...given }
  return { ...limits, ...atLeast("packetBytesMax", limits), ...atLeast("turnBytesMax", limits), ...atLeast("turnItemsMax", limits) }
}
const atLeast = (name: keyof Capacity, limits: Limits) => ({ [name]: Math.max(limits[name], leastCapacity[name]) })
