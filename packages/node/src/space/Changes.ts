/**
 * What an observation was told and nobody has taken yet. State coalesces: a fact that came and went
 * meanwhile is no news, nor is one that went and came back, so no more is kept than stands or stood.
 * Messages are kept up to a number; then the oldest goes, and is counted (`colloquy_messages_dropped`).
 */
import { Canonical, type Process } from "@colloquy/core"
import { Cause, Context, Effect, Metric, Result } from "effect"
import { type Asked, type Change, read, type What } from "./Question.ts"

export const dropped = Metric.counter("colloquy_messages_dropped", { description: "messages that a slow consumer of a stream did not take in time", incremental: true })
export const misfits = Metric.counter("colloquy_misfits", { description: "facts and messages that fitted a question's pattern and not its types", incremental: true })

/** How many messages wait for a slow consumer. */
export const defaultMessagesMax = 16_384 // a guess: some megabytes of what people say

type Some<A> = readonly [A, ...Array<A>]

export class Changes<W extends What> {
  readonly #what: W
  readonly #messagesMax: number
  /** By the fact, or by the message's number, in the order in which they were told. */
  readonly #pending = new Map<string, Change<Asked<W>>>()
  #oldest = 0
  #next = 0
  #wake: (() => void) | undefined
  #isOver = false
  constructor(what: W, messagesMax: number) {
    this.#what = what
    this.#messagesMax = messagesMax
  }

  offer(event: Process.Event): void {
    if (event._tag === "Resumed" || event._tag === "Spawned") return
    const answer = read(this.#what, event.captures)
    if (Result.isFailure(answer)) return misfits.updateUnsafe(1, Context.empty())
    const captures = answer.success
    if (event._tag === "Received") this.#say({ _tag: "Received", captures })
    else {
      const key = `s${Canonical.key(event.captures)}`
      // of two that wait, the one undoes the other
      if (!this.#pending.delete(key)) {
        this.#pending.set(key, event._tag === "Added" ? { _tag: "Added", captures } : { _tag: "Removed", captures, reason: event.reason })
      }
    }
    this.#wake?.()
  }
  #say(change: Change<Asked<W>>): void {
    this.#pending.set(`m${this.#next++}`, change)
    if (this.#next - this.#oldest <= this.#messagesMax) return
    this.#pending.delete(`m${this.#oldest++}`)
    dropped.updateUnsafe(1, Context.empty())
  }
  end(): void {
    this.#isOver = true
    this.#wake?.()
  }

  /** All that waits, at least one; or the end. */
  readonly take: Effect.Effect<Some<Change<Asked<W>>>, Cause.Done> = Effect.suspend(() => {
    if (this.#pending.size > 0) return Effect.succeed(this.#drain())
    if (this.#isOver) return Cause.done()
    return Effect.andThen(this.#woken, this.take)
  })
  readonly #woken = Effect.callback<void>((resume) => {
    this.#wake = () => {
      this.#wake = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => { this.#wake = undefined })
  })
  #drain(): Some<Change<Asked<W>>> {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    this.#oldest = this.#next
    return all as unknown as Some<Change<Asked<W>>>
  }
}
