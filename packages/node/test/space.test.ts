/** The Effect API, on a node in this process. */
import { assert, describe, it } from "@effect/vitest"
import { Pattern, Process, Value } from "@colloquy/core"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { Host } from "../src/Host.ts"
import * as NodeLayers from "../src/Node.ts"
import * as Space from "../src/space/Space.ts"

setFlagsFromString("--expose-gc")

const f = (n: number): Value.Value => Value.record("f", n)
const anyF = Pattern.record("f", Pattern.bind())
const behaviours: Process.Behaviours = {
  echo: {
    initial: () => [0, [Process.observe(0, Pattern.record("say", Pattern.bind())), Process.assert(1, Value.record("up"))]],
    transition: (n, { captures }) => [n, captures[0] === "quit" ? [Process.quit()] : [Process.send(Value.record("echo", captures[0]!))]]
  },
  stillborn: { initial: () => { throw new Error("no") }, transition: (n) => [n, []] }
}
const node = (scope = "s") => Layer.provideMerge(Space.Space.layer(scope), NodeLayers.layer({ id: "n", behaviours }))
/** All that an observation is told, as it comes. */
const log = Effect.fnUntraced(function*(space: Space.Interface, pattern: Pattern.Pattern) {
  const lines: Array<string> = []
  yield* Effect.forkScoped(Stream.runForEach(space.observe(pattern), (change) => Effect.sync(() => {
    lines.push(`${change._tag} ${change.captures.map((one) => typeof one === "object" ? JSON.stringify(one) : String(one)).join(" ")}${change._tag === "Removed" && change.reason !== undefined ? ` because ${reason(change.reason)}` : ""}`)
  })), { startImmediately: true })
  return lines
})
const reason = (value: Value.Value): string => value instanceof Value.Record ? `${String(Symbol.keyFor(value.label as symbol))} ${value.fields.join(" ")}`.trim() : String(value)
/** Waits until what was done so far has been told: a query goes behind it. */
const settled = (space: Space.Interface) => Effect.andThen(space.query(Pattern.record("never")), Effect.yieldNow)

describe("a space", () => {
  it.effect("holds a fact while its Scope is open, and all of a Scope's facts go in one turn", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const host = yield* Host
    const turns: Array<ReadonlyArray<string>> = []
    host.enter("s", "w", { deliver: (events) => { turns.push(events.map(({ _tag, captures }) => `${_tag} ${String(captures[0])}`)) }, exited: () => {} }, [Process.observe(0, anyF)])
    const scope = yield* Scope.make()
    yield* Scope.provide(Effect.all([space.assert(f(1)), space.assert(f(2)), space.assert(f(3))]), scope)
    yield* Scope.close(scope, Exit.void)
    yield* Scope.provide(space.assert(f(4)), scope)

    assert.deepStrictEqual(turns, [["Added 1"], ["Added 2"], ["Added 3"], ["Removed 1", "Removed 2", "Removed 3"]])
  }).pipe(Effect.provide(node())))

  it.effect("withdraws what a fiber asserted, whether it succeeds, fails or is interrupted", () => Effect.gen(function*() {
    const space = yield* Space.Space
    for (const end of [Effect.void, Effect.fail("x"), Effect.die("y"), Effect.interrupt]) {
      yield* Effect.exit(Effect.scoped(Effect.andThen(space.assert(f(1)), end)))
      assert.deepStrictEqual(yield* space.query(anyF), [])
    }
    const held = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(Effect.scoped(space.assert(f(1)).pipe(Effect.andThen(Deferred.succeed(held, undefined)), Effect.andThen(Effect.never))))
    yield* Deferred.await(held)
    assert.deepStrictEqual(yield* space.query(anyF), [[1]])
    yield* Fiber.interrupt(fiber)
    assert.deepStrictEqual(yield* space.query(anyF), [])
  }).pipe(Effect.provide(node())))

  it.effect("runs an effect during each match, one after the other for one match, and closes its Scope when that goes", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const lines: Array<string> = []
    const say = (line: string) => Effect.sync(() => void lines.push(line))
    const slow = yield* Deferred.make<void>()
    yield* space.during(anyF, ([n]) => Effect.acquireRelease(say(`${String(n)} came`), () => Effect.andThen(n === 1 ? Deferred.await(slow) : Effect.void, say(`${String(n)} left`))))
    const hold = (n: number) => Effect.scoped(Effect.andThen(space.assert(f(n)), settled(space)))
    yield* hold(1)
    yield* hold(2)
    yield* hold(1)
    assert.deepStrictEqual(lines, ["1 came", "2 came", "2 left"])
    yield* Deferred.succeed(slow, undefined)
    yield* settled(space)
    yield* hold(3)

    assert.deepStrictEqual(lines.filter((line) => line.startsWith("1")), ["1 came", "1 left"])
    assert.deepStrictEqual(lines.slice(-2), ["3 came", "3 left"])
  }).pipe(Effect.scoped, Effect.provide(node())))

  it.effect("logs what fails during a match, and goes on with others", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const lines: Array<number> = []
    yield* space.during(anyF, ([n]) => n === 1 ? Effect.die("no") : Effect.sync(() => void lines.push(n as number)))
    yield* space.assert(f(1))
    yield* space.assert(f(2))
    yield* settled(space)

    assert.deepStrictEqual(lines, [2])
  }).pipe(Effect.scoped, Effect.provide(node())))

  it.effect("lets a slow consumer see what stands, not all that ever stood, and the newest messages", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const seen: Array<string> = []
    const go = yield* Deferred.make<void>()
    const started = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkScoped(space.observe(anyF, { messagesMax: 3 }).pipe(
      Stream.runForEach((change) => Effect.andThen(
        Effect.sync(() => void seen.push(`${change._tag} ${String(change.captures[0])}`)),
        seen.length === 0 ? Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(go)) : Effect.void
      ))
    ), { startImmediately: true })
    yield* space.assert(f(0))
    yield* Deferred.await(started)
    yield* Effect.scoped(Effect.forEach(Array.from({ length: 100 }, (_, i) => i + 1), (n) => space.assert(f(n))))
    for (let n = 1; n <= 10; n++) yield* space.send(f(n))
    yield* space.assert(f(200))
    yield* Deferred.succeed(go, undefined)
    yield* settled(space)
    yield* Fiber.interrupt(fiber)

    assert.deepStrictEqual(seen, ["Added 0", "Received 8", "Received 9", "Received 10", "Added 200"])
  }).pipe(Effect.scoped, Effect.provide(node())))

  it.effect("answers what holds now, and waits for what does not yet", () => Effect.gen(function*() {
    const space = yield* Space.Space
    assert.deepStrictEqual(yield* space.query(anyF), [])
    const waiting = yield* Effect.forkScoped(space.waitFor(anyF), { startImmediately: true })
    yield* space.assert(f(5))

    assert.deepStrictEqual(yield* Fiber.join(waiting), [5])
    assert.deepStrictEqual([yield* space.query(anyF), yield* space.waitFor(anyF)], [[[5]], [5]])
  }).pipe(Effect.scoped, Effect.provide(node())))

  it.effect("spawns a pure process, and says why one did not start", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const heard = yield* log(space, Pattern.record("echo", Pattern.bind()))
    const pid = yield* space.spawn("echo", { behaviour: "echo", config: 0 })
    yield* space.send(Value.record("say", "hi"))
    yield* settled(space)
    const failed = yield* Effect.flip(space.spawn("stillborn", { behaviour: "stillborn", config: 0 }))

    assert.match(String(pid), /^n@\d+\.1$/)
    assert.deepStrictEqual(heard, ["Received hi"])
    assert.strictEqual(failed.message, 'stillborn ended at its start: <crash "no">')
  }).pipe(Effect.scoped, Effect.provide(node())))

  it.effect("runs a program as a process of its own, whose end is seen with its reason", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const lines = yield* log(space, anyF)
    const program = (n: number, end: Effect.Effect<unknown, Error>) => Effect.gen(function*() {
      const mine = yield* Space.Space
      yield* mine.assert(f(n))
      yield* end
    }).pipe(Effect.scoped)
    const good = yield* space.fork("good", program(1, settled(space)))
    yield* Fiber.await(good)
    yield* Fiber.await(yield* space.fork("bad", program(2, Effect.andThen(settled(space), Effect.fail(new Error("no luck"))))))
    yield* Fiber.await(yield* space.fork("worse", program(3, Effect.andThen(settled(space), Effect.die(new Error("a bug"))))))
    const long = yield* space.fork("long", program(4, Effect.never))
    yield* settled(space)
    yield* Fiber.interrupt(long)
    yield* settled(space)

    assert.deepStrictEqual(lines.filter((line) => line.startsWith("Removed")), ["Removed 1", "Removed 2 because failed no luck", "Removed 3 because crash a bug", "Removed 4 because interrupted"])
  }).pipe(Effect.scoped, Effect.provide(node())))

  it.effect("runs a program in a dataspace nested in it, and what crosses goes with its reason", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const lines = yield* log(space, anyF)
    const heard: Array<unknown> = []
    const inside = Effect.gen(function*() {
      const mine = yield* Space.Space
      yield* mine.assert(f(7))
      yield* mine.assert(Value.record("outbound", f(8)))
      yield* mine.during(Pattern.record("inbound", Pattern.record("g", Pattern.bind())), ([n]) => Effect.sync(() => void heard.push(n)))
      yield* mine.spawn("echo", { behaviour: "echo", config: 0 })
      yield* mine.waitFor(Pattern.record("inbound", Pattern.record("stop")))
      yield* mine.send(Value.record("say", "quit"))
      return yield* Effect.fail(new Error("over"))
    }).pipe(Effect.scoped)
    const fiber = yield* space.nested("room", inside)
    yield* space.assert(Value.record("g", 1))
    yield* settled(space)
    assert.deepStrictEqual([lines, heard], [["Added 8"], [1]])
    yield* space.send(Value.record("stop"))
    yield* Fiber.await(fiber)
    yield* settled(space)

    assert.deepStrictEqual(lines, ["Added 8", "Removed 8 because failed over"])
    assert.deepStrictEqual(yield* space.query(Pattern.record("up")), [])
  }).pipe(Effect.scoped, Effect.provide(node())))

  it.live("lets others run while two programs answer each other without end", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const answer = (to: string, by: string) => Effect.forkScoped(Stream.runForEach(space.observe(Pattern.record(to)), () => space.send(Value.record(by))), { startImmediately: true })
    yield* answer("ping", "pong")
    yield* answer("pong", "ping")
    yield* space.send(Value.record("ping"))
    for (let i = 0; i < 3; i++) yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

    assert.deepStrictEqual(yield* space.query(anyF), [])
  }).pipe(Effect.scoped, Effect.provide(node())))

  it.effect("answers a query inside a nested dataspace from outside, also when it is asked within a turn", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const found = yield* Deferred.make<unknown>()
    yield* space.assert(Value.record("g", 1))
    yield* space.during(anyF, () => space.nested("room", Effect.gen(function*() {
      const mine = yield* Space.Space
      yield* Deferred.succeed(found, yield* mine.query(Pattern.record("inbound", Pattern.record("g", Pattern.bind()))))
    })))
    yield* space.assert(f(1))

    assert.deepStrictEqual(yield* Deferred.await(found), [[1]])
  }).pipe(Effect.scoped, Effect.provide(node())))

  it.effect("leaks nothing over a million cycles of asserting, observing and interrupting, by count and by heap", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const host = yield* Host
    const size = () => JSON.stringify(Object.values(host.state().members.Scopes.get("s")!.Dataspace).map((part) => (part as { readonly size?: number }).size ?? 0))
    const collect = runInNewContext("gc") as () => void
    const heap = () => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const cycles = Effect.fnUntraced(function*(n: number) {
      for (let i = 0; i < n; i++) {
        const fiber = Effect.runFork(Effect.scoped(Effect.andThen(space.assert(f(i % 1_000)), i % 20 === 0 ? Stream.runDrain(space.observe(anyF)) : Effect.never)))
        fiber.interruptUnsafe()
        if (i % 1_000 === 0) yield* Fiber.await(fiber)
      }
      yield* settled(space)
    })
    yield* cycles(10_000)
    const before = { size: size(), heap: heap() }
    yield* cycles(1_000_000)

    assert.strictEqual(size(), before.size)
    assert.isBelow(heap() - before.heap, 8 * 1024 * 1024, "a leak of ten bytes a cycle would show")
  }).pipe(Effect.scoped, Effect.provide(node())), 240_000)
})
