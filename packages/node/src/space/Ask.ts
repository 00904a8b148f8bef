/**
 * What a program asks of its dataspace: a stream of what comes and goes, an effect for each match, what
 * holds now, what will. Whoever waits when the process ends is interrupted, as by a queue that is shut down.
 */
import { Canonical, type Process, type Value } from "@colloquy/core"
import { Deferred, Effect, Result, type Scope, Stream, Tracer } from "effect"
import { Changes, defaultMessagesMax } from "./Changes.ts"
import type { Program } from "./Program.ts"
import { type Asked, type Change, isOne, patternOf, type Questions, type What } from "./Question.ts"
import { Runs } from "./Runs.ts"

/** What `Space.observe` can be told besides its question. */
export interface ObserveOptions {
  /** How many messages wait for a slow consumer; 16,384 unless said. */
  readonly messagesMax?: number
}

type Told = Change<any> & { readonly question?: string }

export const observe = (program: Program, asked: What | Questions, { messagesMax = defaultMessagesMax }: ObserveOptions = {}): Stream.Stream<Told> =>
  Stream.unwrap(Effect.suspend(() => {
    const changes = new Changes(messagesMax, program.meters, (run) => program.afterTurn(run))
    const listening = (what: What, named?: { readonly question?: string }) => ({
      pattern: patternOf(what),
      ear: (event: Process.Event) => {
        const answer = program.read(what, event)
        if (Result.isSuccess(answer)) changes.offer(event, answer.success, named)
      }
    })
    const all = isOne(asked) ? [listening(asked)] : Object.entries(asked).map(([question, what]) => listening(what, { question }))
    return Effect.as(program.listen(all, () => changes.end()), Stream.fromPull(Effect.succeed(changes.take)))
  }))

type Body<W extends What, E, R> = (captures: Asked<W>) => Effect.Effect<unknown, E, R>

export const during = <W extends What, E, R>(program: Program, what: W, effect: Body<W, E, R>) => Effect.gen(function*() {
  // a span costs as much as all the rest, so there is one only when somebody collects them
  const isTraced = (yield* Tracer.Tracer) !== Tracer.nativeTracer
  const body = (captures: Asked<W>) => {
    const run = Effect.scoped(Effect.andThen(Effect.suspend(() => effect(captures)), Effect.never))
    return (isTraced ? traced(program, "Space.during", run) : run) as Effect.Effect<never, unknown>
  }
  const fork = Effect.runForkWith(yield* Effect.context<Exclude<R, Scope.Scope>>())
  const runs = yield* Effect.acquireRelease(Effect.sync(() => new Runs(fork, program.meters.runs)), ({ close }) => close)
  yield* program.listenTo(what, (event) => {
    if (event._tag === "Removed") return runs.end(Canonical.key(event.captures))
    if (event._tag !== "Added") return
    const answer = program.read(what, event)
    if (Result.isSuccess(answer)) runs.begin(Canonical.key(event.captures), body(answer.success))
  })
})

/** What stands, kept current: by the key of its captures. */
type OnGone = (reason: Value.Value | undefined) => void
const standing = <W extends What>(program: Program, what: W, onGone: OnGone, onEnd?: () => void) => Effect.gen(function*() {
  const found = new Map<string, Asked<W>>()
  yield* program.listenTo(what, (event) => {
    const key = Canonical.key(event.captures)
    if (event._tag === "Removed" && found.delete(key)) onGone(event.reason)
    if (event._tag !== "Added") return
    const answer = program.read(what, event)
    if (Result.isSuccess(answer)) found.set(key, answer.success)
  }, onEnd)
  yield* program.place.sync
  yield* program.settled
  return found
})

export const query = <W extends What>(program: Program, what: W): Effect.Effect<ReadonlyArray<Asked<W>>> =>
  traced(program, "Space.query", Effect.scoped(Effect.map(standing(program, what, () => {}), (found) => [...found.values()])))

export const waitFor = <W extends What>(program: Program, what: W): Effect.Effect<Asked<W>> => {
  const wait = Effect.gen(function*() {
    const first = yield* Deferred.make<Asked<W>>()
    yield* program.listenTo(what, (event) => {
      if (event._tag === "Removed") return
      const answer = program.read(what, event)
      if (Result.isSuccess(answer)) Deferred.doneUnsafe(first, Effect.succeed(answer.success))
    }, () => Deferred.doneUnsafe(first, Effect.interrupt))
    return yield* Deferred.await(first)
  })
  return traced(program, "Space.waitFor", Effect.scoped(wait))
}

export const waitForAbsence = (program: Program, what: What): Effect.Effect<Value.Value | undefined> => {
  const wait = Effect.gen(function*() {
    const gone = yield* Deferred.make<Value.Value | undefined>()
    let last: Value.Value | undefined
    // not before it is known what stands
    let check = (): void => {}
    const found = yield* standing(program, what, (reason) => {
      last = reason
      check()
    }, () => Deferred.doneUnsafe(gone, Effect.interrupt))
    check = () => { if (found.size === 0) Deferred.doneUnsafe(gone, Effect.succeed(last)) }
    check()
    return yield* Deferred.await(gone)
  })
  return traced(program, "Space.waitForAbsence", Effect.scoped(wait))
}

/** A span that says whose it is. Without a stack: it would show this file. */
export const traced = <A, E, R>(program: Program, name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withSpan(effect, name, { attributes: { process: program.name }, captureStackTrace: false })
