/**
 * What a request wants of a file only if it changed, and which part of it (RFC 9110, 13 and 14).
 *
 * Our tags are weak, and so prove too little for a part: who asks for one with `If-Range` gets the whole.
 * So does who asks for several parts at once, or in other units.
 */
import type { IncomingHttpHeaders } from "node:http"

/** Whether the client has this version. Tags say more than times. */
export const isKnown = (headers: IncomingHttpHeaders, tag: string, modified: Date): boolean => {
  const tags = headers["if-none-match"]
  if (tags !== undefined) return tags.trim() === "*" || tags.split(",").some((one) => weak(one.trim()) === weak(tag))
  const since = Date.parse(headers["if-modified-since"] ?? "")
  return Number.isFinite(since) && Math.floor(modified.getTime() / 1000) * 1000 <= since
}
const weak = (tag: string): string => tag.replace(/^W\//, "")

export interface Range {
  readonly start: number
  /** Inclusive. */
  readonly end: number
}

/**
 * The part that is asked for; none is the whole.
 *
 * rangeOf({ range: "bytes=2-3" }, 10)   // => ({ start: 2, end: 3 })
 * rangeOf({ range: "bytes=-3" }, 10)    // => ({ start: 7, end: 9 })
 * rangeOf({ range: "bytes=10-" }, 10)   // => "beyond"
 */
export const rangeOf = (headers: IncomingHttpHeaders, size: number): Range | "beyond" | undefined => {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headers.range ?? "") ?? []
  if ((first === "" && last === "") || headers["if-range"] !== undefined) return undefined
  if (first === "") return part(Math.max(0, size - Number(last)), size - 1)
  if (last !== "" && Number(last) < Number(first)) return undefined // it makes no sense
  return part(Number(first), last === "" ? size - 1 : Math.min(Number(last), size - 1))
}
const part = (start: number, end: number): Range | "beyond" => start > end ? "beyond" : { start, end }
