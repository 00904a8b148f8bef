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
import {
  anyKind, isOwnKind, kindOf, kindOfKey, kindOfPattern, narrower, partOf, project, type Projected, type Skeleton, skeletonOf, shapeKeyOf, wantedBy
} from "./Skeleton.ts"

export interface State<Group extends Keyed> {
  /** Every value that stands, by its key, by its kind. */
  readonly kinds: VersionedMap<string, VersionedMap<string, Value>>
  /** How many values stand. */
  readonly size: number
  /** Shapes by the kind of value that they match, and by their key. */
  readonly shapes: VersionedMap<string, VersionedMap<string, Shape<Group>>>
  /** By kind: the parts whose class shapes tell apart as well, with how many shapes do. */
  readonly parts: VersionedMap<string, ReadonlyMap<number, number>>
  /** How many patterns stand. */
  readonly patterns: number
}

/** What stands with a pattern says which one. */
export interface Keyed {
  readonly key: string
}

interface Shape<Group extends Keyed> {
  /** Under which it stands. */
  readonly kind: string
  readonly key: string
  readonly skeleton: Skeleton
  /** By what is projected. */
  readonly leaves: VersionedMap<Projected, Leaf<Group>>
  readonly patterns: number
}

/** Most are one pattern and nothing that it matches: then there is no more than its group, and no more places in memory to look at. */
type Leaf<Group extends Keyed> = Group | Full<Group>
interface Full<Group extends Keyed> {
  readonly key: undefined
  /** A standing pattern that wants this. */
  readonly group: Group | undefined
  /** Those that differ from it in what they capture. */
  readonly others: VersionedMap<string, Group>
  /** Keys of the standing assertions that have it. */
  readonly values: KeySet.KeySet
}

export const empty: State<never> = { kinds: VersionedMap.empty(), size: 0, shapes: VersionedMap.empty(), parts: VersionedMap.empty(), patterns: 0 }

/** Visits the shapes that look at such values. */
const forEachShape = <Group extends Keyed>(state: State<Group>, kind: string, value: Value, visit: (shape: Shape<Group>) => void): void => {
  const { parts, shapes } = state
  shapes.get(kind)?.forEach(visit)
  if (value instanceof Dictionary) for (const [key] of value.entries) shapes.get(kindOfKey(key))?.forEach(visit)
  shapes.get(anyKind)?.forEach(visit)
  const places = parts.get(kind)
  if (places !== undefined) for (const at of places.keys()) {
    const narrow = narrower(kind, at, value)
    if (narrow !== undefined) shapes.get(narrow)?.forEach(visit)
  }
}

/** Visits the groups of the standing patterns that `value` matches. */
export const forEachMatch = <Group extends Keyed>(state: State<Group>, value: Value, visit: (group: Group) => void): void =>
  forEachShape(state, kindOf(value), value, ({ leaves, skeleton }) => {
    const projected = project(skeleton, value)
    const leaf = projected === undefined ? undefined : leaves.get(projected)
    if (leaf === undefined) return
    if (leaf.key !== undefined) return visit(leaf)
    if (leaf.group !== undefined) visit(leaf.group)
    leaf.others.forEach(visit)
  })

/** Whether a value stands. */
export const has = ({ kinds }: State<Keyed>, key: string, value: Value): boolean => kinds.get(kindOf(value))?.has(key) === true

/** Takes up a value that did not stand, and changes the groups of those who want it. */
export const addValue = <Group extends Keyed>(state: State<Group>, key: string, value: Value, change: (group: Group) => Group): State<Group> => {
  const kind = kindOf(value)
  let kinds = withValue(state.kinds, kind, key, value)
  if (value instanceof Dictionary) for (const [entry] of value.entries) kinds = withValue(kinds, kindOfKey(entry), key, value)
  const shapes = changeLeaves(state, kind, value, change, key, KeySet.add)
  return { kinds, size: state.size + 1, shapes, parts: state.parts, patterns: state.patterns }
}
const withValue = (kinds: State<Keyed>["kinds"], kind: string, key: string, value: Value): State<Keyed>["kinds"] =>
  kinds.set(kind, (kinds.get(kind) ?? VersionedMap.empty<string, Value>()).set(key, value))

/** Lets go of a value that stood, and changes the groups of those who wanted it. */
export const removeValue = <Group extends Keyed>(state: State<Group>, key: string, value: Value, change: (group: Group) => Group): State<Group> => {
  const kind = kindOf(value)
  let kinds = withoutValue(state.kinds, kind, key)
  if (value instanceof Dictionary) for (const [entry] of value.entries) kinds = withoutValue(kinds, kindOfKey(entry), key)
  const shapes = changeLeaves(state, kind, value, change, key, KeySet.remove)
  return { kinds, size: state.size - 1, shapes, parts: state.parts, patterns: state.patterns }
}
const withoutValue = (kinds: State<Keyed>["kinds"], kind: string, key: string): State<Keyed>["kinds"] => {
  const rest = kinds.get(kind)!.delete(key)
  return rest.size === 0 ? kinds.delete(kind) : kinds.set(kind, rest)
}

/** Changes the groups of those who want a value. */
export const changeMatches = <Group extends Keyed>(state: State<Group>, value: Value, change: (group: Group) => Group): State<Group> =>
  ({ ...state, shapes: changeLeaves(state, kindOf(value), value, change, "", (values) => values) })

/** Where a value stands, or would, in a shape that looks at such values. */
interface Spot<Group extends Keyed> {
  readonly shape: Shape<Group>
  readonly projected: Projected
}
type ChangeKeys = (values: KeySet.KeySet, key: string) => KeySet.KeySet
type Shapes<Group extends Keyed> = State<Group>["shapes"]

const changeLeaves = <Group extends Keyed>(
  state: State<Group>, kind: string, value: Value, change: (group: Group) => Group, key: string, changeKeys: ChangeKeys
): Shapes<Group> => {
  let spots: Array<Spot<Group>> | undefined
  forEachShape(state, kind, value, (shape) => {
    const projected = project(shape.skeleton, value)
    if (projected !== undefined) spots = grown(spots, { shape, projected })
  })
  return spots === undefined ? state.shapes : changeSpots(state.shapes, spots, change, key, changeKeys)
}
/** Written only when all are found: a map must not change while it is visited. */
const changeSpots = <Group extends Keyed>(
  shapes: Shapes<Group>, spots: ReadonlyArray<Spot<Group>>, change: (group: Group) => Group, key: string, changeKeys: ChangeKeys
): Shapes<Group> => {
  for (const { projected, shape } of spots) {
    const { kind, leaves } = shape
    const { group, others, values } = inFull(leaves.get(projected))
    const changed = group === undefined ? undefined : change(group)
    const next = putLeaf(leaves, projected, changed, others.size === 0 ? others : changeAll(others, change), changeKeys(values, key))
    if (next !== leaves) shapes = shapes.set(kind, shapes.get(kind)!.set(shape.key, withLeaves(shape, next, shape.patterns)))
  }
  return shapes
}
const withLeaves = <Group extends Keyed>({ key, kind, skeleton }: Shape<Group>, leaves: Shape<Group>["leaves"], patterns: number): Shape<Group> =>
  ({ kind, key, skeleton, leaves, patterns })
const changeAll = <Group extends Keyed>(groups: VersionedMap<string, Group>, change: (group: Group) => Group): VersionedMap<string, Group> => {
  for (const [key, group] of [...groups]) groups = groups.set(key, change(group)) // written only when all are read
  return groups
}

const bare: Full<never> = { key: undefined, group: undefined, others: VersionedMap.empty(), values: KeySet.empty }
const inFull = <Group extends Keyed>(leaf: Leaf<Group> | undefined): Full<Group> =>
  leaf === undefined ? bare : leaf.key === undefined ? leaf : { key: undefined, group: leaf, others: VersionedMap.empty(), values: KeySet.empty }

const putLeaf = <Group extends Keyed>(
  leaves: Shape<Group>["leaves"], projected: Projected, group: Group | undefined, others: VersionedMap<string, Group>, values: KeySet.KeySet
): Shape<Group>["leaves"] => {
  if (others.size > 0 || !KeySet.isEmpty(values)) return leaves.set(projected, { key: undefined, group, others, values })
  return group === undefined ? leaves.delete(projected) : leaves.set(projected, group)
}

/** The leaves where the pattern has this group or, with `undefined`, none. */
const putGroup = <Group extends Keyed>(leaves: Shape<Group>["leaves"], { key, wanted }: Place, group: Group | undefined): Shape<Group>["leaves"] => {
  const { group: first, others, values } = inFull(leaves.get(wanted))
  const isFirst = first === undefined ? !others.has(key) : first.key === key
  if (isFirst) return putLeaf(leaves, wanted, group, others, values)
  return putLeaf(leaves, wanted, first, group === undefined ? others.delete(key) : others.set(key, group), values)
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

const leafAt = <Group extends Keyed>({ shapes }: State<Group>, { kind, shapeKey, wanted }: Place): Leaf<Group> | undefined => shapes.get(kind)?.get(shapeKey)?.leaves.get(wanted)

/** What stands with a pattern. */
export const groupAt = <Group extends Keyed>(state: State<Group>, place: Place): Group | undefined => {
  const { group, others } = inFull(leafAt(state, place))
  return group?.key === place.key ? group : others.get(place.key)
}

/** Takes up a pattern, changes what stands with it or, with `undefined`, lets go of it. */
export const setGroup = <Group extends Keyed>(state: State<Group>, place: Place, group: Group | undefined): State<Group> => {
  const { kind, ofValues, part, shapeKey } = place
  const delta = Number(group !== undefined) - Number(groupAt(state, place) !== undefined)
  const ofKind = state.shapes.get(kind) ?? VersionedMap.empty<string, Shape<Group>>()
  const shape = ofKind.get(shapeKey) ?? populated(state, place)
  const patterns = shape.patterns + delta
  const leaves = putGroup(shape.leaves, place, group)
  const next = patterns === 0 ? ofKind.delete(shapeKey) : ofKind.set(shapeKey, withLeaves(shape, leaves, patterns))
  const shapes = next.size === 0 ? state.shapes.delete(kind) : state.shapes.set(kind, next)
  const isNews = part !== undefined && next.size !== ofKind.size
  return { ...state, shapes, parts: isNews ? countPart(state.parts, ofValues, part, next.size - ofKind.size) : state.parts, patterns: state.patterns + delta }
}

const countPart = (parts: State<Keyed>["parts"], kind: string, at: number, delta: number): State<Keyed>["parts"] => {
  const counts = new Map(parts.get(kind))
  const count = (counts.get(at) ?? 0) + delta
  if (count > 0) counts.set(at, count)
  else counts.delete(at)
  return counts.size === 0 ? parts.delete(kind) : parts.set(kind, counts)
}

/** A new shape with the assertions that stand already. */
const populated = <Group extends Keyed>(state: State<Group>, { kind, ofValues, part, shapeKey, skeleton }: Place): Shape<Group> => {
  let leaves = VersionedMap.empty<Projected, Leaf<Group>>()
  forEachOf(state, ofValues, (value, key) => {
    // others would never be found again to be removed
    if (part !== undefined && narrower(ofValues, part, value) !== kind) return
    const projected = project(skeleton, value)
    if (projected !== undefined) leaves = putLeaf(leaves, projected, undefined, noOthers, KeySet.add(inFull(leaves.get(projected)).values, key))
  })
  return { kind, key: shapeKey, skeleton, leaves, patterns: 0 }
}
const noOthers = VersionedMap.empty<string, never>()

/** Visits the standing values of a kind, in no order that means anything. */
const forEachOf = ({ kinds }: State<Keyed>, kind: string, visit: (value: Value, key: string) => void): void => {
  if (kind !== anyKind) kinds.get(kind)?.forEach(visit)
  else kinds.forEach((values, ofValues) => { if (isOwnKind(ofValues)) values.forEach(visit) })
}

/** The standing values, by their keys, in no order that means anything. */
export const values = (state: State<Keyed>): ReadonlyMap<string, Value> => {
  const all = new Map<string, Value>()
  forEachOf(state, anyKind, (value, key) => all.set(key, value))
  return all
}

/** The standing values that a standing pattern matches, with their keys, in the order of these as strings. */
export const matching = (state: State<Keyed>, place: Place): ReadonlyArray<readonly [key: string, value: Value]> => {
  const found: Array<readonly [string, Value]> = []
  if (place.kind === anyKind) forEachOf(state, anyKind, (value, key) => found.push([key, value]))
  else {
    const ofKind = state.kinds.get(place.ofValues)
    KeySet.forEach(inFull(leafAt(state, place)).values, (key) => found.push([key, ofKind!.get(key)!]))
  }
  return found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}
