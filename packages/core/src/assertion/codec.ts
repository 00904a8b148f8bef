/**
 * Encoding and decoding of one place of a fact, compiled once: what `Schema` does, except that the
 * plain kinds, of which facts are mostly made, take a `typeof` instead of a run of the interpreter.
 *
 * Promises: neither direction throws; what `encode` gives is a value that every codec and kernel takes.
 */
import { Result, Schema, SchemaAST, SchemaParser } from "effect"
import { depthMax, measure } from "../value/canonical.ts"
import { byteLength } from "../value/utf8.ts"
import { InvalidValue, kindOf, type Value } from "../value/Value.ts"
import { derive, fromNumber, native } from "./derive.ts"
import { type Flaw, flaw, fromInvalid, fromIssue, fromThrown, guarded } from "./Mismatch.ts"

export interface Codec {
  readonly encode: (input: unknown) => Value | Flaw
  readonly decode: (value: Value) => unknown
}

/** Where assertions keep their own codec, which knows more than their schema does. */
export const codecKey = "~colloquy/codec"

export const codecOf = (schema: Schema.Constraint): Codec =>
  codecKey in schema ? schema[codecKey] as Codec : plain(schema.ast) ?? interpreted(schema)

const expected = (what: string, found: unknown): Flaw =>
  flaw(`Expected ${what}, got ${kindOf(found) ?? (found === null ? "null" : typeof found)}`)

/** One check for both directions. */
const kind = (what: string, is: (found: unknown) => boolean): Codec => ({
  encode: (input) => is(input) ? input as Value : expected(what, input),
  decode: (value) => is(value) ? value : expected(what, value)
})

const text: Codec = {
  encode: (input) => typeof input !== "string" ? expected("string", input)
    : byteLength(input) < 0 ? flaw("Expected text, got a lone surrogate") : input,
  decode: (value) => typeof value === "string" ? value : expected("string", value)
}
const number: Codec = {
  encode: (input) => typeof input === "number" ? fromNumber(input) : expected("number", input),
  decode: (value) => typeof value === "number" ? value
    : typeof value === "object" && "_tag" in value && value._tag === "Double" ? value.value
    : typeof value === "bigint" ? flaw("Expected number, got an integer that no number holds") : expected("number", value)
}
/** What is no value (a class of somebody, a circle, a local symbol) is found by encoding it. */
const any: Codec = {
  encode: (input) => whole(input as Value),
  decode: (value) => value
}
const boolean = kind("boolean", (found) => typeof found === "boolean")
const bytes = kind("Uint8Array", (found) => found instanceof Uint8Array)
const name: Codec = {
  encode: (input) => typeof input === "symbol" ? whole(input) : expected("symbol", input),
  decode: (value) => typeof value === "symbol" ? value : expected("symbol", value)
}

const plain = (ast: SchemaAST.AST): Codec | undefined => {
  if (ast.encoding !== undefined || ast.checks !== undefined) return undefined
  switch (ast._tag) {
    case "String": return text
    case "Number": return number
    case "Boolean": return boolean
    case "Symbol": return name
    case "Unknown":
    case "Any": return any
    case "Declaration":
      return (ast.annotations?.representation as { readonly id?: string } | undefined)?.id === "effect/schema/Uint8Array" ? bytes
        : ast.annotations?.[native] === "any" ? any : undefined
    case "Literal": {
      const { literal } = ast
      return typeof literal === "string" || typeof literal === "boolean"
        ? kind(JSON.stringify(literal), (found) => found === literal) : undefined
    }
    default: return undefined
  }
}

/** Whether a schema fills in what its constructor was not given. */
export const hasDefaults = (ast: SchemaAST.AST, seen = new Set<SchemaAST.AST>()): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  const inside = (parts: ReadonlyArray<SchemaAST.AST>) => parts.some((part) => hasDefaults(part, seen))
  if (ast.context?.constructorDefault !== undefined) return true
  switch (ast._tag) {
    case "Objects": return inside([...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type))
    case "Arrays": return inside([...ast.elements, ...ast.rest])
    case "Union": return inside(ast.types)
    case "Declaration": return inside(ast.typeParameters)
    case "Suspend": return inside([ast.thunk()])
    default: return false
  }
}

const interpreted = (schema: Schema.Constraint): Codec => {
  const derived = Schema.make<Schema.Codec<unknown, Value>>(derive(schema.ast))
  const encode = SchemaParser.encodeUnknownResult(derived)
  const decode = SchemaParser.decodeUnknownResult(derived)
  // a schema that refers to itself is complete only when it is first used
  let make: ((input: unknown) => unknown) | undefined
  return {
    encode: (input) => guarded(() => {
      make ??= hasDefaults(schema.ast) ? SchemaParser.make(schema) as (input: unknown) => unknown : (given) => given
      const result = encode(make(input))
      return Result.isFailure(result) ? fromIssue(result.failure) : whole(result.success)
    }),
    decode: (value) => guarded(() => {
      const result = decode(value)
      return Result.isFailure(result) ? fromIssue(result.failure) : result.success
    })
  }
}

/** The value, when it is one to its last leaf. */
export const whole = (value: Value): Value | Flaw => {
  try {
    measure(value, levelsMax)
    return value
  } catch (thrown) {
    return thrown instanceof InvalidValue ? fromInvalid(thrown) : fromThrown(thrown)
  }
}

const levelsMax = depthMax - 20 // a guess: what may stand around one field of a fact
