/**
 * One link's session: what two nodes say to each other over one ordered, reliable stream of bytes or
 * of messages. Both say hello; the dialer asks to join a scope; the acceptor agrees or refuses; from
 * then on turns flow both ways until somebody says bye, breaks the protocol, or is heard no more.
 * PROTOCOL.md has the bytes.
 *
 * Promises: whatever arrives, this returns; every link ends with exactly one `Ended`, its last news,
 * and afterwards ignores everything; news comes in the order of the packets, and a bad packet does
 * not undo the good ones before it; an order that does not fit the phase (it crossed with the end, or
 * with a refusal) changes nothing. Chunks are kept as they come: nobody may write to them any more.
 */
import * as Framing from "../codec/Framing.ts"
import type { Item } from "../federation/Item.ts"
import { assert } from "../machine/assert.ts"
import { type Step, still } from "../machine/Machine.ts"
import { type Config, defaultTiming, type Limits, settled, type Timing } from "./Config.ts"
import { type Capacity, encode, isName, leastCapacity, type Packet, PacketError, parse, type Peer, reachPackets } from "./Packet.ts"
import * as Parts from "./Parts.ts"
import { encodeTurn } from "./Turn.ts"

export { type Config, defaultLimits, defaultTiming, type Limits, type Timing } from "./Config.ts"

/** None is moved when a packet comes, which would cost a timer a packet: one that fires looks at the clock, and sleeps on. */
export type Timer = "hello" | "ping" | "giveUp"

export type State = Live | Over
interface Live {
  readonly _tag: "Live"
  readonly config: Config
  readonly limits: Limits
  readonly timing: Timing
  readonly phase: Phase
  readonly frames: Framing.State
  /** When bytes came last, in the host's monotonic ms. */
  readonly heardAt: number
  readonly unsentBytes: number
  /** Those of the largest turn that was written since nothing waited. */
  readonly turnBytes: number
  /** The turn of which parts are here and the end is not. */
  readonly unfinished: Parts.Parts | undefined
  /** The numbers of our syncs that the peer still owes an answer. */
  readonly awaited: ReadonlyArray<number>
}
interface Over {
  readonly _tag: "Over"
}
type Phase =
  /** Our hello is out, theirs is not in. */
  | { readonly _tag: "Greeting" }
  /** Both are in; the dialer has not asked to join. */
  | { readonly _tag: "Greeted"; readonly peer: Peer; readonly takes: Capacity }
  /** It has; the acceptor has not answered. */
  | { readonly _tag: "Asked"; readonly peer: Peer; readonly takes: Capacity }
  | { readonly _tag: "Joined"; readonly peer: Peer; readonly takes: Capacity }

export type Event =
  /** A chunk of the stream, or one message. */
  | { readonly _tag: "Received"; readonly bytes: Uint8Array; readonly at: number }
  /** The transport took so many of the bytes that we wrote. */
  | { readonly _tag: "Written"; readonly bytes: number }
  /** The connection is gone. */
  | { readonly _tag: "Lost"; readonly reason: string }
  | { readonly _tag: "TimerFired"; readonly timer: Timer; readonly at: number }
  /** Dialer: ask to join. */
  | { readonly _tag: "Offer"; readonly reach: ReadonlyArray<string> }
  /** Acceptor: let the dialer in. */
  | { readonly _tag: "Accept"; readonly reach: ReadonlyArray<string> }
  | { readonly _tag: "Refuse"; readonly error: { readonly code: string; readonly message: string } }
  | { readonly _tag: "Announce"; readonly added: ReadonlyArray<string>; readonly removed: ReadonlyArray<string> }
  | { readonly _tag: "Turn"; readonly items: ReadonlyArray<Item> }
  /** The peer broke the federation's rules, by an item of its turn or by no single one. */
  | { readonly _tag: "Fault"; readonly error: { readonly code: string; readonly message: string; readonly index?: number | undefined } }
  | { readonly _tag: "Sync"; readonly n: number }
  | { readonly _tag: "Synced"; readonly n: number }
  | { readonly _tag: "Bye"; readonly reason: string }

export type Action =
  | { readonly _tag: "Write"; readonly bytes: Uint8Array }
  /** Let the transport go, once it took what was written. */
  | { readonly _tag: "Close" }
  | { readonly _tag: "SetTimer"; readonly timer: Timer; readonly afterMs: number }
  | { readonly _tag: "CancelTimer"; readonly timer: Timer }
  /** Dialer: the peer said hello. */
  | { readonly _tag: "Greeted"; readonly peer: Peer }
  /** Acceptor: the peer asks to join a scope. */
  | { readonly _tag: "Offered"; readonly peer: Peer; readonly scope: string; readonly reach: ReadonlyArray<string> }
  /** Dialer: we are in. */
  | { readonly _tag: "Accepted"; readonly reach: ReadonlyArray<string> }
  | { readonly _tag: "Reached"; readonly added: ReadonlyArray<string>; readonly removed: ReadonlyArray<string> }
  /** One turn of the peer. */
  | { readonly _tag: "Received"; readonly items: ReadonlyArray<Item> }
  | { readonly _tag: "SyncRequested"; readonly n: number }
  | { readonly _tag: "Synced"; readonly n: number }
  | { readonly _tag: "Ended"; readonly reason: Reason; readonly farewell: boolean }

/**
 * Why a link ended. `by` tells who ended it: `us`, for what `code` says (a bye, or what the peer did
 * wrong); the `peer`, by its bye or error; the `world`, which lost the connection or the peer.
 */
export interface Reason {
  readonly code: string
  readonly message: string
  readonly by: "us" | "peer" | "world"
}

export const initial = (config: Config): Step<State, Action> => {
  const limits = settled(config.limits)
  const timing = { ...defaultTiming, ...config.timing }
  const state: Live = {
    _tag: "Live", config, limits, timing,
    phase: { _tag: "Greeting" }, frames: Framing.initial, heardAt: 0, unsentBytes: 0, turnBytes: 0, unfinished: undefined, awaited: []
  }
  const named = config.role === "dialer" ? [config.self.node, config.scope] : [config.self.node]
  if (!named.every(isName)) return over(state, { code: "BadName", message: "a node or a scope whose name cannot be sent", by: "us" })
  const { packetBytesMax, turnBytesMax, turnItemsMax } = limits
  const [next, actions] = say(state, { _tag: "Hello", peer: config.self, takes: { packetBytesMax, turnBytesMax, turnItemsMax } })
  return [next, [...actions, setTimer("hello", timing.helloMs)]]
}

export const transition = (state: State, event: Event): Step<State, Action> => {
  if (state._tag === "Over") return still(state)
  switch (event._tag) {
    case "Received": return onReceived(state, event.bytes, event.at)
    case "Written": return onWritten(state, event.bytes)
    case "Lost": return over(state, { code: "Lost", message: event.reason, by: "world" }, { isOpen: false })
    case "TimerFired": return onTimerFired(state, event.timer, event.at)
    case "Offer": return onOffer(state, event.reach)
    case "Accept": return onAccept(state, event.reach)
    case "Refuse": return fail(state, event.error)
    case "Announce": return onAnnounce(state, event.added, event.removed)
    case "Turn": return onTurn(state, event.items)
    case "Fault": return fail(state, event.error)
    case "Sync": return onSync(state, event.n)
    case "Synced": return state.phase._tag === "Joined" ? say(state, { _tag: "Synced", n: event.n }) : still(state)
    case "Bye": return onBye(state, event.reason)
  }
}

// What arrives

const onReceived = (state: Live, bytes: Uint8Array, at: number): Step<State, Action> => {
  if (!state.config.stream) return onPayload({ ...state, heardAt: at }, bytes)
  const split = Framing.split(state.frames, bytes, state.limits.packetBytesMax)
  const actions: Array<Action> = []
  let now: Live = { ...state, heardAt: at, frames: split.state }
  for (const payload of split.frames) {
    const [next, more] = onPayload(now, payload)
    actions.push(...more)
    if (next._tag === "Over") return [next, actions]
    now = next
  }
  if (split.error === undefined) return [now, actions]
  const [next, more] = fail(now, { code: "TooLarge", message: split.error.message })
  return [next, [...actions, ...more]]
}

const onPayload = (state: Live, bytes: Uint8Array): Step<State, Action> => {
  const { depthMax, packetBytesMax, reachMax, turnItemsMax } = state.limits
  const packet = parse(bytes, { depthMax, bytesMax: packetBytesMax, reachMax, turnItemsMax })
  if (packet._tag === "PacketError") {
    const { code, index, message, offset } = packet
    return fail(state, { code, message: `${message}, at byte ${offset}`, index: index === undefined ? undefined : index + (state.unfinished?.count ?? 0) })
  }
  if (!isDue(state, packet)) return fail(state, { code: "Unexpected", message: `a ${packet._tag} now: we are ${state.phase._tag}, as the ${state.config.role}` })
  switch (packet._tag) {
    case "Turn": return onTurnPart(state, packet.items, packet.more, bytes.length)
    case "Hello": return onHello(state, packet.peer, packet.takes)
    case "Join": return onJoin(state, packet.scope, packet.reach)
    case "Joined": return [enter(state, "Joined"), [{ _tag: "Accepted", reach: packet.reach }]]
    case "Reach": return [state, [{ _tag: "Reached", added: packet.added, removed: packet.removed }]]
    case "Ping": return say(state, { _tag: "Pong" })
    case "Pong": return still(state) // it was heard, which is all that it is for
    case "Sync": return [state, [{ _tag: "SyncRequested", n: packet.n }]]
    case "Synced": return [{ ...state, awaited: without(state.awaited, packet.n) }, [{ _tag: "Synced", n: packet.n }]]
    case "Bye": return over(state, { code: "Bye", message: packet.reason, by: "peer" }, { farewell: true })
    case "Error": return over(state, { code: packet.code, message: packet.message, by: "peer" })
  }
}

/** Who may say what when. */
const isDue = ({ awaited, config: { role }, phase }: Live, packet: Packet): boolean => {
  switch (packet._tag) {
    case "Hello": return phase._tag === "Greeting"
    case "Join": return phase._tag === "Greeted" && role === "acceptor"
    case "Joined": return phase._tag === "Asked" && role === "dialer"
    case "Reach":
    case "Turn":
    case "Sync": return phase._tag === "Joined"
    case "Synced": return awaited.includes(packet.n)
    case "Ping":
    case "Pong":
    case "Bye":
    case "Error": return phase._tag !== "Greeting"
  }
}

const onHello = (state: Live, peer: Peer, takes: Capacity): Step<State, Action> => [
  { ...state, phase: { _tag: "Greeted", peer, takes } },
  [
    { _tag: "CancelTimer", timer: "hello" },
    setTimer("ping", state.timing.pingMs),
    setTimer("giveUp", state.timing.giveUpMs),
    ...(state.config.role === "dialer" ? [{ _tag: "Greeted", peer } as const] : [])
  ]
]

const onJoin = (state: Live, scope: string, reach: ReadonlyArray<string>): Step<State, Action> => {
  assert(state.phase._tag === "Greeted", "a join is due once, after hello")
  return [enter(state, "Asked"), [{ _tag: "Offered", peer: state.phase.peer, scope, reach }]]
}

const onTurnPart = (state: Live, items: ReadonlyArray<Item>, more: boolean, size: number): Step<State, Action> => {
  const { limits, unfinished } = state
  const parts = Parts.add(unfinished, items, size)
  if (parts.bytes > limits.turnBytesMax) return fail(state, { code: "TurnTooLarge", message: `a turn of more than ${limits.turnBytesMax} bytes` })
  if (parts.count > limits.turnItemsMax) return fail(state, { code: "TooManyItems", message: `a turn of more than ${limits.turnItemsMax} items` })
  if (more) return [{ ...state, unfinished: parts }, []]
  const next = unfinished === undefined ? state : { ...state, unfinished: undefined }
  return parts.count === 0 ? [next, []] : [next, [{ _tag: "Received", items: Parts.itemsOf(parts) }]]
}

const onWritten = (state: Live, bytes: number): Step<State, Action> => {
  const unsentBytes = Math.max(0, state.unsentBytes - bytes)
  return [{ ...state, unsentBytes, turnBytes: unsentBytes === 0 ? 0 : state.turnBytes }, []]
}

const onTimerFired = (state: Live, timer: Timer, at: number): Step<State, Action> => {
  const { phase, timing } = state
  if ((timer === "hello") !== (phase._tag === "Greeting")) return still(state) // it fired while it was cancelled
  const silentMs = at - state.heardAt
  switch (timer) {
    case "hello": return fail(state, { code: "HelloTimeout", message: `no hello within ${timing.helloMs} ms` }, "world")
    case "giveUp":
      if (silentMs < timing.giveUpMs) return [state, [setTimer("giveUp", timing.giveUpMs - silentMs)]]
      return fail(state, { code: "Silent", message: `nothing was heard for ${silentMs} ms` }, "world")
    case "ping":
      if (silentMs < timing.pingMs) return [state, [setTimer("ping", timing.pingMs - silentMs)]]
      return say(state, { _tag: "Ping" }, setTimer("ping", timing.pingMs))
  }
}

// What we say

const onOffer = (state: Live, reach: ReadonlyArray<string>): Step<State, Action> =>
  state.phase._tag === "Greeted" && state.config.role === "dialer"
    ? say(enter(state, "Asked"), { _tag: "Join", scope: state.config.scope, reach })
    : still(state)

const onAccept = (state: Live, reach: ReadonlyArray<string>): Step<State, Action> =>
  state.phase._tag === "Asked" && state.config.role === "acceptor" ? say(enter(state, "Joined"), { _tag: "Joined", reach }) : still(state)

const onAnnounce = (state: Live, added: ReadonlyArray<string>, removed: ReadonlyArray<string>): Step<State, Action> => {
  if (state.phase._tag !== "Joined") return still(state)
  const actions: Array<Action> = []
  let now: State = state
  for (const packet of reachPackets(added, removed, state.phase.takes.packetBytesMax)) {
    if (now._tag === "Over") break
    const [next, more] = say(now, packet)
    now = next
    actions.push(...more)
  }
  return [now, actions]
}

const onTurn = (state: Live, items: ReadonlyArray<Item>): Step<State, Action> => {
  if (state.phase._tag !== "Joined" || items.length === 0) return still(state)
  const { takes } = state.phase
  const turn = encodeTurn(items, state.config.stream, takes.packetBytesMax, takes)
  if (turn instanceof PacketError) {
    const most = Math.min(takes.packetBytesMax, takes.turnBytesMax)
    return fail(state, { code: turn.code, index: turn.index, message: `${turn.message} for a peer that takes ${most} a packet` })
  }
  return write(state, turn.pieces)
}

const onSync = (state: Live, n: number): Step<State, Action> =>
  state.phase._tag === "Joined" ? say({ ...state, awaited: [...state.awaited, n] }, { _tag: "Sync", n }) : still(state)

const onBye = (state: Live, reason: string): Step<State, Action> =>
  over(state, { code: "Bye", message: reason, by: "us" }, { last: { _tag: "Bye", reason }, farewell: true })

const say = (state: Live, packet: Packet, ...then: ReadonlyArray<Action>): Step<State, Action> => {
  const bytes = encode(packet, state.config.stream)
  const most = state.phase._tag === "Greeting" ? leastCapacity.packetBytesMax : state.phase.takes.packetBytesMax
  const size = bytes.length - (state.config.stream ? Framing.prefixBytes : 0)
  if (size > most) return fail(state, { code: "TooLarge", message: `a ${packet._tag} of ${size} bytes for a peer that takes ${most}` })
  return write(state, [bytes], ...then)
}

const write = (state: Live, pieces: ReadonlyArray<Uint8Array>, ...then: ReadonlyArray<Action>): Step<State, Action> => {
  const { queueBytesMax } = state.limits
  let bytes = 0
  for (const piece of pieces) bytes += piece.length
  const unsentBytes = state.unsentBytes + bytes
  const turnBytes = Math.max(state.turnBytes, bytes)
  // one turn is not counted: the first, which tells of all that stands, has to get through however large it is
  if (unsentBytes - turnBytes > queueBytesMax) return fail(state, { code: "Overflow", message: `more than ${queueBytesMax} bytes wait for the peer` })
  return [{ ...state, unsentBytes, turnBytes }, [...pieces.map((bytes) => ({ _tag: "Write", bytes }) as const), ...then]]
}

// How it ends

interface Failure {
  readonly code: string
  readonly message: string
  readonly index?: number | undefined
}

/** Tells the peer what was wrong, and ends. */
const fail = (state: Live, { code, message, index }: Failure, by: Reason["by"] = "us"): Step<State, Action> =>
  over(state, { code, message, by }, { last: { _tag: "Error", code, message, index } })

const over = (state: Live, reason: Reason, { last, farewell = false, isOpen = true }: { last?: Packet; farewell?: boolean; isOpen?: boolean } = {}): Step<State, Action> => [
  { _tag: "Over" },
  [
    ...(last === undefined ? [] : [{ _tag: "Write", bytes: encode(last, state.config.stream) } as const]),
    ...(isOpen ? [{ _tag: "Close" } as const] : []),
    ...armed(state).map((timer) => ({ _tag: "CancelTimer", timer }) as const),
    { _tag: "Ended", reason, farewell }
  ]
]

/** The next phase; both hellos are in. */
const enter = (state: Live, _tag: "Asked" | "Joined"): Live => {
  assert(state.phase._tag !== "Greeting", "nobody joins before hello")
  return { ...state, phase: { ...state.phase, _tag } }
}
/** Without its first occurrence. */
const without = (numbers: ReadonlyArray<number>, n: number): ReadonlyArray<number> => numbers.toSpliced(numbers.indexOf(n), 1)
const armed = ({ phase }: Live): ReadonlyArray<Timer> => phase._tag === "Greeting" ? ["hello"] : ["ping", "giveUp"]
const setTimer = (timer: Timer, afterMs: number): Action => ({ _tag: "SetTimer", timer, afterMs })
