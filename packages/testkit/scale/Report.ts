/** What runs of several sizes come to: figures by kind of change, and the same as a text for people. */
import { type Kind, kinds, type Sample } from "./Changes.ts"
import { observed, topics } from "./Population.ts"
import type { Result } from "./Run.ts"

export interface Row {
  readonly kind: Kind
  readonly samples: number
  /** Means of one change: packets, what is in the turns, and the packets that it needs at least. */
  readonly turns: number
  readonly items: number
  readonly tree: number
  readonly least: number
  /** The packets of the one that took most. */
  readonly most: number
  /** Of the packets, those that were sent when a grace period had ended. */
  readonly late: number
  /** To the last packet before a grace period ends. */
  readonly roundTrips: { readonly median: number; readonly p90: number; readonly max: number }
  /** Of all samples: observers that saw the wrong facts in the end, and news that they should not have had. */
  readonly wrong: number
  readonly needless: number
}

export const rowsOf = (samples: ReadonlyArray<Sample>): ReadonlyArray<Row> => kinds.flatMap((kind) => {
  const ours = samples.filter((sample) => sample.kind === kind)
  return ours.length === 0 ? [] : [rowOf(kind, ours)]
})
const rowOf = (kind: Kind, samples: ReadonlyArray<Sample>): Row => {
  const sum = (of: (sample: Sample) => number): number => samples.reduce((total, sample) => total + of(sample), 0)
  const mean = (of: (sample: Sample) => number): number => sum(of) / samples.length
  const times = samples.map(({ roundTrips }) => roundTrips).sort((a, b) => a - b)
  return {
    kind, samples: samples.length,
    turns: mean(({ turns }) => turns), items: mean(({ items }) => items), tree: mean(({ tree }) => tree),
    least: mean(({ least }) => least.turns + least.tree), late: mean(({ late }) => late),
    most: Math.max(...samples.map(({ tree, turns }) => turns + tree)),
    roundTrips: { median: at(times, 0.5), p90: at(times, 0.9), max: times.at(-1)! },
    wrong: sum(({ wrong }) => wrong), needless: sum(({ needless }) => needless)
  }
}
const at = (sorted: ReadonlyArray<number>, share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!

/** For machines. */
export const plain = (results: ReadonlyArray<Result>): unknown => results.map(({ samples, ...rest }) => ({ ...rest, changes: rowsOf(samples) }))

/** For people: Markdown. The last result is the one that was asked for. */
export const markdown = (results: ReadonlyArray<Result>): string => {
  const main = results.at(-1)!
  return [
    titleOf(main), simulated, changesTable(main), columns, ...(results.length > 1 ? [growthTable(results)] : []), stagesTable(main), keptTable(main)
  ].join("\n\n")
}

const titleOf = ({ depth, links, meanRttMs, size: { facts, nodes, observers, seed, shape } }: Result): string =>
  `# ${count(nodes)} nodes, ${count(facts)} facts, ${count(observers)} observers\n\n` +
  `A ${shape} of ${count(links)} links, seed ${seed}. Mean round trip of a link: ${meanRttMs.toFixed(1)} ms; ` +
  `depth of the tree as it first was: ${depth} edges.\n` +
  `Facts are of ${count(topics)} topics, of which ${observed} are observed: ${observed} patterns, and 1 fact in ${topics / observed}.`

const simulated = `Simulated of each node: one scope, whole (topology, federation, local link, dataspace), in virtual time, with a latency for each
link. Not simulated: sessions and their bytes. A turn is one packet however large it is; hello, join, heartbeat and credit are not
counted; a lost link is noticed by both ends at once.`

const heads = [
  "change", "samples", "turns", "items", "tree", "least", "sent / least", "most", "late",
  "round trips: median", "p90", "max", "needless news", "wrong views"
]
const changesTable = ({ samples }: Result): string => table(heads, rowsOf(samples).map((row) => [
  row.kind, count(row.samples), mean(row.turns), mean(row.items), mean(row.tree), mean(row.least),
  row.least === 0 ? "" : ((row.turns + row.tree) / row.least).toFixed(2), count(row.most), mean(row.late),
  row.roundTrips.median.toFixed(1), row.roundTrips.p90.toFixed(1), row.roundTrips.max.toFixed(1), count(row.needless), count(row.wrong)
]))
const columns = `Means of one change. *turns*, *tree*: packets with turns, and packets about the tree (syncs included); *items*: assertions, captures,
messages and stamps in the turns; *least*: directions of edges on which something else must have been said afterwards, and two for each
new edge; *most*: packets of the change that took most; *late*: those of the packets that were sent after a grace period; *round trips*:
to the last packet that is not late, in mean round trips of a link; *needless news*: how often, in all samples, an observer was told
more than what changed; *wrong views*: observers that saw other facts than those of their part of the network when all was quiet, in all
samples.`

const growthTable = (results: ReadonlyArray<Result>): string => {
  const rows = results.map(({ samples }) => new Map(rowsOf(samples).map((row) => [row.kind, row])))
  const cell = (row: Row | undefined): string => row === undefined ? "" : `${mean(row.turns + row.tree)} / ${mean(row.least)}`
  return table(
    ["packets / least", ...results.map(({ size }) => `${count(size.nodes)} nodes`)],
    kinds.filter((kind) => rows.some((of) => of.has(kind))).map((kind) => [kind, ...rows.map((of) => cell(of.get(kind)))])
  )
}

const stagesTable = ({ size: { nodes }, stages }: Result): string => table(
  ["beginning", "turns per node", "items", "tree", "round trips", "heap per node, bytes"],
  stages.map(({ bytes, name, roundTrips, traffic: { items, syncs, tree, turns } }) =>
    [name, mean(turns / nodes), mean(items / nodes), mean((tree + syncs) / nodes), roundTrips.toFixed(1), count(bytes / nodes)])
)
const keptTable = ({ kept }: Result): string =>
  table(["state per node, in the end", "mean", "most"], Object.entries(kept).map(([what, of]) => [what, mean(of.mean), count(of.most)]))

const count = (n: number): string => Math.round(n).toLocaleString("en")
const mean = (n: number): string => n === 0 ? "0" : n < 100 ? n.toFixed(1) : count(n)

/** The first column is text, the others are numbers. */
const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length), 4))
  const padded = (cell: string, i: number): string => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
  const line = (cells: ReadonlyArray<string>): string => `| ${cells.map(padded).join(" | ")} |`
  return [line(head), line(widths.map((width, i) => i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)), ...rows.map(line)].join("\n")
}
