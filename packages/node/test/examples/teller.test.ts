/** The bank: who is served, by how many, and what a crash or an early leave does. */
import { assert, describe, it } from "@effect/vitest"
import { Text } from "@colloquy/core"
import { Node, Space } from "@colloquy/node"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope, Stream } from "effect"
import { bank, Customer, customer, Receipt, Teller, tellersMax } from "../../examples/teller.ts"
import { Program } from "./program.ts"

const town = Layer.mergeAll(Node.scope("bank").pipe(Layer.provide(Node.layer({ id: "bank" }))), Logger.layer([]))

/** A service that serves when it is told to, and counts. */
const byHand = () => {
  const asked = new Map<string, Deferred.Deferred<string>>()
  const times = new Map<string, number>()
  const busy = { now: 0, most: 0 }
  const of = (wish: string) => asked.get(wish) ?? asked.set(wish, Deferred.makeUnsafe()).get(wish)!
  return {
    busy,
    times,
    serve: (wish: string) => Effect.suspend(() => {
      times.set(wish, (times.get(wish) ?? 0) + 1)
      busy.most = Math.max(busy.most, ++busy.now)
      return Effect.ensuring(Deferred.await(of(wish)), Effect.sync(() => void busy.now--))
    }),
    grant: (wish: string) => Deferred.succeed(of(wish), `your ${wish}`)
  }
}
/** Each coming and going of a teller. */
const watch = Effect.gen(function*() {
  const space = yield* Space.Space
  const lines: Array<string> = []
  yield* Effect.forkScoped(Stream.runForEach(space.observe(Teller.all), (change) => Effect.sync(() => {
    const { counter, customer } = change.captures
    if (change._tag === "Added") lines.push(`${counter} serves ${customer}`)
    else if (change._tag === "Removed") lines.push(`${counter} leaves ${customer} ${Text.print(change.reason ?? true)}`)
  })), { startImmediately: true })
  return lines
})
const serves = (name: string) => Teller.with({ customer: name })

describe("the bank", () => {
  it.effect("has tellers on demand, never more than counters, and serves each customer once, in turn", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const lines = yield* watch
    const { busy, grant, serve, times } = byHand()
    yield* bank(2, serve)
    assert.deepStrictEqual(yield* space.query(Teller.all), [])

    const names = ["ann", "bob", "cay", "dan", "eve"]
    const visits = yield* Effect.forEach(names, (name) => Effect.forkScoped(customer(name, `wish of ${name}`), { startImmediately: true }))
    for (const [i, name] of names.entries()) {
      yield* space.waitFor(serves(name))
      yield* grant(`wish of ${name}`)
      assert.strictEqual(yield* Fiber.join(visits[i]!), `your wish of ${name}`)
    }

    yield* Effect.andThen(Effect.yieldNow, space.query(Teller.all)).pipe(Effect.repeat({ until: (tellers) => tellers.length === 0 }))
    assert.deepStrictEqual([...times], names.map((name) => [`wish of ${name}`, 1]))
    assert.deepStrictEqual(busy, { now: 0, most: 2 })
    assert.deepStrictEqual([yield* space.query(Customer.all), yield* space.query(Receipt.all)], [[], []])
    assert.deepStrictEqual(lines.filter((line) => line.includes("serves")).map((line) => line.slice(-3)), names)
  }).pipe(Effect.scoped, Effect.provide(town)))

  it.effect("returns the customer of a teller that crashes to the queue, behind those who wait", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const lines = yield* watch
    const crash = yield* Deferred.make<void>()
    let times = 0
    const faint = Effect.andThen(Deferred.await(crash), Effect.die(new Error("fainted")))
    yield* bank(1, (wish) => wish === "trouble" && ++times === 1 ? faint : Effect.succeed(`your ${wish}`))
    const bob = yield* Effect.forkScoped(customer("bob", "trouble"), { startImmediately: true })
    yield* space.waitFor(serves("bob"))
    const cay = yield* Effect.forkScoped(customer("cay", "stamp"), { startImmediately: true })
    yield* space.waitFor(Customer.with({ name: "cay" }))
    yield* Deferred.succeed(crash, undefined)

    assert.deepStrictEqual([yield* Fiber.join(cay), yield* Fiber.join(bob)], ["your stamp", "your trouble"])
    assert.deepStrictEqual(lines.slice(0, 3), ["1 serves bob", '1 leaves bob <crash "fainted">', "1 serves cay"])
    assert.deepStrictEqual(lines.filter((line) => line.includes("serves")), ["1 serves bob", "1 serves cay", "1 serves bob"])
  }).pipe(Effect.scoped, Effect.provide(town)))

  it.effect("holds the receipt out until the customer leaves", () => Effect.gen(function*() {
    const space = yield* Space.Space
    yield* bank(1, (wish) => Effect.succeed(`your ${wish}`))
    const visit = yield* Scope.make()
    yield* Scope.provide(space.assert(Customer({ name: "ann", wish: "stamp" })), visit)
    yield* space.waitFor(Receipt.all)
    yield* Effect.yieldNow

    assert.deepStrictEqual((yield* space.query(Receipt.all)).map(({ text }) => text), ["your stamp"])
    yield* Scope.close(visit, Exit.void)
    yield* Effect.andThen(Effect.yieldNow, space.query(Receipt.all)).pipe(Effect.repeat({ until: (receipts) => receipts.length === 0 }))
  }).pipe(Effect.scoped, Effect.provide(town)))

  it.effect("sends away who has cost too many tellers", () => Effect.gen(function*() {
    let times = 0
    yield* bank(1, () => Effect.andThen(Effect.sync(() => void times++), Effect.fail("no")))

    assert.strictEqual(yield* customer("bob", "trouble"), "Sorry, we cannot help you.")
    assert.strictEqual(times, tellersMax)
  }).pipe(Effect.scoped, Effect.provide(town)))

  it.effect("gives the counter of a customer who leaves early to the next, and no teller to who left the queue", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const lines = yield* watch
    const { grant, serve, times } = byHand()
    yield* bank(1, serve)
    const ann = yield* Effect.forkScoped(customer("ann", "a"), { startImmediately: true })
    yield* space.waitFor(serves("ann"))
    const bob = yield* Effect.forkScoped(customer("bob", "b"), { startImmediately: true })
    const cay = yield* Effect.forkScoped(customer("cay", "c"), { startImmediately: true })
    yield* Fiber.interrupt(bob)
    yield* Fiber.interrupt(ann)
    yield* space.waitFor(serves("cay"))
    yield* grant("c")

    assert.strictEqual(yield* Fiber.join(cay), "your c")
    assert.deepStrictEqual([...times], [["a", 1], ["c", 1]])
    assert.deepStrictEqual(lines.filter((line) => line.includes("serves")), ["1 serves ann", "1 serves cay"])
  }).pipe(Effect.scoped, Effect.provide(town)))

  it("is a program that ends when all are served", { timeout: 60_000 }, async () => {
    await using program = new Program("teller.ts", "2", "ann", "bob", "cay")

    assert.strictEqual(await program.exit, 0)
    assert.deepStrictEqual(program.lines.filter((line) => line.includes(" was told: ")).map((line) => line.split(" ")[0]), ["ann", "bob", "cay"])
  })
})
