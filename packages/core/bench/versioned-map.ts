/**
 * VersionedMap used linearly beside a native Map and effect's HashMap, as ratios within one run.
 * The last row is the trap that it must not share with the native Map: one key that comes and goes
 * beside 100,000 others.
 */
import { HashMap } from "effect"
import { VersionedMap } from "../src/data/VersionedMap.ts"

const rounds = 9
const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
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
const works: ReadonlyArray<{ readonly name: string; readonly size: number; readonly times: number; readonly run: (it: ReturnType<Subject["build"]>, all: ReadonlyArray<string>, i: number) => void }> = [
  ...[1_000, 100_000].flatMap((size) => [
    { name: `get of ${size}`, size, times: 200_000, run: (it: ReturnType<Subject["build"]>, all: ReadonlyArray<string>, i: number) => void it.get(all[(i * 7919) % size]!) },
    { name: `set of ${size}`, size, times: 200_000, run: (it: ReturnType<Subject["build"]>, all: ReadonlyArray<string>, i: number) => it.set(all[(i * 7919) % size]!, i) },
    {
      name: `delete and set of ${size}`, size, times: 100_000,
      run: (it: ReturnType<Subject["build"]>, all: ReadonlyArray<string>, i: number) => {
        it.remove(all[(i * 7919) % size]!)
        it.set(all[(i * 7919) % size]!, i)
      }
    }
  ]),
  {
    name: "one key comes and goes beside 100000", size: 100_000, times: 2_000,
    run: (it, _, i) => {
      it.set("flicker", i)
      it.remove("flicker")
    }
  }
]
for (const { name, run, size, times } of works) {
  const all = keys(size)
  const built = subjects.map(({ build }) => build(all))
  const ns = built.map(() => [] as Array<number>)
  for (let round = 0; round <= rounds; round++) {
    for (const [s, it] of built.entries()) {
      const start = performance.now()
      for (let i = 1; i <= times; i++) run(it, all, i)
      if (round > 0) ns[s]!.push((performance.now() - start) * 1e6 / times)
    }
  }
  const base = median(ns[0]!)
  console.log(`${name.padEnd(38)} ${subjects.map((subject, s) => `${subject.name} ${median(ns[s]!).toFixed(0).padStart(6)} ns (${(median(ns[s]!) / base).toFixed(2)})`).join("   ")}`)
}
