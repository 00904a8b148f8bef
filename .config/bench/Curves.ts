/** How figures grow, as SVG: a small plot for each curve, both axes logarithmic, so that equal steps are equal factors. */
import type { TopLevelSpec } from "vega-lite"
import { render } from "../../packages/testkit/scale/Plot.ts"
import type { Curve } from "./Result.ts"

export const svgOf = (curves: ReadonlyArray<Curve>): Promise<string> => render(specOf(curves))

export const specOf = (curves: ReadonlyArray<Curve>): TopLevelSpec => ({
  background: "white",
  columns: 2,
  concat: curves.map(({ series, title, x, y }) => {
    const points = series.flatMap(({ name, points: all }) => all.map(([at, value]) => ({ line: name, x: at, y: value })))
    const sizes = [...new Set(points.map((point) => point.x))]
    return {
      title: { text: title, anchor: "start", fontSize: 13, offset: 8 },
      width: 340, height: 220,
      data: { values: points },
      mark: { type: "line", point: { filled: true, size: 36 } },
      encoding: {
        x: { field: "x", type: "quantitative", title: x, scale: { type: "log", nice: false }, axis: { values: sizes, format: ",d" } },
        y: { field: "y", type: "quantitative", title: y, scale: { type: "log" }, axis: { format: ",~r", labelOverlap: true } },
        color: { field: "line", type: "nominal", sort: series.map(({ name }) => name), legend: { title: null, orient: "bottom", columns: 2, labelLimit: 300 } }
      }
    } as const
  }),
  resolve: { scale: { color: "independent" } },
  config: { axis: { labelFontSize: 11, titleFontSize: 11, gridColor: "#e4e4e4" } }
})
