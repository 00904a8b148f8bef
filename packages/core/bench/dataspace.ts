/**
 * What the kernel costs, in processor time: a message, a fact that comes and goes, and a new
 * observation beside many that are not concerned; and a fact that concerns a thousand. The yardstick is a native Map of listeners, looked up by the constant.
 *
 *     npm run bench -- dataspace
 */
import { Dataspace, Pattern, Process, Value } from "../src/index.ts"
import { report } from "../../../.config/bench/Harness.ts"
import { among, beside, facts, inMap, measure, must, observations, type Work, world } from "./kernel/standing.ts"

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

const sized = [["1,000", 1_000], ["100,000", 100_000]] as const
report(measure("processor time", [
  { name: "native Map of 100,000 listeners, call one", run: inMap(100_000) },
  ...sized.flatMap(([size, n]): ReadonlyArray<Work> => {
    const { message, seen, unseen } = beside(observations(n), n)
    return [
      { name: `message to 1 of ${size} observers`, run: message, wanted: "at most 2 µs" },
      { name: `assert and retract, seen by none of ${size}`, run: unseen, wanted: "at most 3 µs" },
      { name: `assert and retract, seen by 1 of ${size}`, run: seen }
    ]
  }),
  ...sized.map(([size, n]): Work => ({ name: `observe one of ${size} facts, and stop`, run: among(facts(n), n).observe, times: 5_000 })),
  { name: `event to each of ${width} external processes`, run: toExternal, times: 200, of: 2 * width, wanted: "at most 0.33 µs" },
  { name: `event to each of ${width} behaviours`, run: toBehaviours, times: 200, of: 2 * width, wanted: "at most 0.33 µs" }
]))
