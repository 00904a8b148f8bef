/**
 * What the Effect API costs: a fact that comes and goes, alone and with an effect that runs during it,
 * and the memory of a million facts held through it. The yardstick of the run is Effect itself: the
 * same Scope opened and closed around a finalizer, and a fiber forked and interrupted.
 */
import { Pattern, Value } from "@colloquy/core"
import { Effect, Fiber, Layer, Scope } from "effect"
import * as NodeLayers from "../src/Node.ts"
import * as Space from "../src/space/Space.ts"

const rounds = 7
const times = 20_000
const live = 1_000_000
const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
const fact = (n: number): Value.Value => Value.record("f", n)
const heap = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const program = Effect.gen(function*() {
  const space = yield* Space.Space
  let ran = 0
  const yardstick = () => Effect.gen(function*() {
    yield* Effect.scoped(Effect.acquireRelease(Effect.void, () => Effect.void))
    yield* Fiber.interrupt(yield* Effect.forkChild(Effect.never))
  })
  const held = (i: number) => Effect.scoped(space.assert(fact(i)))
  const us = Effect.fnUntraced(function*(work: (i: number) => Effect.Effect<void>) {
    const taken: Array<number> = []
    for (let round = 0; round <= rounds; round++) {
      const start = performance.now()
      for (let i = 0; i < times; i++) yield* work(i)
      if (round > 0) taken.push((performance.now() - start) * 1000 / times)
    }
    return median(taken)
  })
  const base = yield* us(yardstick)
  const line = (name: string, time: number) => console.log(`${name.padEnd(48)} ${time.toFixed(1).padStart(6)} µs   ${(time / base).toFixed(1).padStart(5)} times the yardstick`)
  line("a Scope and a fiber, come and gone (yardstick)", base)
  line("a fact that comes and goes", yield* us(held))
  const scope = yield* Scope.make()
  yield* Scope.provide(space.during(Pattern.record("f", Pattern.bind()), () => Effect.sync(() => { ran++ })), scope)
  line("the same, with an effect during it", yield* us(held))
  if (ran < rounds * times) throw new Error("an effect did not run")
  yield* Scope.close(scope, { _tag: "Success", value: undefined } as never)

  const before = heap()
  const start = performance.now()
  yield* Effect.forEach(Array.from({ length: live }, (_, n) => n), (n) => space.assert(fact(n)), { discard: true })
  const seconds = (performance.now() - start) / 1000
  const bytes = heap() - before
  console.log(`${live} facts held: ${(bytes / 1024 / 1024).toFixed(0)} MiB, ${(bytes / live).toFixed(0)} bytes each, in ${seconds.toFixed(1)} s (must fit in 1024 MiB)`)
})
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Space.Space.layer("bench"), NodeLayers.layer({ id: "bench" })))))
