/**
 * Frames in a stream of bytes: four bytes of length, most significant first, then as many bytes.
 *
 * Promises: frames come out whole and in order however the stream was cut; one that lies whole in a
 * chunk is a view of it, one that does not is copied once; a frame longer than allowed is refused
 * when its length is read, before a byte of it is kept; memory grows with the bytes that came, never
 * with the length that was claimed.
 */
import { copyOf } from "../data/runs.ts"
import { DecodeError } from "./DecodeError.ts"

/** The beginning of a frame whose end has not come. */
export interface State {
  readonly partial: Partial | undefined
}
interface Partial {
  /** Length prefix included. */
  readonly buffer: Buffer
  /** How much of the buffer is this state's. */
  readonly have: number
}

/**
 * Bytes that several states share: each knows how many are its own. Only the state that owns all
 * that is filled writes behind them; an older one that is used again copies first, so no state ever
 * sees another's bytes, and appending costs no copy of what is there.
 */
interface Buffer {
  readonly bytes: Uint8Array
  filled: number
}

/** Bytes of the length that stands before each frame. */
export const prefixBytes = 4

/** A stream of which nothing has come. */
export const initial: State = { partial: undefined }

/** What came of a chunk: `state` is for the next one, and the frames are without their prefix. */
export interface Split {
  readonly state: State
  readonly frames: ReadonlyArray<Uint8Array>
  /** After it the stream cannot be read on: nobody knows where the next frame starts. */
  readonly error?: DecodeError
}

/**
 * The frames that `chunk` completes. `bytesMax` bounds a frame without its prefix.
 *
 * split(initial, Uint8Array.of(0, 0, 0, 1, 7, 0, 0), 100).frames   // => [Uint8Array.of(7)]
 */
export const split = (state: State, chunk: Uint8Array, bytesMax: number): Split => {
  const frames: Array<Uint8Array> = []
  let at = 0
  let partial = state.partial
  while (partial !== undefined && at < chunk.length) {
    const need = partial.have < prefixBytes ? prefixBytes : prefixBytes + lengthAt(partial.buffer.bytes, 0)
    const taken = Math.min(need - partial.have, chunk.length - at)
    partial = append(partial, chunk, at, at + taken, need)
    at += taken
    if (partial.have < prefixBytes) continue
    const length = lengthAt(partial.buffer.bytes, 0)
    if (length > bytesMax) return refuse(state, frames, length, bytesMax)
    if (partial.have === prefixBytes + length) {
      frames.push(partial.buffer.bytes.subarray(prefixBytes, partial.have))
      partial = undefined
    }
  }
  while (chunk.length - at >= prefixBytes) {
    const length = lengthAt(chunk, at)
    if (length > bytesMax) return refuse(state, frames, length, bytesMax)
    const end = at + prefixBytes + length
    if (end > chunk.length) break
    frames.push(chunk.subarray(at + prefixBytes, end))
    at = end
  }
  if (at < chunk.length) partial = begin(chunk, at)
  return { state: { partial }, frames }
}

const refuse = (state: State, frames: ReadonlyArray<Uint8Array>, length: number, bytesMax: number): Split =>
  ({ state, frames, error: new DecodeError("TooLarge", 0, `a frame of ${length} bytes where at most ${bytesMax} are taken`) })

const lengthAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! * 0x1000000 + (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!)

/** A copy: to keep a view would keep the whole chunk alive for its tail. */
const begin = (chunk: Uint8Array, at: number): Partial => {
  const bytes = copyOf(chunk, at, chunk.length)
  return { buffer: { bytes, filled: bytes.length }, have: bytes.length }
}

const append = ({ buffer, have }: Partial, chunk: Uint8Array, from: number, to: number, need: number): Partial => {
  const end = have + to - from
  if (buffer.filled !== have || end > buffer.bytes.length) {
    // doubling keeps a stream of single bytes linear; no more than the frame can use
    const bytes = new Uint8Array(Math.max(end, Math.min(need, have * 2)))
    bytes.set(buffer.bytes.subarray(0, have))
    buffer = { bytes, filled: have }
  }
  buffer.bytes.set(chunk.subarray(from, to), have)
  buffer.filled = end
  return { buffer, have: end }
}
