import { assert, describe, it } from "@effect/vitest"
import { Text, Value } from "@colloquy/core"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { linkSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { once } from "node:events"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Tcp from "../../src/driver/Tcp.ts"
import { fields, nested, print, type Program, program, record, space, symbol } from "./world.ts"

const world = (config: Partial<Tcp.Config> = {}) => Layer.provideMerge(Tcp.layerConfig(config), space)
const anywhere = record("tcp", "127.0.0.1", 0)
const words = {
  "tcp-listening": 2, "tcp-failed": 2, "tcp-connection": 3, "tcp-connected": 3, "tcp-dropped": 2, "tcp-in": 2, "tcp-eof": 1, "tcp-written": 2
}
const observer = Effect.tap(program, (me) => Effect.sync(() => { for (const [label, n] of Object.entries(words)) me.observe(label, n) }))
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

/** A listener asked for by facts, and a plain socket that connects to it. */
const listener = Effect.fnUntraced(function*(me: Program, address: Value.Value = anywhere) {
  const demand = me.assert(record("tcp-listen", address))
  const [, bound] = fields(yield* me.reads(/^\+ <tcp-listening/))
  const options = Value.isRecord(bound, "unix", 1)
    ? { path: bound.fields[0] as string }
    : { host: "127.0.0.1", port: fields({ sign: "+", value: bound! })[1] as number }
  const connect = Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = net.connect({ ...options, allowHalfOpen: true })
      socket.on("error", () => {})
      await once(socket, "connect")
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
  return { bound: bound!, connect, options, withdraw: () => demand.retract() }
})
/** One that is accepted and handled. */
const handled = Effect.fnUntraced(function*(me: Program, connect: Effect.Effect<net.Socket, never, any>, nth = 1) {
  const socket = yield* connect
  const [id] = fields(yield* me.reads(/^\+ <tcp-connection/, nth))
  const handle = me.assert(record("tcp-handle", id!))
  const say = (what: string, ...rest: ReadonlyArray<Value.Value>) => me.send(record(`tcp-${what}`, id!, ...rest))
  return { id: id as string, say, socket, leave: () => handle.retract() }
})
const received = (me: Program, id: Value.Value): ReadonlyArray<Value.Value> =>
  me.diary.filter(({ value }) => Value.isRecord(value, "tcp-in", 2) && value.fields[0] === id).map((entry) => fields(entry)[1]!)
const all = (me: Program, id: Value.Value): Buffer => Buffer.concat(received(me, id).map((data) => Buffer.from(data as Uint8Array)))
const closed = (socket: net.Socket) => Effect.promise(() => new Promise<void>((resolve) => {
  if (socket.closed) return resolve()
  socket.once("close", () => resolve())
  socket.end().resume() // who does not read does not hear of the end
}))
const readAll = (socket: net.Socket) => Effect.promise(async () => {
  const parts: Array<Buffer> = []
  for await (const part of socket) parts.push(part as Buffer)
  return Buffer.concat(parts)
})

const suite = (name: string, address: () => Value.Value) => describe(name, () => {
  it.live("reads no byte beyond the credit, and tells the end after all of them", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me, address())
    const { id, say, socket } = yield* handled(me, connect)
    socket.end("hello, world")

    say("credit", 5)
    yield* me.reads(/tcp-in/)
    say("credit", 0)
    say("credit", 3)
    yield* me.reads(/tcp-in/, 2)
    assert.deepStrictEqual(received(me, id), [bytes("hello"), bytes(", w")])
    assert.isFalse(me.text().some((line) => line.includes("tcp-eof")))
    say("credit", 1_000)
    yield* me.reads(/tcp-eof/)

    assert.strictEqual(all(me, id).toString(), "hello, world")
    assert.match(me.text().at(-1)!, /tcp-eof/)
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("tells the end without credit when nothing is left to read, and lets both sides end for themselves", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me, address())
    const { id, say, socket } = yield* handled(me, connect)
    socket.end()
    yield* me.reads(`! <tcp-eof "${id}">`)

    say("out", "still ")
    say("out", bytes("here"))
    say("end")
    assert.strictEqual((yield* readAll(socket)).toString(), "still here")
    const gone = yield* me.reads(/^- <tcp-connection/)

    assert.deepStrictEqual(gone.reason, symbol("eof"))
    assert.deepStrictEqual(me.text().filter((line) => line.includes("tcp-written")), [`! <tcp-written "${id}" 6>`, `! <tcp-written "${id}" 4>`])
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("half-closes, and reads on", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me, address())
    const { id, say, socket } = yield* handled(me, connect)
    say("out", "question")
    say("end")
    assert.strictEqual((yield* readAll(socket)).toString(), "question")
    socket.end("answer")
    say("credit", 100)
    const gone = yield* me.reads(/^- <tcp-connection/)

    assert.strictEqual(all(me, id).toString(), "answer")
    assert.deepStrictEqual(gone.reason, symbol("eof"))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("closes when the last handler leaves, after all that was written", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me, address())
    const { id, leave, say, socket } = yield* handled(me, connect)
    const second = me.assert(record("tcp-handle", id))
    const errors: Array<Error> = []
    socket.on("error", (error) => errors.push(error))
    socket.write(new Uint8Array(10_000_000)) // is never read, and must not cost the other end what was written
    say("out", new Uint8Array(1_000_000))
    leave()
    say("out", "bye")
    second.retract()
    const gone = yield* me.reads(/^- <tcp-connection/)
    const got = yield* readAll(socket)

    assert.strictEqual(got.length, 1_000_003)
    assert.strictEqual(got.subarray(-3).toString(), "bye")
    assert.deepStrictEqual(gone.reason, symbol("closed"))
    yield* closed(socket)
    assert.deepStrictEqual(errors, [])
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("connects, and echoes megabytes with credit for no more than what was written", () => Effect.gen(function*() {
    const me = yield* observer
    const { bound } = yield* listener(me, address())
    const size = 3_000_000
    const client = "client"
    let echoed = 0
    const digest = Buffer.alloc(size)
    me.onEntry = ({ sign, value }) => {
      const [id, what] = (value as Value.Record).fields
      if (sign === "+" && Value.isRecord(value, "tcp-connection", 3)) {
        me.assert(record("tcp-handle", id!))
        me.send(record("tcp-credit", id!, 50_000))
      } else if (Value.isRecord(value, "tcp-in", 2) && id !== client) me.send(record("tcp-out", id!, what!))
      else if (Value.isRecord(value, "tcp-written", 2) && id !== client) me.send(record("tcp-credit", id!, what!))
      else if (Value.isRecord(value, "tcp-eof", 1) && id !== client) me.send(record("tcp-end", id!))
      else if (Value.isRecord(value, "tcp-in", 2)) {
        digest.set(what as Uint8Array, echoed)
        echoed += (what as Uint8Array).length
      }
    }
    me.assert(record("tcp-connect", client, bound))
    yield* me.reads(/^\+ <tcp-connected/)
    const data = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff))
    me.send(record("tcp-credit", client, size + 1))
    for (let i = 0; i < size; i += 100_000) me.send(record("tcp-out", client, new Uint8Array(data.subarray(i, i + 100_000))))
    me.send(record("tcp-end", client))
    const end = yield* me.reads(/^- <tcp-connected/)

    assert.strictEqual(echoed, size)
    assert.isTrue(digest.equals(data))
    assert.deepStrictEqual(end.reason, symbol("eof"))
    assert.deepStrictEqual(print(yield* me.reads(/^\+ <tcp-failed/)), `+ <tcp-failed <tcp-connect "client" ${Text.print(bound)}> eof>`)
  }).pipe(Effect.scoped, Effect.provide(world())), 20_000)
})

describe("tcp in a nested dataspace", () => {
  it.live("converses as anywhere", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { id, say, socket } = yield* handled(me, connect)
    socket.end("in")
    say("credit", 2)
    yield* me.reads(`! <tcp-eof "${id}">`)
    say("out", "out")
    say("end")

    assert.strictEqual((yield* readAll(socket)).toString(), "out")
    assert.strictEqual(all(me, id).toString(), "in")
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/)).reason, symbol("eof"))
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Tcp.layer, nested))))
})

const folder = mkdtempSync(join(tmpdir(), "colloquy-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
let sockets = 0
const path = () => join(folder, `${++sockets}.sock`)
suite("tcp", () => anywhere)
suite("unix", () => record("unix", path()))

describe("tcp modes", () => {
  it.live("lets nobody miss what was cut already when both sides have ended", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { id, say, socket } = yield* handled(me, connect)
    say("mode", symbol("lines"))
    say("end")
    socket.end("one\ntwo\nthree\n")
    say("credit", 1)
    yield* me.reads(/tcp-in/)
    yield* closed(socket)
    // time for the driver to hear of it too
    for (let nth = 2; nth < 20; nth++) yield* handled(me, connect, nth)
    assert.isFalse(me.text().some((line) => line.startsWith("- <tcp-connection")))
    say("credit", 2)
    const gone = yield* me.reads(/^- <tcp-connection/)

    assert.deepStrictEqual(received(me, id), ["one", "two", "three"])
    assert.match(me.text().at(-2)!, /tcp-eof/)
    assert.deepStrictEqual(gone.reason, symbol("eof"))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("cuts lines, forgets credit when the mode changes, and gives back what was cut off to the next", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { id, say, socket } = yield* handled(me, connect)
    say("credit", 1_000_000)
    say("mode", symbol("lines"))
    socket.end("one\r\ntwo\n\nöl\n\0\xff\nraw\n\x02ab\x01cdeunfinished")
    say("credit", 2)
    yield* me.reads(/tcp-in/, 2)
    say("credit", 3)
    yield* me.reads(/tcp-in/, 5)
    say("mode", symbol("raw-lines"))
    say("credit", 1)
    yield* me.reads(/tcp-in/, 6)
    say("mode", record("packets", 1))
    say("credit", 2)
    yield* me.reads(/tcp-in/, 8)
    say("mode", symbol("bytes"))
    say("credit", 2)
    yield* me.reads(/tcp-in/, 9)
    say("mode", symbol("lines"))
    say("credit", 1)
    yield* me.reads(/tcp-eof/)

    assert.deepStrictEqual(received(me, id), ["one", "two", "", "öl", "\0\u00ff", bytes("raw"), bytes("ab"), bytes("c"), bytes("de"), "unfinished"])
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("puts the length before each packet, both ways", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { id, say, socket } = yield* handled(me, connect)
    say("mode", symbol("packets"))
    say("credit", 3)
    say("out", "abc")
    say("out", bytes(""))
    const stream = Buffer.from([0, 0, 0, 2, 65, 66, 0, 0, 0, 0, 0, 0, 1, 0, ...new Uint8Array(256).fill(7), 0, 0, 0, 9, 1])
    for (const byte of stream) socket.write(Buffer.from([byte]))
    socket.end()
    yield* me.reads(/tcp-eof/)
    say("mode", record("packets", 2))
    say("out", "x")
    say("end")

    assert.deepStrictEqual((yield* readAll(socket)), Buffer.from([0, 0, 0, 3, 97, 98, 99, 0, 0, 0, 0, 0, 1, 120]))
    assert.deepStrictEqual(received(me, id), [bytes("AB"), bytes(""), new Uint8Array(256).fill(7)])
    assert.deepStrictEqual(me.text().filter((line) => line.includes("tcp-written")).map((line) => line.at(-2)), ["3", "0", "1"])
  }).pipe(Effect.scoped, Effect.provide(world())))
})

describe("tcp failures", () => {
  it.live("says why it cannot connect or listen, and takes it back with the demand", () => Effect.gen(function*() {
    const me = yield* observer
    const taken = yield* listener(me)
    const second = me.assert(record("tcp-listen", taken.bound))
    assert.match(print(yield* me.reads(/^\+ <tcp-failed/)), / in-use>$/)
    second.retract()
    yield* me.reads(/^- <tcp-failed/)

    taken.withdraw()
    yield* me.reads(/^- <tcp-listening/)
    const refused = me.assert(record("tcp-connect", [1], taken.bound))
    assert.strictEqual(print(yield* me.reads(/^\+ <tcp-failed/, 2)), `+ <tcp-failed <tcp-connect [1] ${Text.print(taken.bound)}> refused>`)
    refused.retract()
    yield* me.reads(/^- <tcp-failed/, 2)
    const places = [record("tcp", "127.0.0.1", 65_536), record("tcp", "", 1), "127.0.0.1:80", record("unix", "relative")]
    for (const address of [...places, record("unix", `/${"x".repeat(107)}`)]) {
      me.assert(record("tcp-listen", address))
      me.assert(record("tcp-connect", 2, address))
    }
    yield* me.reads(/^\+ <tcp-failed .* misused>/, 10)

    me.assert(record("tcp-connect", 3, record("unix", path())))
    yield* me.reads(/^\+ <tcp-failed <tcp-connect 3 .*> not-found>$/)
    // the driver is as well as before
    const again = me.assert(record("tcp-listen", taken.bound))
    yield* me.reads(/^\+ <tcp-listening/, 2)
    again.retract()
    yield* me.reads(/^- <tcp-listening/, 2)
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("tells a reset, at either end", () => Effect.gen(function*() {
    const me = yield* observer
    const { bound, connect } = yield* listener(me)
    const { id, socket } = yield* handled(me, connect)
    socket.resetAndDestroy()
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/)).reason, symbol("reset"))

    const server = net.createServer((accepted) => accepted.once("data", () => accepted.resetAndDestroy()))
    yield* Effect.promise(() => new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve) }))
    const { port } = server.address() as net.AddressInfo
    me.assert(record("tcp-connect", "mine", record("tcp", "127.0.0.1", port)))
    yield* me.reads(/^\+ <tcp-connected "mine"/)
    me.send(record("tcp-out", "mine", "x"))
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connected "mine"/)).reason, symbol("reset"))
    assert.strictEqual(print(yield* me.reads(/^\+ <tcp-failed/)), `+ <tcp-failed <tcp-connect "mine" <tcp "127.0.0.1" ${port}>> reset>`)
    server.close()

    // and what is said to it afterwards concerns nobody
    me.send(record("tcp-out", id, "late"), record("tcp-credit", id, -1), record("tcp-out", "mine", 5))
    yield* handled(me, connect, 2)
    assert.isDefined(bound)
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("keeps one connection to an id", () => Effect.gen(function*() {
    const me = yield* observer
    const { bound, withdraw } = yield* listener(me)
    const first = me.assert(record("tcp-connect", "a", bound))
    yield* me.reads(/^\+ <tcp-connected/)
    withdraw()
    me.assert(record("tcp-connect", "a", record("tcp", "127.0.0.1", 1)))
    yield* me.reads('+ <tcp-failed <tcp-connect "a" <tcp "127.0.0.1" 1>> id-in-use>')
    first.retract()

    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connected/)).reason, symbol("closed"))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("takes over the Unix socket that a dead process left, for its owner alone", () => Effect.gen(function*() {
    const me = yield* observer
    // a file that nobody listens at: the server is closed behind its back
    const server = net.createServer()
    const [used, kept] = [path(), path()]
    yield* Effect.promise(() => new Promise<void>((resolve) => { server.listen(used, resolve) }))
    linkSync(used, kept)
    yield* Effect.promise(() => new Promise<void>((resolve) => { server.close(() => resolve()) }))
    assert.isTrue(statSync(kept).isSocket())

    yield* listener(me, record("unix", kept))
    me.assert(record("tcp-connect", "x", record("unix", kept)))
    yield* me.reads(/^\+ <tcp-connected/)
    assert.strictEqual(statSync(kept).mode & 0o777, 0o600)
    // one that somebody listens at stays theirs, and so does what is no socket
    const own = net.createServer()
    const theirs = path()
    yield* Effect.promise(() => new Promise<void>((resolve) => { own.listen(theirs, resolve) }))
    const file = path()
    writeFileSync(file, "precious")
    for (const at of [theirs, file]) {
      me.assert(record("tcp-listen", record("unix", at)))
      yield* me.reads(`+ <tcp-failed <tcp-listen <unix "${at}">> in-use>`)
    }
    assert.strictEqual(readFileSync(file, "utf8"), "precious")
    own.close()
  }).pipe(Effect.scoped, Effect.provide(world())))
})

describe("tcp and strangers", () => {
  it.live("reads nothing before somebody handles a connection, and closes what nobody does", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const socket = yield* connect
    yield* me.reads(/^\+ <tcp-connection/)
    const errors: Array<string | undefined> = []
    socket.on("error", (error: NodeJS.ErrnoException) => errors.push(error.code))
    socket.write("is anybody there?")
    const gone = yield* me.reads(/^- <tcp-connection/)
    yield* closed(socket)

    assert.deepStrictEqual(gone.reason, symbol("unhandled"))
    assert.deepStrictEqual(errors, ["ECONNRESET"]) // the system resets what is closed unread
  }).pipe(Effect.scoped, Effect.provide(world({ unhandledMs: 50 }))))

  it.live("closes what waits when its listener goes, and keeps what is handled", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect, withdraw } = yield* listener(me)
    const kept = yield* handled(me, connect)
    const waiting = yield* connect
    yield* me.reads(/^\+ <tcp-connection/, 2)
    withdraw()
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/)).reason, symbol("listener-closed"))
    yield* closed(waiting)

    kept.say("credit", 10)
    kept.socket.write("still")
    yield* me.reads(/tcp-in/)
    assert.strictEqual(all(me, kept.id).toString(), "still")
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("ends a line without end and a packet without measure", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const line = yield* handled(me, connect)
    line.say("mode", symbol("lines"))
    line.say("credit", 10)
    line.socket.write(`${"y".repeat(1000)}\nshort\n${"x".repeat(1002)}`)
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/)).reason, symbol("line-too-long"))
    assert.deepStrictEqual(received(me, line.id), ["y".repeat(1000), "short"])
    yield* closed(line.socket)

    const packet = yield* handled(me, connect, 2)
    packet.say("mode", symbol("packets"))
    packet.say("credit", 10)
    packet.socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/, 2)).reason, symbol("packet-too-long"))
    yield* closed(packet.socket)
  }).pipe(Effect.scoped, Effect.provide(world({ lineBytesMax: 1000 }))))

  it.live("holds a fast sender back: what is read ahead is bounded", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { id, say, socket } = yield* handled(me, connect)
    // far more than the system's buffers and ours together: it is not taken until there is credit
    const size = 64 * 1024 * 1024
    let isTaken = false
    socket.end(Buffer.alloc(size), () => { isTaken = true })
    say("credit", 10)
    yield* me.reads(/tcp-in/)
    // a second connection goes through everything meanwhile
    const other = yield* handled(me, connect, 2)
    for (let i = 1; i <= 100; i++) {
      other.socket.write("hello")
      other.say("credit", 5)
      yield* me.until(() => all(me, other.id).length === 5 * i)
    }
    assert.strictEqual(all(me, id).length, 10)
    assert.isFalse(isTaken)

    say("credit", size)
    yield* me.reads(/tcp-eof/)
    assert.strictEqual(received(me, id).reduce<number>((n, data) => n + (data as Uint8Array).length, 0), size)
  }).pipe(Effect.scoped, Effect.provide(world())), 20_000)

  it.live("ends a writer that does not wait for a reader that does not read", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    const { say, socket } = yield* handled(me, connect)
    socket.pause()
    for (let i = 0; i < 40; i++) say("out", new Uint8Array(1024 * 1024))
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/)).reason, symbol("write-overflow"))

    const many = yield* handled(me, connect, 2)
    for (let i = 0; i < 5_000; i++) many.say("out", "")
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/, 2)).reason, symbol("write-overflow"))
    many.socket.destroy()
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("ends a conversation in which nonsense is said", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    let nth = 0
    for (const nonsense of [["credit", -1], ["credit", "much"], ["mode", symbol("letters")], ["out", 5], ["mode", record("packets", 3)]] as const) {
      const { say } = yield* handled(me, connect, ++nth)
      say(nonsense[0], nonsense[1])
      assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/, nth)).reason, symbol("misused"))
    }
    const ended = yield* handled(me, connect, ++nth)
    ended.say("end")
    ended.say("out", "after the end")
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/, nth)).reason, symbol("misused"))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("drops, and counts, connections beyond the bound", () => Effect.gen(function*() {
    const me = yield* observer
    const { connect } = yield* listener(me)
    yield* connect
    yield* connect
    yield* me.reads(/^\+ <tcp-connection/, 2)
    const third = yield* connect
    yield* closed(third)
    yield* me.reads('+ <tcp-dropped <tcp "127.0.0.1" 0> 1>')

    assert.strictEqual(me.text().filter((line) => line.startsWith("+ <tcp-connection")).length, 2)
  }).pipe(Effect.scoped, Effect.provide(world({ connectionsMax: 2 }))))

  it.live("serves hundreds at once, each its own lines", () => Effect.gen(function*() {
    const me = yield* observer
    me.onEntry = ({ sign, value }) => {
      const [id, what] = (value as Value.Record).fields
      if (sign === "+" && Value.isRecord(value, "tcp-connection", 3)) {
        me.assert(record("tcp-handle", id!))
        me.send(record("tcp-mode", id!, symbol("lines")), record("tcp-credit", id!, 2))
      } else if (Value.isRecord(value, "tcp-in", 2)) me.send(record("tcp-out", id!, `${what as string}!\n`))
      else if (Value.isRecord(value, "tcp-eof", 1)) me.send(record("tcp-end", id!))
    }
    const { connect } = yield* listener(me)
    const answers = yield* Effect.forEach(Array.from({ length: 300 }, (_, i) => i), (i) => Effect.gen(function*() {
      const socket = yield* connect
      socket.write(`hello ${i}\n`)
      socket.end(`bye ${i}\n`)
      return (yield* readAll(socket)).toString()
    }).pipe(Effect.scoped), { concurrency: "unbounded" })
    yield* me.reads(/^- <tcp-connection/, 300)

    assert.deepStrictEqual(answers, Array.from({ length: 300 }, (_, i) => `hello ${i}!\nbye ${i}!\n`))
  }).pipe(Effect.scoped, Effect.provide(world())), 20_000)

  it.live("withdraws and closes everything when the driver stops, after what was written", () => Effect.gen(function*() {
    const me = yield* observer
    const driver = yield* Scope.make()
    yield* Layer.buildWithScope(Tcp.layer, driver)
    const { connect, options } = yield* listener(me)
    const { say, socket } = yield* handled(me, connect)
    say("out", new Uint8Array(1_000_000))
    say("out", "last words")
    const got = yield* Effect.forkChild(readAll(socket))
    yield* Scope.close(driver, Exit.void)

    assert.strictEqual((yield* Fiber.join(got)).subarray(1_000_000).toString(), "last words")
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/)).reason, symbol("driver-stopped"))
    assert.deepStrictEqual((yield* me.reads(/^- <tcp-listening/)).reason, symbol("driver-stopped"))
    const late = net.connect(options as net.NetConnectOpts)
    const [error] = yield* Effect.promise(() => once(late, "error"))
    assert.strictEqual((error as NodeJS.ErrnoException).code, "ECONNREFUSED")
  }).pipe(Effect.scoped, Effect.provide(space)))
})
