/**
 * What the kernel costs beside many who are not concerned: the same work among 1,000 and among
 * 100,000 standing observations with distinct constants. The yardstick of the run is a native Map of
 * listeners, looked up by the constant.
 */
import { Dataspace, Pattern, Process, Value } from "../src/index.ts"

const rounds = 7
const times = 20_000
const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
const machine = Dataspace.of({})
const topic = (n: number): Value.Value => Value.record("topic", n, "x".repeat(32))

const world = (observers: number) => {
  let [state] = machine.initial({})
  const step = (event: Dataspace.Event): number => {
    const [next, actions] = machine.transition(state, event)
    state = next
    return actions.length
  }
  const actions = Array.from({ length: observers }, (_, n) => Process.observe(n, Pattern.record("topic", Pattern.literal(n), Pattern.bind())))
  step({ _tag: "Enter", pid: "observer", name: "observer", actions })
  step({ _tag: "Enter", pid: "speaker", name: "speaker", actions: [] })
  const perform = (...actions: ReadonlyArray<Process.Action>) => step({ _tag: "Perform", pid: "speaker", actions })
  return {
    send: (i: number) => { if (perform(Process.send(topic(i * 7919 % observers))) !== 1) throw new Error("not delivered") },
    assertAndRetract: (i: number) => {
      perform(Process.assert(0, topic(i * 7919 % observers)))
      perform(Process.retract(0))
    },
    unmatched: (i: number) => {
      perform(Process.assert(0, Value.record("other", i)))
      perform(Process.retract(0))
    }
  }
}
const listeners = new Map(Array.from({ length: 100_000 }, (_, n) => [n, (value: Value.Value) => value]))
const few = world(1_000)
const many = world(100_000)
const works: ReadonlyArray<readonly [string, (i: number) => void]> = [
  ["native Map of 100,000 listeners, call one", (i) => void listeners.get(i * 7919 % 100_000)!(topic(i))],
  ...([["1,000", few], ["100,000", many]] as const).flatMap(([size, it]) => [
    [`message to 1 of ${size} observers`, it.send] as const,
    [`assert and retract, seen by 1 of ${size}`, it.assertAndRetract] as const,
    [`assert and retract, seen by none of ${size}`, it.unmatched] as const
  ])
]
const us = works.map(() => [] as Array<number>)
for (let round = 0; round <= rounds; round++) {
  for (const [w, [, run]] of works.entries()) {
    const start = performance.now()
    for (let i = 0; i < times; i++) run(i)
    if (round > 0) us[w]!.push((performance.now() - start) * 1000 / times)
  }
}
const base = median(us[0]!)
for (const [w, [name]] of works.entries()) console.log(`${name.padEnd(44)} ${median(us[w]!).toFixed(2).padStart(8)} µs   ${(median(us[w]!) / base).toFixed(1).padStart(6)} times the Map`)
