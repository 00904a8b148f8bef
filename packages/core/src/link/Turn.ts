/**
 * The items of a turn, to and from bytes: the path of every message.
 * Items lie flat in the packet's record, so that a message costs its captures and an endpoint:
 *
 *     n [captures]   Msg        + n [captures]   Add        - n [captures]   Del
 *     ? n pattern    Assert     ~ n              Clear      . n              End
 *     @ origin n     Stamp
 *
 * Promises: captures are checked to be canonical and then stay where they are, as `Encoded` views of
 * the chunk that brought them; only patterns are decoded. Writing copies each capture once.
 */
import { decode, DecodeError, type Limits as DecodeLimits, scan, type ScanLimits } from "../codec/Binary.ts"
import { prefixBytes } from "../codec/Framing.ts"
import { runOf } from "../data/runs.ts"
import type { Endpoint, Item } from "../federation/Item.ts"
import { integerSize, Tag, write as writeValue, writeInteger, Writer } from "../value/canonical.ts"
import * as Pattern from "../value/Pattern.ts"
import { Encoded } from "../value/Value.ts"
import { depthMax, isWithin, patternBytesMax, symbolBytesMax } from "./Fit.ts"
import { PacketError, type PacketErrorCode, undecodable } from "./PacketError.ts"

/** What `parse` takes of one packet: bytes, nesting, and items when it is a turn. */
export interface TurnLimits extends DecodeLimits {
  /** Items in one packet. */
  readonly turnItemsMax: number
}

/** The packets' labels are symbols of one character: `T` for a turn, `t` for a part of one that goes on. */
export const Label = { whole: 0x54, part: 0x74 } as const
/** What stands before the items: the record's tag and its label. */
export const headBytes = 4

/** The operators are symbols of one character; a message, the most frequent item, does without. */
const Operator = { Add: 0x2b, Del: 0x2d, End: 0x2e, Assert: 0x3f, Stamp: 0x40, Clear: 0x7e } as const // + - . ? @ ~

/** Where we are in a packet; every reader below leaves `at` behind what it read. */
interface Cursor {
  readonly bytes: Uint8Array
  readonly limits: ScanLimits
  at: number
}

/**
 * Reads items from `from` up to the end marker, which must be the packet's last byte. The error
 * carries the index of the item that is wrong.
 */
export const readItems = (bytes: Uint8Array, from: number, limits: TurnLimits): ReadonlyArray<Item> | PacketError => {
  // whatever a caller allows, what enters here can be keyed everywhere
  const cursor: Cursor = { bytes, limits: { bytesMax: limits.bytesMax, depthMax: Math.min(limits.depthMax, depthMax), symbolBytesMax }, at: from }
  const items: Array<Item> = []
  const last = bytes.length - 1
  while (cursor.at < last) {
    if (isEndMarker(cursor)) return new PacketError("Malformed", "bytes after the end of the packet", cursor.at + 1)
    if (items.length >= limits.turnItemsMax) {
      return new PacketError("TooManyItems", `more than ${limits.turnItemsMax} items in a turn`, cursor.at, items.length)
    }
    const item = bytes[cursor.at] === Tag.integer ? readCaptured(cursor, "Msg", items.length) : readOperation(cursor, items.length)
    if (item._tag === "PacketError") return item
    items.push(item)
  }
  return cursor.at === last && bytes[last] === Tag.end
    ? items
    : new PacketError("Malformed", "a turn ends in the middle of an item", bytes.length, items.length)
}

const readOperation = (cursor: Cursor, index: number): Item | PacketError => {
  const { at, bytes } = cursor
  if (bytes[at] !== Tag.symbol || bytes[at + 1] !== 1) return misplaced(cursor, "BadItem", "an item starts with an endpoint or an operator", index)
  cursor.at = at + 3
  switch (bytes[at + 2]) {
    case Operator.Add: return readCaptured(cursor, "Add", index)
    case Operator.Del: return readCaptured(cursor, "Del", index)
    case Operator.Assert: return readAssert(cursor, index)
    case Operator.Clear: return readBare(cursor, "Clear", index)
    case Operator.End: return readBare(cursor, "End", index)
    case Operator.Stamp: return readStamp(cursor, index)
    default:
      cursor.at = at
      return misplaced(cursor, "BadItem", "an unknown operator", index)
  }
}

const readCaptured = (cursor: Cursor, _tag: "Msg" | "Add" | "Del", index: number): Item | PacketError => {
  const endpoint = readEndpoint(cursor)
  if (endpoint === 0) return badEndpoint(cursor, index)
  const { at, bytes } = cursor
  if (bytes[at] !== Tag.sequence) return misplaced(cursor, "BadItem", "captures are a sequence", index)
  const end = scan(bytes, at, bytes.length, cursor.limits)
  if (typeof end !== "number") return undecodable(end, index)
  cursor.at = end
  return { _tag, endpoint, captures: new Encoded(bytes, at, end) }
}

const readAssert = (cursor: Cursor, index: number): Item | PacketError => {
  const endpoint = readEndpoint(cursor)
  if (endpoint === 0) return badEndpoint(cursor, index)
  const { at, bytes, limits } = cursor
  const end = scan(bytes, at, bytes.length, limits)
  if (typeof end !== "number") return isEndMarker(cursor) ? incomplete(cursor, index) : undecodable(end, index)
  const size = end - at
  if (size > patternBytesMax) return new PacketError("TooLarge", `a pattern of ${size} bytes where at most ${patternBytesMax} are taken`, at, index)
  const value = decode(new Encoded(bytes, at, end), limits)
  if (value instanceof DecodeError) return undecodable(value, index)
  const pattern = Pattern.fromValue(value)
  if (pattern === undefined) return new PacketError("NotAPattern", "what is asked for is not a pattern", at, index)
  if (!isWithin(pattern, limits.depthMax)) return new PacketError("TooDeep", "a pattern whose normal form is nested too deep", at, index)
  cursor.at = end
  return { _tag: "Assert", endpoint, pattern }
}

const readBare = (cursor: Cursor, _tag: "Clear" | "End", index: number): Item | PacketError => {
  const endpoint = readEndpoint(cursor)
  return endpoint === 0 ? badEndpoint(cursor, index) : { _tag, endpoint }
}

const readStamp = (cursor: Cursor, index: number): Item | PacketError => {
  const origin = readEndpoint(cursor)
  const n = origin === 0 ? 0 : readEndpoint(cursor)
  return n === 0 ? misplaced(cursor, "BadItem", "a stamp is two integers from 1 to 2^53-1", index) : { _tag: "Stamp", origin, n }
}

/** A positive safe integer in its shortest form; 0, with `at` unmoved, when there is none. */
const readEndpoint = (cursor: Cursor): Endpoint => {
  const { at, bytes } = cursor
  if (at + 2 >= bytes.length || bytes[at] !== Tag.integer) return 0
  const size = bytes[at + 1]!
  const end = at + 2 + size
  const first = bytes[at + 2]!
  // 53 bits and a sign fit in seven bytes; a set top bit is a negative number
  if (size === 0 || size > 7 || end > bytes.length || first >= 0x80) return 0
  if (first === 0 && (size === 1 || bytes[at + 3]! < 0x80)) return 0
  let n = first
  for (let i = at + 3; i < end; i++) n = n * 256 + bytes[i]!
  if (n > Number.MAX_SAFE_INTEGER) return 0
  cursor.at = end
  return n
}

const badEndpoint = (cursor: Cursor, index: number): PacketError =>
  misplaced(cursor, "BadEndpoint", "an endpoint is an integer from 1 to 2^53-1", index)

/** Bytes that are no value are called so; a good value in the wrong place is named by `code`. */
const misplaced = (cursor: Cursor, code: PacketErrorCode, message: string, index: number): PacketError => {
  if (isEndMarker(cursor)) return incomplete(cursor, index)
  const end = scan(cursor.bytes, cursor.at, cursor.bytes.length, cursor.limits)
  return typeof end === "number" ? new PacketError(code, message, cursor.at, index) : undecodable(end, index)
}
const isEndMarker = ({ at, bytes }: Cursor): boolean => at < bytes.length && bytes[at] === Tag.end
const incomplete = ({ at }: Cursor, index: number): PacketError => new PacketError("BadItem", "an item is not complete", at, index)

export interface EncodedTurn {
  /** What to write, in order: one piece for a stream, one a packet for messages. */
  readonly pieces: ReadonlyArray<Uint8Array>
  /** Bytes of all the packets, length prefixes not counted. */
  readonly bytes: number
}

/** What a receiver takes of one turn. */
export interface TurnCapacity {
  readonly turnBytesMax: number
  readonly turnItemsMax: number
}
const boundless: TurnCapacity = { turnBytesMax: Number.POSITIVE_INFINITY, turnItemsMax: Number.POSITIVE_INFINITY }

/**
 * A turn as one packet, or when that would exceed `packetBytesMax` as parts and a last packet, all in
 * one buffer. What is more than one turn may be to the receiver becomes several, one behind the other:
 * it sees some of it before the rest, which is better than none. The error names the item that alone
 * is larger than a packet.
 */
export const encodeTurn = (items: ReadonlyArray<Item>, framed: boolean, packetBytesMax: number, takes = boundless): EncodedTurn | PacketError => {
  const out = room(items, framed)
  const most = Math.min(packetBytesMax, takes.turnBytesMax)
  const ends: Array<number> = []
  /** What the turn has so far, the open packet not counted. */
  let turnBytes = 0
  let turnItems = 0
  let start = openTurn(out, framed)
  for (let i = 0; i < items.length; i++) {
    const from = out.length
    writeItem(out, items[i]!)
    const size = out.length - from
    const packet = out.length + 1 - start
    if (packet <= packetBytesMax && turnBytes + packet <= takes.turnBytesMax && turnItems < takes.turnItemsMax) {
      turnItems++
      continue
    }
    if (headBytes + size + 1 > most) return new PacketError("TooLarge", `an item of ${size} bytes`, from - start, i)
    // the packet ends before this item, which moves behind the head of the next one
    const gap = 1 + headBytes + (framed ? prefixBytes : 0)
    out.reserve(gap)
    out.bytes.copyWithin(from + gap, from, from + size)
    out.length = from
    turnBytes += from + 1 - start
    const goesOn = turnItems < takes.turnItemsMax && turnBytes + headBytes + size + 1 <= takes.turnBytesMax
    ends.push(closeTurn(out, start, framed, goesOn ? Label.part : Label.whole))
    if (!goesOn) turnBytes = turnItems = 0
    turnItems++
    start = openTurn(out, framed)
    out.length += size
  }
  ends.push(closeTurn(out, start, framed, Label.whole))
  const all = taken(out)
  if (framed) return { pieces: [all], bytes: all.length - ends.length * prefixBytes }
  return { pieces: ends.map((end, i) => all.subarray(ends[i - 1] ?? 0, end)), bytes: all.length }
}

/** One turn packet of whatever size: a part of a turn when there is `more`. */
export const encodePart = (items: ReadonlyArray<Item>, framed: boolean, more: boolean): Uint8Array => {
  const out = room(items, framed)
  const start = openTurn(out, framed)
  for (const item of items) writeItem(out, item)
  closeTurn(out, start, framed, more ? Label.part : Label.whole)
  return taken(out)
}

const room = (items: ReadonlyArray<Item>, framed: boolean): Writer => {
  let bytes = headBytes + 1 + (framed ? prefixBytes : 0)
  for (const item of items) bytes += sizeOf(item)
  const out = new Writer(0)
  out.bytes = runOf(bytes)
  return out
}

const openTurn = (out: Writer, framed: boolean): number => {
  const start = open(out, framed)
  out.byte(Tag.record)
  writeOperator(out, Label.whole)
  return start
}

const closeTurn = (out: Writer, start: number, framed: boolean, label: number): number => {
  out.bytes[start + 3] = label
  out.byte(Tag.end)
  return close(out, start, framed)
}

/** Leaves room for the length prefix; where the payload starts. */
export const open = (out: Writer, framed: boolean): number => {
  if (framed) {
    out.reserve(prefixBytes)
    out.length += prefixBytes
  }
  return out.length
}

/** Writes the length of the payload that starts at `start` before it; where it ends. */
export const close = (out: Writer, start: number, framed: boolean): number => {
  const length = out.length - start
  if (framed) for (let i = 1; i <= prefixBytes; i++) out.bytes[start - i] = (length >>> (8 * (i - 1))) & 0xff
  return out.length
}

/** What was written, without another copy. */
export const taken = ({ bytes, length }: Writer): Uint8Array => length === bytes.length ? bytes : bytes.subarray(0, length)

/** Bytes that an item takes; a guess for an `Assert` whose pattern is not encoded yet. */
export const sizeOf = (item: Item): number => {
  if (item._tag === "Stamp") return 7 + integerSize(item.origin) + integerSize(item.n)
  const endpoint = 2 + integerSize(item.endpoint)
  switch (item._tag) {
    case "Msg": return endpoint + item.captures.end - item.captures.start
    case "Add":
    case "Del": return 3 + endpoint + item.captures.end - item.captures.start
    case "Assert": return 3 + endpoint + (item.key?.length ?? 64) // a guess: `<present "lobby" $who>` takes 55
    case "Clear":
    case "End": return 3 + endpoint
  }
}

/** Appends one item. Throws `InvalidValue` when a pattern of our own cannot be encoded. */
export const writeItem = (out: Writer, item: Item): void => {
  switch (item._tag) {
    case "Msg":
      writeInteger(out, item.endpoint)
      return out.copy(item.captures.bytes, item.captures.start, item.captures.end)
    case "Add":
    case "Del":
      writeOperator(out, Operator[item._tag])
      writeInteger(out, item.endpoint)
      return out.copy(item.captures.bytes, item.captures.start, item.captures.end)
    case "Assert":
      writeOperator(out, Operator.Assert)
      writeInteger(out, item.endpoint)
      return item.key === undefined ? writeValue(out, Pattern.toValue(item.pattern)) : out.latin1(item.key)
    case "Clear":
    case "End":
      writeOperator(out, Operator[item._tag])
      return writeInteger(out, item.endpoint)
    case "Stamp":
      writeOperator(out, Operator.Stamp)
      writeInteger(out, item.origin)
      return writeInteger(out, item.n)
  }
}

const writeOperator = (out: Writer, operator: number): void => {
  out.reserve(3)
  out.bytes[out.length] = Tag.symbol
  out.bytes[out.length + 1] = 1
  out.bytes[out.length + 2] = operator
  out.length += 3
}
