/**
 * Topics: values with variables in them. A topic stands for the set of messages that it can become,
 * so two topics have an intersection, and it is their most general unifier (Robinson 1965).
 *
 * Promises: `unify` renames the two sides apart, refuses cyclic solutions (occurs check), numbers the
 * variables of its answer 0, 1, 2, … in reading order, and gives up on what would take too long,
 * because topics come from strangers and unifiers can be exponentially large.
 */
import { key as keyOf, measure } from "../value/canonical.ts"
import { equals, sortedEntries } from "../value/order.ts"
import * as Pattern from "../value/Pattern.ts"
import { Dictionary, isRecord, Record, record as valueRecord, type Value } from "../value/Value.ts"

/** A place left open. Equal names within one topic stand for equal values; one without a name is like no other. */
export interface Variable {
  readonly _tag: "Variable"
  readonly name?: string | number
}
/** Values are atoms, arrays and instances of their classes, so no value looks like this. */
export const isVariable = (topic: Topic): topic is Variable => typeof topic === "object" && (topic as { readonly _tag?: unknown })._tag === "Variable"

/** A value, or one with variables in it. (`Record` and `Dictionary` of the values fit these shapes.) */
export type Topic = Value | Variable | ReadonlyArray<Topic> | OpenRecord | OpenDictionary
/** A record of which some fields are open; `record` and `recordOf` make it. The label never is. */
export interface OpenRecord {
  readonly _tag: "Record"
  readonly label: Value
  readonly fields: ReadonlyArray<Topic>
}
/** A dictionary of which some values are open; the keys never are. */
export interface OpenDictionary {
  readonly _tag: "Dictionary"
  readonly entries: ReadonlyArray<readonly [key: Value, topic: Topic]>
}

/** Anything at all, and nothing to do with any other place. */
export const wild: Topic = { _tag: "Variable" }
/** A place with a name: `[variable("x"), variable("x")]` stands for every pair of equals. */
export const variable = (name: string | number): Variable => ({ _tag: "Variable", name })
/** `record("says", wild, "hello")`: whoever says hello. */
export const record = (label: string, ...fields: ReadonlyArray<Topic>): Topic => recordOf(Symbol.for(label), fields)
/** The same under any label: `record` makes a symbol of the text. */
export const recordOf = (label: Value, fields: ReadonlyArray<Topic>): Topic => new Record(label, fields as ReadonlyArray<Value>)
/** Keys with what may stand under each. No other keys match. */
export const dictionary = (entries: ReadonlyArray<readonly [Value, Topic]>): Topic => new Dictionary(entries as ReadonlyArray<readonly [Value, Value]>)

// The types above say less than is true: an open record is a `Record` whose fields may be open.
const isOpenRecord = (topic: Topic): topic is OpenRecord => topic instanceof Record
const isSequence = (topic: Topic): topic is ReadonlyArray<Topic> => Array.isArray(topic)
const isOpenDictionary = (topic: Topic): topic is OpenDictionary => topic instanceof Dictionary

/** What a topic is made of, or `undefined` for a variable or an atom. Sets and embedded values are atoms: nothing in them is open. */
const partsOf = (topic: Topic): ReadonlyArray<Topic> | undefined =>
  isOpenRecord(topic) ? topic.fields : isSequence(topic) ? topic : isOpenDictionary(topic) ? topic.entries.map(([, part]) => part) : undefined

/**
 * Whether a topic is a plain value: nothing in it is open.
 *
 * isGround(record("at", wild))   // => false
 */
export const isGround = (topic: Topic): topic is Value =>
  !isVariable(topic) && (partsOf(topic)?.every(isGround) ?? true)

/** The same topic with other parts. */
const withParts = (topic: Topic, parts: ReadonlyArray<Topic>): Topic =>
  isOpenRecord(topic) ? recordOf(topic.label, parts) : isOpenDictionary(topic) ? dictionary(topic.entries.map(([k], i) => [k, parts[i]!])) : parts

/** Whether two topics are built alike, leaving their parts aside. Atoms are alike when they are equal. */
const isAlike = (a: Topic, b: Topic): boolean => {
  if (isOpenRecord(a)) return isOpenRecord(b) && a.fields.length === b.fields.length && equals(a.label, b.label)
  if (isSequence(a)) return isSequence(b) && a.length === b.length
  if (isOpenDictionary(a)) return isOpenDictionary(b) && a.entries.length === b.entries.length && a.entries.every(([k], i) => equals(k, b.entries[i]![0]))
  return partsOf(b) === undefined && equals(a as Value, b as Value)
}

/** A solution in the making: what each variable stands for, by its number. */
interface Solution {
  readonly bound: Array<Topic | undefined>
  steps: number
  depth: number
  /** How many steps it may take. */
  limit: number
}
const partsMax = 100_000 // a guess: a topic is what a person wrote
/** A solution may be some times as large as what it solves, and not exponentially larger. */
const growthMax = 10 // a guess
const depthMax = 400 // far from the end of any stack, and deeper than a value can be
class TooLong {
  readonly _tag = "TooLong"
}

/** Counts a step, and keeps count of the levels above it. */
const step = <A>(solution: Solution, run: () => A): A => {
  if (++solution.steps > solution.limit || ++solution.depth > depthMax) throw new TooLong()
  const result = run()
  solution.depth--
  return result
}

/** Numbers the variables of a topic from `bound.length` on, so that no two topics share one; sorts dictionaries. */
const apart = (topic: Topic, solution: Solution, names: Map<string | number, Variable>): Topic => step(solution, () => {
  if (isVariable(topic)) {
    const known = topic.name === undefined ? undefined : names.get(topic.name)
    if (known !== undefined) return known
    const fresh = variable(solution.bound.push(undefined) - 1)
    if (topic.name !== undefined) names.set(topic.name, fresh)
    return fresh
  }
  const sorted: Topic = isOpenDictionary(topic) ? dictionary(sortedEntries({ entries: topic.entries })) : topic
  const parts = partsOf(sorted)
  return parts === undefined ? sorted : withParts(sorted, parts.map((part) => apart(part, solution, names)))
})

/** What a variable stands for so far. */
const walk = (topic: Topic, { bound }: Solution): Topic => {
  while (isVariable(topic)) {
    const next = bound[topic.name as number]
    if (next === undefined) return topic
    topic = next
  }
  return topic
}

const occurs = (variable: Variable, topic: Topic, solution: Solution): boolean => step(solution, () => {
  const here = walk(topic, solution)
  return isVariable(here) ? here.name === variable.name : partsOf(here)?.some((part) => occurs(variable, part, solution)) ?? false
})

const solve = (left: Topic, right: Topic, solution: Solution): boolean => step(solution, () => {
  const a = walk(left, solution)
  const b = walk(right, solution)
  if (isVariable(a)) {
    if (isVariable(b) && a.name === b.name) return true
    if (occurs(a, b, solution)) return false
    solution.bound[a.name as number] = b
    return true
  }
  if (isVariable(b)) return solve(b, a, solution)
  if (!isAlike(a, b)) return false
  const theirs = partsOf(b)
  return partsOf(a)?.every((part, i) => solve(part, theirs![i]!, solution)) ?? true
})

/** The topic with the solution put in and its variables numbered in reading order. */
const resolve = (topic: Topic, solution: Solution, numbers: Map<string | number, Topic>): Topic => step(solution, () => {
  const here = walk(topic, solution)
  if (isVariable(here)) {
    const known = numbers.get(here.name!) ?? variable(numbers.size)
    numbers.set(here.name!, known)
    return known
  }
  const parts = partsOf(here)
  return parts === undefined ? here : withParts(here, parts.map((part) => resolve(part, solution, numbers)))
})

const attempt = <A>(run: (solution: Solution) => A): A | undefined => {
  try {
    return run({ bound: [], steps: 0, depth: 0, limit: partsMax })
  } catch (thrown) {
    if (thrown instanceof TooLong) return undefined
    throw thrown
  }
}

/**
 * The intersection of two topics in canonical form, or `undefined` when they have none (or finding it
 * would take too long).
 *
 * unify(record("at", "ann", wild), record("at", wild, "lobby"))   // => Value.record("at", "ann", "lobby")
 * unify([variable("v"), variable("v")], [wild, [wild]])   // => [[variable(0)], [variable(0)]]
 * unify([variable("v"), variable("v")], [variable("w"), [variable("w")]])   // => undefined
 */
export const unify = (a: Topic, b: Topic): Topic | undefined => attempt((solution) => {
  const left = apart(a, solution, new Map())
  const right = apart(b, solution, new Map())
  solution.limit = (solution.steps + 10) * growthMax
  return solve(left, right, solution) ? resolve(left, solution, new Map()) : undefined
})

/** A topic with its variables numbered in reading order and its dictionaries in theirs; `undefined` for one that is too large. */
export const canonical = (topic: Topic): Topic | undefined => attempt((solution) => resolve(apart(topic, solution, new Map()), solution, new Map()))

/**
 * Whether a message falls under a topic. It costs what the topic is large, and comparing what stands at
 * its places.
 *
 * accepts(record("pair", variable("v"), variable("v")), Value.record("pair", 1, 2))   // => false
 */
export const accepts = (topic: Topic, body: Value, bound = new Map<string | number, Value>()): boolean => {
  if (isVariable(topic)) {
    const known = topic.name === undefined ? undefined : bound.get(topic.name)
    if (topic.name !== undefined) bound.set(topic.name, body)
    return known === undefined || equals(known, body)
  }
  if (isOpenDictionary(topic)) {
    return body instanceof Dictionary && topic.entries.length === body.entries.length && topic.entries.every(([k, part]) => {
      const entry = Pattern.entryOf(body, k)
      return entry !== undefined && accepts(part, entry, bound)
    })
  }
  const parts = partsOf(topic)
  if (parts === undefined) return equals(topic as Value, body)
  if (isOpenRecord(topic) ? !(body instanceof Record) || !equals(topic.label, body.label) : !Array.isArray(body)) return false
  const bodies = partsOf(body)!
  return parts.length === bodies.length && parts.every((part, i) => accepts(part, bodies[i] as Value, bound))
}

/** Equal exactly for canonical topics that are equal but for the names of their variables. */
export const key = (topic: Topic): string => keyOf(toValue(topic))

/** The value that stands for a canonical topic in a dataspace: `<var n>`, `<lit value>`, `<rec label [topic …]>`, `<arr [topic …]>`, `<dict {key: topic}>`. */
export const toValue = (topic: Topic): Value => {
  if (isVariable(topic)) return valueRecord("var", topic.name as number)
  if (isGround(topic)) return valueRecord("lit", topic)
  if (isOpenRecord(topic)) return valueRecord("rec", topic.label, topic.fields.map(toValue))
  if (isSequence(topic)) return valueRecord("arr", topic.map(toValue))
  return valueRecord("dict", new Dictionary(topic.entries.map(([k, part]) => [k, toValue(part)])))
}

/** The topic that a value stands for; `undefined` when it stands for none. */
export const fromValue = (value: Value): Topic | undefined => {
  if (!(value instanceof Record)) return undefined
  const [first, second] = value.fields
  if (isRecord(value, "var", 1)) return typeof first === "number" ? variable(first) : undefined
  if (isRecord(value, "lit", 1)) return first
  if (isRecord(value, "rec", 2)) {
    const fields = allFromValues(second!)
    return fields && recordOf(first!, fields)
  }
  if (isRecord(value, "arr", 1)) return allFromValues(first!)
  if (isRecord(value, "dict", 1) && first instanceof Dictionary) {
    const parts = allFromValues(first.entries.map(([, part]) => part))
    return parts && dictionary(first.entries.map(([k], i) => [k, parts[i]!]))
  }
  return undefined
}
const allFromValues = (values: Value): ReadonlyArray<Topic> | undefined => {
  if (!Array.isArray(values)) return undefined
  const topics: Array<Topic> = []
  for (const value of values) {
    const topic = fromValue(value)
    if (topic === undefined) return undefined
    topics.push(topic)
  }
  return topics
}

/** Matches every message of the topic, and few others: it cannot say that two places are equal. */
export const pattern = (topic: Topic): Pattern.Pattern => {
  if (isVariable(topic)) return Pattern.discard
  if (isGround(topic)) return Pattern.literal(topic)
  if (isOpenRecord(topic)) return Pattern.recordOf(topic.label, topic.fields.map(pattern))
  if (isSequence(topic)) return Pattern.sequence(topic.map(pattern))
  return Pattern.dictionary(topic.entries.map(([k, part]) => [k, pattern(part)]))
}

/** Whether `pattern` says it all: no variable stands in two places of the topic, and no dictionary is open. */
export const isExact = (topic: Topic, seen = new Set<string | number>()): boolean => {
  if (isVariable(topic)) {
    if (topic.name === undefined) return true
    const known = seen.has(topic.name)
    seen.add(topic.name)
    return !known
  }
  if (isOpenDictionary(topic)) return isGround(topic)
  return partsOf(topic)?.every((part) => isExact(part, seen)) ?? true
}

/**
 * Where a topic stands in an index: its outermost form and its first two parts, as far as they are
 * fixed. Topics that intersect agree in each, wherever both are fixed (as Prolog systems choose clauses
 * by their first argument: Warren 1983).
 */
export interface Place {
  readonly head: Value | undefined
  readonly first: Value | undefined
  readonly second: Value | undefined
}
const noPart: Value = false
const partMax = 256 // bytes, a guess: a larger part is not told apart from others by the index

/**
 * The place of a topic. Parts of more than 256 bytes are not told apart.
 *
 * placeOf(record("at", "home", wild))   // => { head: [Symbol.for("at"), 2], first: "home", second: undefined }
 */
export const placeOf = (topic: Topic): Place => {
  if (isVariable(topic)) return { head: undefined, first: undefined, second: undefined }
  if (isOpenRecord(topic)) return { head: [topic.label, topic.fields.length], first: fixed(topic.fields[0]), second: fixed(topic.fields[1]) }
  if (isSequence(topic)) return { head: [topic.length], first: fixed(topic[0]), second: fixed(topic[1]) }
  return { head: isOpenDictionary(topic) ? [] : small(topic), first: noPart, second: noPart }
}
const fixed = (part: Topic | undefined): Value | undefined => part === undefined ? noPart : isGround(part) ? small(part) : undefined
const small = (value: Value): Value => measure(value) <= partMax ? value : noPart
