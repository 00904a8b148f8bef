import { assert, describe, it } from "@effect/vitest"
import { Value } from "@colloquy/core"
import { Effect, Layer } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, linkSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as Http from "../../src/driver/Http.ts"
import * as Tcp from "../../src/driver/Tcp.ts"
import * as WebSocket from "../../src/driver/WebSocket.ts"
import { fields, program, record, space, symbol } from "./world.ts"

const world = (config: Partial<Tcp.Config> = {}) => Layer.provideMerge(Tcp.layerConfig(config), space)
const anywhere = record("tcp", "127.0.0.1", 0)
const witness = Effect.tap(program, (me) => Effect.sync(() => {
  const words = { "tcp-listening": 2, "tcp-failed": 2, "tcp-connection": 3, "tcp-in": 2, "tcp-eof": 1 }
  for (const [label, n] of Object.entries(words)) me.observe(label, n)
}))
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "colloquy-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
const socketTo = (port: number) => Effect.acquireRelease(
  Effect.promise(async () => {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => {})
    await once(socket, "connect")
    return socket
  }),
  (socket) => Effect.sync(() => socket.destroy())
)
const portOf = (listening: Value.Value): number => ((listening as Value.Record).fields[1] as Value.Record).fields[1] as number

describe("a Unix socket", () => {
  it.live("is not made in the place of a link, also when that leads to a dead one", () => Effect.gen(function*() {
    const me = yield* witness
    const at = yield* folder
    const server = net.createServer()
    yield* Effect.promise(() => new Promise<void>((resolve) => { server.listen(join(at, "used"), resolve) }))
    linkSync(join(at, "used"), join(at, "dead"))
    yield* Effect.promise(() => new Promise<void>((resolve) => { server.close(() => resolve()) }))
    symlinkSync(join(at, "dead"), join(at, "link"))
    me.assert(record("tcp-listen", record("unix", join(at, "link"))))
    yield* me.reads(/^\+ <tcp-failed .* in-use>$/)

    assert.isTrue(lstatSync(join(at, "link")).isSymbolicLink())
    assert.isTrue(existsSync(join(at, "dead")))
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("that was replaced by somebody's file leaves that alone when it closes", () => Effect.gen(function*() {
    const me = yield* witness
    const at = yield* folder
    const path = join(at, "socket")
    const demand = me.assert(record("tcp-listen", record("unix", path)))
    yield* me.reads(/^\+ <tcp-listening/)
    rmSync(path)
    writeFileSync(path, "precious")
    demand.retract()
    yield* me.reads(/^- <tcp-listening/)

    assert.strictEqual(readFileSync(path, "utf8"), "precious")
    assert.deepStrictEqual(readdirSync(at), ["socket"])
  }).pipe(Effect.scoped, Effect.provide(world())))
})

/** A driver in a process that may open 64 files. */
const poor = (which: "tcp" | "http") => Effect.gen(function*() {
  const script = fileURLToPath(new URL("few-descriptors.ts", import.meta.url))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn("sh", ["-c", 'ulimit -n 64; exec "$0" "$@"', process.execPath, script, which], { stdio: ["ignore", "pipe", "inherit"] })),
    (one) => Effect.sync(() => one.kill("SIGKILL"))
  )
  const lines: Array<string> = []
  let changed = (): void => {}
  createInterface({ input: child.stdout! }).on("line", (line) => {
    lines.push(line)
    changed()
  })
  const sees = (isSo: (lines: ReadonlyArray<string>) => boolean) => Effect.promise(async () => {
    while (!isSo(lines)) await new Promise<void>((resolve) => { changed = resolve })
  })
  yield* sees(() => lines.some((line) => line.includes("listening")))
  return { port: Number(/(\d+)>+$/.exec(lines.find((line) => line.includes("listening"))!)![1]), sees }
})

describe("descriptors that run out", () => {
  it.live("are told by TCP, and it goes on when there are some", () => Effect.gen(function*() {
    const { port, sees } = yield* poor("tcp")
    yield* Effect.scoped(Effect.gen(function*() {
      for (let i = 0; i < 100; i++) yield* socketTo(port)
      yield* sees((lines) => lines.some((line) => line.startsWith("+ <tcp-dropped")))
    }))
    const count = (lines: ReadonlyArray<string>, sign: string) => lines.filter((line) => line.startsWith(`${sign} <tcp-connection`)).length
    yield* sees((lines) => count(lines, "+") > 0 && count(lines, "+") === count(lines, "-"))
    let before = 0
    yield* sees((lines) => {
      before = count(lines, "+")
      return true
    })
    yield* socketTo(port)
    yield* sees((lines) => count(lines, "+") > before)
  }).pipe(Effect.scoped), 30_000)

  it.live("are told by HTTP, and it goes on when there are some", () => Effect.gen(function*() {
    const { port, sees } = yield* poor("http")
    yield* Effect.scoped(Effect.gen(function*() {
      for (let i = 0; i < 100; i++) yield* socketTo(port)
      yield* sees((lines) => lines.some((line) => line.startsWith("+ <http-dropped")))
    }))
    const status = yield* Effect.promise(async () => {
      for (;;) {
        const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)
        if (response !== undefined) return response.status
      }
    })
    assert.strictEqual(status, 404)
  }).pipe(Effect.scoped), 30_000)
})

describe("a demand", () => {
  it.live("that is withdrawn and made again at once is answered anew, after the old answer has gone", () => Effect.gen(function*() {
    const me = yield* witness
    const demand = record("tcp-listen", anywhere)
    const first = me.assert(demand)
    // within the step that told the first answer: the driver hears of it later
    let isFirst = true
    me.onEntry = ({ sign, value }) => {
      if (sign !== "+" || !isFirst || !Value.isRecord(value, "tcp-listening", 2)) return
      isFirst = false
      first.retract()
      me.assert(demand)
    }
    yield* me.reads(/^\+ <tcp-listening/, 2)

    const read = me.diary.map(({ reason, sign }) => reason === undefined ? sign : `${sign} ${Symbol.keyFor(reason as symbol)}`)
    assert.deepStrictEqual(read, ["+", "- closed", "+"])
    yield* socketTo(portOf(me.diary[2]!.value))
    yield* me.reads(/^\+ <tcp-connection/)
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("is refused when there are too many of its kind, and met when there are fewer", () => Effect.gen(function*() {
    const me = yield* witness
    me.observe("tcp-connected", 3)
    const first = me.assert(record("tcp-listen", anywhere))
    const port = portOf((yield* me.reads(/^\+ <tcp-listening/)).value)
    const second = record("tcp-listen", record("tcp", "127.0.0.2", 0))
    me.assert(second).retract()
    const listener = me.assert(second)
    yield* me.reads(/^\+ <tcp-failed <tcp-listen .* too-many>$/)
    const connect = (id: number) => me.assert(record("tcp-connect", id, record("tcp", "127.0.0.1", port)))
    const client = connect(1)
    yield* me.reads(/^\+ <tcp-connected 1/)
    connect(2)
    yield* me.reads(/^\+ <tcp-failed <tcp-connect 2 .* too-many>$/)
    client.retract()
    yield* me.reads(/^- <tcp-connected 1/)
    listener.retract()
    first.retract() // what waited there is closed, and so the client's end
    yield* me.reads(/^- <tcp-listening/)
    me.assert(record("tcp-listen", anywhere))
    yield* me.reads(/^\+ <tcp-listening/, 2)
  }).pipe(Effect.scoped, Effect.provide(world({ listenersMax: 1, clientsMax: 1 }))))

  it.live("of a driver that cannot meet it is answered: a thread may not make a socket for its owner alone", () => Effect.gen(function*() {
    const me = yield* witness
    const at = yield* folder
    const { umask } = process
    process.umask = () => { throw Object.assign(new Error("not in a thread"), { code: "ERR_WORKER_UNSUPPORTED_OPERATION" }) }
    yield* Effect.addFinalizer(() => Effect.sync(() => { process.umask = umask }))
    me.assert(record("tcp-listen", record("unix", join(at, "s"))))
    yield* me.reads(/^\+ <tcp-failed .* <error "ERR_WORKER_UNSUPPORTED_OPERATION" "not in a thread">>$/)
  }).pipe(Effect.scoped, Effect.provide(world())))
})

describe("what strangers say", () => {
  it.live("ends in the middle of a packet: the reason says so", () => Effect.gen(function*() {
    const me = yield* witness
    me.assert(record("tcp-listen", anywhere))
    const port = portOf((yield* me.reads(/^\+ <tcp-listening/)).value)
    const socket = yield* socketTo(port)
    const [id] = fields(yield* me.reads(/^\+ <tcp-connection/))
    me.assert(record("tcp-handle", id!))
    me.send(record("tcp-mode", id!, symbol("packets")), record("tcp-credit", id!, 5))
    socket.resume().end(new Uint8Array([0, 0, 0, 1, 65, 0, 0, 0, 9, 66]))
    yield* me.reads(/tcp-eof/)
    me.send(record("tcp-end", id!))

    assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/)).reason, symbol("truncated"))
    assert.deepStrictEqual(me.text().filter((line) => line.includes("tcp-in")), [`! <tcp-in "${id as string}" #"A">`])
  }).pipe(Effect.scoped, Effect.provide(world())))

  it.live("does not end a driver that is allowed more than a fact may have", () => Effect.gen(function*() {
    const me = yield* witness
    me.assert(record("tcp-listen", anywhere))
    const port = portOf((yield* me.reads(/^\+ <tcp-listening/)).value)
    for (const [nth, mode, said] of [[1, "packets", Buffer.from([0, 0x50, 0, 0])], [2, "lines", undefined]] as const) {
      const socket = yield* socketTo(port)
      const [id] = fields(yield* me.reads(/^\+ <tcp-connection/, nth))
      me.assert(record("tcp-handle", id!))
      me.send(record("tcp-mode", id!, symbol(mode)), record("tcp-credit", id!, 5))
      socket.write(said ?? Buffer.alloc(3_000_000, 0xff)) // no UTF-8: it would be three times as long
      if (said !== undefined) socket.write(Buffer.alloc(0x500000))
      else socket.write("\n")
      assert.deepStrictEqual((yield* me.reads(/^- <tcp-connection/, nth)).reason, symbol(nth === 1 ? "packet-too-long" : "line-too-long"))
    }
  }).pipe(Effect.scoped, Effect.provide(world({ packetBytesMax: 16_000_000, lineBytesMax: 16_000_000 }))), 20_000)

  it.live("is no larger over HTTP either", () => Effect.gen(function*() {
    const me = yield* program
    me.observe("http-listening", 3)
    me.assert(record("http-listen", "127.0.0.1", 0))
    const port = fields(yield* me.reads(/^\+ <http-listening/))[2] as number
    me.assert(record("http-route", port, "POST", []))
    const body = new Uint8Array(5_000_000)
    const { status } = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body }))

    assert.strictEqual(status, 413)
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Http.layerConfig({ bodyMax: 16_000_000 }), space))), 20_000)

  it.live("is nothing at all: a WebSocket that is not answered fails for the reason timeout", () => Effect.gen(function*() {
    const me = yield* program
    me.observe("ws-failed", 2)
    const silent = net.createServer((socket) => { socket.on("error", () => {}).resume() })
    yield* Effect.promise(() => new Promise<void>((resolve) => { silent.listen(0, "127.0.0.1", resolve) }))
    yield* Effect.addFinalizer(() => Effect.sync(() => silent.close()))
    me.assert(record("ws-connect", 1, `ws://127.0.0.1:${(silent.address() as net.AddressInfo).port}/`))
    yield* me.reads(/^\+ <ws-failed .* timeout>$/)
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(WebSocket.layerConfig({ connectMs: 50 }), space))))
})
