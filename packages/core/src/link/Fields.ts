/** Reads the fields of a small record off its canonical bytes, one after the other. */
import { Tag } from "../value/canonical.ts"
import { skip } from "../value/encoded.ts"
import * as utf8 from "../value/utf8.ts"
import { PacketError, type PacketErrorCode } from "./PacketError.ts"

/** UTF-8 bytes of a node id, a scope's name, an error's code. */
export const nameBytesMax = 255 // what file systems and DNS allow
/** UTF-8 bytes of a reason or a message for people. */
export const textBytesMax = 1_024 // a guess: some lines of a log

/**
 * The first field that does not fit is kept in `wrong`, and all that is read after it is empty, so
 * that a caller decides once, when it has read everything.
 */
export class Fields {
  wrong: PacketError | undefined = undefined
  private readonly bytes: Uint8Array
  private at: number
  /** `at` is where the first field starts. The record was scanned. */
  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
  }

  name(): string {
    return this.text(Tag.string, nameBytesMax)
  }
  code(): string {
    return this.text(Tag.symbol, nameBytesMax)
  }
  message(): string {
    return this.text(Tag.string, textBytesMax)
  }
  /** An integer from 0 to `max`. */
  count(max = Number.MAX_SAFE_INTEGER): number {
    const at = this.take(Tag.integer)
    return this.wrong === undefined ? this.countAt(at, max) : 0
  }
  /** A count, or `#f` for none. */
  countOrNone(): number | undefined {
    return this.bytes[this.at] === Tag.false ? void this.at++ : this.count()
  }
  flag(): boolean {
    const tag = this.bytes[this.at]
    this.take(tag === Tag.true ? Tag.true : Tag.false)
    return tag === Tag.true
  }
  /**
   * The counts that a dictionary has under the symbols that `least` names; what it does not name is
   * as in `least`, and less than that is an error. Other keys must be symbols, and are skipped.
   */
  counts<A extends { readonly [name: string]: number }>(least: A): A {
    const found: { [name: string]: number } = { ...least }
    const from = this.take(Tag.dictionary)
    let at = from + 1
    while (this.wrong === undefined && this.bytes[at] !== Tag.end) {
      const key = this.textAt(at, Tag.symbol, nameBytesMax)
      const value = skip(this.bytes, at)
      if (this.wrong === undefined && Object.hasOwn(least, key)) {
        found[key] = this.countAt(value)
        if (found[key]! < least[key]!) this.fail("BadField", `a peer takes at least ${least[key]} as ${key}`, value)
      }
      at = skip(this.bytes, value)
    }
    return found as A
  }
  /** `packet` when every field fitted and none is left. */
  done<P>(packet: P): P | PacketError {
    if (this.bytes[this.at] !== Tag.end) this.fail("UnknownPacket", "a packet with too many fields", this.at)
    return this.wrong ?? packet
  }

  private text(tag: number, bytesMax: number): string {
    const at = this.take(tag)
    return this.wrong === undefined ? this.textAt(at, tag, bytesMax) : ""
  }
  /** Steps over the next field, which should have this tag; where it starts. */
  private take(tag: number): number {
    const at = this.at
    const found = this.bytes[at]
    if (found === Tag.end) this.fail("UnknownPacket", "a packet with too few fields", at)
    else if (found !== tag) this.fail("BadField", `a field of kind ${hex(tag)} is due, not ${hex(found!)}`, at)
    else this.at = skip(this.bytes, at)
    return at
  }
  private textAt(at: number, tag: number, bytesMax: number): string {
    const end = skip(this.bytes, at)
    let from = at + 1
    while (this.bytes[from]! >= 0x80) from++ // the length, of which the last byte is below 0x80
    from++
    if (this.bytes[at] !== tag) this.fail("BadField", `a value of kind ${hex(tag)} is due, not ${hex(this.bytes[at]!)}`, at)
    else if (end - from > bytesMax) this.fail("BadField", `${end - from} bytes of text where at most ${bytesMax} are taken`, at)
    return this.wrong === undefined ? utf8.read(this.bytes, from, end) : ""
  }
  private countAt(at: number, max = Number.MAX_SAFE_INTEGER): number {
    const size = this.bytes[at + 1]!
    let n = 0
    // eight bytes in their shortest form are beyond 2^53 already
    for (let i = 0; i < Math.min(size, 8); i++) n = n * 256 + this.bytes[at + 2 + i]!
    const negative = size > 0 && this.bytes[at + 2]! >= 0x80
    if (this.bytes[at] === Tag.integer && !negative && n <= max) return n
    this.fail("BadField", `an integer from 0 to ${max} is due`, at)
    return 0
  }
  private fail(code: PacketErrorCode, message: string, at: number): void {
    this.wrong ??= new PacketError(code, message, at)
  }
}

const hex = (tag: number): string => `0x${tag.toString(16)}`
