/** What peers may do to a node, and to each other through it: nothing but end their own link. */
import { assert, describe, it } from "@effect/vitest"
import { Encoded, type Item, Pattern, Process, Value } from "../../src/index.ts"
import { depthMax, patternBytesMax, symbolBytesMax } from "../../src/link/Fit.ts"
import { Hub, least } from "./peers.ts"

const m = Pattern.record("m", Pattern.bind())
const fact = (value: Value.Value) => Value.record("m", value)
const ask = (endpoint: number, pattern: Pattern.Pattern): Item.Item => ({ _tag: "Assert", endpoint, pattern })
const captures = (...values: ReadonlyArray<Value.Value>) => Encoded.encodedOf(values)
const msg = (endpoint: number, ...values: ReadonlyArray<Value.Value>): Item.Item => ({ _tag: "Msg", endpoint, captures: captures(...values) })
const add = (endpoint: number, ...values: ReadonlyArray<Value.Value>): Item.Item => ({ _tag: "Add", endpoint, captures: captures(...values) })
const counted = (n: number) => Array.from({ length: n }, (_, i) => i)
const deep = (levels: number): Value.Value => counted(levels).reduce<Value.Value>((value) => [value], true)
const shown = (items: ReadonlyArray<Item.Item>) => items.flatMap((item) => item._tag === "Stamp" ? [] : [`${item._tag} ${item.endpoint}`])

/** A turn packet of one item whose value no encoder of ours would write. */
const turnOf = (...item: ReadonlyArray<number>): Uint8Array => {
  const payload = [0xb4, 0xb3, 1, 0x54, ...item, 0x84]
  const frame = new Uint8Array(4 + payload.length)
  new DataView(frame.buffer).setUint32(0, payload.length)
  frame.set(payload, 4)
  return frame
}
const nested = (levels: number, inner = [0x81]): ReadonlyArray<number> =>
  [...Array<number>(levels).fill(0xb5), ...inner, ...Array<number>(levels).fill(0x84)]
const lit = (...value: ReadonlyArray<number>): ReadonlyArray<number> => [0xb4, 0xb3, 3, 0x6c, 0x69, 0x74, ...value, 0x84]
const [plus, question] = [[0xb3, 1, 0x2b, 0xb0, 1, 1], [0xb3, 1, 0x3f, 0xb0, 1, 1]]

describe("a peer's values", () => {
  it("end its link when they are deeper than what the node can key, whatever they are", () => {
    const hostile: ReadonlyArray<Uint8Array> = [
      turnOf(...plus, ...nested(depthMax + 1)),
      turnOf(...plus, ...nested(126)),
      turnOf(...question, ...lit(...nested(depthMax))),
      turnOf(...question, ...lit(...nested(119))),
      turnOf(...question, ...lit(...nested(125))),
      turnOf(...question, ...lit(0xb6, ...nested(124, [0x80]), ...nested(124), 0x84)),
      turnOf(...plus, 0xb5, 0xb6, ...nested(124, [0x80]), ...nested(124), 0x84, 0x84)
    ]

    const errors = hostile.map((bytes) => {
      const hub = new Hub()
      hub.act("s", "w", Process.observe(1, Pattern.bind()))
      const evil = hub.peer("evil")
      evil.send(bytes)
      return [evil.error(), hub.links()]
    })

    assert.deepStrictEqual(errors, hostile.map(() => ["TooDeep", []]))
  })
  it("are taken when they are as deep as that, and reach processes and other peers", () => {
    const hub = new Hub()
    hub.act("s", "w", Process.observe(1, Pattern.bind()), Process.observe(2, Pattern.record("Observe", Pattern.bind())))
    const [a, b] = [hub.peer("a"), hub.peer("b")]
    b.turn(ask(1, Pattern.bind()))
    a.turn(ask(1, Pattern.literal(deep(depthMax - 1))), ask(2, Pattern.bind(Pattern.record("m", Pattern.literal(deep(90)), Pattern.bind()))))
    hub.act("s", "l", Process.assert(1, deep(depthMax - 1)))

    a.turn(add(1, deep(depthMax - 1)), msg(1, deep(depthMax - 1)))

    assert.deepStrictEqual(hub.links(), ["a", "b"])
    assert.strictEqual(hub.heard("w").filter(({ handle }) => handle === 1).length > 2, true)
    assert.deepStrictEqual([a.error(), b.error()], [undefined, undefined])
    assert.isAtLeast(b.turns().flat().filter(({ _tag }) => _tag === "Add" || _tag === "Msg").length, 2)
  })
  it("may hold symbols that are names, and patterns that fit every packet", () => {
    const long = Value.symbol("s".repeat(symbolBytesMax + 1))
    const large = [patternBytesMax, 4_200_000].map((n) => ask(1, Pattern.literal("x".repeat(n))))
    const errors = [msg(1, long), ask(1, Pattern.literal(long)), ...large].map((item) => {
      const hub = new Hub()
      hub.act("s", "w", Process.observe(1, m))
      const evil = hub.peer("evil")
      evil.turn(item)
      return [evil.error(), hub.links()]
    })

    assert.deepStrictEqual(errors, errors.map(() => ["TooLarge", []]))
  })
})

describe("what does not fit through a link", () => {
  const long = Value.symbol("s".repeat(symbolBytesMax + 1))

  it("stays at home: facts and messages, from their beginning to their end", () => {
    const hub = new Hub()
    const everything = hub.peer("everything")
    everything.turn(ask(1, m))

    for (const value of [1, deep(depthMax), long, deep(106), 2]) {
      hub.act("s", "l", Process.assert(0, fact(value)), Process.send(fact(value)))
      hub.act("s", "l", Process.retract(0))
    }

    assert.deepStrictEqual(everything.turns().flatMap((items) => shown(items)), ["Add 1", "Msg 1", "Del 1", "Add 1", "Msg 1", "Del 1"])
    assert.deepStrictEqual(hub.links(), ["everything"])
  })
  it("stays at home: what is observed here, from its beginning to its end", () => {
    const hub = new Hub()
    const peer = hub.peer("peer")
    const patterns = [m, ...[deep(depthMax), long, "x".repeat(patternBytesMax), deep(104)].map(Pattern.literal)]

    hub.act("s", "w", ...patterns.map((pattern, i) => Process.observe(i, pattern)))
    hub.act("s", "w", ...patterns.map((_, i) => Process.retract(i)))

    assert.deepStrictEqual(peer.turns().map((items) => items.map(({ _tag }) => _tag)), [["Assert"], ["Clear"]])
  })
})

describe("a message that looks like", () => {
  it("an observation is none: nobody is asked, and what is asked for stays so", () => {
    const hub = new Hub()
    const peer = hub.peer("peer")
    hub.act("s", "c", Process.send(Process.observation(m)))
    hub.act("s", "w", Process.observe("o", m))
    peer.turn(add(1, 1))

    hub.act("s", "c", Process.send(Process.observation(m)))
    peer.turn(add(1, 2))
    hub.leave("s", "w")

    assert.deepStrictEqual(hub.heard("w"), [Process.added("o", [1]), Process.added("o", [2])])
    assert.deepStrictEqual(peer.turns().map((items) => items.map(({ _tag }) => _tag)), [["Assert"], ["Clear"]])
    assert.isFalse(hub.state.members.Scopes.get("s")!.Dataspace.processes.has("w"))
  })
  it("an uplink that is asked for, or a listener, is neither", () => {
    const hub = new Hub()
    const [uplink, listener] = [Value.record("uplink", "s", "there", "s"), Value.record("listener", "tcp://here")]
    hub.act(null, "op", Process.assert(1, uplink), Process.assert(2, listener))

    hub.act(null, "op", Process.send(uplink), Process.send(listener), Process.send(Value.record("uplink", "t", "elsewhere", "t")))

    assert.deepStrictEqual([...hub.state.members.Operator.uplinks.values()].map(({ address }) => address), ["there"])
    assert.isTrue(hub.state.members.Operator.facts.has("listener/tcp://here"))
  })
})

describe("one peer", () => {
  it("does not end the link of another that takes less at a time", () => {
    const hub = new Hub()
    const [large, small] = [hub.peer("large"), hub.peer("small", least)]
    small.turn(ask(1, m))

    large.turn(...counted(5_000).map((i) => msg(1, i)))

    assert.deepStrictEqual(small.turns().map(({ length }) => length), [4_096, 905]) // the messages, and their stamp
    assert.deepStrictEqual(hub.links(), ["large", "small"])
  })
  it("that takes little at a time is told of all that stands", () => {
    const hub = new Hub()
    hub.act("s", "l", ...counted(5_000).map((i) => Process.assert(i, fact(i))))
    const small = hub.peer("small", least)

    small.turn(ask(1, m))

    assert.strictEqual(small.turns().flat().length, 5_000)
    assert.strictEqual(small.error(), undefined)
  })
  it("that asks for more than may be kept for it ends its own link, and no other", () => {
    const hub = new Hub({ limits: { capturesMax: 1_000 } })
    const [evil, good] = [hub.peer("evil"), hub.peer("good")]
    good.turn(ask(1, m))
    hub.act("s", "l", ...counted(100).map((i) => Process.assert(i, Value.record("x", i, i, i, i))), Process.assert("m", fact(1)))

    const field = (isOnce: boolean) => isOnce ? Pattern.bind() : Pattern.bind(Pattern.bind())
    const spellings = counted(16).map((bits) => Pattern.record("x", ...[1, 2, 4, 8].map((bit) => field((bits & bit) !== 0))))
    for (const [i, pattern] of spellings.entries()) evil.turn(ask(i + 1, pattern))
    hub.act("s", "l", Process.assert("m", fact(2)))

    assert.deepStrictEqual([evil.error(), good.error(), hub.links()], ["TooManyCaptures", undefined, ["good"]])
    assert.deepStrictEqual(good.turns().flat().filter(({ _tag }) => _tag === "Add").length, 2)
    assert.strictEqual(hub.state.members.Scopes.get("s")!.Federation.links.size, 2)
  })
  it("can hold so many endpoints, and so many bytes of patterns, as the node is told", () => {
    const limits = { endpointsMax: 3, endpointBytesMax: 100 }
    const [many, large] = [counted(4).map((i) => ask(i + 1, Pattern.literal(i))), [ask(1, Pattern.literal("x".repeat(100)))]]
    const errors = [many, large].map((items) => {
      const peer = new Hub({ limits }).peer("peer")
      peer.turn(...items)
      return peer.error()
    })

    assert.deepStrictEqual(errors, ["TooManyEndpoints", "TooManyBytes"])
  })
})

describe("what a node does", () => {
  it("comes in an order that does not depend on what was tried before", () => {
    const hub = new Hub()
    hub.act(null, "op", ...counted(80).map((i) => Process.assert(i, Value.record("uplink", "s", `address ${i}`, "s"))))
    for (const i of counted(20)) hub.peer(`r${i}`, least, "@status").turn(ask(1, Pattern.bind()))
    const actions = [Process.assert("l", Value.record("listener", "here"))]
    const listener = { _tag: "Tell", space: null, event: { _tag: "Perform", pid: "op", actions } } as const
    const events = [{ _tag: "Stop", at: 0 }, listener, { _tag: "DialFailed", link: "out:7", reason: "no", at: 0 }] as const

    for (const event of events) {
      const [first, second] = [0, 1].map(() => hub.machine.transition(hub.state, event)[1])
      assert.isAbove(first!.length, 0)
      assert.deepStrictEqual(first, second)
    }
    const closed = hub.machine.transition(hub.state, events[0])[1].flatMap((action) => (action._tag === "Close" ? [action.link] : []))
    assert.deepStrictEqual(closed.filter((link) => link.startsWith("out:")), closed.filter((link) => link.startsWith("out:")).toSorted())
  })
  it("says of a link is taken back when the link is lost, however it ends", () => {
    const hub = new Hub()
    hub.act(null, "op", Process.observe("edge", Pattern.record("edge", Pattern.bind(), Pattern.bind(), Pattern.bind())))
    const facts = () => [...hub.state.members.Operator.facts.keys()]
    const before = facts()
    hub.peer("lost")
    hub.peer("gone").say({ _tag: "Bye", reason: "" })
    hub.peer("wrong").turn(msg(7, 1))
    hub.tell({ _tag: "Lost", link: "lost", reason: "cut", at: 0 })

    assert.deepStrictEqual(facts(), before)
    assert.deepStrictEqual(hub.heard("op").map(({ _tag, captures: [link] }) => `${_tag} ${String(link)}`), ["Added lost", "Added gone", "Removed gone", "Added wrong", "Removed wrong", "Removed lost"])
  })
})
