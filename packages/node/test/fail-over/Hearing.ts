/**
 * The messages of one sender at one listener: which came, and the longest time that none did. A number
 * that comes a second time is noticed however long ago the first was; pauses are counted from a mark.
 */
import type { Heard } from "./lines.ts"

export class Hearing {
  readonly #seen = new Set<number>()
  #first = Number.POSITIVE_INFINITY
  #last = 0
  #lastAt: number
  #pauseMs = 0
  #count = 0
  constructor(at: number) {
    this.#lastAt = at
  }
  /** Whether the message is new. */
  hear(n: number, at: number): boolean {
    if (this.#seen.has(n)) return false
    this.#seen.add(n)
    this.#count++
    this.#first = Math.min(this.#first, n)
    this.#last = Math.max(this.#last, n)
    this.#pauseMs = Math.max(this.#pauseMs, at - this.#lastAt)
    this.#lastAt = at
    return true
  }
  /** Whether the next one is the first since it was asked for. */
  isAwaited = true
  mark(at: number): void {
    this.#first = Number.POSITIVE_INFINITY
    this.#last = 0
    this.#lastAt = at
    this.#pauseMs = 0
    this.#count = 0
    this.isAwaited = true
  }
  /** A pause that goes on counts as well. */
  report(at: number): Heard {
    const lost = this.#count === 0 ? 0 : this.#last - this.#first + 1 - this.#count
    return { count: this.#count, lost, pauseMs: Math.max(this.#pauseMs, at - this.#lastAt) }
  }
}
