/** One suite over every transport, on real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Rng } from "@colloquy/core"
import { Deferred, Effect } from "effect"
import { existsSync, linkSync, mkdtempSync, rmSync, statSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Address, Transport, Transports } from "../src/index.ts"
import { apart, plain } from "../src/transport/bytes.ts"

const folder = mkdtempSync(join(tmpdir(), "colloquy-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
const of = (text: string): Address.Address => (Address.parse(text) as Address.Located).address
const transports = [
  { name: "tcp", at: () => of("tcp://127.0.0.1:0"), tag: Transports.Tcp },
  { name: "unix", at: () => of(`unix:${join(folder, `${Math.floor(performance.now() * 1000)}.sock`)}`), tag: Transports.Unix },
  { name: "ws", at: () => of("ws://127.0.0.1:0"), tag: Transports.WebSocket },
  { name: "memory", at: () => of("memory:suite"), tag: Transports.Memory }
] as const

for (const { at, name, tag } of transports) {
  describe(name, () => {
    it.live("carries bytes both ways in order, and reports each as taken", () => Effect.gen(function*() {
      const transport = yield* tag as typeof Transports.Tcp
      const lost = yield* Deferred.make<string>()
      const { address } = yield* transport.listen(at(), (connection) => {
        connection.start({ onChunk: (bytes) => connection.write(bytes, () => {}), onLost: (reason) => Deferred.doneUnsafe(lost, Effect.succeed(reason)) })
      })
      const connection = yield* transport.dial(address)
      let rng = Rng.initial(1)
      const chunks = Array.from({ length: 60 }, () => {
        const [size, next] = Rng.below(rng, 30_000)
        rng = next
        return Uint8Array.from({ length: 1 + size }, (_, i) => (i * 31 + size) & 0xff)
      })
      const sent = Buffer.concat(chunks)
      let taken = 0
      const got = yield* Effect.callback<Buffer>((resume) => {
        const parts: Array<Uint8Array> = []
        let size = 0
        connection.start({
          onChunk: (bytes) => {
            parts.push(bytes)
            size += bytes.length
            if (size === sent.length) resume(Effect.succeed(Buffer.concat(parts)))
          },
          onLost: () => {}
        })
        for (const chunk of chunks) connection.write(chunk, () => { taken += chunk.length })
      })
      connection.close()
      const reason = yield* Deferred.await(lost)

      assert.isTrue(got.equals(sent))
      assert.strictEqual(taken, sent.length)
      assert.match(reason, /closed/)
      assert.strictEqual(connection.stream, name !== "ws")
    }).pipe(Effect.scoped, Effect.provide([Transports.layer, Transports.Memory.layer])), 20_000)

    it.live("says why it cannot dial or listen", () => Effect.gen(function*() {
      const transport = yield* tag as typeof Transports.Tcp
      const { address } = yield* Effect.scoped(transport.listen(at(), () => {}))
      const refused = yield* Effect.flip(transport.dial(address))
      assert.match(refused.message, /cannot reach .*(nobody listens there \(ECONNREFUSED\)|no such file)/)

      const listener = yield* transport.listen(address, () => {})
      const taken = yield* Effect.flip(transport.listen(listener.address, () => {}))
      assert.match(taken.message, /it is in use; choose another one/)
      assert.instanceOf(taken, Transport.ListenError)
    }).pipe(Effect.scoped, Effect.provide([Transports.layer, Transports.Memory.layer])), 20_000)

    it.live("finishes what was written before it closes", () => Effect.gen(function*() {
      const transport = yield* tag as typeof Transports.Tcp
      const all = yield* Deferred.make<number>()
      let size = 0
      const { address } = yield* transport.listen(at(), (connection) => {
        connection.start({ onChunk: (bytes) => { size += bytes.length }, onLost: () => Deferred.doneUnsafe(all, Effect.succeed(size)) })
      })
      const connection = yield* transport.dial(address)
      connection.start({ onChunk: () => {}, onLost: () => {} })
      connection.write(new Uint8Array(3_000_000), () => {})
      connection.close()

      assert.strictEqual(yield* Deferred.await(all), 3_000_000)
    }).pipe(Effect.scoped, Effect.provide([Transports.layer, Transports.Memory.layer])), 20_000)
  })
}

describe("unix", () => {
  it.live("takes over the socket that a dead process left, and keeps strangers out", () => Effect.gen(function*() {
    const path = join(folder, "stale.sock")
    // a socket file that nobody listens at: the server is closed behind the file's back
    const server = net.createServer()
    yield* Effect.callback<void>((resume) => { server.listen(path, () => resume(Effect.void)) })
    const kept = join(folder, "kept.sock")
    linkSync(path, kept)
    yield* Effect.callback<void>((resume) => { server.close(() => resume(Effect.void)) })
    assert.isTrue(existsSync(kept))

    const transport = yield* Transports.Unix
    yield* transport.listen(of(`unix:${kept}`), () => {})

    assert.strictEqual(statSync(kept).mode & 0o777, 0o600)
  }).pipe(Effect.scoped, Effect.provide([Transports.layer, Transports.Memory.layer])), 20_000)
})

describe("addresses", () => {
  it("reads and prints what it reads", () => {
    for (const text of ["tcp://127.0.0.1:7600/lobby", "ws://[::1]:0/a%2Fb", "unix:/tmp/x.sock#my%20scope", "tcp://example.org:1"]) {
      const { address, scope } = Address.parse(text) as Address.Located
      assert.strictEqual(Address.print(address, scope), text)
    }
    assert.deepStrictEqual(["tcp://127.1.2.3:1", "ws://localhost:1", "unix:/x", "tcp://[::1]:1", "tcp://0.0.0.0:1", "tcp://10.0.0.1:1", "ws://127.0.0.1.evil.org:1"].map((text) => Address.isLoopback(of(text))), [true, true, true, true, false, false, false])
    for (const text of ["", "tcp:", "tcp://h", "tcp://h:99999", "http://h:1", "unix:relative", "ws://h:1/%zz", `unix:/${"x".repeat(200)}`]) assert.instanceOf(Address.parse(text), Address.BadAddress, text)
  })
})

describe("bytes between sockets and the core", () => {
  it("come as plain arrays, whose slices are copies", () => {
    const chunk = Buffer.from([1, 2, 3])

    const came = plain(chunk)
    const kept = came.slice(1)
    chunk.fill(0)

    assert.isFalse(Buffer.isBuffer(came))
    assert.deepStrictEqual([...kept], [2, 3])
  })
  it("that wait lie in a buffer of their own, and those that do already stay where they are", () => {
    const shared = Uint8Array.from([1, 2, 3, 4])
    const run = shared.subarray(1, 3)

    const waiting = apart(run)

    assert.deepStrictEqual([waiting.buffer.byteLength, ...waiting], [2, 2, 3])
    assert.strictEqual(apart(shared), shared)
  })
})
