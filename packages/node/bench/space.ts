/**
 * What the Effect API costs: a fact that comes and goes, alone and with an effect that runs during it,
 * and the memory of a million facts held through it. The yardstick of the run is Effect itself: the
 * same Scope opened and closed around a finalizer, and a fiber forked and interrupted.
 */
import { Pattern, Value } from "@colloquy/core"
import { Effect, Fiber, Layer, Scope } from "effect"
import { figure, heap, median, report } from "../../../.config/bench/Harness.ts"
import type { Row } from "../../../.config/bench/Result.ts"
import * as NodeLayers from "../src/Node.ts"
import * as Space from "../src/space/Space.ts"

const rounds = 7
const times = 20_000
const live = 1_000_000
const fact = (n: number): Value.Value => Value.record("f", n)

const program = Effect.gen(function*() {
  const space = yield* Space.Space
  let ran = 0
  const yardstick = () => Effect.gen(function*() {
    yield* Effect.scoped(Effect.acquireRelease(Effect.void, () => Effect.void))
    yield* Fiber.interrupt(yield* Effect.forkChild(Effect.never))
  })
  const held = (i: number) => Effect.scoped(space.assert(fact(i)))
  const ns = Effect.fnUntraced(function*(work: (i: number) => Effect.Effect<void>) {
    const taken: Array<number> = []
    for (let round = 0; round <= rounds; round++) {
      const start = performance.now()
      for (let i = 0; i < times; i++) yield* work(i)
      if (round > 0) taken.push((performance.now() - start) * 1e6 / times)
    }
    return taken
  })
  const base = yield* ns(yardstick)
  const rows: Array<Row> = []
  const line = (name: string, taken: ReadonlyArray<number>) => rows.push(figure(name, "ns", taken, { ratio: median(taken) / median(base) }))
  line("a Scope and a fiber, come and gone", base)
  line("a fact that comes and goes", yield* ns(held))
  const scope = yield* Scope.make()
  yield* Scope.provide(space.during(Pattern.record("f", Pattern.bind()), () => Effect.sync(() => { ran++ })), scope)
  line("the same, with an effect during it", yield* ns(held))
  if (ran < rounds * times) throw new Error("an effect did not run")
  yield* Scope.close(scope, { _tag: "Success", value: undefined } as never)

  const before = heap()
  const start = performance.now()
  yield* Effect.forEach(Array.from({ length: live }, (_, n) => n), (n) => space.assert(fact(n)), { discard: true })
  const took = (performance.now() - start) * 1e6 / live
  rows.push(figure(`one of ${live} facts held`, "ns", [took], { bytes: (heap() - before) / live }))
  report(rows)
})
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Space.Space.layer("bench"), NodeLayers.layer({ id: "bench" })))))
