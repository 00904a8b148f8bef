/**
 * What dataspace.ts and growth.ts measure alike: turns beside many standing observations of a constant
 * each, and beside as many facts; and how they measure it.
 *
 * Each work pays for its own garbage: a round ends with a minor collection. Otherwise some rounds meet
 * one of 5 to 10 ms that clears away what other works left, which is 0.5 µs for each of 20,000 turns.
 */
import { figure, median } from "../../../../.config/bench/Harness.ts"
import type { Row } from "../../../../.config/bench/Result.ts"
import { Dataspace, Pattern, Process, Value } from "../../src/index.ts"

export const topic = (n: number): Value.Value => Value.record("topic", n, "x".repeat(32))
export const ofTopic = (n: number): Pattern.Pattern => Pattern.record("topic", Pattern.literal(n), Pattern.bind())
export const must = (holds: boolean): void => { if (!holds) throw new Error("not what was to be measured") }

/** A dataspace with an `observer` and a `speaker`. */
export const world = (machine = Dataspace.of({})) => {
  let [state] = machine.initial({})
  const step = (event: Dataspace.Event): ReadonlyArray<Dataspace.Action> => {
    const [next, actions] = machine.transition(state, event)
    state = next
    return actions
  }
  const enter = (pid: string, ...actions: ReadonlyArray<Process.Action>) => step({ _tag: "Enter", pid, name: pid, actions })
  const perform = (pid: string, ...actions: ReadonlyArray<Process.Action>) => step({ _tag: "Perform", pid, actions })
  enter("observer")
  enter("speaker")
  return { enter, perform }
}
type Perform = ReturnType<typeof world>["perform"]

/** So many observations, taken up one by one. */
export const observations = (size: number): Perform => {
  const { perform } = world()
  for (let n = 0; n < size; n++) perform("observer", Process.observe(n, ofTopic(n)))
  return perform
}
/** So many facts. */
export const facts = (size: number): Perform => {
  const { perform } = world()
  for (let n = 0; n < size; n++) perform("speaker", Process.assert(n, topic(n)))
  return perform
}

/** One of so many, far from the last one. */
const some = (i: number, size: number): number => i * 7919 % size

/** The yardstick: as many listeners in a native Map, of which one is called. */
export const inMap = (size: number): (i: number) => void => {
  const map = new Map(Array.from({ length: size }, (_, n) => [n, (value: Value.Value) => value]))
  return (i) => void map.get(some(i, size))!(topic(i))
}
/** What is said beside observations: a message to one; a fact that comes and goes, which none or one sees. */
export const beside = (perform: Perform, size: number) => ({
  message: (i: number) => must(perform("speaker", Process.send(topic(some(i, size)))).length === 1),
  unseen: (i: number) => {
    must(perform("speaker", Process.assert(0, Value.record("other", i))).length === 0)
    perform("speaker", Process.retract(0))
  },
  seen: (i: number) => {
    must(perform("speaker", Process.assert(0, topic(some(i, size)))).length === 1)
    must(perform("speaker", Process.retract(0)).length === 1)
  }
})
/** Among facts: one is replaced; one is observed, and no longer. */
export const among = (perform: Perform, size: number) => {
  perform("observer", Process.observe("first of its shape", ofTopic(-1)))
  return {
    replace: (i: number) => void perform("speaker", Process.assert(some(i, size), Value.record("topic", some(i, size), i))),
    observe: (i: number) => {
      must(perform("observer", Process.observe("new", ofTopic(some(i, size)))).length === 1)
      perform("observer", Process.retract("new"))
    }
  }
}

export interface Work {
  readonly name: string
  readonly run: (i: number) => void
  /** Runs of one round. */
  readonly times?: number
  /** How many things one run does. */
  readonly of?: number
  readonly wanted?: string
}
const rounds = 7
const warmUps = 2
const timesUsual = 20_000

/** Processor time of each work for one thing: all in turn, several rounds, the medians and their ratio to the first work. */
export const measure = (group: string, works: ReadonlyArray<Work>): ReadonlyArray<Row> => {
  const us = works.map(() => [] as Array<number>)
  globalThis.gc?.()
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const [w, work] of works.entries()) {
      const one = oneRound(work, round)
      if (round >= warmUps) us[w]!.push(one)
    }
  }
  return works.map(({ name, wanted }, w) => figure(name, "µs", us[w]!, { group, ratio: median(us[w]!) / median(us[0]!), ...wanted === undefined ? {} : { wanted } }))
}
const oneRound = ({ of = 1, run, times = timesUsual }: Work, round: number): number => {
  const start = process.cpuUsage()
  for (let i = 0; i < times; i++) run(round * times + i)
  globalThis.gc?.({ type: "minor" })
  const { system, user } = process.cpuUsage(start)
  return (user + system) / times / of
}
