/**
 * The text syntax of Preserves 0.996: what people type and read.
 *
 * Promises: whatever the text, reading returns in time linear in it, nests no deeper than `depthMax`
 * calls, and refuses with the offset (in UTF-16 units) of what is wrong; what `print` writes is read
 * back as the same value.
 */
import { key } from "../value/canonical.ts"
import { latin1 } from "../value/latin1.ts"
import { Dictionary, Double, Embedded, InvalidValue, kindOf, Record, Set, symbol, type Value } from "../value/Value.ts"
import { annotate, isAnnotated, strip } from "./Annotated.ts"
import { DecodeError, defaultLimits, type Limits, Refusal, refusable } from "./DecodeError.ts"

/**
 * Exactly one value.
 *
 * read('<present "lobby" 7>')   // => Value.record("present", "lobby", 7)
 */
export const read = (text: string, limits: Limits = defaultLimits): Value | DecodeError => one(text, limits, false)

/** As `read`, with every annotated value wrapped in `Annotated`. */
export const readAnnotated = (text: string, limits: Limits = defaultLimits): Value | DecodeError => one(text, limits, true)

/** All values of a document. Comments may follow the last. */
export const readAll = (text: string, limits: Limits = defaultLimits): ReadonlyArray<Value> | DecodeError =>
  guarded(text, limits, false, (reader) => {
    const values: Array<Value> = []
    for (let value = reader.next(0); value !== undefined; value = reader.next(0)) values.push(value)
    return values
  })

const one = (text: string, limits: Limits, annotations: boolean): Value | DecodeError =>
  guarded(text, limits, annotations, (reader) => {
    const value = reader.value(0)
    reader.space()
    if (reader.at < text.length) reader.refuse("Trailing", "something follows the value")
    return value
  })

const guarded = <A>(text: string, limits: Limits, annotations: boolean, body: (reader: Reader) => A): A | DecodeError => {
  if (text.length > limits.bytesMax) return new DecodeError("TooLarge", 0, `${text.length} characters, more than ${limits.bytesMax}`)
  return refusable(() => body(new Reader(text, limits.depthMax, annotations)))
}

const whitespace = /[ \t\r\n]*/y
const commas = /[ \t\r\n,]*/y
/** Of letters, digits, these signs, and of other characters those that are no separators or controls. */
const token = /(?:[A-Za-z0-9~!$%^&*?_=+\-/.|]|(?![\u0000-\u007f])[\p{Lu}\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{Mn}\p{Mc}\p{Me}\p{Nd}\p{Nl}\p{No}\p{Pc}\p{Pd}\p{Po}\p{Sc}\p{Sm}\p{Sk}\p{So}\p{Co}])+/uy
const reserved = /[<>[\]{}#:"'@;,\s]/
const integer = /^[-+]?\d+$/
const double = /^[-+]?\d+(\.\d+([eE][-+]?\d+)?|[eE][-+]?\d+)$/
const plain = { '"': /[^"\\]*/y, "'": /[^'\\]*/y } as const

class Reader {
  readonly text: string
  readonly depthMax: number
  readonly annotations: boolean
  at = 0
  constructor(text: string, depthMax: number, annotations: boolean) {
    this.text = text
    this.depthMax = depthMax
    this.annotations = annotations
  }

  refuse(kind: DecodeError["kind"], message: string, at = this.at): never {
    throw new Refusal(new DecodeError(kind, at, message))
  }
  short(): never {
    return this.refuse("Short", "the text ends inside a value", this.text.length)
  }
  skip(pattern: RegExp): string {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)?.[0] ?? ""
    this.at += found.length
    return found
  }
  space(): void {
    this.skip(whitespace)
  }
  eat(prefix: string): boolean {
    if (!this.text.startsWith(prefix, this.at)) return false
    this.at += prefix.length
    return true
  }

  /** The next value of a document, or `undefined` where only comments are left. */
  next(depth: number): Value | undefined {
    this.space()
    if (this.at >= this.text.length) return undefined
    const start = this.at
    while (this.comment() !== undefined) this.space()
    if (this.at >= this.text.length) return undefined
    this.at = start
    return this.value(depth)
  }

  value(depth: number): Value {
    if (depth > this.depthMax) this.refuse("TooDeep", `nested deeper than ${this.depthMax}`)
    // a run of annotations is a loop, not a recursion: they are many on one value
    const annotations: Array<Value> = []
    for (;;) {
      this.space()
      const comment = this.comment()
      if (comment !== undefined) annotations.push(comment)
      else if (this.eat("@")) annotations.push(this.value(depth + 1))
      else break
    }
    const value = this.bare(depth)
    return this.annotations && annotations.length > 0 ? annotate(annotations, value) : value
  }

  /** A comment is an annotation: `# text`, an empty `#`, or `#!` for an interpreter. */
  comment(): Value | undefined {
    if (this.text[this.at] !== "#") return undefined
    const second = this.text[this.at + 1]
    if (second !== " " && second !== "\t" && second !== "\n" && second !== "\r" && second !== "!") return undefined
    const end = this.text.indexOf("\n", this.at)
    const line = this.text.slice(this.at + (second === "\n" || second === "\r" ? 1 : 2), end < 0 ? this.text.length : end).replace(/\r$/, "")
    this.at = end < 0 ? this.text.length : end + 1
    return second === "!" ? new Record(symbol("interpreter"), [line]) : line
  }

  bare(depth: number): Value {
    if (this.at >= this.text.length) this.short()
    switch (this.text[this.at]) {
      case "<": this.at++; return this.record(depth)
      case "[": this.at++; return this.items("]", depth)
      case "{": this.at++; return this.dictionary(depth)
      case '"': this.at++; return this.quoted('"')
      case "'": this.at++; return symbol(this.quoted("'"))
      case "#": return this.hash(depth)
      default: return this.token()
    }
  }

  token(): Value {
    const start = this.at
    const word = this.skip(token)
    if (word === "") this.refuse("Malformed", `no value starts with ${JSON.stringify(String.fromCodePoint(this.text.codePointAt(this.at)!))}`)
    if (integer.test(word)) return integerOf(word)
    if (double.test(word)) return doubleOf(Number(word))
    if (/[\ud800-\udfff]/.test(word) && !isWellFormed(word)) this.refuse("Malformed", "a lone surrogate", start)
    return symbol(word)
  }

  hash(depth: number): Value {
    const start = this.at++
    const kind = this.text[this.at++]
    switch (kind) {
      case undefined: return this.short()
      case "t":
      case "f":
        if (this.at < this.text.length && !reserved.test(this.text[this.at]!)) this.refuse("Malformed", "a boolean is #t or #f and nothing more", start)
        return kind === "t"
      case "{": return this.set(depth, start)
      case ":": return new Embedded(this.value(depth + 1))
      case '"': return this.byteString()
      case "[": return this.base64()
      case "x":
        if (this.eat('"')) return this.hex()
        if (this.eat('d"')) {
          const bytes = this.hex()
          if (bytes.length !== 8) this.refuse("Malformed", "a double has sixteen hexadecimal digits", start)
          return doubleOfBytes(bytes)
        }
        return this.at >= this.text.length ? this.short() : this.refuse("Malformed", 'after #x come " or d"', start)
      default: return this.refuse("Malformed", `nothing starts with #${kind}`, start)
    }
  }

  record(depth: number): Record {
    this.space()
    if (this.text[this.at] === ">") this.refuse("Malformed", "a record has no label")
    const label = this.value(depth + 1)
    const fields: Array<Value> = []
    for (;;) {
      this.space()
      this.comments(">")
      if (this.eat(">")) return new Record(label, fields)
      fields.push(this.value(depth + 1))
    }
  }

  /** Comments before a closing bracket are read past; before a value they are its annotations. */
  comments(close: string): void {
    const start = this.at
    while (this.comment() !== undefined) this.skip(close === ">" ? whitespace : commas)
    if (!this.text.startsWith(close, this.at)) this.at = start
  }

  items(close: string, depth: number): Array<Value> {
    const items: Array<Value> = []
    for (;;) {
      this.skip(commas)
      this.comments(close)
      if (this.eat(close)) return items
      items.push(this.value(depth + 1))
    }
  }

  set(depth: number, start: number): Set {
    const items = this.items("}", depth)
    this.distinct(items, start, "element in a set")
    return new Set(items)
  }

  dictionary(depth: number): Dictionary {
    const start = this.at - 1
    const entries: Array<readonly [Value, Value]> = []
    for (;;) {
      this.skip(commas)
      this.comments("}")
      if (this.eat("}")) break
      const k = this.value(depth + 1)
      this.space()
      if (!this.eat(":")) {
        if (this.at >= this.text.length) this.short()
        this.refuse("Malformed", "a key is followed by a colon")
      }
      entries.push([k, this.value(depth + 1)])
    }
    this.distinct(entries.map(([k]) => k), start, "key in a dictionary")
    return new Dictionary(entries)
  }

  distinct(values: ReadonlyArray<Value>, start: number, what: string): void {
    const seen = new globalThis.Set(values.map((value) => this.keyOf(value, start)))
    if (seen.size < values.length) this.refuse("Malformed", `a repeated ${what}`, start)
  }
  keyOf(value: Value, start: number): string {
    try {
      return key(this.annotations ? strip(value) : value)
    } catch (error) {
      if (error instanceof InvalidValue) return this.refuse("TooDeep", error.message, start)
      throw error
    }
  }

  /** Up to the closing quote, escapes resolved. */
  quoted(quote: '"' | "'"): string {
    const start = this.at
    const parts: Array<string> = []
    for (;;) {
      parts.push(this.skip(plain[quote]))
      if (this.at >= this.text.length) this.short()
      if (this.eat(quote)) break
      parts.push(this.escape(quote))
    }
    const text = parts.join("")
    if (!isWellFormed(text)) this.refuse("Malformed", "a lone surrogate", start)
    return text
  }

  escape(quote: string): string {
    const start = this.at++
    const letter = this.text[this.at++]
    if (letter === undefined) this.short()
    if (letter === "u") return String.fromCharCode(this.hexDigits(4, start))
    return this.simpleEscape(letter, quote, start)
  }
  simpleEscape(letter: string, quote: string, start: number): string {
    const known = letter === quote ? quote : simple.get(letter)
    return known ?? this.refuse("Malformed", `no escape is called \\${letter}`, start)
  }
  hexDigits(count: number, start: number): number {
    const digits = this.text.slice(this.at, this.at + count)
    if (digits.length < count) this.short()
    if (!/^[0-9a-fA-F]+$/.test(digits)) this.refuse("Malformed", `an escape takes ${count} hexadecimal digits`, start)
    this.at += count
    return parseInt(digits, 16)
  }

  /** `#"…"`: printable ASCII and escapes. */
  byteString(): Uint8Array {
    const bytes: Array<number> = []
    for (;;) {
      if (this.at >= this.text.length) this.short()
      const start = this.at
      if (this.eat('"')) return Uint8Array.from(bytes)
      if (!this.eat("\\")) {
        const c = this.text.charCodeAt(this.at++)
        if (c < 0x20 || c > 0x7e) this.refuse("Malformed", "a byte string holds printable ASCII and escapes", start)
        bytes.push(c)
        continue
      }
      const letter = this.text[this.at++]
      if (letter === undefined) this.short()
      bytes.push(letter === "x" ? this.hexDigits(2, start) : this.simpleEscape(letter, '"', start).charCodeAt(0))
    }
  }

  hex(): Uint8Array {
    const end = this.text.indexOf('"', this.at)
    if (end < 0) this.short()
    const body = this.text.slice(this.at, end)
    const wrong = body.search(/[^0-9a-fA-F \t\r\n]/)
    if (wrong >= 0) this.refuse("Malformed", "no hexadecimal digit", this.at + wrong)
    const pairs = body.split(/[ \t\r\n]+/).filter((part) => part !== "")
    if (pairs.some((part) => part.length % 2 === 1)) this.refuse("Malformed", "hexadecimal digits come in pairs")
    this.at = end + 1
    const digits = pairs.join("")
    return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16))
  }

  base64(): Uint8Array {
    const start = this.at
    const end = this.text.indexOf("]", this.at)
    if (end < 0) this.short()
    this.at = end + 1
    const digits = this.text.slice(start, end).replace(/[ \t\r\n]+/g, "").replace(/={0,2}$/, "")
    const bytes = new Uint8Array(Math.floor(digits.length * 6 / 8))
    let bits = 0
    let have = 0
    let at = 0
    for (let i = 0; i < digits.length; i++) {
      const digit = base64Digit(digits.charCodeAt(i))
      if (digit < 0 || digits.length % 4 === 1) this.refuse("Malformed", "not base64", start)
      bits = ((bits << 6) | digit) & 0xffffff
      have += 6
      if (have < 8) continue
      have -= 8
      bytes[at++] = (bits >> have) & 0xff
    }
    return bytes
  }
}

const simple = new Map([["\\", "\\"], ["/", "/"], ["b", "\b"], ["f", "\f"], ["n", "\n"], ["r", "\r"], ["t", "\t"]])

const base64Digit = (c: number): number => {
  if (c >= 0x41 && c <= 0x5a) return c - 0x41
  if (c >= 0x61 && c <= 0x7a) return c - 0x61 + 26
  if (c >= 0x30 && c <= 0x39) return c - 0x30 + 52
  return c === 0x2b || c === 0x2d ? 62 : c === 0x2f || c === 0x5f ? 63 : -1
}

const isWellFormed = (text: string): boolean => !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text)

const integerOf = (word: string): number | bigint => {
  if (word.length <= 16) {
    const n = Number(word)
    if (Number.isSafeInteger(n)) return n === 0 ? 0 : n
  }
  const n = BigInt(word.replace(/^\+/, ""))
  return n >= BigInt(Number.MIN_SAFE_INTEGER) && n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n
}

const doubleOf = (n: number): number | Double => (Number.isInteger(n) || !Number.isFinite(n) ? new Double(n) : n)

const doubleOfBytes = (bytes: Uint8Array): number | Double => {
  const view = new DataView(bytes.buffer)
  const n = view.getFloat64(0)
  return Number.isNaN(n) ? new Double(n, view.getBigUint64(0)) : doubleOf(n)
}

// ---- printing -----------------------------------------------------------------------------------

/**
 * The value as one line of text, annotations included. Throws `InvalidValue` for what is none.
 *
 * print(Value.record("present", "lobby", Value.symbol("ann")))   // => '<present "lobby" ann>'
 */
export const print = (value: Value): string => {
  if (isAnnotated(value)) return `${value.annotations.map((annotation) => `@${print(annotation)} `).join("")}${print(value.value)}`
  switch (kindOf(value)) {
    case "Boolean": return value === true ? "#t" : "#f"
    case "SignedInteger": return String(value)
    case "Double": return printDouble(value as number | Double)
    case "String": return printText(value as string, '"')
    case "Symbol": return printSymbol(Symbol.keyFor(value as symbol)!)
    case "ByteString": return printBytes(value as Uint8Array)
    case "Record": return `<${[(value as Record).label, ...(value as Record).fields].map(print).join(" ")}>`
    case "Sequence": return `[${(value as ReadonlyArray<Value>).map(print).join(" ")}]`
    case "Set": return `#{${(value as Set).items.map(print).join(" ")}}`
    case "Dictionary": return `{${(value as Dictionary).entries.map(([k, v]) => `${print(k)}: ${print(v)}`).join(" ")}}`
    case "Embedded": return `#:${print((value as Embedded).value)}`
    case undefined: throw new InvalidValue("not a Preserves value")
  }
}

const printDouble = (d: number | Double): string => {
  const n = typeof d === "number" ? d : d.value
  if (!Number.isFinite(n)) {
    const view = new DataView(new ArrayBuffer(8))
    if (typeof d === "number" || d.bits === undefined) view.setFloat64(0, n)
    else view.setBigUint64(0, d.bits)
    return `#xd"${view.getBigUint64(0).toString(16).padStart(16, "0")}"`
  }
  const text = Object.is(n, -0) ? "-0" : String(n)
  return /[.e]/.test(text) ? text : `${text}.0`
}

const escapes = new Map([["\\", "\\\\"], ["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"], ["\b", "\\b"], ["\f", "\\f"]])

/** Control characters are escaped: what a stranger said must not drive the terminal that it is printed on. */
const printText = (text: string, quote: string): string =>
  `${quote}${text.replace(/["'\\\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => c === quote ? `\\${c}` : escapes.get(c) ?? (c === '"' || c === "'" ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`))}${quote}`

const printSymbol = (name: string): string => {
  token.lastIndex = 0
  const bare = token.exec(name)?.[0] === name && !integer.test(name) && !double.test(name)
  return bare ? name : printText(name, "'")
}

const printBytes = (bytes: Uint8Array): string => {
  const ascii = bytes.every((b) => b >= 0x20 && b <= 0x7e)
  if (ascii) return `#"${latin1(bytes, 0, bytes.length).replace(/["\\]/g, "\\$&")}"`
  let digits = ""
  for (const b of bytes) digits += hex[b]!
  return `#x"${digits}"`
}
const hex = Array.from({ length: 256 }, (_, b) => b.toString(16).padStart(2, "0"))
