/**
 * One question to one server: a conversation of its own, over UDP, and over TCP when that was too short.
 *
 * It holds what it uses as facts: its id, its sockets. However it ends (answered, late, refused, not
 * wanted any more, crashed), they go with it. Who wants to deceive it must guess the id and the port of
 * a socket that is open for this query alone (RFC 5452), and send from the server's address.
 */
import { Pattern, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import { Effect, Fiber, Option, Stream } from "effect"
import { randomInt } from "node:crypto"
import * as net from "node:net"
import { demand } from "../demand.ts"
import * as Message from "./message.ts"
import { Query, QueryId, type Question, type Server } from "./words.ts"

/** Gives each query an id as long as it stands: random, and no other's. When all are taken, it gives none. */
export const allocator = Effect.fnUntraced(function*(idsMax = 65_536) {
  const space = yield* Space.Space
  const free = Array.from({ length: idsMax }, (_, id) => id)
  const take = Effect.sync(() => {
    if (free.length === 0) return undefined
    const at = randomInt(free.length)
    const id = free[at]!
    free[at] = free.at(-1)!
    free.pop()
    return id
  })
  const putBack = (id: number | undefined) => Effect.sync(() => { if (id !== undefined) free.push(id) })
  yield* space.during(Query.all, ({ n }) => Effect.gen(function*() {
    const id = yield* Effect.acquireRelease(take, putBack)
    if (id !== undefined) yield* space.assert(QueryId({ n, id }))
  }))
})

interface Asked {
  /** What its sockets are called. */
  readonly name: Value.Value
  readonly server: Server
  readonly message: Uint8Array
  readonly read: (bytes: Value.Value) => Message.Reply | undefined
}

/** An id, as long as the Scope is open. `n` is nobody else's. */
export const holdId = Effect.fnUntraced(function*(n: number, question: Question, server: Server) {
  const space = yield* Space.Space
  yield* space.assert(Query({ n, question, server }))
  return (yield* space.waitFor(QueryId.with({ n, id: Pattern.bind }))).id
})

/** Asks; fails with what the drivers say, or waits for ever: whoever asks knows how long. */
export const ask = Effect.fnUntraced(function*(n: number, question: Question, server: Server) {
  const id = yield* holdId(n, question, server)
  const asked: Asked = {
    name: Value.record("query", n), server, message: Message.ask(id, question),
    read: (bytes) => bytes instanceof Uint8Array ? Message.readReply(bytes, id, question) : undefined
  }
  const reply = yield* overUdp(asked)
  return reply._tag === "Truncated" ? yield* overTcp(asked) : reply
}, Effect.scoped)

const overUdp = ({ message, name, read, server }: Asked) => Effect.gen(function*() {
  const space = yield* Space.Space
  const credit = space.send(Value.record("udp-credit", name, 1))
  const any = Pattern.bind()
  const replies = space.observe(Pattern.record("udp-in", Pattern.literal(name), any, any, any)).pipe(
    Stream.tap(() => credit),
    Stream.map(({ captures: [host, port, bytes] }) => host === server.host && port === server.port ? read(bytes!) : undefined)
  )
  const socket = Value.record("udp-bind", name, net.isIPv6(server.host) ? "::" : "0.0.0.0", 0)
  return yield* demand("udp", socket, Effect.gen(function*() {
    yield* space.waitFor(Pattern.record("udp-bound", Pattern.literal(name), Pattern.discard, any))
    const reply = yield* first(replies)
    yield* credit
    yield* space.send(Value.record("udp-out", name, server.host, server.port, message))
    return yield* reply
  }))
}).pipe(Effect.scoped)

const overTcp = ({ message, name, read, server }: Asked) => Effect.gen(function*() {
  const space = yield* Space.Space
  const credit = space.send(Value.record("tcp-credit", name, 1))
  const replies = space.observe(Pattern.record("tcp-in", Pattern.literal(name), Pattern.bind())).pipe(
    Stream.tap(() => credit),
    Stream.map(({ captures: [bytes] }) => read(bytes!))
  )
  const connection = Value.record("tcp-connect", name, Value.record("tcp", server.host, server.port))
  return yield* demand("tcp", connection, Effect.gen(function*() {
    yield* space.waitFor(Pattern.record("tcp-connected", Pattern.literal(name), Pattern.bind(), Pattern.discard))
    const reply = yield* first(replies)
    yield* space.send(Value.record("tcp-mode", name, Value.record("packets", 2)))
    yield* credit
    yield* space.send(Value.record("tcp-out", name, message))
    return yield* reply
  }))
}).pipe(Effect.scoped)

/** Listens from now on; what it gives waits for the first reply that is one. */
const first = <E, R>(replies: Stream.Stream<Message.Reply | undefined, E, R>) =>
  replies.pipe(
    Stream.filter((reply) => reply !== undefined),
    Stream.runHead,
    Effect.flatMap(Option.match({ onNone: () => Effect.never, onSome: Effect.succeed })),
    Effect.forkScoped({ startImmediately: true }),
    Effect.map(Fiber.join)
  )
