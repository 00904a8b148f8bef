/**
 * The packets of a link and their bytes; PROTOCOL.md says the same to those who write a peer.
 * A packet is one canonical Preserves value. Every value that is not listed here is an error: version
 * 1 is closed, and what comes later announces itself in `Hello`.
 *
 * Promises: whatever the bytes, `parse` returns a packet or a `PacketError` that names the place, in
 * time linear in the bytes; and parsing what `encode` wrote gives the packet back.
 */
import { scan } from "../codec/Binary.ts"
import type { Item } from "../federation/Item.ts"
import type { Path } from "../topology/Path.ts"
import type { Tree } from "../topology/Tree.ts"
import { Tag, write as writeValue, Writer } from "../value/canonical.ts"
import { Dictionary, record, symbol, type Value } from "../value/Value.ts"
import { skip } from "../value/encoded.ts"
import * as utf8 from "../value/utf8.ts"
import { Fields, nameBytesMax, textBytesMax } from "./Fields.ts"
import { PacketError, undecodable } from "./PacketError.ts"
import { close, encodePart, headBytes, Label, open, readItems, taken, type TurnLimits } from "./Turn.ts"

export { PacketError, type PacketErrorCode } from "./PacketError.ts"
export { nameBytesMax, textBytesMax } from "./Fields.ts"

/** What two nodes say to each other, one statement at a time. */
export type Packet =
  /** The first packet of both sides: who I am and what I take. */
  | { readonly _tag: "Hello"; readonly peer: Peer; readonly takes: Capacity }
  /** The dialer asks to join a scope. */
  | { readonly _tag: "Join"; readonly scope: string }
  /** The acceptor agrees. */
  | { readonly _tag: "Joined" }
  | Tree
  /** A turn; with `more`, a part of one that the next turn packet continues. */
  | { readonly _tag: "Turn"; readonly items: ReadonlyArray<Item>; readonly more: boolean }
  /** I have dealt with so many bytes of your turns since we joined. */
  | { readonly _tag: "Credit"; readonly bytes: number }
  /** Are you there? The answer is a `Pong`. */
  | { readonly _tag: "Ping" }
  | { readonly _tag: "Pong" }
  /** Say `Synced` with this number when you have dealt with all that I said before. */
  | { readonly _tag: "Sync"; readonly n: number }
  /** I have dealt with all that came before your `Sync` of this number. */
  | { readonly _tag: "Synced"; readonly n: number }
  /** I end the link, and nobody is to blame. */
  | { readonly _tag: "Bye"; readonly reason: string }
  /** What the other side did wrong; `index` is the item's, within its turn. The link closes. */
  | { readonly _tag: "Error"; readonly code: string; readonly message: string; readonly index: number | undefined }

/** Who a node says that it is. Nothing proves it: links carry no authentication. */
export interface Peer {
  readonly node: string
  /** Tells the lives of one node id apart; a later one is greater. */
  readonly incarnation: number
  /** Forwards for nobody. */
  readonly leaf: boolean
}

/** What a side accepts; the other keeps to it. */
export type Capacity = {
  /** Bytes of one packet, its length prefix not counted. */
  readonly packetBytesMax: number
  /** Bytes of all packets that make up one turn. */
  readonly turnBytesMax: number
  /** Items of one turn. */
  readonly turnItemsMax: number
  /** Bytes of turns that may be on their way, or 0: then no credit is given, and none waited for. */
  readonly windowBytes: number
}

/** What `parse` takes of one packet. */
export type ParseLimits = TurnLimits

/** The version of the protocol that this speaks: a hello of another one is refused. */
export const version = 1

/** What a hello that says nothing else means. Nobody may take less. */
export const leastCapacity: Capacity = {
  packetBytesMax: 65_536, // one read of a socket; the packets that are not turns stay below 4 KiB
  turnBytesMax: 1_048_576, // a guess: a first turn of some thousand facts
  turnItemsMax: 4_096, // a guess, of the same thought
  windowBytes: 0
}

/**
 * The packet that `bytes` are, all of them. Captures stay views of `bytes`, which nobody may change any more.
 *
 * parse(encode({ _tag: "Ping" }, false), { bytesMax: 100, depthMax: 10, turnItemsMax: 1 })   // => { _tag: "Ping" }
 */
export const parse = (bytes: Uint8Array, limits: ParseLimits): Packet | PacketError => {
  if (bytes.length > limits.bytesMax) return new PacketError("TooLarge", `${bytes.length} bytes where at most ${limits.bytesMax} are taken`, 0)
  const label = turnLabel(bytes)
  if (label === undefined) return parseControl(bytes, limits)
  const items = readItems(bytes, headBytes, limits)
  return items instanceof PacketError ? items : { _tag: "Turn", items, more: label === Label.part }
}

const turnLabel = (bytes: Uint8Array): number | undefined => {
  const isShort = bytes.length > headBytes && bytes[0] === Tag.record && bytes[1] === Tag.symbol && bytes[2] === 1
  return isShort && (bytes[3] === Label.whole || bytes[3] === Label.part) ? bytes[3] : undefined
}

const parseControl = (bytes: Uint8Array, limits: ParseLimits): Packet | PacketError => {
  const end = scan(bytes, 0, bytes.length, limits)
  if (typeof end !== "number") return undecodable(end)
  if (end !== bytes.length) return new PacketError("Malformed", "bytes after the end of the packet", end)
  if (bytes[0] !== Tag.record || bytes[1] !== Tag.symbol || bytes[2]! > 8) return unknown
  const at = skip(bytes, 1)
  const fields = new Fields(bytes, at)
  switch (utf8.read(bytes, 3, at)) {
    case "hello": return parseHello(fields, at)
    case "join": return fields.done({ _tag: "Join", scope: fields.name() })
    case "joined": return fields.done({ _tag: "Joined" })
    case "path": return fields.done({ _tag: "Path", path: parsePath(fields) })
    case "pathless": return fields.done({ _tag: "Pathless" })
    case "seek": return fields.done({ _tag: "Seek", seq: fields.count(seqMax) })
    case "attach": return fields.done({ _tag: "Attach", feasible: parsePath(fields) })
    case "attached": return fields.done({ _tag: "Attached" })
    case "detach": return fields.done({ _tag: "Detach" })
    case "detached": return fields.done({ _tag: "Detached" })
    case "credit": return fields.done({ _tag: "Credit", bytes: fields.count() })
    case "ping": return fields.done({ _tag: "Ping" })
    case "pong": return fields.done({ _tag: "Pong" })
    case "sync": return fields.done({ _tag: "Sync", n: fields.count() })
    case "synced": return fields.done({ _tag: "Synced", n: fields.count() })
    case "bye": return fields.done({ _tag: "Bye", reason: fields.message() })
    case "error": return fields.done({ _tag: "Error", code: fields.code(), message: fields.message(), index: fields.countOrNone() })
    default: return unknown
  }
}

const unknown = new PacketError("UnknownPacket", "no packet of version 1 looks like this", 0)

/** What a path's numbers may be: whoever adds to one of them stays far below 2^53. */
export const seqMax = 2 ** 48
/** Of `Path.distance`; `seqMax` is of `Path.seq`. More is a `BadField`. */
export const distanceMax = 2 ** 48

const parsePath = (fields: Fields): Path =>
  ({ seq: fields.count(seqMax), priority: fields.count(), root: fields.name(), distance: fields.count(distanceMax) })

const parseHello = (fields: Fields, at: number): Packet | PacketError => {
  // judged before all else: what another version says after it is not ours to read
  const theirs = fields.count()
  if (fields.wrong === undefined && theirs !== version) {
    return new PacketError("Version", `version ${theirs} of the protocol is spoken there, ${version} here`, at)
  }
  const peer = { node: fields.name(), incarnation: fields.count(), leaf: fields.flag() }
  return fields.done({ _tag: "Hello", peer, takes: fields.counts(leastCapacity) })
}

/**
 * The packet's bytes, preceded by their length when `framed`. Texts for people are cut to
 * `textBytesMax`; names must be names (`isName`), and patterns values, else this throws `InvalidValue`.
 */
export const encode = (packet: Packet, framed: boolean): Uint8Array => {
  if (packet._tag === "Turn") return encodePart(packet.items, framed, packet.more)
  const out = new Writer()
  const start = open(out, framed)
  writeValue(out, toValue(packet))
  close(out, start, framed)
  return taken(out)
}

const toValue = (packet: Exclude<Packet, { readonly _tag: "Turn" }>): Value => {
  switch (packet._tag) {
    case "Hello": {
      const { node, incarnation, leaf } = packet.peer
      return record("hello", version, node, incarnation, leaf, new Dictionary(Object.entries(packet.takes).map(([k, n]) => [symbol(k), n])))
    }
    case "Join": return record("join", packet.scope)
    case "Joined": return record("joined")
    case "Path": return record("path", ...pathFields(packet.path))
    case "Pathless": return record("pathless")
    case "Seek": return record("seek", packet.seq)
    case "Attach": return record("attach", ...pathFields(packet.feasible))
    case "Attached": return record("attached")
    case "Detach": return record("detach")
    case "Detached": return record("detached")
    case "Credit": return record("credit", packet.bytes)
    case "Ping": return record("ping")
    case "Pong": return record("pong")
    case "Sync": return record("sync", packet.n)
    case "Synced": return record("synced", packet.n)
    case "Bye": return record("bye", fitting(packet.reason, textBytesMax))
    case "Error": return record("error", symbol(fitting(packet.code, nameBytesMax)), fitting(packet.message, textBytesMax), packet.index ?? false)
  }
}

const pathFields = ({ distance, priority, root, seq }: Path): ReadonlyArray<Value> => [seq, priority, root, distance]

/** Whether a string may stand for a node, a scope or a code on the wire. */
export const isName = (text: string): boolean => {
  const bytes = utf8.byteLength(text)
  return bytes >= 0 && bytes <= nameBytesMax
}

/** The longest beginning of `text` that takes at most `bytesMax` bytes; lone surrogates, which UTF-8 cannot say, become U+FFFD. */
const fitting = (text: string, bytesMax: number): string => {
  const bytes = utf8.byteLength(text)
  if (bytes >= 0 && bytes <= bytesMax) return text
  let fits = ""
  let left = bytesMax
  for (const character of text) {
    const sayable = utf8.byteLength(character) < 0 ? "\uFFFD" : character
    left -= utf8.byteLength(sayable)
    if (left < 0) return fits
    fits += sayable
  }
  return fits
}
