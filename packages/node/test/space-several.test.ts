/** Several questions in one stream, facts that are replaced, facts that are waited away, and what is seen from outside: spans and metrics. */
import { assert, describe, it } from "@effect/vitest"
import { Assertion, Pattern, Value } from "@colloquy/core"
import { Deferred, Effect, Exit, Fiber, Layer, Metric, Schema, Scope, Stream, Tracer } from "effect"
import { Host } from "../src/Host.ts"
import * as NodeLayers from "../src/Node.ts"
import * as Space from "../src/space/Space.ts"

const In = Assertion.record("in", { data: Schema.String })
const Eof = Assertion.record("eof", { at: Schema.Number })
const questions = { data: In.all, end: Eof.all, raw: Pattern.record("raw", Pattern.bind()) }

const behaviours = { echo: { initial: () => [0, []] as const, transition: () => [0, []] as const } }
const node = Layer.provideMerge(Space.Space.layer("s"), NodeLayers.layer({ id: "n", behaviours }))
const settled = (space: Space.Interface) => Effect.andThen(space.query(Pattern.record("never")), Effect.yieldNow)
const show = (change: Space.ChangeOf<typeof questions>): string => {
  switch (change.question) {
    case "data": return `${change._tag} data ${change.captures.data}`
    case "end": return `${change._tag} end ${change.captures.at}`
    case "raw": return `${change._tag} raw ${String(change.captures[0])}`
  }
}

describe("an observation of several questions", () => {
  it.effect("is told in the order in which it all happened, and of what stood before first", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const seen: Array<string> = []
    yield* space.assert(Eof({ at: 0 }))
    const note = Stream.runForEach(space.observe(questions), (change) => Effect.sync(() => void seen.push(show(change))))
    yield* Effect.forkScoped(note, { startImmediately: true })
    yield* space.send(In({ data: "a" }))
    yield* space.assert(Value.record("raw", 1))
    yield* space.send(In({ data: "b" }))
    yield* Effect.scoped(Effect.andThen(space.assert(Eof({ at: 2 })), settled(space)))
    yield* space.send(Value.record("raw", 2))
    yield* settled(space)

    assert.deepStrictEqual(seen, [
      "Added end 0", "Received data a", "Added raw 1", "Received data b", "Added end 2", "Removed end 2", "Received raw 2"
    ])
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.effect("coalesces each question's state, bounds messages together, and keeps the order of what is left", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const seen: Array<string> = []
    const go = yield* Deferred.make<void>()
    const started = yield* Deferred.make<void>()
    const both = { ...questions, again: Eof.with({ at: Pattern.bind }) }
    yield* Effect.forkScoped(Stream.runForEach(space.observe(both, { messagesMax: 2 }), (change) => Effect.andThen(
      Effect.sync(() => void seen.push(change.question === "again" ? `${change._tag} again ${change.captures.at}` : show(change))),
      seen.length === 0 ? Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(go)) : Effect.void
    )), { startImmediately: true })
    yield* space.send(In({ data: "first" }))
    yield* Deferred.await(started)
    yield* space.send(In({ data: "dropped" }))
    yield* Effect.scoped(space.assert(Eof({ at: 1 })))
    yield* space.send(Value.record("raw", 1))
    yield* space.assert(Eof({ at: 2 }))
    yield* space.send(In({ data: "kept" }))
    yield* space.assert(Value.record("raw", 3))
    yield* Deferred.succeed(go, undefined)
    yield* settled(space)

    assert.deepStrictEqual(seen, ["Received data first", "Received raw 1", "Added end 2", "Added again 2", "Received data kept", "Added raw 3"])
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.effect("may call its questions what a pattern and a question call their parts", () => Effect.gen(function*() {
    const space = yield* Space.Space
    yield* space.assert(Eof({ at: 1 }))
    const [change] = yield* space.observe({ _tag: Pattern.record("x"), decode: Eof.all, pattern: In.all }).pipe(Stream.take(1), Stream.runCollect)

    assert.deepStrictEqual(change, { _tag: "Added", question: "decode", captures: { _tag: "eof", at: 1 } })
  }).pipe(Effect.scoped, Effect.provide(node)))
})

describe("a fact that is replaced", () => {
  it.effect("is never seen to be missing or twice, and goes with its Scope", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const host = yield* Host
    const turns: Array<string> = []
    host.enter("s", "w", {
      deliver: (events) => { turns.push(events.map(({ _tag, captures }) => `${_tag} ${String(captures[0])}`).join(", ")) },
      exited: () => {}
    }, [{ _tag: "Assert", handle: 0, assertion: Value.record("Observe", Pattern.toValue(Pattern.record("eof", Pattern.bind()))) }])
    const scope = yield* Scope.make()
    const fact = yield* Scope.provide(space.assertRef(Eof({ at: 1 })), scope)
    yield* fact.set(Eof({ at: 2 }))
    yield* fact.set(Eof({ at: 2 }))
    yield* Scope.provide(space.assert(Eof({ at: 9 })), scope)
    const exit = yield* Effect.exit(fact.set((() => {}) as never))
    yield* Scope.close(scope, Exit.void)
    yield* fact.set(Eof({ at: 3 }))

    assert.deepStrictEqual(turns, ["Added 1", "Added 2, Removed 1", "Added 9", "Removed 2, Removed 9"])
    assert.isTrue(Exit.hasDies(exit))
  }).pipe(Effect.provide(node)))
})

describe("waiting for the absence of a fact", () => {
  it.effect("is over at once when nothing matches", () => Effect.gen(function*() {
    const space = yield* Space.Space
    yield* space.assert(Value.record("eof", "of another type"))

    assert.isUndefined(yield* space.waitForAbsence(Eof.all))
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.effect("is over when the last match goes, with its reason", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const held = yield* space.fork("holder", Effect.andThen(space.assert(Eof({ at: 1 })), Effect.never))
    const other = yield* space.fork("other", Effect.gen(function*() {
      const mine = yield* Space.Space
      yield* mine.assert(Eof({ at: 2 }))
      yield* mine.waitFor(Pattern.record("fail"))
      return yield* Effect.fail(new Error("enough"))
    }))
    const waiting = yield* Effect.forkScoped(space.waitForAbsence(Eof.all), { startImmediately: true })
    yield* Fiber.interrupt(held)
    yield* settled(space)
    assert.isUndefined(waiting.pollUnsafe())
    yield* space.send(Value.record("fail"))
    yield* Fiber.await(other)

    assert.deepStrictEqual(yield* Fiber.join(waiting), Value.record("failed", "enough"))
  }).pipe(Effect.scoped, Effect.provide(node)))
})

describe("what is seen of programs from outside", () => {
  it.effect("are spans, each with the name of the process", () => Effect.gen(function*() {
    const spans: Array<string> = []
    const tracer = Tracer.make({ span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      span.end = (...args) => {
        spans.push(`${span.name} of ${String(span.attributes.get("process"))}, ${span.status._tag === "Started" && args[1]._tag}`)
        end(...args)
      }
      return span
    } })
    yield* Effect.gen(function*() {
      const space = yield* Space.Space
      yield* Effect.scoped(Effect.gen(function*() {
        yield* space.during(Eof.all, () => Effect.void)
        yield* space.assert(Eof({ at: 1 }))
        yield* space.waitFor(Eof.all)
      }))
      yield* space.waitForAbsence(Eof.all)
      yield* space.spawn("echo", { behaviour: "echo", config: 0 })
      yield* Fiber.await(yield* space.fork("forked", Effect.void))
      yield* Fiber.await(yield* space.nested("room", Effect.fail("no")))
      yield* space.query(Eof.all)
    }).pipe(Effect.scoped, Effect.provide(node), Effect.withTracer(tracer))

    assert.deepStrictEqual(spans, [
      "Space.waitFor of program, Success", "Space.during of program, Failure", "Space.waitForAbsence of program, Success",
      "Space.spawn of program, Success", "Space.fork of forked, Success", "Space.nested of room, Failure", "Space.query of program, Success"
    ])
  }))

  it.effect("are numbers of what is held, observed and running, in the registry that is provided", () => Effect.gen(function*() {
    const registry: Metric.MetricRegistry = new Map()
    const numbers = () => Object.fromEntries([...registry.values()].filter(({ id }) => id.startsWith("colloquy_")).map(({ hooks, id }) => {
      const state = hooks.get(undefined as never) as { readonly value?: number; readonly count?: number }
      return [id.slice("colloquy_".length), state.value ?? state.count]
    }))
    yield* Effect.gen(function*() {
      const space = yield* Space.Space
      yield* Effect.scoped(Effect.gen(function*() {
        const fact = yield* space.assertRef(Eof({ at: 1 }))
        yield* fact.set(Eof({ at: 2 }))
        yield* space.assert(Value.record("eof", "of another type"))
        yield* space.fork("forked", Effect.andThen(Space.Space.use((mine) => mine.assert(Eof({ at: 3 }))), Effect.never))
        yield* space.during(Eof.all, () => Effect.void)
        yield* Effect.forkScoped(Stream.runDrain(space.observe({ one: Eof.all, two: In.all }, { messagesMax: 0 })), { startImmediately: true })
        yield* space.send(In({ data: "x" }))
        assert.deepStrictEqual(numbers(), { facts: 3, observations: 3, misfits: 2, runs: 2, messages_dropped: 1 })
      }))
      yield* settled(space)
    }).pipe(Effect.scoped, Effect.provide(node), Effect.provideService(Metric.MetricRegistry, registry))

    assert.deepStrictEqual(numbers(), { facts: 0, observations: 0, misfits: 2, runs: 0, messages_dropped: 1 })
  }))
})
