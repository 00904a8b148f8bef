/** Random packets in the reference's terms, and the way from these to the terms of `src`. */
import * as fc from "fast-check"
import type * as Federation from "../../src/federation/Item.ts"
import * as Packet from "../../src/link/Packet.ts"
import { encode } from "../../src/value/canonical.ts"
import * as Pattern from "../../src/value/Pattern.ts"
import { Dictionary, Double, Embedded, Encoded, Record, Set, symbol, type Value } from "../../src/value/Value.ts"
import { type Item, normal, type Packet as Reference, readValue, unhex, type V, writeValue } from "./reference-reader.ts"

// Values

const text = fc.oneof({ weight: 4, arbitrary: fc.string({ maxLength: 6 }) }, fc.string({ unit: "binary", maxLength: 6 }))
const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString("hex"))
const specialDoubles = ["0000000000000000", "8000000000000000", "3ff0000000000000", "7ff0000000000000", "fff0000000000000", "7ff8000000000000", "fff8000000000001"]

/** In the order in which they come out of their canonical bytes, so that plain deep equality compares them. */
const settled = (v: V): V => readValue(unhex(writeValue(v)))

const atom: fc.Arbitrary<V> = fc.oneof(
  fc.boolean().map((v): V => ({ k: "boolean", v })),
  fc.oneof(hex(8), fc.constantFrom(...specialDoubles)).map((bits): V => ({ k: "double", bits })),
  fc.oneof(fc.bigInt({ min: -300n, max: 300n }), fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n })).map((v): V => ({ k: "integer", v })),
  text.map((v): V => ({ k: "string", v })),
  text.map((v): V => ({ k: "symbol", v })),
  fc.uint8Array({ maxLength: 5 }).map((b): V => ({ k: "bytes", hex: Buffer.from(b).toString("hex") }))
)

const { value: looseValue } = fc.letrec<{ value: V }>((tie) => {
  const some = (minLength: number) => fc.array(tie("value"), { minLength, maxLength: 3 })
  const distinct = fc.uniqueArray(tie("value"), { maxLength: 3, selector: writeValue })
  return {
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      { weight: 4, arbitrary: atom },
      some(1).map((vs): V => ({ k: "record", vs })),
      some(0).map((vs): V => ({ k: "sequence", vs })),
      distinct.map((vs): V => ({ k: "set", vs })),
      fc.tuple(distinct, some(3)).map(([keys, vs]): V => ({ k: "dictionary", vs: keys.flatMap((key, i) => [key, vs[i]!]) })),
      tie("value").map((v): V => ({ k: "embedded", v }))
    )
  }
})
export const value = looseValue.map(settled)
export const sequence = fc.array(value, { maxLength: 4 }).map((vs): V => ({ k: "sequence", vs }))

const of = (label: string, ...vs: ReadonlyArray<V>): V => ({ k: "record", vs: [{ k: "symbol", v: label }, ...vs] })

/** Patterns in any form. */
export const { pattern } = fc.letrec<{ pattern: V }>((tie) => {
  const some = fc.array(tie("pattern"), { maxLength: 3 }).map((vs): V => ({ k: "sequence", vs }))
  const keys = fc.uniqueArray(value, { maxLength: 3, selector: writeValue })
  return {
    pattern: fc.oneof(
      { depthSize: "small" },
      fc.constant(of("_")),
      value.map((v) => of("lit", v)),
      tie("pattern").map((p) => of("bind", p)),
      fc.tuple(value, some).map(([label, fields]) => of("rec", label, fields)),
      some.map((items) => of("arr", items)),
      fc.tuple(keys, fc.array(tie("pattern"), { minLength: 3, maxLength: 3 })).map(([ks, ps]) =>
        settled(of("dict", { k: "dictionary", vs: ks.flatMap((key, i) => [key, ps[i]!]) })))
    )
  }
})

// Packets

export const endpoint = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 2 ** 40 }), fc.maxSafeInteger().map((n) => Math.abs(n) || 1))

const captured = (op: "!" | "+" | "-") => fc.tuple(endpoint, sequence).map(([n, v]): Item => ({ op, n, v }))
const bare = (op: "~" | ".") => endpoint.map((n): Item => ({ op, n }))
const asserted = fc.tuple(endpoint, pattern).map(([n, v]): Item => ({ op: "?", n, v: normal(v)! }))
const stamped = fc.tuple(endpoint, endpoint).map(([origin, n]): Item => ({ op: "@", origin, n }))
export const item: fc.Arbitrary<Item> = fc.oneof(captured("!"), captured("+"), captured("-"), bare("~"), bare("."), asserted, stamped)

const string = (bytesMax: number): fc.Arbitrary<V> =>
  fc.oneof({ weight: 5, arbitrary: text }, fc.constantFrom("", "x".repeat(bytesMax))).map((v): V => ({ k: "string", v }))
const name = string(255)
const integer = (v: bigint): V => ({ k: "integer", v })
const count = fc.oneof(fc.nat(300), fc.maxSafeInteger().map(Math.abs)).map((n) => integer(BigInt(n)))
const small = fc.oneof(fc.nat(300), fc.constantFrom(2 ** 48, 2 ** 48 - 1)).map((n) => integer(BigInt(n)))
const flag = fc.boolean().map((v): V => ({ k: "boolean", v }))
const key = (v: string): V => ({ k: "symbol", v })
const takes = fc.tuple(fc.nat(2 ** 31), fc.nat(2 ** 31), fc.nat(2 ** 31), fc.nat(2 ** 31)).map(([packet, turn, items, window]): V => ({
  k: "dictionary",
  vs: [
    key("windowBytes"), integer(BigInt(window)),
    key("turnBytesMax"), integer(1_048_576n + BigInt(turn)), key("turnItemsMax"), integer(4_096n + BigInt(items)),
    key("packetBytesMax"), integer(65_536n + BigInt(packet))
  ]
}))

const fields = (label: string, ...arbitraries: ReadonlyArray<fc.Arbitrary<V>>): fc.Arbitrary<Reference> =>
  fc.tuple(...arbitraries).map((vs) => ({ label, fields: vs as ReadonlyArray<V> }))

export const turn: fc.Arbitrary<Reference> = fc.record({ label: fc.constantFrom("T" as const, "t" as const), items: fc.array(item, { maxLength: 6 }) })
export const treePacket: fc.Arbitrary<Reference> = fc.oneof(
  fields("path", small, count, name, small),
  fields("pathless"),
  fields("seek", small),
  fields("attach", small, count, name, small),
  fields("attached"),
  fields("detach"),
  fields("detached")
)
export const control: fc.Arbitrary<Reference> = fc.oneof(
  { weight: 7, arbitrary: treePacket },
  fields("hello", fc.constant(integer(1n)), name, count, flag, takes),
  fields("join", name),
  fields("joined"),
  fields("credit", count),
  fields("ping"),
  fields("pong"),
  fields("sync", count),
  fields("synced", count),
  fields("bye", string(1_024)),
  fields("error", text.map(key), string(1_024), fc.oneof(count, fc.constant<V>({ k: "boolean", v: false })))
)
export const packet: fc.Arbitrary<Reference> = fc.oneof({ weight: 3, arbitrary: turn }, { weight: 2, arbitrary: control })

// From the reference's terms to those of src

export const toValue = (v: V): Value => {
  switch (v.k) {
    case "boolean":
    case "string": return v.v
    case "integer": return v.v >= BigInt(Number.MIN_SAFE_INTEGER) && v.v <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(v.v) : v.v
    case "double": {
      const view = new DataView(new ArrayBuffer(8))
      view.setBigUint64(0, BigInt(`0x${v.bits}`))
      const d = view.getFloat64(0)
      return Number.isFinite(d) && !Number.isInteger(d) ? d : new Double(d, view.getBigUint64(0))
    }
    case "bytes": return unhex(v.hex)
    case "symbol": return symbol(v.v)
    case "embedded": return new Embedded(toValue(v.v))
    case "record": return new Record(toValue(v.vs[0]!), v.vs.slice(1).map(toValue))
    case "sequence": return v.vs.map(toValue)
    case "set": return new Set(v.vs.map(toValue))
    case "dictionary": return new Dictionary(v.vs.flatMap((k, i) => (i % 2 === 0 ? [[toValue(k), toValue(v.vs[i + 1]!)] as const] : [])))
  }
}

const tags = { "!": "Msg", "+": "Add", "-": "Del", "~": "Clear", ".": "End" } as const

export const toItem = ({ n, op, origin, v }: Item): Federation.Item => {
  switch (op) {
    case "@": return { _tag: "Stamp", origin: origin!, n }
    case "?": return { _tag: "Assert", endpoint: n, pattern: Pattern.fromValue(toValue(v!))! }
    case "~":
    case ".": return { _tag: tags[op], endpoint: n }
    default: return { _tag: tags[op], endpoint: n, captures: new Encoded(encode(toValue(v!))) }
  }
}

export const toPacket = (packet: Reference): Packet.Packet => {
  if ("items" in packet) return { _tag: "Turn", items: packet.items.map(toItem), more: packet.label === "t" }
  const [a, b, c, d, e] = packet.fields.map((field): any => (field.k === "symbol" ? field.v : toValue(field)))
  switch (packet.label) {
    case "hello": {
      const known = (e as Dictionary).entries.map(([k, n]) => [Symbol.keyFor(k as symbol)!, n] as const).filter(([k]) => Object.hasOwn(Packet.leastCapacity, k))
      return { _tag: "Hello", peer: { node: b, incarnation: c, leaf: d }, takes: { ...Packet.leastCapacity, ...Object.fromEntries(known) } }
    }
    case "join": return { _tag: "Join", scope: a }
    case "joined": return { _tag: "Joined" }
    case "path": return { _tag: "Path", path: { seq: a, priority: b, root: c, distance: d } }
    case "pathless": return { _tag: "Pathless" }
    case "seek": return { _tag: "Seek", seq: a }
    case "attach": return { _tag: "Attach", feasible: { seq: a, priority: b, root: c, distance: d } }
    case "attached": return { _tag: "Attached" }
    case "detach": return { _tag: "Detach" }
    case "detached": return { _tag: "Detached" }
    case "credit": return { _tag: "Credit", bytes: a }
    case "ping": return { _tag: "Ping" }
    case "pong": return { _tag: "Pong" }
    case "sync": return { _tag: "Sync", n: a }
    case "synced": return { _tag: "Synced", n: a }
    case "bye": return { _tag: "Bye", reason: a }
    case "error": return { _tag: "Error", code: a, message: b, index: c === false ? undefined : c }
    default: throw new Error(`no packet is called ${packet.label}`)
  }
}

/** Captures in bytes of their own, so that deep equality sees what they are and not where they lie. */
export const detached = <A extends Federation.Item>(one: A): A =>
  "captures" in one ? { ...one, captures: new Encoded(one.captures.bytes.slice(one.captures.start, one.captures.end)) } : one
export const comparable = <A extends { readonly _tag: string }>(packet: A): A =>
  "items" in packet ? { ...packet, items: (packet.items as ReadonlyArray<Federation.Item>).map(detached) } : packet
