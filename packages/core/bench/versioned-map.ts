/**
 * VersionedMap used linearly beside a native Map and effect's HashMap, as ratios within one run.
 * The last row is the trap that it must not share with the native Map: one key that comes and goes
 * beside 100,000 others.
 */
import { HashMap } from "effect"
import { compare, report } from "../../../.config/bench/Harness.ts"
import type { Row } from "../../../.config/bench/Result.ts"
import { VersionedMap } from "../src/data/VersionedMap.ts"

const keys = (n: number): ReadonlyArray<string> => Array.from({ length: n }, (_, i) => `key ${i}`)

interface Subject {
  readonly name: string
  readonly build: (keys: ReadonlyArray<string>) => { readonly set: (k: string, v: number) => void; readonly get: (k: string) => unknown; readonly remove: (k: string) => void }
}
const subjects: ReadonlyArray<Subject> = [
  {
    name: "Map",
    build: (all) => {
      const map = new Map(all.map((k) => [k, 1]))
      return { set: (k, v) => map.set(k, v), get: (k) => map.get(k), remove: (k) => map.delete(k) }
    }
  },
  {
    name: "VersionedMap",
    build: (all) => {
      let map = VersionedMap.empty<string, number>()
      for (const k of all) map = map.set(k, 1)
      return { set: (k, v) => { map = map.set(k, v) }, get: (k) => map.get(k), remove: (k) => { map = map.delete(k) } }
    }
  },
  {
    name: "HashMap",
    build: (all) => {
      let map = HashMap.fromIterable(all.map((k): readonly [string, number] => [k, 1]))
      return { set: (k, v) => { map = HashMap.set(map, k, v) }, get: (k) => HashMap.get(map, k), remove: (k) => { map = HashMap.remove(map, k) } }
    }
  }
]
type Run = (it: ReturnType<Subject["build"]>, all: ReadonlyArray<string>, i: number) => void
const works: ReadonlyArray<readonly [name: string, size: number, run: Run]> = [
  ...[1_000, 100_000].flatMap((size): ReadonlyArray<readonly [string, number, Run]> => [
    [`get of ${size}`, size, (it, all, i) => void it.get(all[(i * 7919) % size]!)],
    [`set of ${size}`, size, (it, all, i) => it.set(all[(i * 7919) % size]!, i)],
    [`delete and set of ${size}`, size, (it, all, i) => {
      it.remove(all[(i * 7919) % size]!)
      it.set(all[(i * 7919) % size]!, i)
    }]
  ]),
  ["one key comes and goes beside 100000", 100_000, (it, _, i) => {
    it.set("flicker", i)
    it.remove("flicker")
  }]
]
const rows: Array<Row> = []
for (const [group, size, run] of works) {
  const all = keys(size)
  rows.push(...await compare(group, subjects.map(({ build, name }) => {
    const it = build(all)
    return { name, run: (i: number) => run(it, all, i) }
  })))
}
report(rows)
