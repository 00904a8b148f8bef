/** Links in memory: what they promise beyond what every transport does. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Queue } from "effect"
import { readFile } from "node:fs/promises"
import { Address, type Transport, Transports } from "../src/index.ts"

const of = (text: string): Address.Address => (Address.parse(text) as Address.Located).address
const alone = Effect.provide(Transports.layerMemoryOf(Transports.network()))

interface Heard {
  readonly chunks: ReadonlyArray<string>
  readonly lost: Effect.Effect<string>
}
/** Reads a connection, and remembers. */
const hear = (connection: Transport.Connection): Heard => {
  const chunks: Array<string> = []
  const lost = Deferred.makeUnsafe<string>()
  connection.start({
    onChunk: (bytes) => chunks.push(Buffer.from(bytes).toString()),
    onLost: (reason) => assert.isTrue(Deferred.doneUnsafe(lost, Effect.succeed(reason)), "lost once")
  })
  return { chunks, lost: Deferred.await(lost) }
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const round = Effect.callback<void>((resume) => { setImmediate(() => resume(Effect.void)) })

/** Both ends of a connection. */
const connect = Effect.fnUntraced(function*(text: string) {
  const transport = yield* Transports.Memory
  const accepted = yield* Queue.unbounded<Transport.Connection>()
  yield* transport.listen(of(text), (connection) => Queue.offerUnsafe(accepted, connection))
  const near = yield* transport.dial(of(text))
  return { near, far: yield* Queue.take(accepted) }
})

describe("memory", () => {
  it.effect("delivers after the call that wrote, at once, in order, and a copy", () => Effect.gen(function*() {
    const { far, near } = yield* connect("memory:a")
    const heard = hear(far)
    hear(near)
    const taken: Array<string> = []
    const first = bytes("one")

    near.write(first, () => taken.push("one"))
    near.write(bytes("two"), () => taken.push("two"))
    first.fill(0)
    const within = [...heard.chunks]
    yield* round

    assert.deepStrictEqual([within, heard.chunks, taken], [[], ["one", "two"], ["one", "two"]])
  }).pipe(alone))

  it.effect("keeps what comes for who reads later, the end included, and takes nothing of it as dealt with", () => Effect.gen(function*() {
    const { far, near } = yield* connect("memory:a")
    let taken = 0
    const here = hear(near)
    near.write(bytes("one"), () => { taken++ })
    near.write(bytes("two"), () => { taken++ })
    near.close()
    near.write(bytes("too late"), () => { taken++ })
    yield* round
    assert.strictEqual(taken, 0)

    const there = hear(far)

    assert.strictEqual(yield* there.lost, "the peer closed the connection")
    assert.strictEqual(yield* here.lost, "closed here")
    assert.deepStrictEqual([there.chunks, taken], [["one", "two"], 2])
  }).pipe(alone))

  it.effect("hears out what the other side had written when it closes", () => Effect.gen(function*() {
    const { far, near } = yield* connect("memory:a")
    const [here, there] = [hear(near), hear(far)]

    far.write(bytes("and another thing"), () => {})
    near.close()

    assert.strictEqual(yield* here.lost, "closed here")
    assert.strictEqual(yield* there.lost, "the peer closed the connection")
    assert.deepStrictEqual(here.chunks, ["and another thing"])
  }).pipe(alone))

  it.effect("ends at once by an abort, also of a peer that never reads, and says so to who comes later", () => Effect.gen(function*() {
    const { far, near } = yield* connect("memory:a")
    const here = hear(near)
    near.write(bytes("unread"), assert.fail)

    near.abort()

    assert.strictEqual(yield* here.lost, "closed here")
    yield* round
    const late = hear(far)
    assert.strictEqual(yield* late.lost, "the connection was reset")
    assert.deepStrictEqual(late.chunks, [])
  }).pipe(alone))

  it.effect("closes from both sides at the same time", () => Effect.gen(function*() {
    const { far, near } = yield* connect("memory:a")
    const [here, there] = [hear(near), hear(far)]

    near.close()
    far.close()

    assert.deepStrictEqual([yield* here.lost, yield* there.lost], ["closed here", "closed here"])
  }).pipe(alone))

  it.effect("has a name once in a network, until the listener's scope closes, and networks apart", () => Effect.gen(function*() {
    const transport = yield* Transports.Memory
    const address = of("memory:a")
    yield* Effect.scoped(Effect.gen(function*() {
      yield* transport.listen(address, () => {})
      const taken = yield* Effect.flip(transport.listen(address, () => {}))
      const elsewhere = yield* Effect.flip(Effect.provide(Effect.flatMap(Transports.Memory, (other) => other.dial(address)),
        Transports.layerMemoryOf(Transports.network())))

      assert.strictEqual(taken.message, "cannot listen on memory:a: it is in use; choose another one or stop who has it (EADDRINUSE)")
      assert.strictEqual(elsewhere.message, "cannot reach memory:a: nobody listens there (ECONNREFUSED)")
    }))

    assert.strictEqual((yield* Effect.flip(transport.dial(address))).reason, "nobody listens there (ECONNREFUSED)")
    yield* transport.listen(address, () => {})
  }).pipe(alone))

  it.effect("lets the rest of the process go on while two ends never fall silent", () => Effect.gen(function*() {
    const { far, near } = yield* connect("memory:a")
    let said = 0
    for (const end of [near, far]) end.start({ onChunk: (chunk) => { said++; end.write(chunk, () => {}) }, onLost: () => {} })
    near.write(bytes("ball"), () => {})

    const file = yield* Effect.promise(() => readFile(new URL(import.meta.url), "utf8"))
    const before = said
    yield* round
    yield* round

    assert.isNotEmpty(file)
    assert.isAbove(said, before)
    near.abort()
  }).pipe(alone))

  it("is addressed by a name and a scope, and reached from this process alone", () => {
    assert.deepStrictEqual(Address.parse("memory:a/my%20scope"), { address: { _tag: "memory", host: "a", port: 0 }, scope: "my scope", cost: undefined })
    for (const text of ["memory:a", "memory:a.b-c/lobby", "memory:a/x%2Fy"]) {
      const { address, scope } = Address.parse(text) as Address.Located
      assert.strictEqual(Address.print(address, scope), text)
      assert.isTrue(Address.isLoopback(address))
    }
    for (const text of ["memory:", "memory:/lobby", "memory:a b", "memory:a#lobby"]) assert.instanceOf(Address.parse(text), Address.BadAddress, text)
  })
})
