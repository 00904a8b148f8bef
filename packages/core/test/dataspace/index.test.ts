/** The index against looking at everything: any patterns, any values, coming and going. */
import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Index from "../../src/dataspace/Index.ts"
import { Canonical, Pattern, Value } from "../../src/index.ts"

/** Some are equal, and some look alike where what stands at a place is its own key: `"±a"` are the bytes of the key of `"a"`. */
const atom = fc.constantFrom<Value.Value>(0, 1, 1n, 2n ** 60n, -0, 0.5, new Value.Double(1), "", "a", "1", Canonical.key("a"), Canonical.key(Value.symbol("b")), Value.symbol("b"), true)
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

it("finds what matches, and nothing else, from either side", { timeout: 60_000 }, () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    /** A group counts the standing values that its pattern matches. */
    type Group = { readonly key: string; readonly pattern: Pattern.Pattern; readonly count: number }
    let index: Index.State<Group> = Index.empty
    const values = new Map<string, Value.Value>()
    const patterns = new Map<string, Pattern.Pattern>()
    for (const one of steps) {
      if (one._tag === "value") {
        const key = Canonical.key(one.value)
        const expected = [...patterns].filter(([, pattern]) => Pattern.matches(pattern, one.value)).map(([of]) => of)
        const found: Array<string> = []
        Index.forEachMatch(index, one.value, ({ key: of }) => found.push(of))
        assert.deepStrictEqual(found.sort(), expected.sort())
        for (const pattern of patterns.values()) {
          const captured = Pattern.captures(pattern, one.value)
          if (captured !== undefined) assert.deepStrictEqual(Pattern.at(Pattern.paths(pattern), one.value), captured)
        }
        const stood = values.has(key)
        const change = (by: number) => ({ count, key: of, pattern }: Group): Group => {
          assert.isTrue(Pattern.matches(pattern, one.value))
          return { key: of, pattern, count: count + by }
        }
        index = stood ? Index.removeValue(index, key, one.value, change(-1)) : Index.addValue(index, key, one.value, change(1))
        if (stood) values.delete(key)
        else values.set(key, one.value)
      } else {
        const pattern = holed(one.value, () => one.choices.next().value)
        const place = Index.placeOf(pattern)
        assert.strictEqual(Index.groupAt(index, place) !== undefined, patterns.has(place.key))
        if (patterns.delete(place.key)) index = Index.setGroup(index, place, undefined)
        else {
          patterns.set(place.key, pattern)
          index = Index.setGroup(index, place, { key: place.key, pattern, count: 0 })
          const matching = Index.matching(index, place)
          assert.deepStrictEqual(matching, [...values].filter(([, v]) => Pattern.matches(pattern, v)).sort(([a], [b]) => a < b ? -1 : 1))
          index = Index.setGroup(index, place, { key: place.key, pattern, count: matching.length })
        }
      }
      for (const pattern of patterns.values()) {
        assert.strictEqual(Index.groupAt(index, Index.placeOf(pattern))!.count, [...values.values()].filter((v) => Pattern.matches(pattern, v)).length)
      }
      assert.deepStrictEqual([[...Index.values(index).keys()].sort(), index.size, index.patterns], [[...values.keys()].sort(), values.size, patterns.size])
    }
    for (const [key, value] of values) index = Index.removeValue(index, key, value, (group) => group)
    assert.isTrue([...index.shapes.values()].flatMap((ofKind) => [...ofKind.values()]).every(({ leaves, patterns: all }) => leaves.size <= all), "what stands nowhere is kept nowhere")
    for (const pattern of patterns.values()) index = Index.setGroup(index, Index.placeOf(pattern), undefined)
    assert.deepStrictEqual([index.size, index.kinds.size, index.shapes.size, index.parts.size], [0, 0, 0, 0])
  }), { numRuns: 1_000 })
})
