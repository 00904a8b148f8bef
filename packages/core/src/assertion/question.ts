/**
 * A question, compiled: the pattern that the dataspace matches, and a reader that turns its captures
 * into typed ones. All that depends on the schema is done here, once; an event costs the decoding of
 * the bound values and nothing else.
 *
 * Places of the reader are counted in the order in which patterns capture: an outer bind before the
 * binds inside it, fields and items left to right, dictionary entries in the total order of their keys.
 */
import { type Schema, SchemaAST } from "effect"
import { compare } from "../value/order.ts"
import * as Pattern from "../value/Pattern.ts"
import { symbol, type Value } from "../value/Value.ts"
import type { Question } from "./ask.ts"
import { codecOf, whole } from "./codec.ts"
import { Flaw, flaw, guarded, Mismatch, toResult, under } from "./Mismatch.ts"

type Fields = { readonly [name: string]: Schema.Constraint }
/** How far a question can look into a schema. */
export type Shape =
  | { readonly _tag: "Record"; readonly label: string; readonly fields: Fields }
  | { readonly _tag: "Dictionary"; readonly fields: Fields }
  | { readonly _tag: "Tuple"; readonly elements: ReadonlyArray<Schema.Constraint> }
  | { readonly _tag: "Union"; readonly members: ReadonlyArray<Schema.Constraint> }
export const shapeKey = "~colloquy/shape"

/** The part of a question about one place. Nothing is read where nothing is bound. */
interface Part {
  readonly pattern: Pattern.Pattern
  readonly read: Reader | undefined
}
type Reader = (captures: ReadonlyArray<Value>) => unknown
interface Places {
  next: number
}
const discard: Part = { pattern: Pattern.discard, read: undefined }

/** Throws a `Mismatch` for a literal, or a name, that the schema does not have. `any`: callers know of what type the captures are. */
export const question = (schema: Schema.Constraint, ask: unknown): Question<any> => {
  const { pattern, read } = outside(() => partOf(schema, ask, { next: 0 }))
  return questionOf(pattern, read ?? (() => ({})))
}

/** A pattern with a reader for all that it captures. */
export const questionOf = (pattern: Pattern.Pattern, read: Reader): Question<any> => {
  const arity = Pattern.arity(pattern)
  return {
    pattern,
    decode: (captures) => toResult(captures.length === arity ? guarded(() => read(captures))
      : flaw(`Expected ${arity} captures, got ${captures.length}`))
  }
}

const partOf = (schema: Schema.Constraint, ask: unknown, places: Places): Part => {
  const shape = shapeOf(schema)
  if (ask === undefined || ask === Pattern.discard) return discard
  if (ask === Pattern.bind) return bound(schema, Pattern.bind(), places)
  if (isPattern(ask) && !isOneOf(schema, ask)) {
    if (!isSound(ask)) throw flaw("Expected a pattern")
    return ask._tag === "Discard" ? discard : bound(schema, ask._tag === "Bind" ? ask : Pattern.bind(ask), places)
  }
  switch (shape?._tag) {
    case "Record": return ofRecord(shape.label, shape.fields, ask, places)
    case "Dictionary": return ofDictionary(shape.fields, ask, places)
    case "Tuple": return ofTuple(shape.elements, ask, places)
    case "Union": return ofUnion(shape.members, ask, places)
    case undefined: return { pattern: Pattern.literal(literalOf(schema, ask)), read: undefined }
  }
}

/** How the schema can be looked into: assertions say so themselves; structs, classes and tuples of `Schema` show it. */
const shapeOf = (schema: Schema.Constraint): Shape | undefined => {
  if (shapeKey in schema) return schema[shapeKey] as Shape
  const { ast } = schema
  if ("elements" in schema && SchemaAST.isArrays(ast) && ast.encoding === undefined) {
    return { _tag: "Tuple", elements: schema.elements as ReadonlyArray<Schema.Constraint> }
  }
  if (!("fields" in schema)) return undefined
  // a class is a declaration that one link leads to its struct
  const struct = SchemaAST.isDeclaration(ast) && ast.encoding?.length === 1 ? ast.encoding[0].to : ast
  return SchemaAST.isObjects(struct) && struct.encoding === undefined ? { _tag: "Dictionary", fields: schema.fields as Fields } : undefined
}

const isObject = (ask: unknown): ask is { readonly [name: string]: unknown } => typeof ask === "object" && ask !== null
const patterns = new Set<unknown>(["Discard", "Bind", "Literal", "Record", "Sequence", "Dictionary"] satisfies ReadonlyArray<Pattern.Pattern["_tag"]>)
/** Plain, so that neither a `Value.Record` nor an instance of somebody's class is taken for one. */
const isPattern = (ask: unknown): ask is Pattern.Pattern =>
  isObject(ask) && patterns.has(ask._tag) && Object.getPrototypeOf(ask) === Object.prototype

/** One that a dataspace takes. */
const isSound = (pattern: Pattern.Pattern): boolean =>
  !(guarded(() => whole(Pattern.toValue(pattern))) instanceof Flaw) && Pattern.fromValue(Pattern.toValue(pattern)) !== undefined

/** A fact may be labelled "Record" or "Bind" too, and is then meant. */
const isOneOf = (schema: Schema.Constraint, ask: Pattern.Pattern): boolean => {
  const shape = shapeOf(schema)
  switch (shape?._tag) {
    case "Record": return shape.label === ask._tag
    case "Dictionary": return Object.hasOwn(shape.fields, "_tag")
    case "Tuple": return false
    case "Union": return shape.members.some((member) => isOneOf(member, ask))
    case undefined: return !(codecOf(schema).encode(ask) instanceof Flaw)
  }
}

const bound = (schema: Schema.Constraint, pattern: Pattern.Bind, places: Places): Part => {
  const { decode } = codecOf(schema)
  const place = places.next
  places.next += Pattern.arity(pattern) // what is bound further inside is for nobody
  return { pattern, read: (captures) => decode(captures[place]!) }
}

const literalOf = (schema: Schema.Constraint, ask: unknown): Value => {
  const value = codecOf(schema).encode(ask)
  if (value instanceof Flaw) throw value
  return value
}

const outside = <A>(run: () => A): A => {
  try {
    return run()
  } catch (thrown) {
    throw thrown instanceof Flaw ? new Mismatch(thrown) : thrown
  }
}
const at = <A>(step: string | number, run: () => A): A => {
  try {
    return run()
  } catch (thrown) {
    throw thrown instanceof Flaw ? under(step, thrown) : thrown
  }
}

const ofRecord = (label: string, fields: Fields, ask: unknown, places: Places): Part => {
  const names = Object.keys(fields)
  const asks = named(names, ask, label)
  const parts = names.map((name) => at(name, () => partOf(fields[name]!, asks[name], places)))
  return { pattern: Pattern.record(label, ...parts.map(({ pattern }) => pattern)), read: reader(names, parts) }
}

const ofDictionary = (fields: Fields, ask: unknown, places: Places): Part => {
  const asks = named(Object.keys(fields), ask)
  // what must be there is asked for; what may be absent only when it is mentioned
  const names = Object.keys(fields)
    .filter((name) => asks[name] !== undefined || !SchemaAST.isOptional(SchemaAST.toEncoded(fields[name]!.ast)))
    .sort((a, b) => compare(symbol(a), symbol(b)))
  const parts = names.map((name) => at(name, () => partOf(fields[name]!, asks[name], places)))
  return { pattern: Pattern.dictionary(names.map((name, i) => [symbol(name), parts[i]!.pattern])), read: reader(names, parts) }
}

const named = (names: ReadonlyArray<string>, ask: unknown, tag?: string): { readonly [name: string]: unknown } => {
  if (!isObject(ask) || Array.isArray(ask)) throw flaw("Expected an object of fields")
  const stray = Object.keys(ask).find((name) => !names.includes(name) && (name !== "_tag" || tag === undefined))
  if (stray !== undefined) throw flaw("Expected no such field", [stray])
  if (tag !== undefined && ask._tag !== undefined && ask._tag !== tag) throw flaw(`Expected ${JSON.stringify(tag)}`, ["_tag"])
  return ask
}

const ofTuple = (elements: ReadonlyArray<Schema.Constraint>, ask: unknown, places: Places): Part => {
  if (!Array.isArray(ask) || ask.length !== elements.length) throw flaw(`Expected ${elements.length} items`)
  const parts = elements.map((element, i) => at(i, () => partOf(element, ask[i], places)))
  return { pattern: Pattern.sequence(parts.map(({ pattern }) => pattern)), read: itemReader(parts) }
}

/** The first member that the question can be about: of several with one label, the one that has the fields and takes the literals. */
const ofUnion = (members: ReadonlyArray<Schema.Constraint>, ask: unknown, places: Places): Part => {
  const tag = isObject(ask) ? ask._tag : undefined
  const fits = (member: Schema.Constraint): boolean => {
    const shape = shapeOf(member)
    if (shape?._tag === "Union") return shape.members.some(fits)
    return shape?._tag === "Record" ? shape.label === tag
      : shape?._tag === "Dictionary" && isObject(ask) && !Array.isArray(ask) && Object.keys(ask).every((name) => Object.hasOwn(shape.fields, name))
  }
  const { next } = places
  let first: unknown
  for (const member of members.filter(fits)) {
    try {
      return partOf(member, ask, places)
    } catch (thrown) {
      if (!(thrown instanceof Flaw)) throw thrown
      first ??= thrown
      places.next = next
    }
  }
  throw first ?? flaw("Expected the _tag, or the fields, of a member of the union")
}

/** Reads the bound fields, in the order they were given. */
const reader = (names: ReadonlyArray<string>, parts: ReadonlyArray<Part>): Reader | undefined => {
  const reads = parts.flatMap(({ read }, i) => read === undefined ? [] : [{ name: names[i]!, read }])
  if (reads.length === 0) return undefined
  return (captures) => {
    const found: { [name: string]: unknown } = {}
    for (const { name, read } of reads) {
      const value = read(captures)
      if (value instanceof Flaw) return under(name, value)
      found[name] = value
    }
    return found
  }
}

const itemReader = (parts: ReadonlyArray<Part>): Reader | undefined => {
  const reads = parts.flatMap(({ read }, i) => read === undefined ? [] : [{ i, read }])
  if (reads.length === 0) return undefined
  return (captures) => {
    const found: Array<unknown> = []
    for (const { i, read } of reads) {
      const value = read(captures)
      if (value instanceof Flaw) return under(i, value)
      found.push(value)
    }
    return found
  }
}
