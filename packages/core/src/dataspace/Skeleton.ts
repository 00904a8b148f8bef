/**
 * What patterns and values have in common before they are compared: the kind of value, a coarse first
 * choice; and the places that a pattern looks at, its skeleton, with what stands there.
 *
 * Promises: a pattern matches a value exactly when its kind is one of the value's (or any) and what it
 * wants at the places of its skeleton is what the value has there.
 */
import { key as keyOf, Tag, write, Writer } from "../value/canonical.ts"
import { latin1 } from "../value/latin1.ts"
import * as Pattern from "../value/Pattern.ts"
import { Dictionary, Record, type Value } from "../value/Value.ts"

// ---- kinds: a coarse first choice ---------------------------------------------------------------

/** Patterns that any value matches are looked at for every value. */
export const anyKind = "*"

/**
 * The kind of a value: a pattern that matches it is of that kind, or of `anyKind`. A dictionary is
 * of a kind for each of its keys as well, because the patterns of dictionaries name but some.
 */
export const kindOf = (value: Value): string => value instanceof Dictionary ? "d" : classOf(value) ?? "a"
export const kindOfKey = (key: Value): string => `d${keyOf(key)}`
/** Whether it is the one kind that `kindOf` gives, and not one for a key of a dictionary. */
export const isOwnKind = (kind: string): boolean => kind.length === 1 || kind[0] !== "d"

export const kindOfPattern = (pattern: Pattern.Pattern): string => {
  switch (pattern._tag) {
    case "Discard": return anyKind
    case "Bind": return kindOfPattern(pattern.pattern)
    case "Literal": return kindOf(pattern.value)
    case "Dictionary": return pattern.entries.length === 0 ? "d" : kindOfKey(pattern.entries[0]![0])
    default: return classOfPattern(pattern)
  }
}

/** The first part of a pattern that is a record or sequence in its turn: where patterns of one kind differ most. */
export const partOf = (pattern: Pattern.Pattern): readonly [at: number, kind: string] | undefined => {
  if (pattern._tag === "Bind") return partOf(pattern.pattern)
  if (pattern._tag !== "Record" && pattern._tag !== "Sequence") return undefined
  for (const [at, part] of (pattern._tag === "Record" ? pattern.fields : pattern.items).entries()) {
    const inner = withoutBind(part)
    if (inner._tag === "Record" || inner._tag === "Sequence") return [at, kindOfPart(kindOfPattern(pattern), at, classOfPattern(inner))]
  }
  return undefined
}
const withoutBind = (pattern: Pattern.Pattern): Pattern.Pattern => pattern._tag === "Bind" ? withoutBind(pattern.pattern) : pattern
const kindOfPart = (kind: string, at: number, inner: string): string => `${kind}@${at}${inner}`

/** The kind under which the shapes stand that tell apart a part of the value as well. */
export const narrower = (kind: string, at: number, value: Value): string | undefined => {
  const inner = classOf((value instanceof Record ? value.fields : value as ReadonlyArray<Value>)[at]!)
  return inner === undefined ? undefined : kindOfPart(kind, at, inner)
}

/** What tells records and sequences apart before one looks into them; `undefined` for other values. */
const classOf = (value: Value): string | undefined =>
  value instanceof Record ? classOfRecord(value.label, value.fields.length) : Array.isArray(value) ? `s${value.length} ` : undefined
const classOfPattern = (pattern: Pattern.RecordPattern | Pattern.SequencePattern): string =>
  pattern._tag === "Record" ? classOfRecord(pattern.label, pattern.fields.length) : `s${pattern.items.length} `
/** It says how long it is, so that what follows it cannot be taken for a part of it. */
const classOfRecord = (label: Value, fields: number): string => {
  if (typeof label !== "symbol") return `r${fields} ${keyOf(label)}`
  const known = classes.get(label)
  if (known?.[fields] !== undefined) return known[fields]
  const name = Symbol.keyFor(label) ?? keyOf(label) // which says that it is none
  const made = `r${fields} '${name.length} ${name}`
  if (fields >= knownFieldsMax) return made
  if (classes.size >= knownMax) classes.clear()
  classes.set(label, Object.assign([...known ?? []], { [fields]: made }))
  return made
}
/** Made once: a string that is put together anew is also hashed anew. Strangers choose labels, so there are never many. */
const classes = new Map<symbol, ReadonlyArray<string | undefined>>()
const knownMax = 1_000 // a guess
const knownFieldsMax = 16 // a guess

// ---- shapes: which places to look at ------------------------------------------------------------

/** The places of a pattern: a whole value that is wanted, the class of a record or sequence and places in it, keys of a dictionary. */
export type Skeleton =
  | { readonly _tag: "Anything" }
  | { readonly _tag: "Whole" }
  | { readonly _tag: "Class"; readonly places: ReadonlyArray<readonly [at: number, skeleton: Skeleton]> }
  | { readonly _tag: "Keys"; readonly places: ReadonlyArray<readonly [key: Value, keyKey: string, skeleton: Skeleton]> }
const anything: Skeleton = { _tag: "Anything" }
const whole: Skeleton = { _tag: "Whole" }

export const skeletonOf = (pattern: Pattern.Pattern): Skeleton => {
  switch (pattern._tag) {
    case "Discard": return anything
    case "Bind": return skeletonOf(pattern.pattern)
    case "Literal": return whole
    case "Dictionary": return { _tag: "Keys", places: pattern.entries.map(([k, p]) => [k, keyOf(k), skeletonOf(p)]) }
    default: {
      const parts = pattern._tag === "Record" ? pattern.fields : pattern.items
      const places = parts.map((part, at) => [at, skeletonOf(part)] as const).filter(([, skeleton]) => skeleton !== anything)
      return { _tag: "Class", places }
    }
  }
}

/** Equal for equal skeletons. */
export const shapeKeyOf = (skeleton: Skeleton): string => {
  switch (skeleton._tag) {
    case "Anything": return "_"
    case "Whole": return "="
    case "Class": return `(${skeleton.places.map(([at, inner]) => `${at}${shapeKeyOf(inner)}`).join("")})`
    case "Keys": return `{${skeleton.places.map(([, key, inner]) => key + shapeKeyOf(inner)).join("")}}`
  }
}

/**
 * What stands at the places of a skeleton: equal exactly when all of it is. For one place that is what
 * stands there, else the bytes of all, of which every part ends itself. `undefined` when the value has
 * not got such places.
 */
export type Projected = string | number | boolean

export const project = (skeleton: Skeleton, value: Value): Projected | undefined => {
  const only = onlyPlaceOf(skeleton)
  if (only !== undefined) return value instanceof Record ? only < value.fields.length ? atomOf(value.fields[only]!) : undefined
    : Array.isArray(value) && only < value.length ? atomOf(value[only]) : undefined
  if (skeleton._tag === "Whole") return keyOf(value)
  const out = emptied()
  return look(out, skeleton, value) ? latin1(out.bytes, 0, out.length) : undefined
}
/** What a pattern wants at its places, as `project` finds it in what it matches. */
export const wantedBy = (skeleton: Skeleton, pattern: Pattern.Pattern): Projected => {
  const only = onlyPlaceOf(skeleton)
  if (only !== undefined) return atomOf(literalAt(pattern, only))
  if (skeleton._tag === "Whole") return keyOf(literalOf(pattern))
  const out = emptied()
  want(out, pattern)
  return latin1(out.bytes, 0, out.length)
}

let shared = new Writer()
const emptied = (): Writer => {
  if (shared.bytes.length > sharedMax) shared = new Writer()
  shared.length = 0
  return shared
}
/** One large value must not keep its room for ever. */
const sharedMax = 1 << 20

/** The usual case, without its class: that is in the kind under which the shape stands. */
const onlyPlaceOf = (skeleton: Skeleton): number | undefined =>
  skeleton._tag === "Class" && skeleton.places.length === 1 && skeleton.places[0]![1] === whole ? skeleton.places[0]![0] : undefined
const literalOf = (pattern: Pattern.Pattern): Value => (withoutBind(pattern) as Pattern.Literal).value
const literalAt = (pattern: Pattern.Pattern, at: number): Value => {
  const outer = withoutBind(pattern) as Pattern.RecordPattern | Pattern.SequencePattern
  return literalOf((outer._tag === "Record" ? outer.fields : outer.items)[at]!)
}

/** An atom stands for itself where that is quicker, and else its key for it. No text that does begins as keys do. */
const atomOf = (value: Value): Projected => {
  if (typeof value === "boolean" || (typeof value === "number" && Number.isSafeInteger(value))) return value
  if (typeof value === "string" && !(value.charCodeAt(0) >= 0x80 && value.charCodeAt(0) < 0xc0)) return value
  if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) return Number(value)
  return keyOf(value)
}

const look = (out: Writer, skeleton: Skeleton, value: Value): boolean => {
  switch (skeleton._tag) {
    case "Anything": return true
    case "Whole":
      write(out, value)
      return true
    case "Class": {
      if (!(value instanceof Record) && !Array.isArray(value)) return false
      const parts = value instanceof Record ? value.fields : value as ReadonlyArray<Value>
      writeClass(out, value instanceof Record ? value.label : undefined, parts.length)
      for (const [at, inner] of skeleton.places) if (at >= parts.length || !look(out, inner, parts[at]!)) return false
      return true
    }
    case "Keys":
      if (!(value instanceof Dictionary)) return false
      for (const [key, , inner] of skeleton.places) {
        const entry = Pattern.entryOf(value, key)
        if (entry === undefined || !look(out, inner, entry)) return false
      }
      return true
  }
}
const want = (out: Writer, pattern: Pattern.Pattern): void => {
  switch (pattern._tag) {
    case "Discard": return
    case "Bind": return want(out, pattern.pattern)
    case "Literal": return write(out, pattern.value)
    case "Record":
    case "Sequence": {
      const parts = pattern._tag === "Record" ? pattern.fields : pattern.items
      writeClass(out, pattern._tag === "Record" ? pattern.label : undefined, parts.length)
      for (const part of parts) want(out, part)
      return
    }
    case "Dictionary": for (const [, part] of pattern.entries) want(out, part)
  }
}
const writeClass = (out: Writer, label: Value | undefined, parts: number): void => {
  out.byte(label === undefined ? Tag.sequence : Tag.record)
  if (label !== undefined) write(out, label)
  out.varint(parts)
}
