/** What a host does when the world does not do its part: peers that never answer or never read, and an end that others outlive. */
import { assert, describe, it } from "@effect/vitest"
import { Binary, Packet, Pattern, Value } from "@colloquy/core"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Metric, Queue, References, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as net from "node:net"
import { peer } from "../bench/raw/peer.ts"
import { Host, Node, Space } from "../src/index.ts"

const quiet = Effect.provide(Logger.layer([]))
const management = Space.make(null)
const inScope = (name: string, node: Context.Context<Host.Host>) =>
  Effect.map(Layer.build(Layer.provide(Node.scope(name), Layer.succeedContext(node))), (context) => Context.get(context, Space.Space))
const bind = Pattern.bind()
const listener = Effect.map(Effect.flatMap(management, (it) => it.waitFor(Pattern.record("listener", bind))), ([at]) => String(at)).pipe(Effect.scoped)

describe("an uplink to somebody who takes the connection and never answers", () => {
  /** Listens, and says nothing: `asked` when somebody came and spoke, `gone` when he left. */
  const silent = Effect.gen(function*() {
    const [asked, gone] = [Deferred.makeUnsafe<void>(), Deferred.makeUnsafe<void>()]
    const server = net.createServer((socket) => {
      socket.on("error", () => {}).once("data", () => Deferred.doneUnsafe(asked, Effect.void)).once("close", () => Deferred.doneUnsafe(gone, Effect.void))
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => { server.listen(0, "127.0.0.1", () => resume(Effect.void)) }),
      () => Effect.sync(() => server.close())
    )
    return { port: (server.address() as net.AddressInfo).port, asked: Deferred.await(asked), gone: Deferred.await(gone) }
  })
  const waiting = Pattern.record("uplink-waiting", Pattern.literal("s"), Pattern.discard, Pattern.discard, bind, bind)

  it.effect("is given up after ten seconds and not before, and waits for the next try", () => Effect.gen(function*() {
    const { asked, gone, port } = yield* silent
    const node = yield* Layer.build(Node.layer({ uplinks: { s: [`ws://127.0.0.1:${port}`] } }))
    const facts = yield* Effect.provide(management, node)
    yield* asked

    yield* TestClock.adjust("9999 millis")
    const before = yield* facts.query(waiting)
    yield* TestClock.adjust("1 millis")

    assert.deepStrictEqual(before, [])
    assert.deepStrictEqual(yield* facts.waitFor(waiting), [1, "no answer within 10000 ms"])
    yield* gone
  }).pipe(quiet))
})

describe("who outlives a node", () => {
  it.effect("is told that it has ended, once, also when others fail at that, and so is who comes later", () => Effect.gen(function*() {
    const ofNode = yield* Scope.make()
    const node = yield* Layer.build(Node.layerMemory({ id: "n" })).pipe(Scope.provide(ofNode))
    const host = Context.get(node, Host.Host)
    const told: Array<string> = []
    const listening = (name: string, more: () => void = () => {}): Host.Listener => ({
      deliver: () => {},
      exited: (reason) => {
        told.push(`${name} ${String(reason)}`)
        more()
      }
    })
    host.enter("s", "fails", listening("fails", () => { throw new Error("boo") }), [])
    host.enter(null, "early", listening("early"), [])

    yield* Scope.close(ofNode, Exit.void)
    host.enter("s", "late", listening("late"), [])

    assert.deepStrictEqual(told, ["fails true", "early true", "late true"])
  }).pipe(quiet))

  it.effect("and waits in a space is interrupted, and what it observes ends", () => Effect.gen(function*() {
    const ofNode = yield* Scope.make()
    const node = yield* Layer.build(Node.layerMemory({ id: "n" })).pipe(Scope.provide(ofNode))
    const space = yield* inScope("s", node)
    const never = Pattern.record("never", bind)
    const waits = yield* Effect.forkChild(space.waitFor(never), { startImmediately: true })
    const observes = yield* Effect.forkChild(Stream.runCollect(space.observe(never)), { startImmediately: true })

    yield* Scope.close(ofNode, Exit.void)

    assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waits)))
    assert.deepStrictEqual([...yield* Fiber.join(observes)], [])
  }).pipe(quiet))
})

describe("a peer that takes one byte and gives no credit", () => {
  interface Line {
    readonly message: string
    readonly fields: Readonly<Record<string, unknown>>
  }
  const said = (n: number) => Value.record("m", n)
  /** A node that keeps three messages for a slow peer, which wants all that is said; ten are. */
  const tellSlowPeer = Effect.fnUntraced(function*(slowPeer: "drop" | "close") {
    const lines = yield* Queue.unbounded<Line>()
    const logger = Logger.make<unknown, void>(({ fiber, message }) => {
      Queue.offerUnsafe(lines, { message: String(message), fields: fiber.getRef(References.CurrentLogAnnotations) })
    })
    const registry: Metric.MetricRegistry = new Map()
    const node = yield* Layer.build(Node.layer({ listen: ["tcp://127.0.0.1:0"], limits: { messagesMax: 3 }, slowPeer })).pipe(
      Effect.provide(Logger.layer([logger])), Effect.provideService(Metric.MetricRegistry, registry))
    const port = Number(/\d+$/.exec(yield* Effect.provide(listener, node))![0])
    const slow = yield* Effect.acquireRelease(
      Effect.promise(() => peer(port, "slow", { scope: "s", takes: { windowBytes: 1 } })),
      ({ socket }) => Effect.sync(() => socket.destroy())
    )
    slow.send({ _tag: "Turn", items: [{ _tag: "Assert", endpoint: 1, pattern: Pattern.record("m", bind) }], more: false })
    slow.send({ _tag: "Sync", n: 1 })
    yield* Effect.promise(() => slow.wait("Synced"))
    const space = yield* inScope("s", node)
    for (let n = 1; n <= 10; n++) yield* space.send(said(n))
    const line = (message: string): Effect.Effect<Line> =>
      Effect.flatMap(Queue.take(lines), (one) => one.message === message ? Effect.succeed(one) : line(message))
    const dropped = () => [...registry.values()].filter(({ id }) => id === "colloquy_link_messages_dropped")
      .map(({ hooks }) => hooks.get(undefined as never) as { readonly count: number }).map(({ count }) => count)
    return { slow, line, dropped }
  })
  /** What the peer hears when it gives credit for whatever comes, until it has heard so many messages. */
  const hears = async ({ packets, send, wait }: Awaited<ReturnType<typeof peer>>, messages: number) => {
    const heard: Array<Value.Value> = []
    for (let bytes = 0; heard.length < messages; send({ _tag: "Credit", bytes })) {
      const turn = await wait("Turn")
      packets.splice(packets.indexOf(turn), 1)
      bytes += Packet.encode(turn, false).length
      for (const item of turn.items) if (item._tag === "Msg") heard.push(Binary.decode(item.captures) as Value.Value)
    }
    return heard
  }

  it.live("loses the oldest messages, which is counted and said, and gets the newest when it has room", () => Effect.gen(function*() {
    const { dropped, line, slow } = yield* tellSlowPeer("drop")

    const { fields } = yield* line("a peer reads too slowly: messages were dropped")
    const counted = dropped()
    const heard = yield* Effect.promise(() => hears(slow, 4))

    assert.deepStrictEqual(heard, [[1], [8], [9], [10]])
    assert.deepStrictEqual(counted, [6])
    assert.match(`${String(fields["link"])} ${String(fields["messages"])}`, /^in:\d+ 1$/)
  }), 20_000)

  it.live("loses its link instead when the node is told so, and is told why", () => Effect.gen(function*() {
    const { dropped, line, slow } = yield* tellSlowPeer("close")

    const error = yield* Effect.promise(() => slow.wait("Error"))
    const { fields } = yield* line("link down")

    assert.deepStrictEqual(error, { _tag: "Error", code: "Overflow", message: "more than 3 messages, or 16777216 bytes of them, wait for the peer", index: undefined })
    assert.deepStrictEqual(dropped(), [])
    assert.deepInclude(fields, { by: "us", reason: `Overflow: ${error.message}` })
  }), 20_000)
})

describe("the cost of an uplink", () => {
  it.live("is what its address says, or the fact that asks for it, and decides which link is an edge", () => Effect.gen(function*() {
    const start = (config: Node.Config) => Layer.build(Layer.fresh(Node.layer({ listen: ["tcp://127.0.0.1:0"], ...config })))
    const a = yield* start({ id: "a", priority: 0 })
    const atA = yield* Effect.provide(listener, a)
    const b = yield* start({ id: "b", uplinks: { s: [`${atA}?cost=2`] } })
    const edge = (link: Pattern.Pattern) => Pattern.record("edge", link, Pattern.literal("s"), Pattern.literal("parent"))
    yield* Effect.flatMap(Effect.provide(management, b), (facts) => facts.waitFor(edge(bind))) // b has a root to lead to
    const c = yield* start({ id: "c", uplinks: { s: [`${yield* Effect.provide(listener, b)}?cost=3`] } })
    const facts = yield* Effect.provide(management, c)
    yield* facts.assert(Value.record("uplink", "s", atA, "s", 1_000))
    const linkTo = (node: string) => Effect.map(
      facts.waitFor(Pattern.record("link", bind, Pattern.literal("s"), Pattern.discard, Pattern.literal(node), Pattern.discard)), ([link]) => link as string)
    const [toA, toB] = [yield* linkTo("a"), yield* linkTo("b")]

    yield* facts.waitFor(edge(Pattern.literal(toB)))

    const { neighbours, path } = Context.get(c, Host.Host).state().members.Scopes.get("s")!.Topology
    assert.deepStrictEqual([toA, toB].map((link) => [neighbours.get(link)?.cost, neighbours.get(link)?.costs]), [[1_000, "what was said"], [3, "what was said"]])
    assert.deepInclude(path, { root: "a", distance: 5 })
  }).pipe(quiet), 20_000)

  it.live("that is none is no uplink: nobody is dialled, and the log says why", () => Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ message }) => { lines.push(String(message)) })
    const node = yield* Layer.build(Node.layer({})).pipe(Effect.provide(Logger.layer([logger])))
    const facts = yield* Effect.provide(management, node)

    yield* facts.assertAll([0, 1.5, 1_000_001, "1"].map((cost) => Value.record("uplink", "s", "tcp://127.0.0.1:1", "s", cost)))

    assert.deepStrictEqual([...Context.get(node, Host.Host).state().members.Operator.uplinks.keys()], [])
    const line = "an uplink was asked for that is none: <uplink local-scope address remote-scope> takes three strings, and a cost from 1 to 1,000,000 or none"
    assert.deepStrictEqual(lines, [line, line, line, line])
  }))
})
