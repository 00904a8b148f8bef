/**
 * Text and symbols out of bytes, fast: of what is read, text is most.
 *
 * Promises: what `value/utf8.ts` would give, for any bytes; text in one piece, since a string that is
 * put together from several stays a tree of them; and memory for no more symbols than a fixed few.
 */
import * as utf8 from "../value/utf8.ts"
import { symbol } from "../value/Value.ts"

/** The text that `bytes[start, end)` are, or else the offset of what is no UTF-8. */
export const textOf = (bytes: Uint8Array, start: number, end: number): string | number => {
  const size = end - start
  if (size > shortMax) return longText(bytes, start, end)
  const codes = codesOf[size]!
  let all = 0
  for (let i = start, at = 0; i < end; i++) {
    const b = bytes[i]!
    all |= b
    codes[at++] = b
  }
  // arguments out of a plain array cost half of what they do out of a view
  return all < 0x80 ? String.fromCharCode.apply(null, codes) : slowText(bytes, start, end)
}
const shortMax = 32 // measured: from 40 bytes on, calling the runtime's decoder takes less
/** One array for every length, used again and again. */
const codesOf = Array.from({ length: shortMax + 1 }, (_, length) => Array.from({ length }, () => 0))

const slowText = (bytes: Uint8Array, start: number, end: number): string | number => {
  const wrong = utf8.malformedAt(bytes, start, end)
  return wrong < 0 ? utf8.read(bytes, start, end) : wrong
}

const longText = (bytes: Uint8Array, start: number, end: number): string | number => {
  if (runtime === undefined) return slowText(bytes, start, end)
  try {
    return runtime.decode(bytes.subarray(start, end))
  } catch {
    return slowText(bytes, start, end) // it does not say where it went wrong
  }
}

/**
 * The runtime's own decoder, where there is one. It is no part of the language, but a function of its
 * bytes like any other, and the standard (encoding.spec.whatwg.org) has it refuse exactly what we do:
 * 0.15 µs for 123 bytes, checked, where a loop takes 1.0.
 */
const runtime = (() => {
  const { TextDecoder } = globalThis as { readonly TextDecoder?: new (label: string, options: object) => { readonly decode: (bytes: Uint8Array) => string } }
  return TextDecoder === undefined ? undefined : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
})()

/** As `textOf`, for a symbol. Those of the last labels are remembered by their bytes: it takes no text to find one. */
export const symbolOf = (bytes: Uint8Array, start: number, end: number): symbol | number => {
  const size = end - start
  if (size > rememberedMax) return freshSymbol(bytes, start, end)
  let hash = size
  for (let i = start; i < end; i++) hash = (hash * 31 + bytes[i]!) & 0x3fffffff
  const slot = hash % remembered.length
  const last = remembered[slot]
  if (last !== undefined && isSame(last.bytes, bytes, start, size)) return last.symbol
  const found = freshSymbol(bytes, start, end)
  if (typeof found === "symbol") remembered[slot] = { bytes: bytes.slice(start, end), symbol: found }
  return found
}
const freshSymbol = (bytes: Uint8Array, start: number, end: number): symbol | number => {
  const name = textOf(bytes, start, end)
  return typeof name === "string" ? symbol(name) : name
}
const isSame = (known: Uint8Array, bytes: Uint8Array, start: number, size: number): boolean => {
  if (known.length !== size) return false
  for (let i = 0; i < size; i++) if (known[i] !== bytes[start + i]) return false
  return true
}
const remembered: Array<{ readonly bytes: Uint8Array; readonly symbol: symbol } | undefined> = Array.from({ length: 256 }, () => undefined) // a guess: more labels than a program has
const rememberedMax = 32 // bytes of a symbol, a guess
