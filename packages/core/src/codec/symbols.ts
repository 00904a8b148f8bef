/**
 * Symbols out of bytes. Labels come again and again: the last ones are found by their bytes, without making text of them.
 *
 * Promises: memory for no more symbols than a fixed few.
 */
import { copyOf } from "../data/runs.ts"
import * as utf8 from "../value/utf8.ts"
import { symbol } from "../value/Value.ts"

/** The symbol that `bytes[start, end)` are the name of, or else the offset of what is no UTF-8. */
export const symbolOf = (bytes: Uint8Array, start: number, end: number): symbol | number => {
  const size = end - start
  if (size > rememberedMax || size === 0) return freshSymbol(bytes, start, end)
  // not all of them: who is at the place is compared, whatever brought us there
  const slot = (bytes[start]! * 31 + bytes[start + (size >> 1)]! * 7 + bytes[end - 1]! * 3 + size) & (remembered.length - 1)
  const last = remembered[slot]
  if (last !== undefined && isSame(last.bytes, bytes, start, size)) return last.symbol
  const found = freshSymbol(bytes, start, end)
  if (typeof found === "symbol") remembered[slot] = { bytes: copyOf(bytes, start, end), symbol: found }
  return found
}
const freshSymbol = (bytes: Uint8Array, start: number, end: number): symbol | number => {
  const name = utf8.text(bytes, start, end)
  return typeof name === "string" ? symbol(name) : name
}
const isSame = (known: Uint8Array, bytes: Uint8Array, start: number, size: number): boolean => {
  if (known.length !== size) return false
  for (let i = 0; i < size; i++) if (known[i] !== bytes[start + i]) return false
  return true
}
const remembered: Array<{ readonly bytes: Uint8Array; readonly symbol: symbol } | undefined> = Array.from({ length: 256 }, () => undefined) // a guess: more labels than a program has
const rememberedMax = 32 // bytes of a symbol, a guess
