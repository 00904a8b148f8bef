/**
 * Standing assertions against standing patterns. Patterns that look at the same places of a value, and
 * differ only in what they want there and in what they capture, share a *shape* (Syndicate calls it a
 * skeleton). A shape walks a value once and projects what stands at its places; what it projects is the
 * key under which it holds both the patterns that want this and the assertions that have it.
 *
 * Promises: an assertion or a message visits the shapes of its own kinds of value and the patterns that
 * match it, never the other observers; a new pattern finds its matches under one key, and looks through
 * the assertions of its kind of value only when it is the first of its shape. The kind tells the class
 * of a value (label and number of fields, length) and that of one part of it, or one key of a dictionary.
 */
import * as KeySet from "../data/KeySet.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import { key as keyOf } from "../value/canonical.ts"
import * as Pattern from "../value/Pattern.ts"
import { Dictionary, Record, type Value } from "../value/Value.ts"

export interface State {
  /** Every value that stands, by its key. */
  readonly values: VersionedMap<string, Value>
  /** Their keys by kind, for the first pattern of a shape to look through. */
  readonly kinds: VersionedMap<string, KeySet.KeySet>
  /** Shapes by the kind of value that they match, and by their key. */
  readonly shapes: VersionedMap<string, VersionedMap<string, Shape>>
  /** By kind: the parts whose class shapes tell apart as well, with how many shapes do. */
  readonly parts: VersionedMap<string, ReadonlyMap<number, number>>
}

interface Shape {
  readonly skeleton: Skeleton
  /** By what is projected. */
  readonly leaves: VersionedMap<string, Leaf>
  readonly patterns: number
}

interface Leaf {
  /** Keys of the standing patterns that want this: they differ in what they capture. */
  readonly patterns: KeySet.KeySet
  /** Keys of the standing assertions that have it. */
  readonly values: KeySet.KeySet
}

export const empty: State = { values: VersionedMap.empty(), kinds: VersionedMap.empty(), shapes: VersionedMap.empty(), parts: VersionedMap.empty() }

// ---- kinds: a coarse first choice ---------------------------------------------------------------

/** Patterns that any value matches are looked at for every value. */
const anyKind = "*"

/**
 * The kinds of a value: a pattern that matches it is of one of them, or of `anyKind`. A dictionary is
 * of a kind for each of its keys, because the patterns of dictionaries name but some.
 */
const kindsOf = (value: Value): ReadonlyArray<string> =>
  value instanceof Dictionary ? ["d", ...value.entries.map(([k]) => `d${keyOf(k)}`)] : [classOf(value) ?? "a"]

const kindOfPattern = (pattern: Pattern.Pattern): string => {
  switch (pattern._tag) {
    case "Discard": return anyKind
    case "Bind": return kindOfPattern(pattern.pattern)
    case "Literal": return kindsOf(pattern.value)[0]!
    case "Dictionary": return pattern.entries.length === 0 ? "d" : `d${keyOf(pattern.entries[0]![0])}`
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

/** The kinds under which the shapes stand that may match a value. */
const shapeKindsOf = ({ parts }: Pick<State, "parts">, value: Value): ReadonlyArray<string> => {
  const kinds = [...kindsOf(value), anyKind]
  const places = parts.get(kinds[0]!)
  if (places === undefined) return kinds
  const fields = value instanceof Record ? value.fields : value as ReadonlyArray<Value>
  for (const at of places.keys()) {
    const inner = classOf(fields[at]!)
    if (inner !== undefined) kinds.push(kindOfPart(kinds[0]!, at, inner))
  }
  return kinds
}

/** What tells records and sequences apart before one looks into them; `undefined` for other values. */
const classOf = (value: Value): string | undefined =>
  value instanceof Record ? classOfRecord(value.label, value.fields.length) : Array.isArray(value) ? `s${value.length} ` : undefined
const classOfPattern = (pattern: Pattern.RecordPattern | Pattern.SequencePattern): string =>
  pattern._tag === "Record" ? classOfRecord(pattern.label, pattern.fields.length) : `s${pattern.items.length} `
/** It says how long it is, so that what follows it cannot be taken for a part of it. */
const classOfRecord = (label: Value, fields: number): string => {
  const name = typeof label === "symbol" ? Symbol.keyFor(label) : undefined
  return name === undefined ? `r${fields} ${keyOf(label)}` : `r${fields} '${name.length} ${name}`
}

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
 * What stands at the places of the skeleton, one after the other. Every part ends itself, so no two
 * lists look alike. `undefined` when the value has not got such places.
 */
const project = (skeleton: Skeleton, value: Value): string | undefined => {
  switch (skeleton._tag) {
    case "Anything": return ""
    case "Whole": return keyOf(value)
    case "Class": {
      const parts = value instanceof Record ? value.fields : Array.isArray(value) ? value as ReadonlyArray<Value> : undefined
      if (parts === undefined) return undefined
      let found = classOf(value)!
      for (const [at, inner] of skeleton.places) {
        const more = at < parts.length ? project(inner, parts[at]!) : undefined
        if (more === undefined) return undefined
        found += more
      }
      return found
    }
    case "Keys": {
      if (!(value instanceof Dictionary)) return undefined
      let found = ""
      for (const [key, , inner] of skeleton.places) {
        const entry = Pattern.entryOf(value, key)
        const more = entry === undefined ? undefined : project(inner, entry)
        if (more === undefined) return undefined
        found += more
      }
      return found
    }
  }
}

/** What a pattern wants at its places, as `project` finds it in what it matches. */
const wantedBy = (pattern: Pattern.Pattern): string => {
  switch (pattern._tag) {
    case "Discard": return ""
    case "Bind": return wantedBy(pattern.pattern)
    case "Literal": return keyOf(pattern.value)
    case "Record": return classOfPattern(pattern) + pattern.fields.map(wantedBy).join("")
    case "Sequence": return classOfPattern(pattern) + pattern.items.map(wantedBy).join("")
    case "Dictionary": return pattern.entries.map(([, p]) => wantedBy(p)).join("")
  }
}

// ---- the index ----------------------------------------------------------------------------------

/** Keys of the standing patterns that `value` matches. */
export const patternsOf = (state: State, value: Value): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const kind of shapeKindsOf(state, value)) {
    state.shapes.get(kind)?.forEach(({ leaves, skeleton }) => {
      const wanted = project(skeleton, value)
      const leaf = wanted === undefined ? undefined : leaves.get(wanted)
      if (leaf !== undefined) KeySet.forEach(leaf.patterns, (key) => found.push(key))
    })
  }
  return found
}

/** Takes up a value that did not stand. */
export const addValue = (state: State, key: string, value: Value): State => {
  let { kinds } = state
  for (const kind of kindsOf(value)) kinds = kinds.set(kind, KeySet.add(kinds.get(kind) ?? KeySet.empty, key))
  return {
    ...state,
    values: state.values.set(key, value),
    kinds,
    shapes: changeLeaves(state, value, (leaf) => ({ ...leaf, values: KeySet.add(leaf.values, key) }))
  }
}

/** Lets go of a value that stood. */
export const removeValue = (state: State, key: string): State => {
  const value = state.values.get(key)!
  let { kinds } = state
  for (const kind of kindsOf(value)) {
    const rest = KeySet.remove(kinds.get(kind)!, key)
    kinds = KeySet.isEmpty(rest) ? kinds.delete(kind) : kinds.set(kind, rest)
  }
  return {
    ...state,
    values: state.values.delete(key),
    kinds,
    shapes: changeLeaves(state, value, (leaf) => ({ ...leaf, values: KeySet.remove(leaf.values, key) }))
  }
}

const emptyLeaf: Leaf = { patterns: KeySet.empty, values: KeySet.empty }

const putLeaf = (leaves: Shape["leaves"], wanted: string, leaf: Leaf): Shape["leaves"] =>
  KeySet.isEmpty(leaf.patterns) && KeySet.isEmpty(leaf.values) ? leaves.delete(wanted) : leaves.set(wanted, leaf)

const changeLeaves = (state: State, value: Value, change: (leaf: Leaf) => Leaf): State["shapes"] => {
  let { shapes } = state
  for (const kind of shapeKindsOf(state, value)) {
    const ofKind = shapes.get(kind)
    if (ofKind === undefined) continue
    const found: Array<readonly [string, Shape, string]> = []
    ofKind.forEach((shape, shapeKey) => {
      const wanted = project(shape.skeleton, value)
      if (wanted !== undefined) found.push([shapeKey, shape, wanted])
    })
    let next = ofKind
    for (const [shapeKey, shape, wanted] of found) {
      next = next.set(shapeKey, { ...shape, leaves: putLeaf(shape.leaves, wanted, change(shape.leaves.get(wanted) ?? emptyLeaf)) })
    }
    shapes = shapes.set(kind, next)
  }
  return shapes
}

/** Takes up a pattern that did not stand; `matching` then finds what it matches. */
export const addPattern = (state: State, key: string, pattern: Pattern.Pattern): State =>
  changeShape(state, pattern, 1, (leaf) => ({ ...leaf, patterns: KeySet.add(leaf.patterns, key) }))

/** Lets go of a pattern that stood. */
export const removePattern = (state: State, key: string, pattern: Pattern.Pattern): State =>
  changeShape(state, pattern, -1, (leaf) => ({ ...leaf, patterns: KeySet.remove(leaf.patterns, key) }))

const changeShape = (state: State, pattern: Pattern.Pattern, delta: 1 | -1, change: (leaf: Leaf) => Leaf): State => {
  const ofValues = kindOfPattern(pattern)
  const part = partOf(pattern)
  const kind = part?.[1] ?? ofValues
  const skeleton = skeletonOf(pattern)
  const shapeKey = shapeKeyOf(skeleton)
  const ofKind = state.shapes.get(kind) ?? VersionedMap.empty<string, Shape>()
  const shape = ofKind.get(shapeKey) ?? populated(state, ofValues, skeleton)
  const wanted = wantedBy(pattern)
  const leaves = putLeaf(shape.leaves, wanted, change(shape.leaves.get(wanted) ?? emptyLeaf))
  const patterns = shape.patterns + delta
  const next = patterns === 0 ? ofKind.delete(shapeKey) : ofKind.set(shapeKey, { skeleton, leaves, patterns })
  const shapes = next.size === 0 ? state.shapes.delete(kind) : state.shapes.set(kind, next)
  const isNews = part !== undefined && next.size !== ofKind.size
  return { ...state, shapes, parts: isNews ? countPart(state.parts, ofValues, part[0], next.size - ofKind.size) : state.parts }
}

const countPart = (parts: State["parts"], kind: string, at: number, delta: number): State["parts"] => {
  const counts = new Map(parts.get(kind))
  const count = (counts.get(at) ?? 0) + delta
  if (count > 0) counts.set(at, count)
  else counts.delete(at)
  return counts.size === 0 ? parts.delete(kind) : parts.set(kind, counts)
}

/** A new shape with the assertions that stand already. */
const populated = (state: State, kind: string, skeleton: Skeleton): Shape => {
  let leaves = VersionedMap.empty<string, Leaf>()
  const add = (key: string): void => {
    const wanted = project(skeleton, state.values.get(key)!)
    if (wanted === undefined) return
    const leaf = leaves.get(wanted) ?? emptyLeaf
    leaves = leaves.set(wanted, { ...leaf, values: KeySet.add(leaf.values, key) })
  }
  if (kind === anyKind) for (const key of [...state.values.keys()]) add(key)
  else KeySet.forEach(state.kinds.get(kind) ?? KeySet.empty, add)
  return { skeleton, leaves, patterns: 0 }
}

/** Keys of the standing values that a standing pattern matches, in their order as strings. */
export const matching = (state: State, pattern: Pattern.Pattern): ReadonlyArray<string> => {
  const shape = state.shapes.get(partOf(pattern)?.[1] ?? kindOfPattern(pattern))!.get(shapeKeyOf(skeletonOf(pattern)))!
  return KeySet.sorted(shape.leaves.get(wantedBy(pattern))?.values ?? KeySet.empty)
}
