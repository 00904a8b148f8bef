import { assert, describe, it } from "@effect/vitest"
import { Value } from "@colloquy/core"
import { Effect, Layer } from "effect"
import * as dgram from "node:dgram"
import { once } from "node:events"
import * as Udp from "../../src/driver/Udp.ts"
import { fields, print, type Program, program, record, space, symbol } from "./world.ts"

const world = (config: Partial<Udp.Config> = {}) => Layer.provideMerge(Udp.layerConfig(config), space)
const words = { "udp-bound": 3, "udp-failed": 2, "udp-in": 4, "udp-dropped": 2, "udp-sent": 2, "udp-undelivered": 4 }
const observer = Effect.tap(program, (me) => Effect.sync(() => { for (const [label, n] of Object.entries(words)) me.observe(label, n) }))

const bound = Effect.fnUntraced(function*(me: Program, id: Value.Value, host = "127.0.0.1") {
  const demand = me.assert(record("udp-bind", id, host, 0))
  const [, , port] = fields(yield* me.reads(new RegExp(`^\\+ <udp-bound ${String(id)} `)))
  return { port: port as number, withdraw: demand.retract }
})
const plain = Effect.acquireRelease(
  Effect.promise(async () => {
    const socket = dgram.createSocket("udp4")
    socket.bind(0, "127.0.0.1")
    await once(socket, "listening")
    return socket
  }),
  (socket) => Effect.sync(() => socket.close())
)
const send = (socket: dgram.Socket, port: number, data: string | Uint8Array) =>
  Effect.promise(() => new Promise<void>((resolve) => { socket.send(data, port, "127.0.0.1", () => resolve()) }))
const bodies = (me: Program): ReadonlyArray<string> =>
  me.diary.filter(({ value }) => Value.isRecord(value, "udp-in", 4)).map((entry) => Buffer.from(fields(entry)[3] as Uint8Array).toString())

describe("udp", () => {
  for (const [host, any] of [["127.0.0.1", "127.0.0.1"], ["::1", "::1"]] as const) {
    it.live(`carries datagrams both ways, at ${host}`, () => Effect.gen(function*() {
      const me = yield* observer
      const one = yield* bound(me, 1, any)
      const two = yield* bound(me, 2, any)
      me.send(record("udp-credit", 2, 2), record("udp-out", 1, host, two.port, "hello"), record("udp-out", 1, host, two.port, new Uint8Array(1200)))
      yield* me.reads(/udp-in/, 2)
      me.send(record("udp-credit", 1, 1), record("udp-out", 2, host, one.port, ""))
      yield* me.reads(/udp-in/, 3)
      yield* me.reads(/udp-sent/, 3)

      assert.deepStrictEqual(me.text().filter((line) => line.includes("udp-in")), [
        `! <udp-in 2 "${host}" ${one.port} #"hello">`, `! <udp-in 2 "${host}" ${one.port} <bytes 1200>>`, `! <udp-in 1 "${host}" ${two.port} #"">`
      ])
      assert.deepStrictEqual(me.text().filter((line) => line.includes("udp-sent")), ["! <udp-sent 1 5>", "! <udp-sent 1 1200>", "! <udp-sent 2 0>"])
    }).pipe(Effect.scoped, Effect.provide(world())))
  }

  it.live("gives no more than the credit, keeps a few, and drops and counts the newest of the rest", () => Effect.gen(function*() {
    const me = yield* observer
    const { port, withdraw } = yield* bound(me, 1)
    const socket = yield* plain
    me.send(record("udp-credit", 1, 1))
    for (const text of ["a", "b", "c", "d", "e"]) yield* send(socket, port, text)
    yield* me.reads("+ <udp-dropped 1 1>")
    assert.deepStrictEqual(bodies(me), ["a"])
    me.send(record("udp-credit", 1, 10))
    yield* me.reads(/udp-in/, 4)
    yield* send(socket, port, "f")
    yield* me.reads(/udp-in/, 5)
    assert.deepStrictEqual(bodies(me), ["a", "b", "c", "d", "f"])

    withdraw()
    yield* me.reads(/^- <udp-dropped/)
    assert.deepStrictEqual((yield* me.reads(/^- <udp-bound/)).reason, symbol("closed"))
  }).pipe(Effect.scoped, Effect.provide(world({ waitingMax: 3 }))))

  it.live("counts bytes too", () => Effect.gen(function*() {
    const me = yield* observer
    const { port } = yield* bound(me, 1)
    const socket = yield* plain
    for (const size of [600, 600, 400]) yield* send(socket, port, new Uint8Array(size))
    yield* me.reads(/udp-dropped 1 1/)
    me.send(record("udp-credit", 1, 3))
    yield* me.reads(/udp-in/, 2)

    yield* send(socket, port, new Uint8Array(700))
    yield* me.reads(/udp-in/, 3)

    assert.deepStrictEqual(bodies(me).map(({ length }) => length), [600, 400, 700])
  }).pipe(Effect.scoped, Effect.provide(world({ waitingBytesMax: 1000 }))))

  it.live("says why it cannot bind or send, and goes on", () => Effect.gen(function*() {
    const me = yield* observer
    const { port } = yield* bound(me, 1)
    const taken = me.assert(record("udp-bind", 2, "127.0.0.1", port))
    assert.strictEqual(print(yield* me.reads(/^\+ <udp-failed/)), `+ <udp-failed <udp-bind 2 "127.0.0.1" ${port}> in-use>`)
    taken.retract()
    yield* me.reads(/^- <udp-failed/)
    me.assert(record("udp-bind", 1, "localhost", 0))
    yield* me.reads(/^\+ <udp-failed <udp-bind 1 .* id-in-use>$/)
    me.assert(record("udp-bind", 3, "127.0.0.1", -1))
    yield* me.reads(/^\+ <udp-failed <udp-bind 3 .* misused>$/)
    me.assert(record("udp-bind", 4, "192.0.2.1", 0))
    yield* me.reads(/^\+ <udp-failed <udp-bind 4 .* unreachable>$/)

    const out = (to: number, data: Value.Value, id: Value.Value = 1) => record("udp-out", id, "127.0.0.1", to, data)
    me.send(out(0, "x"), out(port, 7), out(port, new Uint8Array(70_000)), out(port, "x", "nobody"))
    me.send(record("udp-credit", 1, "many"), record("udp-credit", 1, 1), out(port, "to myself"))
    yield* me.reads(/udp-in/)

    assert.deepStrictEqual(bodies(me), ["to myself"])
    const undelivered = me.text().filter((line) => line.includes("udp-undelivered"))
    assert.deepStrictEqual(undelivered.slice(0, 2), [
      '! <udp-undelivered 1 "127.0.0.1" 0 misused>', `! <udp-undelivered 1 "127.0.0.1" ${port} misused>`
    ])
    assert.match(undelivered[2]!, /<error "EMSGSIZE"/)
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("binds no more sockets than its bound", () => Effect.gen(function*() {
    const me = yield* observer
    const { port } = yield* bound(me, 1)
    me.assert(record("udp-bind", 2, "127.0.0.1", 0))
    assert.strictEqual(print(yield* me.reads(/^\+ <udp-failed/)), '+ <udp-failed <udp-bind 2 "127.0.0.1" 0> too-many>')
    me.send(record("udp-credit", 1, 1), record("udp-out", 1, "127.0.0.1", port, "still here"))
    yield* me.reads(/udp-in/)
  }).pipe(Effect.scoped, Effect.provide(world({ socketsMax: 1 }))))

  it.live("lets no more wait to leave than its bound", () => Effect.gen(function*() {
    const me = yield* observer
    const { port } = yield* bound(me, 1)
    me.send(...Array.from({ length: 5 }, (_, i) => record("udp-out", 1, "localhost", port, String(i))))
    yield* me.reads(/write-overflow/, 3)
    yield* me.reads(/udp-sent/, 2)

    assert.strictEqual(me.text().filter((line) => line.includes("udp-undelivered")).length, 3)
  }).pipe(Effect.scoped, Effect.provide(world({ sendingMax: 2 }))))
})
