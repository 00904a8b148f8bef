/** How schemas look as values, and that what is encoded comes back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, HashMap, HashSet, Option, Result, Schema } from "effect"
import * as fc from "fast-check"
import * as Assertion from "../../src/assertion/Assertion.ts"
import { Binary, Canonical, Pattern, Text, Value } from "../../src/index.ts"
import { value as anyValue } from "../codec/arbitrary.ts"

const value = (text: string): Value.Value => Text.read(text) as Value.Value
const field = <S extends Assertion.Field>(schema: S) => {
  const Box = Assertion.record("box", { it: schema as Assertion.Field })
  return {
    encode: (it: S["Type"]): string => {
      const result = Box.encode({ it })
      return Result.isSuccess(result) ? Text.print(result.success.fields[0]!) : result.failure.message
    },
    decode: (it: Value.Value): unknown => {
      const result = Box.decode(Value.record("box", it))
      return Result.isSuccess(result) ? result.success.it : result.failure.message
    }
  }
}
const check = <S extends Assertion.Field>(schema: S, it: S["Type"], text: string) => {
  const { decode, encode } = field(schema)
  assert.strictEqual(encode(it), text)
  assert.deepStrictEqual(decode(value(text)), it)
}

describe("a field", () => {
  it("of a plain kind is itself", () => {
    check(Schema.String, "a", `"a"`)
    check(Schema.Boolean, true, "#t")
    check(Schema.Symbol, Symbol.for("a"), "a")
    check(Schema.Uint8Array, Uint8Array.of(1, 2), `#x"0102"`)
    check(Schema.Literal("a"), "a", `"a"`)
    check(Schema.Literals(["a", 1, true, 2n]), 1, "1")
    check(Schema.UniqueSymbol(Symbol.for("a")), Symbol.for("a") as never, "a")
    check(Schema.BigInt, 2n ** 70n, "1180591620717411303424")
    check(Schema.BigInt, 3n, "3")
    check(Schema.NullOr(Schema.String), null, "<null>")
    check(Schema.UndefinedOr(Schema.String), undefined, "<undefined>")
  })
  it("of numbers is an integer or a double, and takes both", () => {
    const { decode, encode } = field(Schema.Number)

    assert.deepStrictEqual([1, 1.5, -0, 1e300].map(encode), ["1", "1.5", "0", "1e+300"])
    assert.deepStrictEqual([NaN, -Infinity].map(encode), ["#xd\"7ff8000000000000\"", "#xd\"fff0000000000000\""])
    assert.deepStrictEqual(Assertion.record("n", { a: Schema.Number, b: Schema.Number })({ a: 1e300, b: -0 }).fields, [new Value.Double(1e300), 0])
    assert.deepStrictEqual(["1", "1.0", "1.5", "1e300", "-0.0"].map((text) => decode(value(text))), [1, 1, 1.5, 1e300, -0])
    assert.strictEqual(decode(2n ** 70n), "Expected number, got an integer that no number holds at it")
    assert.deepStrictEqual([field(Schema.Int).decode(value("2.0")), field(Schema.Literal(2)).decode(value("2.0"))], [2, 2])
    assert.strictEqual(field(Schema.Int).decode(value("2.5")), "Expected an integer at it")
  })
  it("of structs is a dictionary of symbols, of records one of strings", () => {
    const Point = Schema.Struct({ x: Schema.Number, y: Schema.optionalKey(Schema.Number), note: Schema.optional(Schema.String) })

    check(Point, { x: 1 }, "{x: 1}")
    check(Point, { x: 1, y: 2.5, note: "n" }, `{x: 1 y: 2.5 note: "n"}`)
    assert.strictEqual(field(Point).encode({ x: 1, note: undefined }), "{x: 1}")
    assert.deepStrictEqual(field(Point).decode(value(`{x: 1 "y": 7 z: 8 9: 10}`)), { x: 1 })
    assert.strictEqual(field(Point).decode(value("{y: 1}")), "Missing key at it.x")
    check(Schema.Record(Schema.String, Schema.Int), { a: 1, b: 2 }, `{"a": 1 "b": 2}`)
    check(Schema.StructWithRest(Schema.Struct({ a: Schema.Int }), [Schema.Record(Schema.String, Schema.Int)]), { a: 1, b: 2 }, `{a: 1 "b": 2}`)
    const Rest = Schema.StructWithRest(Schema.Struct({ a: Schema.Int }), [Schema.Record(Schema.String, Schema.Int)])
    assert.deepStrictEqual(field(Rest).decode(value(`{a: 1 "a": 2}`)), { a: 1 })
    check(Schema.Record(Schema.String, Schema.Int), JSON.parse(`{"__proto__": 1}`) as { readonly [x: string]: number }, `{"__proto__": 1}`)
  })
  it("of arrays and tuples is a sequence", () => {
    check(Schema.Array(Schema.Number), [1, 2.5], "[1 2.5]")
    check(Schema.Tuple([Schema.String, Schema.optionalKey(Schema.Int)]), ["a"], `["a"]`)
    check(Schema.NonEmptyArray(Schema.Struct({ a: Schema.Int })), [{ a: 1 }], "[{a: 1}]")
    assert.strictEqual(field(Schema.Array(Schema.Struct({ a: Schema.Int }))).decode(value(`[{a: 1} {a: "x"}]`)), "Expected number at it.1.a")
  })
  it("of sets and maps is one fact in whatever order they were filled", () => {
    check(Schema.ReadonlySet(Schema.Number), new Set([1, 2]), "#{1 2}")
    check(Schema.ReadonlyMap(Schema.Number, Schema.String), new Map([[1, "a"]]), `{1: "a"}`)
    check(Schema.HashSet(Schema.String), HashSet.make("a"), `#{"a"}`)
    check(Schema.HashMap(Schema.String, Schema.Number), HashMap.make(["a", 1]), `{"a": 1}`)
    assert.strictEqual(field(Schema.ReadonlySet(Schema.Struct({ a: Schema.Int }))).encode(new Set([{ a: 1 }, { a: 1 }])), "#{{a: 1}}")
    const Tags = Assertion.record("tags", { it: Schema.ReadonlySet(Schema.String) })
    assert.strictEqual(Canonical.key(Tags({ it: new Set(["a", "b"]) })), Canonical.key(Tags({ it: new Set(["b", "a"]) })))
  })
  it("of a schema with a transformation is its encoded side", () => {
    class User extends Schema.Class<User>("User")({ id: Schema.Int, at: Schema.DateTimeUtcFromString }) {}
    const at = Schema.decodeSync(Schema.DateTimeUtcFromString)("2026-01-01T00:00:00.000Z")

    check(Schema.NumberFromString, 5, `"5"`)
    check(Schema.Date, new Date(0), `"1970-01-01T00:00:00.000Z"`)
    check(Schema.Option(Schema.Number), Option.some(1.5), `{_tag: "Some" value: 1.5}`)
    check(Schema.NonEmptyString.pipe(Schema.brand("Name")), "a" as never, `"a"`)
    check(Schema.Uint8ArrayFromBase64, Uint8Array.of(1, 2), `"AQI="`)
    check(User, new User({ id: 1, at }), `{id: 1 at: "2026-01-01T00:00:00.000Z"}`)
    assert.instanceOf(field(User).decode(value(`{id: 1 at: "2026-01-01T00:00:00.000Z"}`)), User)
  })
  it("may refer to itself", () => {
    interface Tree {
      readonly v: number
      readonly kids: ReadonlyArray<Tree>
    }
    const Tree = Schema.Struct({ v: Schema.Int, kids: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)) })
    const circle = { v: 1, kids: [] as Array<Tree> }
    circle.kids.push(circle)
    const deep = (levels: number): Tree => levels === 0 ? { v: 0, kids: [] } : { v: levels, kids: [deep(levels - 1)] }

    interface Node {
      readonly _tag: "node"
      readonly name: string
      readonly kids: ReadonlyArray<Node>
    }
    const Node = Assertion.record("node", { name: Schema.String, kids: Schema.Array(Schema.suspend((): Schema.Codec<Node, Value.Record> => Node)) })
    check(Node, { _tag: "node", name: "a", kids: [{ _tag: "node", name: "b", kids: [] }] }, `<node "a" [<node "b" []>]>`)
    check(Tree, { v: 1, kids: [{ v: 2, kids: [] }] }, "{v: 1 kids: [{v: 2 kids: []}]}")
    assert.match(field(Tree).encode(circle), /at it$/)
    assert.match(field(Tree).encode(deep(100)), /^nested too deep at it/)
    assert.match(field(Tree).encode(deep(55)), /^nested too deep at it/) // there must be room for what stands around it
    assert.match(field(Tree).encode(deep(45)), /^{v: 45/)
  })
  it("of any value is what it is", () => {
    check(Assertion.Value, value("<a {b: #{1.0}}>"), "<a {b: #{1.0}}>")
    check(Schema.Unknown, value("<a {b: #{1.0}}>"), "<a {b: #{1.0}}>")
    assert.strictEqual(field(Schema.Unknown).encode({ a: 1 }), "object is not a Preserves value at it")
    assert.strictEqual(field(Assertion.Value).encode([1, Symbol("local")] as never), "a symbol that was not made by Symbol.for at it.1")
    assert.strictEqual(field(Schema.Symbol).encode(Symbol("local")), "a symbol that was not made by Symbol.for at it")
  })
  it("whose transformation throws, or waits, is a mismatch", () => {
    const Thrower = Schema.String.check(Schema.makeFilter(() => { throw new Error("no") }))
    const Waiter = Schema.String.pipe(Schema.middlewareDecoding((effect) => Effect.andThen(Effect.promise(() => Promise.resolve()), effect)))

    assert.match(field(Thrower).decode("abc") as string, /^Expected a schema that answers, but it threw: .* at it$/)
    assert.match(field(Waiter).decode("abc") as string, /^Expected a schema that answers, but it threw: .* at it$/)
  })
})

const text = fc.string({ unit: "grapheme", maxLength: 8 })
const number = fc.double().map((n) => n + 0) // no -0: as a fact it is 0
const Point = Schema.Struct({ x: Schema.Number, y: Schema.optionalKey(Schema.NullOr(Schema.String)) })
const Person = Assertion.record("Person", { name: Schema.String, born: Schema.BigInt, tags: Schema.ReadonlySet(Schema.String) })
const Note = Assertion.record("Note", {
  by: Person, at: Schema.Tuple([Schema.Number, Schema.Boolean]), bytes: Schema.Uint8Array, points: Schema.Array(Point)
})
const Prefs = Assertion.dictionary({
  color: Schema.Literals(["red", "blue", 3]), ratio: Schema.NumberFromString.check(Schema.isFinite()), any: Schema.optionalKey(Assertion.Value)
})
const Fact = Assertion.union(Person, Note, Prefs)

const tags = fc.uniqueArray(text).map((tags) => new Set(tags))
const person = fc.record({ _tag: fc.constant("Person" as const), name: text, born: fc.bigInt(), tags })
const point = fc.record({ x: number, y: fc.option(text) }, { requiredKeys: ["x"] })
const note = fc.record({
  _tag: fc.constant("Note" as const), by: person, at: fc.tuple(number, fc.boolean()), bytes: fc.uint8Array(),
  points: fc.array(point, { maxLength: 3 })
})
const color = fc.constantFrom("red" as const, "blue" as const, 3 as const)
const prefs = fc.record({ color, ratio: fc.integer(), any: anyValue }, { requiredKeys: ["color", "ratio"] })
const fact: fc.Arbitrary<typeof Fact.Type> = fc.oneof(person, note, prefs)

/** Sets by their members and values by their keys, so that order does not matter. */
const shown = (decoded: unknown): unknown =>
  decoded instanceof Set ? new Set([...decoded].sort())
    : Array.isArray(decoded) ? decoded.map(shown)
    : typeof decoded !== "object" || decoded === null || decoded instanceof Uint8Array ? decoded
    : Value.kindOf(decoded) !== undefined ? Canonical.key(decoded as Value.Value)
    : Object.fromEntries(Object.entries(decoded).map(([name, part]) => [name, name === "any" ? Canonical.key(part as Value.Value) : shown(part)]))

describe("facts at random", () => {
  it("come back from the wire as they were", () => {
    fc.assert(fc.property(fact, (given) => {
      const bytes = Canonical.encode(Fact(given))
      const back = Result.getOrThrow(Fact.decode(Binary.decode(bytes) as Value.Value))

      assert.deepStrictEqual(shown(back), shown(given))
    }), { numRuns: 500 })
  })
  it("are to Schema what they are to their own, quicker codec", () => {
    const decode = Schema.decodeUnknownResult(Fact as Schema.Codec<typeof Fact.Type, unknown>)
    const encode = Schema.encodeUnknownResult(Fact as Schema.Codec<typeof Fact.Type, Value.Value>)
    fc.assert(fc.property(fact, (given) => {
      const value = Fact(given)

      assert.strictEqual(Canonical.key(Result.getOrThrow(encode(given))), Canonical.key(value))
      assert.deepStrictEqual(shown(Result.getOrThrow(decode(value))), shown(Result.getOrThrow(Fact.decode(value))))
    }), { numRuns: 200 })
  })
  it("are found by every question about them, which gives what they hold", () => {
    const mask = fc.constantFrom("bind", "literal", "discard")
    fc.assert(fc.property(note, mask, mask, mask, mask, (given, by, name, at, points) => {
      const ask = (how: string, part: unknown) => how === "bind" ? Pattern.bind : how === "literal" ? part : undefined
      const { decode, pattern } = Note.with({
        by: by === "discard" ? { name: ask(name, given.by.name) } : ask(by, given.by), at: ask(at, given.at), points: ask(points, given.points)
      } as never)

      const captures = Pattern.captures(pattern, Note(given))
      assert.isDefined(captures)
      const expected = {
        ...by === "bind" ? { by: given.by } : by === "discard" && name === "bind" ? { by: { name: given.by.name } } : {},
        ...at === "bind" ? { at: given.at } : {},
        ...points === "bind" ? { points: given.points } : {}
      }
      assert.deepStrictEqual(shown(Result.getOrThrow(decode(captures!))), shown(expected))
    }), { numRuns: 300 })
  })
})

describe("values of strangers", () => {
  it("are decoded or refused, and nothing is thrown", () => {
    const Any = Assertion.record("any", {
      a: Schema.Array(Point), b: Schema.Option(Schema.Date), c: Schema.ReadonlyMap(Schema.String, Person), d: Fact
    })
    const born = Person.with({ tags: Pattern.bind, born: Pattern.bind })
    const questions: ReadonlyArray<Assertion.Question<unknown>> = [Any.all, Note.all, Prefs.all, born]
    fc.assert(fc.property(fc.array(anyValue, { minLength: 4, maxLength: 4 }), (values) => {
      for (const { decode, pattern } of questions) {
        const result = decode(values.slice(0, Pattern.arity(pattern)))
        if (Result.isFailure(result)) assert.instanceOf(result.failure, Assertion.Mismatch)
      }
      for (const schema of [Fact, Any]) assert.isTrue(Result.isResult(schema.decode(values[0]!)))
    }), { numRuns: 1_000 })
  })
  it("that decode are encoded to what decodes alike", () => {
    const Some = Schema.Union([Schema.String, Schema.Array(Schema.Number), Schema.Null, Point])
    const Loose = Assertion.record("loose", { n: Schema.Number, u: Some, v: Assertion.Value })
    const number = fc.double().map((n) => new Value.Double(n + 0))
    const some = fc.oneof(text, fc.array(number), fc.constantFrom(value("<null>"), value("{x: 2.0}")))
    const parts = fc.tuple(fc.oneof(number, fc.integer()), some, anyValue)
    fc.assert(fc.property(parts, (fields) => {
      const first = Result.getOrThrow(Loose.decode(Value.record("loose", ...fields)))
      const again = Result.getOrThrow(Loose.decode(Loose(first)))

      assert.deepStrictEqual(shown({ ...again, any: again.v, v: 0 }), shown({ ...first, any: first.v, v: 0 }))
    }), { numRuns: 300 })
  })
})
