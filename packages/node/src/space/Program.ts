/**
 * A program's presence in a dataspace: one external process of it, with the facts that it holds up and
 * what it listens to.
 *
 * A facet is a Scope: what was asserted in one goes when it closes, all in one turn, and after a
 * failure, an interruption or a defect with that as the reason. When the process has ended, by its own
 * will or because its dataspace did, it says and hears nothing, and who waits is told.
 */
import { type Pattern, Process, type Value } from "@colloquy/core"
import { type Context, Effect, Exit, Result, Scope } from "effect"
import * as Meters from "./Meters.ts"
import type { Place } from "./Place.ts"
import { type Asked, patternOf, read, type What } from "./Question.ts"
import * as Reason from "./Reason.ts"
import * as Sound from "./Sound.ts"

export type Ear = (event: Process.Event) => void

/** A fact that its holder replaces. */
export interface FactRef {
  /** Holds up this one instead, in one turn: nobody sees neither, or both. Does nothing when the Scope has closed. */
  readonly set: (fact: Value.Value) => Effect.Effect<void>
}

/** Something to listen to: what is said of `pattern` goes to `ear`. */
export interface Listening {
  readonly pattern: Pattern.Pattern
  readonly ear: Ear
}

interface Facet {
  readonly handles: Set<number>
  isClosed: boolean
}

export class Program {
  readonly place: Place
  readonly name: string
  readonly meters: Meters.Meters
  readonly #pid: string
  readonly #ears = new Map<Process.Handle, Ear>()
  /** Those who wait for something that will not come when the process has ended. */
  readonly #ends = new Set<() => void>()
  readonly #afterTurn: Array<() => void> = []
  readonly #facets = new WeakMap<Scope.Scope, Facet>()
  #handles = 0
  #facts = 0
  #isOver = false
  /** A name that is no text is a defect. */
  constructor(place: Place, name: string, context: Context.Context<never>) {
    this.place = place
    this.name = Sound.name(name)
    this.meters = Meters.make(context)
    this.#pid = place.enter(name, {
      deliver: (events) => {
        try {
          for (const event of events) this.#ears.get(event.handle)?.(event)
        } finally {
          for (let run = this.#afterTurn.shift(); run !== undefined; run = this.#afterTurn.shift()) run()
        }
      },
      exited: () => {
        this.#isOver = true
        this.#ears.clear()
        this.#count(-this.#facts)
        for (const end of [...this.#ends]) end()
      }
    })
  }
  get isOver(): boolean {
    return this.#isOver
  }
  leave(reason?: Value.Value): void {
    if (!this.#isOver) this.place.leave(this.#pid, reason)
  }
  perform(actions: ReadonlyArray<Process.Action>): void {
    if (!this.#isOver) this.place.perform(this.#pid, actions)
  }
  /** Calls back when the process ends, unless it is told before that this is no longer wanted. */
  onEnd(end: () => void): () => void {
    this.#ends.add(end)
    return () => void this.#ends.delete(end)
  }
  /** Runs something when all ears have heard of this turn; called within an ear. */
  afterTurn(run: () => void): void {
    this.#afterTurn.push(run)
  }
  nextHandle(): number {
    return ++this.#handles
  }
  hear(handle: Process.Handle, ear: Ear): void {
    this.#ears.set(handle, ear)
  }
  /** Says whether somebody did. */
  forget(handle: Process.Handle): boolean {
    return this.#ears.delete(handle)
  }

  // ---- facts ------------------------------------------------------------------------------------

  /** Holds a fact in the facet of the Scope, which withdraws all that it holds in one turn. */
  readonly assert = (fact: Value.Value): Effect.Effect<void, never, Scope.Scope> =>
    Effect.flatMap(this.#facet, (facet) => Effect.sync(() => void this.#hold(facet, [fact])))
  /** Several, in one turn. */
  readonly assertAll = (facts: ReadonlyArray<Value.Value>): Effect.Effect<void, never, Scope.Scope> =>
    Effect.flatMap(this.#facet, (facet) => Effect.sync(() => void this.#hold(facet, facts)))

  readonly assertRef = (fact: Value.Value): Effect.Effect<FactRef, never, Scope.Scope> =>
    Effect.flatMap(this.#facet, (facet) => Effect.sync(() => {
      const handle = this.#hold(facet, [fact])
      const set = (next: Value.Value) => Effect.sync(() => {
        const sound = Sound.value(next)
        if (!facet.isClosed) this.perform([Process.assert(handle, sound)])
      })
      return { set }
    }))

  /** The facet of the Scope, which closes with it. */
  readonly #facet: Effect.Effect<Facet, never, Scope.Scope> = Effect.flatMap(Effect.scope, (scope) => {
    const known = this.#facets.get(scope)
    if (known !== undefined) return Effect.succeed(known)
    const facet: Facet = { handles: new Set(), isClosed: false }
    this.#facets.set(scope, facet)
    // before there is anything to withdraw, so that an interruption in between leaves nothing
    return Effect.as(Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => this.#close(facet, exit))), facet)
  })
  /** The handle of the first; the others have those behind it. When one of them is no value, none is held. */
  #hold(facet: Facet, facts: ReadonlyArray<Value.Value>): number {
    const first = this.#handles + 1
    const actions = facts.map((fact) => Process.assert(this.nextHandle(), Sound.value(fact)))
    if (facet.isClosed || this.#isOver || actions.length === 0) return first
    for (let handle = first; handle <= this.#handles; handle++) facet.handles.add(handle)
    this.#count(actions.length)
    this.perform(actions)
    return first
  }
  #close(facet: Facet, exit: Exit.Exit<unknown, unknown>): void {
    facet.isClosed = true
    if (this.#isOver) return
    const reason = Exit.isSuccess(exit) ? undefined : Reason.of(exit)
    this.#count(-facet.handles.size)
    this.perform(Array.from(facet.handles, (handle) => Process.retract(handle, reason)))
  }
  #count(change: number): void {
    this.#facts += change
    this.meters.facts(change)
  }

  // ---- questions --------------------------------------------------------------------------------

  /** Observes for as long as the Scope is open; `onEnd` is called when the process ends before that. */
  readonly listen = (to: ReadonlyArray<Listening>, onEnd: () => void = () => {}): Effect.Effect<void, never, Scope.Scope> =>
    Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const actions = to.map(({ pattern }) => Sound.observation(this.nextHandle(), pattern))
        const handles = actions.map((action) => (action as Extract<Process.Action, { readonly _tag: "Assert" }>).handle)
        const forgetEnd = this.onEnd(onEnd)
        this.meters.observations(to.length)
        for (const [i, { ear }] of to.entries()) this.hear(handles[i]!, ear)
        if (this.#isOver) onEnd()
        else this.perform(actions)
        return { handles, forgetEnd }
      }),
      ({ forgetEnd, handles }) => Effect.sync(() => {
        forgetEnd()
        this.meters.observations(-to.length)
        const stop = handles.filter((handle) => this.forget(handle)).map((handle) => Process.retract(handle))
        if (stop.length > 0) this.perform(stop)
      })
    ))

  /** What the captures of an event are an answer of, if they are one. What is said to be gone was looked at when it came. */
  readonly read = <W extends What>(what: W, { _tag, captures }: Process.Event): Result.Result<Asked<W>, unknown> => {
    const answer = read(what, captures)
    if (Result.isFailure(answer) && _tag !== "Removed") this.meters.misfit()
    return answer
  }
  readonly listenTo = (what: What, ear: Ear, onEnd?: () => void) => this.listen([{ pattern: patternOf(what), ear }], onEnd)

  /** All that this process did so far has been dealt with. */
  readonly settled: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.#isOver) return resume(Effect.void)
    const handle = this.nextHandle()
    const forgetEnd = this.onEnd(() => done())
    const forget = () => {
      this.forget(handle)
      forgetEnd()
    }
    const done = () => {
      forget()
      resume(Effect.void)
    }
    this.hear(handle, done)
    this.perform([{ _tag: "Yield", handle }])
    return Effect.sync(forget)
  })
}
