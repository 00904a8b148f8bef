import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { isDeepStrictEqual } from "node:util"
import { Plain, Trace, Value } from "../../src/index.ts"
import { value } from "./arbitrary.ts"

const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)), maxLength: 6 })
const marks = ["null", "undefined", "number", "bigint", "text", "name", "double", "record", "set", "dictionary", "map", "encoded", "__proto__"]
const mark = fc.constantFrom(...marks)
/** Where a value should be, and anything is. */
const asValue = (data: unknown): Value.Value => data as Value.Value
const fields = (all: { readonly [name: string]: unknown }): object =>
  Object.fromEntries(Object.entries(all).filter(([, field]) => field !== undefined))
const plain: fc.Arbitrary<unknown> = fc.letrec<{ data: unknown }>((tie) => ({
  data: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    value,
    fc.double(),
    fc.constantFrom(-0, Number.NaN, Infinity, -Infinity, 2 ** 60, null, undefined, true),
    fc.bigInt(),
    fc.integer().map(BigInt),
    anyText,
    fc.oneof(anyText, mark).map((name) => Symbol.for(name)),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie("data"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(anyText, mark), tie("data"), { maxKeys: 4 }).map(fields),
    fc.array(fc.tuple(fc.oneof(anyText, fc.integer()), tie("data")), { maxLength: 3 }).map((entries) => new Map(entries)),
    // values that nobody may assert: repeated elements, data that is none, doubles in another form
    fc.array(tie("data"), { maxLength: 3 }).map((items) => new Value.Set(items.map(asValue))),
    fc.array(fc.tuple(tie("data"), tie("data")), { maxLength: 3 }).map((entries) =>
      new Value.Dictionary(entries.map(([k, v]) => [asValue(k), asValue(v)]))),
    fc.tuple(fc.oneof(mark.map(Value.symbol), tie("data")), fc.array(tie("data"), { maxLength: 3 })).map(([label, items]) =>
      new Value.Record(asValue(label), items.map(asValue))),
    tie("data").map((inner) => new Value.Embedded(asValue(inner))),
    fc.double({ noNaN: true }).map((n) => new Value.Double(n)),
    fc.bigInt({ min: 0x7ff0000000000001n, max: 0x7fffffffffffffffn }).map((bits) => new Value.Double(Number.NaN, bits)),
    fc.uint8Array({ maxLength: 8 }).map((bytes) => new Value.Encoded(bytes))
  )
})).data

describe("Plain", () => {
  it("gives back exactly what was written, in one line", () => {
    fc.assert(fc.property(plain, (data) => {
      const text = Plain.print(data)
      const back = Plain.read(text)

      assert.isTrue(Trace.same(back, data), text)
      assert.isTrue(isDeepStrictEqual(back, data), text)
      assert.notMatch(text, /[\n\r]/)
      // a file is UTF-8
      assert.strictEqual(new TextDecoder().decode(new TextEncoder().encode(text)), text)
    }), { numRuns: 3_000 })
  })
  it("is read by people", () => {
    const body = Value.record("says", new Value.Dictionary([["a", 1]]))
    const event = { _tag: "Tell", space: null, event: { _tag: "Perform", actions: [{ _tag: "Send", body, reason: undefined }] } }

    assert.strictEqual(
      Plain.print(event),
      '{_tag: "Tell" space: <null> event: {_tag: "Perform" actions: [{_tag: "Send" body: <says <dictionary {"a": 1}>>}]}}'
    )
  })
  it("refuses what is no plain data, and says where it is", () => {
    const circle: Array<unknown> = []
    circle.push(circle)

    assert.throws(() => Plain.print({ a: [1, () => 1] }), "a function is no plain data at a.1")
    assert.throws(() => Plain.print({ when: new Date(0) }), "an instance of Date is no plain data at when")
    assert.throws(() => Plain.print([Symbol("local")]), "Symbol.for")
    assert.throws(() => Plain.print(circle), "in a circle")
  })
  it("returns an error for text that nothing is written as", () => {
    const marked = ["<number 1>", "<number>", "<bigint 1.5>", "<text 1>", "<map [[1]]>", "<map 1>", "<dictionary [1]>", "<null 1>", "<record>"]
    for (const text of ["", "{1: 2}", "{a: 1", ...marked, "<set 1>", "[".repeat(1e6)]) {
      assert.strictEqual((Plain.read(text) as { readonly _tag?: string })._tag, "DecodeError", text.slice(0, 40))
    }
  })
})
