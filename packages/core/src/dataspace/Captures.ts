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

export interface Group {
  /** Where what matches the pattern has what it captures. */
  readonly paths: ReadonlyArray<Pattern.Path>
  readonly ordinary: Observers
  readonly foreign: Observers
  readonly bag: VersionedMap<string, Copies>
}

/** By the number of the observation, in which order they are told; most are alone, and a map is three more places in memory to look at. */
type Observers = Observer | VersionedMap<number, Observer>

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

export const of = (pattern: Pattern.Pattern): Group => ({ paths: shared(Pattern.paths(pattern)), ordinary: nobody, foreign: nobody, bag: VersionedMap.empty() })
const nobody: Observers = VersionedMap.empty<number, Observer>()

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
  return [{ paths: group.paths, ordinary: group.ordinary, foreign: group.foreign, bag }, {
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

export const join = (group: Group, observer: Observer): Group =>
  observer.foreign ? { ...group, foreign: withOne(group.foreign, observer) } : { ...group, ordinary: withOne(group.ordinary, observer) }

export const leave = (group: Group, id: number): Group => ({ ...group, ordinary: without(group.ordinary, id), foreign: without(group.foreign, id) })

const withOne = (observers: Observers, observer: Observer): Observers =>
  !(observers instanceof VersionedMap) ? VersionedMap.empty<number, Observer>().set(observers.id, observers).set(observer.id, observer)
    : observers.size === 0 ? observer : observers.set(observer.id, observer)
const without = (observers: Observers, id: number): Observers =>
  observers instanceof VersionedMap ? observers.delete(id) : observers.id === id ? nobody : observers
const isNobody = (observers: Observers): boolean => observers instanceof VersionedMap && observers.size === 0

/** Whether nobody observes the pattern; or no ordinary process. */
export const isDeserted = (group: Group): boolean => isOnlyForeign(group) && isNobody(group.foreign)
export const isOnlyForeign = ({ ordinary }: Group): boolean => isNobody(ordinary)

export type Which = "ordinary" | "foreign" | "all"
/** The observers, oldest first. A map keeps them so by itself, but for versions that were gone back to. */
export const observersOf = (group: Group, which: Which): ReadonlyArray<Observer> => {
  const first = which === "foreign" ? nobody : group.ordinary
  const second = which === "ordinary" ? nobody : group.foreign
  if (isNobody(second) && !(first instanceof VersionedMap)) return [first]
  const list: Array<Observer> = []
  collect(list, first)
  collect(list, second)
  for (let i = 1; i < list.length; i++) if (list[i - 1]!.id > list[i]!.id) return list.sort((a, b) => a.id - b.id)
  return list
}
const collect = (list: Array<Observer>, observers: Observers): void => {
  if (observers instanceof VersionedMap) observers.forEach((observer) => list.push(observer))
  else list.push(observers)
}
