/**
 * Machine data as text for people: values and patterns in Preserves' text syntax, tagged records as
 * `Tag key=value`, maps in the order of their keys. Scenario files and failing matchers print with it.
 *
 * Promises: equal data prints the same, whatever history led to it; nothing is printed as `[object Object]`.
 */
import { Binary, Canonical, Dataspace, Order, Pattern, PatternText, Process, Text, Value, VersionedMap } from "@colloquy/core"

/**
 * Data on one line.
 *
 * show(Process.added("who", ["ann", 7]))   // => 'Added handle="who" captures=["ann" 7]'
 */
export const show = (data: unknown): string => typeof data === "object" && data !== null ? showObject(data) : showAtom(data)

const showAtom = (data: unknown): string => {
  if (typeof data === "string" && /^[\xb4-\xb7].*\x84$/s.test(data)) return showKey(data)
  if (typeof data === "string" || (typeof data === "symbol" && Symbol.keyFor(data) !== undefined)) return Text.print(data)
  if (typeof data === "bigint") return `${data}n`
  return Object.is(data, -0) ? "-0" : String(data)
}

const showObject = (data: object): string => {
  if (data instanceof Value.Encoded) return showEncoded(data)
  if (data instanceof Error) return `${data.name}: ${data.message}`
  if (!Array.isArray(data) && Value.kindOf(data) !== undefined) return valueText(data as Value.Value)
  if (isPattern(data)) return pattern(data)
  if (Array.isArray(data)) return `[${data.map(nested).join(" ")}]`
  const tag = tagOf(data)
  const entries = entriesOf(data)
  return tag === undefined
    ? `{${entries.map(([k, v]) => `${k}: ${nested(v)}`).join(" ")}}`
    : [tag, ...entries.map(([k, v]) => `${k}=${nested(v)}`)].join(" ")
}

/** A tagged record within something else stands in parentheses. */
const nested = (data: unknown): string => {
  const text = show(data)
  const isTagged = typeof data === "object" && data !== null && tagOf(data) !== undefined && Value.kindOf(data) === undefined && !isPattern(data)
  return isTagged && text.includes(" ") && !(data instanceof Value.Encoded) ? `(${text})` : text
}

const tagOf = (data: object): string | undefined => {
  const { _tag } = data as { readonly _tag?: unknown }
  return typeof _tag === "string" ? _tag : undefined
}
const entriesOf = (data: object): ReadonlyArray<readonly [key: string, value: unknown]> => {
  if (data instanceof Map || data instanceof VersionedMap.VersionedMap) {
    return [...data].map(([k, v]) => [showKey(k), v] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  }
  if (data instanceof Set) return [...data].map((item, i) => [String(i), item])
  return Object.entries(data).filter(([k, v]) => k !== "_tag" && v !== undefined)
}
/** Many maps go by a value's canonical bytes: those are shown as the value. */
const showKey = (key: unknown): string => {
  if (typeof key !== "string") return show(key)
  if (!/^[\x80-\xff]/.test(key)) return key
  const value = Binary.decode(Uint8Array.from(key, (c) => c.charCodeAt(0)))
  if (isRefused(value)) return Text.print(key)
  const asked = Pattern.fromValue(value)
  return asked === undefined ? Text.print(value) : pattern(asked)
}
const showEncoded = (encoded: Value.Encoded): string => {
  const value = Binary.decode(encoded)
  return isRefused(value) ? `${encoded.end - encoded.start} bytes` : valueText(value)
}
const valueText = (value: Value.Value): string => {
  try {
    return Text.print(value)
  } catch {
    return `no value: ${Object.prototype.toString.call(value)}` // something in it is none
  }
}
const isRefused = (value: unknown): value is Binary.DecodeError => value instanceof Binary.DecodeError

/**
 * A pattern as people type it, or as the value that stands for it where it cannot be typed.
 *
 * pattern(Pattern.record("present", Pattern.literal("lobby"), Pattern.bind()))   // => '<present "lobby" $>'
 */
export const pattern = (pattern: Pattern.Pattern): string => {
  const text = typed(pattern)
  const read = PatternText.readPattern(text)
  return !isRefused(read) && Pattern.key(read.pattern) === Pattern.key(pattern) ? text : Text.print(Pattern.toValue(pattern))
}
const typed = (pattern: Pattern.Pattern): string => {
  switch (pattern._tag) {
    case "Discard": return "_"
    case "Bind": return "$" // what stands within is lost, and so this is not what will be shown
    case "Literal": return Text.print(pattern.value)
    case "Record": return `<${[Text.print(pattern.label), ...pattern.fields.map(typed)].join(" ")}>`
    case "Sequence": return `[${pattern.items.map(typed).join(" ")}]`
    case "Dictionary": return `{${pattern.entries.map(([k, p]) => `${Text.print(k)}: ${typed(p)}`).join(" ")}}`
  }
}
const isPattern = (data: unknown): data is Pattern.Pattern => {
  if (typeof data !== "object" || data === null || Value.kindOf(data) !== undefined) return false
  const it = data as { readonly [key: string]: unknown }
  switch (it["_tag"]) {
    case "Discard": return Object.keys(it).length === 1
    case "Bind": return isPattern(it["pattern"])
    case "Literal": return Value.kindOf(it["value"]) !== undefined
    case "Record": return Value.kindOf(it["label"]) !== undefined && Array.isArray(it["fields"]) && it["fields"].every(isPattern)
    case "Sequence": return Array.isArray(it["items"]) && it["items"].every(isPattern)
    case "Dictionary": return Array.isArray(it["entries"]) && it["entries"].every((entry) => Array.isArray(entry) && isPattern(entry[1]))
    default: return false
  }
}

const widthMax = 96 // what fits beside a line number

/** Data on as many lines as it needs: what is too wide for one line has a line for each of its parts. */
export const tree = (data: unknown): string => {
  const isOpen = typeof data === "object" && data !== null && Value.kindOf(data) === undefined && !isPattern(data) && entriesOf(data).length > 0
  return isOpen ? branches(data, "").join("\n") : show(data)
}
const hasBranches = (data: unknown): data is object =>
  typeof data === "object" && data !== null && !(data instanceof Value.Encoded) && (Array.isArray(data) || Value.kindOf(data) === undefined)
const branches = (data: object, indent: string): ReadonlyArray<string> => {
  const tag = Value.kindOf(data) === undefined ? tagOf(data) : undefined
  return [...(tag === undefined ? [] : [`${indent}${tag}`]), ...entriesOf(data).flatMap(([k, v]) => {
    const line = `${indent}${Array.isArray(data) ? "-" : `${k}:`} ${show(v)}`
    return line.length > widthMax && hasBranches(v) ? [`${indent}${Array.isArray(data) ? "-" : `${k}:`}`, ...branches(v, `${indent}  `)] : [line]
  })]
}

/** What a process hears, as a scenario tells it: `Removed who ["ann"] because "enough"`. */
export const heard = (event: Process.Event): string => {
  const what = `${event._tag} ${event.handle} ${show(event.captures)}`
  return event._tag === "Removed" && event.reason !== undefined ? `${what} because ${show(event.reason)}` : what
}

/** The facts that stand in a dataspace, in the total order of values. Observations are left out: they say who listens, not what is so. */
export const facts = (state: Dataspace.State): ReadonlyArray<string> =>
  inOrder([...Dataspace.standing(state).values()]).filter((fact) => Process.observed(fact) === undefined).map(Text.print)
/** Values in the total order, the members of their sets and dictionaries too: equal ones print the same. */
export const inOrder = (values: ReadonlyArray<Value.Value>): ReadonlyArray<Value.Value> =>
  Order.sorted(values.map((value) => Binary.decode(Canonical.encode(value)) as Value.Value))

/** How two lists of lines differ: `- ` for what was expected, `+ ` for what came, trailing spaces made visible. */
export const diff = (expected: ReadonlyArray<string>, actual: ReadonlyArray<string>): ReadonlyArray<string> => {
  const common = lengths(expected, actual)
  const lines: Array<string> = []
  let [i, j] = [0, 0]
  while (i < expected.length || j < actual.length) {
    if (i < expected.length && expected[i] === actual[j]) {
      lines.push(`  ${expected[i++]}`)
      j++
    } else if (i < expected.length && (j === actual.length || common[i + 1]![j]! >= common[i]![j + 1]!)) lines.push(`- ${visible(expected[i++]!)}`)
    else lines.push(`+ ${visible(actual[j++]!)}`)
  }
  return lines
}
const visible = (line: string): string => line.replace(/\s+$/, (spaces) => "·".repeat(spaces.length))

/** How long the longest common subsequence is from each pair of places on. Outputs are short: a table will do. */
const lengths = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<number>> => {
  const table = Array.from({ length: a.length + 1 }, () => Array.from({ length: b.length + 1 }, () => 0))
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) table[i]![j] = a[i] === b[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!)
  }
  return table
}
