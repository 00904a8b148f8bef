/**
 * UTF-8, by the runtime where it can and the text is not short, else in plain TypeScript.
 *
 * Promises: the same for any bytes and text, whoever does it; and text in one piece where the runtime made it.
 */
import { latin1 } from "./latin1.ts"
import { native } from "./native.ts"

const { utf8Slice, utf8Write } = native ?? {}

/** The text that `bytes[start, end)` are, or else the offset of what is no UTF-8. */
export const text = (bytes: Uint8Array, start: number, end: number): string | number => {
  if (utf8Slice === undefined || end - start <= shortMax) return isAscii(bytes, start, end) ? latin1(bytes, start, end) : slowText(bytes, start, end)
  const found = utf8Slice.call(bytes, start, end)
  // it stands for what is malformed, and may be there of right
  return found.includes("\uFFFD") ? slowText(bytes, start, end) : found
}
const shortMax = 12 // measured: more takes longer one by one than by a native call

const slowText = (bytes: Uint8Array, start: number, end: number): string | number => {
  const wrong = malformedAt(bytes, start, end)
  return wrong < 0 ? read(bytes, start, end) : wrong
}

/** Whether all bytes are ASCII. Most text is, and eight at a time take a third of what one after the other does. */
export const isAscii = (bytes: Uint8Array, start: number, end: number): boolean => {
  let i = start
  for (; i + 8 <= end; i += 8) {
    const all = bytes[i]! | bytes[i + 1]! | bytes[i + 2]! | bytes[i + 3]! | bytes[i + 4]! | bytes[i + 5]! | bytes[i + 6]! | bytes[i + 7]!
    if (all >= 0x80) return false
  }
  for (; i < end; i++) if (bytes[i]! >= 0x80) return false
  return true
}

/**
 * Writes `text` at `at` and says how many bytes it took; -1, having written something, when it holds a
 * lone surrogate. The caller has made room for three bytes a unit, or for `byteLength`.
 */
export const put = (text: string, into: Uint8Array, at: number): number => {
  const size = text.length
  if (size <= shortMax) {
    let i = 0
    for (; i < size; i++) {
      const c = text.charCodeAt(i)
      if (c >= 0x80) break
      into[at + i] = c
    }
    if (i === size) return size
  }
  if (utf8Write === undefined || size <= shortMax) return byteLength(text) < 0 ? -1 : write(text, into, at) - at
  const written = utf8Write.call(into, text, at, into.length - at)
  return written === size || text.isWellFormed() ? written : -1 // what is no ASCII has more bytes than units
}

/** Bytes that `text` takes, or -1 when it holds a lone surrogate (which UTF-8 cannot say). */
export const byteLength = (text: string): number => {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c < 0x80) continue
    if (c < 0x800) bytes += 1
    else if (c < 0xd800 || c > 0xdfff) bytes += 2
    else {
      const low = c < 0xdc00 && i + 1 < text.length ? text.charCodeAt(i + 1) : 0
      if (low < 0xdc00 || low > 0xdfff) return -1
      bytes += 2 // four bytes for two units
      i++
    }
  }
  return bytes
}

/** Writes well-formed `text` at `at`; returns where it ends. The caller has made room (`byteLength`). */
export const write = (text: string, into: Uint8Array, at: number): number => {
  for (let i = 0; i < text.length; i++) {
    let c = text.charCodeAt(i)
    if (c < 0x80) {
      into[at++] = c
      continue
    }
    if (c < 0x800) into[at++] = 0xc0 | (c >> 6)
    else {
      if (c >= 0xd800 && c <= 0xdfff) {
        c = 0x10000 + ((c - 0xd800) << 10) + (text.charCodeAt(++i) - 0xdc00)
        into[at++] = 0xf0 | (c >> 18)
        into[at++] = 0x80 | ((c >> 12) & 0x3f)
      } else into[at++] = 0xe0 | (c >> 12)
      into[at++] = 0x80 | ((c >> 6) & 0x3f)
    }
    into[at++] = 0x80 | (c & 0x3f)
  }
  return at
}

/** Where the first malformed sequence of `bytes[start, end)` begins, or -1 (Unicode 15, table 3-7). */
export const malformedAt = (bytes: Uint8Array, start: number, end: number): number => {
  let i = start
  while (i < end) {
    const b = bytes[i]!
    if (b < 0x80) {
      i++
      continue
    }
    const more = b >= 0xc2 && b <= 0xdf ? 1 : b >= 0xe0 && b <= 0xef ? 2 : b >= 0xf0 && b <= 0xf4 ? 3 : 0
    if (more === 0 || i + more >= end) return i
    const second = bytes[i + 1]!
    const least = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80
    const most = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf
    if (second < least || second > most) return i
    for (let k = 2; k <= more; k++) if ((bytes[i + k]! & 0xc0) !== 0x80) return i
    i += more + 1
  }
  return -1
}

/** Reads `bytes[start, end)`, which the caller knows to be well-formed. */
export const read = (bytes: Uint8Array, start: number, end: number): string => {
  let text = ""
  let i = start
  while (i < end) {
    const b = bytes[i++]!
    if (b < 0x80) text += String.fromCharCode(b)
    else if (b < 0xe0) text += String.fromCharCode(((b & 0x1f) << 6) | (bytes[i++]! & 0x3f))
    else if (b < 0xf0) text += String.fromCharCode(((b & 0x0f) << 12) | ((bytes[i++]! & 0x3f) << 6) | (bytes[i++]! & 0x3f))
    else text += String.fromCodePoint(((b & 0x07) << 18) | ((bytes[i++]! & 0x3f) << 12) | ((bytes[i++]! & 0x3f) << 6) | (bytes[i++]! & 0x3f))
  }
  return text
}
