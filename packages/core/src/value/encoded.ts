/**
 * Questions about values that stay encoded. The bytes are known to be canonical (they were scanned
 * where they came in, or written here), so nothing is checked again.
 */
import { copyOf, runOf } from "../data/runs.ts"
import { encode, Tag, write, Writer } from "./canonical.ts"
import { latin1, writeLatin1 } from "./latin1.ts"
import { Encoded, type Value } from "./Value.ts"

/** Where the canonical value at `at` ends: one look for atoms, a walk for compounds. */
export const skip = (bytes: Uint8Array, at: number): number => {
  let open = 0
  for (;;) {
    const tag = bytes[at++]!
    if (tag === Tag.embedded) continue // the value that it embeds follows, and counts
    if (tag >= Tag.record) open++ // record, sequence, set, dictionary: up to their end marker
    else if (tag === Tag.end) open--
    else if (tag === Tag.double) at += 9
    else if (tag >= Tag.integer) {
      let length = bytes[at++]!
      if (length >= 0x80) {
        length -= 0x80
        for (let scale = 128, b = 0x80; b >= 0x80; scale *= 128) {
          b = bytes[at++]!
          length += (b & 0x7f) * scale
        }
      }
      at += length
    }
    if (open === 0) return at
  }
}

/**
 * How many values an encoded sequence holds; -1 for what is no sequence.
 *
 * elements(encodedOf([1, [2, 3]]))   // => 2
 */
export const elements = ({ bytes, end, start }: Encoded): number => {
  if (bytes[start] !== Tag.sequence) return -1
  let count = 0
  for (let at = start + 1; at < end - 1; at = skip(bytes, at)) count++
  return count
}

/** The value's key: the same string that `canonical.key` gives for the decoded value. */
export const keyOf = ({ bytes, end, start }: Encoded): string => latin1(bytes, start, end)

/** The value that a key is of: the bytes that `keyOf` read. */
export const ofKey = (key: string): Encoded => {
  const bytes = runOf(key.length)
  writeLatin1(key, bytes, 0)
  return new Encoded(bytes)
}

/** A copy of just these bytes. What is kept must be detached: a view out of a packet pins the whole chunk. */
export const detach = ({ bytes, end, start }: Encoded): Encoded => new Encoded(copyOf(bytes, start, end))

/** Encodes a value. Throws `InvalidValue`. */
export const encodedOf = (value: Value): Encoded => new Encoded(encode(value))

/**
 * Values that go together, encoded in one run of bytes: a copy of its own for each would take longer than
 * writing it. Whoever keeps one detaches it. Throws `InvalidValue`.
 *
 * encodedRun([[1], [2]]).map(elements)   // => [1, 1]
 */
export const encodedRun = (values: ReadonlyArray<Value>): ReadonlyArray<Encoded> => {
  if (scratch.bytes.length > scratchMax) scratch = new Writer()
  scratch.length = 0
  const ends = values.map((value) => {
    write(scratch, value)
    return scratch.length
  })
  const bytes = runOf(scratch.length)
  bytes.set(scratch.bytes.subarray(0, scratch.length))
  return ends.map((end, i) => new Encoded(bytes, i === 0 ? 0 : ends[i - 1]!, end))
}
let scratch = new Writer()
/** One large run must not keep its room for ever. */
const scratchMax = 1 << 20
