/** The echo server, as its clients know it, and its conversation, as a function. */
import { assert, describe, it } from "@effect/vitest"
import { Pattern, Process, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { buffer } from "node:stream/consumers"
import { conversation, echo, layer, windowBytes } from "../../examples/echo.ts"
import { Program } from "./program.ts"

const call = (port: number) => connect({ host: "127.0.0.1", port, allowHalfOpen: true })
/** Says it all and half-closes; what came back to the end. */
const said = (socket: Socket, data: string | Uint8Array) => Effect.promise(() => {
  socket.end(data)
  return buffer(socket)
})

describe("echo", () => {
  it("is a conversation that anybody can read", () => {
    const [state, first] = conversation.initial("c", 1)
    const to = (event: Process.Event) => conversation.transition(state, event)[1]

    const start = [Process.assert("handle", Value.record("tcp-handle", "c")), Process.send(Value.record("tcp-credit", "c", windowBytes))]
    assert.deepStrictEqual(first.slice(-2), start)
    assert.deepStrictEqual(to(Process.received("in", ["hi"])), [Process.send(Value.record("tcp-out", "c", "hi"))])
    assert.deepStrictEqual(to(Process.received("written", [2])), [Process.send(Value.record("tcp-credit", "c", 2))])
    assert.deepStrictEqual(to(Process.received("eof", [])), [Process.send(Value.record("tcp-end", "c"))])
    assert.deepStrictEqual([to(Process.added("up", [])), to(Process.removed("up", []))], [[], [Process.quit()]])
  })

  it.live("gives back what it is told, to several at a time, to the last byte and the end", () => Effect.gen(function*() {
    const port = yield* echo(0)
    const long = randomBytes(3_000_000)
    const [a, b] = yield* Effect.all([said(call(port), "hello\n"), said(call(port), long)], { concurrency: "unbounded" })

    assert.strictEqual(a.toString(), "hello\n")
    assert.isTrue(b.equals(long))
  }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("has nothing left of a connection that broke off", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const port = yield* echo(0)
    const socket = call(port)
    yield* space.waitFor(Pattern.record("tcp-handle", Pattern.bind()))
    socket.resetAndDestroy()
    // the next one is served, and by then is the only one
    const other = call(port)
    other.write("x")
    yield* Effect.promise(() => once(other, "data"))
    const handled = space.query(Pattern.record("tcp-handle", Pattern.bind()))
    yield* Effect.andThen(Effect.yieldNow, handled).pipe(Effect.repeat({ until: (found) => found.length < 2 }))

    assert.strictEqual((yield* handled).length, 1)
    other.destroy()
  }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("says why it cannot listen", () => Effect.gen(function*() {
    const taken = yield* echo(0)
    const error = yield* Effect.flip(Effect.scoped(echo(taken)))

    assert.strictEqual(error.message, `cannot have <tcp-listen <tcp "127.0.0.1" ${taken}>>: in-use`)
  }).pipe(Effect.scoped, Effect.provide(layer)))

  it("is a program that closes what it opened when it is told to end", { timeout: 60_000 }, async () => {
    await using program = new Program("echo.ts", "0")
    const [, port] = await program.sees(/^listening on 127\.0\.0\.1:(\d+)$/)
    const socket = connect(Number(port), "127.0.0.1")
    socket.write("ping")
    assert.strictEqual(String((await once(socket, "data"))[0]), "ping")
    const closed = once(socket, "close")

    assert.strictEqual(await program.stop(), 0)
    await closed
    assert.deepStrictEqual(program.errors, [])
  })
})
