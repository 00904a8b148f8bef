/**
 * What an observation was told and nobody has taken yet, of one question or of several, in the order in
 * which it happened. State coalesces: a fact that came and went meanwhile is no news, nor is one that
 * went and came back, so no more is kept than stands or stood. Messages are kept up to a number; then
 * the oldest goes, and is counted (`colloquy_messages_dropped`). What is kept stays in its order.
 */
import { Canonical, type Process } from "@colloquy/core"
import { Cause, Effect } from "effect"
import type { Meters } from "./Meters.ts"
import type { Change } from "./Question.ts"

/** How many messages wait for a slow consumer. */
export const defaultMessagesMax = 16_384 // a guess: some megabytes of what people say

type Some<A> = readonly [A, ...Array<A>]
/** With the name of the question, when there are several. */
type Told = Change<unknown> & { readonly question?: string }

export class Changes {
  readonly #messagesMax: number
  readonly #meters: Meters
  /** By the question and the fact, or by the message's number, in the order in which they were told. */
  readonly #pending = new Map<string, Told>()
  #oldest = 0
  #next = 0
  #wake: (() => void) | undefined
  #isOver = false
  constructor(messagesMax: number, meters: Meters) {
    this.#messagesMax = messagesMax
    this.#meters = meters
  }

  /** An event of the question that `handle` observes, and what its captures are. */
  offer(event: Process.Event, captures: unknown, named: { readonly question?: string }): void {
    switch (event._tag) {
      case "Received": this.#say({ _tag: "Received", captures, ...named }); break
      case "Added": this.#change(event, { _tag: "Added", captures, ...named }); break
      case "Removed": this.#change(event, { _tag: "Removed", captures, reason: event.reason, ...named }); break
      default: return
    }
    this.#wake?.()
  }
  #say(message: Told): void {
    this.#pending.set(`m${this.#next++}`, message)
    if (this.#next - this.#oldest <= this.#messagesMax) return
    this.#pending.delete(`m${this.#oldest++}`)
    this.#meters.dropped()
  }
  #change(event: Process.Event, change: Told): void {
    const key = `s${event.handle} ${Canonical.key(event.captures)}`
    // of two that wait, the one undoes the other
    if (!this.#pending.delete(key)) this.#pending.set(key, change)
  }
  end(): void {
    this.#isOver = true
    this.#wake?.()
  }

  /** All that waits, at least one; or the end. */
  readonly take: Effect.Effect<Some<Told>, Cause.Done> = Effect.suspend(() => {
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
  #drain(): Some<Told> {
    const all = [...this.#pending.values()]
    this.#pending.clear()
    this.#oldest = this.#next
    return all as unknown as Some<Told>
  }
}
