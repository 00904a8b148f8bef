/** Results as Markdown tables: one run alone, and two beside each other. */
import type { Bench, Result, Row, Run } from "./Result.ts"

/** The rows of one benchmark, a table for each group. */
export const markdown = ({ notes = [], rows }: Result): string => {
  const groups = [...new Set(rows.map(({ group }) => group))]
  const tables = groups.map((group) => {
    const cells = rows.filter((row) => row.group === group).map(cellsOf)
    return (group === undefined ? "" : `${group}\n\n`) + table(["what", "median", "quartiles", "processor", "memory", "ratio", "wanted"], cells)
  })
  return [...tables, ...notes].join("\n\n")
}

const cellsOf = (row: Row): ReadonlyArray<string> => [
  row.name, quantity(row.median, row.unit),
  row.spread === undefined ? "" : `${quantity(row.spread[0], row.unit)} – ${quantity(row.spread[1], row.unit)}`,
  row.cpu === undefined ? "" : quantity(row.cpu, "ns"),
  row.bytes === undefined || row.unit === "bytes" ? "" : quantity(row.bytes, "bytes"),
  row.ratio === undefined ? "" : ratio(row.ratio),
  row.wanted ?? ""
]

/** A table without the columns that nobody filled; all but the first are right-aligned. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const used = head.map((_, i) => i).filter((i) => rows.some((row) => row[i] !== ""))
  const widths = used.map((i) => Math.max(3, ...[head, ...rows].map((row) => row[i]!.length)))
  const line = (row: ReadonlyArray<string>) => `| ${used.map((i, n) => n === 0 ? row[i]!.padEnd(widths[n]!) : row[i]!.padStart(widths[n]!)).join(" | ")} |`
  const rule = `| ${widths.map((width, n) => n === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`).join(" | ")} |`
  return [line(head), rule, ...rows.map(line)].join("\n")
}

const times = ["ns", "µs", "ms", "s"]
/** Three digits, in the unit that suits. */
export const quantity = (n: number, unit: string): string => {
  let [size, called] = [n, unit]
  while (times.includes(called) && called !== "s" && Math.abs(size) >= 1_000) {
    size /= 1_000
    called = times[times.indexOf(called) + 1]!
  }
  return `${digits(size)} ${called}`.trim()
}
const digits = (n: number): string => n.toLocaleString("en", Math.abs(n) >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 })
const ratio = (n: number): string => n.toLocaleString("en", n >= 100 ? { maximumFractionDigits: 0 } : n < 0.1 ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/**
 * Two runs beside each other. The machine may have been faster in one of them, so where there is a
 * yardstick the change of the ratio counts; without one, the change of the figure.
 */
export const comparison = (old: Run, now: Run): string => {
  const before = new Map(old.benches.flatMap((bench) => bench.rows.map((row) => [idOf(bench, row), row] as const)))
  const sections = now.benches.filter(({ rows }) => rows.length > 0).map((bench) => {
    const rows = bench.rows.map((row) => compared(before.get(idOf(bench, row)), row))
    return `## ${bench.name}\n\n${table(["what", "old", "new", "change", "old ratio", "new ratio", "change of the ratio"], rows)}`
  })
  const differ = Object.keys(now.machine).filter((what) => old.machine[what] !== now.machine[what])
  const warning = differ.map((what) => `${what}: ${old.machine[what] ?? "unknown"} before, ${now.machine[what]} now`)
  return [...warning.length === 0 ? [] : [`Not the same surroundings: ${warning.join("; ")}.`], ...sections].join("\n\n")
}
const idOf = ({ name }: Bench, row: Row): string => JSON.stringify([name, row.group, row.name, row.unit])

const compared = (old: Row | undefined, now: Row): ReadonlyArray<string> => [
  now.group === undefined ? now.name : `${now.group}: ${now.name}`,
  old === undefined ? "" : quantity(old.median, old.unit), quantity(now.median, now.unit), change(old?.median, now.median),
  old?.ratio === undefined ? "" : ratio(old.ratio), now.ratio === undefined ? "" : ratio(now.ratio), change(old?.ratio, now.ratio)
]
const change = (old: number | undefined, now: number | undefined): string =>
  old === undefined || now === undefined || old === 0 ? "" : `${now >= old ? "+" : "−"}${Math.abs((now / old - 1) * 100).toFixed(0)} %`
