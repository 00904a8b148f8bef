/**
 * A client of the Effect API in a process of its own: leaves that join the scope `bench` at a node, and
 * the programs on them. Who publishes keeps at most a window ahead of what the observers say that they
 * got (`<ack who n>`), so nothing is ever dropped and every rate is one that lasts.
 */
import { Pattern, Value } from "@colloquy/core"
import { Context, Effect, Exit, Layer, Logger, Scope, Stream } from "effect"
import * as NodeLayers from "../../src/Node.ts"
import * as Host from "../../src/Host.ts"
import * as Space from "../../src/space/Space.ts"
import { clock, given, serve } from "./helper.ts"

const { id, url } = given()
const bind = Pattern.bind()
/** 128 bytes of payload, as much for every message. */
const payload = new Uint8Array(128)

type Env = Host.Host | Space.Space
/** A leaf, joined or not, that lives as long as the process. */
const leaf = (name: string, isJoined: boolean): Promise<Context.Context<Env>> => {
  const layer = Layer.provideMerge(Space.Space.layer("bench"), NodeLayers.layer({ id: name, leaf: true, ...isJoined ? { uplinks: { bench: [url] } } : {} }))
  return Effect.runPromise(Layer.buildWithScope(Layer.provideMerge(layer, Logger.layer([])), Scope.makeUnsafe()))
}
let first: Promise<Context.Context<Env>> | undefined
const own = (): Promise<Context.Context<Env>> => first ??= leaf(id, true)
const run = async <A>(effect: Effect.Effect<A, any, Env | Scope.Scope>, env = own()): Promise<A> =>
  Effect.runPromiseWith(Context.add(await env, Scope.Scope, Scope.makeUnsafe()))(effect as Effect.Effect<A, never, Env | Scope.Scope>)
const fork = async (effect: Effect.Effect<unknown, any, Env | Scope.Scope>, env = own()): Promise<void> => {
  Effect.runForkWith(Context.add(await env, Scope.Scope, Scope.makeUnsafe()))(effect)
}

// ---- who hears ------------------------------------------------------------------------------------

/** Ends when so many have come, from now on. */
let target = Number.POSITIVE_INFINITY
let heard = 0
let reached: (at: number) => void = () => {}
const count = (n: number): void => {
  heard += n
  if (heard === target) reached(clock())
}
const until = (n: number): Promise<number> => new Promise((resolve) => {
  heard = 0
  target = n
  reached = resolve
})

/** So many leaves with so many observers each; each leaf says how far the last of its observers is. */
const subscribe = async ({ ackEvery, leaves, observers, what }: { ackEvery: number; leaves: number; observers: number; what: string }) => {
  for (let i = 0; i < leaves; i++) {
    const env = i === 0 ? own() : leaf(`${id}-${i}`, true)
    const who = `${id}/${i}`
    const got = Array.from({ length: observers }, () => 0)
    let said = 0
    await run(Space.Space.use((space) => space.waitFor(Pattern.record("publisher"))), env)
    for (let one = 0; one < observers; one++) {
      await fork(Effect.gen(function*() {
        const space = observers === 1 ? yield* Space.Space : yield* Space.make("bench", "observer")
        yield* Stream.runForEachArray(space.observe(Pattern.record(what, bind)), (changes) => {
          got[one]! += changes.length
          count(changes.length)
          const least = observers === 1 ? got[0]! : Math.min(...got)
          if (least - said < ackEvery) return Effect.void
          said = least
          return space.send(Value.record("ack", who, least))
        })
      }), env)
    }
    await run(Space.Space.use((space) => space.assert(Value.record("ready", who))), env)
  }
}

// ---- who speaks -----------------------------------------------------------------------------------

const acked = new Map<string, number>()
let wake: () => void = () => {}
const least = () => Math.min(...acked.values())
const within = (sent: number, window: number): Effect.Effect<void> =>
  sent - least() < window ? Effect.void : Effect.andThen(Effect.callback<void>((resume) => { wake = () => resume(Effect.void) }), Effect.suspend(() => within(sent, window)))

/** Waits until so many leaves hear us. */
const publisher = ({ leaves }: { leaves: number }) => run(Effect.gen(function*() {
  const space = yield* Space.Space
  yield* space.assert(Value.record("publisher"))
  yield* Effect.forkScoped(Stream.runForEach(space.observe(Pattern.record("ack", bind, bind)), ({ captures: [who, n] }) => Effect.sync(() => {
    acked.set(who as string, n as number)
    wake()
  })))
  yield* space.observe(Pattern.record("ready", bind)).pipe(Stream.take(leaves), Stream.runForEach(({ captures }) => Effect.sync(() => acked.set(captures[0] as string, 0))))
}))

let sent = 0
/** Says so many messages; when it began. `perTurn` of 1 is `space.send`. */
const publish = ({ messages, perTurn, window }: { messages: number; perTurn: number; window: number }) => run(Effect.gen(function*() {
  const space = yield* Space.Space
  const began = clock()
  const end = sent + messages
  while (sent < end) {
    yield* within(sent, window)
    if (perTurn === 1) yield* space.send(Value.record("m", payload))
    else yield* space.sendAll(Array.from({ length: perTurn }, () => Value.record("m", payload)))
    sent += perTurn
  }
  return began
}))

/** Batches of facts come and go; each stands until its coming has been seen. Two changes a fact. */
const churn = ({ batches, perTurn }: { batches: number; perTurn: number }) => run(Effect.gen(function*() {
  const space = yield* Space.Space
  const began = clock()
  const standing: Array<Scope.Closeable> = []
  const aheadMax = 16
  for (let i = 0; i < batches + aheadMax; i++) {
    // what goes has been seen to come: else the two would be no news
    yield* within(sent, aheadMax * perTurn)
    if (i < batches) {
      const scope = yield* Scope.make()
      yield* Scope.provide(space.assertAll(Array.from({ length: perTurn }, (_, n) => Value.record("p", sent + n))), scope)
      standing.push(scope)
      sent += perTurn
    }
    if (i >= aheadMax) {
      yield* Scope.close(standing.shift()!, Exit.void)
      sent += perTurn
    }
  }
  return began
}))

/** One ping in flight; the times of round trips, µs. */
const ping = ({ times, to }: { times: number; to: string }) => run(Effect.gen(function*() {
  const space = yield* Space.Space
  const took: Array<number> = []
  let at = 0
  const once = Effect.suspend(() => {
    at = performance.now()
    return space.send(Value.record(`ping-${to}`, payload))
  })
  yield* space.waitFor(Pattern.record("Observe", Pattern.literal(Pattern.toValue(Pattern.record(`ping-${to}`, bind)))))
  yield* Effect.forkScoped(Effect.andThen(Effect.yieldNow, once))
  yield* space.observe(Pattern.record(`pong-${to}`, bind)).pipe(Stream.take(times), Stream.runForEach(() => {
    took.push((performance.now() - at) * 1000)
    return took.length < times ? once : Effect.void
  }))
  return took
}))
const pong = () => fork(Space.Space.use((space) => Stream.runForEach(space.observe(Pattern.record("ping-client", bind)), ({ captures }) =>
  space.send(Value.record("pong-client", captures[0]!)))))

// ---- facts of a peer that comes and goes ----------------------------------------------------------

const apart = () => first ??= leaf(id, false)
const hold = ({ facts }: { facts: number }) => run(Space.Space.use((space) =>
  space.assertAll(Array.from({ length: facts }, (_, n) => Value.record("held", `fact ${n} of ${id}`)))), apart())
let link: Scope.Closeable | undefined
const join = async () => {
  const began = clock()
  link = Scope.makeUnsafe()
  await run(Scope.provide(NodeLayers.uplink("bench", url), link), apart())
  return began
}
const part = async () => {
  const began = clock()
  await Effect.runPromise(Scope.close(link!, Exit.void))
  return began
}
/** Counts what stands: `standing` is answered when so many do. */
let stand = 0
let wanted: { readonly n: number; readonly resolve: (at: number) => void } | undefined
const look = (): void => {
  if (wanted === undefined || stand !== wanted.n) return
  wanted.resolve(clock())
  wanted = undefined
}
const watch = () => fork(Space.Space.use((space) => Stream.runForEachArray(space.observe(Pattern.record("held", bind)), (changes) => Effect.sync(() => {
  for (const { _tag } of changes) {
    stand += _tag === "Added" ? 1 : -1
    look()
  }
}))))
const standing = ({ n }: { n: number }) => new Promise<number>((resolve) => {
  wanted = { n, resolve }
  look()
})

serve({
  subscribe, publisher, publish, churn, until: ({ n }) => until(n), ping, pong, hold, join, part, watch, standing,
  expect: ({ n }) => {
    void (arrived = until(n))
  },
  arrived: () => arrived
})
let arrived: Promise<number> | undefined
