/**
 * What the kernel costs, in processor time: a message, a fact that comes and goes, and a new
 * observation beside many that are not concerned; and a fact that concerns a thousand. The yardstick
 * of the run is a native Map of listeners, looked up by the constant.
 *
 *     node --expose-gc packages/core/bench/dataspace.ts
 */
import { Dataspace, Pattern, Process, Value } from "../src/index.ts"
import { among, beside, facts, heap, inMap, measure, must, observations, topic, type Work, world } from "./kernel/standing.ts"

let heard = 0
const fact = Pattern.record("fact", Pattern.bind())
const machine = Dataspace.of({
  hears: { initial: () => [0, [Process.observe(0, fact)]], transition: (n: number) => { heard++; return [n + 1, []] } }
})

const width = 1_000
const external = world()
for (let n = 0; n < width; n++) external.enter(`observer ${n}`, Process.observe(0, fact))
const inside = world(machine)
inside.perform("speaker", ...Array.from({ length: width }, (_, n) => Process.spawn(`observer ${n}`, { behaviour: "hears", config: 0 })))
const toExternal = (i: number): void => {
  must(external.perform("speaker", Process.assert(0, Value.record("fact", i))).length === width)
  must(external.perform("speaker", Process.retract(0)).length === width)
}
const toBehaviours = (i: number): void => {
  const before = heard
  inside.perform("speaker", Process.assert(0, Value.record("fact", i)))
  inside.perform("speaker", Process.retract(0))
  must(heard === before + 2 * width)
}

interface Named extends Work {
  readonly name: string
}
const sized = [["1,000", 1_000], ["100,000", 100_000]] as const
const works: ReadonlyArray<Named> = [
  { name: "native Map of 100,000 listeners, call one", run: inMap(100_000) },
  ...sized.flatMap(([size, n]): ReadonlyArray<Named> => {
    const { message, seen, unseen } = beside(observations(n), n)
    return [
      { name: `message to 1 of ${size} observers`, run: message },
      { name: `assert and retract, seen by none of ${size}`, run: unseen },
      { name: `assert and retract, seen by 1 of ${size}`, run: seen }
    ]
  }),
  ...sized.map(([size, n]): Named => ({ name: `observe one of ${size} facts, and stop`, run: among(facts(n), n).observe, times: 5_000 })),
  { name: `event to each of ${width} external processes`, run: toExternal, times: 200, of: 2 * width },
  { name: `event to each of ${width} behaviours`, run: toBehaviours, times: 200, of: 2 * width }
]
const us = measure(works)

/** Bytes of heap for each of `n` that `make` makes. */
const weigh = (n: number, make: () => unknown): number => {
  const before = heap()
  const made = make()
  const bytes = (heap() - before) / n
  must(made !== undefined)
  return bytes
}
const standing = 100_000
const perFact = weigh(standing, () => facts(standing))
const perEntry = weigh(standing, () => new Map(Array.from({ length: standing }, (_, n) => [`topic ${n}`, topic(n)])))
const perObservation = weigh(standing, () => observations(standing))

const base = us[0]!
for (const [w, { name }] of works.entries()) console.log(`${name.padEnd(44)} ${us[w]!.toFixed(2).padStart(8)} µs   ${(us[w]! / base).toFixed(1).padStart(6)} times the Map`)
if (globalThis.gc !== undefined) {
  for (const [name, bytes] of [["the same facts in a native Map", perEntry], ["standing fact, 32 characters of text", perFact], ["observation", perObservation]] as const) {
    console.log(`${name.padEnd(44)} ${bytes.toFixed(0).padStart(8)} B    ${(bytes / perEntry).toFixed(1).padStart(6)} times the Map`)
  }
}
