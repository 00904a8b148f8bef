/**
 * What a turn of 100 messages costs on a link, beside the plain framing of the same payloads: a
 * length before each, read as views and written as copies, which is what any protocol pays at least.
 */
import { compare, report } from "../../../.config/bench/Harness.ts"
import type { Row } from "../../../.config/bench/Result.ts"
import { encodedOf, keyOf } from "../src/value/encoded.ts"
import type { Item } from "../src/federation/Item.ts"
import * as Link from "../src/link/Link.ts"
import { encode, parse } from "../src/link/Packet.ts"
import { encodeTurn } from "../src/link/Turn.ts"
import type { Encoded, Value } from "../src/value/Value.ts"

const messages = 100
const captureBytes = 128

/** Captures of exactly `captureBytes`: one text, or ten values as an application would send them. */
const shapes: { readonly [name: string]: (i: number) => Value } = {
  "one text": (i) => [`message ${i} `.padEnd(captureBytes - 4 - 1, "x")],
  "ten values": (i) => ["lobby", `user-${i % 10}`, 1_700_000_000_000 + i, 0.5 + i, true, -i - 200, ["a", "b", [1, 2, 3]], Symbol.for("text"), "x".repeat(44), ""]
}

const capturesOf = (shape: (i: number) => Value): ReadonlyArray<Encoded> => Array.from({ length: messages }, (_, i) => {
  const plain = encodedOf(shape(i))
  const list = shape(i) as ReadonlyArray<Value>
  const missing = captureBytes - (plain.end - plain.start)
  return missing > 0 ? encodedOf([...list.slice(0, -1), String(list.at(-1)).padEnd(String(list.at(-1)).length + missing, "y")]) : plain
})

// The yardstick: a length prefix a payload

const writeFrames = (payloads: ReadonlyArray<Encoded>): Uint8Array => {
  let total = 0
  for (const { end, start } of payloads) total += 4 + end - start
  const out = new Uint8Array(total)
  let at = 0
  for (const { bytes, end, start } of payloads) {
    const length = end - start
    out[at] = length >>> 24
    out[at + 1] = length >>> 16
    out[at + 2] = length >>> 8
    out[at + 3] = length
    out.set(bytes.subarray(start, end), at + 4)
    at += 4 + length
  }
  return out
}

const readFrames = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const frames: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length;) {
    const length = (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0
    frames.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return frames
}

const limits = { depthMax: 128, bytesMax: 1 << 24, turnItemsMax: 1 << 20 }

const joined = (): Link.State => {
  const self = { node: "n1", incarnation: 1, leaf: false }
  const hello = encode({ _tag: "Hello", peer: self, takes: Link.defaultLimits }, true)
  let [state] = Link.initial({ link: "l", role: "acceptor", self, stream: true })
  for (const bytes of [hello, encode({ _tag: "Join", scope: "s" }, true)]) [state] = Link.transition(state, { _tag: "Received", bytes, at: 0 })
  return Link.transition(state, { _tag: "Accept" })[0]
}

const rows: Array<Row> = []
for (const [name, shape] of Object.entries(shapes)) {
  const captures = capturesOf(shape)
  const items: ReadonlyArray<Item> = captures.map((c) => ({ _tag: "Msg", endpoint: 12, captures: c }))
  const packet = encode({ _tag: "Turn", items, more: false }, false)
  const framed = encode({ _tag: "Turn", items, more: false }, true)
  const frames = writeFrames(captures)
  const state = joined()
  const read = parse(packet, limits)
  if (read._tag !== "Turn" || read.items.some((item, i) => item._tag !== "Msg" || keyOf(item.captures) !== keyOf(captures[i]!))) throw new Error("not what was written")
  const what = `${messages} messages with captures of ${(captures.reduce((n, c) => n + c.end - c.start, 0) / messages).toFixed(0)} bytes (${name})`
  rows.push(
    ...await compare(`reading ${what}`, [
      { name: "frames", run: () => readFrames(frames), per: messages },
      { name: "parse", run: () => parse(packet, limits), per: messages },
      { name: "Link, Received", run: () => Link.transition(state, { _tag: "Received", bytes: framed, at: 1 }), per: messages }
    ]),
    ...await compare(`writing ${what}`, [
      { name: "frames", run: () => writeFrames(captures), per: messages },
      { name: "encode", run: () => encodeTurn(items, true, 1 << 24), per: messages },
      { name: "Link, Turn", run: () => Link.transition(state, { _tag: "Turn", items }), per: messages }
    ])
  )
}
report(rows)
