/**
 * How the kernel's costs grow with what stands: 1,000, 10,000, 100,000 and 1,000,000 observations of a
 * constant each, and as many facts. What nobody is concerned by should cost the same beside a million as
 * beside a thousand, but for the machine's caches: the yardstick of each row is a native Map of so many.
 *
 *     node --expose-gc packages/core/bench/growth.ts [--json] [--most 100000]
 */
import { among, beside, facts, heap, inMap, measure, must, observations } from "./kernel/standing.ts"

const args = process.argv.slice(2)
const most = args.includes("--most") ? Number(args[args.indexOf("--most") + 1]) : 1_000_000
const sizes = [1_000, 10_000, 100_000, 1_000_000].filter((size) => size <= most)

/** Measured beside each size: what it costs beside few does not change, but the machine does. */
const few = 1_000
const fewUnseen = beside(observations(few), few).unseen

/** One size: a world with so many observations, and one with so many facts. */
const look = (size: number) => {
  const map = inMap(size)
  const empty = heap()
  const addingStart = process.cpuUsage()
  const observed = observations(size)
  const adding = process.cpuUsage(addingStart)
  const observationBytes = (heap() - empty) / size
  const { message, seen, unseen } = beside(observed, size)
  const [mapUs, messageUs, unseenUs, seenUs, fewUs] = measure([{ run: map }, { run: message }, { run: unseen }, { run: seen }, { run: fewUnseen }])

  const before = heap()
  const stated = facts(size)
  const factBytes = (heap() - before) / size
  const { observe, replace } = among(stated, size)
  const [replaceUs, observeUs] = measure([{ run: replace }, { run: observe }])
  must(observed("speaker").length === 0) // alive until here, so that the heap was weighed with it
  const addUs = (adding.user + adding.system) / size
  return { size, mapUs, messageUs, unseenUs, unseenRatio: unseenUs! / fewUs!, seenUs, addUs, observationBytes, replaceUs, observeUs, factBytes }
}

const columns = [
  ["size", "of each"], ["mapUs", "Map, call one"], ["messageUs", "message to 1"],
  ["unseenUs", "assert, retract unseen"], ["unseenRatio", "… to beside 1,000"], ["seenUs", "… seen by 1"],
  ["addUs", "add each"], ["observationBytes", "B an observation"], ["replaceUs", "replace 1 fact"], ["observeUs", "observe 1, stop"], ["factBytes", "B a fact"]
] as const
look(sizes[0]!) // the compiler's work is not the kernel's
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
