/** The supervisor tree: what is shown of it, what a crash changes, and when it gives up. */
import { assert, describe, it } from "@effect/vitest"
import { Text } from "@colloquy/core"
import { Effect, Fiber, Queue } from "effect"
import { TestClock } from "effect/testing"
import { grow, layer, type Tree } from "../../examples/supervisor.ts"
import { Program } from "./program.ts"

/** A tree whose workers crash when they are told to; `live` are those that run. */
const plant = Effect.fnUntraced(function*(tree: Tree) {
  const shown = yield* Queue.unbounded<string>()
  const live: Array<string> = []
  const crashes = new Map<string, Queue.Queue<void>>()
  const crashesOf = (name: string) => crashes.get(name) ?? crashes.set(name, Effect.runSync(Queue.unbounded<void>())).get(name)!
  const work = (name: string) => Effect.acquireUseRelease(
    Effect.sync(() => live.push(name)),
    () => Effect.andThen(Queue.take(crashesOf(name)), Effect.die(new Error("oh"))),
    () => Effect.sync(() => live.splice(live.indexOf(name), 1))
  )
  const fiber = yield* Effect.forkScoped(grow(tree, work, (one) => Effect.asVoid(Queue.offer(shown, one))), { startImmediately: true })
  return {
    fiber,
    live,
    crash: (name: string) => Queue.offer(crashesOf(name), undefined),
    /** Waits for the tree to look like this. */
    sees: (...lines: ReadonlyArray<string>) => Queue.take(shown).pipe(Effect.repeat({ until: (one) => one === lines.join("\n") }))
  }
})
const counter: Tree = { name: "counter", strategy: "rest-for-one", restartsMax: 1, children: [{ name: "stock" }, { name: "till" }] }
const shop: Tree = { name: "shop", restartsMax: 1, children: [{ name: "clock" }, counter] }

describe("the supervisor tree", () => {
  it.effect("starts again what crashes, and what was started after it, and shows it", () => Effect.gen(function*() {
    const { crash, live, sees } = yield* plant(shop)
    yield* sees("shop", "├─ clock #1", "└─ counter #2", "   ├─ stock #1", "   └─ till #2")
    yield* crash("clock")
    yield* sees("shop", "├─ clock #4", "└─ counter #2", "   ├─ stock #1", "   └─ till #2")
    yield* crash("stock")
    yield* sees("shop", "├─ clock #4", "└─ counter #2", "   ├─ stock #4", "   └─ till #5")
    yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => live.length === 3 }))

    assert.deepStrictEqual(live.toSorted(), ["clock", "stock", "till"])
  }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("gives up, branch after branch, when there are too many restarts, and leaves nothing running", () => Effect.gen(function*() {
    const { crash, fiber, live, sees } = yield* plant(shop)
    yield* crash("till")
    yield* sees("shop", "├─ clock #1", "└─ counter #2", "   ├─ stock #1", "   └─ till #4")
    yield* crash("till")
    yield* sees("shop", "├─ clock #1", "└─ counter #4", "   ├─ stock #1", "   └─ till #2")
    yield* crash("till")
    yield* crash("till")

    assert.strictEqual(Text.print(yield* Fiber.join(fiber)), '<intensity "counter" <intensity "till" <crash "Error: oh">>>')
    yield* sees("")
    yield* Effect.yieldNow.pipe(Effect.repeat({ until: () => live.length === 0 }))
  }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("forgets restarts that were long ago", () => Effect.gen(function*() {
    const { crash, sees } = yield* plant({ name: "root", restartsMax: 1, children: [{ name: "clock" }] })
    for (const n of [1, 3, 5, 7]) {
      yield* sees("root", `└─ clock #${n}`)
      yield* TestClock.adjust("5 seconds")
      yield* crash("clock")
    }
    yield* sees("root", "└─ clock #9")
  }).pipe(Effect.scoped, Effect.provide(layer)))

  it("is a program in which one can make workers crash, and that ends when told to", { timeout: 60_000 }, async () => {
    await using program = new Program("supervisor.ts")
    await program.sees(/^ {3}└─ till #2$/)
    program.type("till")
    await program.sees(/^ {3}└─ till #4$/)
    program.type("clock")
    await program.sees(/^├─ clock #4$/)

    assert.strictEqual(await program.stop(), 0)
  })
})
