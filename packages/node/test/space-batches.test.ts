/** Many things in one turn: said together, held up together, and heard together. */
import { assert, describe, it } from "@effect/vitest"
import { Pattern, Value } from "@colloquy/core"
import { Effect, Exit, Layer, Scope, Stream } from "effect"
import * as NodeLayers from "../src/Node.ts"
import * as Space from "../src/space/Space.ts"

const node = Layer.provideMerge(Space.Space.layer("s"), NodeLayers.layer({ id: "n" }))
const settled = (space: Space.Interface) => Effect.andThen(space.query(Pattern.record("never")), Effect.yieldNow)
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => Value.record("f", from + i))
const anyF = Pattern.record("f", Pattern.bind())
/** What a stream hands over at one time, as numbers; what goes is negative. */
const chunksOf = Effect.fnUntraced(function*(space: Space.Interface, options?: Space.ObserveOptions) {
  const chunks: Array<ReadonlyArray<number>> = []
  const note = (chunk: ReadonlyArray<Space.Change>) => Effect.sync(() => {
    chunks.push(chunk.map(({ _tag, captures: [n] }) => _tag === "Removed" ? -(n as number) : n as number))
  })
  yield* Effect.forkScoped(Stream.runForEachArray(space.observe(anyF, options), note), { startImmediately: true })
  return chunks
})

describe("many things in one turn", () => {
  it.effect("are said in their order, and heard all at once by each observer", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const [one, other] = [yield* chunksOf(space), yield* chunksOf(space)]
    yield* space.sendAll(numbered(1, 4))
    yield* space.send(Value.record("f", 4))
    yield* space.sendAll([])
    yield* settled(space)

    assert.deepStrictEqual(one, [[1, 2, 3], [4]])
    assert.deepStrictEqual(other, one)
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.effect("are held up together, and go together when the Scope closes", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const chunks = yield* chunksOf(space)
    const scope = yield* Scope.make()
    yield* Scope.provide(space.assertAll(numbered(1, 3)), scope)
    yield* Scope.provide(space.assertAll([]), scope)
    yield* Scope.provide(space.assert(Value.record("f", 3)), scope)
    yield* Scope.close(scope, Exit.void)
    yield* Scope.provide(space.assertAll(numbered(7, 9)), scope)
    yield* settled(space)

    assert.deepStrictEqual(chunks, [[1, 2], [3], [-1, -2, -3]])
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.effect("are none at all when one of them is no value", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const chunks = yield* chunksOf(space)
    const wrong = [Value.record("f", 1), (() => {}) as unknown as Value.Value]
    const exits = [yield* Effect.exit(space.sendAll(wrong)), yield* Effect.exit(space.assertAll(wrong))]
    yield* space.send(Value.record("f", 2))
    yield* settled(space)

    assert.deepStrictEqual(exits.map(Exit.hasDies), [true, true])
    assert.deepStrictEqual(chunks, [[2]])
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.effect("are handed on before they are more than may wait, so that whoever keeps up misses nothing", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const [few, many] = [yield* chunksOf(space, { messagesMax: 2 }), yield* chunksOf(space)]
    yield* space.sendAll(numbered(0, 20_000))
    yield* settled(space)

    assert.deepStrictEqual(few.flat(), numbered(0, 20_000).map(({ fields }) => fields[0]))
    assert.deepStrictEqual(many.flat(), few.flat())
    assert.isBelow(many.length, 40)
  }).pipe(Effect.scoped, Effect.provide(node)))
})
