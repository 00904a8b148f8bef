/**
 * Time. It is Unix time in milliseconds, of Effect's Clock, so that a test's clock moves it.
 *
 * | word | | means |
 * | --- | --- | --- |
 * | `<Observe <later-than t>>` | fact, you | tell me when t has passed: an observation of `<later-than t>`, where t is given |
 * | `<later-than t>` | fact | it has; as long as somebody observes it |
 * | `<set-timer id ms kind>` | message or fact, you | `relative`: once, in ms; `absolute`: once, at ms; `repeating`: every ms, as a fact only |
 * | `<timer-expired id now>` | message | it is time; never before |
 * | `<timer-failed id reason>` | message | `misused`: what was asked makes no sense; `too-many` are waiting |
 *
 * A fact that is withdrawn cancels its timer; messages cannot be taken back. Nothing says that ids
 * differ: two that are called alike are two answers. A repeating timer that is late leaves out what it
 * missed. What has an id that is too large to be said again is no request.
 */
import { Canonical, Pattern, Value } from "@colloquy/core"
import { Clock, Effect, FiberMap, Layer, type Scope } from "effect"
import type { Space } from "../space/Space.ts"
import * as Port from "./Port.ts"
import * as Reason from "./Reason.ts"

/** What the driver keeps to. */
export interface Config {
  /** Timers that wait at one time; more are answered `<timer-failed id too-many>`. */
  readonly timersMax: number
}
/** What `layer` keeps to. */
export const defaults: Config = {
  timersMax: 100_000 // a guess: some hundred megabytes of fibers
}

/** Tells the time to the dataspace. */
export const layerConfig = (config: Partial<Config>): Layer.Layer<never, never, Space> =>
  Layer.effectDiscard(Effect.suspend(() => driver({ ...defaults, ...config })))
/** `layerConfig`, with the defaults. */
export const layer: Layer.Layer<never, never, Space> = layerConfig({})

const numberOf = (value: Value.Value): number => {
  if (typeof value === "number") return value
  if (typeof value === "bigint") return Number(value)
  return value instanceof Value.Double ? value.value : Number.NaN
}
const later = Pattern.record("later-than", Pattern.bind())
/** Observations of `<later-than t>`: with t as it is, and with t captured. */
const interests = [
  Pattern.record("Observe", Pattern.record("lit", later)),
  Pattern.record("Observe", Pattern.record("rec", Pattern.literal(Value.symbol("later-than")), Pattern.sequence([
    Pattern.record("bind", Pattern.record("lit", Pattern.bind()))
  ]))),
  Pattern.record("Observe", Pattern.record("bind", Pattern.record("lit", later)))
]
const request = Pattern.record("set-timer", Pattern.bind(), Pattern.bind(), Pattern.bind())

/** Completes when it is `due`, and never before: a clock may be a moment behind the timer that woke it. */
const until = (due: number): Effect.Effect<number> => Effect.flatMap(Clock.currentTimeMillis, (now) =>
  now >= due ? Effect.succeed(now) : Effect.andThen(Effect.sleep(Math.max(1, Math.ceil(due - now))), Effect.suspend(() => until(due))))

const driver = ({ timersMax }: Config): Effect.Effect<void, never, Space | Scope.Scope> => Effect.gen(function*() {
  const fibers = yield* FiberMap.make<string, void>()
  const run = yield* FiberMap.runtime(fibers)<never>()
  const port = yield* Port.make("timer driver") // after the fibers, so that it leaves before they end
  let waiting = 0
  let messages = 0

  const start = (key: string, id: Value.Value, timer: Effect.Effect<void>): void => {
    if (waiting >= timersMax) return port.say(Value.record("timer-failed", id, Reason.of("too-many")))
    waiting++
    run(key, Effect.ensuring(timer, Effect.sync(() => { waiting-- })))
  }
  const stop = (key: string): void => void run(key, Effect.void)

  interests.forEach((pattern, form) => {
    const key = (t: Value.Value) => `later ${form} ${Canonical.key(t)}`
    port.hear(pattern, {
      added: (t) => {
        const due = numberOf(t!)
        if (!Number.isFinite(due)) return
        const fact = port.hold()
        const passed = Value.record("later-than", t!)
        const hold = Effect.acquireRelease(Effect.sync(() => fact.become(passed)), () => Effect.sync(() => fact.release()))
        start(key(t!), passed, Effect.scoped(Effect.andThen(until(due), Effect.andThen(hold, Effect.never))))
      },
      removed: (t) => stop(key(t!))
    })
  })

  const expired = (id: Value.Value, due: number): Effect.Effect<void> =>
    Effect.map(until(due), (now) => port.say(Value.record("timer-expired", id, now)))
  const repeat = (id: Value.Value, due: number, period: number): Effect.Effect<void> => Effect.flatMap(expired(id, due), () =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => repeat(id, due + period * Math.max(1, Math.ceil((now - due) / period)), period)))

  const set = (key: string, isFact: boolean, id: Value.Value, ms: Value.Value, kind: Value.Value): void => {
    if (!Port.isName(id)) return port.log("a timer's id is too large")
    const amount = numberOf(ms)
    if (!Number.isFinite(amount) || !isKind(kind, isFact, amount)) return port.say(Value.record("timer-failed", id, Reason.of("misused")))
    start(key, id, Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (kind === Value.symbol("absolute")) return expired(id, amount)
      return kind === Value.symbol("relative") ? expired(id, now + amount) : repeat(id, now + amount, amount)
    }))
  }
  const factKey = (fields: ReadonlyArray<Value.Value>) => `fact ${Canonical.key(fields)}`
  port.hear(request, {
    received: (id, ms, kind) => set(`message ${++messages}`, false, id!, ms!, kind!),
    added: (...fields) => set(factKey(fields), true, fields[0]!, fields[1]!, fields[2]!),
    removed: (...fields) => stop(factKey(fields))
  })
})

const isKind = (kind: Value.Value, isFact: boolean, amount: number): boolean =>
  kind === Value.symbol("relative") || kind === Value.symbol("absolute") || (kind === Value.symbol("repeating") && isFact && amount >= 1)
