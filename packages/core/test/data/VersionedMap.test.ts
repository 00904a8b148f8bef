import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as KeySet from "../../src/data/KeySet.ts"
import { VersionedMap } from "../../src/data/VersionedMap.ts"

describe("VersionedMap", () => {
  it("is what an immutable map is, in any version, whatever was done to others", () => {
    const op = fc.record({ version: fc.nat(), key: fc.integer({ min: 0, max: 9 }), value: fc.option(fc.integer()), look: fc.boolean() })
    fc.assert(fc.property(fc.array(op, { maxLength: 120 }), (ops) => {
      const versions: Array<readonly [VersionedMap<number, number>, ReadonlyMap<number, number>]> = [[VersionedMap.empty(), new Map()]]
      for (const { key, look, value, version } of ops) {
        const [map, model] = versions[version % versions.length]!
        if (look) {
          assert.deepStrictEqual([map.get(key), map.has(key), map.size], [model.get(key), model.has(key), model.size])
          continue
        }
        const next = new Map(model)
        if (value === null) next.delete(key)
        else next.set(key, value)
        versions.push([value === null ? map.delete(key) : map.set(key, value), next])
      }
      for (const [map, model] of versions) {
        assert.deepStrictEqual([...map].sort(([a], [b]) => a - b), [...model].sort(([a], [b]) => a - b))
        assert.deepStrictEqual([[...map.keys()].length, [...map.values()].length], [model.size, model.size])
      }
    }), { numRuns: 500 })
  })
  it("is the same map on its way from few entries to many and back", () => {
    const build = (step: (i: number, map: VersionedMap<number, number>) => VersionedMap<number, number>, times: number, start = VersionedMap.empty<number, number>()) => {
      const versions = [start]
      for (let i = 0; i < times; i++) versions.push(step(i, versions.at(-1)!))
      return versions
    }
    const up = build((i, map) => map.set(i, i), 100)
    const down = build((i, map) => map.delete(i), 97, up.at(-1))
    const swept = build((i, map) => map.set(1000 + i, i).delete(1000 + i), 200, down.at(-1)).at(-1)!.set(7, 7)

    assert.deepStrictEqual([...swept], [[97, 97], [98, 98], [99, 99], [7, 7]])
    for (const [size, map] of up.entries()) assert.deepStrictEqual([...map], Array.from({ length: size }, (_, i) => [i, i]))
    for (const [gone, map] of down.entries()) {
      const keys: Array<number> = []
      map.forEach((value, key) => keys.push(value === key ? key : NaN))
      assert.deepStrictEqual([keys.sort((a, b) => a - b), map.size], [Array.from({ length: 100 - gone }, (_, i) => gone + i), 100 - gone])
    }
  })
  it("begins a history of its own with each write to the empty map", () => {
    const empty = VersionedMap.empty<string, number>()
    const [one, other] = [empty.set("a", 1), empty.set("a", 2)]

    assert.deepStrictEqual([empty.size, one.get("a"), other.get("a"), VersionedMap.empty().size], [0, 1, 2, 0])
  })
  it("says that nothing changed by being the same", () => {
    const map = VersionedMap.empty<string, number>().set("a", 1)

    assert.strictEqual(map.set("a", 1), map)
    assert.strictEqual(map.delete("b"), map)
  })
  it("goes back a million steps, and forgets emptied entries", () => {
    const first = VersionedMap.empty<number, number>().set(-1, 1)
    let map = first
    for (let i = 0; i < 500_000; i++) map = map.set(i, i).delete(i)

    assert.deepStrictEqual([map.size, [...map.keys()]], [1, [-1]])
    assert.deepStrictEqual([...first], [[-1, 1]])
  })
})

describe("KeySet", () => {
  it("holds what was added, small or large, and gives it in order", () => {
    fc.assert(fc.property(fc.uniqueArray(fc.string({ maxLength: 3 }), { maxLength: 30 }), fc.nat(), (keys, n) => {
      const set = keys.reduce(KeySet.add, KeySet.empty)
      const gone = keys.length === 0 ? [] : [keys[n % keys.length]!]

      assert.deepStrictEqual(KeySet.sorted(set), keys.toSorted())
      assert.deepStrictEqual(KeySet.sorted(gone.reduce(KeySet.remove, set)), keys.filter((key) => !gone.includes(key)).sort())
      assert.strictEqual(KeySet.isEmpty(set), keys.length === 0)
    }))
  })
})
