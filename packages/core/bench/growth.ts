/**
 * How the kernel's costs grow with what stands: 1,000, 10,000, 100,000 and 1,000,000 observations of a
 * constant each, and as many facts. What nobody is concerned by should cost the same beside a million as
 * beside a thousand, but for the machine's caches: the yardstick of each row is a native Map of so many.
 *
 *     node --expose-gc packages/core/bench/growth.ts [--json] [--most 100000]
 */
import { Dataspace, Pattern, Process, Value } from "../src/index.ts"

const args = process.argv.slice(2)
const most = args.includes("--most") ? Number(args[args.indexOf("--most") + 1]) : 1_000_000
const sizes = [1_000, 10_000, 100_000, 1_000_000].filter((size) => size <= most)
const rounds = 5
const times = 20_000
const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
const must = (holds: boolean): void => { if (!holds) throw new Error("not what was to be measured") }

const machine = Dataspace.of({})
const topic = (n: number): Value.Value => Value.record("topic", n, "x".repeat(32))
const ofTopic = (n: number): Pattern.Pattern => Pattern.record("topic", Pattern.literal(n), Pattern.bind())

const world = () => {
  let [state] = machine.initial({})
  const step = (event: Dataspace.Event): ReadonlyArray<Dataspace.Action> => {
    const [next, actions] = machine.transition(state, event)
    state = next
    return actions
  }
  step({ _tag: "Enter", pid: "observer", name: "observer", actions: [] })
  step({ _tag: "Enter", pid: "speaker", name: "speaker", actions: [] })
  const perform = (pid: string, ...actions: ReadonlyArray<Process.Action>) => step({ _tag: "Perform", pid, actions })
  return { perform }
}

/** Processor time of each work, in µs a run: all in turn, several rounds, the median of each. */
const measure = (works: ReadonlyArray<(i: number) => void>): ReadonlyArray<number> => {
  const us = works.map(() => [] as Array<number>)
  for (let round = 0; round <= rounds; round++) {
    for (const [w, run] of works.entries()) {
      const start = process.cpuUsage()
      for (let i = 0; i < times; i++) run(round * times + i)
      const { system, user } = process.cpuUsage(start)
      if (round > 0) us[w]!.push((user + system) / times)
    }
  }
  return us.map(median)
}
const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** One size: a world with so many observations, and one with so many facts. */
const look = (size: number) => {
  const some = (i: number): number => i * 7919 % size
  const map = new Map(Array.from({ length: size }, (_, n) => [n, (value: Value.Value) => value]))

  const empty = heap()
  const observers = world()
  const addingStart = process.cpuUsage()
  for (let n = 0; n < size; n++) observers.perform("observer", Process.observe(n, ofTopic(n)))
  const adding = process.cpuUsage(addingStart)
  const observationBytes = (heap() - empty) / size
  const { perform } = observers
  const [mapUs, messageUs, unseenUs, seenUs] = measure([
    (i) => void map.get(some(i))!(topic(i)),
    (i) => must(perform("speaker", Process.send(topic(some(i)))).length === 1),
    (i) => {
      must(perform("speaker", Process.assert(0, Value.record("other", i))).length === 0)
      perform("speaker", Process.retract(0))
    },
    (i) => {
      must(perform("speaker", Process.assert(0, topic(some(i)))).length === 1)
      must(perform("speaker", Process.retract(0)).length === 1)
    }
  ])

  const before = heap()
  const facts = world()
  for (let n = 0; n < size; n++) facts.perform("speaker", Process.assert(n, topic(n)))
  const factBytes = (heap() - before) / size
  facts.perform("observer", Process.observe("first of its shape", ofTopic(-1)))
  const [replaceUs, observeUs] = measure([
    (i) => facts.perform("speaker", Process.assert(some(i), Value.record("topic", some(i), i))),
    (i) => {
      must(facts.perform("observer", Process.observe("new", ofTopic(some(i)))).length === 1)
      facts.perform("observer", Process.retract("new"))
    }
  ])
  must(perform("speaker").length === 0)
  return { size, mapUs, messageUs, unseenUs, seenUs, addUs: (adding.user + adding.system) / size, observationBytes, replaceUs, observeUs, factBytes }
}

const columns = [
  ["size", "of each"], ["mapUs", "Map, call one"], ["messageUs", "message to 1"], ["unseenUs", "assert, retract unseen"], ["seenUs", "… seen by 1"],
  ["addUs", "add each"], ["observationBytes", "B an observation"], ["replaceUs", "replace 1 fact"], ["observeUs", "observe 1, stop"], ["factBytes", "B a fact"]
] as const
const rows = sizes.map(look)
if (args.includes("--json")) console.log(JSON.stringify({ unit: "µs of processor time; bytes of heap", rows }))
else {
  const line = (cells: ReadonlyArray<string>): void => console.log(`| ${cells.map((cell, i) => cell.padStart(columns[i]![1].length)).join(" | ")} |`)
  line(columns.map(([, title]) => title))
  line(columns.map(([, title]) => `${"-".repeat(title.length - 1)}:`))
  for (const row of rows) line(columns.map(([key]) => key === "size" ? String(row.size) : (row[key] ?? NaN).toFixed(key.endsWith("Bytes") ? 0 : 2)))
  const [first, last] = [rows[0]!, rows.at(-1)!]
  line(columns.map(([key]) => key === "size" ? "ratio" : ((last[key] ?? NaN) / (first[key] ?? NaN)).toFixed(2)))
}
