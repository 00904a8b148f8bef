/** Assertions that are given what their types rule out, and unions whose members say nearly the same. */
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Assertion from "../../src/assertion/Assertion.ts"
import { Pattern, Text, Value } from "../../src/index.ts"

const Point = Assertion.record("Point", { x: Schema.Number })
const Labelled = Assertion.record("Point", { x: Schema.Number, label: Schema.String })
const Named = Assertion.record("Point", { x: Schema.String })
const First = Assertion.dictionary({ kind: Schema.Literal("first"), at: Schema.Number })
const Second = Assertion.dictionary({ kind: Schema.Literal("second"), at: Schema.String })
const Any = Assertion.union(Point, Labelled, Named, First, Second)
interface Tree {
  readonly n: number
  readonly kids: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({ n: Schema.Number, kids: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)) })
const Forest = Assertion.record("Forest", { tree: Tree })

const messageOf = (result: Result.Result<unknown, Assertion.Mismatch>): string => Result.isFailure(result) ? result.failure.message : "none"
const thrown = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return error instanceof Assertion.Mismatch ? error.message : `not a Mismatch: ${String(error)}`
  }
  return "none"
}
type Askable = { readonly with: (ask: never) => Assertion.Question<unknown> }
const pattern = (ask: unknown, of: Askable = Any): string => Text.print(Pattern.toValue(of.with(ask as never).pattern))
const getter = (): object => ({ get x() { throw new Error("a getter") } })

describe("a question about a union whose members say nearly the same", () => {
  it("is about the first that has the fields and takes the literals", () => {
    assert.deepStrictEqual([
      pattern({ _tag: "Point", x: Pattern.bind }), pattern({ _tag: "Point", label: Pattern.bind }), pattern({ _tag: "Point", x: "a" }),
      pattern({ kind: "second", at: Pattern.bind }), pattern({ at: Pattern.bind })
    ], [
      "<rec Point [<bind <_>>]>", "<rec Point [<_> <bind <_>>]>", '<lit <Point "a">>',
      '<dict {at: <bind <_>> kind: <lit "second">}>', "<dict {at: <bind <_>> kind: <_>}>"
    ])
  })
  it("reads its captures where that member has them, whatever was tried before", () => {
    const Holder = Assertion.record("Holder", { first: Schema.Number, one: Any })
    const question = Holder.with({ first: Pattern.bind, one: { kind: "second", at: Pattern.bind } })
    const value = Value.record("Holder", 1, new Value.Dictionary([[Value.symbol("kind"), "second"], [Value.symbol("at"), "here"]]))

    assert.deepStrictEqual(question.decode(Pattern.captures(question.pattern, value)!), Result.succeed({ first: 1, one: { at: "here" } }))
  })
  it("that none of them takes says what the first has against it", () => {
    assert.deepStrictEqual([{ _tag: "Point", x: true }, { kind: "third" }, [], null].map((ask) => thrown(() => pattern(ask))), [
      "Expected number, got Boolean at x", 'Expected "first", got String at kind',
      "Expected the _tag, or the fields, of a member of the union", "Expected the _tag, or the fields, of a member of the union"
    ])
  })
  it("decodes what each of them encodes", () => {
    const facts = [
      { _tag: "Point", x: 1 }, { _tag: "Point", x: 1, label: "a" }, { _tag: "Point", x: "b" }, { kind: "first", at: 1 }, { kind: "second", at: "c" }
    ] as const

    assert.deepStrictEqual(facts.map((fact) => Any.decode(Any(fact))), facts.map((fact) => Result.succeed(fact)))
  })
})

describe("what the types rule out", () => {
  it("is a Mismatch that a Result holds, also when looking at it throws", () => {
    const evil = new Proxy({}, { get: () => { throw new Error("a proxy") } })

    const results = [
      Point.encode(getter() as never), Point.encode(evil as never),
      Point.decode(Value.record("Point", null as never)), Point.all.decode([null as never])
    ]
    assert.deepStrictEqual(results.map(messageOf), [
      "Expected a schema that answers, but it threw: a getter", "Expected a schema that answers, but it threw: a proxy",
      "Expected a schema that answers, but it threw: Cannot use 'in' operator to search for '_tag' in null",
      "Expected a schema that answers, but it threw: Cannot use 'in' operator to search for '_tag' in null"
    ])
    assert.strictEqual(thrown(() => Point(getter() as never)), "Expected a schema that answers, but it threw: a getter")
  })
  it("may be a circle, or a tree that is too deep, and is told from a schema that throws", () => {
    const circle = { n: 1, kids: [] as Array<unknown> }
    circle.kids.push(circle)
    let deep: Tree = { n: 0, kids: [] }
    for (let n = 1; n < 20_000; n++) deep = { n, kids: [deep] }
    const brittle = Schema.String.pipe(Schema.refine((text): text is string => { throw { toString: () => { throw new Error(text) } } }))

    const Brittle = Assertion.record("Brittle", { text: brittle })
    assert.deepStrictEqual([Forest.encode({ tree: circle as never }), Forest.encode({ tree: deep }), Brittle.encode({ text: "a" })].map(messageOf), [
      "Expected no circle, and less depth at tree", "Expected no circle, and less depth at tree",
      "Expected a schema that answers, but it threw: what cannot be shown at text"
    ])
  })
  it("is refused in a question where it stands: no pattern, or one that no dataspace takes", () => {
    const deep = Array.from({ length: 70 }).reduce<Pattern.Pattern>((inner) => Pattern.sequence([inner]), Pattern.bind())
    const wrong = [
      { _tag: "Bind" }, { _tag: "Literal" }, { _tag: "Sequence", items: [1] }, { _tag: "Bind", pattern: { _tag: "Nobody" } },
      Pattern.literal("\ud800"), deep
    ]

    assert.deepStrictEqual(wrong.map((x) => thrown(() => pattern({ x }, Point))), wrong.map(() => "Expected a pattern at x"))
    assert.strictEqual(thrown(() => pattern([], Point)), "Expected an object of fields")
  })
  it("is refused in a declaration: a label that is no text, a field that JavaScript keeps to itself", () => {
    const fields = Object.defineProperty({}, "__proto__", { value: Schema.String, enumerable: true }) as { readonly a: typeof Schema.String }

    assert.deepStrictEqual([thrown(() => Assertion.record("\ud800", {})), thrown(() => Assertion.record("A", fields))], [
      "Expected a label that is text", "Expected a name that is not _tag and no number, of a field that is always there at __proto__"
    ])
  })
})
