import { assert, describe, it } from "@effect/vitest"
import { Value } from "@colloquy/core"
import { Effect, Exit, Layer, Scope } from "effect"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import * as http from "node:http"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ws from "ws"
import * as WebSocket from "../../src/driver/WebSocket.ts"
import { fields, print, type Program, program, record, space, symbol } from "./world.ts"

const world = (config: Partial<WebSocket.Config> = {}) => Layer.provideMerge(WebSocket.layerConfig(config), space)
const anywhere = record("tcp", "127.0.0.1", 0)
const words = { "ws-listening": 2, "ws-failed": 2, "ws-connection": 4, "ws-connected": 2, "ws-dropped": 2, "ws-in": 2, "ws-written": 2 }
const observer = Effect.tap(program, (me) => Effect.sync(() => { for (const [label, n] of Object.entries(words)) me.observe(label, n) }))

const listener = Effect.fnUntraced(function*(me: Program) {
  const demand = me.assert(record("ws-listen", anywhere))
  const [, bound] = fields(yield* me.reads(/^\+ <ws-listening/))
  const port = (bound as Value.Record).fields[1] as number
  const connect = (path = "/") => Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = new ws.WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate: false })
      socket.on("error", () => {})
      await once(socket, "open")
      return socket
    }),
    (socket) => Effect.sync(() => socket.terminate())
  )
  return { connect, port, url: `ws://127.0.0.1:${port}/`, withdraw: demand.retract }
})
const handled = Effect.fnUntraced(function*(me: Program, connect: Effect.Effect<ws.WebSocket, never, any>, nth = 1) {
  const socket = yield* connect
  const [id] = fields(yield* me.reads(/^\+ <ws-connection/, nth))
  const handle = me.assert(record("ws-handle", id!))
  const say = (what: string, ...rest: ReadonlyArray<Value.Value>) => me.send(record(`ws-${what}`, id!, ...rest))
  return { id: id as string, say, socket, leave: handle.retract }
})
const received = (me: Program, id: Value.Value): ReadonlyArray<Value.Value> =>
  me.diary.filter(({ value }) => Value.isRecord(value, "ws-in", 2) && value.fields[0] === id).map((entry) => fields(entry)[1]!)
/** The code and the text that a socket was closed with. */
const closed = (socket: ws.WebSocket) => eager(new Promise<readonly [number, string]>((resolve) => {
  socket.once("close", (code, text) => resolve([code, text.toString()]))
}))
const messages = (socket: ws.WebSocket, n: number) => eager(new Promise<ReadonlyArray<string | Buffer>>((resolve) => {
  const got: Array<string | Buffer> = []
  socket.on("message", (data: Buffer, isBinary) => {
    got.push(isBinary ? data : data.toString())
    if (got.length === n) resolve(got)
  })
}))
/** For what is listened to from now on, not from when it is waited for. */
const eager = <A>(promise: Promise<A>) => Effect.promise(() => promise)

describe("websocket server", () => {
  it.live("takes text and bytes by credit, and says where it was connected to", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { id, say, socket } = yield* handled(me, connect("/room/a?b=c"))
    socket.send("one")
    socket.send(Buffer.from([2]))
    socket.send("")
    socket.send("four")
    say("credit", 2)
    yield* me.reads(/ws-in/, 2)
    assert.deepStrictEqual(received(me, id), ["one", Uint8Array.of(2)])
    say("credit", 2)
    yield* me.reads(/ws-in/, 4)

    assert.deepStrictEqual(received(me, id), ["one", Uint8Array.of(2), "", "four"])
    const [, , path, remote] = fields(yield* me.reads(/^\+ <ws-connection "[^"]+" <tcp "127\.0\.0\.1" 0>/))
    assert.strictEqual(path, "/room/a?b=c")
    assert.isTrue(Value.isRecord(remote, "tcp", 2))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("writes in order, acknowledges, and says farewell after all of it", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { id, say, socket } = yield* handled(me, connect())
    const got = messages(socket, 3)
    const end = closed(socket)
    say("out", "text")
    say("out", new Uint8Array(300_000))
    say("out", "")
    say("close", 4_321, "enough")

    assert.deepStrictEqual(yield* got, ["text", Buffer.alloc(300_000), ""])
    assert.deepStrictEqual(yield* end, [4_321, "enough"])
    assert.deepStrictEqual((yield* me.reads(/^- <ws-connection/)).reason, record("closed", 4_321, "enough"))
    assert.deepStrictEqual(me.text().filter((line) => line.includes("ws-written")), [4, 300_000, 0].map((n) => `! <ws-written "${id}" ${n}>`))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("tells why the other end left, after all that it said", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { id, say, socket } = yield* handled(me, connect())
    const { _socket: wire } = socket as unknown as { readonly _socket: net.Socket }
    wire.cork() // all in one chunk
    socket.send("last")
    socket.send("words")
    socket.close(3_000, "gone home")
    wire.uncork()
    const over = closed(socket)
    say("credit", 1)
    yield* me.reads(/ws-in/)
    yield* over
    assert.isFalse(me.text().some((line) => line.startsWith("- <ws-connection")))
    say("credit", 1)
    assert.deepStrictEqual((yield* me.reads(/^- <ws-connection/)).reason, record("closed", 3_000, "gone home"))
    assert.deepStrictEqual(received(me, id), ["last", "words"])

    const broken = yield* handled(me, connect(), 2)
    broken.socket.terminate()
    assert.deepStrictEqual((yield* me.reads(/^- <ws-connection/, 2)).reason, record("closed", 1006, ""))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("closes when the handler leaves, when nobody handles, and when nonsense is said", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect, withdraw } = yield* listener(me)
    const one = yield* handled(me, connect())
    const end = closed(one.socket)
    one.say("out", "bye")
    const got = messages(one.socket, 1)
    one.leave()
    assert.deepStrictEqual(yield* got, ["bye"])
    assert.deepStrictEqual((yield* end)[0], 1000)
    assert.deepStrictEqual((yield* me.reads(/^- <ws-connection/)).reason, symbol("closed"))

    let nth = 1
    for (const nonsense of [["credit", 1.5], ["out", 5], ["close", 1001, ""], ["close", 1000, "x".repeat(124)], ["close", "1000", ""]] as const) {
      const { say } = yield* handled(me, connect(), ++nth)
      say(nonsense[0], ...nonsense.slice(1))
      assert.deepStrictEqual((yield* me.reads(/^- <ws-connection/, nth)).reason, symbol("misused"))
    }
    const ignored = yield* connect()
    const over = closed(ignored)
    yield* me.reads(/^\+ <ws-connection/, ++nth)
    assert.deepStrictEqual((yield* me.reads(/^- <ws-connection/, nth)).reason, symbol("unhandled"))
    assert.strictEqual((yield* over)[0], 1006)
    const kept = yield* handled(me, connect(), ++nth)
    withdraw()
    yield* me.reads(/^- <ws-listening/)
    kept.socket.send("still here")
    kept.say("credit", 1)
    yield* me.reads(`! <ws-in "${kept.id}" "still here">`)
  }).pipe(Effect.scoped, Effect.provide(world({ unhandledMs: 100 }))))

  it.live("keeps no message that is too long, and holds fast senders back", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const long = yield* handled(me, connect())
    const end = closed(long.socket)
    long.socket.send(new Uint8Array(100_001))
    const [label, code] = [(yield* me.reads(/^- <ws-connection/)).reason as Value.Record].map(({ fields: [n], label: l }) => [l, n])[0]!
    assert.deepStrictEqual([label, code], [symbol("closed"), 1009])
    assert.strictEqual((yield* end)[0], 1009)

    const fast = yield* handled(me, connect(), 2)
    const count = 640
    let taken = 0
    for (let i = 0; i < count; i++) fast.socket.send(new Uint8Array(100_000), () => { taken++ })
    fast.say("credit", 1)
    yield* me.until((diary) => diary.some(({ value }) => Value.isRecord(value, "ws-in", 2)))
    const other = yield* handled(me, connect(), 3)
    for (let i = 1; i <= 300; i++) {
      other.socket.send("hello")
      other.say("credit", 1)
      yield* me.until(() => received(me, other.id).length === i)
    }
    assert.strictEqual(received(me, fast.id).length, 1)
    assert.isBelow(taken, count)
    fast.say("credit", count)
    yield* me.until(() => received(me, fast.id).length === count)
  }).pipe(Effect.scoped, Effect.provide(world({ messageBytesMax: 100_000 }))), 20_000)

  it.live("tells thousands of empty messages without keeping others waiting", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { id, say, socket } = yield* handled(me, connect())
    for (let i = 0; i < 20_000; i++) socket.send("")
    say("credit", 20_000)
    yield* me.until((diary) => diary.length >= 20_002)

    assert.strictEqual(received(me, id).length, 20_000)
  }).pipe(Effect.scoped, Effect.provide(world())), 20_000)

  it.live("ends a writer that does not wait for a reader that does not read", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { say, socket } = yield* handled(me, connect())
    socket.pause()
    for (let i = 0; i < 40; i++) say("out", new Uint8Array(1024 * 1024))

    assert.deepStrictEqual((yield* me.reads(/^- <ws-connection/)).reason, symbol("write-overflow"))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("answers what is no WebSocket, and drops and counts what is too much", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect, port } = yield* listener(me)
    const status = yield* Effect.promise(() => new Promise<number>((resolve) => {
      http.get({ port, host: "127.0.0.1", agent: false }, (response) => {
        response.resume().once("close", () => resolve(response.statusCode!))
      })
    }))
    assert.strictEqual(status, 426)
    yield* handled(me, connect())
    const raw = net.connect(port, "127.0.0.1")
    raw.on("error", () => {})
    yield* Effect.promise(() => new Promise<void>((resolve) => { raw.resume().once("close", () => resolve()) }))
    yield* me.reads(/^\+ <ws-dropped <tcp "127.0.0.1" 0> 1>/)
  }).pipe(Effect.scoped, Effect.provide(world({ connectionsMax: 1 }))))
})

describe("websocket client", () => {
  it.live("converses with the server of the same driver, and each hears how the other ended it", () => Effect.gen(function*() {
    const me = yield* observer
    const { url } = yield* listener(me)
    me.onEntry = ({ sign, value }) => {
      const [id, what] = fields({ sign, value })
      if (sign === "+" && Value.isRecord(value, "ws-connection", 4)) {
        me.assert(record("ws-handle", id!))
        me.send(record("ws-credit", id!, 1))
      } else if (Value.isRecord(value, "ws-in", 2) && id !== "mine") {
        me.send(what === "end" ? record("ws-close", id!, 4000, "as you wish") : record("ws-out", id!, what!), record("ws-credit", id!, 1))
      }
    }
    const demand = me.assert(record("ws-connect", "mine", url))
    yield* me.reads(`+ <ws-connected "mine" "${url}">`)
    me.send(record("ws-credit", "mine", 10), record("ws-out", "mine", "hi"))
    me.send(record("ws-out", "mine", Uint8Array.of(1, 2)), record("ws-out", "mine", "end"))
    assert.deepStrictEqual((yield* me.reads(/^- <ws-connected/)).reason, record("closed", 4000, "as you wish"))
    assert.deepStrictEqual(received(me, "mine"), ["hi", Uint8Array.of(1, 2)])
    yield* me.reads(`+ <ws-failed <ws-connect "mine" "${url}"> <closed 4000 "as you wish">>`)
    demand.retract()
    yield* me.reads(/^- <ws-failed/)

    const again = me.assert(record("ws-connect", "mine", url))
    yield* me.reads(/^\+ <ws-connected/, 2)
    again.retract()
    assert.deepStrictEqual((yield* me.reads(/^- <ws-connection/, 2)).reason, record("closed", 1000, ""))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("says why it could not connect", () => Effect.gen(function*() {
    const me = yield* observer
    const { port, url, withdraw } = yield* listener(me)
    const server = http.createServer((_, response) => response.writeHead(404).end())
    server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"))
    yield* Effect.promise(() => new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) }))
    const other = (server.address() as net.AddressInfo).port
    me.assert(record("ws-connect", 1, `ws://127.0.0.1:${other}/`))
    assert.match(print(yield* me.reads(/^\+ <ws-failed/)), /<error "404" "Not Found">>$/)
    server.close()
    withdraw()
    yield* me.reads(/^- <ws-listening/)
    me.assert(record("ws-connect", 2, url))
    assert.match(print(yield* me.reads(/^\+ <ws-failed <ws-connect 2/)), / refused>$/)
    for (const bad of ["http://127.0.0.1/", "nonsense", `${url}#here`, 5]) me.assert(record("ws-connect", 3, bad))
    yield* me.reads(/^\+ <ws-failed <ws-connect 3 .* misused>$/, 4)
    assert.isAbove(port, 0)
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("says farewell on every connection when the driver stops", () => Effect.gen(function*() {
    const me = yield* observer
    const driver = yield* Scope.make()
    yield* Layer.buildWithScope(WebSocket.layer, driver)
    const { connect } = yield* listener(me)
    const { say, socket } = yield* handled(me, connect())
    const end = closed(socket)
    const got = messages(socket, 1)
    say("out", "last words")
    yield* Scope.close(driver, Exit.void)

    assert.deepStrictEqual(yield* got, ["last words"])
    assert.strictEqual((yield* end)[0], 1001)
    assert.deepStrictEqual((yield* me.reads(/^- <ws-connection/)).reason, symbol("driver-stopped"))
  }).pipe(Effect.scoped, Effect.provide(space)))

  it.live("listens at a Unix socket", () => Effect.gen(function*() {
    const me = yield* observer
    const folder = mkdtempSync(join(tmpdir(), "colloquy-"))
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
    const path = join(folder, "ws.sock")
    me.assert(record("ws-listen", record("unix", path)))
    yield* me.reads(/^\+ <ws-listening/)
    const connect = Effect.acquireRelease(
      Effect.promise(async () => {
        const socket = new ws.WebSocket(`ws+unix:${path}:/here`)
        await once(socket, "open")
        return socket
      }),
      (socket) => Effect.sync(() => socket.terminate())
    )
    const { id, say, socket } = yield* handled(me, connect)
    socket.send("hello")
    say("credit", 1)
    yield* me.reads(`! <ws-in "${id}" "hello">`)

    assert.match(print(yield* me.reads(/^\+ <ws-connection/)), / "\/here" <unix "">>$/)
  }).pipe(Effect.scoped, Effect.provide(world())))
})
