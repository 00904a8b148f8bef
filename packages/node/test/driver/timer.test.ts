import { assert, describe, it } from "@effect/vitest"
import { Value } from "@colloquy/core"
import { Clock, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Timer from "../../src/driver/Timer.ts"
import { print, program, record, space, symbol } from "./world.ts"

const world = Layer.provideMerge(Timer.layer, space)
const setTimer = (id: Value.Value, ms: Value.Value, kind: string) => record("set-timer", id, ms, symbol(kind))

describe("timers", () => {
  it.effect("expire once, in the order in which they are due", () => Effect.gen(function*() {
    const me = yield* program
    me.observe("timer-expired", 2)
    me.send(setTimer("b", 200, "relative"), setTimer("a", 100, "relative"), setTimer("c", 300, "absolute"), setTimer("past", -5, "relative"))

    yield* TestClock.adjust(99)
    assert.deepStrictEqual(me.text(), ['! <timer-expired "past" 0>'])
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(me.text(), ['! <timer-expired "past" 0>', '! <timer-expired "a" 100>'])
    yield* TestClock.adjust(10_000)
    assert.deepStrictEqual(me.text().slice(2), ['! <timer-expired "b" 200>', '! <timer-expired "c" 300>'])
  }).pipe(Effect.provide(world)))

  it.effect("repeat as long as the fact stands, and go with it", () => Effect.gen(function*() {
    const me = yield* program
    me.observe("timer-expired", 2)
    const ticking = me.assert(setTimer("tick", 100, "repeating"))
    const once = me.assert(setTimer("once", 350, "relative"))
    me.assert(setTimer("kept", 350, "relative"))

    yield* TestClock.adjust(100)
    yield* TestClock.adjust(100)
    yield* TestClock.adjust(100)
    once.retract()
    ticking.retract()
    yield* TestClock.adjust(1_000)

    assert.deepStrictEqual(me.text(), [
      '! <timer-expired "tick" 100>', '! <timer-expired "tick" 200>', '! <timer-expired "tick" 300>', '! <timer-expired "kept" 350>'
    ])
  }).pipe(Effect.provide(world)))

  it.effect("say that a time has passed, to who asks, and only then", () => Effect.gen(function*() {
    const me = yield* program
    me.observe("later-than", 1) // asks for no time: sees what others asked for
    const asked = me.assert(record("Observe", record("lit", record("later-than", 100))))
    me.assert(record("Observe", record("rec", symbol("later-than"), [record("bind", record("lit", 200))])))
    const early = me.assert(record("Observe", record("lit", record("later-than", 250))))

    yield* TestClock.adjust(99)
    assert.deepStrictEqual(me.text(), [])
    yield* TestClock.adjust(1)
    assert.deepStrictEqual(me.text(), ["+ <later-than 100>"])
    early.retract()
    asked.retract()
    yield* TestClock.adjust(400)

    // the last is what the second observation captured
    assert.deepStrictEqual(me.text(), ["+ <later-than 100>", "- <later-than 100>", "+ <later-than 200>", "+ 200"])
  }).pipe(Effect.provide(world)))

  it.effect("say so when what was asked makes no sense, or is too much", () => Effect.gen(function*() {
    const me = yield* program
    me.observe("timer-failed", 2)
    me.observe("timer-expired", 2)
    me.send(setTimer("kind", 1, "sometimes"), setTimer("never", new Value.Double(Number.NaN), "relative"))
    me.send(setTimer("words", "soon", "relative"), setTimer("ever", 5, "repeating"))
    me.assert(setTimer("busy", 0, "repeating"))
    me.send(setTimer(1, 5, "relative"), setTimer(2, 5, "relative"), setTimer(3, 5, "relative"))
    yield* TestClock.adjust(5)
    me.send(setTimer(4, 5, "relative"))
    yield* TestClock.adjust(5)

    assert.deepStrictEqual(me.text(), [
      ...["kind", "never", "words", "ever", "busy"].map((id) => `! <timer-failed "${id}" misused>`),
      "! <timer-failed 3 too-many>", "! <timer-expired 1 5>", "! <timer-expired 2 5>", "! <timer-expired 4 10>"
    ])
  }).pipe(Effect.provide(Layer.provideMerge(Timer.layerConfig({ timersMax: 2 }), space))))

  it.live("are never early by the real clock", () => Effect.gen(function*() {
    const me = yield* program
    me.observe("timer-expired", 2)
    const start = yield* Clock.currentTimeMillis
    for (let ms = 1; ms <= 30; ms++) me.send(setTimer(ms, ms, "relative"))
    yield* me.until((diary) => diary.length === 30)

    for (const { value } of me.diary) {
      const [ms, now] = (value as Value.Record).fields as ReadonlyArray<number>
      assert.isAtLeast(now!, start + ms!)
    }
    assert.deepStrictEqual(me.diary.map(print).length, 30)
  }).pipe(Effect.provide(world)))
})
