/**
 * A persistent set of keys that is mostly tiny: an array up to eight keys, a `VersionedMap` beyond.
 * A native Map of one entry costs 192 bytes, and an index holds one such set for every constant.
 */
import { VersionedMap } from "./VersionedMap.ts"

export type KeySet = ReadonlyArray<string> | VersionedMap<string, true>

const smallMax = 8 // a guess: a scan of eight keys costs what one hash does

export const empty: KeySet = []

export const isEmpty = (set: KeySet): boolean => (set instanceof VersionedMap ? set.size : set.length) === 0

export const has = (set: KeySet, key: string): boolean => set instanceof VersionedMap ? set.has(key) : set.includes(key)

/** The set with `key`, which must not be in it. */
export const add = (set: KeySet, key: string): KeySet => {
  if (set instanceof VersionedMap) return set.set(key, true)
  if (set.length === 0) return [key]
  if (set.length < smallMax) return [...set, key]
  let map = VersionedMap.empty<string, true>()
  for (const known of set) map = map.set(known, true)
  return map.set(key, true)
}

export const remove = (set: KeySet, key: string): KeySet => set instanceof VersionedMap ? set.delete(key) : set.filter((known) => known !== key)

/** Visits the keys in no order that means anything; the set must not change meanwhile. */
export const forEach = (set: KeySet, visit: (key: string) => void): void => {
  if (set instanceof VersionedMap) set.forEach((_, key) => visit(key))
  else set.forEach(visit)
}

/** The keys, in their order as strings: the same whatever history led here. */
export const sorted = (set: KeySet): ReadonlyArray<string> => [...(set instanceof VersionedMap ? set.keys() : set)].sort()
