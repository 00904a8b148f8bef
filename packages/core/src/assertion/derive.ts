/**
 * Any schema as a codec to Preserves, in the way of Schema's own `toCodecJson`: the schema is encoded
 * as it always is, and its encoded side then stands as a value.
 *
 * | encoded side | as a value |
 * | --- | --- |
 * | string, boolean, bytes, registered symbol | itself |
 * | number | an integer when it is a safe one (`-0` is `0`), else a double; read from either |
 * | bigint | an integer |
 * | struct | a dictionary, each key a symbol; keys that are absent or `undefined` are left out, unknown ones ignored |
 * | record of string keys | a dictionary, each key a string |
 * | array, tuple | a sequence |
 * | ReadonlySet, HashSet | a set |
 * | ReadonlyMap, HashMap | a dictionary, keys encoded by their schema |
 * | `null`, `undefined` | `<null>`, `<undefined>`, as `Plain` has them |
 * | unknown, any, what is a value already | itself |
 * | other declarations (Date, Option, URL, …) | what their JSON codec makes of them, as a value |
 *
 * Integers that a JavaScript number cannot hold are no `Schema.Number`: nothing is rounded in silence.
 */
import { Schema, SchemaAST, SchemaGetter, SchemaTransformation } from "effect"
import { distinct } from "../value/order.ts"
import { Dictionary, Double, isRecord, record, Set as ValueSet, symbol, type Value } from "../value/Value.ts"

type AST = SchemaAST.AST
type Direction = (input: any) => unknown

/** Marks a declaration whose values are Preserves values as they stand; with `any`, that takes them all. */
export const native = "~colloquy/value"

/** A schema of some kind of value, for what needs no encoding. */
export const declared = <T extends Value>(is: (u: unknown) => u is T, expected: string): Schema.declare<T> =>
  Schema.declare(is, { expected, [native]: true })

export const isDictionary = declared((u): u is Dictionary => u instanceof Dictionary, "a dictionary")
const isSet = declared((u): u is ValueSet => u instanceof ValueSet, "a set")

const transformation = (decode: Direction, encode: Direction) =>
  new SchemaTransformation.Transformation(SchemaGetter.transform(decode), SchemaGetter.transform(encode))
const asIs = transformation((input) => input, (input) => input)
const unknown = Schema.Unknown.ast

const memo = (f: (ast: AST) => AST): (ast: AST) => AST => {
  const known = new WeakMap<AST, AST>()
  return (ast) => {
    const found = known.get(ast) ?? f(ast)
    known.set(ast, found)
    return found
  }
}

/** The same type, with values as its encoded side. */
export const derive: (ast: AST) => AST = memo((ast) => {
  const encoded = SchemaAST.toEncoded(ast)
  return encoded === ast ? embody(ast) : SchemaAST.decodeTo(embody(encoded), ast, asIs)
})

/** A number in the one form that readers give. */
export const fromNumber = (n: number): Value =>
  Number.isSafeInteger(n) ? n + 0 : Number.isInteger(n) || !Number.isFinite(n) ? new Double(n) : n
const fromBigInt = (n: bigint): Value => Number.isSafeInteger(Number(n)) ? Number(n) : n

const number = transformation(
  (value) => value instanceof Double ? value.value : value,
  (n) => typeof n === "number" ? fromNumber(n) : n
)
const bigint = transformation((value) => Number.isSafeInteger(value) ? BigInt(value) : value, fromBigInt)
const unit = (label: string, js: null | undefined) => transformation((value) => isRecord(value, label, 0) ? js : value, () => record(label))
const nothing = unit("null", null)
const absent = unit("undefined", undefined)
const set = transformation((value: ValueSet) => value.items, (items: ReadonlyArray<Value>) => new ValueSet(distinct(items)))
const map = transformation((value: Dictionary) => value.entries, (entries: Dictionary["entries"]) => new Dictionary(entries))

/** A node that nothing encodes any more. */
const embody: (ast: AST) => AST = memo((ast) => {
  switch (ast._tag) {
    case "Number":
    case "Enum": return SchemaAST.decodeTo(unknown, ast, number)
    case "BigInt": return SchemaAST.decodeTo(unknown, ast, bigint)
    case "Literal":
      return typeof ast.literal === "number" ? SchemaAST.decodeTo(unknown, ast, number)
        : typeof ast.literal === "bigint" ? SchemaAST.decodeTo(unknown, ast, bigint) : ast
    case "Null": return SchemaAST.decodeTo(unknown, ast, nothing)
    case "Undefined":
    case "Void": return SchemaAST.decodeTo(unknown, ast, absent)
    case "Declaration": return declaration(ast)
    case "Objects": return objects(ast)
    case "Arrays":
      return new SchemaAST.Arrays(ast.isMutable, ast.elements.map(member), ast.rest.map(member),
        ast.annotations, ast.checks, undefined, ast.context, ast.encodingChecks)
    case "Union":
      return new SchemaAST.Union(ast.types.map(embody), ast.options, ast.annotations, ast.checks, undefined, ast.context, ast.encodingChecks)
    case "Suspend": return new SchemaAST.Suspend(() => derive(ast.thunk()), ast.annotations, undefined, undefined, ast.context)
    default: return ast
  }
})

/** What may be left out here may be left out of the value as well. */
const member = (ast: AST): AST => SchemaAST.isOptional(ast) ? Schema.optionalKey(Schema.make(embody(ast))).ast : embody(ast)

const collections: { readonly [id: string]: readonly [Schema.declare<any>, typeof set] } = {
  "effect/schema/ReadonlySet": [isSet, set],
  "effect/schema/HashSet": [isSet, set],
  "effect/schema/ReadonlyMap": [isDictionary, map],
  "effect/schema/HashMap": [isDictionary, map]
}

const declaration = (ast: SchemaAST.Declaration): AST => {
  const { representation, toCodec, toCodecJson } = ast.annotations ?? {}
  const id = (representation as { readonly id?: string } | undefined)?.id
  if (ast.annotations?.[native] !== undefined || id === "effect/schema/Uint8Array") return ast
  const link = (toCodecJson ?? toCodec) as ((parameters: ReadonlyArray<Schema.Top>) => SchemaAST.Link | undefined) | undefined
  const { to, transformation } = link?.(ast.typeParameters.map((parameter) => Schema.make(parameter))) ?? {}
  if (to === undefined || transformation === undefined || transformation._tag !== "Transformation") return ast
  const [value, collection] = collections[id ?? ""] ?? []
  const from = derive(to)
  return SchemaAST.decodeTo(value && collection ? SchemaAST.decodeTo(value.ast, from, collection) : from, ast, transformation)
}

const objects = (ast: SchemaAST.Objects): AST => {
  const names = ast.propertySignatures.map(({ name }) => String(name))
  const keys = new Map(names.map((name) => [name, symbol(name)]))
  const omissible = new Set(ast.propertySignatures.filter(({ type }) => isOmissible(type)).map(({ name }) => name))
  const inside = new SchemaAST.Objects(
    ast.propertySignatures.map(({ name, type }) => new SchemaAST.PropertySignature(name, member(type))),
    ast.indexSignatures.map(({ parameter, type }) => new SchemaAST.IndexSignature(parameter, embody(type))),
    ast.annotations, ast.checks, undefined, ast.context, ast.encodingChecks
  )
  const isOpen = ast.indexSignatures.length > 0
  const decode = ({ entries }: Dictionary): object => {
    const found: object = {}
    for (const [key, value] of entries) {
      const name = typeof key === "symbol" ? Symbol.keyFor(key) : undefined
      if (name !== undefined && keys.has(name)) put(found, name, value)
      else if (isOpen && (typeof key === "symbol" || (typeof key === "string" && !keys.has(key)))) put(found, key, value)
    }
    return found
  }
  const encode = (object: { readonly [key: PropertyKey]: Value | undefined }): Dictionary =>
    new Dictionary(Reflect.ownKeys(object).flatMap((key) => {
      const value = object[key]
      if (value === undefined || (omissible.has(key) && isRecord(value, "undefined", 0))) return []
      return [[typeof key === "string" ? keys.get(key) ?? key : key, value] as const]
    }))
  return SchemaAST.decodeTo(isDictionary.ast, inside, transformation(decode, encode))
}

/** `Schema.optional`: a key that is `undefined` says what an absent one says, and must make the same fact. */
const isOmissible = (type: AST): boolean =>
  SchemaAST.isOptional(type) && SchemaAST.isUnion(type) && type.types.some(SchemaAST.isUndefined)

/** `__proto__` may be a stranger's key: it is one like any other. */
const put = (object: object, key: PropertyKey, value: unknown): void => {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}
