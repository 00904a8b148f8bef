/**
 * The binary syntax of Preserves 0.996, read from strangers; `value/canonical.ts` writes it.
 *
 * Promises: whatever the bytes, reading returns in time linear in the input (sorting of duplicates
 * aside), nests no deeper than `depthMax` calls, allocates nothing that the input did not pay for,
 * and refuses with the kind of the mistake and the offset of the byte that is wrong.
 */
import { copyOf } from "../data/runs.ts"
import { key, Tag as tags } from "../value/canonical.ts"
import * as utf8 from "../value/utf8.ts"
import { Dictionary, Double, Embedded, Encoded, InvalidValue, Record, Set, type Value } from "../value/Value.ts"
import { annotate, strip } from "./Annotated.ts"
import { DecodeError, defaultLimits, type Limits, Refusal } from "./DecodeError.ts"
import { symbolOf } from "./symbols.ts"

export { DecodeError, defaultLimits, type Limits } from "./DecodeError.ts"
export { scan, type ScanLimits } from "./scan.ts"

const Tag = tags // what another module exports is looked up each time, what is here is known to be constant: a tenth of all

/**
 * Exactly one value. Annotations are stripped; non-canonical order of set elements and dictionary
 * entries is accepted, repeated ones are not.
 *
 * decode(Uint8Array.of(0xb0, 0x01, 0x2a))   // => 42
 */
export const decode = (input: Uint8Array | Encoded, limits: Limits = defaultLimits): Value | DecodeError =>
  whole(input, limits, false)

/** As `decode`, with every annotated value wrapped in `Annotated`. */
export const decodeAnnotated = (input: Uint8Array | Encoded, limits: Limits = defaultLimits): Value | DecodeError =>
  whole(input, limits, true)

const whole = (input: Uint8Array | Encoded, limits: Limits, annotations: boolean): Value | DecodeError => {
  const isRun = input instanceof Encoded
  const all = isRun ? input.bytes : input
  const start = isRun ? input.start : 0
  const stop = isRun ? Math.min(input.end, all.length) : all.length
  const { bytesMax, depthMax: deepest } = limits // asked for before anything is set: they may be getters that decode
  if (stop - start > bytesMax) return new DecodeError("TooLarge", start, `${stop - start} bytes, more than ${bytesMax}`)
  bytes = all
  at = start
  end = stop
  depthMax = deepest
  isAnnotating = annotations
  try {
    const found = value(0)
    return at === end ? found : new DecodeError("Trailing", at, "bytes follow the value")
  } catch (error) {
    if (error instanceof Refusal) return error.reason
    throw error
  } finally {
    bytes = nothing // and keep nobody's in memory
  }
}

// Where we are. One value is read at a time, and without an object for each it takes a fifth less
const nothing = new Uint8Array()
let bytes: Uint8Array = nothing
let at = 0
let end = 0
let depthMax = 0
let isAnnotating = false

const refuse = (kind: DecodeError["kind"], message: string, offset = at): never => {
  throw new Refusal(new DecodeError(kind, offset, message))
}

/** Whatever comes next. Long, because a call for each kind of it would take a quarter of the time. */
const value = (depth: number): Value => {
  if (depth > depthMax) return tooDeep()
  if (at >= end) return refuse("Short", "the input ends where a value should be")
  const tag = bytes[at++]!
  if (tag < Tag.integer || tag > Tag.symbol) {
    switch (tag) {
      case Tag.false: return false
      case Tag.true: return true
      case Tag.double: return double()
      case Tag.record: return readRecord(depth)
      case Tag.sequence: return items(depth)
      default: return rare(tag, depth)
    }
  }
  // what has a length, and as many bytes: nothing is allocated on its word alone
  if (at >= end) return refuse("Short", "the input ends in a length")
  let length = bytes[at++]!
  if (length >= 0x80) length = longLength(length & 0x7f)
  if (length > end - at) return missing(length)
  const start = at
  at += length
  if (tag === Tag.integer) return integer(start)
  if (tag === Tag.bytes) return copyOf(bytes, start, at)
  const found = tag === Tag.string ? utf8.text(bytes, start, at) : symbolOf(bytes, start, at)
  return typeof found === "number" ? refuse("Malformed", "not UTF-8", found) : found
}

const tooDeep = (): never => refuse("TooDeep", `nested deeper than ${depthMax}`)
const missing = (length: number): never => refuse("Short", `${length} bytes are promised, ${end - at} are there`)

const rare = (tag: number, depth: number): Value => {
  const start = at - 1
  switch (tag) {
    case Tag.set: {
      const members = items(depth)
      distinct(members, start, "element in a set")
      return new Set(members)
    }
    case Tag.dictionary: return dictionary(depth, start)
    case Tag.embedded: return new Embedded(value(depth + 1))
    case Tag.annotation: return annotated(depth)
    case Tag.end: return refuse("Malformed", "an end marker where a value should be", start)
    default: return refuse("Malformed", `no value starts with byte 0x${tag.toString(16).padStart(2, "0")}`, start)
  }
}

const longLength = (low: number): number => {
  let length = low
  for (let scale = 128;; scale *= 128) {
    if (scale > 2 ** 56) refuse("Malformed", "a length of more than eight bytes")
    if (at >= end) refuse("Short", "the input ends in a length")
    const b = bytes[at++]!
    length += (b & 0x7f) * scale
    if (length > Number.MAX_SAFE_INTEGER) refuse("TooLarge", "a length beyond 2^53")
    if (b < 0x80) return length
  }
}

/** Two's complement that ends here. */
const integer = (start: number): number | bigint => {
  const length = at - start
  if (length === 0) return 0
  let n = bytes[start]! << 24 >> 24 // with its sign
  if (length <= 4) for (let i = start + 1; i < at; i++) n = (n << 8) | bytes[i]!
  else if (length <= 7) for (let i = start + 1; i < at; i++) n = n * 256 + bytes[i]!
  // what does not fit in 53 bits was rounded, but not to what does
  return length < 7 || (length === 7 && Number.isSafeInteger(n)) ? n : bigInteger(start)
}
const bigInteger = (start: number): number | bigint => {
  let hex = ""
  for (let i = start; i < at; i++) hex += bytes[i]!.toString(16).padStart(2, "0")
  const unsigned = BigInt(`0x${hex}`)
  const big = bytes[start]! >= 0x80 ? unsigned - (1n << BigInt((at - start) * 8)) : unsigned
  return big >= BigInt(Number.MIN_SAFE_INTEGER) && big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big
}

const int32 = (b: Uint8Array, i: number): number => (b[i]! << 24) | (b[i + 1]! << 16) | (b[i + 2]! << 8) | b[i + 3]!
/** A view of each double would cost more than the doubles. */
const scratch = new DataView(new ArrayBuffer(8))
const double = (): number | Double => {
  if (at >= end) refuse("Short", "the input ends in a double")
  if (bytes[at] !== 8) refuse("Malformed", "doubles have eight bytes")
  if (end - at < 9) refuse("Short", "the input ends in a double")
  scratch.setInt32(0, int32(bytes, at + 1))
  scratch.setInt32(4, int32(bytes, at + 5))
  at += 9
  const n = scratch.getFloat64(0)
  if (n - Math.floor(n) > 0) return n
  return Number.isNaN(n) ? new Double(n, scratch.getBigUint64(0)) : new Double(n)
}

/** Values up to the end marker, which is consumed. What grows by `push` has room for 17 at once: most need less. */
const items = (depth: number): Array<Value> => {
  if (atEnd()) return []
  const first = value(depth + 1)
  if (atEnd()) return [first]
  const second = value(depth + 1)
  if (atEnd()) return [first, second]
  const third = value(depth + 1)
  if (atEnd()) return [first, second, third]
  const all = [first, second, third, value(depth + 1)]
  while (!atEnd()) all.push(value(depth + 1))
  return all
}

const atEnd = (): boolean => {
  if (at >= end) refuse("Short", "the input ends inside a compound")
  if (bytes[at] !== Tag.end) return false
  at++
  return true
}

const readRecord = (depth: number): Record => {
  if (bytes[at] === Tag.end && at < end) refuse("Malformed", "a record has no label")
  const label = value(depth + 1)
  return new Record(label, items(depth))
}

const dictionary = (depth: number, start: number): Dictionary => {
  const entries: Array<readonly [Value, Value]> = []
  while (!atEnd()) {
    const k = value(depth + 1)
    if (bytes[at] === Tag.end && at < end) refuse("Malformed", "a dictionary key has no value")
    entries.push([k, value(depth + 1)])
  }
  distinct(entries.map(([k]) => k), start, "key in a dictionary")
  return new Dictionary(entries)
}

const distinct = (values: ReadonlyArray<Value>, start: number, what: string): void => {
  if (values.length < 2) return
  const seen = new globalThis.Set<string>()
  for (const member of values) seen.add(keyOf(member, start))
  if (seen.size < values.length) refuse("Malformed", `a repeated ${what}`, start)
}

/** What may be read can be deeper than what has a key. */
const keyOf = (found: Value, start: number): string => {
  try {
    return key(isAnnotating ? strip(found) : found)
  } catch (error) {
    if (error instanceof InvalidValue) return refuse("TooDeep", error.message, start)
    throw error
  }
}

const annotated = (depth: number): Value => {
  const annotations = [value(depth + 1)]
  // a run of annotations is a loop, not a recursion: they are many on one value
  while (at < end && bytes[at] === Tag.annotation) {
    at++
    annotations.push(value(depth + 1))
  }
  const about = value(depth + 1)
  return isAnnotating ? annotate(annotations, about) : about
}
