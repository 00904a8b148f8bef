/**
 * The clients' side: one port, UDP and TCP. Each question gets a relay, a process that observes the
 * answer, and ends once it has passed it on or the client cannot be waiting any more.
 *
 * What a stranger sends costs credit, and nothing else while no credit is left: over UDP it is dropped,
 * over TCP it stays with the client. What is no question (`Message.readQuery`) is not answered.
 */
import { Pattern, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import { Clock, Effect, Exit, Fiber, FiberSet, Option, Scope, Stream } from "effect"
import { demand } from "../demand.ts"
import * as Message from "./message.ts"
import { Answer } from "./words.ts"

export interface Config {
  readonly host: string
  /** 0: whichever is free. */
  readonly port: number
  readonly clientMs: number
  readonly idleMs: number
  /** How many questions are open at once: over UDP, and over one TCP connection. */
  readonly datagramsMax: number
  readonly packetsMax: number
}
export const defaults: Config = {
  host: "127.0.0.1",
  port: 0,
  clientMs: 10_000, // a guess: longer than clients wait
  idleMs: 10_000, // RFC 7766, section 6.2.3: a few seconds
  datagramsMax: 1_000, // a guess
  packetsMax: 16 // a guess
}

/** Serves as long as the Scope is open, and tells the port. */
export const serve = (config: Config) => {
  let attempts = 0
  const both = Effect.gen(function*() {
    // its name is new each time, so that nothing that is still said of the last attempt is about this one
    const port = yield* serveUdp(Value.record("clients", ++attempts), config)
    yield* serveTcp(Value.record("tcp", config.host, port), config)
    return port
  })
  const attempt = Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    return yield* both.pipe(Scope.provide(scope), Effect.onError(() => Scope.close(scope, Exit.void)))
  })
  // a port that was free for UDP need not be for TCP: then another is tried
  return Effect.retry(attempt, { times: config.port === 0 ? 9 : 0 })
}

/** What is to be said to the client, if anything. */
const relay = Effect.fnUntraced(function*(bytes: Value.Value, isTcp: boolean, { clientMs }: Config) {
  const query = bytes instanceof Uint8Array ? Message.readQuery(bytes) : undefined
  if (query === undefined) return undefined
  if (query.refusal !== undefined) return Message.refuse(query, query.refusal)
  const space = yield* Space.Space
  const interest = Answer.with({ question: query.question, message: Pattern.bind, until: Pattern.bind })
  const answer = yield* Effect.timeoutOption(space.waitFor(interest), clientMs)
  const now = yield* Clock.currentTimeMillis
  return Option.isNone(answer) ? undefined : Message.reply(query, answer.value, now, isTcp ? 65_535 : query.bytesMax)
})

const serveUdp = Effect.fnUntraced(function*(name: Value.Value, config: Config) {
  const space = yield* Space.Space
  const credit = (n: number) => space.send(Value.record("udp-credit", name, n))
  const one = Effect.fnUntraced(function*(host: Value.Value, port: Value.Value, bytes: Value.Value) {
    const reply = yield* relay(bytes, false, config)
    if (reply !== undefined) yield* space.send(Value.record("udp-out", name, host, port, reply))
  })
  yield* space.observe(Pattern.record("udp-in", Pattern.literal(name), Pattern.bind(), Pattern.bind(), Pattern.bind())).pipe(
    Stream.runForEach(({ captures: [host, port, bytes] }) => space.fork("relay", Effect.ensuring(one(host!, port!, bytes!), credit(1)))),
    Effect.forkScoped({ startImmediately: true })
  )
  const bound = space.waitFor(Pattern.record("udp-bound", Pattern.literal(name), Pattern.discard, Pattern.bind()))
  const [port] = yield* demand("udp", Value.record("udp-bind", name, config.host, config.port), bound)
  yield* credit(config.datagramsMax)
  return port as number
})

const serveTcp = Effect.fnUntraced(function*(address: Value.Value, config: Config) {
  const space = yield* Space.Space
  yield* space.during(Pattern.record("tcp-connection", Pattern.bind(), Pattern.literal(address), Pattern.discard), ([id]) => connection(id!, config))
  const listening = space.waitFor(Pattern.record("tcp-listening", Pattern.literal(address), Pattern.bind()))
  yield* demand("tcp", Value.record("tcp-listen", address), listening)
})

/** Until the client has said its last and has its answers, or says nothing for long. */
const connection = (id: Value.Value, config: Config) => Effect.gen(function*() {
  const space = yield* Space.Space
  const credit = (n: number) => space.send(Value.record("tcp-credit", id, n))
  const relays = yield* FiberSet.make<void>()
  const one = Effect.fnUntraced(function*(bytes: Value.Value) {
    const reply = yield* relay(bytes, true, config)
    // credit for what is answered comes when the client takes it
    yield* reply === undefined ? credit(1) : space.send(Value.record("tcp-out", id, reply))
  })
  const listen = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.map(Effect.forkScoped(effect, { startImmediately: true }), Fiber.join)
  const silent = yield* listen(space.observe(Pattern.record("tcp-in", Pattern.literal(id), Pattern.bind())).pipe(
    Stream.timeout(config.idleMs),
    Stream.runForEach(({ captures: [bytes] }) => Effect.flatMap(space.fork("relay", one(bytes!)), (fiber) => FiberSet.add(relays, fiber)))
  ))
  yield* listen(Stream.runForEach(space.observe(Pattern.record("tcp-written", Pattern.literal(id), Pattern.discard)), () => credit(1)))
  const eof = yield* listen(space.waitFor(Pattern.record("tcp-eof", Pattern.bind(Pattern.literal(id)))))
  yield* space.assert(Value.record("tcp-handle", id))
  yield* space.send(Value.record("tcp-mode", id, Value.record("packets", 2)))
  yield* credit(config.packetsMax)
  yield* Effect.raceFirst(silent, eof)
  yield* FiberSet.awaitEmpty(relays)
}).pipe(Effect.scoped)
