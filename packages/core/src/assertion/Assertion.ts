/**
 * Typed facts: `Schema` on one side, Preserves records and patterns on the other.
 *
 * ```ts
 * const Present = Assertion.record("Present", { room: Schema.String, user: Schema.String })
 *
 * Present({ room: "lobby", user: "ann" })                   // the value <Present "lobby" "ann">
 * Present.with({ room: "lobby", user: Pattern.bind })       // a question whose captures are { user: string }
 * Present.all                                               // a question for all of it
 * ```
 *
 * An assertion is a schema like any other: its type is the fact (`{ _tag: "Present", room, user }`), its
 * encoded side the value. So it stands in other assertions, in structs, arrays and unions of `Schema`,
 * and may be checked, branded or transformed. `derive.ts` tells how each schema looks as a value;
 * `ask.ts` what a question may say.
 *
 * Whose fault: what does not decode is a `Mismatch` in a `Result`, since strangers sent it. What does
 * not encode is thrown by the constructor and by `with`, as the constructors of `Schema` do, since the
 * program itself said it; `encode` gives it as a `Result` instead.
 */
import { type Result, Schema, SchemaAST, SchemaGetter } from "effect"
import * as Pattern from "../value/Pattern.ts"
import { type Dictionary, isRecord, kindOf, Record as ValueRecord, symbol as symbolOf, type Value as AnyValue } from "../value/Value.ts"
import type { AskFields, AskMember, Captures, Question, Strict } from "./ask.ts"
import { type Codec, codecKey, codecOf, whole } from "./codec.ts"
import { declared, derive, native } from "./derive.ts"
import { Flaw, flaw, guarded, Mismatch, orThrow, toResult, under } from "./Mismatch.ts"
import { question, type Shape, shapeKey, questionOf } from "./question.ts"

export type { Ask, Captures, Question } from "./ask.ts"
export { Mismatch } from "./Mismatch.ts"

/** Any value, as it is. */
export const Value: Schema.declare<AnyValue> =
  Schema.declare((u): u is AnyValue => kindOf(u) !== undefined, { expected: "a Preserves value", [native]: "any" })

/** What can be a field: a schema that needs no services. */
export type Field = Schema.ConstraintCodec<unknown, unknown, never, never>
/** Fields by name. The value of a record has them in the order in which they are declared here. */
export type Fields = { readonly [name: PropertyKey]: Field }
/** A record has its fields by their place, so none may be left out (`Schema.NullOr`, `Schema.Option` and dictionaries serve). */
type Required<F> = {
  readonly [K in keyof F]: K extends "_tag" | symbol ? never : F[K] extends { readonly "~type.optionality": "optional" } ? never : unknown
}

/** Both ways between a fact and its value. */
interface Ways<In, A, V extends AnyValue> {
  /** The value of a fact. Throws a `Mismatch` for what the schema does not take. */
  (...fact: {} extends In ? readonly [fact?: In] : readonly [fact: In]): V
  /** As the call, but what the schema does not take is returned. */
  readonly encode: (fact: In) => Result.Result<V, Mismatch>
  /** The fact that a value is, or why it is none. Never throws. */
  readonly decode: (value: AnyValue) => Result.Result<A, Mismatch>
}
type Codecs<S extends Schema.Constraint, V extends AnyValue> =
  & Schema.Bottom<S["Type"], V, never, never, SchemaAST.AST, Schema.Codec<S["Type"], V>, S["~type.make.in"], S["Type"], readonly [], S["~type.make"]>
  & Ways<S["~type.make.in"], S["Type"], V>

/** What records and dictionaries can be asked; `Space.observe` and the others take the answer. */
export interface Asks<S, A> {
  /** A question about some fields; throws a `Mismatch` for a literal that does not encode. */
  readonly with: <const Q extends AskFields<S extends { readonly fields: infer F } ? F : never>>(ask: Q & Strict<S, Q>) => Question<Captures<S, Q>>
  /** A question for the whole of each. */
  readonly all: Question<A>
}
/** What a record was made of. */
export interface RecordParts<Label extends string, F extends Fields> {
  readonly label: Label
  readonly fields: F
}
/** What `record` returns: call it for the value of a fact, or use it as the schema that it is. */
export type record<Label extends string, F extends Fields> =
  & Codecs<Schema.TaggedStruct<Label, F>, ValueRecord>
  & RecordParts<Label, F>
  & Asks<RecordParts<Label, F>, Schema.TaggedStruct<Label, F>["Type"]>
/** What `dictionary` returns: call it for the value of a fact, or use it as the schema that it is. */
export type dictionary<F extends Fields> =
  & Codecs<Schema.Struct<F>, Dictionary>
  & { readonly fields: F }
  & Asks<{ readonly fields: F }, Schema.Struct<F>["Type"]>
/** Marks a union, so that the types of questions can look into it. */
export interface UnionParts<M extends ReadonlyArray<Schema.Constraint>> {
  readonly "~colloquy/members": M
}
/** What `union` returns. It has no `all`: no single pattern asks for every member. */
export type union<M extends ReadonlyArray<Schema.Constraint>> =
  & Codecs<Schema.Union<M>, ValueRecord | Dictionary>
  & UnionParts<M>
  & {
    readonly members: M
    /** A question about one member, named by its `_tag`. */
    readonly with: <const Q extends AskMember<M[number]>>(ask: Q & Strict<UnionParts<M>, Q>) => Question<Captures<UnionParts<M>, Q>>
  }

/** A schema that can be called, and knows its own codec and how questions look into it. `any`: whoever makes one says of what type it is. */
const assertion = (schema: Schema.Constraint, codec: Codec, shape: Shape, more: object): any => {
  const construct = (fact: unknown = {}) => orThrow(guarded(() => codec.encode(fact)))
  const self: Schema.Constraint = Object.assign(Object.setPrototypeOf(construct, Object.getPrototypeOf(schema)), { ast: schema.ast }, more, {
    [codecKey]: codec,
    [shapeKey]: shape,
    encode: (fact: unknown) => toResult(guarded(() => codec.encode(fact))),
    decode: (value: AnyValue) => toResult(guarded(() => codec.decode(value))),
    with: (ask: unknown) => question(self, ask)
  })
  return self
}

/**
 * Facts of one label, their fields in the order in which they are declared.
 *
 * Text.print(record("Present", { room: Value, user: Value })({ room: "lobby", user: "ann" }))   // => '<Present "lobby" "ann">'
 */
export const record = <const Label extends string, const F extends Fields>(label: Label, fields: F & Required<F>): record<Label, F> => {
  const names = Object.keys(fields)
  if (whole(symbolOf(label)) instanceof Flaw) throw new Mismatch({ reason: "Expected a label that is text", path: [] })
  const isWrong = (name: string) => /^(_tag|__proto__|\d+)$/.test(name) || SchemaAST.isOptional(SchemaAST.toEncoded(fields[name]!.ast))
  const wrong = names.find(isWrong)
  // JavaScript would not leave digits where they were declared
  const reason = "Expected a name that is not _tag and no number, of a field that is always there"
  if (wrong !== undefined) throw new Mismatch({ reason, path: [wrong] })
  const tagged = Schema.TaggedStruct(label, derived(fields))
  const shape = declared((u): u is ValueRecord => isRecord(u, label, names.length), `<${[label, ...names].join(" ")}>`)
  const schema = shape.pipe(Schema.decodeTo(tagged, {
    // `never`: names that are known when it runs make a fact whose type follows from the schemas
    decode: SchemaGetter.transform(({ fields }: ValueRecord) =>
      Object.fromEntries([["_tag", label], ...names.map((name, i) => [name, fields[i]])]) as never),
    encode: SchemaGetter.transform((fact: { readonly [name: string]: unknown }) =>
      new ValueRecord(symbolOf(label), names.map((name) => fact[name] as AnyValue)))
  }))
  const codec = recordCodec(label, fields, schema)
  const all = questionOf(Pattern.record(label, ...names.map(() => Pattern.bind())), (captures) => codec.read(captures))
  return assertion(schema, codec, { _tag: "Record", label, fields }, { label, fields, all })
}

const derived = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, Schema.make<Schema.Codec<unknown>>(derive(field.ast))]))

interface RecordCodec extends Codec {
  readonly read: (values: ReadonlyArray<AnyValue>) => unknown
}
/** As the schema does it, field by field. */
const recordCodec = (label: string, fields: Fields, schema: Schema.Constraint): RecordCodec => {
  const symbol = symbolOf(label)
  const codecs = Object.entries(fields).map(([name, field]) => ({ name, ...codecOf(field) }))
  // a field that is filled in when it is not given is `Schema`'s to fill in
  const slow = Object.values(fields).some(({ ast }) => ast.context?.constructorDefault !== undefined) ? codecOf(schema) : undefined
  const read = (values: ReadonlyArray<AnyValue>): unknown => {
    const fact: { [name: string]: unknown } = { _tag: label }
    for (let i = 0; i < codecs.length; i++) {
      const { decode, name } = codecs[i]!
      const found = decode(values[i]!)
      if (found instanceof Flaw) return under(name, found)
      fact[name] = found
    }
    return fact
  }
  return {
    read,
    encode: slow?.encode ?? ((input) => {
      if (!isObject(input)) return flaw("Expected an object of fields")
      if (input._tag !== undefined && input._tag !== label) return flaw(`Expected ${JSON.stringify(label)}`, ["_tag"])
      const values: Array<AnyValue> = []
      for (const { encode, name } of codecs) {
        const value = encode(input[name])
        if (value instanceof Flaw) return under(name, value)
        values.push(value)
      }
      return new ValueRecord(symbol, values)
    }),
    decode: (value) => isRecord(value, label, codecs.length) ? read(value.fields)
      : flaw(`Expected <${[label, ...Object.keys(fields)].join(" ")}>, got ${nameOf(value)}`)
  }
}

const labelName = (value: AnyValue): string | undefined =>
  value instanceof ValueRecord && typeof value.label === "symbol" ? Symbol.keyFor(value.label) : undefined
const nameOf = (value: AnyValue): string =>
  value instanceof ValueRecord ? `<${labelName(value) ?? "…"}> of ${value.fields.length}` : kindOf(value) ?? typeof value

/**
 * Facts whose fields go by name: a dictionary with a symbol for each. Others may be there and are
 * ignored; a field may be optional.
 *
 * Text.print(dictionary({ room: Value, user: Value })({ room: "lobby", user: "ann" }))   // => '{room: "lobby" user: "ann"}'
 */
export const dictionary = <const F extends Fields>(fields: F): dictionary<F> => {
  const struct = Schema.Struct(fields)
  const codec = codecOf(struct)
  const { pattern } = question(struct, {})
  const schema = Schema.make<Schema.Codec<unknown, Dictionary>>(derive(struct.ast))
  const all = questionOf(Pattern.bind(pattern), ([found]) => codec.decode(found!))
  return assertion(schema, codec, { _tag: "Dictionary", fields }, { fields, all })
}

/**
 * One of several, the one with most fields first where several would do. No single pattern asks for
 * them all: observe each member, or a field that holds the union.
 */
export const union = <const M extends ReadonlyArray<Member>>(...members: M): union<M> => {
  const leaves = members.flatMap(leavesOf).sort((a, b) => b.size - a.size)
  const labels = [...new Set(leaves.map(({ label }) => label ?? "the dictionaries"))].join(", ")
  const one = (label: unknown, way: "encode" | "decode", given: unknown): unknown => {
    const labelled = leaves.filter((leaf) => leaf.label !== undefined && leaf.label === label)
    const candidates = labelled.length > 0 ? labelled : leaves.filter((leaf) => leaf.label === undefined)
    if (candidates.length === 1) return candidates[0]!.codec[way](given as AnyValue)
    for (const { codec } of candidates) {
      const outcome = codec[way](given as AnyValue)
      if (!(outcome instanceof Flaw)) return outcome
    }
    return flaw(`Expected one of ${labels}`)
  }
  const codec: Codec = {
    encode: (input) => one(isObject(input) ? input._tag : undefined, "encode", input) as AnyValue | Flaw,
    decode: (value) => one(labelName(value), "decode", value)
  }
  return assertion(Schema.Union(leaves.map(({ schema }) => schema)), codec, { _tag: "Union", members }, { members, "~colloquy/members": members })
}

/** What a union is made of: records, dictionaries, unions. */
export type Member = Field & { readonly fields: Fields } & { readonly all: Question<unknown> } | Field & UnionParts<ReadonlyArray<Schema.Constraint>>

interface Leaf {
  readonly schema: Schema.Constraint
  readonly size: number
  readonly label: string | undefined
  readonly codec: Codec
}
const leavesOf = (member: Member): ReadonlyArray<Leaf> => {
  if ("~colloquy/members" in member) return (member["~colloquy/members"] as ReadonlyArray<Member>).flatMap(leavesOf)
  const label = "label" in member ? member.label as string : undefined
  return [{ schema: member, size: Object.keys(member.fields).length, label, codec: codecOf(member) }]
}

const isObject = (input: unknown): input is { readonly [name: string]: unknown } => typeof input === "object" && input !== null
