/**
 * Whatever a benchmark printed, as a result. Objects that are no `Result` are walked: each number becomes a
 * row, called by the way to it; in a list, by the `name`, `work` or `size` of the element. Lists by `size` are curves as well.
 */
import type { Curve, Result, Row } from "./Result.ts"

type Fields = { readonly [key: string]: unknown }

/** What was printed: a result, or text that is none. */
export const resultOf = (printed: string): Result & { readonly text?: string } => {
  const found = objectIn(printed)
  if (found === undefined) return { rows: [], text: printed.trim() }
  return isResult(found) ? found : { rows: rowsIn(found, []), curves: curvesIn(found) }
}

const objectIn = (printed: string): Fields | undefined => {
  try {
    const value: unknown = JSON.parse(printed)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value)
const isResult = (object: Fields): object is Fields & Result => Array.isArray(object["rows"]) && object["rows"].every(isRow)
const isRow = (value: unknown): boolean =>
  isObject(value) && typeof value["name"] === "string" && typeof value["unit"] === "string" && typeof value["median"] === "number"

const rowsIn = (value: unknown, way: ReadonlyArray<string>): ReadonlyArray<Row> => {
  if (typeof value === "number") return [{ name: way.join(" "), unit: unitOf(way.at(-1) ?? ""), median: value }]
  if (Array.isArray(value)) return value.flatMap((element: unknown, i) => rowsIn(element, [...way.slice(0, -1), calledIn(element, i)]))
  return isObject(value) ? Object.entries(value).flatMap(([key, inner]) => key === "size" ? [] : rowsIn(inner, [...way, key])) : []
}
const calledIn = (element: unknown, i: number): string => {
  if (!isObject(element)) return String(i)
  const { name, size, work } = element
  return String(name ?? work ?? size ?? i)
}

const suffixes = [["Ns", "ns"], ["Us", "µs"], ["Ms", "ms"], ["Bytes", "bytes"]] as const
/** As names end by the rules of this repository: `cpuUs`, `factBytes`. */
const unitOf = (key: string): string => suffixes.find(([suffix]) => key.endsWith(suffix))?.[1] ?? ""

/** A plot for each unit, a line for each key. */
const curvesIn = (object: Fields): ReadonlyArray<Curve> => Object.values(object).flatMap((list): ReadonlyArray<Curve> => {
  const sized = Array.isArray(list) ? list.filter((element): element is Fields => isObject(element) && typeof element["size"] === "number") : []
  if (sized.length < 2) return []
  const keys = Object.keys(sized[0]!).filter((key) => key !== "size" && typeof sized[0]![key] === "number")
  return [...new Set(keys.map(unitOf))].map((unit) => ({
    title: unit === "" ? "by size" : `${unit} by size`, x: "size", y: unit,
    series: keys.filter((key) => unitOf(key) === unit).map((key) => ({ name: key, points: sized.map((at) => [Number(at["size"]), Number(at[key])] as const) }))
  }))
})
