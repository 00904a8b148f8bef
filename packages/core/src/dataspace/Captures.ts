/**
 * The observations of one pattern and what they have been told: one bag of captures for all of them.
 * Copies are local (asserted here by ordinary processes) or foreign (asserted by the local link, or
 * supplied through it). Ordinary observers see either; foreign ones see the local ones alone, so that
 * nothing goes back to where it came from.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import { key as keyOf } from "../value/canonical.ts"
import * as Pattern from "../value/Pattern.ts"
import type { Captures, Handle, Pid } from "./Process.ts"

/** Most patterns have one observer: then the group is that observation, and a message looks at one place in memory instead of four. */
export type Group = Lone | Crowd

interface Watched {
  /** The pattern's. */
  readonly key: string
  /** Where what matches the pattern has what it captures. */
  readonly paths: ReadonlyArray<Pattern.Path>
  readonly bag: VersionedMap<string, Copies>
}
interface Lone extends Watched, Observer {}
/** Any other number of them, by the number of the observation, in which order they are told. */
interface Crowd extends Watched {
  readonly id: undefined
  readonly ordinary: VersionedMap<number, Observer>
  /** The foreign ones. */
  readonly others: VersionedMap<number, Observer>
}

export interface Observer {
  readonly id: number
  readonly pid: Pid
  readonly handle: Handle
  readonly foreign: boolean
  /** Whether its process is one without a behaviour here. */
  readonly external: boolean
}

interface Copies {
  readonly captures: Captures
  readonly local: number
  readonly foreign: number
  /** Supplied through the local link: a set, so one foreign copy or none. */
  readonly supplied: boolean
}

export type Change = { readonly local?: number; readonly foreign?: number; readonly supplied?: boolean }

/** Who sees captures come (+1), go (-1) or neither (0) by a change. */
export interface Edges {
  readonly ordinary: number
  readonly foreign: number
}

/** Nobody observes the pattern yet. */
export const of = (key: string, pattern: Pattern.Pattern): Group => deserted(key, shared(Pattern.paths(pattern)), VersionedMap.empty())
const deserted = (key: string, paths: Group["paths"], bag: Group["bag"]): Crowd =>
  ({ key, paths, bag, id: undefined, ordinary: VersionedMap.empty(), others: VersionedMap.empty() })
/** Written out, field by field, so that all of them are laid out alike. */
const lone = (key: string, paths: Group["paths"], bag: Group["bag"], { external, foreign, handle, id, pid }: Observer): Lone =>
  ({ key, paths, bag, id, pid, handle, foreign, external })
const withBag = (group: Group, bag: Group["bag"]): Group => {
  if (group.id !== undefined) return lone(group.key, group.paths, bag, group)
  return { key: group.key, paths: group.paths, bag, id: undefined, ordinary: group.ordinary, others: group.others }
}

/** The same object for the same paths, where they are short: those of 100,000 patterns that want but other constants then stay in the processor's cache. */
const shared = (paths: Group["paths"]): Group["paths"] => {
  if (paths.length > sharedPathsMax || paths.some((path) => path.some((step) => typeof step !== "number"))) return paths
  const name = paths.map((path) => `/${path.join()}`).join("")
  const known = sharedPaths.get(name)
  if (known !== undefined) return known
  if (sharedPaths.size >= sharedMax) sharedPaths.clear()
  sharedPaths.set(name, paths)
  return paths
}
const sharedPaths = new Map<string, Group["paths"]>()
const sharedMax = 1_000 // a guess
const sharedPathsMax = 8 // a guess

const none: Omit<Copies, "captures"> = { local: 0, foreign: 0, supplied: false }
const unchanged: Edges = { ordinary: 0, foreign: 0 }
const isHere = ({ foreign, local, supplied }: Omit<Copies, "captures">): boolean => local > 0 || foreign > 0 || supplied

/** Counts copies in or out; the same group when what is supplied was so before. */
export const change = (group: Group, captures: Captures, by: Change): readonly [Group, Edges] => {
  const key = keyOf(captures)
  const before = group.bag.get(key) ?? { captures, ...none }
  if (by.supplied === before.supplied) return [group, unchanged]
  const after: Copies = {
    captures: before.captures,
    local: before.local + (by.local ?? 0),
    foreign: before.foreign + (by.foreign ?? 0),
    supplied: by.supplied ?? before.supplied
  }
  const bag = isHere(after) ? group.bag.set(key, after) : group.bag.delete(key)
  return [withBag(group, bag), {
    ordinary: Number(isHere(after)) - Number(isHere(before)),
    foreign: Number(after.local > 0) - Number(before.local > 0)
  }]
}

/** The captures that are supplied, in the order of their keys. */
export const supplied = (group: Group): ReadonlyArray<Captures> =>
  [...group.bag].filter(([, copies]) => copies.supplied).sort(byKey).map(([, { captures }]) => captures)

/** What an observer sees now, in the order of the captures' keys. */
export const seenBy = (group: Group, foreign: boolean): ReadonlyArray<Captures> =>
  [...group.bag].filter(([, copies]) => (foreign ? copies.local > 0 : isHere(copies))).sort(byKey).map(([, { captures }]) => captures)
const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : a > b ? 1 : 0)

export const join = (group: Group, observer: Observer): Group => {
  const { bag, key, paths } = group
  if (isDeserted(group)) return lone(key, paths, bag, observer)
  return withOne(group.id === undefined ? group : withOne(deserted(key, paths, bag), observerOf(group)), observerOf(observer))
}
const withOne = (crowd: Crowd, observer: Observer): Crowd =>
  observer.foreign ? { ...crowd, others: crowd.others.set(observer.id, observer) } : { ...crowd, ordinary: crowd.ordinary.set(observer.id, observer) }
const observerOf = ({ external, foreign, handle, id, pid }: Observer): Observer => ({ id, pid, handle, foreign, external })

export const leave = (group: Group, id: number): Group => {
  if (group.id === undefined) return { ...group, ordinary: group.ordinary.delete(id), others: group.others.delete(id) }
  return group.id === id ? deserted(group.key, group.paths, group.bag) : group
}

/** Whether nobody observes the pattern; or no ordinary process. */
export const isDeserted = (group: Group): boolean => group.id === undefined && group.ordinary.size === 0 && group.others.size === 0
export const isOnlyForeign = (group: Group): boolean => group.id === undefined ? group.ordinary.size === 0 : group.foreign

export type Which = "ordinary" | "foreign" | "all"
/** The observers, oldest first. A map keeps them so by itself, but for versions that were gone back to. */
export const observersOf = (group: Group, which: Which): ReadonlyArray<Observer> => {
  if (group.id !== undefined) return which === "all" || group.foreign === (which === "foreign") ? [group] : nobody
  const list: Array<Observer> = []
  if (which !== "foreign") group.ordinary.forEach((observer) => list.push(observer))
  if (which !== "ordinary") group.others.forEach((observer) => list.push(observer))
  for (let i = 1; i < list.length; i++) if (list[i - 1]!.id > list[i]!.id) return list.sort((a, b) => a.id - b.id)
  return list
}
const nobody: ReadonlyArray<never> = []
