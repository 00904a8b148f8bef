/**
 * What captures and patterns must be to travel. These bounds are the same at every node, since what
 * one accepts it hands on to others: nothing that came in by one link is refused at the next.
 *
 * Promises: what a peer sent and this accepted has a key wherever it goes here, wrapped in what the
 * kernel, a relay and the wire put around it; and what is made here and does not fit is known before
 * it is said, so that it stays at home and costs nobody a link.
 */
import { type DecodeError, scan } from "../codec/Binary.ts"
import { encode } from "../value/canonical.ts"
import * as Pattern from "../value/Pattern.ts"
import type { Encoded } from "../value/Value.ts"

/**
 * Compounds nested in one another, the sequence of captures included. A value has a key up to 120
 * levels; `<Observe p>`, `<inbound v>`, `<exited … v>` and captures each add one or two, at every
 * dataspace that a value is carried into. The rest is for those.
 */
export const depthMax = 100
/** Bytes of a symbol. It stays in memory for ever once it is decoded, so it is to be a name. */
export const symbolBytesMax = 255 // as names
/** Bytes of one pattern, so that it fits into a packet of every peer (65,536 at least). */
export const patternBytesMax = 32_768
/** Bytes of the captures of one item, so that it fits into a packet of the default size. */
export const capturesBytesMax = 16_777_216 - 64

/** As a peer will look at them. */
const scanned = ({ bytes, end, start }: Encoded, bytesMax: number): number | DecodeError =>
  scan(bytes, start, end, { depthMax, bytesMax, symbolBytesMax })

/** Whether captures fit through a link. */
export const isSendable = (captures: Encoded): boolean => typeof scanned(captures, capturesBytesMax) === "number"
/** Whether the value of a pattern does; its normal form is what counts. */
export const isAskable = (pattern: Encoded): boolean => typeof scanned(pattern, patternBytesMax) === "number"

/** Whether the normal form, which may be one level deeper than what was sent, is no deeper than this. */
export const isWithin = (pattern: Pattern.Pattern, levels: number): boolean => {
  const bytes = encode(Pattern.toValue(pattern))
  return typeof scan(bytes, 0, bytes.length, { depthMax: levels, bytesMax: bytes.length }) === "number"
}
