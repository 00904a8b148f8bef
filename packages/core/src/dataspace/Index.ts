/**
 * Standing assertions against standing patterns. Patterns that look at the same places of a value, and
 * differ only in what they want there and in what they capture, share a *shape* (Syndicate calls it a
 * skeleton). A shape walks a value once and projects what stands at its places; what it projects is the
 * key under which it holds both the patterns that want this and the assertions that have it.
 *
 * With each pattern stands what its user keeps for it, the *group*: where a value changes something for
 * those who want it, one walk finds them and one write puts them back.
 *
 * Promises: an assertion or a message visits the shapes of its own kinds of value and the patterns that
 * match it, never the other observers; a new pattern finds its matches under one key, and looks through
 * the assertions of its kind of value only when it is the first of its shape. The kind tells the class
 * of a value (label and number of fields, length) and that of one part of it, or one key of a dictionary.
 */
import { grown } from "../data/grown.ts"
import * as KeySet from "../data/KeySet.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import { key as keyOf, latin1, Tag, write, Writer } from "../value/canonical.ts"
import * as Pattern from "../value/Pattern.ts"
import { Dictionary, Record, type Value } from "../value/Value.ts"

export interface State<Group> {
  /** Every value that stands, by its key. */
  readonly values: VersionedMap<string, Value>
  /** Their keys by kind, for the first pattern of a shape to look through. */
  readonly kinds: VersionedMap<string, KeySet.KeySet>
  /** Shapes by the kind of value that they match, and by their key. */
  readonly shapes: VersionedMap<string, VersionedMap<string, Shape<Group>>>
  /** By kind: the parts whose class shapes tell apart as well, with how many shapes do. */
  readonly parts: VersionedMap<string, ReadonlyMap<number, number>>
  /** How many patterns stand. */
  readonly patterns: number
}

interface Shape<Group> {
  readonly skeleton: Skeleton
  /** By what is projected. */
  readonly leaves: VersionedMap<Projected, Leaf<Group>>
  readonly patterns: number
}

interface Leaf<Group> {
  /** The key of a standing pattern that wants this, and what stands with it: most are alone, and a map is two more places in memory to look at. */
  readonly key: string | undefined
  readonly group: Group | undefined
  /** Those that differ from it in what they capture. */
  readonly others: VersionedMap<string, Group>
  /** Keys of the standing assertions that have it. */
  readonly values: KeySet.KeySet
}

export const empty: State<never> = { values: VersionedMap.empty(), kinds: VersionedMap.empty(), shapes: VersionedMap.empty(), parts: VersionedMap.empty(), patterns: 0 }

// ---- kinds: a coarse first choice ---------------------------------------------------------------

/** Patterns that any value matches are looked at for every value. */
const anyKind = "*"

/**
 * The kinds of a value: a pattern that matches it is of one of them, or of `anyKind`. A dictionary is
 * of a kind for each of its keys as well, because the patterns of dictionaries name but some.
 */
const kindsOf = (value: Value): ReadonlyArray<string> => value instanceof Dictionary ? ["d", ...value.entries.map(([k]) => kindOfKey(k))] : [kindOf(value)]
const kindOf = (value: Value): string => value instanceof Dictionary ? "d" : classOf(value) ?? "a"
const kindOfKey = (key: Value): string => `d${keyOf(key)}`

const kindOfPattern = (pattern: Pattern.Pattern): string => {
  switch (pattern._tag) {
    case "Discard": return anyKind
    case "Bind": return kindOfPattern(pattern.pattern)
    case "Literal": return kindOf(pattern.value)
    case "Dictionary": return pattern.entries.length === 0 ? "d" : kindOfKey(pattern.entries[0]![0])
    default: return classOfPattern(pattern)
  }
}

/** The first part of a pattern that is a record or sequence in its turn: where patterns of one kind differ most. */
const partOf = (pattern: Pattern.Pattern): readonly [at: number, kind: string] | undefined => {
  if (pattern._tag === "Bind") return partOf(pattern.pattern)
  if (pattern._tag !== "Record" && pattern._tag !== "Sequence") return undefined
  for (const [at, part] of (pattern._tag === "Record" ? pattern.fields : pattern.items).entries()) {
    const inner = withoutBind(part)
    if (inner._tag === "Record" || inner._tag === "Sequence") return [at, kindOfPart(kindOfPattern(pattern), at, classOfPattern(inner))]
  }
  return undefined
}
const withoutBind = (pattern: Pattern.Pattern): Pattern.Pattern => pattern._tag === "Bind" ? withoutBind(pattern.pattern) : pattern
const kindOfPart = (kind: string, at: number, inner: string): string => `${kind}@${at}${inner}`

/** The kind under which the shapes stand that tell apart a part of the value as well. */
const narrower = (kind: string, at: number, value: Value): string | undefined => {
  const inner = classOf((value instanceof Record ? value.fields : value as ReadonlyArray<Value>)[at]!)
  return inner === undefined ? undefined : kindOfPart(kind, at, inner)
}

/** What tells records and sequences apart before one looks into them; `undefined` for other values. */
const classOf = (value: Value): string | undefined =>
  value instanceof Record ? classOfRecord(value.label, value.fields.length) : Array.isArray(value) ? `s${value.length} ` : undefined
const classOfPattern = (pattern: Pattern.RecordPattern | Pattern.SequencePattern): string =>
  pattern._tag === "Record" ? classOfRecord(pattern.label, pattern.fields.length) : `s${pattern.items.length} `
/** It says how long it is, so that what follows it cannot be taken for a part of it. */
const classOfRecord = (label: Value, fields: number): string => {
  if (typeof label !== "symbol") return `r${fields} ${keyOf(label)}`
  const known = classes.get(label)
  if (known?.[fields] !== undefined) return known[fields]
  const name = Symbol.keyFor(label) ?? keyOf(label) // which says that it is none
  const made = `r${fields} '${name.length} ${name}`
  if (fields >= knownFieldsMax) return made
  if (classes.size >= knownMax) classes.clear()
  classes.set(label, Object.assign([...known ?? []], { [fields]: made }))
  return made
}
/** Made once: a string that is put together anew is also hashed anew. Strangers choose labels, so there are never many. */
const classes = new Map<symbol, ReadonlyArray<string | undefined>>()
const knownMax = 1_000 // a guess
const knownFieldsMax = 16 // a guess

// ---- shapes: which places to look at ------------------------------------------------------------

/** The places of a pattern: a whole value that is wanted, the class of a record or sequence and places in it, keys of a dictionary. */
type Skeleton =
  | { readonly _tag: "Anything" }
  | { readonly _tag: "Whole" }
  | { readonly _tag: "Class"; readonly places: ReadonlyArray<readonly [at: number, skeleton: Skeleton]> }
  | { readonly _tag: "Keys"; readonly places: ReadonlyArray<readonly [key: Value, keyKey: string, skeleton: Skeleton]> }
const anything: Skeleton = { _tag: "Anything" }
const whole: Skeleton = { _tag: "Whole" }

const skeletonOf = (pattern: Pattern.Pattern): Skeleton => {
  switch (pattern._tag) {
    case "Discard": return anything
    case "Bind": return skeletonOf(pattern.pattern)
    case "Literal": return whole
    case "Dictionary": return { _tag: "Keys", places: pattern.entries.map(([k, p]) => [k, keyOf(k), skeletonOf(p)]) }
    default: {
      const parts = pattern._tag === "Record" ? pattern.fields : pattern.items
      const places = parts.map((part, at) => [at, skeletonOf(part)] as const).filter(([, skeleton]) => skeleton !== anything)
      return { _tag: "Class", places }
    }
  }
}

/** Equal for equal skeletons. */
const shapeKeyOf = (skeleton: Skeleton): string => {
  switch (skeleton._tag) {
    case "Anything": return "_"
    case "Whole": return "="
    case "Class": return `(${skeleton.places.map(([at, inner]) => `${at}${shapeKeyOf(inner)}`).join("")})`
    case "Keys": return `{${skeleton.places.map(([, key, inner]) => key + shapeKeyOf(inner)).join("")}}`
  }
}

/**
 * What stands at the places of a skeleton: equal exactly when all of it is. For one place that is what
 * stands there, else the bytes of all, of which every part ends itself. `undefined` when the value has
 * not got such places.
 */
type Projected = string | number | boolean

const project = (skeleton: Skeleton, value: Value): Projected | undefined => {
  const only = onlyPlaceOf(skeleton)
  if (only !== undefined) return value instanceof Record ? only < value.fields.length ? atomOf(value.fields[only]!) : undefined
    : Array.isArray(value) && only < value.length ? atomOf(value[only]) : undefined
  if (skeleton._tag === "Whole") return keyOf(value)
  const out = emptied()
  return look(out, skeleton, value) ? latin1(out.bytes, 0, out.length) : undefined
}
/** What a pattern wants at its places, as `project` finds it in what it matches. */
const wantedBy = (skeleton: Skeleton, pattern: Pattern.Pattern): Projected => {
  const only = onlyPlaceOf(skeleton)
  if (only !== undefined) return atomOf(literalAt(pattern, only))
  if (skeleton._tag === "Whole") return keyOf(literalOf(pattern))
  const out = emptied()
  want(out, pattern)
  return latin1(out.bytes, 0, out.length)
}

let shared = new Writer()
const emptied = (): Writer => {
  if (shared.bytes.length > sharedMax) shared = new Writer()
  shared.length = 0
  return shared
}
/** One large value must not keep its room for ever. */
const sharedMax = 1 << 20

/** The usual case, without its class: that is in the kind under which the shape stands. */
const onlyPlaceOf = (skeleton: Skeleton): number | undefined =>
  skeleton._tag === "Class" && skeleton.places.length === 1 && skeleton.places[0]![1] === whole ? skeleton.places[0]![0] : undefined
const literalOf = (pattern: Pattern.Pattern): Value => (withoutBind(pattern) as Pattern.Literal).value
const literalAt = (pattern: Pattern.Pattern, at: number): Value => {
  const outer = withoutBind(pattern) as Pattern.RecordPattern | Pattern.SequencePattern
  return literalOf((outer._tag === "Record" ? outer.fields : outer.items)[at]!)
}

/** An atom stands for itself where that is quicker, and else its key for it. No text that does begins as keys do. */
const atomOf = (value: Value): Projected => {
  if (typeof value === "boolean" || (typeof value === "number" && Number.isSafeInteger(value))) return value
  if (typeof value === "string" && !(value.charCodeAt(0) >= 0x80 && value.charCodeAt(0) < 0xc0)) return value
  if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) return Number(value)
  return keyOf(value)
}

const look = (out: Writer, skeleton: Skeleton, value: Value): boolean => {
  switch (skeleton._tag) {
    case "Anything": return true
    case "Whole":
      write(out, value)
      return true
    case "Class": {
      if (!(value instanceof Record) && !Array.isArray(value)) return false
      const parts = value instanceof Record ? value.fields : value as ReadonlyArray<Value>
      writeClass(out, value instanceof Record ? value.label : undefined, parts.length)
      for (const [at, inner] of skeleton.places) if (at >= parts.length || !look(out, inner, parts[at]!)) return false
      return true
    }
    case "Keys":
      if (!(value instanceof Dictionary)) return false
      for (const [key, , inner] of skeleton.places) {
        const entry = Pattern.entryOf(value, key)
        if (entry === undefined || !look(out, inner, entry)) return false
      }
      return true
  }
}
const want = (out: Writer, pattern: Pattern.Pattern): void => {
  switch (pattern._tag) {
    case "Discard": return
    case "Bind": return want(out, pattern.pattern)
    case "Literal": return write(out, pattern.value)
    case "Record":
    case "Sequence": {
      const parts = pattern._tag === "Record" ? pattern.fields : pattern.items
      writeClass(out, pattern._tag === "Record" ? pattern.label : undefined, parts.length)
      for (const part of parts) want(out, part)
      return
    }
    case "Dictionary": for (const [, part] of pattern.entries) want(out, part)
  }
}
const writeClass = (out: Writer, label: Value | undefined, parts: number): void => {
  out.byte(label === undefined ? Tag.sequence : Tag.record)
  if (label !== undefined) write(out, label)
  out.varint(parts)
}

// ---- the index ----------------------------------------------------------------------------------

/** Where a value stands, or would, in a shape that looks at such values. */
interface Spot<Group> {
  readonly kind: string
  readonly shapeKey: string
  readonly shape: Shape<Group>
  readonly projected: Projected
}
const spotsOf = <Group>(state: State<Group>, value: Value): ReadonlyArray<Spot<Group>> => {
  const kind = kindOf(value)
  let spots = spotsIn(state, kind, value, undefined)
  if (value instanceof Dictionary) for (const [key] of value.entries) spots = spotsIn(state, kindOfKey(key), value, spots)
  spots = spotsIn(state, anyKind, value, spots)
  const places = state.parts.get(kind)
  if (places !== undefined) for (const at of places.keys()) {
    const narrow = narrower(kind, at, value)
    if (narrow !== undefined) spots = spotsIn(state, narrow, value, spots)
  }
  return spots ?? nowhere
}
const nowhere: ReadonlyArray<never> = []
const spotsIn = <Group>(state: State<Group>, kind: string, value: Value, found: Array<Spot<Group>> | undefined): Array<Spot<Group>> | undefined => {
  const ofKind = state.shapes.get(kind)
  if (ofKind === undefined) return found
  let spots = found
  ofKind.forEach((shape, shapeKey) => {
    const projected = project(shape.skeleton, value)
    if (projected !== undefined) spots = grown(spots, { kind, shapeKey, shape, projected })
  })
  return spots
}

/** Visits the groups of the standing patterns that `value` matches. */
export const forEachMatch = <Group>(state: State<Group>, value: Value, visit: (group: Group, key: string) => void): void => {
  for (const { projected, shape } of spotsOf(state, value)) {
    const leaf = shape.leaves.get(projected)
    if (leaf === undefined) continue
    if (leaf.key !== undefined) visit(leaf.group!, leaf.key)
    leaf.others.forEach(visit)
  }
}

/** Takes up a value that did not stand, and changes the groups of those who want it. */
export const addValue = <Group>(state: State<Group>, key: string, value: Value, change: (group: Group) => Group): State<Group> => {
  let { kinds } = state
  for (const kind of kindsOf(value)) kinds = kinds.set(kind, KeySet.add(kinds.get(kind) ?? KeySet.empty, key))
  const shapes = changeLeaves(state, value, change, (values) => KeySet.add(values, key))
  return { values: state.values.set(key, value), kinds, shapes, parts: state.parts, patterns: state.patterns }
}

/** Lets go of a value that stood, and changes the groups of those who wanted it. */
export const removeValue = <Group>(state: State<Group>, key: string, value: Value, change: (group: Group) => Group): State<Group> => {
  let { kinds } = state
  for (const kind of kindsOf(value)) {
    const rest = KeySet.remove(kinds.get(kind)!, key)
    kinds = KeySet.isEmpty(rest) ? kinds.delete(kind) : kinds.set(kind, rest)
  }
  const shapes = changeLeaves(state, value, change, (values) => KeySet.remove(values, key))
  return { values: state.values.delete(key), kinds, shapes, parts: state.parts, patterns: state.patterns }
}

/** Changes the groups of those who want a value. */
export const changeMatches = <Group>(state: State<Group>, value: Value, change: (group: Group) => Group): State<Group> =>
  ({ ...state, shapes: changeLeaves(state, value, change, (values) => values) })

const changeLeaves = <Group>(state: State<Group>, value: Value, change: (group: Group) => Group, changeValues: (values: KeySet.KeySet) => KeySet.KeySet): State<Group>["shapes"] => {
  let { shapes } = state
  for (const { kind, projected, shape: { leaves, patterns, skeleton }, shapeKey } of spotsOf(state, value)) {
    const { group, key, others, values } = leaves.get(projected) ?? emptyLeaf
    const changed = { key, group: key === undefined ? undefined : change(group!), others: others.size === 0 ? others : changeAll(others, change), values: changeValues(values) }
    const next = putLeaf(leaves, projected, changed)
    if (next !== leaves) shapes = shapes.set(kind, shapes.get(kind)!.set(shapeKey, { skeleton, leaves: next, patterns }))
  }
  return shapes
}
const changeAll = <Group>(groups: VersionedMap<string, Group>, change: (group: Group) => Group): VersionedMap<string, Group> => {
  for (const [key, group] of [...groups]) groups = groups.set(key, change(group)) // written only when all are read
  return groups
}

const emptyLeaf: Leaf<never> = { key: undefined, group: undefined, others: VersionedMap.empty(), values: KeySet.empty }

const putLeaf = <Group>(leaves: Shape<Group>["leaves"], projected: Projected, leaf: Leaf<Group>): Shape<Group>["leaves"] =>
  leaf.key === undefined && leaf.others.size === 0 && KeySet.isEmpty(leaf.values) ? leaves.delete(projected) : leaves.set(projected, leaf)

/** The leaf with a group, or without when it is `undefined`. */
const withGroup = <Group>(leaf: Leaf<Group>, key: string, group: Group | undefined): Leaf<Group> => {
  const isFirst = leaf.key === key || (leaf.key === undefined && !leaf.others.has(key))
  if (isFirst) return { key: group === undefined ? undefined : key, group, others: leaf.others, values: leaf.values }
  return { ...leaf, others: group === undefined ? leaf.others.delete(key) : leaf.others.set(key, group) }
}

/** Where a pattern stands, or would. */
export interface Place {
  readonly key: string
  /** Of the values that it matches, and under which its shape stands. */
  readonly ofValues: string
  readonly kind: string
  /** The part by whose class that kind is narrower. */
  readonly part: number | undefined
  readonly skeleton: Skeleton
  readonly shapeKey: string
  readonly wanted: Projected
}
export const placeOf = (pattern: Pattern.Pattern): Place => {
  const ofValues = kindOfPattern(pattern)
  const part = partOf(pattern)
  const skeleton = skeletonOf(pattern)
  return { key: Pattern.key(pattern), ofValues, kind: part?.[1] ?? ofValues, part: part?.[0], skeleton, shapeKey: shapeKeyOf(skeleton), wanted: wantedBy(skeleton, pattern) }
}

const leafAt = <Group>({ shapes }: State<Group>, { kind, shapeKey, wanted }: Place): Leaf<Group> | undefined => shapes.get(kind)?.get(shapeKey)?.leaves.get(wanted)

/** What stands with a pattern. */
export const groupAt = <Group>(state: State<Group>, place: Place): Group | undefined => {
  const leaf = leafAt(state, place)
  return leaf?.key === place.key ? leaf.group : leaf?.others.get(place.key)
}

/** Takes up a pattern, changes what stands with it or, with `undefined`, lets go of it. */
export const setGroup = <Group>(state: State<Group>, place: Place, group: Group | undefined): State<Group> => {
  const { kind, ofValues, part, shapeKey, skeleton, wanted } = place
  const delta = Number(group !== undefined) - Number(groupAt(state, place) !== undefined)
  const ofKind = state.shapes.get(kind) ?? VersionedMap.empty<string, Shape<Group>>()
  const shape = ofKind.get(shapeKey) ?? populated(state, place)
  const patterns = shape.patterns + delta
  const leaves = putLeaf(shape.leaves, wanted, withGroup(shape.leaves.get(wanted) ?? emptyLeaf, place.key, group))
  const next = patterns === 0 ? ofKind.delete(shapeKey) : ofKind.set(shapeKey, { skeleton, leaves, patterns })
  const shapes = next.size === 0 ? state.shapes.delete(kind) : state.shapes.set(kind, next)
  const isNews = part !== undefined && next.size !== ofKind.size
  return { ...state, shapes, parts: isNews ? countPart(state.parts, ofValues, part, next.size - ofKind.size) : state.parts, patterns: state.patterns + delta }
}

const countPart = (parts: State<unknown>["parts"], kind: string, at: number, delta: number): State<unknown>["parts"] => {
  const counts = new Map(parts.get(kind))
  const count = (counts.get(at) ?? 0) + delta
  if (count > 0) counts.set(at, count)
  else counts.delete(at)
  return counts.size === 0 ? parts.delete(kind) : parts.set(kind, counts)
}

/** A new shape with the assertions that stand already. */
const populated = <Group>(state: State<Group>, { kind, ofValues, part, skeleton }: Place): Shape<Group> => {
  let leaves = VersionedMap.empty<Projected, Leaf<Group>>()
  const add = (key: string): void => {
    const value = state.values.get(key)!
    // others would never be found again to be removed
    if (part !== undefined && narrower(ofValues, part, value) !== kind) return
    const projected = project(skeleton, value)
    if (projected === undefined) return
    leaves = leaves.set(projected, { ...emptyLeaf, values: KeySet.add(leaves.get(projected)?.values ?? KeySet.empty, key) })
  }
  if (ofValues === anyKind) for (const key of [...state.values.keys()]) add(key)
  else KeySet.forEach(state.kinds.get(ofValues) ?? KeySet.empty, add)
  return { skeleton, leaves, patterns: 0 }
}

/** Keys of the standing values that a standing pattern matches, in their order as strings. */
export const matching = (state: State<unknown>, place: Place): ReadonlyArray<string> => KeySet.sorted(leafAt(state, place)?.values ?? KeySet.empty)
