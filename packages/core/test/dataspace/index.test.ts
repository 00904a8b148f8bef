/** The index against looking at everything: any patterns, any values, coming and going. */
import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Index from "../../src/dataspace/Index.ts"
import { Canonical, Pattern, Value } from "../../src/index.ts"

const atom = fc.constantFrom<Value.Value>(0, 1, "a", Value.symbol("b"), true)
const { value } = fc.letrec<{ value: Value.Value }>((tie) => ({
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, atom,
    fc.tuple(fc.constantFrom("f", "g"), fc.array(tie("value"), { maxLength: 3 })).map(([label, fields]) => Value.record(label, ...fields)),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("x", "y", "z"), tie("value")).map((entries) => new Value.Dictionary(Object.entries(entries))),
    fc.uniqueArray(atom, { maxLength: 2, selector: Canonical.key }).map((items) => new Value.Set(items)))
}))
/** Patterns that are likely to match: values with holes. */
const holed = (of: Value.Value, choose: () => number): Pattern.Pattern => {
  const choice = choose() % 8
  if (choice === 0) return Pattern.discard
  if (choice === 1) return Pattern.bind(holed(of, choose))
  if (choice === 2) return Pattern.literal(of)
  if (of instanceof Value.Record) return Pattern.recordOf(of.label, of.fields.map((field) => holed(field, choose)))
  if (Array.isArray(of)) return Pattern.sequence(of.map((item: Value.Value) => holed(item, choose)))
  if (of instanceof Value.Dictionary) return Pattern.dictionary(of.entries.filter(() => choose() % 3 > 0).map(([k, v]) => [k, holed(v, choose)]))
  return Pattern.literal(of)
}
const step = fc.oneof(
  fc.record({ _tag: fc.constant("value" as const), value }),
  fc.record({ _tag: fc.constant("pattern" as const), value, choices: fc.infiniteStream(fc.nat(100)) })
)

it("finds what matches, and nothing else, from either side", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    let index = Index.empty
    const values = new Map<string, Value.Value>()
    const patterns = new Map<string, Pattern.Pattern>()
    for (const one of steps) {
      if (one._tag === "value") {
        const key = Canonical.key(one.value)
        const expected = [...patterns].filter(([, pattern]) => Pattern.matches(pattern, one.value)).map(([of]) => of)
        assert.deepStrictEqual([...Index.patternsOf(index, one.value)].sort(), expected.sort())
        index = values.has(key) ? Index.removeValue(index, key) : Index.addValue(index, key, one.value)
        if (!values.delete(key)) values.set(key, one.value)
      } else {
        const pattern = holed(one.value, () => one.choices.next().value)
        const key = Pattern.key(pattern)
        index = patterns.has(key) ? Index.removePattern(index, key, pattern) : Index.addPattern(index, key, pattern)
        if (patterns.delete(key)) continue
        patterns.set(key, pattern)
        assert.deepStrictEqual(Index.matching(index, pattern), [...values].filter(([, v]) => Pattern.matches(pattern, v)).map(([of]) => of).sort())
      }
    }
    for (const key of values.keys()) index = Index.removeValue(index, key)
    for (const [key, pattern] of patterns) index = Index.removePattern(index, key, pattern)
    assert.deepStrictEqual([index.values.size, index.kinds.size, index.shapes.size, index.parts.size], [0, 0, 0, 0])
  }), { numRuns: 2_000 })
})
