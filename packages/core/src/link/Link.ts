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
import type { Tree } from "../topology/Tree.ts"
import { type Config, defaultTiming, type Limits, settled, type Timing } from "./Config.ts"
import * as Flow from "./Flow.ts"
import * as Outbox from "./Outbox.ts"
import { type Capacity, encode, isName, type Packet, PacketError, parse, type Peer } from "./Packet.ts"
import * as Parts from "./Parts.ts"
import { encodeTurn, headBytes } from "./Turn.ts"

export { type Config, defaultLimits, defaultTiming, type Limits, type Timing } from "./Config.ts"

/** None is moved when a packet comes, which would cost a timer a packet: one that fires looks at the clock, and sleeps on. */
export type Timer = "hello" | "ping" | "giveUp"

/** A session that goes on, or one that has ended and ignores whatever it is told. */
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
  /** Our pings that were not answered, and when the last of them was sent. */
  readonly pings: number
  readonly pingedAt: number
  readonly flow: Flow.Flow
  /** What the peer has no room for yet. */
  readonly outbox: Outbox.Outbox
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

/** What a session is told: by its transport, its timers, and the node that it belongs to. `at` is the host's monotonic ms. */
export type Event =
  /** A chunk of the stream, or one message. */
  | { readonly _tag: "Received"; readonly bytes: Uint8Array; readonly at: number }
  /** The transport took so many of the bytes that we wrote. */
  | { readonly _tag: "Written"; readonly bytes: number }
  /** The connection is gone. */
  | { readonly _tag: "Lost"; readonly reason: string }
  /** A timer that it set; one that was cancelled too late changes nothing. */
  | { readonly _tag: "TimerFired"; readonly timer: Timer; readonly at: number }
  /** Dialer: ask to join. */
  | { readonly _tag: "Offer" }
  /** Acceptor: let the dialer in. */
  | { readonly _tag: "Accept" }
  /** Acceptor: turn the dialer away, with an error that it is told; the link ends. */
  | { readonly _tag: "Refuse"; readonly error: { readonly code: string; readonly message: string } }
  /** Tell the peer this of the tree. */
  | { readonly _tag: "Settle"; readonly tree: Tree }
  /** Tell the peer; what it has no room for yet waits in the outbox. Before we joined, nothing. */
  | { readonly _tag: "Turn"; readonly items: ReadonlyArray<Item> }
  /** The peer broke the federation's rules, by an item of its turn or by no single one. */
  | { readonly _tag: "Fault"; readonly error: { readonly code: string; readonly message: string; readonly index?: number | undefined } }
  /** Ask the peer to say `Synced` when it has dealt with all that we said before. */
  | { readonly _tag: "Sync"; readonly n: number }
  /** We have dealt with what came before the peer's `Sync` of this number. */
  | { readonly _tag: "Synced"; readonly n: number }
  /** End the link in peace: the peer is told why. */
  | { readonly _tag: "Bye"; readonly reason: string }

/** What a session asks of its transport and timers, and its news for the node. */
export type Action =
  /** Send these bytes; tell us with `Written` when the transport took them. */
  | { readonly _tag: "Write"; readonly bytes: Uint8Array }
  /** Let the transport go, once it took what was written. */
  | { readonly _tag: "Close" }
  | { readonly _tag: "SetTimer"; readonly timer: Timer; readonly afterMs: number }
  | { readonly _tag: "CancelTimer"; readonly timer: Timer }
  /** Dialer: the peer said hello. */
  | { readonly _tag: "Greeted"; readonly peer: Peer }
  /** Acceptor: the peer asks to join a scope. */
  | { readonly _tag: "Offered"; readonly peer: Peer; readonly scope: string }
  /** Dialer: we are in. */
  | { readonly _tag: "Accepted" }
  /** What the peer says of the tree. */
  | { readonly _tag: "Settled"; readonly tree: Tree }
  /** One turn of the peer. */
  | { readonly _tag: "Received"; readonly items: ReadonlyArray<Item> }
  /** The peer asks: answer with the event `Synced` when all that came before is dealt with. */
  | { readonly _tag: "SyncRequested"; readonly n: number }
  /** The peer has dealt with all that we said before our `Sync` of this number. */
  | { readonly _tag: "Synced"; readonly n: number }
  /** So many messages, the oldest that waited, were dropped: the peer is too slow for them. */
  | { readonly _tag: "Dropped"; readonly messages: number }
  /** How long the peer took to answer our last ping. */
  | { readonly _tag: "Measured"; readonly rttMs: number }
  /** The last news. `farewell`: one of the two said bye, so that nothing of the link need linger. */
  | { readonly _tag: "Ended"; readonly reason: Reason; readonly farewell: boolean }

/**
 * Why a link ended. `by` tells who ended it: `us`, for what `code` says (a bye, or what the peer did
 * wrong); the `peer`, by its bye or error; the `world`, which lost the connection or the peer.
 */
export interface Reason {
  /**
   * One of ours (`Bye`, `Lost`, `Silent`, `HelloTimeout`, `Overflow`, `Unanswered`, `BadName`, `BadCredit`, `Unexpected`, those of `PacketError`,
   * of `Federation.Fault` and of `Topology.Refusal`), or whatever the peer sent.
   */
  readonly code: string
  readonly message: string
  readonly by: "us" | "peer" | "world"
}

/** Says hello at once, and waits for the peer's. A name that cannot be sent ends the link here, with the code `BadName`. */
export const initial = (config: Config): Step<State, Action> => {
  const limits = settled(config.limits)
  const timing = { ...defaultTiming, ...config.timing }
  const state: Live = {
    _tag: "Live", config, limits, timing,
    phase: { _tag: "Greeting" }, frames: Framing.initial, heardAt: 0, pings: 0, pingedAt: 0,
    flow: Flow.initial, outbox: Outbox.empty, unfinished: undefined, awaited: []
  }
  const named = config.role === "dialer" ? [config.self.node, config.scope] : [config.self.node]
  if (!named.every(isName)) return over(state, { code: "BadName", message: "a node or a scope whose name cannot be sent", by: "us" })
  const { packetBytesMax, turnBytesMax, turnItemsMax, windowBytes } = limits
  const [next, actions] = say(state, { _tag: "Hello", peer: config.self, takes: { packetBytesMax, turnBytesMax, turnItemsMax, windowBytes } })
  return [next, [...actions, setTimer("hello", timing.helloMs)]]
}

/** One event. Whatever it is, this returns: a peer that breaks the rules ends its link. */
export const transition = (state: State, event: Event): Step<State, Action> => {
  if (state._tag === "Over") return still(state)
  switch (event._tag) {
    case "Received": return onReceived(state, event.bytes, event.at)
    case "Written": return onWritten(state, event.bytes)
    case "Lost": return over(state, { code: "Lost", message: event.reason, by: "world" }, { isOpen: false })
    case "TimerFired": return onTimerFired(state, event.timer, event.at)
    case "Offer": return onOffer(state)
    case "Accept": return onAccept(state)
    case "Refuse": return fail(state, event.error)
    case "Settle": return state.phase._tag === "Joined" ? then(onTree(state, event.tree), (now) => say(now, event.tree)) : still(state)
    case "Turn": return onTurn(state, event.items)
    case "Fault": return fail(state, event.error)
    case "Sync": return onSync(state, event.n)
    case "Synced": return state.phase._tag === "Joined" ? sayBehind(state, { _tag: "Synced", n: event.n }) : still(state)
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
  const { depthMax, packetBytesMax, turnItemsMax } = state.limits
  const packet = parse(bytes, { depthMax, bytesMax: packetBytesMax, turnItemsMax })
  if (packet._tag === "PacketError") {
    const { code, index, message, offset } = packet
    return fail(state, { code, message: `${message}, at byte ${offset}`, index: index === undefined ? undefined : index + (state.unfinished?.count ?? 0) })
  }
  if (!isDue(state, packet)) return fail(state, { code: "Unexpected", message: `a ${packet._tag} now: we are ${state.phase._tag}, as the ${state.config.role}` })
  switch (packet._tag) {
    case "Turn": return onTurnPart(state, packet.items, packet.more, bytes.length)
    case "Hello": return onHello(state, packet.peer, packet.takes)
    case "Join": return onJoin(state, packet.scope)
    case "Joined": return then([enter(state, "Joined"), [{ _tag: "Accepted" }]], (now) => ping(now, now.heardAt))
    case "Credit": return onCredit(state, packet.bytes)
    case "Ping": return say(state, { _tag: "Pong" })
    case "Pong": return onPong(state)
    case "Sync": return [state, [{ _tag: "SyncRequested", n: packet.n }]]
    case "Synced": return [{ ...state, awaited: without(state.awaited, packet.n) }, [{ _tag: "Synced", n: packet.n }]]
    case "Bye": return over(state, { code: "Bye", message: packet.reason, by: "peer" }, { farewell: true })
    case "Error": return over(state, { code: packet.code, message: packet.message, by: "peer" })
    // what is left is of the tree, or this does not compile
    default: return then(onTree(state, packet), (now) => [now, [{ _tag: "Settled", tree: packet }]])
  }
}

/** Who may say what when. */
const isDue = ({ awaited, config: { role }, phase }: Live, packet: Packet): boolean => {
  switch (packet._tag) {
    case "Hello": return phase._tag === "Greeting"
    case "Join": return phase._tag === "Greeted" && role === "acceptor"
    case "Joined": return phase._tag === "Asked" && role === "dialer"
    case "Path":
    case "Pathless":
    case "Seek":
    case "Attach":
    case "Attached":
    case "Detach":
    case "Detached":
    case "Turn":
    case "Credit":
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

const onJoin = (state: Live, scope: string): Step<State, Action> => {
  assert(state.phase._tag === "Greeted", "a join is due once, after hello")
  return [enter(state, "Asked"), [{ _tag: "Offered", peer: state.phase.peer, scope }]]
}

const onTurnPart = (state: Live, items: ReadonlyArray<Item>, more: boolean, size: number): Step<State, Action> => {
  const { limits, unfinished } = state
  const parts = Parts.add(unfinished, items, size)
  if (parts.bytes > limits.turnBytesMax) return fail(state, { code: "TurnTooLarge", message: `a turn of more than ${limits.turnBytesMax} bytes` })
  if (parts.count > limits.turnItemsMax) return fail(state, { code: "TooManyItems", message: `a turn of more than ${limits.turnItemsMax} items` })
  // a part counts as dealt with, or a sender that waits for credit between parts would wait for ever
  const next: Live = { ...state, flow: Flow.dealt(state.flow, size), unfinished: more ? parts : undefined }
  const isNews = !more && parts.count > 0
  return credit([next, isNews ? [{ _tag: "Received", items: Parts.itemsOf(parts) }] : []])
}
const credit = (step: Step<Live, Action>): Step<State, Action> => {
  const [{ flow, limits: { windowBytes } }] = step
  if (!Flow.isCreditDue(flow, windowBytes)) return step
  return then(step, (now) => say({ ...now, flow: Flow.granted(flow) }, { _tag: "Credit", bytes: flow.dealtBytes }))
}

const onCredit = (state: Live, bytes: number): Step<State, Action> => {
  const { creditedBytes, sentBytes } = state.flow
  const flow = Flow.credited(state.flow, bytes)
  if (flow !== undefined) return flush({ ...state, flow })
  return fail(state, { code: "BadCredit", message: `a credit of ${bytes} after one of ${creditedBytes}, where ${sentBytes} bytes were sent` })
}

/** They come in the order of the pings: the one after which none is owed answers the last. */
const onPong = (state: Live): Step<State, Action> => {
  if (state.pings === 0) return still(state)
  const pings = state.pings - 1
  return [{ ...state, pings }, pings === 0 ? [{ _tag: "Measured", rttMs: state.heardAt - state.pingedAt }] : []]
}

/** When the link ceases to be an edge, what waits is void, but for the syncs and their answers. */
const onTree = (state: Live, tree: Tree): Step<State, Action> => {
  if ((tree._tag !== "Detach" && tree._tag !== "Detached") || Outbox.isEmpty(state.outbox)) return still(state)
  return write({ ...state, outbox: Outbox.empty }, Outbox.markers(state.outbox).map((marker) => encode(marker, state.config.stream)))
}

const onWritten = (state: Live, bytes: number): Step<State, Action> =>
  flush({ ...state, flow: Flow.written(state.flow, bytes, Outbox.isEmpty(state.outbox)) })

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
      return then(ping(state, at), (now) => [now, [setTimer("ping", timing.pingMs)]])
  }
}

// What we say

const onOffer = (state: Live): Step<State, Action> =>
  state.phase._tag === "Greeted" && state.config.role === "dialer"
    ? say(enter(state, "Asked"), { _tag: "Join", scope: state.config.scope })
    : still(state)

const onAccept = (state: Live): Step<State, Action> => {
  if (state.phase._tag !== "Asked" || state.config.role !== "acceptor") return still(state)
  // the dialer is answered in the turn in which it asks, so the clock has not moved on
  return then(say(enter(state, "Joined"), { _tag: "Joined" }), (now) => ping(now, now.heardAt))
}

/** Whether anybody is there, and how far. */
const ping = (state: Live, at: number): Step<State, Action> => say({ ...state, pings: state.pings + 1, pingedAt: at }, { _tag: "Ping" })

const onTurn = (state: Live, items: ReadonlyArray<Item>): Step<State, Action> => {
  if (state.phase._tag !== "Joined" || items.length === 0) return still(state)
  const { takes } = state.phase
  const bounds = boundsOf(state, takes)
  if (!Outbox.isEmpty(state.outbox) || Flow.isBlocked(state.flow, bounds)) return hold(state, items)
  const turn = encodeTurn(items, state.config.stream, takes.packetBytesMax, takes)
  if (turn instanceof PacketError) return unsendable(state, turn, takes)
  if (!Flow.admits(state.flow, turn.bytes, bounds)) return hold(state, items)
  return write(state, turn.pieces, turn.bytes)
}

const onSync = (state: Live, n: number): Step<State, Action> => {
  if (state.phase._tag !== "Joined") return still(state)
  if (state.awaited.length >= awaitedMax) return fail(state, { code: "Unanswered", message: `more than ${awaitedMax} syncs without an answer` })
  return sayBehind({ ...state, awaited: [...state.awaited, n] }, { _tag: "Sync", n })
}
const awaitedMax = 4_096 // a guess: more than anybody waits for at a time

/** Behind all that was to be said before. */
const sayBehind = (state: Live, packet: Outbox.Marker): Step<State, Action> => {
  if (Outbox.isEmpty(state.outbox)) return say(state, packet)
  const next = { ...state, outbox: Outbox.mark(state.outbox, packet) }
  return isOverfull(next) ? overflow(state) : still(next)
}

/** Keeps a turn for later, and as many of the messages as may wait. */
const hold = (state: Live, items: ReadonlyArray<Item>): Step<State, Action> => {
  const { config: { slowPeer = "drop" }, flow, limits: { messageBytesMax, messagesMax } } = state
  const all = Outbox.add(state.outbox, items)
  if (slowPeer === "close" && Outbox.isCrowded(all, messagesMax, messageBytesMax)) {
    return fail(state, { code: "Overflow", message: `more than ${messagesMax} messages, or ${messageBytesMax} bytes of them, wait for the peer` })
  }
  const [outbox, messages] = Outbox.dropMessages(all, messagesMax, messageBytesMax)
  const turnBytes = Math.max(flow.turnBytes, Outbox.heldBytes(outbox) - Outbox.heldBytes(state.outbox))
  const next = { ...state, outbox, flow: { ...flow, turnBytes } }
  return isOverfull(next) ? overflow(state) : [next, messages === 0 ? [] : [{ _tag: "Dropped", messages }]]
}

/** Says of what waits as much as there is room for. */
const flush = (state: Live): Step<State, Action> => {
  if (state.phase._tag !== "Joined" || Outbox.isEmpty(state.outbox)) return still(state)
  const { takes } = state.phase
  const room = Flow.room(state.flow, boundsOf(state, takes))
  if (room === 0) return still(state)
  // of two packets on end, what they hold is more than one may be, so there are at most so many heads
  const heads = (headBytes + 1) * 2 * Math.ceil(room / Math.min(takes.packetBytesMax, takes.turnBytesMax))
  const [said, outbox] = Outbox.take(state.outbox, room - heads)
  const pieces: Array<Uint8Array> = []
  let turnBytes = 0
  for (const one of said) {
    if (one._tag !== "Items") {
      pieces.push(encode(one, state.config.stream))
      continue
    }
    const turn = encodeTurn(one.items, state.config.stream, takes.packetBytesMax, takes)
    if (turn instanceof PacketError) return unsendable(state, turn, takes)
    turnBytes += turn.bytes
    for (const piece of turn.pieces) pieces.push(piece)
  }
  return write({ ...state, outbox }, pieces, turnBytes)
}

const boundsOf = ({ limits: { unsentBytesMax } }: Live, { windowBytes }: Capacity): Flow.Bounds => ({ windowBytes, unsentBytesMax })
const unsendable = (state: Live, { code, index, message }: PacketError, { packetBytesMax, turnBytesMax }: Capacity): Step<State, Action> =>
  fail(state, { code, index, message: `${message} for a peer that takes ${Math.min(packetBytesMax, turnBytesMax)} a packet` })

const onBye = (state: Live, reason: string): Step<State, Action> =>
  over(state, { code: "Bye", message: reason, by: "us" }, { last: { _tag: "Bye", reason }, farewell: true })

const say = (state: Live, packet: Packet): Step<State, Action> => write(state, [encode(packet, state.config.stream)])

/** Writes pieces, in which packets of turns have so many bytes. */
const write = (state: Live, pieces: ReadonlyArray<Uint8Array>, turnBytes = 0): Step<State, Action> => {
  let bytes = 0
  for (const piece of pieces) bytes += piece.length
  const next = { ...state, flow: Flow.wrote(state.flow, bytes, turnBytes) }
  return isOverfull(next) ? overflow(state) : [next, pieces.map((bytes) => ({ _tag: "Write", bytes }) as const)]
}

/** One turn is not counted: the first, which tells of all that stands, has to get through however large it is. */
const isOverfull = ({ flow, limits, outbox }: Live): boolean => flow.unsentBytes + Outbox.heldBytes(outbox) - flow.turnBytes > limits.queueBytesMax
const overflow = (state: Live): Step<State, Action> =>
  fail(state, { code: "Overflow", message: `more than ${state.limits.queueBytesMax} bytes wait for the peer` })

/** Goes on with the next step, unless the link is over. */
const then = (step: Step<State, Action>, next: (state: Live) => Step<State, Action>): Step<State, Action> => {
  const [state, actions] = step
  if (state._tag === "Over") return step
  const [after, more] = next(state)
  return [after, [...actions, ...more]]
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
