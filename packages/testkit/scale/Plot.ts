/** Packets of a change against the number of nodes, beside the least that it needs: one small plot for each kind of change. */
import { parse, View } from "vega"
import { compile, type TopLevelSpec } from "vega-lite"
import { kinds } from "./Changes.ts"
import { rowsOf } from "./Report.ts"
import type { Result } from "./Run.ts"

interface Point {
  readonly kind: string
  readonly nodes: number
  readonly packets: number
  readonly line: "sent" | "least"
}

export const svgOf = (results: ReadonlyArray<Result>): Promise<string> => render(specOf(results))

/** Any plot as SVG. */
export const render = (spec: TopLevelSpec): Promise<string> => new View(parse(compile(spec).spec), { renderer: "none" }).toSVG()

export const specOf = (results: ReadonlyArray<Result>): TopLevelSpec => {
  const points = results.flatMap(({ samples, size: { nodes } }) => rowsOf(samples).flatMap(({ kind, least, tree, turns }): ReadonlyArray<Point> => [
    { kind, nodes, packets: turns + tree, line: "sent" },
    { kind, nodes, packets: least, line: "least" }
  ]))
  const sizes = [...new Set(points.map(({ nodes }) => nodes))]
  const ends: [number, number] = [Math.min(...sizes), Math.max(...sizes)]
  const most = Math.max(1, ...points.map(({ packets }) => packets))
  return {
    background: "white",
    title: { text: titleOf(results), fontSize: 15, anchor: "start", offset: 12 },
    data: { values: points },
    mark: { type: "line", point: { filled: true, size: 36 } },
    encoding: {
      facet: {
        field: "kind", type: "nominal", columns: 4, sort: [...kinds], spacing: { column: 44, row: 48 }, align: "each", bounds: "flush",
        header: { title: null, labelFontSize: 12, labelFontWeight: "bold", labelAnchor: "start" }
      },
      x: {
        field: "nodes", type: "quantitative", title: "nodes",
        scale: { type: "log", domain: ends[0] === ends[1] ? [ends[0] / 2, ends[1] * 2] : ends, nice: false },
        axis: { values: sizes, format: ",d", grid: true }
      },
      // what costs nothing is shown as well, which a logarithm could not
      y: {
        field: "packets", type: "quantitative", title: "packets per change",
        scale: { type: "symlog", constant: 1, domain: [0, most] }, axis: { values: ticksTo(most), format: ",d", grid: true }
      },
      color: {
        field: "line", type: "nominal", scale: { domain: ["sent", "least"], range: ["#1f5fa8", "#d9730d"] },
        legend: { title: "packets (means)", orient: "top", symbolType: "stroke", symbolSize: 600, symbolStrokeWidth: 3 }
      },
      strokeDash: { field: "line", type: "nominal", scale: { domain: ["sent", "least"], range: [[1, 0], [5, 4]] } }
    },
    config: { view: { continuousWidth: 220, continuousHeight: 150 }, axis: { labelFontSize: 11, titleFontSize: 11, gridColor: "#e4e4e4" } }
  }
}

const titleOf = (results: ReadonlyArray<Result>): string => {
  const { size: { facts, nodes, observers, seed, shape } } = results.at(-1)!
  return `Packets per change in a ${shape}, with ${round(facts / nodes)} facts and ${round(observers / nodes)} observers a node (seed ${seed})`
}
const round = (n: number): string => n.toLocaleString("en", { maximumFractionDigits: 3 })
const ticksTo = (most: number): Array<number> => [0, ...Array.from({ length: Math.ceil(Math.log10(most)) + 1 }, (_, i) => 10 ** i)]
