/** A persistent queue, first in first out, on a `VersionedMap`: adding and taking cost the same however long it is. */
import { VersionedMap } from "./VersionedMap.ts"

export interface Queue<A> {
  readonly items: VersionedMap<number, A>
  readonly first: number
  readonly next: number
}

export const empty = <A>(): Queue<A> => ({ items: VersionedMap.empty(), first: 0, next: 0 })
export const isEmpty = <A>({ first, next }: Queue<A>): boolean => first === next
export const size = <A>({ first, next }: Queue<A>): number => next - first

/** The queue with more at its end. */
export const append = <A>(queue: Queue<A>, more: Iterable<A>): Queue<A> => {
  let { items, next } = queue
  for (const item of more) items = items.set(next++, item)
  return next === queue.next ? queue : { items, first: queue.first, next }
}

/**
 * The first item and the rest; `undefined` from an empty queue.
 *
 * take(append(empty(), ["a", "b"]))[0]   // => "a"
 */
export const take = <A>({ first, items, next }: Queue<A>): readonly [A, Queue<A>] | undefined =>
  first === next ? undefined : [items.get(first)!, { items: items.delete(first), first: first + 1, next }]
