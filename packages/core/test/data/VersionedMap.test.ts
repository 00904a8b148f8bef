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
