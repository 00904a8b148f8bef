/**
 * Checks bytes without building a value from them. This guards the links: a node compares and
 * forwards what peers sent without decoding it, so one peer's malformed or ambiguous bytes must
 * never reach another, nor count as a second value beside their canonical twin.
 */
import { Tag as tags } from "../value/canonical.ts"
import { isAscii, malformedAt } from "../value/utf8.ts"
import { DecodeError, defaultLimits, type Limits } from "./DecodeError.ts"

const Tag = tags // as in Binary.ts

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
  let open = 0 // records and sequences, which are most of what nests, take a loop where others take a call
  do {
    if (at >= end) return short(at)
    const tag = bytes[at]!
    let next: Found = at + 1
    if (tag >= Tag.integer && tag <= Tag.symbol) next = atom(bytes, tag, at, end, symbolMax)
    else if (tag === Tag.double) next = double(bytes, at, end)
    else if (tag === Tag.end) {
      if (open === 0) return malformed(at, "an end marker where a value should be")
      open--
    } else if (tag !== Tag.false && tag !== Tag.true) {
      if (open === depth && tag >= Tag.annotation && tag <= Tag.dictionary) return new DecodeError("TooDeep", at, "nested too deep")
      if (tag === Tag.record || tag === Tag.sequence) {
        if (tag === Tag.record && next < end && bytes[next] === Tag.end) return malformed(next, "a record has no label")
        open++
      } else next = rare(bytes, tag, at, end, depth - open, symbolMax)
    }
    if (typeof next !== "number") return next
    at = next
  } while (open > 0)
  return at
}

const rare = (bytes: Uint8Array, tag: number, at: number, end: number, depth: number, symbolMax: number): Found => {
  switch (tag) {
    case Tag.set: return ascending(bytes, at + 1, end, depth, symbolMax, false)
    case Tag.dictionary: return ascending(bytes, at + 1, end, depth, symbolMax, true)
    case Tag.embedded: return value(bytes, at + 1, end, depth - 1, symbolMax)
    case Tag.annotation: return new DecodeError("NotCanonical", at, "an annotation")
    default: return malformed(at, `no value starts with byte 0x${tag.toString(16).padStart(2, "0")}`)
  }
}

const short = (at: number): DecodeError => new DecodeError("Short", at, "the input ends inside a value")
const malformed = (at: number, message: string): DecodeError => new DecodeError("Malformed", at, message)

/** The end of an atom with a length. The length is a shortest varint, and its bytes are there. */
const atom = (bytes: Uint8Array, tag: number, at: number, end: number, symbolMax: number): Found => {
  if (at + 1 >= end) return short(at + 1)
  let length = bytes[at + 1]!
  let start: Found = at + 2
  if (length >= 0x80) {
    start = behindLength(bytes, at, end)
    if (typeof start !== "number") return start
    length = 0
    for (let i = start - 1; i > at; i--) length = length * 0x80 + (bytes[i]! & 0x7f)
  }
  if (length > end - start) return short(end)
  if (tag === Tag.integer) return integer(bytes, at, start, length)
  return tag === Tag.bytes ? start + length : text(bytes, tag, at, start, start + length, symbolMax)
}

/** Where a length of several bytes ends. */
const behindLength = (bytes: Uint8Array, at: number, end: number): Found => {
  let next = at + 2
  for (let b = 0x80; b >= 0x80; next++) {
    if (next >= end) return short(next)
    if (next - at > 8) return new DecodeError("TooLarge", at + 1, "a length beyond 2^53")
    b = bytes[next]!
    if (b === 0) return new DecodeError("NotCanonical", at + 1, "a length that is not in its shortest form")
  }
  return next
}

const text = (bytes: Uint8Array, tag: number, at: number, start: number, end: number, symbolMax: number): Found => {
  if (!isAscii(bytes, start, end)) {
    const wrong = malformedAt(bytes, start, end)
    if (wrong >= 0) return malformed(wrong, "not UTF-8")
  }
  const isTooLong = tag === Tag.symbol && end - start > symbolMax
  return isTooLong ? new DecodeError("TooLarge", at, `a symbol of ${end - start} bytes, more than ${symbolMax}`) : end
}

const integer = (bytes: Uint8Array, at: number, start: number, length: number): Found => {
  const first = bytes[start]!
  const isLong = length === 1 ? first === 0 : length > 1 && ((first === 0 && bytes[start + 1]! < 0x80) || (first === 0xff && bytes[start + 1]! >= 0x80))
  return isLong ? new DecodeError("NotCanonical", at, "an integer that is not in its shortest form") : start + length
}

const double = (bytes: Uint8Array, at: number, end: number): Found => {
  if (at + 1 < end && bytes[at + 1] !== 8) return malformed(at + 1, "doubles have eight bytes")
  return end - at < 10 ? short(end) : at + 10
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
