/**
 * Patterns as people type them: the text of a value in which the symbol `_` discards and a symbol
 * that starts with `$` captures. `<present "lobby" $who>` asks who is present in the lobby.
 *
 * Records and sequences match with exactly so many members, dictionaries with at least these keys.
 * The symbols `_` and `$…` themselves cannot be meant.
 */
import * as Pattern from "../value/Pattern.ts"
import { compare } from "../value/order.ts"
import { Dictionary, Embedded, Record, Set, type Value } from "../value/Value.ts"
import { DecodeError, defaultLimits, type Limits } from "./DecodeError.ts"
import { read } from "./Text.ts"

/** A pattern that was read, and what its captures are called. */
export interface PatternText {
  readonly pattern: Pattern.Pattern
  /** What each capture is called, without the `$`, in the order of the captures; empty for a bare `$`. */
  readonly names: ReadonlyArray<string>
}

/**
 * Reads a pattern; the error says where the text goes wrong.
 *
 * readPattern('<present "lobby" $who>').names   // => ["who"]
 */
export const readPattern = (text: string, limits: Limits = defaultLimits): PatternText | DecodeError => {
  const value = read(text, { ...limits, depthMax: Math.min(limits.depthMax, Pattern.depthMax - 1) })
  if (value instanceof DecodeError) return value
  const names: Array<string> = []
  const pattern = patternOf(value, names)
  return pattern === undefined ? new DecodeError("Malformed", 0, "what stands in a set, a label, a key or an embedded value cannot be left open") : { pattern, names }
}

const patternOf = (value: Value, names: Array<string>): Pattern.Pattern | undefined => {
  if (typeof value === "symbol") {
    const name = Symbol.keyFor(value)!
    if (name === "_") return Pattern.discard
    if (!name.startsWith("$")) return Pattern.literal(value)
    names.push(name.slice(1))
    return Pattern.bind()
  }
  if (value instanceof Record) {
    const fields = all(value.fields, names)
    return fields && !isOpen(value.label) ? Pattern.recordOf(value.label, fields) : undefined
  }
  if (Array.isArray(value)) {
    const items = all(value, names)
    return items && Pattern.sequence(items)
  }
  if (value instanceof Dictionary) {
    // captures come in the total order of the keys, whatever order was typed
    const entries = [...value.entries].sort(([a], [b]) => compare(a, b))
    const patterns = all(entries.map(([, v]) => v), names)
    return patterns && !entries.some(([k]) => isOpen(k)) ? Pattern.dictionary(entries.map(([k], i) => [k, patterns[i]!])) : undefined
  }
  return isOpen(value) ? undefined : Pattern.literal(value)
}

const all = (values: ReadonlyArray<Value>, names: Array<string>): ReadonlyArray<Pattern.Pattern> | undefined => {
  const patterns: Array<Pattern.Pattern> = []
  for (const value of values) {
    const pattern = patternOf(value, names)
    if (pattern === undefined) return undefined
    patterns.push(pattern)
  }
  return patterns
}

/** Whether a wildcard stands in what can only be literal. */
const isOpen = (value: Value): boolean => {
  if (typeof value === "symbol") return value === Symbol.for("_") || Symbol.keyFor(value)!.startsWith("$")
  if (value instanceof Record) return isOpen(value.label) || value.fields.some(isOpen)
  if (Array.isArray(value)) return value.some(isOpen)
  if (value instanceof Set) return value.items.some(isOpen)
  if (value instanceof Dictionary) return value.entries.some(([k, v]) => isOpen(k) || isOpen(v))
  return value instanceof Embedded && isOpen(value.value)
}
