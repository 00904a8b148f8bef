/**
 * Values to bytes and back, beside cbor-x (the fastest codec in JavaScript that reads and writes a
 * standard) on the same packets: a turn of 100 messages, and a typical fact. Both sides start from
 * values and end with bytes, or the other way; ours are canonical and were checked to be, cbor-x's
 * are not. cbor-x is taken as it comes: where its native addon is installed, it is used.
 */
import { Encoder, isNativeAccelerationEnabled } from "cbor-x"
import { isDeepStrictEqual } from "node:util"
import { compare, report } from "../../../.config/bench/Harness.ts"
import { decode } from "../src/codec/Binary.ts"
import type { Item } from "../src/federation/Item.ts"
import { PacketError, parse } from "../src/link/Packet.ts"
import { encodeTurn } from "../src/link/Turn.ts"
import { encode } from "../src/value/canonical.ts"
import { encodedRun } from "../src/value/encoded.ts"
import { record, Record, type Value } from "../src/value/Value.ts"

const messages = 100
const wanted = "ratio of 1, at most"
const limits = { depthMax: 128, bytesMax: 1 << 24, turnItemsMax: 1 << 20 }
/** Bytes are copied, as ours are: a view would keep the whole packet for as long as it is kept. */
const cbor = new Encoder({ useRecords: false, tagUint8Array: false, copyBuffers: true })

/** Captures of 128 bytes in our encoding, in four ways. */
const shapes: { readonly [name: string]: (i: number) => ReadonlyArray<Value> } = {
  "one text": (i) => [`message ${i} `.padEnd(123, "x")],
  "one text, not English": (i) => [`Nachricht ${i % 10}, für jeden etwas: äöü ${"è".repeat(42)}`],
  "bytes": (i) => [new Uint8Array(123).fill(i)],
  "ten values": (i) => ["lobby", `user-${i % 10}`, 1_700_000_000_000 + i, 0.5 + i, true, -i - 200, ["a", "b", [1, 2, 3]], "text", "x".repeat(46), ""]
}

// Ours: the captures of each message, then the turn around them

const oursOf = (all: ReadonlyArray<Value>): Uint8Array => {
  const items: ReadonlyArray<Item> = encodedRun(all).map((captures) => ({ _tag: "Msg", endpoint: 12, captures }))
  const turn = encodeTurn(items, false, 1 << 24)
  if (turn instanceof PacketError) throw new Error(turn.message)
  return turn.pieces[0]!
}
const valuesOf = (bytes: Uint8Array): ReadonlyArray<unknown> => {
  const packet = parse(bytes, limits)
  if (packet._tag !== "Turn") throw new Error("not a turn")
  return packet.items.map((item) => item._tag === "Msg" ? decode(item.captures) : undefined)
}
// Theirs: the same in one array, endpoint and captures in turns

const theirsOf = (all: ReadonlyArray<unknown>): Uint8Array => {
  const turn: Array<unknown> = ["T"]
  for (const value of all) turn.push(12, value)
  return cbor.encode(turn)
}
const theirValuesOf = (bytes: Uint8Array): ReadonlyArray<unknown> => (cbor.decode(bytes) as ReadonlyArray<unknown>).filter((_, i) => i > 0 && i % 2 === 0)

const rows = []
for (const [name, shape] of Object.entries(shapes)) {
  const all = Array.from({ length: messages }, (_, i) => shape(i))
  const [ours, theirs] = [oursOf(all), theirsOf(all)]
  // a Buffer equals no Uint8Array
  if (!isDeepStrictEqual(valuesOf(ours), all) || !isDeepStrictEqual(theirValuesOf(theirs).map(plain), all)) throw new Error("not what was written")
  rows.push(...await compare(`a turn of ${messages} messages of ${name}, written (${theirs.length} and ${ours.length} bytes)`, [
    { name: "cbor-x", run: () => theirsOf(all), per: messages },
    { name: "ours", run: () => oursOf(all), per: messages, wanted }
  ]))
  rows.push(...await compare(`a turn of ${messages} messages of ${name}, read`, [
    { name: "cbor-x", run: () => theirValuesOf(theirs), per: messages },
    { name: "ours", run: () => valuesOf(ours), per: messages, wanted }
  ]))
}
function plain(value: unknown): unknown {
  return Array.isArray(value) ? value.map(plain) : value instanceof Uint8Array ? Uint8Array.from(value) : value
}

// Single values as people write them; cbor-x, which has neither records nor symbols, gets an array

const values: { readonly [name: string]: readonly [label: string, ...fields: ReadonlyArray<Value>] } = {
  "a fact": ["present", "lobby", "ann@example", 1_700_000_000_000, true, ["away", 0.5]],
  // what other codecs were compared by
  "a packet": ["message", "alice@example", "general", "The quick brown fox jumps over the lazy dog", "2026-01-02T03:04:05Z", 123_456_789, [1, 2, ["a", "b", [true, 3.5]], "end"]]
}
for (const [name, array] of Object.entries(values)) {
  const [label, ...fields] = array
  const value = record(label, ...fields)
  const [ours, theirs] = [encode(value), cbor.encode(array)]
  if (!isDeepStrictEqual(decode(ours), new Record(value.label, fields)) || !isDeepStrictEqual(cbor.decode(theirs), array)) throw new Error("not what was written")
  rows.push(...await compare(`${name}, written (${theirs.length} and ${ours.length} bytes)`, [
    { name: "cbor-x", run: () => cbor.encode(array) },
    { name: "ours", run: () => encode(value), wanted }
  ]))
  rows.push(...await compare(`${name}, read`, [
    { name: "cbor-x", run: () => cbor.decode(theirs) as unknown },
    { name: "ours", run: () => decode(ours), wanted }
  ]))
}
report(rows, { notes: [`cbor-x runs ${isNativeAccelerationEnabled ? "with" : "without"} its native addon.`] })
