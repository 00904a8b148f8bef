import { assert, describe, it } from "@effect/vitest"
import { Value } from "@colloquy/core"
import { Effect, Layer } from "effect"
import * as ChildProcess from "../../src/driver/ChildProcess.ts"
import * as Timer from "../../src/driver/Timer.ts"
import * as Udp from "../../src/driver/Udp.ts"
import { fields, program, record, space, symbol } from "./world.ts"

/** As large as a message can be that the driver cannot say again. */
const large = (spare: number) => "n".repeat(4 * 1024 * 1024 - spare)

describe("what is said to a driver and is too large to be said again", () => {
  it.live("sets no timer, and others go on", () => Effect.gen(function*() {
    const me = yield* program
    me.observe("timer-expired", 2)
    me.send(record("set-timer", large(30), 0, symbol("relative")), record("set-timer", "small", 0, symbol("relative")))
    yield* me.reads(/^! <timer-expired "small"/)

    assert.strictEqual(me.diary.length, 1)
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Timer.layer, space))))

  it.live("is no place for a datagram, nor is a name with NUL in it, and others leave", () => Effect.gen(function*() {
    const me = yield* program
    for (const [label, n] of Object.entries({ "udp-bound": 3, "udp-sent": 2, "udp-undelivered": 4 })) me.observe(label, n)
    me.assert(record("udp-bind", 1, "127.0.0.1", 0))
    const port = fields(yield* me.reads(/^\+ <udp-bound/))[2]!
    me.send(record("udp-out", 1, large(50), 9, ""))
    for (let i = 0; i < 5; i++) me.send(record("udp-out", 1, "a\0b", 9, ""))
    me.send(record("udp-out", 1, "127.0.0.1", port, "still here"))
    yield* me.reads("! <udp-sent 1 10>")

    assert.deepStrictEqual(me.text().slice(1, -1), Array.from({ length: 5 }, () => '! <udp-undelivered 1 "a\\u0000b" 9 misused>'))
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(Udp.layerConfig({ sendingMax: 2 }), space))))

  it.live("is no input for a process, and others are", () => Effect.gen(function*() {
    const me = yield* program
    for (const [label, n] of Object.entries({ "process-running": 2, "process-written": 2 })) me.observe(label, n)
    me.assert(record("process", 1, process.execPath, ["-e", "process.stdin.resume()"], new Value.Dictionary([])))
    yield* me.reads(/^\+ <process-running/)
    me.send(record("process-input", 1, large(28), 5), record("process-input", 1, 2, "x"))
    yield* me.reads("! <process-written 1 2>")
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(ChildProcess.layer({ allow: () => true }), space))), 20_000)
})
