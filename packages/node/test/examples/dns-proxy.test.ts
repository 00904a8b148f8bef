/** The DNS proxy, on real sockets: its clients are ours, and so are the servers that it asks, which may lie. */
import { assert, describe, it } from "@effect/vitest"
import { Pattern, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import * as packet from "dns-packet"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { Resolver } from "node:dns/promises"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { defaults, layer, proxy } from "../../examples/dns-proxy/proxy.ts"
import * as Query from "../../examples/dns-proxy/query.ts"
import * as Words from "../../examples/dns-proxy/words.ts"
import * as Dns from "./dns.ts"

const provided = <A, E, R>(test: Effect.Effect<A, E, R>) => test.pipe(Effect.scoped, Effect.provide(layer))
/** Asks over UDP, with a socket of its own. */
const ask = (port: number, name: string, type?: packet.RecordType, more?: packet.Packet) => Effect.scoped(Effect.gen(function*() {
  const client = yield* Dns.overUdp(port)
  client.send(Dns.query(7, name, type, more))
  return yield* client.nth(1)
}))
const answersOf = ({ answers = [] }: packet.Packet) => answers.map((answer) =>
  "data" in answer && "ttl" in answer ? `${answer.name} ${answer.ttl} ${answer.type} ${String(answer.data)}` : answer.type)
const settled = (space: Space.Interface) => Effect.andThen(space.query(Pattern.record("never")), Effect.yieldNow)
/** Waits until so many answer the question: each query is a turn of the node, so that all others have theirs. */
const count = (space: Space.Interface, what: Space.What, n: number): Effect.Effect<void> =>
  Effect.flatMap(space.query(what), (found) => found.length === n ? Effect.void : count(space, what, n))
const none = (space: Space.Interface, what: Space.What) => count(space, what, 0)
/** Waits until nothing is left of what was for clients: no interest, no handler, no query, id or socket but their own. */
const over = Effect.gen(function*() {
  const space = yield* Space.Space
  for (const what of [Words.wanted, Words.Answer.all, Words.Query.all, Words.QueryId.all]) yield* none(space, what)
  yield* count(space, Pattern.record("udp-bind", Pattern.bind(), Pattern.discard, Pattern.discard), 1)
  yield* none(space, Pattern.record("tcp-connect", Pattern.bind(), Pattern.discard))
})
/** Waits until the cache has so many answers, and will drop them in time. */
const cached = Effect.fnUntraced(function*(n: number) {
  const space = yield* Space.Space
  yield* count(space, Words.Cached.all, n)
  yield* settled(space)
})

describe("the DNS proxy", () => {
  it.effect("answers over UDP, with the client's id and spelling", () => provided(Effect.gen(function*() {
    const { asked, server } = yield* Dns.upstream(Dns.addresses())
    const port = yield* proxy({ servers: [server] })
    const client = yield* Dns.overUdp(port)
    client.send(Dns.query(4711, "wWw.Example.com"))
    const { additionals, authorities, flags, id, questions, type, ...rest } = yield* client.nth(1)

    assert.deepStrictEqual({ additionals, authorities, flags, id, questions, type }, {
      additionals: [], authorities: [], flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE,
      id: 4711, questions: [Dns.question("wWw.Example.com")], type: "response"
    })
    assert.deepStrictEqual(answersOf(rest), ["www.example.com 60 A 10.0.0.1"])
    assert.deepStrictEqual(asked.map(({ name, over }) => `${name} ${over}`), ["www.example.com udp"])
    yield* over
  })))

  it.effect("answers over TCP, as the answers come, and also what was asked right before the end", () => provided(Effect.gen(function*() {
    const names = Array.from({ length: 20 }, (_, i) => `n${i}.test`)
    const { asked, nth, server } = yield* Dns.upstream()
    const port = yield* proxy({ servers: [server] })
    const client = yield* Dns.overTcp(port)
    client.sendAll(names.map((name, i) => Dns.query(100 + i, name)))
    client.end()
    yield* nth(16)
    for (const one of asked.slice(0, 16).toReversed()) Dns.addresses()(one)
    yield* nth(20)
    for (const one of asked.slice(16)) Dns.addresses()(one)
    yield* client.ended
    for (let i = 0; i < 20; i++) {
      const hasty = yield* Dns.overTcp(port)
      hasty.send(Dns.query(i, "n0.test"))
      hasty.end()
      yield* hasty.ended
      assert.deepStrictEqual(hasty.all.map(({ id }) => id), [i])
    }

    const said = client.all.map((reply) => `${reply.id} ${answersOf(reply).join()}`)
    assert.deepStrictEqual(said.sort(), names.map((name, i) => `${100 + i} ${name} 60 A 10.0.0.1`).sort())
    assert.notStrictEqual(client.all[0]!.id, 100)
    yield* over
  })))

  it.effect("closes a TCP connection on which nothing is asked for long", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const port = yield* proxy({ servers: [] })
    const client = yield* Dns.overTcp(port)
    yield* space.waitFor(Pattern.record("tcp-handle", Pattern.bind()))
    yield* settled(space)
    yield* TestClock.adjust(defaults.idleMs)

    yield* client.ended
  })))

  it.effect("asks once for all who want the same, and one that gives up takes nothing from the others", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const { asked, nth, server } = yield* Dns.upstream()
    const port = yield* proxy({ servers: [server], serverMs: 60_000, clientMs: 10_000 })
    const [first, second, third] = [yield* Dns.overUdp(port), yield* Dns.overUdp(port), yield* Dns.overTcp(port)]
    first.send(Dns.query(1, "one.test"))
    const { reply } = yield* nth(1)
    yield* TestClock.adjust(6_000)
    // what is asked after it shows that it was heard
    second.send(Dns.query(2, "ONE.test"))
    second.send(Dns.query(22, "two.test"))
    yield* nth(2)
    third.sendAll([Dns.query(3, "one.TEST"), Dns.query(33, "three.test")])
    yield* nth(3)
    yield* TestClock.adjust(6_000)
    yield* settled(space)
    reply({ answers: [Dns.a("one.test", "10.0.0.1")] })
    const [two, three] = [yield* second.nth(1), yield* third.nth(1)]

    assert.deepStrictEqual([two, three].map(({ id, questions }) => [id, questions![0]!.name]), [[2, "ONE.test"], [3, "one.TEST"]])
    assert.deepStrictEqual([answersOf(two), answersOf(three)], [["one.test 60 A 10.0.0.1"], ["one.test 60 A 10.0.0.1"]])
    assert.deepStrictEqual(asked.map(({ name }) => name), ["one.test", "two.test", "three.test"])
    assert.deepStrictEqual(first.all, [])
    yield* TestClock.adjust(10_000)
    yield* over
  })))

  it.effect("asks no longer when nobody wants to know any more", () => provided(Effect.gen(function*() {
    const { nth, server } = yield* Dns.upstream()
    const port = yield* proxy({ servers: [server], serverMs: 60_000 })
    const client = yield* Dns.overTcp(port)
    client.send(Dns.query(1, "one.test"))
    client.send(Dns.query(2, "two.test"))
    yield* nth(2)
    yield* TestClock.adjust(defaults.clientMs)

    yield* over
  })))

  it.effect("gives what it has, and what is left of its time, until that is over", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const { asked, server } = yield* Dns.upstream(({ name, reply }) => {
      reply({ answers: [Dns.a(name, "10.0.0.1", 300), Dns.a(name, "10.0.0.2", 60)] })
    })
    const port = yield* proxy({ servers: [server] })
    const ttls = Effect.map(ask(port, "a.test"), ({ answers = [] }) => answers.map((answer) => "ttl" in answer && answer.ttl))
    assert.deepStrictEqual(yield* ttls, [60, 60])
    yield* cached(1)
    yield* TestClock.adjust("20 seconds")
    assert.deepStrictEqual(yield* ttls, [40, 40])
    yield* TestClock.adjust("39500 millis")
    assert.deepStrictEqual(yield* ttls, [1, 1])
    assert.strictEqual(asked.length, 1)
    yield* TestClock.adjust("500 millis")
    yield* none(space, Words.Cached.all)
    assert.deepStrictEqual(yield* ttls, [60, 60])

    assert.strictEqual(asked.length, 2)
  })))

  it.effect("keeps an answer fresh for whoever goes on wanting it", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const { asked, server } = yield* Dns.upstream(Dns.addresses())
    yield* proxy({ servers: [server] })
    const question: Words.Question = { _tag: "question", name: "one.test", type: "A", class: "IN" }
    const interest = Words.Answer.with({ question, message: Pattern.bind, until: Pattern.bind })
    const held: Array<number> = []
    yield* space.during(interest, ({ until }) => Effect.sync(() => void held.push(until)))
    for (const until of [60_000, 120_000, 180_000]) {
      yield* space.waitFor(Words.Answer.with({ question, until }))
      yield* TestClock.adjust("1 minute")
    }

    assert.deepStrictEqual(held.slice(0, 3), [60_000, 120_000, 180_000])
    assert.isAtLeast(asked.length, 3)
  })))

  it.effect("keeps nothing for longer than a day, nor what may not be kept", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const { asked, server } = yield* Dns.upstream((one) => Dns.addresses("10.0.0.1", one.name === "old.test" ? 2 ** 32 - 1 : 0)(one))
    const port = yield* proxy({ servers: [server] })
    const old = yield* ask(port, "old.test")
    const now = yield* ask(port, "now.test")
    yield* none(space, Words.wanted)
    yield* ask(port, "now.test")

    assert.deepStrictEqual([old, now].map(answersOf), [["old.test 86400 A 10.0.0.1"], ["now.test 0 A 10.0.0.1"]])
    assert.deepStrictEqual(asked.map(({ name }) => name), ["old.test", "now.test", "now.test"])
  })))

  it.effect("keeps the newest answers when there are too many", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const { asked, server } = yield* Dns.upstream(Dns.addresses())
    const port = yield* proxy({ servers: [server], answersMax: 2 })
    for (const name of ["a.test", "b.test", "c.test", "b.test", "d.test"]) {
      yield* ask(port, name)
      yield* space.waitFor(Words.Cached.with({ answer: { question: { name, type: Pattern.bind } } }))
    }
    for (const name of ["c.test", "b.test"]) yield* ask(port, name)

    assert.deepStrictEqual(asked.map(({ name }) => name), ["a.test", "b.test", "c.test", "d.test", "b.test"])
  })))

  it.effect("keeps a no as long as the zone says, and one without a word of the zone not at all", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const { asked, server } = yield* Dns.upstream(({ name, reply }) => reply({
      flags: name.startsWith("no.") ? Dns.nameError : 0,
      authorities: name.endsWith("bare.test") ? [] : [Dns.soa("test", 300, 30)]
    }))
    const port = yield* proxy({ servers: [server] })
    const any = "ANY" as packet.RecordType // its types do not know it
    const said = (name: string) => Effect.map(ask(port, name, name === "no.any.test" ? any : "A"), (reply) =>
      `${Dns.rcodeOf(reply)} ${(reply.authorities ?? []).map((record) => "ttl" in record ? `${record.type} ${record.ttl}` : "").join()}`)
    const names = ["no.such.test", "empty.test", "no.any.test", "no.bare.test"]
    const first = yield* Effect.forEach(names, said)
    yield* cached(3)
    yield* TestClock.adjust("10 seconds")
    const later = yield* Effect.forEach(names, said)
    yield* TestClock.adjust("20 seconds")
    yield* none(space, Words.Cached.all)
    const last = yield* Effect.forEach(names, said)

    assert.deepStrictEqual(first, ["3 SOA 30", "0 SOA 30", "3 SOA 30", "3 "])
    assert.deepStrictEqual(later, ["3 SOA 20", "0 SOA 20", "3 SOA 20", "3 "])
    assert.deepStrictEqual(last, first)
    assert.deepStrictEqual(asked.map(({ name }) => name), [...names, "no.bare.test", ...names])
  })))

  it.effect("goes from a server that is silent, or does not want to, to the next, and round again", () => provided(Effect.gen(function*() {
    const silent = yield* Dns.upstream()
    const unwilling = yield* Dns.upstream(({ reply }) => reply({ flags: Dns.refused }))
    const forgetful = yield* Dns.upstream((asked) => { if (forgetful.asked.length > 1) Dns.addresses("10.0.0.3")(asked) })
    const port = yield* proxy({ servers: [silent.server, unwilling.server, forgetful.server] })
    const client = yield* Dns.overUdp(port)
    client.send(Dns.query(1, "one.test"))
    yield* silent.nth(1)
    yield* TestClock.adjust(defaults.serverMs)
    yield* forgetful.nth(1)
    yield* TestClock.adjust(defaults.serverMs)
    yield* silent.nth(2)
    yield* TestClock.adjust(defaults.serverMs)

    assert.deepStrictEqual(answersOf(yield* client.nth(1)), ["one.test 60 A 10.0.0.3"])
    assert.deepStrictEqual([silent, unwilling, forgetful].map(({ asked }) => asked.length), [2, 2, 2])
    yield* over
  })))

  it.effect("says so when no server has an answer, and leaves them alone for a second", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const silent = yield* Dns.upstream()
    const failing = yield* Dns.upstream(({ reply }) => reply({ flags: Dns.serverFailure }))
    const port = yield* proxy({ servers: [silent.server, failing.server] })
    const reply = yield* Effect.forkChild(ask(port, "one.test"))
    for (const round of [1, 2]) {
      yield* silent.nth(round)
      yield* TestClock.adjust(defaults.serverMs)
    }
    assert.strictEqual(Dns.rcodeOf(yield* Fiber.join(reply)), Dns.serverFailure)
    yield* none(space, Words.wanted)
    yield* cached(1)
    assert.strictEqual(Dns.rcodeOf(yield* ask(port, "one.test")), Dns.serverFailure)
    assert.deepStrictEqual([silent, failing].map(({ asked }) => asked.length), [2, 2])
    yield* TestClock.adjust("1 second")
    const again = yield* Effect.forkChild(ask(port, "one.test"))
    Dns.addresses()(yield* silent.nth(3))

    assert.deepStrictEqual(answersOf(yield* Fiber.join(again)), ["one.test 60 A 10.0.0.1"])
    yield* over
  })))

  it.effect("believes only what the server says to this query", () => provided(Effect.gen(function*() {
    const liar = yield* Dns.overUdp(1)
    const lies = { answers: [Dns.a("one.test", "6.6.6.6")] }
    const { asked, server } = yield* Dns.upstream(({ id, packet: { questions }, port, reply, send }) => {
      const forged = (more: packet.Packet) => packet.encode({ id, type: "response", questions: questions!, ...lies, ...more })
      for (let other = 0; other < 100; other++) liar.send(forged({}), port)
      const others = [[Dns.question("two.test")], [Dns.question("one.test", "AAAA")], []]
      for (const wrong of [{ id: id ^ 1 }, { type: "query" as const }, ...others.map((about) => ({ questions: about }))]) send(forged(wrong))
      for (const cut of [0, 5, 12, 40]) send(forged({}).subarray(0, cut))
      const [loop, counts] = [Buffer.from(forged({})), Buffer.from(forged({}))]
      loop.writeUInt16BE(0xc000 | 26, 26) // the answer's name is where its name is
      counts.fill(0xff, 6, 12) // more records than there are
      for (const broken of [loop, counts]) send(broken)
      reply({ answers: [Dns.a("one.test", "10.0.0.1")] })
    })
    const port = yield* proxy({ servers: [server] })

    assert.deepStrictEqual(answersOf(yield* ask(port, "one.test")), ["one.test 60 A 10.0.0.1"])
    assert.strictEqual(asked.length, 1)
  })))

  it.effect("asks with ids and ports that nobody can foresee, and gives all back", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const { asked, nth, server } = yield* Dns.upstream()
    const port = yield* proxy({ servers: [server] })
    const client = yield* Dns.overUdp(port)
    for (let i = 0; i < 64; i++) client.send(Dns.query(i, `n${i}.test`))
    yield* nth(64)
    const [ids, ports] = [asked.map(({ id }) => id), asked.map((one) => one.port)]
    const steps = ids.slice(1).map((id, i) => id - ids[i]!)
    const held = yield* space.query(Words.QueryId.all)

    assert.deepStrictEqual([new Set(ids).size, new Set(ports).size], [64, 64])
    assert.isAbove(new Set(steps).size, 56, "steps repeat once in a while, by chance")
    assert.deepStrictEqual(held.map(({ id }) => id).sort(), [...ids].sort())
    for (const one of asked.slice(0, 64)) one.reply({ flags: Dns.refused })
    yield* nth(128)
    for (const one of asked.slice(64)) Dns.addresses()(one)
    yield* client.nth(64)
    yield* over
  })))

  it.effect("asks no more than so many questions at once", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const { asked, nth, server } = yield* Dns.upstream()
    const port = yield* proxy({ servers: [server], queriesMax: 2 })
    const client = yield* Dns.overTcp(port)
    client.sendAll(["a.test", "b.test", "c.test"].map((name, i) => Dns.query(i, name)))
    yield* nth(2)
    yield* count(space, Words.wanted, 3)
    yield* settled(space)
    assert.strictEqual((yield* space.query(Words.Query.all)).length, 2)
    Dns.addresses()(asked[0]!)
    yield* nth(3)

    assert.deepStrictEqual(asked.map(({ name }) => name), ["a.test", "b.test", "c.test"])
  })))

  it.effect("gives no id to two queries, and takes it back however one ends", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    yield* Query.allocator(2)
    const ids: Array<number> = []
    const query = (n: number, end: Effect.Effect<unknown, string>) => space.fork("query", Effect.scoped(Effect.gen(function*() {
      const question: Words.Question = { _tag: "question", name: "one.test", type: "A", class: "IN" }
      ids.push(yield* Query.holdId(n, question, { _tag: "server", host: "127.0.0.1", port: 53 }))
      yield* end
    })))
    yield* query(1, Effect.never)
    for (const [i, end] of [Effect.void, Effect.fail("failed"), Effect.die(new Error("a bug")), Effect.interrupt].entries()) {
      yield* Fiber.await(yield* query(2 + i, end))
      yield* count(space, Words.QueryId.all, 1)
    }
    for (const n of [6, 7]) yield* query(n, Effect.never)
    yield* count(space, Words.Query.all, 3)
    yield* settled(space)

    const [first, ...others] = ids
    assert.include([0, 1], first)
    assert.deepStrictEqual(others, Array.from({ length: 5 }, () => 1 - first!))
  })))

  it.effect("asks over TCP what is too long for UDP", () => provided(Effect.gen(function*() {
    const answers = Array.from({ length: 100 }, (_, i) => Dns.a("long.test", `10.0.0.${i}`))
    const { asked, server } = yield* Dns.upstream(({ id, over, packet: { questions }, reply, send }) => {
      if (over === "tcp") {
        send(packet.encode({ id: id ^ 1, type: "response", questions: questions!, answers: [Dns.a("long.test", "6.6.6.6")] }))
        return reply({ answers })
      }
      // cut off within a record
      const cut = packet.encode({ id, type: "response", flags: packet.TRUNCATED_RESPONSE, questions: questions!, answers: answers.slice(0, 9) })
      send(cut.subarray(0, cut.length - 5))
    })
    const port = yield* proxy({ servers: [server] })
    const client = yield* Dns.overTcp(port)
    client.send(Dns.query(1, "long.test"))
    const long = yield* client.nth(1)
    yield* cached(1)
    const cut = yield* ask(port, "long.test")

    assert.strictEqual(long.answers!.length, 100)
    assert.deepStrictEqual([cut.flag_tc, cut.answers], [true, []])
    assert.deepStrictEqual(asked.map(({ over }) => over), ["udp", "tcp"])
    yield* over
  })))

  it.effect("goes to the next server when one cannot be reached over TCP", () => provided(Effect.gen(function*() {
    const deaf = yield* Dns.upstream(({ reply }) => reply({ flags: packet.TRUNCATED_RESPONSE }), false)
    const good = yield* Dns.upstream(Dns.addresses())
    const port = yield* proxy({ servers: [deaf.server, good.server] })

    assert.deepStrictEqual(answersOf(yield* ask(port, "one.test")), ["one.test 60 A 10.0.0.1"])
    assert.deepStrictEqual([deaf, good].map(({ asked }) => asked.length), [1, 1])
    yield* over
  })))

  it.effect("sends a client what it can take over UDP, and says so in EDNS when it is asked in EDNS", () => provided(Effect.gen(function*() {
    const { asked, server } = yield* Dns.upstream(({ name, reply }) => {
      const data = Array.from({ length: name === "big.test" ? 6 : 4 }, () => "x".repeat(250))
      reply({ answers: [{ type: "TXT", class: "IN", name, ttl: 60, data }], additionals: [Dns.opt(4_096)] })
    })
    const port = yield* proxy({ servers: [server] })
    const said = Effect.fnUntraced(function*(name: string, size?: number, version?: number) {
      const edns = size === undefined ? {} : { additionals: [Dns.opt(size, version)] }
      const { additionals = [], answers = [], flag_tc, ...reply } = yield* ask(port, name, "TXT", edns)
      const opts = additionals.map((record) => record.type === "OPT" ? `OPT ${record.udpPayloadSize} ${record.extendedRcode}` : record.type)
      return [flag_tc ? "cut" : "whole", answers.length, Dns.rcodeOf(reply), ...opts].join(" ")
    })

    assert.strictEqual(yield* said("some.test"), "cut 0 0")
    assert.strictEqual(yield* said("some.test", 100), "cut 0 0 OPT 1232 0")
    assert.strictEqual(yield* said("some.test", 1_100), "whole 1 0 OPT 1232 0")
    assert.strictEqual(yield* said("big.test", 1_232), "cut 0 0 OPT 1232 0")
    assert.strictEqual(yield* said("big.test", 65_535), "cut 0 0 OPT 1232 0")
    assert.strictEqual(yield* said("some.test", 1_232, 1), "whole 0 0 OPT 1232 1")
    assert.deepStrictEqual(asked.map(({ packet: { additionals } }) => additionals!.map((record) => record.type === "OPT" && record.udpPayloadSize)),
      [[1_232], [1_232]])
  })))

  it.effect("does not know about transfers and other requests", () => provided(Effect.gen(function*() {
    const port = yield* proxy({ servers: [] })
    const replies = [yield* ask(port, "one.test", "AXFR"), yield* ask(port, "one.test", "SOA", { flags: 4 << 11 })]

    assert.deepStrictEqual(replies.map((reply) => [Dns.rcodeOf(reply), reply.flags! >> 11]), [[4, 0], [4, 4]])
  })))

  it.effect("does not answer what is no question, and goes on", () => provided(Effect.gen(function*() {
    const { asked, server } = yield* Dns.upstream(Dns.addresses())
    const port = yield* proxy({ servers: [server], datagramsMax: 1, packetsMax: 1 })
    const good = Dns.query(1, "one.test")
    const changed = (at: number, ...bytes: ReadonlyArray<number>) => {
      const copy = Buffer.from(good)
      copy.set(bytes, at)
      return copy
    }
    const bad = [
      Buffer.alloc(0), Buffer.alloc(11), Buffer.alloc(12), Buffer.alloc(500, 0xff), good.subarray(0, 15),
      changed(2, 0x81), changed(5, 0), changed(7, 9),
      Dns.query(1, "one.test", "A", { questions: [Dns.question("one.test"), Dns.question("two.test")] }),
      changed(13, 0x2e), changed(13, 0xff), changed(12, 0xc0, 12), changed(12, 0x40), changed(good.length - 2, 0x80)
    ]
    const udp = yield* Dns.overUdp(port)
    for (const bytes of bad) udp.send(bytes)
    udp.send(Dns.query(2, "one.test"))
    yield* udp.nth(1)
    const tcp = yield* Dns.overTcp(port)
    tcp.sendAll([...bad, ...bad, ...bad, Dns.query(3, "one.test")])
    yield* tcp.nth(1)
    tcp.end()
    yield* tcp.ended

    assert.deepStrictEqual([...udp.all, ...tcp.all].map(({ id }) => id), [2, 3])
    assert.deepStrictEqual(asked.map(({ name }) => name), ["one.test"])
  })))

  it.effect("tries another port when the one that it has for UDP is not free for TCP", () => provided(Effect.gen(function*() {
    const space = yield* Space.Space
    const taken: Array<Value.Value> = []
    yield* space.during(Pattern.record("udp-bound", Pattern.literal(Value.record("clients", 1)), Pattern.discard, Pattern.bind()), ([port]) => {
      taken.push(port!)
      const listen = Value.record("tcp-listen", Value.record("tcp", "127.0.0.1", port!))
      return space.assert(Value.record("tcp-failed", listen, Value.symbol("in-use")))
    })
    const { server } = yield* Dns.upstream(Dns.addresses())
    const port = yield* proxy({ servers: [server] })
    const client = yield* Dns.overTcp(port)
    client.send(Dns.query(1, "one.test"))

    assert.deepStrictEqual(answersOf(yield* client.nth(1)), ["one.test 60 A 10.0.0.1"])
    assert.deepStrictEqual(answersOf(yield* ask(port, "one.test")), ["one.test 60 A 10.0.0.1"])
    assert.strictEqual(taken.length, 1)
    assert.notInclude(taken, port)
  })))

  it.effect("fails with the reason when it cannot have its port", () => provided(Effect.gen(function*() {
    const { server: { port: udp } } = yield* Dns.upstream(undefined, false)
    const tcp = yield* Dns.listener
    const errors = yield* Effect.forEach([udp, tcp], (port) => Effect.flip(proxy({ servers: [], port })))

    assert.deepStrictEqual(errors.map(({ message }) => message), [
      `cannot have <udp-bind <clients 1> "127.0.0.1" ${udp}>: in-use`, `cannot have <tcp-listen <tcp "127.0.0.1" ${tcp}>>: in-use`
    ])
  })))
})

describe("as others see it, the DNS proxy", () => {
  const world = Dns.upstream(({ name, packet: { questions }, reply }) => {
    const common = { class: "IN", name, ttl: 90 } as const
    switch (`${name} ${questions![0]!.type}`) {
      case "www.test A": return reply({ answers: [{ ...common, type: "CNAME", data: "web.test" }, Dns.a("web.test", "10.0.0.1", 30)] })
      case "mail.test MX": return reply({ answers: [{ ...common, type: "MX", data: { preference: 10, exchange: "mx.test" } }] })
      case "long.test TXT": return reply({ answers: Array.from({ length: 30 }, (_, i) => ({ ...common, type: "TXT", data: `${i}`.repeat(50) })) })
      case "empty.test A": return reply({ authorities: [Dns.soa("test", 60, 60)] })
      case "broken.test A": return reply({ flags: Dns.serverFailure })
      default: return reply({ flags: Dns.nameError, authorities: [Dns.soa("test", 60, 60)] })
    }
  })

  it.effect("is a server to Node's resolver", () => provided(Effect.gen(function*() {
    const { server } = yield* world
    const port = yield* proxy({ servers: [server] })
    const resolver = new Resolver()
    resolver.setServers([`127.0.0.1:${port}`])
    const code = (promise: Promise<unknown>) => Effect.promise(() => promise.then(String, (error: NodeJS.ErrnoException) => error.code))

    const addresses = yield* Effect.promise(() => resolver.resolve4("www.test", { ttl: true }))
    const mail = yield* Effect.promise(() => resolver.resolveMx("mail.test"))
    const texts = yield* Effect.promise(() => resolver.resolveTxt("long.test"))
    const codes = yield* Effect.forEach(["empty.test", "none.test", "broken.test"], (name) => code(resolver.resolve4(name)))

    assert.deepStrictEqual(addresses, [{ address: "10.0.0.1", ttl: 30 }])
    assert.deepStrictEqual(mail.map(({ exchange, priority }) => [exchange, priority]), [["mx.test", 10]])
    assert.strictEqual(texts.length, 30)
    assert.deepStrictEqual(codes, ["ENODATA", "ENOTFOUND", "ESERVFAIL"])
  })))

  it.effect("is a server to dig", () => provided(Effect.gen(function*() {
    const { server } = yield* world
    const port = yield* proxy({ servers: [server] })
    const dig = (...args: ReadonlyArray<string>) => Effect.callback<string | undefined>((resume) => {
      execFile("dig", ["@127.0.0.1", "-p", String(port), "+tries=1", ...args], (error, stdout) => {
        resume(Effect.succeed((error as NodeJS.ErrnoException | null)?.code === "ENOENT" ? undefined : stdout))
      })
    })
    const short = yield* dig("+short", "www.test", "A")
    if (short === undefined) {
      yield* Effect.sync(() => process.stdout.write("dig is not here: the DNS proxy was asked by a client of our own\n"))
      const reply = yield* ask(port, "www.test", "A", { additionals: [Dns.opt(1_232)] })
      assert.deepStrictEqual(answersOf(reply), ["www.test 30 CNAME web.test", "web.test 30 A 10.0.0.1"])
      return
    }
    assert.strictEqual(short, "web.test.\n10.0.0.1\n")
    assert.match((yield* dig("none.test"))!, /status: NXDOMAIN/)
    assert.match((yield* dig("+tcp", "long.test", "TXT"))!, /ANSWER: 30/)
  })))

  it.effect("is a program that says where it listens, and ends well when it is told to", () => Effect.scoped(Effect.gen(function*() {
    const { server } = yield* world
    const main = fileURLToPath(new URL("../../examples/dns-proxy/main.ts", import.meta.url))
    const args = (listen: string) => [main, "--listen", listen, "--server", `127.0.0.1:${server.port}`]
    const run = (listen: string) => Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, args(listen), { stdio: ["ignore", "pipe", "pipe"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const output = (stream: NodeJS.ReadableStream) => Effect.promise(() => once(stream, "data").then(([chunk]) => String(chunk)))
    const ended = (child: ChildProcess) => Effect.promise(() => once(child, "exit"))

    const child = yield* run("127.0.0.1:0")
    const [, port] = /^answering at 127\.0\.0\.1:(\d+), asking 127\.0\.0\.1:\d+\n$/.exec(yield* output(child.stdout))!
    assert.deepStrictEqual(answersOf(yield* ask(Number(port), "www.test")), ["www.test 30 CNAME web.test", "web.test 30 A 10.0.0.1"])
    const second = yield* run(`127.0.0.1:${port}`)
    assert.strictEqual(yield* output(second.stderr), `cannot have <udp-bind <clients 1> "127.0.0.1" ${port}>: in-use\n`)
    assert.deepStrictEqual(yield* ended(second), [1, null])
    child.kill("SIGTERM")
    assert.deepStrictEqual(yield* ended(child), [0, null])
  })), 20_000)
})
