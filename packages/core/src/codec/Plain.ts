/**
 * Any plain data as a value: what machines are configured with, are told and answer can so be written
 * down as text that people read, and read back.
 *
 * | plain data | as a value |
 * | --- | --- |
 * | an object | a dictionary whose keys are symbols; fields that are `undefined` are left out |
 * | an array, a string, bytes, a boolean | itself |
 * | a number, a bigint | itself, or `<number 1.0>`, `<bigint 1>` where a reader would take it for another |
 * | a Preserves value | itself; dictionaries are `<dictionary {…}>`, since objects took their place |
 * | `null`, `undefined` in an array, a Map | `<null>`, `<undefined>`, `<map [[k v] …]>` |
 *
 * A record that is labelled like one of these marks is `<record label field …>`.
 *
 * Promises: what `print` writes, `read` gives back exactly: `-0`, NaN, lone surrogates and values that
 * nobody may assert included. What is no plain data (functions, instances of other classes, cycles) is
 * refused with an `InvalidValue` that says where it is; no text that is read throws.
 */
import { distinct } from "../value/order.ts"
import { byteLength } from "../value/utf8.ts"
import { Dictionary, Double, Embedded, Encoded, InvalidValue, Record, record, Set, symbol, type Value } from "../value/Value.ts"
import { DecodeError, type Limits, Refusal, refusable } from "./DecodeError.ts"
import * as Text from "./Text.ts"

/** Deeper data is refused: a cycle must not exhaust the stack. */
const depthMax = 500 // a guess: twice what a value may be, marks included, and not near the end of any stack

/** What `read` keeps to unless told otherwise: 1,002 levels, since marks stand around the data, and 64 MiB of text. */
export const defaultLimits: Limits = {
  depthMax: depthMax * 2 + 2, // a mark may stand around each level
  bytesMax: 64 * 1024 * 1024 // a guess: the largest turn of a link
}

/** One line of text. Throws `InvalidValue` for what is no plain data. */
export const print = (data: unknown): string => Text.print(toValue(data))

/** What `print` wrote; the error says where the text goes wrong. */
export const read = (text: string, limits: Limits = defaultLimits): unknown => {
  const value = Text.read(text, limits)
  return value instanceof DecodeError ? value : fromValue(value)
}

/**
 * The value that stands for plain data. Throws `InvalidValue`.
 *
 * Text.print(toValue({ _tag: "Lost", reason: "reset", at: 12.5 }))   // => '{_tag: "Lost" reason: "reset" at: 12.5}'
 * Text.print(toValue([null, -0, 1n]))   // => "[<null> <number -0.0> <bigint 1>]"
 */
export const toValue = (data: unknown): Value => put(data, undefined, 0)

/** The plain data that a value stands for, or the `DecodeError` that says why it stands for none. */
export const fromValue = (value: Value): unknown => refusable(() => get(value))

const marks: ReadonlySet<unknown> = new globalThis.Set(
  ["null", "undefined", "number", "bigint", "text", "name", "double", "record", "set", "dictionary", "map", "encoded"].map(symbol)
)

/** The way back to the root, walked only when something is wrong. */
type Path = { readonly up: Path; readonly step: string | number } | undefined
const trail = (path: Path): Array<string | number> => path === undefined ? [] : [...trail(path.up), path.step]

const put = (data: unknown, path: Path, depth: number): Value => {
  if (depth > depthMax) throw new InvalidValue(`plain data nested deeper than ${depthMax}, or in a circle`)
  switch (typeof data) {
    case "boolean": return data
    case "number": return isItself(data) ? data : record("number", new Double(data))
    case "bigint": return Number.isSafeInteger(Number(data)) ? record("bigint", Number(data)) : data
    case "string": return byteLength(data) < 0 ? record("text", utf16(data)) : data
    case "symbol": {
      const name = Symbol.keyFor(data)
      if (name === undefined) throw new InvalidValue("a symbol that was not made by Symbol.for", trail(path))
      return byteLength(name) < 0 ? record("name", utf16(name)) : data
    }
    case "undefined": return record("undefined")
    case "object": return putObject(data, path, depth)
    default: throw new InvalidValue(`a ${typeof data} is no plain data`, trail(path))
  }
}

/** Whether a reader gives a number back as it is: zero's sign and integral doubles would be lost. */
const isItself = (n: number): boolean => (Number.isSafeInteger(n) && !Object.is(n, -0)) || (Number.isFinite(n) && !Number.isInteger(n))

const putObject = (data: object | null, path: Path, depth: number): Value => {
  if (data === null) return record("null")
  const all = (items: ReadonlyArray<unknown>): Array<Value> => Array.from(items, (item, i) => put(item, { up: path, step: i }, depth + 1))
  const pairs = (entries: Iterable<readonly [unknown, unknown]>): Array<readonly [Value, Value]> =>
    Array.from(entries, ([k, v], i) => [put(k, { up: path, step: i }, depth + 1), put(v, { up: path, step: i }, depth + 1)])
  if (Array.isArray(data)) return all(data)
  if (data instanceof Uint8Array) return data
  if (data instanceof Record) {
    const label = put(data.label, { up: path, step: "label" }, depth + 1)
    return marks.has(label) ? new Record(symbol("record"), [label, ...all(data.fields)]) : new Record(label, all(data.fields))
  }
  if (data instanceof Set) {
    const items = all(data.items)
    return areDistinct(items) ? new Set(items) : record("set", items)
  }
  if (data instanceof Dictionary) {
    const entries = pairs(data.entries)
    return record("dictionary", areDistinct(entries.map(([k]) => k)) ? new Dictionary(entries) : entries)
  }
  // a reader gives such a double back as a number
  if (data instanceof Double) return Number.isFinite(data.value) && !Number.isInteger(data.value) ? record("double", data.value) : data
  if (data instanceof Embedded) return new Embedded(put(data.value, { up: path, step: "embedded" }, depth + 1))
  if (data instanceof Encoded) return record("encoded", data.bytes.slice(data.start, data.end))
  if (data instanceof Map) return record("map", pairs(data))
  const prototype: unknown = Object.getPrototypeOf(data)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new InvalidValue(`an instance of ${data.constructor?.name} is no plain data`, trail(path))
  }
  return new Dictionary(Object.entries(data).filter(([, v]) => v !== undefined).map(([k, v]) => {
    const here = { up: path, step: k }
    return [put(symbol(k), here, depth + 1), put(v, here, depth + 1)]
  }))
}

/** Nobody may assert a set with repetitions, or elements too deep to be values; it can be spoken of all the same. */
const areDistinct = (values: ReadonlyArray<Value>): boolean => {
  try {
    return distinct(values).length === values.length
  } catch (error) {
    if (error instanceof InvalidValue) return false
    throw error
  }
}

/** A text that is not Unicode, as its UTF-16 units, the greater half first. */
const utf16 = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length * 2 }, (_, i) => (text.charCodeAt(i >> 1) >> (i % 2 === 0 ? 8 : 0)) & 0xff)
const ofUtf16 = (bytes: Uint8Array): string => {
  let text = ""
  for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode((bytes[i]! << 8) | bytes[i + 1]!)
  return text
}

const refuse = (message: string): never => {
  throw new Refusal(new DecodeError("Malformed", 0, message))
}

const get = (value: Value): unknown => {
  if (Array.isArray(value)) return value.map(get)
  if (value instanceof Record) {
    return marks.has(value.label)
      ? getMarked(Symbol.keyFor(value.label as symbol)!, value.fields)
      : new Record(get(value.label) as Value, getAll(value.fields))
  }
  if (value instanceof Set) return new Set(getAll(value.items))
  if (value instanceof Embedded) return new Embedded(get(value.value) as Value)
  if (!(value instanceof Dictionary)) return value
  return Object.fromEntries(value.entries.map(([k, v]) => {
    const key = get(k)
    return [typeof key === "symbol" ? Symbol.keyFor(key)! : refuse("the fields of an object are named by symbols"), get(v)]
  }))
}

/** They are values when they were, and what was put in the place of values otherwise. */
const getAll = (values: ReadonlyArray<Value>): Array<Value> => values.map(get) as Array<Value>

/** `<null>`, `<number 1.0>` and the others. */
const getMarked = (mark: string, fields: ReadonlyArray<Value>): unknown => {
  const [first, ...rest] = fields
  switch (mark) {
    case "null": if (fields.length === 0) return null; break
    case "undefined": if (fields.length === 0) return undefined; break
    case "record": if (first !== undefined) return new Record(get(first) as Value, getAll(rest)); break
    default: if (rest.length === 0 && first !== undefined) return getOne(mark, first)
  }
  return refuse(`<${mark} …> with ${fields.length} fields`)
}

const getOne = (mark: string, of: Value): unknown => {
  switch (mark) {
    case "number": if (of instanceof Double) return of.value; break
    case "double": if (typeof of === "number") return new Double(of); break
    case "bigint": if (typeof of === "number" && Number.isSafeInteger(of)) return BigInt(of); break
    case "text": if (of instanceof Uint8Array) return ofUtf16(of); break
    case "name": if (of instanceof Uint8Array) return symbol(ofUtf16(of)); break
    case "encoded": if (of instanceof Uint8Array) return new Encoded(of); break
    case "set": if (Array.isArray(of)) return new Set(getAll(of)); break
    case "dictionary": return new Dictionary(pairsOf(of instanceof Dictionary ? of.entries : of) as Array<[Value, Value]>)
    case "map": return new Map(pairsOf(of))
  }
  return refuse(`what <${mark} …> holds cannot be meant`)
}

const pairsOf = (value: unknown): Array<readonly [unknown, unknown]> =>
  Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2)
    ? (value as ReadonlyArray<readonly [Value, Value]>).map(([k, v]) => [get(k), get(v)] as const)
    : refuse("entries are pairs")
