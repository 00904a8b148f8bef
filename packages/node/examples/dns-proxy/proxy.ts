/**
 * A caching DNS proxy. It is made of conversations about answers:
 *
 * - a *relay* for each question of a client observes the answer, passes it on and is gone;
 * - a *handler* for each question that somebody wants answered holds the answer up: from the cache, or
 *   else from a server. Many relays that observe one answer are one interest, so they cost one query,
 *   and one of them that gives up is nobody's loss but its own. With the last the handler goes, and
 *   with it the query, its id and its sockets;
 * - the *cache* holds answers up until they are too old.
 *
 * Nobody calls anybody, and nobody cleans up. The words are in `words.ts`.
 */
import { Driver, Node, Space } from "@colloquy/node"
import { Clock, Effect, Fiber, FiberMap, Layer, Semaphore, Stream } from "effect"
import * as Clients from "./clients.ts"
import * as Message from "./message.ts"
import * as Query from "./query.ts"
import { Answer, Cached, Keep, type Question, type Server, wanted } from "./words.ts"

export interface Config extends Clients.Config {
  /** In the order in which they are asked, so many times each. */
  readonly servers: ReadonlyArray<Server>
  readonly rounds: number
  readonly serverMs: number
  readonly queriesMax: number
  readonly answersMax: number
}
export const defaults = {
  ...Clients.defaults,
  rounds: 2,
  serverMs: 1_500, // a guess: most answer within 100; and clients ask again after 5 s
  queriesMax: 256, // a guess: each has a socket
  answersMax: 10_000 // a guess: some megabytes
}
const failureMs = 1_000 // RFC 9520, section 3.2: servers that failed are left alone for a second at least

/** Serves as long as the Scope is open, and tells the port. */
export const proxy = Effect.fnUntraced(function*(given: Partial<Config> & Pick<Config, "servers">) {
  const config = { ...defaults, ...given }
  const space = yield* Space.Space
  yield* Query.allocator()
  yield* space.fork("cache", cache(config))
  const resolve = yield* resolver(config)
  yield* space.during(wanted, (question) => handler(question, resolve(question)))
  return yield* Clients.serve(config)
})

/** Holds an answer up while it is wanted; whoever wants it for longer than it is good gets the next one. */
const handler = <R>(question: Question, resolve: Effect.Effect<Answer, never, R>) => Effect.forever(Effect.scoped(Effect.gen(function*() {
  const space = yield* Space.Space
  const [cached] = yield* space.query(Cached.with({ answer: Answer.with({ question }).pattern }))
  const started = yield* Clock.currentTimeMillis
  const known = cached !== undefined && cached.answer.until > started ? cached.answer : undefined
  const answer = known ?? (yield* resolve)
  if (answer !== known) yield* space.send(Keep({ answer }))
  yield* space.assert(Answer(answer))
  const now = yield* Clock.currentTimeMillis
  yield* Effect.sleep(Math.max(failureMs, answer.until - now))
})))

/** Asks one server after the other. When none has an answer, that is the answer. */
const resolver = Effect.fnUntraced(function*({ queriesMax, rounds, serverMs, servers }: Config) {
  const sockets = yield* Semaphore.make(queriesMax)
  let count = 0
  const answer = (question: Question, message: Uint8Array, ms: number) =>
    Effect.map(Clock.currentTimeMillis, (now): Answer => ({ _tag: "answer", question, message, until: now + ms }))
  const ask = (question: Question, server: Server) => Effect.gen(function*() {
    const space = yield* Space.Space
    const query = yield* space.fork("query", Query.ask(++count, question, server))
    const reply = yield* Fiber.join(query)
    return yield* reply._tag === "Found" ? answer(question, reply.message, 1_000 * reply.seconds) : Effect.fail(reply)
  }).pipe(Effect.scoped, Effect.timeout(serverMs), sockets.withPermits(1))

  return (question: Question) => {
    const attempts = Array.from({ length: rounds }, () => servers).flat().map((server) => ask(question, server))
    return Effect.catch(Effect.firstSuccessOf(attempts), () => answer(question, Message.failure, failureMs))
  }
})

/** Holds up what is good, the newest `answersMax` of it. Messages tell it what: a fact may be gone again before it looks. */
const cache = Effect.fnUntraced(function*({ answersMax }: Config) {
  const space = yield* Space.Space
  const held = yield* FiberMap.make<string>()
  const hold = Effect.fnUntraced(function*(answer: Answer) {
    const ms = answer.until - (yield* Clock.currentTimeMillis)
    if (ms > 0) yield* Effect.scoped(Effect.andThen(space.assert(Cached({ answer })), Effect.sleep(ms)))
  })
  yield* Stream.runForEach(space.observe(Keep.all), Effect.fnUntraced(function*({ captures: { answer } }) {
    const { class: klass, name, type } = answer.question
    const key = `${name} ${type} ${klass}`
    yield* FiberMap.remove(held, key)
    const [oldest] = held
    if (oldest !== undefined && (yield* FiberMap.size(held)) >= answersMax) yield* FiberMap.remove(held, oldest[0])
    yield* FiberMap.run(held, key, hold(answer))
  }))
}, Effect.scoped)

/** What it runs on: a node that is linked to no other, a dataspace of its own, and the drivers in it. */
export const layer = Layer.merge(Driver.Tcp.layer, Driver.Udp.layer).pipe(Layer.provideMerge(Node.scope("dns")), Layer.provide(Node.layer()))
