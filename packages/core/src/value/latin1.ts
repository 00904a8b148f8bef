/**
 * Bytes as a string of as many characters, for keys in native Maps.
 *
 * Promises: in one piece, since a string that is put together from several stays a tree of them (a key
 * of 50 bytes that is kept then takes 413 bytes instead of 117, and 1.2 µs to make instead of 0.07).
 */
import { native } from "./native.ts"

/** A run of bytes as a Latin-1 string: one character a byte. */
export const latin1 = (bytes: Uint8Array, start: number, end: number): string =>
  end - start <= shortMax ? short(bytes, start, end) : native !== undefined ? native.latin1Slice.call(bytes, start, end) : long(bytes, start, end)

/** Arguments that the source counts take half of what they take out of an array, and a third of a native call. */
const short = (b: Uint8Array, i: number, end: number): string => {
  switch (end - i) {
    case 0: return ""
    case 1: return String.fromCharCode(b[i]!)
    case 2: return String.fromCharCode(b[i]!, b[i + 1]!)
    case 3: return String.fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!)
    case 4: return String.fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!)
    case 5: return String.fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!)
    case 6: return String.fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!)
    case 7: return String.fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!)
    case 8: return String.fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!)
    default: return String.fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!) + short(b, i + 9, end)
  }
}
/** A string of up to twelve characters that is put together is in one piece. */
const shortMax = 12

const long = (bytes: Uint8Array, start: number, end: number): string => {
  let text = ""
  // `apply` takes all that is like an array, though its type says otherwise
  for (let i = start; i < end; i += pieceMax) {
    const codes: Array<number> = [] // out of a plain array it takes half of what it does out of a view
    for (let k = i; k < end && k < i + pieceMax; k++) codes.push(bytes[k]!)
    text += String.fromCharCode.apply(null, codes)
  }
  return text
}
const pieceMax = 4096 // arguments of a call have their room on the stack

/** Writes what `latin1` read back, where there is room for it, and says how many bytes that were. */
export const writeLatin1 = (text: string, into: Uint8Array, at: number): number => {
  if (text.length > shortMax && native !== undefined) return native.latin1Write.call(into, text, at, text.length)
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i)
  return text.length
}
