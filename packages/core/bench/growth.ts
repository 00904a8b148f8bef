/**
 * How the kernel's costs grow with what stands: 1,000, 10,000, 100,000 and 1,000,000 observations of a
 * constant each, and as many facts. What nobody is concerned by should cost the same beside a million as
 * beside a thousand, but for the machine's caches: the yardstick of each size is a native Map of so many.
 *
 *     npm run bench -- growth --svg dist/growth.svg [--most=100000]
 */
import { figure, heap, report } from "../../../.config/bench/Harness.ts"
import type { Curve, Row } from "../../../.config/bench/Result.ts"
import { among, beside, facts, inMap, measure, must, observations } from "./kernel/standing.ts"

const most = Number(process.argv.find((arg) => arg.startsWith("--most="))?.slice(7) ?? 1_000_000)
const sizes = [1_000, 10_000, 100_000, 1_000_000].filter((size) => size <= most)

/** Measured beside each size: what it costs beside few does not change, but the machine does. */
const few = 1_000
const fewUnseen = beside(observations(few), few).unseen
const unseenName = "assert and retract, seen by none"

/** One size: a world with so many observations, and one with so many facts. */
const look = (size: number): ReadonlyArray<Row> => {
  const group = `beside ${size.toLocaleString("en")}`
  const empty = heap()
  const before = process.cpuUsage()
  const observed = observations(size)
  const adding = process.cpuUsage(before)
  const observationBytes = (heap() - empty) / size
  const { message, seen, unseen } = beside(observed, size)
  const said = measure(group, [
    { name: "native Map, call one", run: inMap(size) },
    { name: "message to 1", run: message, ...size === 100_000 ? { wanted: "at most 2 µs" } : {} },
    { name: unseenName, run: unseen, ...size === 100_000 ? { wanted: "at most 3 µs" } : {} },
    { name: "assert and retract, seen by 1", run: seen },
    { name: `${unseenName} of 1,000`, run: fewUnseen }
  ])
  const [mine, base] = [said[2]!, said[4]!]
  const empty2 = heap()
  const stated = facts(size)
  const factBytes = (heap() - empty2) / size
  const { observe, replace } = among(stated, size)
  const stood = measure(`${group} facts`, [{ name: "replace 1", run: replace }, { name: "observe 1, and stop", run: observe }])
  must(observed("speaker").length === 0) // alive until here, so that the heap was weighed with it
  return [
    ...said.slice(0, 4),
    figure(`${unseenName}, to the same beside 1,000`, "times", [mine.median / base.median], { group, wanted: "0.7 to 1.3" }),
    figure("add an observation", "µs", [(adding.user + adding.system) / size], { group }),
    figure("an observation", "bytes", [observationBytes], { group }),
    ...stood,
    figure("a fact", "bytes", [factBytes], { group: `${group} facts`, ...size === 1_000_000 ? { wanted: "at most 400 bytes" } : {} })
  ]
}

look(sizes[0]!) // the compiler's work is not the kernel's
const looks = sizes.map((size) => [size, look(size)] as const)
const curve = (title: string, unit: string): Curve => {
  const names = looks[0]![1].filter((row) => row.unit === unit).map(({ name }) => name)
  const pointsOf = (name: string) => looks.map(([size, rows]) => [size, rows.find((row) => row.name === name)!.median] as const)
  return { title, x: "observations, or facts", y: unit, series: names.map((name) => ({ name, points: pointsOf(name) })) }
}
report(looks.flatMap(([, rows]) => rows), { curves: [curve("processor time of one", "µs"), curve("memory of one", "bytes")] })
