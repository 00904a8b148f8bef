/**
 * Bytes that came from a stranger, cut into what a conversation's mode asks for. It never holds more
 * than one chunk beyond the largest piece that is allowed, and each byte is looked at once, however
 * small the pieces are in which it comes.
 *
 * | mode | piece |
 * | --- | --- |
 * | `bytes` | what is there, at most the credit |
 * | `lines`, `raw-lines` | up to LF or CR LF, without it: text, or bytes; at the end also without any |
 * | `packets`, `<packets n>` | what follows its own length, in 4 or n (1, 2, 4) bytes, the highest first |
 */
import { Value } from "@colloquy/core"
import type { Known } from "./Reason.ts"

export type Mode =
  | { readonly _tag: "bytes" }
  | { readonly _tag: "lines"; readonly isText: boolean }
  | { readonly _tag: "packets"; readonly prefix: 1 | 2 | 4 }
export const bytes: Mode = { _tag: "bytes" }

/**
 * The mode that a value names.
 *
 * modeOf(Value.record("packets", 2))   // => ({ _tag: "packets", prefix: 2 })
 */
export const modeOf = (value: Value.Value): Mode | undefined => {
  switch (value) {
    case Value.symbol("bytes"): return bytes
    case Value.symbol("lines"): return { _tag: "lines", isText: true }
    case Value.symbol("raw-lines"): return { _tag: "lines", isText: false }
    case Value.symbol("packets"): return { _tag: "packets", prefix: 4 }
  }
  const prefix = Value.isRecord(value, "packets", 1) ? value.fields[0] : undefined
  return prefix === 1 || prefix === 2 || prefix === 4 ? { _tag: "packets", prefix } : undefined
}

/** What goes before a packet; `undefined` when its length cannot be said. */
export const prefixOf = (mode: Mode, length: number): Uint8Array | undefined => {
  if (mode._tag !== "packets") return new Uint8Array(0)
  if (length >= 2 ** (8 * mode.prefix)) return undefined
  const prefix = Buffer.allocUnsafe(mode.prefix)
  prefix.writeUIntBE(length, 0, mode.prefix)
  return prefix
}

/** How much of a line or packet is kept until it is whole. */
export interface Limits {
  /** Bytes of a line; a longer one ends the connection. */
  readonly lineBytesMax: number
  /** Bytes of a packet without its prefix; a longer one ends the connection. */
  readonly packetBytesMax: number
}
const lf = 0x0a
const cr = 0x0d
const bytesAtOnce = 65_536 // of a piece: as much as Node reads at once

export class Intake {
  mode: Mode = bytes
  readonly #limits: Limits
  /** What is there is `[#start, #end)`; only what lies beyond `#end` is ever written to, so that pieces may point into it. */
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0
  /** No LF before it. */
  #scanned = 0
  /** Whether the buffer is ours to write to. */
  #isOwned = false
  constructor(limits: Limits) {
    this.#limits = limits
  }
  get length(): number {
    return this.#end - this.#start
  }
  setMode(mode: Mode): void {
    this.mode = mode
    this.#scanned = this.#start
  }

  push(chunk: Buffer): void {
    const { length } = this
    if (length === 0) {
      this.#adopt(chunk, 0, chunk.length, false)
      return
    }
    if (!this.#isOwned || this.#end + chunk.length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(2 * (length + chunk.length))
      this.#buffer.copy(grown, 0, this.#start, this.#end)
      this.#adopt(grown, this.#scanned - this.#start, length, true)
    }
    chunk.copy(this.#buffer, this.#end)
    this.#end += chunk.length
  }
  #adopt(buffer: Buffer, scanned: number, end: number, isOwned: boolean): void {
    this.#buffer = buffer
    this.#start = 0
    this.#scanned = scanned
    this.#end = end
    this.#isOwned = isOwned
  }

  /** The next piece, when it is whole; `isOver` when nothing will follow. A text is the reason why there will be none. */
  take(credit: number, isOver: boolean): { readonly piece: Uint8Array | string; readonly used: number } | Known | undefined {
    if (credit <= 0) return undefined
    switch (this.mode._tag) {
      case "bytes": return this.#takeBytes(Math.min(credit, this.length, bytesAtOnce))
      case "lines": return this.#takeLine(this.mode.isText, isOver)
      case "packets": return this.#takePacket(this.mode.prefix)
    }
  }
  /** Whether nothing is left to take when nothing will follow: an unfinished packet is none. */
  get isDrained(): boolean {
    if (this.mode._tag !== "packets") return this.length === 0
    const { prefix } = this.mode
    return this.length < prefix || this.length < prefix + this.#buffer.readUIntBE(this.#start, prefix)
  }
  #takeBytes(n: number) {
    return n === 0 ? undefined : { piece: this.#cut(this.#start + n), used: n }
  }
  #takeLine(isText: boolean, isOver: boolean) {
    const at = this.#buffer.subarray(0, this.#end).indexOf(lf, this.#scanned)
    this.#scanned = this.#end
    if (at < 0 && (!isOver || this.length === 0)) return this.length > this.#limits.lineBytesMax + 1 ? "line-too-long" : undefined
    const last = at < 0 ? this.#end : at
    const end = at > this.#start && this.#buffer[last - 1] === cr ? last - 1 : last
    if (end - this.#start > this.#limits.lineBytesMax) return "line-too-long"
    const line = this.#cut(end)
    this.#start = at < 0 ? last : last + 1
    this.#scanned = this.#start
    // a short line must not keep the whole chunk alive
    return { piece: isText ? text.decode(line) : line.slice(), used: 1 }
  }
  #takePacket(prefix: number) {
    if (this.length < prefix) return undefined
    const size = this.#buffer.readUIntBE(this.#start, prefix)
    if (size > this.#limits.packetBytesMax) return "packet-too-long"
    if (this.length < prefix + size) return undefined
    this.#start += prefix
    return { piece: this.#cut(this.#start + size).slice(), used: 1 }
  }
  #cut(end: number): Uint8Array {
    const { buffer, byteOffset } = this.#buffer
    const piece = new Uint8Array(buffer, byteOffset + this.#start, end - this.#start)
    this.#start = end
    return piece
  }
}
const text = new TextDecoder("utf-8", { ignoreBOM: true }) // what is no UTF-8 becomes U+FFFD
