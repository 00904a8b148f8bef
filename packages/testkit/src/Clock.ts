/**
 * Virtual time: what is due, and when. Nothing here waits; `next` goes to the next moment at which
 * something is due, however far away it is.
 *
 * Promises: time never goes back; what is due at one moment comes in the order in which it was set,
 * and what was set as `last` comes after all that was not. A heap: each costs the logarithm of their
 * number.
 */

/** Something that falls due; `at` is virtual ms. `cancel` takes it. */
export interface Due<What> {
  readonly at: number
  /** Comes after all that is due at the same moment and is not `last`. */
  readonly last: boolean
  readonly order: number
  /** `undefined` when it was cancelled. */
  what: What | undefined
}

/** A clock that stands until it is told to go on; `What` is what falls due. */
export class Clock<What> {
  #now = 0
  #order = 0
  readonly #heap: Array<Due<What>> = []

  /** Virtual ms since the beginning. */
  get now(): number {
    return this.#now
  }
  /** Sets something for `at`, virtual ms; a time that has passed means now. `cancel` takes what is returned. */
  set(at: number, what: What, { last = false }: { readonly last?: boolean } = {}): Due<What> {
    const due = { at: Math.max(at, this.#now), last, order: this.#order++, what }
    this.#heap.push(due)
    this.#rise(this.#heap.length - 1)
    return due
  }
  /** Nothing when it was due already. */
  cancel(due: Due<What>): void {
    due.what = undefined // it stays in the heap until its time: finding it would cost more
  }
  /** Goes to the next thing that is due up to `until` and takes it, or goes to `until`. */
  next(until: number): What | undefined {
    for (let first = this.#heap[0]; first !== undefined && first.at <= until; first = this.#heap[0]) {
      this.#pop()
      if (first.what === undefined) continue
      this.#now = first.at
      return first.what
    }
    this.#now = Math.max(this.#now, until)
    return undefined
  }

  #rise(from: number): void {
    const heap = this.#heap
    for (let i = from; i > 0;) {
      const parent = (i - 1) >> 1
      if (!isBefore(heap[i]!, heap[parent]!)) return
      swap(heap, i, parent)
      i = parent
    }
  }
  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    heap[0] = last
    for (let i = 0;;) {
      const left = 2 * i + 1
      const child = left + 1 < heap.length && isBefore(heap[left + 1]!, heap[left]!) ? left + 1 : left
      if (child >= heap.length || !isBefore(heap[child]!, heap[i]!)) return
      swap(heap, i, child)
      i = child
    }
  }
}

const isBefore = (a: Due<unknown>, b: Due<unknown>): boolean =>
  a.at !== b.at ? a.at < b.at : a.last !== b.last ? b.last : a.order < b.order
const swap = (heap: Array<unknown>, a: number, b: number): void => {
  const held = heap[a]
  heap[a] = heap[b]
  heap[b] = held
}
