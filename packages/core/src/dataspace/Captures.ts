/**
 * The observations of one pattern and what they have been told: one bag of captures for all of them.
 * Copies are local (asserted here by ordinary processes) or foreign (asserted by the local link, or
 * supplied through it). Ordinary observers see either; foreign ones see the local ones alone, so that
 * nothing goes back to where it came from.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import { key as keyOf } from "../value/canonical.ts"
import type { Pattern } from "../value/Pattern.ts"
import type { Captures, Handle, Pid } from "./Process.ts"

export interface Group {
  readonly pattern: Pattern
  /** By the number of the observation, in which order they are told. */
  readonly ordinary: VersionedMap<number, Observer>
  readonly foreign: VersionedMap<number, Observer>
  readonly bag: VersionedMap<string, Copies>
}

export interface Observer {
  readonly id: number
  readonly pid: Pid
  readonly handle: Handle
  readonly foreign: boolean
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

export const of = (pattern: Pattern): Group => ({ pattern, ordinary: VersionedMap.empty(), foreign: VersionedMap.empty(), bag: VersionedMap.empty() })

const none: Omit<Copies, "captures"> = { local: 0, foreign: 0, supplied: false }
const isHere = ({ foreign, local, supplied }: Omit<Copies, "captures">): boolean => local > 0 || foreign > 0 || supplied

/** Counts copies in or out. */
export const change = (group: Group, captures: Captures, by: Change): readonly [Group, Edges] => {
  const key = keyOf(captures)
  const before = group.bag.get(key) ?? { captures, ...none }
  const after: Copies = {
    captures: before.captures,
    local: before.local + (by.local ?? 0),
    foreign: before.foreign + (by.foreign ?? 0),
    supplied: by.supplied ?? before.supplied
  }
  const bag = isHere(after) ? group.bag.set(key, after) : group.bag.delete(key)
  return [{ ...group, bag }, {
    ordinary: Number(isHere(after)) - Number(isHere(before)),
    foreign: Number(after.local > 0) - Number(before.local > 0)
  }]
}

/** Whether these captures are supplied. */
export const isSupplied = (group: Group, captures: Captures): boolean => group.bag.get(keyOf(captures))?.supplied === true

/** The captures that are supplied, in the order of their keys. */
export const supplied = (group: Group): ReadonlyArray<Captures> =>
  [...group.bag].filter(([, copies]) => copies.supplied).sort(byKey).map(([, { captures }]) => captures)

/** What an observer sees now, in the order of the captures' keys. */
export const seenBy = (group: Group, foreign: boolean): ReadonlyArray<Captures> =>
  [...group.bag].filter(([, copies]) => (foreign ? copies.local > 0 : isHere(copies))).sort(byKey).map(([, { captures }]) => captures)
const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : a > b ? 1 : 0)

export const join = (group: Group, observer: Observer): Group =>
  observer.foreign ? { ...group, foreign: group.foreign.set(observer.id, observer) } : { ...group, ordinary: group.ordinary.set(observer.id, observer) }

export const leave = (group: Group, id: number): Group => ({ ...group, ordinary: group.ordinary.delete(id), foreign: group.foreign.delete(id) })

/** Whether nobody observes the pattern. */
export const isDeserted = ({ foreign, ordinary }: Group): boolean => foreign.size === 0 && ordinary.size === 0

/** The observers, oldest first. A map keeps them so by itself, but for versions that were gone back to. */
export const observersOf = (group: Group, which: ReadonlyArray<"ordinary" | "foreign">): ReadonlyArray<Observer> => {
  const list: Array<Observer> = []
  for (const kind of which) group[kind].forEach((observer) => list.push(observer))
  for (let i = 1; i < list.length; i++) if (list[i - 1]!.id > list[i]!.id) return list.sort((a, b) => a.id - b.id)
  return list
}
