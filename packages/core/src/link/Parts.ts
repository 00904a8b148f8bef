/**
 * A turn that arrives in parts. A list from the latest part back to the first: adding one copies none
 * of those before it, and older states keep theirs.
 */
import type { Item } from "../federation/Item.ts"

export interface Parts {
  readonly items: ReadonlyArray<Item>
  readonly before: Parts | undefined
  /** Items of this part and of those before it. */
  readonly count: number
  /** Bytes of their packets. */
  readonly bytes: number
}

export const add = (before: Parts | undefined, items: ReadonlyArray<Item>, bytes: number): Parts => {
  if (before === undefined) return { items, before, count: items.length, bytes }
  // empty parts must not make a list that is many times as large as they are
  if (items.length === 0) return { ...before, bytes: before.bytes + bytes }
  return { items, before, count: before.count + items.length, bytes: before.bytes + bytes }
}

/** All items, in their order. */
export const itemsOf = (last: Parts): ReadonlyArray<Item> => {
  if (last.before === undefined) return last.items
  const parts: Array<ReadonlyArray<Item>> = []
  for (let part: Parts | undefined = last; part !== undefined; part = part.before) parts.push(part.items)
  return parts.toReversed().flat()
}
