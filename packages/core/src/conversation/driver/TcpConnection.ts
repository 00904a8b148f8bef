/**
 * One TCP connection, between the shell and those who use it. It publishes what comes in and subscribes
 * to what goes out, from the moment when it is connected: that presence says so.
 *
 * Promises: no byte is read beyond the credit that was given; the end is told even without credit, but
 * never before all that came before it; everything is told only when somebody is there to hear it. The
 * connection ends, and its socket with it, when the other end closes or breaks it, when *any* participant
 * of either flow goes, when one of them says what is not for it, and when nobody who could take part is
 * there. `TcpWords.ts` has the words.
 */
import type { Pid } from "../../dataspace/Process.ts"
import { still } from "../../machine/Machine.ts"
import { equals } from "../../value/order.ts"
import { isRecord, Record, record, symbol, type Value } from "../../value/Value.ts"
import { byteLength, write } from "../../value/utf8.ts"
import * as Conversation from "../Conversation.ts"
import * as Request from "./Request.ts"
import * as Tcp from "./TcpWords.ts"

export interface Config {
  readonly local: Value
  readonly remote: Value
  readonly control: Tcp.Control
  /** The shell's, for what it accepted. Without, we connect. */
  readonly accepted?: Value
}
export interface State extends Config {
  readonly id: Value
  /** Who is there, in either flow, that we are here for. */
  readonly peers: number
  /** Whether anybody took part yet: before, nobody would hear of the end. */
  readonly isUsed: boolean
  /** Whether anybody subscribed yet: before, nothing is read. */
  readonly isHeard: boolean
  readonly isConnected: boolean
  readonly mode: "bytes" | "lines" | "some"
  /** Bytes or lines. */
  readonly credit: number
  /** How many reads and writes there were, and how many of those are not carried out yet. */
  readonly reads: number
  readonly writes: number
  readonly unwritten: number
  /** Whether the other end has closed, and those who heard it had time to answer what came before. */
  readonly isEnding: boolean
}
type Turn = Conversation.Turn<State>
type Event = Conversation.Event

const someMax = 4096 // bytes in a piece: os2's

// ---- what we ask for ----------------------------------------------------------------------------

/** What we would read now, and that we would hear of the end. */
const asked = ({ control, credit, id, isConnected, isHeard, isUsed, mode, reads }: State) => {
  const amount = control === "bare" ? someMax : mode === "lines" ? Math.min(credit, 1) : credit
  return {
    read: isConnected && isHeard && amount > 0 ? record("tcp-read", id, reads, symbol(mode), amount) : undefined,
    eof: isConnected && isUsed ? record("tcp-eof", id, reads) : undefined
  }
}

/** The step with the requests that follow from it. */
const turn = (before: State, after: State, actions: ReadonlyArray<Conversation.Action> = []): Turn => {
  const old = asked(before)
  const now = asked(after)
  return [after, [...actions, ...replace("read", old.read, now.read, "onRead"), ...replace("eof", old.eof, now.eof, "onEof")]]
}
const replace = (id: string, old: Value | undefined, now: Value | undefined, handler: string): ReadonlyArray<Conversation.Action> => {
  if (old === undefined ? now === undefined : now !== undefined && equals(old, now)) return []
  return [...old === undefined ? [] : [Conversation.withdraw(id)], ...now === undefined ? [] : [Request.open(id, now, handler)]]
}

// ---- who is there -------------------------------------------------------------------------------

const inward = ({ local, remote }: Config) => Tcp.flow(remote, local)
const outward = ({ local, remote }: Config) => Tcp.flow(local, remote)
const said = ({ local, remote }: Config, what: Value) => Conversation.send(Tcp.packet(remote, local, what))
const converse = (config: Config): ReadonlyArray<Conversation.Ordinary> => [
  Conversation.publisher("in", inward(config), "onControl"),
  Conversation.subscriber("out", outward(config), "onData")
]

const boot = (config: Config, self: Pid): Turn => {
  const { accepted, local, remote } = config
  const id = accepted ?? [self]
  const state: State = {
    ...config, id, peers: 0, isUsed: false, isHeard: false, isConnected: accepted !== undefined,
    mode: config.control === "bare" ? "some" : "bytes", credit: 0, reads: 0, writes: 0, unwritten: 0, isEnding: false
  }
  const [host, port] = (remote as Record).fields
  return [state, [
    Request.open("socket", record("tcp-socket", id), "onSocket"),
    ...accepted !== undefined ? converse(config) : [
      Request.open("connect", record("tcp-connect", id, host!, port!), "onConnect"),
      Conversation.publisher("serving", Tcp.serving([local, remote]), "onNothing")
    ],
    // those who merely observe an accepted connection may yet take part: it waits for them
    Conversation.observeSubscribers("readers", inward(config), "onPeer", accepted === undefined ? {} : { interest: "everything" }),
    Conversation.observePublishers("writers", outward(config), "onPeer"),
    Conversation.yieldTo("onSettled")
  ]]
}

const onPeer = (state: State, event: Event): Turn => {
  if (event._tag !== "Presence" && event._tag !== "Absence") return still(state)
  const isParticipant = event.role.interest === "participant"
  if (event._tag === "Presence") {
    const isHeard = state.isHeard || isParticipant && event.endpoint === "readers"
    return turn(state, { ...state, peers: state.peers + 1, isUsed: state.isUsed || isParticipant, isHeard })
  }
  const peers = state.peers - 1
  return [{ ...state, peers }, isParticipant || peers === 0 ? [Conversation.quit()] : []]
}

/** By now we have heard of all who were there when we came: if there is nobody, whoever wanted us left before. */
const onSettled = (state: State): Turn => state.peers === 0 ? [state, [Conversation.quit()]] : still(state)

// ---- what the shell answers ---------------------------------------------------------------------

const onConnect = (state: State, event: Event): Turn => {
  const result = Request.answer(event)
  if (result === undefined) return still(state)
  if (isRecord(result, "failed", 1)) {
    return [state, [Conversation.send(Tcp.failed(state.local, state.remote, result.fields[0]!)), Conversation.quit(result)]]
  }
  return turn(state, { ...state, isConnected: true }, [Conversation.withdraw("connect"), ...converse(state)])
}

const onSocket = (state: State, event: Event): Turn => {
  const result = Request.answer(event)
  return result === undefined ? still(state) : [state, [Conversation.quit(result)]]
}

const onRead = (state: State, event: Event): Turn => {
  const bytes = Request.answer(event)
  if (!(bytes instanceof Uint8Array)) return still(state)
  const used = state.mode === "lines" ? 1 : bytes.length
  return turn(state, { ...state, reads: state.reads + 1, credit: Math.max(0, state.credit - used) }, [said(state, bytes)])
}

/** Those who answer the last data are about to: their turn is before our end. */
const onEof = (state: State, event: Event): Turn =>
  Request.answer(event) === undefined ? still(state) : [state, [said(state, Tcp.eof), Conversation.withdraw("eof"), Conversation.yieldTo("onEnding")]]

const onEnding = (state: State): Turn => ended({ ...state, isEnding: true })
/** The end, when all is written that was to be. */
const ended = (state: State, actions: ReadonlyArray<Conversation.Action> = []): Turn =>
  [state, state.isEnding && state.unwritten === 0 ? [...actions, Conversation.quit()] : actions]

const onWritten = (state: State, event: Event): Turn => {
  const result = Request.answer(event)
  if (result === undefined || event._tag !== "Message") return still(state)
  const isTold = state.control === "credit" && isRecord(result, "written", 1)
  return ended({ ...state, unwritten: state.unwritten - 1 }, [
    Conversation.withdraw(event.endpoint),
    ...isTold ? [Conversation.feedback(Tcp.packet(state.local, state.remote, record("tcp-credit", result.fields[0]!)))] : []
  ])
}

// ---- what those who use it say ------------------------------------------------------------------

const packetOf = (event: Event): Value | undefined => event._tag === "Message" ? (event.body as Record).fields[2] : undefined
const misused = (state: State, packet: Value): Turn => [state, [Conversation.quit(record("misused", packet))]]

const onControl = (state: State, event: Event): Turn => {
  const packet = packetOf(event)
  if (packet === undefined || state.control === "bare") return still(state)
  const [what] = packet instanceof Record ? packet.fields : []
  if (isRecord(packet, "tcp-credit", 1) && isAmount(what!)) return turn(state, { ...state, credit: Math.min(state.credit + what, Number.MAX_SAFE_INTEGER) })
  if (isRecord(packet, "tcp-mode", 1) && (what === symbol("lines") || what === symbol("bytes"))) {
    return turn(state, { ...state, credit: 0, mode: what === symbol("lines") ? "lines" : "bytes" })
  }
  return misused(state, packet)
}
const isAmount = (n: Value): n is number => typeof n === "number" && Number.isSafeInteger(n) && n >= 0

const onData = (state: State, event: Event): Turn => {
  const packet = packetOf(event)
  if (packet === undefined) return still(state)
  if (packet === Tcp.eof) return [state, [Conversation.quit()]]
  const bytes = typeof packet === "string" && state.control === "bare" ? encoded(packet) : packet
  if (!(bytes instanceof Uint8Array)) return misused(state, packet)
  const n = state.writes + 1
  return [{ ...state, writes: n, unwritten: state.unwritten + 1 }, [Request.open(n, record("tcp-write", state.id, n, bytes), "onWritten")]]
}
const encoded = (text: string): Uint8Array => {
  const bytes = new Uint8Array(byteLength(text))
  write(text, bytes, 0)
  return bytes
}

export const program: Conversation.Program<Config, State> = {
  boot,
  handlers: { onConnect, onControl, onData, onEnding, onEof, onNothing: still, onPeer, onRead, onSettled, onSocket, onWritten }
}
