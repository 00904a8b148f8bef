/**
 * Checks bytes without building a value from them. This guards the links: a node compares and
 * forwards what peers sent without decoding it, so one peer's malformed or ambiguous bytes must
 * never reach another, nor count as a second value beside their canonical twin.
 */
import { Tag } from "../value/canonical.ts"
import { malformedAt } from "../value/utf8.ts"
import { DecodeError, defaultLimits, type Limits } from "./DecodeError.ts"

/** What `scan` takes of one value. */
export interface ScanLimits extends Limits {
  /** Bytes of a symbol; without it as many as of anything else. A symbol that is decoded stays in memory for ever. */
  readonly symbolBytesMax?: number
}

/**
 * Where the one canonical value that starts at `start` ends, or why there is none before `end`.
 * No annotations, shortest integers and lengths, set elements and dictionary keys in strictly
 * ascending order of their bytes, well-formed UTF-8.
 */
export const scan = (bytes: Uint8Array, start: number, end: number, limits: ScanLimits = defaultLimits): number | DecodeError => {
  if (end - start > limits.bytesMax) return new DecodeError("TooLarge", start, `${end - start} bytes, more than ${limits.bytesMax}`)
  return value(bytes, start, end, limits.depthMax, limits.symbolBytesMax ?? Number.POSITIVE_INFINITY)
}

type Found = number | DecodeError

const value = (bytes: Uint8Array, at: number, end: number, depth: number, symbolMax: number): Found => {
  if (at >= end) return short(at)
  const tag = bytes[at]!
  switch (tag) {
    case Tag.false:
    case Tag.true: return at + 1
    case Tag.double: return double(bytes, at, end)
    case Tag.integer: return integer(bytes, at, end)
    case Tag.string: return text(bytes, at, end)
    case Tag.symbol: return symbol(bytes, at, end, symbolMax)
    case Tag.bytes: return atom(bytes, at, end)
  }
  if (tag >= Tag.annotation && tag <= Tag.dictionary && depth === 0) return new DecodeError("TooDeep", at, "nested too deep")
  switch (tag) {
    case Tag.record:
      if (bytes[at + 1] === Tag.end && at + 1 < end) return malformed(at + 1, "a record has no label")
      return members(bytes, at + 1, end, depth, symbolMax)
    case Tag.sequence: return members(bytes, at + 1, end, depth, symbolMax)
    case Tag.set: return ascending(bytes, at + 1, end, depth, symbolMax, false)
    case Tag.dictionary: return ascending(bytes, at + 1, end, depth, symbolMax, true)
    case Tag.embedded: return value(bytes, at + 1, end, depth - 1, symbolMax)
    case Tag.annotation: return new DecodeError("NotCanonical", at, "an annotation")
    case Tag.end: return malformed(at, "an end marker where a value should be")
    default: return malformed(at, `no value starts with byte 0x${tag.toString(16).padStart(2, "0")}`)
  }
}

const short = (at: number): DecodeError => new DecodeError("Short", at, "the input ends inside a value")
const malformed = (at: number, message: string): DecodeError => new DecodeError("Malformed", at, message)

/** The end of an atom with a length. The length is a shortest varint, and its bytes are there. */
const atom = (bytes: Uint8Array, at: number, end: number): Found => {
  let next = at + 1
  if (next >= end) return short(next)
  let b = bytes[next++]!
  let length = b & 0x7f
  for (let scale = 128; b >= 0x80; scale *= 128) {
    if (next >= end) return short(next)
    if (scale > 2 ** 49) return new DecodeError("TooLarge", at + 1, "a length beyond 2^53")
    b = bytes[next++]!
    if (b === 0) return new DecodeError("NotCanonical", at + 1, "a length that is not in its shortest form")
    length += (b & 0x7f) * scale
  }
  return length > end - next ? short(end) : next + length
}

/** Where an atom's content starts, given that `atom` accepted it: behind the tag and the length. */
const contentOf = (bytes: Uint8Array, at: number): number => {
  let next = at + 1
  while (bytes[next]! >= 0x80) next++
  return next + 1
}

const text = (bytes: Uint8Array, at: number, end: number): Found => {
  const next = atom(bytes, at, end)
  if (typeof next !== "number") return next
  const start = contentOf(bytes, at)
  if (isAscii(bytes, start, next)) return next
  const wrong = malformedAt(bytes, start, next)
  return wrong < 0 ? next : malformed(wrong, "not UTF-8")
}

/** Most text is, and eight bytes at a time take a third of what one after the other does. */
const isAscii = (bytes: Uint8Array, start: number, end: number): boolean => {
  let i = start
  for (; i + 8 <= end; i += 8) {
    const all = bytes[i]! | bytes[i + 1]! | bytes[i + 2]! | bytes[i + 3]! | bytes[i + 4]! | bytes[i + 5]! | bytes[i + 6]! | bytes[i + 7]!
    if (all >= 0x80) return false
  }
  for (; i < end; i++) if (bytes[i]! >= 0x80) return false
  return true
}

const symbol = (bytes: Uint8Array, at: number, end: number, symbolMax: number): Found => {
  const next = text(bytes, at, end)
  if (typeof next !== "number") return next
  const size = next - contentOf(bytes, at)
  return size > symbolMax ? new DecodeError("TooLarge", at, `a symbol of ${size} bytes, more than ${symbolMax}`) : next
}

const integer = (bytes: Uint8Array, at: number, end: number): Found => {
  const next = atom(bytes, at, end)
  if (typeof next !== "number") return next
  const start = contentOf(bytes, at)
  const first = bytes[start]!
  const long = next - start === 1 ? first === 0 : next - start > 1 && ((first === 0 && bytes[start + 1]! < 0x80) || (first === 0xff && bytes[start + 1]! >= 0x80))
  return long ? new DecodeError("NotCanonical", at, "an integer that is not in its shortest form") : next
}

const double = (bytes: Uint8Array, at: number, end: number): Found => {
  if (at + 1 < end && bytes[at + 1] !== 8) return malformed(at + 1, "doubles have eight bytes")
  return end - at < 10 ? short(end) : at + 10
}

const members = (bytes: Uint8Array, at: number, end: number, depth: number, symbolMax: number): Found => {
  while (at < end && bytes[at] !== Tag.end) {
    const next = value(bytes, at, end, depth - 1, symbolMax)
    if (typeof next !== "number") return next
    at = next
  }
  return at < end ? at + 1 : short(at)
}

/** Elements of a set, or entries by their keys. */
const ascending = (bytes: Uint8Array, at: number, end: number, depth: number, symbolMax: number, entries: boolean): Found => {
  let previous = -1
  let previousEnd = -1
  while (at < end && bytes[at] !== Tag.end) {
    const next = value(bytes, at, end, depth - 1, symbolMax)
    if (typeof next !== "number") return next
    if (previous >= 0) {
      const order = compareRuns(bytes, previous, previousEnd, at, next)
      if (order === 0) return malformed(at, entries ? "a repeated key in a dictionary" : "a repeated element in a set")
      if (order > 0) return new DecodeError("NotCanonical", at, "not in the order of the canonical encodings")
    }
    previous = at
    previousEnd = next
    at = next
    if (!entries) continue
    if (at < end && bytes[at] === Tag.end) return malformed(at, "a dictionary key has no value")
    const after = value(bytes, at, end, depth - 1, symbolMax)
    if (typeof after !== "number") return after
    at = after
  }
  return at < end ? at + 1 : short(at)
}

/** Two runs of one array, by their bytes; a prefix comes first. */
const compareRuns = (bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): number => {
  for (; a < aEnd && b < bEnd; a++, b++) if (bytes[a] !== bytes[b]) return bytes[a]! - bytes[b]!
  return (aEnd - a) - (bEnd - b)
}
