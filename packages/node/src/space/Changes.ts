/**
 * What an observation was told and nobody has taken yet, of one question or of several, in the order in
 * which it happened. State coalesces: a fact that came and went meanwhile is no news, nor is one that
 * went and came back, so no more is kept than stands or stood. Messages are kept up to a number; then
 * the oldest goes, and is counted (`colloquy_messages_dropped`). What is kept stays in its order.
 *
 * Who waits is woken at the end of the turn that has news, and takes all of it at once: to wake a fiber
 * costs as much as to tell of ten messages.
 */
import { Canonical, type Process } from "@colloquy/core"
import { Array as Arr, Cause, Effect } from "effect"
import type { Meters } from "./Meters.ts"
import type { Change } from "./Question.ts"

/** How many messages wait for a slow consumer. */
export const defaultMessagesMax = 16_384 // a guess: some megabytes of what people say
/** Who waits does so for no more than this, however long the turn: a turn of many messages must not drop those that nobody could take. */
const chunkMax = 1_024 // a guess: a fiber is nothing beside them

type Some<A> = Arr.NonEmptyReadonlyArray<A>
/** With the name of the question, when there are several. */
type Told = Change<unknown> & { readonly question?: string }

export class Changes {
  readonly #messagesMax: number
  readonly #meters: Meters
  readonly #afterTurn: (run: () => void) => void
  /** In the order in which they were told, with gaps where something became void. */
  #told: Array<Told | undefined> = []
  /** What each of them was; and where the news of a fact is, in that order: of the first `#indexed`, since a key costs more than all the rest. */
  #events: Array<Process.Event> = []
  readonly #facts = new Map<string, number>()
  #indexed = 0
  /** How many are no gaps, and how many of them are messages; none of those is before `#oldest`. */
  #count = 0
  #messages = 0
  #oldest = 0
  #wake: (() => void) | undefined
  #isDue = false
  #isOver = false
  /** `afterTurn` runs something at the end of the turn in which this is told. */
  constructor(messagesMax: number, meters: Meters, afterTurn: (run: () => void) => void) {
    this.#messagesMax = messagesMax
    this.#meters = meters
    this.#afterTurn = afterTurn
  }

  /** An event of the question that `handle` observes, and what its captures are. */
  offer(event: Process.Event, captures: unknown, named: { readonly question?: string } | undefined): void {
    switch (event._tag) {
      case "Received": this.#say(event, named === undefined ? { _tag: "Received", captures } : { _tag: "Received", captures, ...named }); break
      case "Added": this.#change(event, { _tag: "Added", captures, ...named }); break
      case "Removed": this.#change(event, { _tag: "Removed", captures, reason: event.reason, ...named }); break
      default: return
    }
    if (this.#wake === undefined) return
    if (this.#count >= Math.min(chunkMax, this.#messagesMax)) return this.#wake()
    if (this.#isDue) return
    this.#isDue = true
    this.#afterTurn(() => {
      this.#isDue = false
      if (this.#count > 0) this.#wake?.()
    })
  }
  #push(event: Process.Event, told: Told): void {
    this.#told.push(told)
    this.#events.push(event)
    this.#count++
  }
  #say(event: Process.Event, message: Told): void {
    this.#push(event, message)
    if (++this.#messages <= this.#messagesMax) return
    while (this.#told[this.#oldest]?._tag !== "Received") this.#oldest++
    this.#messages--
    this.#void(this.#oldest)
    this.#meters.dropped()
  }
  #change(event: Process.Event, change: Told): void {
    // while somebody waits, all that is here is of this turn, and no turn tells of a fact twice
    const at = this.#wake === undefined ? this.#takenBack(event) : undefined
    if (at === undefined) this.#push(event, change)
    // of two that wait, the one undoes the other
    else this.#void(at)
  }
  /** Where the news is that an event takes back, which is then forgotten. */
  #takenBack(event: Process.Event): number | undefined {
    for (; this.#indexed < this.#told.length; this.#indexed++) {
      const one = this.#told[this.#indexed]
      if (one !== undefined && one._tag !== "Received") this.#facts.set(keyOf(this.#events[this.#indexed]!), this.#indexed)
    }
    const key = keyOf(event)
    const at = this.#facts.get(key)
    if (at !== undefined) this.#facts.delete(key)
    return at
  }
  #void(at: number): void {
    this.#told[at] = undefined
    this.#count--
    if (this.#told.length > 2 * this.#count + chunkMax) this.#tidy()
  }
  /** Without the gaps, which else would be as many as there ever was news. */
  #tidy(): void {
    const kept = this.#told.flatMap((one, at) => one === undefined ? [] : [at])
    this.#told = kept.map((at) => this.#told[at])
    this.#events = kept.map((at) => this.#events[at]!)
    this.#facts.clear()
    this.#indexed = this.#oldest = 0
  }
  end(): void {
    this.#isOver = true
    this.#wake?.()
  }

  /** All that waits, at least one; or the end. */
  readonly take: Effect.Effect<Some<Told>, Cause.Done> = Effect.suspend(() => {
    const all = this.#drain()
    if (Arr.isReadonlyArrayNonEmpty(all)) return Effect.succeed(all)
    return this.#isOver ? Cause.done() : this.#next
  })
  /** Woken, it has what it waited for: to look again would be two more steps of the fiber. */
  readonly #next: Effect.Effect<Some<Told>, Cause.Done> = Effect.callback((resume) => {
    this.#wake = () => {
      this.#wake = undefined
      const all = this.#drain()
      resume(Arr.isReadonlyArrayNonEmpty(all) ? Effect.succeed(all) : this.take)
    }
    return Effect.sync(() => { this.#wake = undefined })
  })
  /** What waits, without the gaps. */
  #drain(): ReadonlyArray<Told> {
    const all = this.#told.filter((one) => one !== undefined)
    this.#told = []
    this.#events = []
    this.#facts.clear()
    this.#count = this.#messages = this.#oldest = this.#indexed = 0
    return all
  }
}

const keyOf = ({ captures, handle }: Process.Event): string => `${handle} ${Canonical.key(captures)}`
