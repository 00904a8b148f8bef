/**
 * Room for bytes. Short runs lie in buffers that many of them share: a buffer of its own costs as
 * much as all the rest of a short turn (measured: 0.9 µs of 8).
 *
 * Promises: no byte is given out twice, so a run is its owner's for ever. Whoever keeps one for longer
 * than it takes to hand on copies it: it keeps the others of its buffer from being collected.
 */
const sharedBytes = 8_192
/** Longer ones have a buffer of their own. */
const shortMax = 1_024 // a guess: an eighth of a buffer may be left unused

/** Buffers of one's own to share: makes runs of so many bytes, all of them 0. */
export const runs = (): (length: number) => Uint8Array => {
  let shared = new Uint8Array(sharedBytes)
  let used = 0
  return (length) => {
    if (length > shortMax) return new Uint8Array(length)
    // somebody may have given it away with a run, as by `postMessage`: then it has no bytes any more
    if (used + length > shared.length) {
      shared = new Uint8Array(sharedBytes)
      used = 0
    }
    const from = used
    used += length
    return new Uint8Array(shared.buffer, from, length)
  }
}

/** Those that do not leave this package but to be written. */
export const runOf = runs()

/** A copy, which keeps nothing else in memory. A `Buffer` is a `Uint8Array` whose own `slice` is none. */
export const copyOf = (bytes: Uint8Array, start: number, end: number): Uint8Array => Uint8Array.prototype.slice.call(bytes, start, end)
