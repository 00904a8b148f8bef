/** What a space takes: nonsense, failures of every kind, interruption at any moment, and its own end. */
import { assert, describe, it } from "@effect/vitest"
import { Pattern, Process, Value } from "@colloquy/core"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Scheduler, Scope, Stream } from "effect"
import { Host } from "../src/Host.ts"
import * as NodeLayers from "../src/Node.ts"
import * as NestedPlace from "../src/space/NestedPlace.ts"
import * as Space from "../src/space/Space.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const f = (n: number): Value.Value => Value.record("f", n)
const anyF = Pattern.record("f", Pattern.bind())
const behaviours: Process.Behaviours = {
  brief: { initial: () => [0, [{ _tag: "Yield", handle: 0 }]], transition: (n) => [n, [Process.quit()]] }
}
const node = Layer.provideMerge(Space.Space.layer("s"), NodeLayers.layer({ id: "n", behaviours }))
const settled = (space: Space.Interface) => Effect.andThen(space.query(Pattern.record("never")), Effect.yieldNow)
/** Processes, facts and patterns of the dataspace. */
const counts = Effect.map(Host, (host) => {
  const { index, processes } = host.state().members.Scopes.get("s")!.Dataspace
  return { processes: processes.size, facts: index.size, patterns: index.patterns }
})
const throwing = (message: string) => { throw new Error(message) }
/** What is logged, and nothing printed. */
const logged = () => {
  const lines: Array<string> = []
  return { lines, layer: Logger.layer([Logger.make(({ message }) => { lines.push(String((message as ReadonlyArray<unknown>)[0])) })]) }
}

describe("a space that is told nonsense", () => {
  class Somebody {
    readonly name = "somebody"
  }
  const circle: Array<unknown> = []
  circle.push(circle)
  const deep = Array.from({ length: 70 }).reduce<Pattern.Pattern>((inner) => Pattern.sequence([inner]), Pattern.bind())
  const values = [
    new Somebody(), circle, "\ud800", () => 1, undefined, null, Symbol("local"), new Date(), "x".repeat(4 * 1024 * 1024),
    new Proxy({}, { getPrototypeOf: () => throwing("boo") })
  ]
  const patterns = ["x", null, {}, Pattern.bind, Pattern.literal("\ud800"), deep, { _tag: "Nope" }, { _tag: "Record", label: "x" }]
  it.effect("makes it a defect of the one who said it, and lives on", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const ref = yield* space.assertRef(f(1))
    const one = { behaviour: "brief", config: 0 }
    const wrong = [
      ...(values as ReadonlyArray<Value.Value>).flatMap((value) => [space.assert(value), space.assertRef(value), space.send(value), ref.set(value)]),
      ...(patterns as ReadonlyArray<Pattern.Pattern>).flatMap((pattern) => [
        space.query(pattern), space.waitFor(pattern), space.waitForAbsence(pattern), space.during(pattern, () => Effect.void),
        Stream.runDrain(space.observe({ pattern }))
      ]),
      space.spawn("\ud800", one), space.spawn("a", undefined as never),
      space.spawn("a", { behaviour: new Proxy({}, { get: () => throwing("boo") }), config: 0 } as never),
      ...["\ud800", 3 as never].flatMap((name) => [space.fork(name, Effect.void), space.nested(name, Effect.void)].map(Effect.flatMap(Fiber.join)))
    ]
    const exits = yield* Effect.forEach(wrong, (effect) => Effect.exit(Effect.scoped(effect as Effect.Effect<unknown>)))
    const kinds = exits.map((exit) => Exit.hasDies(exit))

    assert.deepStrictEqual(kinds, kinds.map(() => true))
    assert.deepStrictEqual(yield* space.query(anyF), [[1]])
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.effect("holds what is just small enough, as its dataspace does", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const big = (bytes: number) => Value.record("f", "x".repeat(bytes - 10)) // its label, lead bytes and lengths
    yield* space.assert(big(4 * 1024 * 1024))
    const nested = Array.from({ length: 110 }).reduce<Value.Value>((inner) => [inner], 1)
    yield* space.assert(nested)

    assert.deepStrictEqual((yield* space.waitFor(anyF)).map((text) => (text as string).length), [4 * 1024 * 1024 - 10])
    assert.isTrue(Exit.hasDies(yield* Effect.exit(space.assert(big(4 * 1024 * 1024 + 1)))))
    assert.strictEqual((yield* space.query(anyF)).length, 1)
    assert.isTrue(Exit.hasDies(yield* Effect.exit(space.assert([nested]))))
  }).pipe(Effect.scoped, Effect.provide(node)))
})

describe("what a program ends with", () => {
  const odd = [
    { toString: () => throwing("no text") }, Object.create(null) as object,
    new Proxy({}, { get: () => throwing("boo"), getPrototypeOf: () => throwing("boo") }),
    Object.assign(new Error("x"), { message: 42 }), Symbol("s"), undefined, "\ud800", "x".repeat(100_000)
  ]
  it.effect("is a reason, whatever it is", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const reasons: Array<Value.Value> = []
    const ends = space.observe(Pattern.record("exited", Pattern.literal("odd"), Pattern.discard, Pattern.bind()))
    const note = Stream.runForEach(ends, ({ captures: [reason] }) => Effect.sync(() => void reasons.push(reason!)))
    yield* Effect.forkScoped(note, { startImmediately: true })
    for (const error of odd) {
      const fiber = yield* space.fork("odd", Effect.andThen(Space.Space.use((mine) => mine.assert(f(1))), Effect.fail(error)))
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(yield* space.query(anyF), [])
    }
    yield* settled(space)

    const texts = ["it cannot be shown", "it cannot be shown", "it cannot be shown", "42", "Symbol(s)", "undefined", "\ufffd", "x".repeat(1_000)]
    assert.deepStrictEqual(reasons, texts.map((text) => Value.record("failed", text)))
  }).pipe(Effect.scoped, Effect.provide(node)))
})

describe("an effect during a fact", () => {
  it.effect("that throws instead of answering is logged, and keeps nobody else from hearing", () => {
    const { layer, lines } = logged()
    return Effect.gen(function*() {
      const space = yield* Space.Space
      const seen: Array<unknown> = []
      yield* space.during(anyF, ([n]) => n === 1 ? throwing("no effect") : Effect.sync(() => void seen.push(`a ${String(n)}`)))
      yield* space.during(anyF, ([n]) => Effect.sync(() => void seen.push(`b ${String(n)}`)))
      yield* Effect.all([space.assert(f(1)), space.assert(f(2))])
      yield* settled(space)

      assert.deepStrictEqual(seen, ["b 1", "a 2", "b 2"])
      assert.deepStrictEqual(lines, ["what runs during a fact failed"])
    }).pipe(Effect.scoped, Effect.provide(node), Effect.provide(layer))
  })

  it.effect("whose finalizer fails when the fact goes is logged as well", () => {
    const { layer, lines } = logged()
    return Effect.gen(function*() {
      const space = yield* Space.Space
      yield* space.during(anyF, () => Effect.addFinalizer(() => Effect.die("late")))
      yield* Effect.scoped(space.assert(f(1)))
      yield* settled(space)

      assert.deepStrictEqual(lines, ["what runs during a fact failed"])
    }).pipe(Effect.scoped, Effect.provide(node), Effect.provide(layer))
  })

  it.effect("may close the Scope of its during, and is over after that", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const lines: Array<string> = []
    const say = (line: string) => Effect.sync(() => void lines.push(line))
    const scope = yield* Scope.make()
    yield* Scope.provide(space.during(anyF, ([n]) => Effect.gen(function*() {
      yield* Effect.acquireRelease(say(`${String(n)} came`), () => say(`${String(n)} left`))
      if (n !== 2) return
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
    })), scope)
    yield* Effect.all([space.assert(f(1)), space.assert(f(2))])
    yield* settled(space)
    yield* settled(space)

    assert.deepStrictEqual(lines, ["1 came", "2 came", "1 left", "2 left"])
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.effect("that takes its time to finish leaves nothing behind of a fact that comes and goes meanwhile", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const go = yield* Deferred.make<void>()
    let began = 0
    yield* space.during(anyF, () => Effect.acquireRelease(Effect.sync(() => ++began), () => Deferred.await(go)))
    for (let i = 0; i < 20_000; i++) yield* Effect.scoped(space.assert(f(1)))
    yield* space.assert(f(1))
    assert.strictEqual(began, 1)
    yield* Deferred.succeed(go, undefined)
    yield* settled(space)

    assert.strictEqual(began, 2)
  }).pipe(Effect.scoped, Effect.provide(node)))
})

describe("a space that has ended", () => {
  const wait = (space: Space.Interface) => ({
    waitFor: space.waitFor(anyF), absence: space.waitForAbsence(anyF), spawn: space.spawn("a", { behaviour: "brief", config: 0 }),
    query: space.query(anyF), observe: Stream.runCollect(space.observe(anyF)), send: space.send(f(1)),
    assert: Effect.scoped(space.assert(f(1))), during: Effect.scoped(space.during(anyF, () => Effect.void))
  })
  const kindOf = (exit: Exit.Exit<unknown, unknown>) =>
    Exit.isSuccess(exit) ? exit.value : Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
  it.effect("lets nobody wait for it: streams end, and who asks is interrupted", () => Effect.gen(function*() {
    const scope = yield* Scope.make()
    const space = yield* Scope.provide(Space.make("s"), scope)
    yield* (yield* Space.Space).assert(f(0))
    const never = Pattern.record("never")
    const waits: ReadonlyArray<Effect.Effect<unknown>> = [space.waitFor(never), space.waitForAbsence(anyF), Stream.runDrain(space.observe(never))]
    const pending = yield* Effect.forEach(waits, (effect) => Effect.forkChild(effect, { startImmediately: true }))
    yield* Scope.close(scope, Exit.void)
    const after: Record<string, unknown> = {}
    for (const [name, effect] of Object.entries<Effect.Effect<unknown, unknown>>(wait(space))) after[name] = kindOf(yield* Effect.exit(effect))

    assert.deepStrictEqual((yield* Effect.forEach(pending, (fiber) => Fiber.await(fiber))).map(kindOf), ["interrupted", "interrupted", undefined])
    assert.deepStrictEqual(after, {
      waitFor: "interrupted", absence: "interrupted", spawn: "interrupted", query: [], observe: [],
      send: undefined, assert: undefined, during: undefined
    })
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.effect("because its nested dataspace was ended interrupts the programs in it, at every depth", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const ends: Array<string> = []
    const noted = (name: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.onExit(effect, (exit) => Effect.sync(() => void ends.push(`${name} ${String(kindOf(exit))}`)))
    const room = yield* space.nested("room", Effect.gen(function*() {
      const mine = yield* Space.Space
      yield* mine.fork("inner", Effect.never.pipe(noted("inner")))
      const outside = Value.record("outbound", Value.record("outbound", f(1)))
      yield* mine.nested("deeper", Space.Space.use((deeper) => deeper.assert(outside)).pipe(Effect.andThen(Effect.never), noted("deeper")))
      yield* mine.send(Value.record("quit-outside", "enough"))
      return yield* Effect.never
    }).pipe(noted("room")))

    assert.strictEqual(kindOf(yield* Fiber.await(room)), "interrupted")
    assert.deepStrictEqual(ends.toSorted(), ["deeper interrupted", "inner interrupted", "room interrupted"])
    assert.deepStrictEqual(yield* space.query(anyF), [])
  }).pipe(Effect.scoped, Effect.provide(node)))
})

describe("a nested dataspace", () => {
  it.effect("goes on when a listener in it throws, and says so outside", () => {
    const { layer, lines } = logged()
    return Effect.gen(function*() {
      const place = NestedPlace.make((yield* Space.Space).place, "room")
      const heard: Array<string> = []
      const enter = (name: string, hear: () => void) => {
        const pid = place.enter(name, { deliver: hear, exited: () => {} })
        place.perform(pid, [Process.observe(0, Pattern.record("inbound", anyF))])
      }
      enter("bad", () => throwing("an ear that fails"))
      enter("good", () => void heard.push("good"))
      yield* (yield* Space.Space).assert(f(1))
      yield* (yield* Space.Space).assert(f(2))

      assert.deepStrictEqual(heard, ["good", "good"])
      assert.deepStrictEqual(lines, ["a listener failed", "a listener failed"])
    }).pipe(Effect.scoped, Effect.provide(node), Effect.provide(layer))
  })
})

describe("interruption", () => {
  const nothing = Pattern.record("never")
  const program = (space: Space.Interface): { readonly [name: string]: Effect.Effect<unknown, unknown, Host> } => ({
    assert: Effect.scoped(Effect.flatMap(space.assertRef(f(1)), (ref) => Effect.andThen(space.assert(f(2)), ref.set(f(3))))),
    during: Effect.scoped(Effect.all([space.during(anyF, () => space.assert(Value.record("g"))), space.assert(f(1)), Effect.yieldNow])),
    observe: Effect.scoped(Effect.andThen(space.assert(f(1)), Stream.runDrain(Stream.take(space.observe({ one: anyF, two: nothing }), 1)))),
    query: space.query(anyF),
    waitFor: Effect.scoped(Effect.andThen(space.assert(f(1)), space.waitFor(anyF))),
    absence: space.waitForAbsence(anyF),
    spawn: space.spawn("brief", { behaviour: "brief", config: 0 }),
    fork: Effect.scoped(Effect.flatMap(space.fork("a", Space.Space.use((mine) => Effect.andThen(mine.assert(f(1)), mine.query(anyF)))), Fiber.join)),
    nested: Effect.scoped(Effect.flatMap(space.nested("a", Space.Space.use((mine) =>
      Effect.andThen(mine.assert(Value.record("outbound", f(1))), mine.query(Pattern.record("inbound", anyF))))), Fiber.join)),
    make: Effect.scoped(Effect.flatMap(Space.make("s"), (other) => Effect.andThen(other.assert(f(1)), other.query(anyF))))
  })
  /** Runs an effect that yields before nearly every operation, and interrupts it at the `at`-th. Says whether it got so far. */
  const interruptedAt = (at: number, effect: Effect.Effect<unknown, unknown>): Effect.Effect<boolean> => Effect.suspend(() => {
    const inner = new Scheduler.MixedScheduler()
    let count = 0
    let fiber: Fiber.Fiber<unknown, unknown> | undefined
    const scheduler: Scheduler.Scheduler = {
      executionMode: "async",
      makeDispatcher: () => inner.makeDispatcher(),
      shouldYield: ({ currentOpCount }) => {
        if (fiber === undefined || currentOpCount < 3) return false
        if (++count === at) fiber.interruptUnsafe()
        return true
      }
    }
    fiber = Effect.runFork(Effect.andThen(Effect.yieldNow, effect), { scheduler })
    return Effect.map(Fiber.await(fiber), () => count >= at)
  })
  it.effect("leaves nothing behind, at whatever moment it comes", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const host = yield* Host
    const before = yield* counts
    for (const [name, effect] of Object.entries(program(space))) {
      let at = 1
      while (yield* interruptedAt(at, Effect.provideService(effect, Host, host))) {
        yield* settled(space)
        yield* settled(space)
        assert.deepStrictEqual(yield* counts, before, `${name}, interrupted at ${at++}`)
      }
      assert.isAbove(at, 5, `${name} was interrupted here and there`)
    }
  }).pipe(Effect.scoped, Effect.provide(node)))

  it.live("and success leave no memory behind, over many cycles of each operation", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const host = yield* Host
    const programs = Object.values(program(space))
    const cycles = Effect.fnUntraced(function*(n: number) {
      for (let i = 0; i < n; i++) {
        for (const effect of programs) yield* Effect.provideService(effect, Host, host)
        const all = Effect.all([space.during(anyF, () => space.fork("b", Effect.never)), space.assert(f(i % 10)), space.waitFor(nothing)])
        yield* Fiber.interrupt(yield* Effect.forkChild(Effect.scoped(all), { startImmediately: true }))
      }
      yield* settled(space)
    })
    const heap = () => {
      collect()
      return process.memoryUsage().heapUsed
    }
    yield* cycles(500)
    const before = { counts: yield* counts, heap: heap() }
    yield* cycles(1_500)

    assert.deepStrictEqual(yield* counts, before.counts)
    assert.isBelow(heap() - before.heap, 1536 * 1024, "a leak of some hundred bytes a cycle, such as a fiber, would show")
  }).pipe(Effect.scoped, Effect.provide(node)), 120_000)
})
