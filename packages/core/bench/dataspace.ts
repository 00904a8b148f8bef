/**
 * What the kernel costs, in processor time: a message, a fact that comes and goes, and a new
 * observation beside many that are not concerned; and a fact that concerns a thousand. The yardstick
 * of the run is a native Map of listeners, looked up by the constant.
 *
 *     node --expose-gc packages/core/bench/dataspace.ts
 */
import { Dataspace, Pattern, Process, Value } from "../src/index.ts"

const rounds = 7
const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
const must = (holds: boolean): void => { if (!holds) throw new Error("not what was to be measured") }

let heard = 0
const fact = Pattern.record("fact", Pattern.bind())
const machine = Dataspace.of({
  hears: { initial: () => [0, [Process.observe(0, fact)]], transition: (n: number) => { heard++; return [n + 1, []] } }
})
const topic = (n: number): Value.Value => Value.record("topic", n, "x".repeat(32))
const ofTopic = (n: number): Pattern.Pattern => Pattern.record("topic", Pattern.literal(n), Pattern.bind())

const world = () => {
  let [state] = machine.initial({})
  const step = (event: Dataspace.Event): ReadonlyArray<Dataspace.Action> => {
    const [next, actions] = machine.transition(state, event)
    state = next
    return actions
  }
  const enter = (pid: string, actions: ReadonlyArray<Process.Action>): void => void step({ _tag: "Enter", pid, name: pid, actions })
  enter("speaker", [])
  const perform = (...actions: ReadonlyArray<Process.Action>) => step({ _tag: "Perform", pid: "speaker", actions })
  return { step, enter, perform }
}

const beside = (observers: number) => {
  const { enter, perform } = world()
  enter("observer", Array.from({ length: observers }, (_, n) => Process.observe(n, ofTopic(n))))
  const some = (i: number): number => i * 7919 % observers
  return {
    send: (i: number) => must(perform(Process.send(topic(some(i)))).length === 1),
    unseen: (i: number) => {
      must(perform(Process.assert(0, Value.record("other", i))).length === 0)
      perform(Process.retract(0))
    },
    seen: (i: number) => {
      must(perform(Process.assert(0, topic(some(i)))).length === 1)
      must(perform(Process.retract(0)).length === 1)
    }
  }
}

/** New observations of one fact each, among so many facts. */
const among = (facts: number) => {
  const { perform } = world()
  for (let n = 0; n < facts; n++) perform(Process.assert(n, topic(n)))
  perform(Process.observe("first of its shape", ofTopic(-1)))
  return (i: number) => {
    must(perform(Process.observe("new", ofTopic(i * 7919 % facts))).length === 1)
    perform(Process.retract("new"))
  }
}

const width = 1_000
const external = world()
for (let n = 0; n < width; n++) external.enter(`observer ${n}`, [Process.observe(0, fact)])
const inside = world()
inside.perform(...Array.from({ length: width }, (_, n) => Process.spawn(`observer ${n}`, { behaviour: "hears", config: 0 })))
const toExternal = (i: number): void => {
  must(external.perform(Process.assert(0, Value.record("fact", i))).length === width)
  must(external.perform(Process.retract(0)).length === width)
}
const toBehaviours = (i: number): void => {
  const before = heard
  inside.perform(Process.assert(0, Value.record("fact", i)))
  inside.perform(Process.retract(0))
  must(heard === before + 2 * width)
}

const listeners = new Map(Array.from({ length: 100_000 }, (_, n) => [n, (value: Value.Value) => value]))
const few = beside(1_000)
const many = beside(100_000)
interface Work {
  readonly name: string
  readonly run: (i: number) => void
  readonly times: number
  /** How many of what the name says one run is. */
  readonly of?: number
}
const works: ReadonlyArray<Work> = [
  { name: "native Map of 100,000 listeners, call one", run: (i) => void listeners.get(i * 7919 % 100_000)!(topic(i)), times: 20_000 },
  ...([["1,000", few], ["100,000", many]] as const).flatMap(([size, { seen, send, unseen }]) => [
    { name: `message to 1 of ${size} observers`, run: send, times: 20_000 },
    { name: `assert and retract, seen by none of ${size}`, run: unseen, times: 20_000 },
    { name: `assert and retract, seen by 1 of ${size}`, run: seen, times: 20_000 }
  ]),
  { name: "observe one of 1,000 facts, and stop", run: among(1_000), times: 5_000 },
  { name: "observe one of 100,000 facts, and stop", run: among(100_000), times: 5_000 },
  { name: `event to each of ${width} external processes`, run: toExternal, times: 200, of: 2 * width },
  { name: `event to each of ${width} behaviours`, run: toBehaviours, times: 200, of: 2 * width }
]
const us = works.map(() => [] as Array<number>)
for (let round = 0; round <= rounds; round++) {
  for (const [w, { of = 1, run, times }] of works.entries()) {
    const start = process.cpuUsage()
    for (let i = 0; i < times; i++) run(round * times + i)
    const { system, user } = process.cpuUsage(start)
    if (round > 0) us[w]!.push((user + system) / times / of)
  }
}

/** Bytes of heap for each of `n` that `make` makes. */
const weigh = (n: number, make: () => unknown): number => {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const made = make()
  globalThis.gc?.()
  const bytes = (process.memoryUsage().heapUsed - before) / n
  must(made !== undefined)
  return bytes
}
const standing = 100_000
const perFact = weigh(standing, () => {
  const it = world()
  for (let n = 0; n < standing; n++) it.perform(Process.assert(n, topic(n)))
  return it
})
const inMap = weigh(standing, () => new Map(Array.from({ length: standing }, (_, n) => [`topic ${n}`, topic(n)])))
const perObservation = weigh(standing, () => beside(standing))

const base = median(us[0]!)
for (const [w, { name }] of works.entries()) console.log(`${name.padEnd(44)} ${median(us[w]!).toFixed(2).padStart(8)} µs   ${(median(us[w]!) / base).toFixed(1).padStart(6)} times the Map`)
if (globalThis.gc !== undefined) {
  for (const [name, bytes] of [["the same facts in a native Map", inMap], ["standing fact, 32 characters of text", perFact], ["observation", perObservation]] as const) {
    console.log(`${name.padEnd(44)} ${bytes.toFixed(0).padStart(8)} B    ${(bytes / inMap).toFixed(1).padStart(6)} times the Map`)
  }
}
