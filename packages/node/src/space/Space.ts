/**
 * A dataspace, as a program sees it: facts that live as long as their Scope, messages, and what matches
 * a pattern. Each `Space` is one external process of its dataspace.
 *
 * A facet is a Scope: what was asserted in one goes when it closes, all in one turn, and after a
 * failure, an interruption or a defect with that as the reason (`<failed text>`, `<interrupted>`, `<crash text>`).
 *
 * Whose fault: what is no value, pattern or name, or is larger than 4 MiB, is a defect of the fiber that
 * said it, and harms nobody else. A Space whose Scope or nested dataspace has ended says nothing more,
 * its streams end, and whoever waits for an answer of it is interrupted, as by a queue that is shut down.
 *
 * In a trace: `Space.fork`, `Space.nested`, `Space.spawn`, `Space.query`, `Space.waitFor`,
 * `Space.waitForAbsence`, and where a tracer is provided `Space.during` for each run; `process` is the
 * process's name. `Meters.ts` has the metrics.
 */
import { type Node, Process, type Value } from "@colloquy/core"
import { Context, Effect, type Fiber, Layer, type Scope, type Stream } from "effect"
import { Host } from "../Host.ts"
import * as Ask from "./Ask.ts"
import * as HostPlace from "./HostPlace.ts"
import * as NestedPlace from "./NestedPlace.ts"
import type { Place } from "./Place.ts"
import { type FactRef, Program } from "./Program.ts"
import type { Asked, Change, ChangeOf, Questions, What } from "./Question.ts"
import * as Reason from "./Reason.ts"
import * as Sound from "./Sound.ts"
import { spawn, type SpawnFailed } from "./Spawn.ts"

export type { ObserveOptions } from "./Ask.ts"
export type { FactRef } from "./Program.ts"
export type { Asked, Change, ChangeOf, Question, Questions, What } from "./Question.ts"
export { SpawnFailed } from "./Spawn.ts"

/** The fiber of a program with a Space of its own: it needs what the program needs besides, and ends with the Scope. */
export type Forked<A, E, R> = Effect.Effect<Fiber.Fiber<A, E>, never, Exclude<R, Space | Scope.Scope> | Scope.Scope>

/** What a program can do in its dataspace. */
export interface Interface {
  /** The dataspace itself, for drivers: they enter it as processes of their own. */
  readonly place: Place
  /** Holds a fact up until the Scope closes. */
  readonly assert: (fact: Value.Value) => Effect.Effect<void, never, Scope.Scope>
  /** Holds up several in one turn: who sees one of them sees all. */
  readonly assertAll: (facts: ReadonlyArray<Value.Value>) => Effect.Effect<void, never, Scope.Scope>
  /** The same for a fact that changes: `set` replaces it, and nobody ever sees neither or both. */
  readonly assertRef: (fact: Value.Value) => Effect.Effect<FactRef, never, Scope.Scope>
  /** Says it once, to those who observe it now. */
  readonly send: (body: Value.Value) => Effect.Effect<void>
  /** Says several things in one turn, in this order. Who has many to say is heard several times as fast as by `send` of each. */
  readonly sendAll: (bodies: ReadonlyArray<Value.Value>) => Effect.Effect<void>
  /**
   * What comes, goes and is said, from now on; what stands already comes first. For a consumer that is
   * slow, state coalesces, and of messages the newest `messagesMax` (16,384) are kept: `Changes` has it.
   *
   * Of several questions, given by name, in one stream: each change says in `question` which it answers,
   * all in the order in which they happened.
   */
  readonly observe: {
    <W extends What>(what: W, options?: Ask.ObserveOptions): Stream.Stream<Change<Asked<W>>>
    <const Q extends Questions>(questions: Q, options?: Ask.ObserveOptions): Stream.Stream<ChangeOf<Q>>
  }
  /**
   * Runs `effect` for each match, in a Scope of its own that closes when the match goes. One that fails
   * is logged, and not run again for this match. Of one match, the next begins when the last is over.
   */
  readonly during: <W extends What, E, R>(
    what: W,
    effect: (captures: Asked<W>) => Effect.Effect<unknown, E, R>
  ) => Effect.Effect<void, never, Exclude<R, Scope.Scope> | Scope.Scope>
  /**
   * What matches now: all that stands here, and what the peers that this node is linked to in the scope
   * know of it when they are asked. They answer for their own dataspace, and for others as far as
   * somebody observes this very pattern through them already; beyond that the question goes on, and the
   * answer does not wait. So in a network of several hops, observe first, or `waitFor` what you miss.
   * A peer that is silent for five seconds is not waited for.
   */
  readonly query: <W extends What>(what: W) => Effect.Effect<ReadonlyArray<Asked<W>>>
  /** The first match: one that stands, or else the next fact or message. */
  readonly waitFor: <W extends What>(what: W) => Effect.Effect<Asked<W>>
  /** Nothing matches: now, as `query` knows it, or else when the last match has gone, with the reason that was given for it. */
  readonly waitForAbsence: (what: What) => Effect.Effect<Value.Value | undefined>
  /** Runs a pure process in the dataspace, and gives its number. It lives until it quits. */
  readonly spawn: (name: string, process: Process.Process) => Effect.Effect<Process.Pid, SpawnFailed>
  /**
   * Runs a program as a process of its own, with a `Space` of its own in the same dataspace. However it
   * ends, all that it asserted goes in one turn, for a reason: `true`, `<failed text>`, `<interrupted>` or `<crash text>`.
   */
  readonly fork: <A, E, R>(name: string, program: Effect.Effect<A, E, R>) => Forked<A, E, R>
  /**
   * As `fork`, in a dataspace nested in this one: `<outbound v>` and `<inbound p>` cross. It ends with its
   * last process, and when it is ended from within or without, its programs are interrupted.
   */
  readonly nested: <A, E, R>(name: string, program: Effect.Effect<A, E, R>) => Forked<A, E, R>
}

/** `yield* Space` gives a program its dataspace; `Space.layer`, `Node.scope`, `fork` and `nested` provide one. */
export class Space extends Context.Service<Space, Interface>()("@colloquy/node/Space") {
  /** A program's view of one dataspace of its node; `null` is the management dataspace. */
  static readonly layer = (space: Node.Space, name = "program"): Layer.Layer<Space, never, Host> =>
    Layer.effect(Space, make(space, name))
}

/** A program of its own in a dataspace of the node, until the Scope closes. */
export const make = (space: Node.Space, name = "program"): Effect.Effect<Interface, never, Host | Scope.Scope> =>
  Effect.flatMap(Host, (host) => at(HostPlace.make(host, space), name))

/** The same in any place. */
export const at = (place: Place, name: string): Effect.Effect<Interface, never, Scope.Scope> =>
  Effect.map(Effect.acquireRelease(enter(() => place, name), (program) => Effect.sync(() => program.leave())), interfaceOf)

const enter = (place: () => Place, name: string): Effect.Effect<Program> =>
  Effect.contextWith((context: Context.Context<never>) => Effect.sync(() => new Program(place(), name, context)))

/** What a program has of its dataspace. */
const interfaceOf = (program: Program): Interface => ({
  place: program.place,
  assert: program.assert,
  assertAll: program.assertAll,
  assertRef: program.assertRef,
  send: (body) => Effect.sync(() => program.perform([Process.send(Sound.value(body))])),
  sendAll: (bodies) => Effect.sync(() => program.perform(bodies.map((body) => Process.send(Sound.value(body))))),
  observe: ((asked: What | Questions, options?: Ask.ObserveOptions) => Ask.observe(program, asked, options)) as Interface["observe"],
  during: (what, effect) => Ask.during(program, what, effect),
  query: (what) => Ask.query(program, what),
  waitFor: (what) => Ask.waitFor(program, what),
  waitForAbsence: (what) => Ask.waitForAbsence(program, what),
  spawn: (name, process) => Ask.traced(program, "Space.spawn", spawn(program, name, process)),
  fork: (name, effect) => forkAt("Space.fork", () => program.place, name, effect),
  nested: (name, effect) => forkAt("Space.nested", () => NestedPlace.make(program.place, Sound.name(name)), name, effect)
})

const forkAt = <A, E, R>(span: string, place: () => Place, name: string, effect: Effect.Effect<A, E, R>) => {
  const run = Effect.acquireUseRelease(
    enter(place, name),
    (program) => {
      const running = interruptedAtEnd(program, Effect.provideService(effect, Space, interfaceOf(program)))
      // before its Scope closes: what goes, goes in this turn
      return Effect.scoped(Effect.onExit(running, (exit) => Effect.sync(() => program.leave(Reason.of(exit)))))
    },
    (program, exit) => Effect.sync(() => program.leave(Reason.of(exit)))
  )
  const traced = Effect.withSpan(run, span, { attributes: { process: name }, captureStackTrace: false })
  return Effect.forkScoped(traced, { startImmediately: true }) as Forked<A, E, R>
}

/** When its dataspace is no more, a program has nowhere to be. */
const interruptedAtEnd = <A, E, R>(program: Program, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => Effect.withFiber((fiber) => {
  if (program.isOver) return Effect.interrupt
  const forget = program.onEnd(() => fiber.interruptUnsafe())
  return Effect.ensuring(effect, Effect.sync(forget))
})
