/** A persistent bag: keys with counts, on a `VersionedMap`. What matters to most is when a key comes and when it goes. */
import { assert } from "../machine/assert.ts"
import { VersionedMap } from "./VersionedMap.ts"

export type Bag<K> = VersionedMap<K, number>

/** What a change of count means for whoever sees only whether a key is there. */
export type Change = "AbsentToPresent" | "PresentToAbsent" | "AbsentToAbsent" | "PresentToPresent"

export const empty = <K>(): Bag<K> => VersionedMap.empty()

/**
 * How many copies of a key there are.
 *
 * count(change(empty(), "x", 2)[1], "x")   // => 2
 */
export const count = <K>(bag: Bag<K>, key: K): number => bag.get(key) ?? 0

/**
 * Counts copies in or out. There are never fewer than none.
 *
 * change(empty(), "x", 1)[0]   // => "AbsentToPresent"
 * change(change(empty(), "x", 1)[1], "x", -1)[0]   // => "PresentToAbsent"
 */
export const change = <K>(bag: Bag<K>, key: K, delta: number): readonly [Change, Bag<K>] => {
  const before = count(bag, key)
  const after = before + delta
  assert(after >= 0, "a bag never holds fewer than none")
  const next = after === 0 ? bag.delete(key) : bag.set(key, after)
  return [`${before > 0 ? "Present" : "Absent"}To${after > 0 ? "Present" : "Absent"}`, next]
}
