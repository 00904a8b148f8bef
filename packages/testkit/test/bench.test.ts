/** What `npm run bench` makes of figures: medians, tables, comparisons, curves, and results out of whatever was printed. */
import { assert, describe, it } from "@effect/vitest"
import { svgOf } from "../../../.config/bench/Curves.ts"
import { compare, median, quartiles } from "../../../.config/bench/Harness.ts"
import { resultOf } from "../../../.config/bench/Printed.ts"
import { comparison, markdown } from "../../../.config/bench/Report.ts"
import type { Row, Run } from "../../../.config/bench/Result.ts"

const row: Row = { group: "reading", name: "parse", unit: "ns", median: 1_500, spread: [1_400, 1_725], rounds: 11, cpu: 1_450, ratio: 2.5 }
const run = (figure: Row, machine = "fast"): Run => ({ machine: { processor: machine }, benches: [{ name: "core/link", rows: [figure] }] })

describe("medians", () => {
  it("are between the two in the middle when there is no single one", () => {
    assert.deepStrictEqual([median([5, 1, 3]), median([4, 1, 3, 2]), ...quartiles([1, 2, 3, 4, 5])], [3, 2.5, 2, 4])
  })
})

describe("a comparison of works", () => {
  it("runs each as often as it says, and gives the figures of one thing", async () => {
    const runs = [0, 0]

    const rows = await compare("counting", [
      { name: "one", run: () => { runs[0]!++ }, times: 10 },
      { name: "two", run: () => { runs[1]!++ }, times: 5, per: 100 }
    ], { rounds: 3 })

    assert.deepStrictEqual(runs, [50, 25]) // two rounds of warm-up
    assert.deepStrictEqual(rows.map(({ name, rounds, unit }) => [name, rounds, unit]), [["one", 3, "ns"], ["two", 3, "ns"]])
    assert.isBelow(rows[1]!.median, 1_000_000)
  })
})

describe("tables", () => {
  it("have the columns that somebody filled, in units that suit", () => {
    assert.strictEqual(markdown({ rows: [row], notes: ["That was all."] }), [
      "reading",
      "",
      "| what  | median |        quartiles | processor | ratio |",
      "| ----- | -----: | ---------------: | --------: | ----: |",
      "| parse | 1.5 µs | 1.4 µs – 1.73 µs |   1.45 µs |  2.50 |",
      "",
      "That was all."
    ].join("\n"))
  })
  it("of two runs show the change of the figure and of the ratio", () => {
    const table = comparison(run(row), run({ ...row, median: 3_000, ratio: 2 }))

    assert.include(table, "| reading: parse | 1.5 µs | 3 µs | +100 % |      2.50 |      2.00 |               −20 % |")
    assert.notInclude(table, "Not the same surroundings")
  })
  it("of two runs say that the machines differ, and leave out what is not known", () => {
    const table = comparison(run({ ...row, name: "another" }, "slow"), run(row))

    assert.include(table, "Not the same surroundings: processor: slow before, fast now.")
    assert.include(table, "| reading: parse | 1.5 µs |")
  })
})

describe("what a benchmark printed", () => {
  it("is its result", () => {
    assert.deepStrictEqual(resultOf(JSON.stringify({ rows: [row] })), { rows: [row] })
  })
  it("may be text", () => {
    assert.deepStrictEqual(resultOf("relay  1.0 µs\n"), { rows: [], text: "relay  1.0 µs" })
  })
  it("may be any object: its numbers are rows, by the way to them and the names in lists", () => {
    const printed = { messages: 100, node: { cpuUs: 1.5 }, lines: [{ work: "ping", value: 3, ok: true }] }

    assert.deepStrictEqual(resultOf(JSON.stringify(printed)).rows, [
      { name: "messages", unit: "", median: 100 },
      { name: "node cpuUs", unit: "µs", median: 1.5 },
      { name: "ping value", unit: "", median: 3 }
    ])
  })
  it("may be a list by size, which is curves as well", async () => {
    const printed = { unit: "µs", rows: [{ size: 10, mapUs: 1, factBytes: 100 }, { size: 1_000, mapUs: 2, factBytes: 110 }] }

    const { curves = [], rows } = resultOf(JSON.stringify(printed))

    assert.deepStrictEqual(rows.map(({ median: n, name, unit }) => [name, n, unit]), [["10 mapUs", 1, "µs"], ["10 factBytes", 100, "bytes"], ["1000 mapUs", 2, "µs"], ["1000 factBytes", 110, "bytes"]])
    assert.deepStrictEqual(curves, [
      { title: "µs by size", x: "size", y: "µs", series: [{ name: "mapUs", points: [[10, 1], [1_000, 2]] }] },
      { title: "bytes by size", x: "size", y: "bytes", series: [{ name: "factBytes", points: [[10, 100], [1_000, 110]] }] }
    ])
    const svg = await svgOf(curves)
    assert.match(svg, /^<svg/)
    for (const text of ["µs by size", "bytes by size", "mapUs", "1,000"]) assert.include(svg, text)
  })
})
