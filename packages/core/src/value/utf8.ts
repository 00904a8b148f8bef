/** UTF-8 in plain TypeScript: core has no TextEncoder, and for short strings a loop is faster than one. */

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
