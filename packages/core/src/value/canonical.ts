/**
 * The canonical binary encoding (Preserves 0.996, "Canonical form"): equal values have equal bytes.
 * Read as a Latin-1 string these bytes are a value's key in native Maps; on the wire they are the
 * only form that links accept, so that a node can compare and forward what it never decoded.
 */
import { runs } from "../data/runs.ts"
import { latin1, writeLatin1 } from "./latin1.ts"
import { Dictionary, Double, Embedded, InvalidValue, Record, Set, type Value } from "./Value.ts"
import * as utf8 from "./utf8.ts"

/** Lead bytes of the binary syntax. */
export const Tag = {
  false: 0x80, true: 0x81, end: 0x84, annotation: 0x85, embedded: 0x86, double: 0x87,
  integer: 0xb0, string: 0xb1, bytes: 0xb2, symbol: 0xb3, record: 0xb4, sequence: 0xb5, set: 0xb6, dictionary: 0xb7
} as const

/** Deeper values are refused: a cyclic array must not exhaust the stack, and every value must fit through a link. */
export const depthMax = 120 // links take 128 levels, and wrap a value in a few of their own

/** Bytes that grow. Reused between values, so writing costs no allocation but the final copy. */
export class Writer {
  bytes: Uint8Array
  length = 0
  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity)
  }
  /** Makes room for `more` bytes; callers then write to `bytes` at `length`. */
  reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }
  byte(b: number): void {
    if (this.length === this.bytes.length) this.reserve(1)
    this.bytes[this.length++] = b
  }
  /** Unsigned LEB128, shortest form. */
  varint(n: number): void {
    while (n >= 0x80) {
      this.byte((n % 0x80) | 0x80)
      n = Math.floor(n / 0x80)
    }
    this.byte(n)
  }
  copy(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start)
    // a loop beats `set(subarray)` for the short runs that packets are made of
    if (end - start < 64) for (let i = start, at = this.length; i < end; i++) this.bytes[at++] = source[i]!
    else this.bytes.set(source.subarray(start, end), this.length)
    this.length += end - start
  }
  /** A value that is encoded already: its key. */
  latin1(key: string): void {
    this.reserve(key.length)
    this.length += writeLatin1(key, this.bytes, this.length)
  }
  /** What was written, copied out. */
  take(from = 0): Uint8Array {
    return this.bytes.slice(from, this.length)
  }
}

const text = (out: Writer, tag: number, s: string, depth: number): void => {
  const { length: units } = s
  const isLong = units > exactFrom
  const room = isLong ? utf8.byteLength(s) : 3 * units
  out.reserve(headMax + room)
  // most text is ASCII, so its length is guessed, and mended when there turns out to be more
  const guessed = isLong && room >= 0 ? room : units
  const from = out.length
  out.byte(tag)
  out.varint(guessed)
  const at = out.length
  const bytes = room < 0 ? -1 : utf8.put(s, out.bytes, at)
  if (bytes < 0) throw new InvalidValue("a string holds a lone surrogate", trail(depth))
  if (bytes !== guessed) {
    const start = from + 1 + varintSize(bytes)
    if (start !== at) out.bytes.copyWithin(start, at, at + bytes)
    out.length = from + 1
    out.varint(bytes)
  }
  out.length += bytes
}
const varintSize = (n: number): number => n < 0x80 ? 1 : 1 + varintSize(Math.floor(n / 0x80))
/** Bytes of a tag and a length. */
const headMax = 10
/** From here on room is made for the bytes that there are, not for the most that there could be. */
const exactFrom = 4096

const symbol = (out: Writer, value: symbol, depth: number): void => {
  const known = symbols.get(value)
  if (known !== undefined) return out.copy(known, 0, known.length)
  const name = Symbol.keyFor(value)
  if (name === undefined) throw new InvalidValue("a symbol that was not made by Symbol.for", trail(depth))
  const from = out.length
  text(out, Tag.symbol, name, depth)
  if (symbols.size >= symbolsMax) symbols.clear()
  if (name.length <= symbolMax) symbols.set(value, out.take(from))
}
/** Labels come again and again, and their names are slow to ask for. Strangers choose them, so there are never many. */
const symbols = new Map<symbol, Uint8Array>()
const symbolsMax = 1_000 // a guess
const symbolMax = 64 // a guess

/** Appends a safe integer. */
export const writeInteger = (out: Writer, n: number): void => {
  out.reserve(headMax)
  const { bytes } = out
  const at = out.length
  const size = n === 0 ? 0 : integerSize(n < 0 ? -(n + 1) : n)
  bytes[at] = Tag.integer
  bytes[at + 1] = size
  out.length = at + 2 + size
  // its lowest 32 bits, and what is above them
  let low = n | 0
  let high = size > 4 ? Math.floor(n / 2 ** 32) : 0
  for (let i = at + 1 + size; i > at + 1; i--) {
    bytes[i] = low
    low = (low >>> 8) | (high << 24)
    high >>= 8
  }
}
/** Bytes that a safe integer, zero or more, takes with a bit for its sign; zero itself takes none. */
export const integerSize = (n: number): number =>
  n < 0x80 ? 1 : n < 0x8000 ? 2 : n < 0x80_0000 ? 3 : n < 0x8000_0000 ? 4 : n < 2 ** 39 ? 5 : n < 2 ** 47 ? 6 : 7

const big = (out: Writer, n: bigint): void => {
  if (n >= BigInt(Number.MIN_SAFE_INTEGER) && n <= BigInt(Number.MAX_SAFE_INTEGER)) return writeInteger(out, Number(n))
  out.byte(Tag.integer)
  // hexadecimal is linear in the digits where repeated shifts would be quadratic
  let size = Math.max(1, Math.ceil(((n < 0n ? ~n : n).toString(16).length * 4) / 8))
  const sign = 1n << BigInt(size * 8 - 1)
  if (n >= sign || n < -sign) size++
  out.varint(size)
  const hex = (n < 0n ? (1n << BigInt(size * 8)) + n : n).toString(16).padStart(size * 2, "0")
  for (let i = 0; i < hex.length; i += 2) out.byte(parseInt(hex.slice(i, i + 2), 16))
}

const scratch = new DataView(new ArrayBuffer(8))
/** The 64 IEEE bits of a double, in order: what equality, order and the encoding all read. */
export const doubleBits = (d: number | Double): bigint => {
  if (typeof d !== "number" && d.bits !== undefined) return d.bits
  scratch.setFloat64(0, typeof d === "number" ? d : d.value)
  return scratch.getBigUint64(0)
}

const double = (out: Writer, d: number | Double): void => {
  out.byte(Tag.double)
  out.byte(8)
  if (typeof d !== "number" && d.bits !== undefined) scratch.setBigUint64(0, d.bits)
  else scratch.setFloat64(0, typeof d === "number" ? d : d.value)
  for (let i = 0; i < 8; i++) out.byte(scratch.getUint8(i))
}

/** The way from the root to what is being written: a step at each depth, only read when something is wrong. */
const steps: Array<string | number> = []
let root = 0
const trail = (depth: number): Array<string | number> => steps.slice(root, depth)

/** Sorts the runs `[starts[i], starts[i+1])` that were just written by their bytes; refuses equal keys. */
const sortRuns = (out: Writer, starts: ReadonlyArray<number>, keyEnds: ReadonlyArray<number>, what: string, depth: number): void => {
  const from = starts[0]!
  const written = out.take(from)
  const key = (i: number) => latin1(written, starts[i]! - from, keyEnds[i]! - from)
  const runs = keyEnds.map((_, i) => ({ key: key(i), start: starts[i]! - from, end: (starts[i + 1] ?? out.length) - from }))
  runs.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  out.length = from
  for (const [i, run] of runs.entries()) {
    if (i > 0 && runs[i - 1]!.key === run.key) throw new InvalidValue(`two equal ${what}`, trail(depth))
    out.copy(written, run.start, run.end)
  }
}

const put = (out: Writer, value: Value, depth: number): void => {
  if (depth > depthMax) throw new InvalidValue("nested too deep")
  switch (typeof value) {
    case "boolean": return out.byte(value ? Tag.true : Tag.false)
    case "number": return Number.isSafeInteger(value) ? writeInteger(out, value) : double(out, value)
    case "bigint": return big(out, value)
    case "string": return text(out, Tag.string, value, depth)
    case "symbol": return symbol(out, value, depth)
  }
  if (value instanceof Record) {
    out.byte(Tag.record)
    steps[depth] = "label"
    put(out, value.label, depth + 1)
    return putAll(out, value.fields, depth)
  }
  if (Array.isArray(value)) {
    out.byte(Tag.sequence)
    return putAll(out, value, depth)
  }
  if (value instanceof Uint8Array) {
    out.byte(Tag.bytes)
    out.varint(value.length)
    return out.copy(value, 0, value.length)
  }
  if (value instanceof Dictionary || value instanceof Set) {
    const isSet = value instanceof Set
    out.byte(isSet ? Tag.set : Tag.dictionary)
    const starts: Array<number> = []
    const keyEnds: Array<number> = []
    for (const [i, member] of (isSet ? value.items : value.entries).entries()) {
      starts.push(out.length)
      steps[depth] = i
      put(out, isSet ? member as Value : (member as readonly [Value, Value])[0], depth + 1)
      keyEnds.push(out.length)
      if (!isSet) put(out, (member as readonly [Value, Value])[1], depth + 1)
    }
    if (starts.length > 1) sortRuns(out, starts, keyEnds, isSet ? "set elements" : "dictionary keys", depth)
    return out.byte(Tag.end)
  }
  if (value instanceof Double) return double(out, value)
  if (value instanceof Embedded) {
    out.byte(Tag.embedded)
    steps[depth] = "embedded"
    return put(out, value.value, depth + 1)
  }
  throw new InvalidValue(`${value === null ? "null" : typeof value} is not a Preserves value`, trail(depth))
}
const putAll = (out: Writer, values: ReadonlyArray<Value>, depth: number): void => {
  for (let i = 0; i < values.length; i++) {
    steps[depth] = i
    put(out, values[i]!, depth + 1)
  }
  out.byte(Tag.end)
}

/** Appends the canonical encoding of `value`. Throws `InvalidValue`, having written part of it. */
export const write = (out: Writer, value: Value): void => {
  root = 0
  put(out, value, 0)
}

let shared = new Writer()
const fresh = (value: Value, levels = depthMax): Writer => {
  if (shared.bytes.length > sharedMax) shared = new Writer()
  shared.length = 0
  root = depthMax - levels
  put(shared, value, root)
  return shared
}
/** One large value must not keep its room for ever. */
const sharedMax = 1 << 20

/**
 * The canonical bytes of a value. They are the caller's alone, but up to 1 KiB they may lie in a buffer that others
 * share: who keeps a few of many for long copies them. Throws `InvalidValue`, with the path to what is none.
 */
export const encode = (value: Value): Uint8Array => {
  const out = fresh(value)
  if (out.length <= inHeapMax) return out.take()
  const run = runOf(out.length)
  run.set(out.bytes.subarray(0, out.length))
  return run
}
/** Apart from those of links, which what a caller does to his can then not reach. */
const runOf = runs()
/** V8 keeps arrays of so many bytes in its heap; a longer one takes 0.3 µs to make by itself. */
const inHeapMax = 64

/**
 * The canonical bytes as a Latin-1 string: equal exactly for equal values. Throws `InvalidValue`, for
 * what is nested deeper than `levels` as well.
 *
 * key([1, "a"])   // => "\xb5\xb0\x01\x01\xb1\x01a\x84"
 * key(1) === key(1n)   // => true
 */
export const key = (value: Value, levels?: number): string => {
  const { bytes, length } = fresh(value, levels)
  return latin1(bytes, 0, length)
}

/** How many bytes the canonical encoding has. Throws `InvalidValue`: this is also the check that a stranger's object is a value. */
export const measure = (value: Value, levels?: number): number => fresh(value, levels).length
