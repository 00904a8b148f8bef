/** Nodes from Layers, several in this process: what they share, what they do not, and what is left when they end. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Pattern, Value } from "@colloquy/core"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, References, Scope, Stream } from "effect"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Address, Host, Node, NodeConfig, Space, Transport, Transports } from "../src/index.ts"

const folder = mkdtempSync(join(tmpdir(), "colloquy-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

type Wrong = Address.BadAddress | Node.BadScope | Node.Insecure | NodeConfig.BadSetting | Transport.ListenError

const present = (who: string) => Value.record("present", who)
const anyPresent = Pattern.record("present", Pattern.bind())

const quiet = Effect.provide(Logger.layer([]))

/** The first facts about a pattern that a space is told. */
const changes = (space: Space.Interface, pattern: Pattern.Pattern, n: number) =>
  space.observe(pattern).pipe(Stream.take(n), Stream.map(({ _tag, captures }) => `${_tag} ${captures.join(" ")}`), Stream.runCollect)
/** Where the node of this context listens. */
const listener = Effect.gen(function*() {
  const management = yield* Space.make(null)
  const [first] = yield* management.observe(Pattern.record("listener", Pattern.bind())).pipe(Stream.take(1), Stream.runCollect)
  return String(first!.captures[0])
}).pipe(Effect.scoped)

const inScope = (name: string, node: Context.Context<Host.Host>) =>
  Effect.map(Layer.build(Layer.provide(Node.scope(name), Layer.succeedContext(node))), (context) => Context.get(context, Space.Space))

describe("a program on a node from Layers", () => {
  // the sketch of the design, without its types of facts
  const chat = (who: string, heard: Array<string>) => Effect.gen(function*() {
    const space = yield* Space.Space
    const others = yield* Deferred.make<void>()
    yield* space.assert(present(who))
    yield* space.during(anyPresent, ([user]) =>
      Effect.acquireRelease(
        Effect.sync(() => heard.push(`${String(user)} came`)),
        () => Effect.sync(() => heard.push(`${String(user)} left`))
      ).pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(user === who ? Effect.void : Deferred.succeed(others, undefined))))
    yield* Deferred.await(others)
  })

  it.live("joins its scope to another node's, and is gone with its Scope", () => Effect.gen(function*() {
    const server = yield* Layer.build(Node.layer({ id: "server", listen: ["tcp://127.0.0.1:0"] }))
    const at = yield* Effect.provide(listener, server)
    const there = yield* inScope("chat", server)
    const seen = yield* Effect.forkChild(changes(there, anyPresent, 3), { startImmediately: true })
    yield* there.assert(present("bob"))
    const heard: Array<string> = []

    const Main = chat("ann", heard).pipe(Effect.scoped, Effect.provide(
      Node.scope("chat", { uplinks: [at] }).pipe(Layer.provide(Node.layer({ listen: ["tcp://127.0.0.1:0", "ws://127.0.0.1:0"] })))))
    expectTypeOf(Main).toEqualTypeOf<Effect.Effect<void, Wrong>>()
    yield* Main

    assert.sameMembers(heard, ["ann came", "bob came", "ann left", "bob left"])
    assert.deepStrictEqual(yield* Fiber.join(seen), ["Added bob", "Added ann", "Removed ann"])
  }).pipe(quiet), 20_000)

  it.effect("runs without sockets and on a clock that stands still", () => Effect.gen(function*() {
    const network = Transports.network()
    const [a, b] = yield* Effect.all(["a", "b"].map((id) => Layer.build(Node.layerMemory({ id, listen: [`memory:${id}`] }, network))))
    const heard: Array<string> = []
    const there = yield* inScope("chat", a!)
    yield* there.assert(present("bob"))

    const scope = Layer.provide(Node.scope("chat", { uplinks: ["memory:a"] }), Layer.succeedContext(b!))
    yield* chat("ann", heard).pipe(Effect.scoped, Effect.provide(scope))

    assert.sameMembers(heard, ["ann came", "bob came", "ann left", "bob left"])
  }).pipe(quiet))

  it.live("says what is wrong, typed", () => Effect.gen(function*() {
    const run = (scope: string, uplinks: ReadonlyArray<string>, config: Node.Config) =>
      Effect.flip(Effect.scoped(Layer.build(Layer.provide(Node.scope(scope, { uplinks }), Node.layer(config)))))

    const open = yield* run("chat", [], { listen: ["tcp://0.0.0.0:0"] })
    const address = yield* run("chat", ["nowhere"], {})
    const scope = yield* run("@status", [], {})
    const uplinks = yield* run("chat", [], { uplinks: { "": ["memory:a"] } })
    const transport = yield* run("chat", [], { listen: ["memory:a"] })
    const setting = yield* run("chat", [], { limits: { linksMax: -1 } })
    const both = yield* run("chat", [], { timing: { pingMs: 50_000 } })

    const tags = [open, address, scope, uplinks, transport, setting].map(({ _tag }) => _tag)
    assert.deepStrictEqual(tags, ["Insecure", "BadAddress", "BadScope", "BadScope", "ListenError", "BadSetting"])
    assert.strictEqual(setting.message, "limits.linksMax: expected a whole number of at least 0, got -1 (the program)")
    assert.strictEqual(both.message, "timing.giveUpMs: expected more than timing.pingMs, which is 50000, got 30000 (the program)")
    assert.strictEqual(scope.message, '"@status" is not a scope\'s name: one is not empty, and does not start with @')
    assert.match(transport.message, /no transport for it is provided/)
  }))
})

describe("a layer of which several nodes are built", () => {
  it.effect("gives each an id of its own, unless it is told one", () => Effect.gen(function*() {
    const build = (layer: Layer.Layer<Host.Host, Wrong>) =>
      Effect.map(Layer.build(Layer.fresh(layer)), (context) => Context.get(context, Host.Host).node)
    const [nameless, named] = [Node.layerMemory(), Node.layerMemory({ id: "ann" })]

    const ids = yield* Effect.forEach([nameless, nameless, named, named], build)

    assert.strictEqual(new Set(ids).size, 3)
    assert.deepStrictEqual(ids.slice(2), ["ann", "ann"])
  }))
})

const networks = [
  { name: "TCP", at: () => "tcp://127.0.0.1:0", node: () => Node.layer },
  { name: "memory", at: (id: string) => `memory:${id}`,
    node: (network: Transports.Network) => (config: Node.Config) => Node.layerMemory(config, network) }
]

for (const { at, name, node } of networks) {
  describe(`two nodes and a client in one process, over ${name}`, () => {
    it.live("have ids, scopes, facts and logs of their own", () => Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ fiber, message }) => {
        const { node: of, reason } = fiber.getRef(References.CurrentLogAnnotations) as Record<string, string>
        lines.push([of, String(message), reason ?? ""].join(" ").trim())
      })
      const layerOf = node(Transports.network())
      const start = (config: Node.Config) => Layer.build(layerOf(config)).pipe(Effect.provide(Logger.layer([logger])))
      const a = yield* start({ id: "a", listen: [at("a")] })
      const atA = yield* Effect.provide(listener, a)
      const ofB = yield* Scope.fork(yield* Effect.scope)
      const b = yield* start({ id: "b", listen: [at("b")], uplinks: { lobby: [atA] } }).pipe(Scope.provide(ofB))
      const client = yield* start({ id: "client", leaf: true, uplinks: { lobby: [yield* Effect.provide(listener, b)] } })
      assert.deepStrictEqual([a, b, client].map((context) => Context.get(context, Host.Host).node), ["a", "b", "client"])

      const [lobbyA, hallA] = [yield* inScope("lobby", a), yield* inScope("hall", a)]
      const [lobbyB, hallB] = [yield* inScope("lobby", b), yield* inScope("hall", b)]
      const lobbyC = yield* inScope("lobby", client)
      const seenC = yield* Effect.forkChild(changes(lobbyC, anyPresent, 3), { startImmediately: true })
      yield* hallA.assert(present("in the hall of a"))
      yield* lobbyA.assert(present("ann"))
      assert.deepStrictEqual(yield* changes(lobbyB, anyPresent, 1), ["Added ann"])
      assert.deepStrictEqual(yield* changes(lobbyC, anyPresent, 1), ["Added ann"])
      // the halls are not linked: this is all that b's ever hears
      yield* hallB.assert(present("in the hall of b"))
      assert.deepStrictEqual(yield* changes(hallB, anyPresent, 1), ["Added in the hall of b"])

      // b leaves; a's fact leaves the client, and a and its programs go on
      const stillHere = yield* Effect.forkChild(changes(lobbyA, anyPresent, 2), { startImmediately: true })
      yield* Scope.close(ofB, Exit.void)
      yield* lobbyC.assert(present("cay"))
      yield* lobbyA.assert(present("amy"))

      assert.deepStrictEqual(yield* Fiber.join(seenC), ["Added ann", "Removed ann", "Added cay"])
      assert.sameMembers([...yield* Fiber.join(stillHere)], ["Added ann", "Added amy"])
      const of = (id: string) => lines.filter((line) => line.startsWith(`${id} `)).map((line) => line.slice(id.length + 1))
      assert.deepStrictEqual(lines.filter((line) => !/^(a|b|client) /.test(line)), [])
      assert.include(of("a"), "link down Bye: the uplink is no longer asked for")
      assert.include(of("b"), "link down Bye: the node stops")
      assert.include(of("client"), "uplink down Bye: the node stops")
      assert.deepStrictEqual([of("a").length, of("b").length], [2, 4])
    }).pipe(quiet), 20_000)
  })
}

describe("a layer that is not built to its end", () => {
  const addresses = () => ["tcp://127.0.0.1:0", "ws://127.0.0.1:0", `unix:${join(folder, `${Math.floor(performance.now() * 1000)}.sock`)}`]

  /** All transports, which tell where they listen; the one in memory listens as `last` says. */
  const watched = (bound: Array<Address.Address>, last: Effect.Effect<never, Transport.ListenError>) => {
    const telling = (transport: Transport.Transport): Transport.Transport =>
      ({ ...transport,
        listen: (address, accept) => Effect.tap(transport.listen(address, accept), (it) => Effect.sync(() => bound.push(it.address))) })
    return Layer.mergeAll(
      Layer.effect(Transports.Tcp, Effect.map(Transports.Tcp, telling)),
      Layer.effect(Transports.WebSocket, Effect.map(Transports.WebSocket, telling)),
      Layer.effect(Transports.Unix, Effect.map(Transports.Unix, telling)),
      Layer.succeed(Transports.Memory, { listen: () => last, dial: () => Effect.never })
    ).pipe(Layer.provide(Transports.layer))
  }
  const dial = Effect.fnUntraced(function*(address: Address.Address) {
    const transport = (yield* Transports.provided)(address)!
    return yield* transport.dial(address)
  }, Effect.provide(Transports.layer))
  const lost = (connection: Transport.Connection) => Effect.callback<string>((resume) => {
    connection.start({ onChunk: () => {}, onLost: (reason) => resume(Effect.succeed(reason)) })
  })
  const nobodyListens = Effect.fnUntraced(function*(bound: ReadonlyArray<Address.Address>) {
    for (const address of bound) {
      const { reason } = yield* Effect.flip(dial(address))
      assert.match(reason, /ECONNREFUSED|ENOENT/, Address.print(address))
    }
    const [file] = bound.flatMap((address) => address._tag === "unix" ? [address.path] : [])
    assert.isFalse(existsSync(file!))
  })

  it.live("has closed its listeners and connections when it was interrupted half-way", () => Effect.gen(function*() {
    const bound: Array<Address.Address> = []
    const reached = yield* Deferred.make<void>()
    const last = Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
    const layer = Layer.provide(Node.layerNoTransport({ listen: [...addresses(), "memory:last"] }), watched(bound, last))
    const building = yield* Effect.forkChild(Effect.scoped(Layer.build(layer)))
    yield* Deferred.await(reached)
    const connections = yield* Effect.forEach(bound, dial)

    const ends = yield* Effect.forkChild(Effect.forEach(connections, lost, { concurrency: "unbounded" }), { startImmediately: true })
    yield* Fiber.interrupt(building)

    assert.strictEqual(bound.length, 3)
    assert.strictEqual((yield* Fiber.join(ends)).length, 3)
    yield* nobodyListens(bound)
  }).pipe(quiet), 20_000)

  it.live("is the same when the last address cannot be listened at", () => Effect.gen(function*() {
    const bound: Array<Address.Address> = []
    const last = Effect.fail(new Transport.ListenError({ address: "memory:last", reason: "no" }))
    const layer = Layer.provide(Node.layerNoTransport({ listen: [...addresses(), "memory:last"] }), watched(bound, last))

    const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))

    assert.strictEqual(error.message, "cannot listen on memory:last: no")
    assert.strictEqual(bound.length, 3)
    yield* nobodyListens(bound)
  }).pipe(quiet), 20_000)

  it.live("leaves no connection of an uplink behind, whenever the interruption comes", () => Effect.gen(function*() {
    const server = yield* Layer.build(Node.layer({ listen: ["tcp://127.0.0.1:0"] }))
    const at = yield* Effect.provide(listener, server)
    const links = () => Context.get(server, Host.Host).state().members.Sessions
    const turn = Effect.callback<void>((resume) => { setImmediate(() => resume(Effect.void)) })

    for (let turns = 0; turns < 30; turns++) {
      const node = Layer.provide(Node.scope("chat", { uplinks: [at] }), Node.layer({ listen: ["tcp://127.0.0.1:0"] }))
      const running = yield* Effect.forkChild(Effect.scoped(Effect.andThen(Layer.build(node), Effect.never)))
      for (let i = 0; i < turns; i++) yield* turn
      yield* Fiber.interrupt(running)
    }

    // the last one says farewell, or is lost: either way the server has no link then
    while ([...links().entries()].length > 0) yield* turn
    assert.deepStrictEqual([...links().entries()], [])
  }).pipe(quiet), 20_000)
})
