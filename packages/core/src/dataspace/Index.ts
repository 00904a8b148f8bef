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
import * as Pattern from "../value/Pattern.ts"
import { Dictionary, type Value } from "../value/Value.ts"
import { anyKind, kindOf, kindOfKey, kindOfPattern, kindsOf, narrower, partOf, project, type Projected, type Skeleton, skeletonOf, shapeKeyOf, wantedBy } from "./Skeleton.ts"

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
