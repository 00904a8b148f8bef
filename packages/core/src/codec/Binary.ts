/**
 * The binary syntax of Preserves 0.996, read from strangers; `value/canonical.ts` writes it.
 *
 * Promises: whatever the bytes, reading returns in time linear in the input (sorting of duplicates
 * aside), nests no deeper than `depthMax` calls, allocates nothing that the input did not pay for,
 * and refuses with the kind of the mistake and the offset of the byte that is wrong.
 */
import { key, Tag } from "../value/canonical.ts"
import { Dictionary, Double, Embedded, Encoded, InvalidValue, Record, Set, type Value } from "../value/Value.ts"
import { annotate, strip } from "./Annotated.ts"
import { DecodeError, defaultLimits, type Limits, Refusal, refusable } from "./DecodeError.ts"
import { symbolOf, textOf } from "./known.ts"

export { DecodeError, defaultLimits, type Limits } from "./DecodeError.ts"
export { scan, type ScanLimits } from "./scan.ts"

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
  const { bytes, end, start } = input instanceof Encoded ? input : { bytes: input, start: 0, end: input.length }
  if (end - start > limits.bytesMax) return new DecodeError("TooLarge", start, `${end - start} bytes, more than ${limits.bytesMax}`)
  const reader = new Reader(bytes, start, end, limits.depthMax, annotations)
  return refusable(() => {
    const value = reader.value(0)
    return reader.at === end ? value : new DecodeError("Trailing", reader.at, "bytes follow the value")
  })
}

/** A view of each double would cost more than the doubles. */
const scratch = new DataView(new ArrayBuffer(8))

class Reader {
  readonly bytes: Uint8Array
  readonly end: number
  readonly depthMax: number
  readonly annotations: boolean
  at: number
  constructor(bytes: Uint8Array, start: number, end: number, depthMax: number, annotations: boolean) {
    this.bytes = bytes
    this.at = start
    this.end = end
    this.depthMax = depthMax
    this.annotations = annotations
  }

  refuse(kind: DecodeError["kind"], message: string, at = this.at): never {
    throw new Refusal(new DecodeError(kind, at, message))
  }

  value(depth: number): Value {
    if (depth > this.depthMax) this.refuse("TooDeep", `nested deeper than ${this.depthMax}`)
    if (this.at >= this.end) this.refuse("Short", "the input ends where a value should be")
    const start = this.at
    const tag = this.bytes[this.at++]!
    switch (tag) {
      case Tag.false: return false
      case Tag.true: return true
      case Tag.double: return this.double()
      case Tag.integer: return this.integer(this.length())
      case Tag.string: return this.text(this.length())
      case Tag.symbol: return this.symbol(this.length())
      case Tag.bytes: {
        const length = this.length()
        this.at += length
        return this.bytes.slice(this.at - length, this.at)
      }
      case Tag.record: return this.record(depth)
      case Tag.sequence: return this.items(depth)
      case Tag.set: {
        const items = this.items(depth)
        this.distinct(items, start, "element in a set")
        return new Set(items)
      }
      case Tag.dictionary: return this.dictionary(depth, start)
      case Tag.embedded: return new Embedded(this.value(depth + 1))
      case Tag.annotation: return this.annotated(depth)
      case Tag.end: return this.refuse("Malformed", "an end marker where a value should be", start)
      default: return this.refuse("Malformed", `no value starts with byte 0x${tag.toString(16).padStart(2, "0")}`, start)
    }
  }

  /** A varint that promises bytes, which must be there: nothing is allocated on its word alone. */
  length(): number {
    if (this.at >= this.end) this.refuse("Short", "the input ends in a length")
    const first = this.bytes[this.at++]!
    const length = first < 0x80 ? first : this.longLength(first & 0x7f)
    if (length > this.end - this.at) this.refuse("Short", `${length} bytes are promised, ${this.end - this.at} are there`)
    return length
  }
  longLength(low: number): number {
    let length = low
    for (let scale = 128;; scale *= 128) {
      if (scale > 2 ** 56) this.refuse("Malformed", "a length of more than eight bytes")
      if (this.at >= this.end) this.refuse("Short", "the input ends in a length")
      const b = this.bytes[this.at++]!
      length += (b & 0x7f) * scale
      if (length > Number.MAX_SAFE_INTEGER) this.refuse("TooLarge", "a length beyond 2^53")
      if (b < 0x80) return length
    }
  }

  integer(length: number): number | bigint {
    const start = this.at
    this.at += length
    if (length === 0) return 0
    const first = this.bytes[start]! << 24 >> 24 // with its sign
    if (length <= 7) {
      let n = first
      for (let i = start + 1; i < this.at; i++) n = n * 256 + this.bytes[i]!
      // what does not fit in 53 bits was rounded, but not to what does
      if (length < 7 || Number.isSafeInteger(n)) return n
    }
    let hex = ""
    for (let i = start; i < this.at; i++) hex += this.bytes[i]!.toString(16).padStart(2, "0")
    const unsigned = BigInt(`0x${hex}`)
    const n = first < 0 ? unsigned - (1n << BigInt(length * 8)) : unsigned
    return n >= BigInt(Number.MIN_SAFE_INTEGER) && n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n
  }

  double(): number | Double {
    if (this.at >= this.end) this.refuse("Short", "the input ends in a double")
    if (this.bytes[this.at] !== 8) this.refuse("Malformed", "doubles have eight bytes")
    if (this.end - this.at < 9) this.refuse("Short", "the input ends in a double")
    for (let i = 0; i < 8; i++) scratch.setUint8(i, this.bytes[this.at + 1 + i]!)
    this.at += 9
    const value = scratch.getFloat64(0)
    if (Number.isNaN(value)) return new Double(value, scratch.getBigUint64(0))
    return Number.isInteger(value) || !Number.isFinite(value) ? new Double(value) : value
  }

  text(length: number): string {
    const start = this.at
    this.at += length
    const text = textOf(this.bytes, start, this.at)
    return typeof text === "string" ? text : this.refuse("Malformed", "not UTF-8", text)
  }

  symbol(length: number): symbol {
    const start = this.at
    this.at += length
    const symbol = symbolOf(this.bytes, start, this.at)
    return typeof symbol === "symbol" ? symbol : this.refuse("Malformed", "not UTF-8", symbol)
  }

  /** Values up to the end marker, which is consumed. */
  items(depth: number): Array<Value> {
    const items: Array<Value> = []
    while (!this.atEnd()) items.push(this.value(depth + 1))
    return items
  }

  atEnd(): boolean {
    if (this.at >= this.end) this.refuse("Short", "the input ends inside a compound")
    if (this.bytes[this.at] !== Tag.end) return false
    this.at++
    return true
  }

  record(depth: number): Record {
    if (this.bytes[this.at] === Tag.end && this.at < this.end) this.refuse("Malformed", "a record has no label")
    const label = this.value(depth + 1)
    return new Record(label, this.items(depth))
  }

  dictionary(depth: number, start: number): Dictionary {
    const entries: Array<readonly [Value, Value]> = []
    while (!this.atEnd()) {
      const k = this.value(depth + 1)
      if (this.bytes[this.at] === Tag.end && this.at < this.end) this.refuse("Malformed", "a dictionary key has no value")
      entries.push([k, this.value(depth + 1)])
    }
    this.distinct(entries.map(([k]) => k), start, "key in a dictionary")
    return new Dictionary(entries)
  }

  distinct(values: ReadonlyArray<Value>, start: number, what: string): void {
    if (values.length < 2) return
    const seen = new globalThis.Set<string>()
    for (const value of values) seen.add(this.keyOf(value, start))
    if (seen.size < values.length) this.refuse("Malformed", `a repeated ${what}`, start)
  }

  /** What may be read can be deeper than what has a key. */
  keyOf(value: Value, start: number): string {
    try {
      return key(this.annotations ? strip(value) : value)
    } catch (error) {
      if (error instanceof InvalidValue) return this.refuse("TooDeep", error.message, start)
      throw error
    }
  }

  annotated(depth: number): Value {
    const annotations = [this.value(depth + 1)]
    // a run of annotations is a loop, not a recursion: they are many on one value
    while (this.at < this.end && this.bytes[this.at] === Tag.annotation) {
      this.at++
      annotations.push(this.value(depth + 1))
    }
    const value = this.value(depth + 1)
    return this.annotations ? annotate(annotations, value) : value
  }
}
