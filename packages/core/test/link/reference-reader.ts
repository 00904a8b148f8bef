/**
 * A reader and writer of links written from PROTOCOL.md alone, for the tests to compare with: slow,
 * direct, and sharing nothing with what it checks. Section numbers are that document's.
 */

/** 2. A value, by kind; `bits` of doubles and the contents of byte strings are hexadecimal. */
export type V =
  | { readonly k: "boolean"; readonly v: boolean }
  | { readonly k: "double"; readonly bits: string }
  | { readonly k: "integer"; readonly v: bigint }
  | { readonly k: "string"; readonly v: string }
  | { readonly k: "bytes"; readonly hex: string }
  | { readonly k: "symbol"; readonly v: string }
  | { readonly k: "record"; readonly vs: ReadonlyArray<V> }
  | { readonly k: "sequence"; readonly vs: ReadonlyArray<V> }
  | { readonly k: "set"; readonly vs: ReadonlyArray<V> }
  | { readonly k: "dictionary"; readonly vs: ReadonlyArray<V> }
  | { readonly k: "embedded"; readonly v: V }

/** What a peer would send as `<error code …>`. */
export class Bad extends Error {
  readonly code: string
  readonly index: number | undefined
  constructor(code: string, index?: number) {
    super(code)
    this.code = code
    this.index = index
  }
}
const check: (belief: boolean, code: string, index?: number) => asserts belief = (belief, code, index) => {
  if (!belief) throw new Bad(code, index)
}

export const unhex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

// 2. Values to and from bytes

const compoundTags = { 0xb4: "record", 0xb5: "sequence", 0xb6: "set", 0xb7: "dictionary" } as const

/** Reads one value; the rest is left in `input`. */
class Input {
  readonly bytes: Uint8Array
  at = 0
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
  next(): number {
    check(this.at < this.bytes.length, "Malformed")
    return this.bytes[this.at++]!
  }
  take(n: number): Uint8Array {
    check(this.at + n <= this.bytes.length, "Malformed")
    this.at += n
    return this.bytes.subarray(this.at - n, this.at)
  }
  length(): number {
    let n = 0
    for (let weight = 1; ; weight *= 128) {
      const b = this.next()
      n += (b & 127) * weight
      check(n < 2 ** 32, "Malformed")
      if (b < 128) {
        check(b !== 0 || weight === 1, "NotCanonical")
        return n
      }
    }
  }
  isAtEnd(): boolean {
    return this.bytes[this.at] === 0x84
  }
  value(): V {
    const tag = this.next()
    switch (tag) {
      case 0x80: return { k: "boolean", v: false }
      case 0x81: return { k: "boolean", v: true }
      case 0x85: throw new Bad("NotCanonical")
      case 0x86: return { k: "embedded", v: this.value() }
      case 0x87:
        check(this.next() === 8, "Malformed")
        return { k: "double", bits: toHex(this.take(8)) }
      case 0xb0: {
        const digits = this.take(this.length())
        if (digits.length === 0) return { k: "integer", v: 0n }
        const idle = digits.length > 1 ? (digits[0] === 0 && digits[1]! < 128) || (digits[0] === 255 && digits[1]! > 127) : digits[0] === 0
        check(!idle, "NotCanonical")
        return { k: "integer", v: BigInt.asIntN(digits.length * 8, BigInt(`0x${toHex(digits)}`)) }
      }
      case 0xb1: return { k: "string", v: this.utf8() }
      case 0xb2: return { k: "bytes", hex: toHex(this.take(this.length())) }
      case 0xb3: return { k: "symbol", v: this.utf8() }
      case 0xb4:
      case 0xb5:
      case 0xb6:
      case 0xb7: return this.compound(compoundTags[tag])
      default: throw new Bad("Malformed")
    }
  }
  utf8(): string {
    const bytes = this.take(this.length())
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      throw new Bad("Malformed")
    }
  }
  compound(k: "record" | "sequence" | "set" | "dictionary"): V {
    const vs: Array<V> = []
    let before: string | undefined
    for (; !this.isAtEnd();) {
      const from = this.at
      vs.push(this.value())
      if (k === "sequence" || k === "record") continue
      // members of sets, and keys of dictionaries, ascend as bytes; hexadecimal keeps that order
      const key = toHex(this.bytes.subarray(from, this.at))
      check(before === undefined || before !== key, "Malformed")
      check(before === undefined || before < key, "NotCanonical")
      before = key
      if (k === "dictionary") vs.push(this.value())
    }
    this.at++
    check(k !== "record" || vs.length > 0, "Malformed")
    return { k, vs }
  }
}

export const readValue = (bytes: Uint8Array): V => {
  const input = new Input(bytes)
  const value = input.value()
  check(input.at === bytes.length, "Malformed")
  return value
}

const lengthOf = (n: number): string => {
  const [low, high] = [n % 128, Math.floor(n / 128)]
  return high === 0 ? byte(low) : byte(low + 128) + lengthOf(high)
}
const byte = (n: number): string => n.toString(16).padStart(2, "0")
const sized = (tag: string, hex: string): string => tag + lengthOf(hex.length / 2) + hex
const utf8Hex = (s: string): string => Buffer.from(s, "utf8").toString("hex")
const integerHex = (v: bigint): string => {
  let size = 0
  while (BigInt.asIntN(size * 8, v) !== v) size++
  return size === 0 ? "" : BigInt.asUintN(size * 8, v).toString(16).padStart(size * 2, "0")
}

/** The canonical bytes, in hexadecimal. */
export const writeValue = (value: V): string => {
  switch (value.k) {
    case "boolean": return value.v ? "81" : "80"
    case "embedded": return `86${writeValue(value.v)}`
    case "double": return `8708${value.bits}`
    case "integer": return sized("b0", integerHex(value.v))
    case "string": return sized("b1", utf8Hex(value.v))
    case "bytes": return sized("b2", value.hex)
    case "symbol": return sized("b3", utf8Hex(value.v))
    case "record": return `b4${value.vs.map(writeValue).join("")}84`
    case "sequence": return `b5${value.vs.map(writeValue).join("")}84`
    case "set": return `b6${value.vs.map(writeValue).toSorted().join("")}84`
    case "dictionary": return `b7${entriesOf(value.vs).toSorted((a, b) => (a[0] < b[0] ? -1 : 1)).flat().join("")}84`
  }
}
const entriesOf = (vs: ReadonlyArray<V>): Array<[string, string]> =>
  vs.flatMap((v, i) => (i % 2 === 0 ? [[writeValue(v), writeValue(vs[i + 1]!)] satisfies [string, string]] : []))

// 1. The notation of the document's examples

export const print = (value: V): string => {
  switch (value.k) {
    case "boolean": return value.v ? "#t" : "#f"
    case "embedded": return `#:${print(value.v)}`
    case "double": return `#xd"${value.bits}"`
    case "integer": return String(value.v)
    case "string": return JSON.stringify(value.v)
    case "bytes": return `#x"${value.hex}"`
    case "symbol": return value.v
    case "record": return `<${value.vs.map(print).join(" ")}>`
    case "sequence": return `[${value.vs.map(print).join(" ")}]`
    case "set": return `#{${value.vs.map(print).join(" ")}}`
    case "dictionary": return `{${value.vs.map((v, i) => print(v) + (i % 2 === 0 ? ":" : "")).join(" ")}}`
  }
}

const tokens = /\s*(#xd"[0-9a-f]{16}"|#x"[0-9a-f]*"|#[tf]|#:|#\{|"(?:[^"\\]|\\.)*"|[<>[\]{}:]|[^\s<>[\]{}:"#]+)/y

/** One value in text; throws on what is not in the notation. */
export const readText = (text: string): V => {
  tokens.lastIndex = 0
  const token = (): string => {
    const found = tokens.exec(text)
    if (found === null) throw new Error(`not in the notation: ${text.slice(tokens.lastIndex)}`)
    return found[1]!
  }
  const until = (close: string): Array<V> => {
    const vs: Array<V> = []
    for (let t = token(); t !== close; t = token()) if (t !== ":") vs.push(value(t))
    return vs
  }
  const value = (t: string): V => {
    if (t === "#t" || t === "#f") return { k: "boolean", v: t === "#t" }
    if (t === "#:") return { k: "embedded", v: value(token()) }
    if (t.startsWith("#xd")) return { k: "double", bits: t.slice(4, -1) }
    if (t.startsWith("#x")) return { k: "bytes", hex: t.slice(3, -1) }
    if (t.startsWith("\"")) return { k: "string", v: JSON.parse(t) as string }
    if (t === "<") return { k: "record", vs: until(">") }
    if (t === "[") return { k: "sequence", vs: until("]") }
    if (t === "#{") return { k: "set", vs: until("}") }
    if (t === "{") return { k: "dictionary", vs: until("}") }
    return /^[-+]?\d+$/.test(t) ? { k: "integer", v: BigInt(t) } : { k: "symbol", v: t }
  }
  const whole = value(token())
  if (text.slice(tokens.lastIndex).trim() !== "") throw new Error(`more than one value: ${text}`)
  return whole
}

// 5. Packets

export interface Item {
  /** `!` stands for the message, which has no operator. */
  readonly op: "!" | "+" | "-" | "?" | "~" | "." | "@"
  /** The endpoint, or the number of a stamp. */
  readonly n: number
  /** Of a stamp. */
  readonly origin?: number
  /** Captures, or a pattern in its normal form. */
  readonly v?: V
}
export type Packet =
  | { readonly label: "T" | "t"; readonly items: ReadonlyArray<Item> }
  | { readonly label: string; readonly fields: ReadonlyArray<V> }

/** Reads one packet; throws `Bad` with the code that a peer answers. */
export const readPacket = (bytes: Uint8Array): Packet => {
  const value = readValue(bytes)
  check(value.k === "record", "UnknownPacket")
  const [label, ...fields] = value.vs
  check(label !== undefined && label.k === "symbol", "UnknownPacket")
  if (label.v === "T" || label.v === "t") return { label: label.v, items: readItems(fields) }
  const shape = shapes.get(label.v)
  check(shape !== undefined, "UnknownPacket")
  if (label.v === "hello" && fields[0] !== undefined) check(isCount(fields[0]) && fields[0].v === 1n, isCount(fields[0]) ? "Version" : "BadField")
  check(fields.length === shape.length, "UnknownPacket")
  for (const [i, is] of shape.entries()) check(is(fields[i]!), "BadField")
  return { label: label.v, fields }
}

export const writePacket = (packet: Packet): string => {
  const label: V = { k: "symbol", v: packet.label }
  return writeValue({ k: "record", vs: [label, ...("items" in packet ? packet.items.flatMap(writeItem) : packet.fields)] })
}
const writeItem = ({ n, op, origin, v }: Item): Array<V> => [
  ...(op === "!" ? [] : [{ k: "symbol", v: op } satisfies V]),
  ...(origin === undefined ? [] : [{ k: "integer", v: BigInt(origin) } satisfies V]),
  { k: "integer", v: BigInt(n) },
  ...(v === undefined ? [] : [v])
]

const most = BigInt(Number.MAX_SAFE_INTEGER)
const bytesIn = (text: string): number => Buffer.byteLength(text, "utf8")
const isCount = (v: V): v is V & { k: "integer" } => v.k === "integer" && v.v >= 0n && v.v <= most
const isName = (v: V): boolean => v.k === "string" && bytesIn(v.v) <= 255
const isText = (v: V): boolean => v.k === "string" && bytesIn(v.v) <= 1024
const isCode = (v: V): boolean => v.k === "symbol" && bytesIn(v.v) <= 255
const isSmall = (v: V): boolean => isCount(v) && v.v <= 2n ** 48n
const isFlag = (v: V): boolean => v.k === "boolean"
const isIndex = (v: V): boolean => isCount(v) || (v.k === "boolean" && !v.v)
const least: { readonly [key: string]: bigint } = { packetBytesMax: 65_536n, turnBytesMax: 1_048_576n, turnItemsMax: 4_096n, windowBytes: 0n }
const isCapacity = (v: V): boolean =>
  v.k === "dictionary" &&
  v.vs.every((key, i) => {
    if (i % 2 === 1) return true
    if (key.k !== "symbol" || !isCode(key)) return false
    const value = v.vs[i + 1]!
    return !(key.v in least) || (isCount(value) && value.v >= least[key.v]!)
  })

const shapes = new Map<string, ReadonlyArray<(v: V) => boolean>>([
  ["hello", [isCount, isName, isCount, isFlag, isCapacity]],
  ["join", [isName]],
  ["joined", []],
  ["path", [isSmall, isCount, isName, isSmall]],
  ["pathless", []],
  ["seek", [isSmall]],
  ["attach", [isSmall, isCount, isName, isSmall]],
  ["attached", []],
  ["detach", []],
  ["detached", []],
  ["credit", [isCount]],
  ["ping", []],
  ["pong", []],
  ["sync", [isCount]],
  ["synced", [isCount]],
  ["bye", [isText]],
  ["error", [isCode, isText, isIndex]]
])

// 7. Turns

const readItems = (fields: ReadonlyArray<V>): ReadonlyArray<Item> => {
  const items: Array<Item> = []
  let i = 0
  const endpoint = (otherwise = "BadEndpoint"): number => {
    const v = fields[i++]
    check(v !== undefined, "BadItem", items.length)
    check(isCount(v) && v.v > 0n, otherwise, items.length)
    return Number(v.v)
  }
  const captures = (): V => {
    const v = fields[i++]
    check(v !== undefined && v.k === "sequence", "BadItem", items.length)
    return v
  }
  while (i < fields.length) {
    const first = fields[i]!
    if (first.k === "integer") {
      items.push({ op: "!", n: endpoint(), v: captures() })
      continue
    }
    check(first.k === "symbol", "BadItem", items.length)
    i++
    switch (first.v) {
      case "+":
      case "-":
        items.push({ op: first.v, n: endpoint(), v: captures() })
        break
      case "~":
      case ".":
        items.push({ op: first.v, n: endpoint() })
        break
      case "@": {
        const origin = endpoint("BadItem")
        items.push({ op: "@", origin, n: endpoint("BadItem") })
        break
      }
      case "?": {
        const n = endpoint()
        const v = fields[i++]
        check(v !== undefined, "BadItem", items.length)
        const pattern = normal(v)
        check(pattern !== undefined, "NotAPattern", items.length)
        items.push({ op: "?", n, v: pattern })
        break
      }
      default: throw new Bad("BadItem", items.length)
    }
  }
  return items
}

// 8. Patterns

/** The pattern's normal form; `undefined` for what is no pattern. */
export const normal = (v: V): V | undefined => {
  if (v.k !== "record" || v.vs[0]!.k !== "symbol") return undefined
  const [label, a, b, ...more] = v.vs
  if (more.length > 0) return undefined
  switch ((label as V & { k: "symbol" }).v) {
    case "_": return a === undefined ? v : undefined
    case "lit": return a !== undefined && b === undefined ? v : undefined
    case "bind": {
      const inner = a !== undefined && b === undefined ? normal(a) : undefined
      return inner && { k: "record", vs: [label!, inner] }
    }
    case "arr": {
      if (a?.k !== "sequence" || b !== undefined) return undefined
      const items = all(a.vs)
      return items && (literals(items) ? lit({ k: "sequence", vs: items.map(literalOf) }) : { k: "record", vs: [label!, { k: "sequence", vs: items }] })
    }
    case "rec": {
      if (a === undefined || b?.k !== "sequence") return undefined
      const fields = all(b.vs)
      return fields && (literals(fields) ? lit({ k: "record", vs: [a, ...fields.map(literalOf)] }) : { k: "record", vs: [label!, a, { k: "sequence", vs: fields }] })
    }
    case "dict": {
      if (a?.k !== "dictionary" || b !== undefined) return undefined
      const entries = a.vs.map((x, i) => (i % 2 === 0 ? x : normal(x)))
      return entries.includes(undefined) ? undefined : { k: "record", vs: [label!, { k: "dictionary", vs: entries as Array<V> }] }
    }
    default: return undefined
  }
}
const all = (vs: ReadonlyArray<V>): ReadonlyArray<V> | undefined => {
  const found = vs.map(normal)
  return found.includes(undefined) ? undefined : (found as ReadonlyArray<V>)
}
const lit = (v: V): V => ({ k: "record", vs: [{ k: "symbol", v: "lit" }, v] })
const literals = (patterns: ReadonlyArray<V>): boolean => patterns.every((p) => p.k === "record" && (p.vs[0] as { v?: unknown }).v === "lit")
const literalOf = (p: V): V => (p as V & { k: "record" }).vs[1]!

// 3. Frames

/** The payloads of a stream of whole frames. */
export const readFrames = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const input = new Input(bytes)
  const frames: Array<Uint8Array> = []
  while (input.at < bytes.length) frames.push(input.take(Number(`0x${toHex(input.take(4))}`)))
  return frames
}
export const writeFrame = (payload: string): string => (payload.length / 2).toString(16).padStart(8, "0") + payload
