/**
 * Standing assertions against standing patterns. Patterns that differ only in their constants and in
 * what they capture share a *shape* (Syndicate calls it a skeleton). A shape walks a value once,
 * checks its structure and projects the values at the places of the constants; what it projects is
 * the key under which it holds both the patterns with these constants and the assertions with them.
 *
 * Promises: an assertion or a message visits the shapes of its own kind of value and the patterns
 * that match it, never the other observers; a new pattern finds its matches under one key, and looks
 * through the assertions of its kind of value only when it is the first of its shape.
 */
import * as KeySet from "../data/KeySet.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import { key as keyOf } from "../value/canonical.ts"
import { equals } from "../value/order.ts"
import * as Pattern from "../value/Pattern.ts"
import { Dictionary, Record, type Value } from "../value/Value.ts"

export interface State {
  /** Every value that stands, by its key. */
  readonly values: VersionedMap<string, Value>
  /** Their keys by kind, for the first pattern of a shape to look through. */
  readonly kinds: VersionedMap<string, KeySet.KeySet>
  /** Shapes by the kind of value that they match. */
  readonly shapes: VersionedMap<string, ReadonlyArray<Shape>>
}

interface Shape {
  /** Its patterns, with a hole for each constant and nothing captured. */
  readonly skeleton: Pattern.Pattern
  readonly key: string
  /** By the projected constants. */
  readonly leaves: VersionedMap<string, Leaf>
  readonly patterns: number
}

interface Leaf {
  /** Keys of the standing patterns with these constants: they differ in what they capture. */
  readonly patterns: ReadonlyArray<string>
  /** Keys of the standing assertions. */
  readonly values: KeySet.KeySet
}

export const empty: State = { values: VersionedMap.empty(), kinds: VersionedMap.empty(), shapes: VersionedMap.empty() }

/** Patterns that any value matches are looked at for every value. */
const anyKind = "*"

/** A coarse kind: of two kinds no pattern but those of `anyKind` matches both. */
const kindOf = (value: Value): string => {
  if (value instanceof Record) return `r${value.fields.length}${keyOf(value.label)}`
  if (Array.isArray(value)) return `s${value.length}`
  return value instanceof Dictionary ? "d" : "a"
}

const kindOfPattern = (pattern: Pattern.Pattern): string => {
  switch (pattern._tag) {
    case "Discard": return anyKind
    case "Bind": return kindOfPattern(pattern.pattern)
    case "Literal": return kindOf(pattern.value)
    case "Record": return `r${pattern.fields.length}${keyOf(pattern.label)}`
    case "Sequence": return `s${pattern.items.length}`
    case "Dictionary": return "d"
  }
}

const hole = Pattern.literal(false)

/** Not rebuilt by the constructors: they would turn a record of nothing but holes into a literal. */
const skeletonOf = (pattern: Pattern.Pattern): Pattern.Pattern => {
  switch (pattern._tag) {
    case "Discard": return pattern
    case "Literal": return hole
    case "Bind": return skeletonOf(pattern.pattern)
    case "Record": return { ...pattern, fields: pattern.fields.map(skeletonOf) }
    case "Sequence": return { ...pattern, items: pattern.items.map(skeletonOf) }
    case "Dictionary": return { ...pattern, entries: pattern.entries.map(([k, p]) => [k, skeletonOf(p)]) }
  }
}

/**
 * What stands in `value` where the skeleton has holes: canonical keys one after the other (each ends
 * itself, so no two lists of constants look alike). `undefined` when the structure differs.
 */
const project = (skeleton: Pattern.Pattern, value: Value): string | undefined => {
  switch (skeleton._tag) {
    case "Discard": return ""
    case "Bind": return project(skeleton.pattern, value)
    case "Literal": return keyOf(value)
    case "Record": return value instanceof Record && equals(value.label, skeleton.label) ? projectAll(skeleton.fields, value.fields) : undefined
    case "Sequence": return Array.isArray(value) ? projectAll(skeleton.items, value) : undefined
    case "Dictionary": {
      if (!(value instanceof Dictionary)) return undefined
      const found: Array<Value> = []
      for (const [k] of skeleton.entries) {
        const entry = value.entries.find(([other]) => equals(k, other))
        if (entry === undefined) return undefined
        found.push(entry[1])
      }
      return projectAll(skeleton.entries.map(([, p]) => p), found)
    }
  }
}

const projectAll = (skeletons: ReadonlyArray<Pattern.Pattern>, values: ReadonlyArray<Value>): string | undefined => {
  if (skeletons.length !== values.length) return undefined
  let constants = ""
  for (let i = 0; i < skeletons.length; i++) {
    const more = project(skeletons[i]!, values[i]!)
    if (more === undefined) return undefined
    constants += more
  }
  return constants
}

/** The constants of a pattern, as `project` finds them in what it matches. */
const constantsOf = (pattern: Pattern.Pattern): string => {
  switch (pattern._tag) {
    case "Discard": return ""
    case "Bind": return constantsOf(pattern.pattern)
    case "Literal": return keyOf(pattern.value)
    case "Record": return pattern.fields.map(constantsOf).join("")
    case "Sequence": return pattern.items.map(constantsOf).join("")
    case "Dictionary": return pattern.entries.map(([, p]) => constantsOf(p)).join("")
  }
}

/** Keys of the standing patterns that `value` matches. */
export const patternsOf = (state: State, value: Value): ReadonlyArray<string> => {
  let found: ReadonlyArray<string> = []
  for (const kind of [kindOf(value), anyKind]) {
    for (const { leaves, skeleton } of state.shapes.get(kind) ?? []) {
      const constants = project(skeleton, value)
      const leaf = constants === undefined ? undefined : leaves.get(constants)
      if (leaf === undefined || leaf.patterns.length === 0) continue
      found = found.length === 0 ? leaf.patterns : [...found, ...leaf.patterns]
    }
  }
  return found
}

/** Takes up a value that did not stand. */
export const addValue = (state: State, key: string, value: Value): State => {
  const kind = kindOf(value)
  return {
    values: state.values.set(key, value),
    kinds: state.kinds.set(kind, KeySet.add(state.kinds.get(kind) ?? KeySet.empty, key)),
    shapes: changeLeaves(state.shapes, kind, value, (leaf) => ({ ...leaf, values: KeySet.add(leaf.values, key) }))
  }
}

/** Lets go of a value that stood. */
export const removeValue = (state: State, key: string): State => {
  const value = state.values.get(key)!
  const kind = kindOf(value)
  const rest = KeySet.remove(state.kinds.get(kind)!, key)
  return {
    values: state.values.delete(key),
    kinds: KeySet.isEmpty(rest) ? state.kinds.delete(kind) : state.kinds.set(kind, rest),
    shapes: changeLeaves(state.shapes, kind, value, (leaf) => ({ ...leaf, values: KeySet.remove(leaf.values, key) }))
  }
}

const emptyLeaf: Leaf = { patterns: [], values: KeySet.empty }

const putLeaf = (leaves: Shape["leaves"], constants: string, leaf: Leaf): Shape["leaves"] =>
  leaf.patterns.length === 0 && KeySet.isEmpty(leaf.values) ? leaves.delete(constants) : leaves.set(constants, leaf)

const changeLeaves = (shapes: State["shapes"], kind: string, value: Value, change: (leaf: Leaf) => Leaf): State["shapes"] => {
  for (const which of [kind, anyKind]) {
    const list = shapes.get(which)
    if (list === undefined) continue
    shapes = shapes.set(which, list.map((shape) => {
      const constants = project(shape.skeleton, value)
      if (constants === undefined) return shape
      return { ...shape, leaves: putLeaf(shape.leaves, constants, change(shape.leaves.get(constants) ?? emptyLeaf)) }
    }))
  }
  return shapes
}

/** Takes up a pattern that did not stand; `matching` then finds what it matches. */
export const addPattern = (state: State, key: string, pattern: Pattern.Pattern): State =>
  changeShape(state, pattern, 1, (leaf) => ({ ...leaf, patterns: [...leaf.patterns, key] }))

/** Lets go of a pattern that stood. */
export const removePattern = (state: State, key: string, pattern: Pattern.Pattern): State =>
  changeShape(state, pattern, -1, (leaf) => ({ ...leaf, patterns: leaf.patterns.filter((known) => known !== key) }))

const changeShape = (state: State, pattern: Pattern.Pattern, delta: 1 | -1, change: (leaf: Leaf) => Leaf): State => {
  const kind = kindOfPattern(pattern)
  const skeleton = skeletonOf(pattern)
  const shapeKey = Pattern.key(skeleton)
  const list = state.shapes.get(kind) ?? []
  const known = list.find(({ key }) => key === shapeKey)
  const shape = known ?? populated(state, kind, { key: shapeKey, skeleton, patterns: 0, leaves: VersionedMap.empty() })
  const constants = constantsOf(pattern)
  const leaves = putLeaf(shape.leaves, constants, change(shape.leaves.get(constants) ?? emptyLeaf))
  const changed = { ...shape, leaves, patterns: shape.patterns + delta }
  const others = list.filter((other) => other !== known)
  const next = changed.patterns === 0 ? others : known === undefined ? [...others, changed] : list.map((other) => other === known ? changed : other)
  return { ...state, shapes: next.length === 0 ? state.shapes.delete(kind) : state.shapes.set(kind, next) }
}

/** A new shape with the assertions that stand already. */
const populated = (state: State, kind: string, shape: Shape): Shape => {
  const keys = kind === anyKind ? [...state.values.keys()].sort() : KeySet.sorted(state.kinds.get(kind) ?? KeySet.empty)
  let { leaves } = shape
  for (const key of keys) {
    const constants = project(shape.skeleton, state.values.get(key)!)
    if (constants === undefined) continue
    const leaf = leaves.get(constants) ?? emptyLeaf
    leaves = leaves.set(constants, { ...leaf, values: KeySet.add(leaf.values, key) })
  }
  return { ...shape, leaves }
}

/** Keys of the standing values that a standing pattern matches, in their order as strings. */
export const matching = (state: State, pattern: Pattern.Pattern): ReadonlyArray<string> => {
  const shapeKey = Pattern.key(skeletonOf(pattern))
  const shape = state.shapes.get(kindOfPattern(pattern))!.find(({ key }) => key === shapeKey)!
  return KeySet.sorted(shape.leaves.get(constantsOf(pattern))?.values ?? KeySet.empty)
}
