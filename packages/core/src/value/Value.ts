/**
 * The Preserves data model (https://preserves.dev, 0.996) in TypeScript.
 *
 * | kind | here |
 * | --- | --- |
 * | boolean | `boolean` |
 * | integer | a safe-integer `number`, or `bigint` |
 * | double | a `number` that is not integral, or `Double` for the integral, infinite and NaN ones |
 * | string, bytes, symbol | `string`, `Uint8Array`, `Symbol.for(name)` |
 * | record, sequence, set, dictionary, embedded | `Record`, an array, `Set`, `Dictionary`, `Embedded` |
 *
 * Equality and order are over contents (`order.ts`); the canonical encoding (`canonical.ts`) read as
 * a Latin-1 string is a value's key in native Maps.
 */
export type Value =
  | boolean
  | number
  | bigint
  | Double
  | string
  | Uint8Array
  | symbol
  | Record
  | ReadonlyArray<Value>
  | Set
  | Dictionary
  | Embedded

/** A double that a plain `number` would confuse with an integer (`1.0`, `-0.0`) or that has NaN bits. */
export class Double {
  readonly _tag = "Double"
  readonly value: number
  /** The 64 IEEE bits of a NaN, which engines may otherwise canonicalise; absent for numbers. */
  readonly bits: bigint | undefined
  constructor(value: number, bits?: bigint) {
    this.value = value
    this.bits = Number.isNaN(value) ? bits ?? 0x7ff8000000000000n : undefined
  }
}

/** A label and fields: `new Record(Symbol.for("present"), ["lobby", "ann"])` is `<present "lobby" "ann">`. */
export class Record {
  readonly _tag = "Record"
  readonly label: Value
  readonly fields: ReadonlyArray<Value>
  constructor(label: Value, fields: ReadonlyArray<Value>) {
    this.label = label
    this.fields = fields
  }
}

/** Distinct values; the order of `items` has no meaning. */
export class Set {
  readonly _tag = "Set"
  readonly items: ReadonlyArray<Value>
  constructor(items: ReadonlyArray<Value>) {
    this.items = items
  }
}

/** Values by distinct keys, any value as key; the order of `entries` has no meaning. */
export class Dictionary {
  readonly _tag = "Dictionary"
  readonly entries: ReadonlyArray<readonly [key: Value, value: Value]>
  constructor(entries: ReadonlyArray<readonly [Value, Value]>) {
    this.entries = entries
  }
}

/** A domain object, known by the plain value that stands for it on the wire. */
export class Embedded {
  readonly _tag = "Embedded"
  readonly value: Value
  constructor(value: Value) {
    this.value = value
  }
}

/**
 * The canonical bytes `[start, end)` of a value that nobody here had a reason to decode. A node that
 * only forwards copies them. It is not a `Value`: what looks inside decodes first.
 */
export class Encoded {
  readonly _tag = "Encoded"
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.start = start
    this.end = end
  }
}

export const symbol = (name: string): symbol => Symbol.for(name)
/** `record("present", "lobby", "ann")` is `<present "lobby" "ann">`. */
export const record = (label: string, ...fields: ReadonlyArray<Value>): Record => new Record(Symbol.for(label), fields)
/** The record's label when it is a symbol, and the number of fields agrees; what a `switch` reads. */
export const isRecord = (value: unknown, label: string, fields: number): value is Record =>
  value instanceof Record && value.fields.length === fields && value.label === Symbol.for(label)

/** Eleven kinds, numbered in Preserves' total order. */
export const kinds = ["Boolean", "Double", "SignedInteger", "String", "ByteString", "Symbol", "Record", "Sequence", "Set", "Dictionary", "Embedded"] as const
export type Kind = (typeof kinds)[number]

/** Which kind a value is, or `undefined` for what is no value at all (functions, `null`, plain objects, local symbols). */
export const kindOf = (value: unknown): Kind | undefined => {
  switch (typeof value) {
    case "boolean": return "Boolean"
    case "number": return Number.isSafeInteger(value) ? "SignedInteger" : "Double"
    case "bigint": return "SignedInteger"
    case "string": return "String"
    case "symbol": return Symbol.keyFor(value) === undefined ? undefined : "Symbol"
    case "object":
      if (value instanceof Record) return "Record"
      if (Array.isArray(value)) return "Sequence"
      if (value instanceof Uint8Array) return "ByteString"
      if (value instanceof Dictionary) return "Dictionary"
      if (value instanceof Set) return "Set"
      if (value instanceof Double) return "Double"
      if (value instanceof Embedded) return "Embedded"
      return undefined
    default: return undefined
  }
}

/** The same value in arrays of its own: whoever made the other may change it. */
export const copy = (value: Value): Value => {
  if (typeof value !== "object") return value
  if (value instanceof Record) return new Record(copy(value.label), value.fields.map(copy))
  if (Array.isArray(value)) return value.map(copy)
  if (value instanceof Uint8Array) return value.slice()
  if (value instanceof Dictionary) return new Dictionary(value.entries.map(([k, v]) => [copy(k), copy(v)]))
  if (value instanceof Set) return new Set(value.items.map(copy))
  return value instanceof Embedded ? new Embedded(copy(value.value)) : value
}

/** What was given is not a value, or too deep to be one. `path` leads to the culprit. */
export class InvalidValue extends Error {
  readonly _tag = "InvalidValue"
  readonly path: ReadonlyArray<string | number>
  constructor(reason: string, path: ReadonlyArray<string | number> = []) {
    super(path.length === 0 ? reason : `${reason} at ${path.join(".")}`)
    this.path = path
  }
}
