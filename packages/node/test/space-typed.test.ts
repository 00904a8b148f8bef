/** Typed facts in a space, on two nodes joined in memory. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Assertion, Pattern, Value } from "@colloquy/core"
import { Effect, Fiber, Layer, Schema, Scope, Stream } from "effect"
import * as NodeLayers from "../src/Node.ts"
import * as Space from "../src/space/Space.ts"

const Present = Assertion.record("Present", { room: Schema.String, user: Schema.String })
const Count = Assertion.record("Count", { n: Schema.Number })

/** Two nodes of one network; the second reaches out to the first. */
const two = <A, E>(program: (a: Space.Interface, b: Space.Interface) => Effect.Effect<A, E, Scope.Scope>) => Effect.gen(function*() {
  const build = (name: string, uplinks: ReadonlyArray<string>) => Effect.map(
    Layer.build(Layer.provide(NodeLayers.scope("chat", { uplinks }), NodeLayers.layerMemory({ id: name, listen: [`memory:${name}`] }))),
    (context) => Space.Space.pipe(Effect.provideContext(context))
  )
  const a = yield* yield* build("typed-a", [])
  const b = yield* yield* build("typed-b", ["memory:typed-a"])
  // joined, once a fact of one is seen at the other
  yield* Effect.scoped(Effect.gen(function*() {
    yield* a.assert(Value.record("hello"))
    yield* b.waitFor(Pattern.record("hello"))
  }))
  return yield* program(a, b)
}).pipe(Effect.scoped)

describe("a typed space", () => {
  it.live("runs the sketch: who comes and goes, by name", () => two((a, b) => Effect.gen(function*() {
    const lines: Array<string> = []
    yield* b.during(Present.with({ room: "lobby", user: Pattern.bind }), ({ user }) => {
      expectTypeOf(user).toEqualTypeOf<string>()
      return Effect.acquireRelease(Effect.sync(() => lines.push(`${user} came`)), () => Effect.sync(() => lines.push(`${user} left`)))
    })
    yield* Effect.scoped(Effect.gen(function*() {
      yield* a.assert(Present({ room: "lobby", user: "ann" }))
      yield* a.assert(Present({ room: "kitchen", user: "bob" }))
      yield* b.waitFor(Present.with({ user: "ann" }))
    }))
    yield* a.assert(Value.record("done"))
    yield* b.waitFor(Pattern.record("done"))

    assert.deepStrictEqual(lines, ["ann came", "ann left"])
  })))
  it.live("answers a query from the peers as well, typed, and leaves out what does not fit", () => two((a, b) => Effect.gen(function*() {
    yield* a.assert(Count({ n: 1 }))
    yield* a.assert(Value.record("Count", "many"))
    yield* b.assert(Count({ n: 2 }))
    const found = yield* b.query(Count.with({ n: Pattern.bind }))
    expectTypeOf(found).toEqualTypeOf<ReadonlyArray<{ readonly n: number }>>()

    assert.deepStrictEqual(found.map(({ n }) => n).sort(), [1, 2])
    assert.deepStrictEqual(yield* b.query(Count.all).pipe(Effect.map((all) => all.map(({ _tag, n }) => `${_tag} ${n}`).sort())), ["Count 1", "Count 2"])
  })))
  it.live("gives a stream of typed changes, and no error to fail with", () => two((a, b) => Effect.gen(function*() {
    const changes = b.observe(Count.with({ n: Pattern.bind }))
    expectTypeOf(changes).toEqualTypeOf<Stream.Stream<Space.Change<{ readonly n: number }>>>()
    const first = yield* Effect.forkScoped(changes.pipe(Stream.take(2), Stream.runCollect), { startImmediately: true })
    yield* Effect.scoped(Effect.andThen(a.assert(Count({ n: 7 })), b.waitFor(Count.all)))

    assert.deepStrictEqual((yield* Fiber.join(first)).map(({ _tag, captures }) => `${_tag} ${captures.n}`), ["Added 7", "Removed 7"])
  })))
})
