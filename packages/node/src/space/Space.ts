/**
 * A dataspace, as a program sees it: facts that live as long as their Scope, messages, and what matches
 * a pattern. Each `Space` is one external process of its dataspace.
 *
 * A facet is a Scope: what was asserted in one goes when it closes, all in one turn, and after a
 * failure, an interruption or a defect with that as the reason (`<failed text>`, `<interrupted>`, `<crash text>`).
 */
import { Canonical, type Node, Pattern, Process, Text, Value } from "@colloquy/core"
import { Cause, Context, Data, Effect, Exit, Fiber, FiberSet, Layer, Result, Scope, Stream } from "effect"
import { Host } from "../Host.ts"
import { Changes, defaultMessagesMax } from "./Changes.ts"
import * as HostPlace from "./HostPlace.ts"
import * as NestedPlace from "./NestedPlace.ts"
import type { Place } from "./Place.ts"
import { type Asked, type Change, patternOf, read, type What } from "./Question.ts"

export type { Asked, Change, Question, What } from "./Question.ts"

/** A pure process was spawned and ended at once. */
export class SpawnFailed extends Data.TaggedError("SpawnFailed")<{ readonly name: string; readonly reason: Value.Value }> {
  override get message() {
    return `${this.name} ended at its start: ${Text.print(this.reason)}`
  }
}

export interface Interface {
  /** The dataspace itself, for drivers: they enter it as processes of their own. */
  readonly place: Place
  /** Holds a fact up until the Scope closes. A value that is none is a defect. */
  readonly assert: (fact: Value.Value) => Effect.Effect<void, never, Scope.Scope>
  /** Says it once, to those who observe it now. */
  readonly send: (body: Value.Value) => Effect.Effect<void>
  /**
   * What comes, goes and is said, from now on; what stands already comes first. For a consumer that is
   * slow, state coalesces, and of messages the newest `messagesMax` (16,384) are kept: `Changes` has it.
   */
  readonly observe: <W extends What>(what: W, options?: { readonly messagesMax?: number }) => Stream.Stream<Change<Asked<W>>>
  /**
   * Runs `effect` for each match, in a Scope of its own that closes when the match goes. One that fails
   * is logged, and not run again for this match. Of one match, the next begins when the last is over.
   */
  readonly during: <W extends What, E, R>(
    what: W,
    effect: (captures: Asked<W>) => Effect.Effect<unknown, E, R>
  ) => Effect.Effect<void, never, Exclude<R, Scope.Scope> | Scope.Scope>
  /** What matches now: here, and at the peers of this scope, as far as they know. */
  readonly query: <W extends What>(what: W) => Effect.Effect<ReadonlyArray<Asked<W>>>
  /** The first match: one that stands, or else the next fact or message. */
  readonly waitFor: <W extends What>(what: W) => Effect.Effect<Asked<W>>
  /** Runs a pure process in the dataspace, and gives its number. It lives until it quits. */
  readonly spawn: (name: string, process: Process.Process) => Effect.Effect<Process.Pid, SpawnFailed>
  /**
   * Runs a program as a process of its own, with a `Space` of its own in the same dataspace. However it
   * ends, all that it asserted goes in one turn, for a reason: `true`, `<failed text>`, `<interrupted>` or `<crash text>`.
   */
  readonly fork: <A, E, R>(name: string, program: Effect.Effect<A, E, R>) => Effect.Effect<Fiber.Fiber<A, E>, never, Exclude<R, Space | Scope.Scope> | Scope.Scope>
  /** As `fork`, in a dataspace nested in this one: `<outbound v>` and `<inbound p>` cross. It ends with its last process. */
  readonly nested: <A, E, R>(name: string, program: Effect.Effect<A, E, R>) => Effect.Effect<Fiber.Fiber<A, E>, never, Exclude<R, Space | Scope.Scope> | Scope.Scope>
}

export class Space extends Context.Service<Space, Interface>()("@colloquy/node/Space") {
  /** A program's view of one dataspace of its node; `null` is the management dataspace. */
  static readonly layer = (space: Node.Space, name = "program"): Layer.Layer<Space, never, Host> =>
    Layer.effect(Space, make(space, name))
}

/** A program of its own in a dataspace of the node, until the Scope closes. */
export const make = (space: Node.Space, name = "program"): Effect.Effect<Interface, never, Host | Scope.Scope> =>
  Effect.flatMap(Host, (host) => at(HostPlace.make(host, space), name))

/** The same in any place. */
export const at = Effect.fnUntraced(function*(place: Place, name: string) {
  const program = new Program(place, name)
  yield* Effect.addFinalizer(() => Effect.sync(() => program.leave()))
  return program.space
})

/** Why a program's facts are gone. */
const reasonOf = (exit: Exit.Exit<unknown, unknown>): Value.Value => {
  if (Exit.isSuccess(exit)) return true
  if (Cause.hasInterruptsOnly(exit.cause)) return Value.record("interrupted")
  const error = Cause.squash(exit.cause)
  const text = (error instanceof Error ? error.message || error.name : String(error)).slice(0, 1_000).replace(/\p{Surrogate}/gu, "\ufffd")
  return Value.record(Cause.hasFails(exit.cause) ? "failed" : "crash", text)
}

type Ear = (event: Process.Event) => void
interface Facet {
  readonly handles: Set<number>
  isClosed: boolean
}

class Program {
  readonly #place: Place
  readonly #pid: string
  readonly #ears = new Map<Process.Handle, Ear>()
  /** Those who wait for something that will not come when the process has ended. */
  readonly #ends = new Set<() => void>()
  readonly #facets = new WeakMap<Scope.Scope, Facet>()
  #handles = 0
  #isOver = false
  constructor(place: Place, name: string) {
    this.#place = place
    this.#pid = place.enter(name, {
      deliver: (events) => { for (const event of events) this.#ears.get(event.handle)?.(event) },
      exited: () => {
        this.#isOver = true
        this.#ears.clear()
        for (const end of [...this.#ends]) end()
      }
    })
  }
  leave(reason?: Value.Value): void {
    this.#place.leave(this.#pid, reason)
  }
  #perform(...actions: ReadonlyArray<Process.Action>): void {
    this.#place.perform(this.#pid, actions)
  }

  /** Holds a fact in the facet of the Scope, which withdraws all that it holds in one turn. */
  readonly #assert = (fact: Value.Value): Effect.Effect<void, never, Scope.Scope> => Effect.flatMap(Effect.scope, (scope) => {
    const known = this.#facets.get(scope)
    if (known !== undefined) return this.#hold(known, fact)
    const facet: Facet = { handles: new Set(), isClosed: false }
    this.#facets.set(scope, facet)
    const close = (exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => {
      facet.isClosed = true
      const reason = Exit.isSuccess(exit) ? undefined : reasonOf(exit)
      this.#place.perform(this.#pid, Array.from(facet.handles, (handle) => Process.retract(handle, reason)))
    })
    // before there is anything to withdraw, so that an interruption in between leaves nothing
    return Effect.andThen(Scope.addFinalizerExit(scope, close), this.#hold(facet, fact))
  })
  #hold(facet: Facet, fact: Value.Value): Effect.Effect<void> {
    return Effect.sync(() => {
      if (facet.isClosed) return
      const handle = ++this.#handles
      facet.handles.add(handle)
      this.#perform(Process.assert(handle, fact))
    })
  }

  /** Observes for as long as the Scope is open; `onEnd` is called when the process ends before that. */
  #listen(what: What, ear: Ear, onEnd: () => void = () => {}): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const handle = ++this.#handles
        this.#ends.add(onEnd)
        this.#ears.set(handle, ear)
        if (this.#isOver) onEnd()
        else this.#perform(Process.observe(handle, patternOf(what)))
        return handle
      }),
      (handle) => Effect.sync(() => {
        this.#ends.delete(onEnd)
        if (this.#ears.delete(handle)) this.#perform(Process.retract(handle))
      })
    ))
  }

  readonly #observe = <W extends What>(what: W, { messagesMax = defaultMessagesMax }: { readonly messagesMax?: number } = {}): Stream.Stream<Change<Asked<W>>> =>
    Stream.unwrap(Effect.suspend(() => {
      const changes = new Changes(what, messagesMax)
      return Effect.as(this.#listen(what, (event) => changes.offer(event), () => changes.end()), Stream.fromPull(Effect.succeed(changes.take)))
    }))

  readonly #during = <W extends What, E, R>(what: W, effect: (captures: Asked<W>) => Effect.Effect<unknown, E, R>) => Effect.gen({ self: this }, function*() {
    const run = yield* FiberSet.makeRuntime<Exclude<R, Scope.Scope>>()
    // an effect may close our Scope before its fiber is in the set
    let isClosed = false
    yield* Effect.addFinalizer(() => Effect.sync(() => { isClosed = true }))
    const running = new Map<string, Fiber.Fiber<void>>()
    yield* this.#listen(what, (event) => {
      if (event._tag !== "Added" && event._tag !== "Removed") return
      const key = Canonical.key(event.captures)
      const last = running.get(key)
      if (event._tag === "Removed") return last?.interruptUnsafe()
      const answer = read(what, event.captures)
      if (Result.isFailure(answer)) return
      const body = Effect.scoped(Effect.andThen(effect(answer.success), Effect.never)).pipe(
        Effect.catchCause((cause) => Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("what runs during a fact failed", cause))
      )
      const after = last === undefined ? body : Effect.andThen(Effect.uninterruptible(Fiber.await(last)), body)
      const fiber = run(after as Effect.Effect<void, never, Exclude<R, Scope.Scope>>)
      if (isClosed) return fiber.interruptUnsafe()
      running.set(key, fiber)
      fiber.addObserver(() => { if (running.get(key) === fiber) running.delete(key) })
    })
  }) as Effect.Effect<void, never, Exclude<R, Scope.Scope> | Scope.Scope>

  readonly #query = <W extends What>(what: W): Effect.Effect<ReadonlyArray<Asked<W>>> => Effect.scoped(Effect.gen({ self: this }, function*() {
    const found = new Map<string, Asked<W>>()
    yield* this.#listen(what, (event) => {
      const key = Canonical.key(event.captures)
      if (event._tag === "Removed") found.delete(key)
      if (event._tag !== "Added") return
      const answer = read(what, event.captures)
      if (Result.isSuccess(answer)) found.set(key, answer.success)
    })
    yield* this.#place.sync
    yield* this.#settled()
    return [...found.values()]
  })).pipe(Effect.withSpan("Space.query"))
  /** All that this process did so far has been dealt with. */
  readonly #settled = (): Effect.Effect<void> => Effect.callback((resume) => {
    const handle = ++this.#handles
    const done = () => {
      this.#ears.delete(handle)
      this.#ends.delete(done)
      resume(Effect.void)
    }
    if (this.#isOver) return resume(Effect.void)
    this.#ears.set(handle, done)
    this.#ends.add(done)
    this.#perform({ _tag: "Yield", handle })
    return Effect.sync(() => {
      this.#ears.delete(handle)
      this.#ends.delete(done)
    })
  })

  readonly #waitFor = <W extends What>(what: W): Effect.Effect<Asked<W>> => this.#observe(what).pipe(
    Stream.filter(({ _tag }) => _tag !== "Removed"),
    Stream.take(1),
    Stream.runCollect,
    Effect.flatMap(([first]) => first === undefined ? Effect.interrupt : Effect.succeed(first.captures))
  )

  readonly #spawn = (name: string, process: Process.Process): Effect.Effect<Process.Pid, SpawnFailed> => Effect.callback((resume) => {
    const handle = ++this.#handles
    const exits = ++this.#handles
    const ended = new Map<Process.Pid, Value.Value>()
    const exited = Pattern.record("exited", Pattern.literal(name), Pattern.bind(), Pattern.bind())
    const forget = () => {
      this.#ears.delete(handle)
      if (this.#ears.delete(exits)) this.#perform(Process.retract(exits))
    }
    let child: Process.Pid | undefined
    this.#ears.set(exits, ({ captures: [pid, reason] }) => ended.set(pid as Process.Pid, reason!))
    this.#ears.set(handle, (event) => {
      if (event._tag === "Spawned") {
        child = event.captures[0] as Process.Pid
        return
      }
      // all that the turn told has been told
      forget()
      const reason = ended.get(child!)
      resume(reason === undefined ? Effect.succeed(child!) : Effect.fail(new SpawnFailed({ name, reason })))
    })
    this.#perform(Process.observe(exits, exited), Process.spawn(name, process, handle), { _tag: "Yield", handle })
    return Effect.sync(forget)
  })

  #forkAt<A, E, R>(place: Place, name: string, program: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, Exclude<R, Space | Scope.Scope> | Scope.Scope> {
    const run = Effect.scoped(Effect.suspend(() => {
      const child = new Program(place, name)
      return program.pipe(
        Effect.provideService(Space, child.space),
        // before its Scopes close: what goes, goes with this reason
        Effect.onExit((exit) => Effect.sync(() => child.leave(reasonOf(exit))))
      )
    })).pipe(Effect.withSpan("Space.fork", { attributes: { process: name } }))
    return Effect.forkScoped(run, { startImmediately: true }) as Effect.Effect<Fiber.Fiber<A, E>, never, Exclude<R, Space | Scope.Scope> | Scope.Scope>
  }

  /** What the program has of it. */
  get space(): Interface {
    return {
      place: this.#place,
      assert: this.#assert,
      send: (body) => Effect.sync(() => this.#perform(Process.send(body))),
      observe: this.#observe,
      during: this.#during,
      query: this.#query,
      waitFor: this.#waitFor,
      spawn: this.#spawn,
      fork: (name, program) => this.#forkAt(this.#place, name, program),
      nested: (name, program) => Effect.suspend(() => this.#forkAt(NestedPlace.make(this.#place, name), name, program))
    }
  }
}
