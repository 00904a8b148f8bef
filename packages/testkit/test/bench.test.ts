/** What `npm run bench` makes of figures: medians, tables, comparisons, and curves. */
import { assert, describe, it } from "@effect/vitest"
import { svgOf } from "../../../.config/bench/Curves.ts"
import { compare, median, quartiles } from "../../../.config/bench/Harness.ts"
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
  it("say what was to be reached", () => {
    const table = markdown({ rows: [{ ...row, wanted: "at most 2 µs" }, { ...row, name: "scan" }] })

    assert.deepStrictEqual(table.split("\n").map((line) => line.split("|").at(-2)?.trim()), [undefined, undefined, "wanted", "-----------:", "at most 2 µs", ""])
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

describe("curves", () => {
  it("are plots, with a line for each series", async () => {
    const svg = await svgOf([
      { title: "time of one", x: "facts", y: "µs", series: [{ name: "a lookup", points: [[10, 1], [1_000, 2]] }, { name: "a fact", points: [[10, 3], [1_000, 3]] }] },
      { title: "memory of one", x: "facts", y: "bytes", series: [{ name: "a fact", points: [[10, 100], [1_000, 110]] }] }
    ])

    assert.match(svg, /^<svg/)
    for (const text of ["time of one", "memory of one", "a lookup", "1,000"]) assert.include(svg, text)
  })
})
