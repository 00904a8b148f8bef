/**
 * Patterns over values: what an observation asks for.
 *
 * | pattern | matches | as a value |
 * | --- | --- | --- |
 * | discard | anything | `<_>` |
 * | bind p | what p matches, and captures it | `<bind p>` |
 * | literal v | exactly v | `<lit v>` |
 * | record l [p …] | records labelled l with exactly so many fields | `<rec l [p …]>` |
 * | sequence [p …] | sequences of exactly this length | `<arr [p …]>` |
 * | dictionary {k: p …} | dictionaries that have at least these keys | `<dict {k: p …}>` |
 *
 * Constructors normalise: a record or sequence of nothing but literals *is* a literal, and dictionary
 * entries stand in the total order of their keys. So two patterns that say the same in the same way
 * have one key, and observers of "exactly this pattern" can be found by it. (`<dict {…}>` stays open,
 * and so is never a literal.)
 *
 * Captures are the bound values in pre-order: an outer bind before the binds inside it, fields and
 * items left to right, dictionary entries in the total order of their keys.
 */
import { key as canonicalKey } from "./canonical.ts"
import { equals, sortedEntries } from "./order.ts"
import { Dictionary, isRecord, Record, record as valueRecord, symbol, type Value } from "./Value.ts"

export type Pattern = Discard | Bind | Literal | RecordPattern | SequencePattern | DictionaryPattern
export interface Discard {
  readonly _tag: "Discard"
}
export interface Bind {
  readonly _tag: "Bind"
  readonly pattern: Pattern
}
export interface Literal {
  readonly _tag: "Literal"
  readonly value: Value
}
export interface RecordPattern {
  readonly _tag: "Record"
  readonly label: Value
  readonly fields: ReadonlyArray<Pattern>
}
export interface SequencePattern {
  readonly _tag: "Sequence"
  readonly items: ReadonlyArray<Pattern>
}
export interface DictionaryPattern {
  readonly _tag: "Dictionary"
  readonly entries: ReadonlyArray<readonly [key: Value, pattern: Pattern]>
}

export const discard: Discard = { _tag: "Discard" }
/** Captures whatever `pattern` matches; anything when left out. */
export const bind = (pattern: Pattern = discard): Bind => ({ _tag: "Bind", pattern })
export const literal = (value: Value): Pattern => ({ _tag: "Literal", value })

const isLiteral = (pattern: Pattern): pattern is Literal => pattern._tag === "Literal"

/** Records with any value as label; `record` is the usual case. */
export const recordOf = (label: Value, fields: ReadonlyArray<Pattern>): Pattern =>
  fields.every(isLiteral) ? literal(new Record(label, fields.map((field) => field.value))) : { _tag: "Record", label, fields }
/** Records labelled by a symbol: `record("present", literal("lobby"), bind())` asks who is in the lobby. */
export const record = (label: string, ...fields: ReadonlyArray<Pattern>): Pattern => recordOf(symbol(label), fields)
export const sequence = (items: ReadonlyArray<Pattern>): Pattern =>
  items.every(isLiteral) ? literal(items.map((item) => item.value)) : { _tag: "Sequence", items }
export const dictionary = (entries: ReadonlyArray<readonly [Value, Pattern]>): Pattern =>
  ({ _tag: "Dictionary", entries: sortedEntries({ entries }) })

const wildcard = valueRecord("_")

/** The value that stands for a pattern on the wire and in `<Observe pattern>`. */
export const toValue = (pattern: Pattern): Value => {
  switch (pattern._tag) {
    case "Discard": return wildcard
    case "Bind": return valueRecord("bind", toValue(pattern.pattern))
    case "Literal": return valueRecord("lit", pattern.value)
    case "Record": return valueRecord("rec", pattern.label, pattern.fields.map(toValue))
    case "Sequence": return valueRecord("arr", pattern.items.map(toValue))
    case "Dictionary": return valueRecord("dict", new Dictionary(pattern.entries.map(([k, p]) => [k, toValue(p)])))
  }
}

/** Deeper patterns are no patterns: matching recurses, and patterns come from strangers. */
export const depthMax = 60 // a level of pattern is two levels of its value

/** The pattern that a value stands for, normalised; `undefined` when it stands for none. */
export const fromValue = (value: Value): Pattern | undefined => parse(value, 0)

const parse = (value: Value, depth: number): Pattern | undefined => {
  if (!(value instanceof Record) || depth > depthMax) return undefined
  const [first, second] = value.fields
  if (isRecord(value, "_", 0)) return discard
  if (isRecord(value, "lit", 1)) return literal(first!)
  if (isRecord(value, "bind", 1)) {
    const inner = parse(first!, depth + 1)
    return inner && bind(inner)
  }
  if (isRecord(value, "rec", 2)) {
    const fields = parseAll(second!, depth)
    return fields && recordOf(first!, fields)
  }
  if (isRecord(value, "arr", 1)) {
    const items = parseAll(first!, depth)
    return items && sequence(items)
  }
  if (isRecord(value, "dict", 1) && first instanceof Dictionary) {
    const patterns = parseAll(first.entries.map(([, p]) => p), depth)
    return patterns && dictionary(first.entries.map(([k], i) => [k, patterns[i]!]))
  }
  return undefined
}

const parseAll = (values: Value, depth: number): ReadonlyArray<Pattern> | undefined => {
  if (!Array.isArray(values)) return undefined
  const patterns: Array<Pattern> = []
  for (const value of values) {
    const pattern = parse(value, depth + 1)
    if (pattern === undefined) return undefined
    patterns.push(pattern)
  }
  return patterns
}

/** The canonical key of the pattern's value: equal exactly for patterns that say the same. */
export const key = (pattern: Pattern): string => canonicalKey(toValue(pattern))

/** How many values a match captures. */
export const arity = (pattern: Pattern): number => {
  switch (pattern._tag) {
    case "Discard":
    case "Literal": return 0
    case "Bind": return 1 + arity(pattern.pattern)
    case "Record": return sum(pattern.fields)
    case "Sequence": return sum(pattern.items)
    case "Dictionary": return sum(pattern.entries.map(([, p]) => p))
  }
}
const sum = (patterns: ReadonlyArray<Pattern>): number => patterns.reduce((n, p) => n + arity(p), 0)

/**
 * What `value` gives to the pattern's binds, in pre-order; `undefined` when it does not match.
 *
 * captures(record("present", discard, bind()), Value.record("present", "lobby", "ann"))   // => ["ann"]
 * captures(record("present", bind()), Value.record("present", "lobby", "ann"))   // => undefined
 */
export const captures = (pattern: Pattern, value: Value): ReadonlyArray<Value> | undefined => {
  const found: Array<Value> = []
  return match(pattern, value, found) ? found : undefined
}

/** Whether `value` matches. */
export const matches = (pattern: Pattern, value: Value): boolean => match(pattern, value, [])

/**
 * Where the binds of a pattern look, in pre-order: what a value captures that is known to match, without
 * a look at anything else. A step is a field or item by its number, or an entry of a dictionary by its key.
 *
 * at(paths(record("present", discard, bind())), Value.record("present", "lobby", "ann"))   // => ["ann"]
 */
export const paths = (pattern: Pattern): ReadonlyArray<Path> => {
  switch (pattern._tag) {
    case "Discard":
    case "Literal": return []
    case "Bind": return [[], ...paths(pattern.pattern)]
    case "Record": return pattern.fields.flatMap((field, i) => under(i, field))
    case "Sequence": return pattern.items.flatMap((item, i) => under(i, item))
    case "Dictionary": return pattern.entries.flatMap(([key, entry]) => under({ key }, entry))
  }
}
export type Path = ReadonlyArray<number | { readonly key: Value }>
const under = (step: Path[number], pattern: Pattern): ReadonlyArray<Path> => paths(pattern).map((path) => [step, ...path])

/** What stands at the end of each path. */
export const at = (all: ReadonlyArray<Path>, value: Value): ReadonlyArray<Value> => all.map((path) => {
  let here = value
  for (const step of path) {
    here = typeof step === "number" ? (here instanceof Record ? here.fields : here as ReadonlyArray<Value>)[step]! : entryOf(here as Dictionary, step.key)!
  }
  return here
})

const match = (pattern: Pattern, value: Value, found: Array<Value>): boolean => {
  switch (pattern._tag) {
    case "Discard": return true
    case "Bind":
      found.push(value)
      return match(pattern.pattern, value, found)
    case "Literal": return equals(pattern.value, value)
    case "Record": return value instanceof Record && equals(pattern.label, value.label) && matchAll(pattern.fields, value.fields, found)
    case "Sequence": return Array.isArray(value) && matchAll(pattern.items, value, found)
    case "Dictionary":
      return value instanceof Dictionary && pattern.entries.every(([k, p]) => {
        const entry = entryOf(value, k)
        return entry !== undefined && match(p, entry, found)
      })
  }
}
/** What stands in a dictionary under a key. */
export const entryOf = (dictionary: Dictionary, key: Value): Value | undefined =>
  (dictionary.entries.length > scanMax ? searched(dictionary, key) : undefined) ?? dictionary.entries.find(([other]) => equals(key, other))?.[1]
const scanMax = 8 // a guess: fewer are looked through faster

/** By halves: what was decoded stands in the order of its keys' bytes. What a person made need not, and is then looked through. */
const searched = ({ entries }: Dictionary, key: Value): Value | undefined => {
  const wanted = canonicalKey(key)
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    const found = canonicalKey(entries[middle]![0])
    if (found === wanted) return entries[middle]![1]
    if (found < wanted) low = middle + 1
    else high = middle
  }
  return undefined
}
const matchAll = (patterns: ReadonlyArray<Pattern>, values: ReadonlyArray<Value>, found: Array<Value>): boolean =>
  patterns.length === values.length && patterns.every((p, i) => match(p, values[i]!, found))
