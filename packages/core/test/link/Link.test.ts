import { assert, describe, it } from "@effect/vitest"
import type { Item } from "../../src/federation/Item.ts"
import * as Link from "../../src/link/Link.ts"
import { encode, leastCapacity, type Packet, parse } from "../../src/link/Packet.ts"
import type { Tree } from "../../src/topology/Tree.ts"
import { encodedOf } from "../../src/value/encoded.ts"
import { comparable, detached } from "./arbitrary.ts"
import { readFrames, unhex } from "./reference-reader.ts"

const us: Link.Config["self"] = { node: "us", incarnation: 1, leaf: false }
const them: Link.Config["self"] = { node: "them", incarnation: 7, leaf: true }
const dialer: Link.Config = { link: "out:1", role: "dialer", scope: "lobby", self: us, stream: true }
const acceptor: Link.Config = { link: "in:1", role: "acceptor", self: us, stream: true }

const hello: Packet = { _tag: "Hello", peer: them, takes: leastCapacity }
const join: Packet = { _tag: "Join", scope: "lobby" }
const joined: Packet = { _tag: "Joined" }
const path = { seq: 3, priority: 1, root: "root", distance: 20 }
const trees: ReadonlyArray<Tree> = [
  { _tag: "Path", path }, { _tag: "Pathless" }, { _tag: "Seek", seq: 4 }, { _tag: "Attach", feasible: path }, { _tag: "Attached" }, { _tag: "Detach" }, { _tag: "Detached" }
]
const msg = (n: number, text = "hi"): Item => ({ _tag: "Msg", endpoint: n, captures: encodedOf([text]) })
const turn = (...items: ReadonlyArray<Item>): Packet => ({ _tag: "Turn", items, more: false })
const part = (...items: ReadonlyArray<Item>): Packet => ({ _tag: "Turn", items, more: true })

const joining = (...packets: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat(packets))
const received = (at: number, ...packets: ReadonlyArray<Packet>): Link.Event =>
  ({ _tag: "Received", at, bytes: joining(...packets.map((packet) => encode(packet, true))) })

/** Actions with packets in the place of bytes, and captures apart from the chunks they came in. */
type Said = Exclude<Link.Action, { _tag: "Write" }> | { readonly _tag: "Say"; readonly packet: Packet }
const anything = { depthMax: 128, bytesMax: 1 << 24, turnItemsMax: 1 << 20 }
const said = (actions: ReadonlyArray<Link.Action>): ReadonlyArray<Said> => actions.flatMap((action): ReadonlyArray<Said> => {
  if (action._tag === "Received") return [{ ...action, items: action.items.map(detached) }]
  if (action._tag !== "Write") return [action]
  return readFrames(action.bytes).map((bytes) => ({ _tag: "Say", packet: comparable(parse(bytes, anything)) as Packet }))
})
const say = (packet: Packet): Said => ({ _tag: "Say", packet })

/** Where a link stands after these events, and what the last of them made it do. */
const after = (config: Link.Config, ...events: ReadonlyArray<Link.Event>): readonly [Link.State, ReadonlyArray<Said>] => {
  let [state, actions] = Link.initial(config)
  for (const event of events) [state, actions] = Link.transition(state, event)
  return [state, said(actions)]
}
const doing = (config: Link.Config, ...events: ReadonlyArray<Link.Event>): ReadonlyArray<Said> => after(config, ...events)[1]

const joinedDialer: ReadonlyArray<Link.Event> = [received(100, hello), { _tag: "Offer" }, received(200, joined)]
const joinedAcceptor: ReadonlyArray<Link.Event> = [received(100, hello, join), { _tag: "Accept" }]

const cancelled: ReadonlyArray<Said> = [{ _tag: "CancelTimer", timer: "ping" }, { _tag: "CancelTimer", timer: "giveUp" }]
/** What an end of our making looks like once hello was said. */
const failed = (code: string, message: string, index?: number, by: Link.Reason["by"] = "us"): ReadonlyArray<Said> => [
  say({ _tag: "Error", code, message, index }), { _tag: "Close" }, ...cancelled, { _tag: "Ended", reason: { code, message, by }, farewell: false }
]
const codeOf = (actions: ReadonlyArray<Said>): string | undefined => actions.flatMap((a) => (a._tag === "Ended" ? [`${a.reason.by} ${a.reason.code}`] : []))[0]

describe("a link that begins", () => {
  it("says hello at once, with what it takes, and waits for the other's", () => {
    const [, actions] = Link.initial({ ...acceptor, limits: { turnItemsMax: 5_000, packetBytesMax: 1 }, timing: { helloMs: 77 } })

    const { turnBytesMax, windowBytes } = Link.defaultLimits
    const takes = { packetBytesMax: leastCapacity.packetBytesMax, turnBytesMax, turnItemsMax: 5_000, windowBytes }
    assert.deepStrictEqual(said(actions), [say({ _tag: "Hello", peer: us, takes }), { _tag: "SetTimer", timer: "hello", afterMs: 77 }])
  })

  it("dialled: greets, asks to join when it is told to, and is let in", () => {
    const steps = [
      doing(dialer, received(100, hello)),
      doing(dialer, received(100, hello), { _tag: "Offer" }),
      doing(dialer, ...joinedDialer)
    ]

    assert.deepStrictEqual(steps, [
      [
        { _tag: "CancelTimer", timer: "hello" },
        { _tag: "SetTimer", timer: "ping", afterMs: 10_000 },
        { _tag: "SetTimer", timer: "giveUp", afterMs: 30_000 },
        { _tag: "Greeted", peer: them }
      ],
      [say(join)],
      [{ _tag: "Accepted" }, say({ _tag: "Ping" })]
    ])
  })

  it("accepted: hears who wants to join what, and lets it in when it is told to", () => {
    const steps = [doing(acceptor, received(100, hello), received(100, join)), doing(acceptor, ...joinedAcceptor)]

    assert.deepStrictEqual(steps, [[{ _tag: "Offered", peer: them, scope: "lobby" }], [say(joined), say({ _tag: "Ping" })]])
  })

  it("refuses, and says why", () => {
    const refused = doing(acceptor, received(100, hello, join), { _tag: "Refuse", error: { code: "UnknownScope", message: "no such room" } })

    assert.deepStrictEqual(refused, failed("UnknownScope", "no such room"))
  })

  it("ends before it began when its name or scope cannot be sent", () => {
    const ends = [{ ...dialer, scope: "x".repeat(256) }, { ...dialer, scope: "\ud800" }, { ...acceptor, self: { ...us, node: "\udc00" } }].map((config) => {
      const [state, actions] = Link.initial(config)
      return [actions, Link.transition(state, { _tag: "Lost", reason: "closed" })[1]]
    })

    const ended: ReadonlyArray<Link.Action> = [
      { _tag: "Close" }, { _tag: "CancelTimer", timer: "hello" },
      { _tag: "Ended", reason: { code: "BadName", message: "a node or a scope whose name cannot be sent", by: "us" }, farewell: false }
    ]
    assert.deepStrictEqual(ends, [[ended, []], [ended, []], [ended, []]])
  })
})

describe("a link that is joined", () => {
  it("carries turns out and in", () => {
    const items = [msg(1), msg(2), { _tag: "End", endpoint: 4 } as const]

    const steps = [doing(dialer, ...joinedDialer, { _tag: "Turn", items }), doing(dialer, ...joinedDialer, received(300, turn(...items)))]

    assert.deepStrictEqual(steps, [[say(turn(...items))], [{ _tag: "Received", items }]])
  })

  it("gives news in the order of the packets, one for each", () => {
    const news = doing(dialer, received(1, hello), { _tag: "Offer" }, received(2, joined, turn(msg(1)), { _tag: "Sync", n: 4 }, turn(msg(2)), { _tag: "Ping" }))

    assert.deepStrictEqual(news, [
      { _tag: "Accepted" }, say({ _tag: "Ping" }), { _tag: "Received", items: [msg(1)] }, { _tag: "SyncRequested", n: 4 }, { _tag: "Received", items: [msg(2)] }, say({ _tag: "Pong" })
    ])
  })

  it("tells and hears what is settled of the tree", () => {
    const [state] = after(acceptor, ...joinedAcceptor)

    const told = trees.map((tree) => said(Link.transition(state, { _tag: "Settle", tree })[1]))
    const heard = trees.map((tree) => said(Link.transition(state, received(300, tree))[1]))

    assert.deepStrictEqual(told, trees.map((tree) => [say(tree)]))
    assert.deepStrictEqual(heard, trees.map((tree) => [{ _tag: "Settled", tree }]))
  })

  it("ends when 4,096 syncs are without an answer, and one more is asked for", () => {
    const syncs = Array.from({ length: 4_096 }, (): Link.Event => ({ _tag: "Sync", n: 0 }))
    const last: Link.Event = { _tag: "Sync", n: 1 }

    assert.deepStrictEqual(doing(dialer, ...joinedDialer, ...syncs, last), failed("Unanswered", "more than 4096 syncs without an answer"))
    assert.deepStrictEqual(doing(dialer, ...joinedDialer, ...syncs, received(300, { _tag: "Synced", n: 0 }), last), [say({ _tag: "Sync", n: 1 })])
  })
  it("asks for a sync and takes each answer once", () => {
    const asked: ReadonlyArray<Link.Event> = [...joinedDialer, { _tag: "Sync", n: 1 }, { _tag: "Sync", n: 2 }]

    const steps = [
      doing(dialer, ...asked),
      doing(dialer, ...asked, received(300, { _tag: "Synced", n: 2 }, { _tag: "Synced", n: 1 })),
      codeOf(doing(dialer, ...asked, received(300, { _tag: "Synced", n: 1 }, { _tag: "Synced", n: 1 }))),
      doing(dialer, ...joinedDialer, received(300, { _tag: "Sync", n: 9 }), { _tag: "Synced", n: 9 })
    ]

    assert.deepStrictEqual(steps, [
      [say({ _tag: "Sync", n: 2 })], [{ _tag: "Synced", n: 2 }, { _tag: "Synced", n: 1 }], "us Unexpected", [say({ _tag: "Synced", n: 9 })]
    ])
  })

  it("says nothing for a turn of nothing, and hears nothing in one", () => {
    const [state] = after(dialer, ...joinedDialer)

    const steps = [Link.transition(state, { _tag: "Turn", items: [] })[1], Link.transition(state, received(300, turn()))[1]]

    assert.deepStrictEqual(steps, [[], []])
  })

  it("reports a peer's broken rule to it, and ends", () => {
    const error = { code: "UnknownEndpoint", message: "endpoint 9 was never asserted here", index: 2 }

    assert.deepStrictEqual(doing(dialer, ...joinedDialer, { _tag: "Fault", error }), failed(error.code, error.message, 2))
  })

  it("sends a turn in parts when the peer takes less at once, and joins the parts that it gets", () => {
    const items = Array.from({ length: 20 }, (_, i) => msg(i + 1, "x".repeat(10_000)))
    const [state] = after(dialer, ...joinedDialer)
    const [, out] = Link.transition(state, { _tag: "Turn", items })
    const parts = said(out).map((action) => (action._tag === "Say" && action.packet._tag === "Turn" ? [action.packet.items.length, action.packet.more] : action))
    const bytes = out.flatMap((action) => (action._tag === "Write" ? [action.bytes] : []))
    const [peer] = after(acceptor, ...joinedAcceptor)

    const news = said(Link.transition(peer, { _tag: "Received", bytes: joining(...bytes), at: 1 })[1])

    assert.deepStrictEqual(parts, [[6, true], [6, true], [6, true], [2, false]])
    assert.strictEqual(bytes.length, 1)
    assert.deepStrictEqual(news, [{ _tag: "Received", items }])
  })

  it("writes each part as a message of its own where there are messages", () => {
    const config = { ...dialer, stream: false }
    const messages = [hello, joined].map((packet): Link.Event => ({ _tag: "Received", at: 1, bytes: encode(packet, false) }))
    let [state] = Link.initial(config)
    for (const event of [messages[0]!, { _tag: "Offer" } as const, messages[1]!]) state = Link.transition(state, event)[0]
    const items = Array.from({ length: 10 }, (_, i) => msg(i + 1, "x".repeat(10_000)))

    const [, out] = Link.transition(state, { _tag: "Turn", items })

    const sizes = out.map((action) => action._tag === "Write" && (parse(action.bytes, anything) as Packet & { _tag: "Turn" }).items.length)
    assert.deepStrictEqual(sizes, [6, 4])
  })

  it("lets other packets stand between the parts of a turn", () => {
    const news = doing(dialer, ...joinedDialer, received(300, part(msg(1)), { _tag: "Ping" }, part(), { _tag: "Sync", n: 1 }, turn(msg(2))))

    assert.deepStrictEqual(news, [say({ _tag: "Pong" }), { _tag: "SyncRequested", n: 1 }, { _tag: "Received", items: [msg(1), msg(2)] }])
  })

  it("begins anew after a turn in parts", () => {
    const news = doing(dialer, ...joinedDialer, received(300, part(msg(1)), turn(msg(2)), turn(msg(3)), part(msg(4)), turn()))

    assert.deepStrictEqual(news, [{ _tag: "Received", items: [msg(1), msg(2)] }, { _tag: "Received", items: [msg(3)] }, { _tag: "Received", items: [msg(4)] }])
  })

  it("takes a large packet in small chunks, and an old state still has what it had", () => {
    const whole = encode(turn(...Array.from({ length: 50 }, (_, i) => msg(i + 1, "x".repeat(2_000)))), true)
    const feed = (state: Link.State, from: number): ReadonlyArray<Said> => {
      const news: Array<Link.Action> = []
      let now = state
      for (let i = from; i < whole.length; i += 700) {
        const [next, actions] = Link.transition(now, { _tag: "Received", bytes: whole.subarray(i, i + 700), at: i })
        now = next
        news.push(...actions)
      }
      return said(news)
    }
    const [start] = after(dialer, ...joinedDialer)
    const [half] = Link.transition(start, { _tag: "Received", bytes: whole.subarray(0, 50_000), at: 1 })

    const runs = [feed(start, 0), feed(half, 50_000), feed(half, 50_000), feed(start, 0)]

    const expected = [{ _tag: "Received", items: Array.from({ length: 50 }, (_, i) => msg(i + 1, "x".repeat(2_000))) }]
    assert.deepStrictEqual(runs, [expected, expected, expected, expected] as Array<ReadonlyArray<Said>>)
  })
})

describe("a link's heartbeat", () => {
  const timing = { pingMs: 10, giveUpMs: 30, helloMs: 5 }
  const config = { ...dialer, timing }
  const fired = (timer: Link.Timer, at: number): Link.Event => ({ _tag: "TimerFired", timer, at })

  it("asks after silence, and sleeps on for the rest where there was none", () => {
    const steps = [
      doing(config, received(100, hello), fired("ping", 110)),
      doing(config, received(100, hello), received(106, { _tag: "Pong" }), fired("ping", 110)),
      doing(config, received(100, hello), fired("giveUp", 129)),
      doing(config, received(100, hello), received(101, { _tag: "Ping" }))
    ]

    assert.deepStrictEqual(steps, [
      [say({ _tag: "Ping" }), { _tag: "SetTimer", timer: "ping", afterMs: 10 }],
      [{ _tag: "SetTimer", timer: "ping", afterMs: 6 }],
      [{ _tag: "SetTimer", timer: "giveUp", afterMs: 1 }],
      [say({ _tag: "Pong" })]
    ])
  })

  it("gives up after long silence", () => {
    const end = doing(config, received(100, hello), fired("ping", 110), fired("ping", 120), fired("giveUp", 130))

    assert.deepStrictEqual(end, failed("Silent", "nothing was heard for 30 ms", undefined, "world"))
  })

  it("finds a peer that is half gone: it takes what is sent to it, and says nothing", () => {
    const events = [110, 120].flatMap((at): ReadonlyArray<Link.Event> => [{ _tag: "Turn", items: [msg(at)] }, { _tag: "Written", bytes: 1_000 }, fired("ping", at + 100)])

    const end = doing(config, ...joinedDialer, ...events, { _tag: "Turn", items: [msg(1)] }, fired("giveUp", 230))

    assert.deepStrictEqual(end, failed("Silent", "nothing was heard for 30 ms", undefined, "world"))
  })

  it("takes half a packet for a sign of life", () => {
    const bytes = encode(turn(msg(1)), true).subarray(0, 7)

    const step = doing(config, ...joinedDialer, { _tag: "Received", bytes, at: 225 }, fired("giveUp", 230))

    assert.deepStrictEqual(step, [{ _tag: "SetTimer", timer: "giveUp", afterMs: 25 }])
  })

  it("does not wait for a hello for ever", () => {
    const message = "no hello within 5 ms"

    assert.deepStrictEqual(doing(config, fired("hello", 5)), [
      say({ _tag: "Error", code: "HelloTimeout", message, index: undefined }), { _tag: "Close" }, { _tag: "CancelTimer", timer: "hello" },
      { _tag: "Ended", reason: { code: "HelloTimeout", message, by: "world" }, farewell: false }
    ])
  })

  it("ignores a timer that fired while it was cancelled", () => {
    const [greeting] = after(config)
    const [greeted] = after(config, received(100, hello))

    const states = [Link.transition(greeting, fired("ping", 100))[0], Link.transition(greeting, fired("giveUp", 100))[0], Link.transition(greeted, fired("hello", 105))[0]]

    assert.deepStrictEqual(states.map((state, i) => state === [greeting, greeting, greeted][i]), [true, true, true])
  })
})

describe("the order of a session", () => {
  const asking: ReadonlyArray<Link.Event> = [received(1, hello), { _tag: "Offer" }]
  const asked: ReadonlyArray<Link.Event> = [received(1, hello, join)]
  const phases: ReadonlyArray<readonly [string, Link.Config, ReadonlyArray<Link.Event>, ReadonlyArray<Packet["_tag"]>]> = [
    ["dialer Greeting", dialer, [], ["Hello"]],
    ["acceptor Greeting", acceptor, [], ["Hello"]],
    ["dialer Greeted", dialer, [received(1, hello)], ["Ping", "Pong", "Bye", "Error"]],
    ["acceptor Greeted", acceptor, [received(1, hello)], ["Join", "Ping", "Pong", "Bye", "Error"]],
    ["dialer Asked", dialer, asking, ["Joined", "Ping", "Pong", "Bye", "Error"]],
    ["acceptor Asked", acceptor, asked, ["Ping", "Pong", "Bye", "Error"]],
    ["dialer Joined", dialer, joinedDialer, [...trees.map(({ _tag }) => _tag), "Turn", "Credit", "Ping", "Pong", "Sync", "Bye", "Error"]],
    ["acceptor Joined", acceptor, joinedAcceptor, [...trees.map(({ _tag }) => _tag), "Turn", "Credit", "Ping", "Pong", "Sync", "Bye", "Error"]]
  ]
  const packets: ReadonlyArray<Packet> = [
    hello, join, joined, ...trees, turn(msg(1)), { _tag: "Credit", bytes: 0 }, { _tag: "Ping" }, { _tag: "Pong" }, { _tag: "Sync", n: 1 }, { _tag: "Synced", n: 1 },
    { _tag: "Bye", reason: "done" }, { _tag: "Error", code: "Stale", message: "", index: undefined }
  ]

  for (const [name, config, events, due] of phases) {
    it(`takes from a peer, as ${name}, only what is due`, () => {
      const taken = packets.filter((packet) => codeOf(doing(config, ...events, received(2, packet))) !== "us Unexpected")

      assert.deepStrictEqual(taken.map(({ _tag }) => _tag), due)
    })
  }

  it("says what came when something else was due", () => {
    assert.deepStrictEqual(doing(acceptor, received(1, hello, turn(msg(1)))).slice(3), failed("Unexpected", "a Turn now: we are Greeted, as the acceptor"))
  })

  it("changes nothing on an order that does not fit the phase", () => {
    const orders: ReadonlyArray<Link.Event> = [
      { _tag: "Offer" }, { _tag: "Accept" }, { _tag: "Settle", tree: { _tag: "Pathless" } },
      { _tag: "Turn", items: [msg(1)] }, { _tag: "Sync", n: 1 }, { _tag: "Synced", n: 1 }
    ]

    const obeyed = phases.map(([name, config, events]) => {
      const [state] = after(config, ...events)
      return [name, orders.filter((order) => Link.transition(state, order)[0] !== state).map(({ _tag }) => _tag)]
    })

    assert.deepStrictEqual(obeyed, [
      ["dialer Greeting", []],
      ["acceptor Greeting", []],
      ["dialer Greeted", ["Offer"]],
      ["acceptor Greeted", []],
      ["dialer Asked", []],
      ["acceptor Asked", ["Accept"]],
      ["dialer Joined", ["Settle", "Turn", "Sync", "Synced"]],
      ["acceptor Joined", ["Settle", "Turn", "Sync", "Synced"]]
    ])
  })
})

describe("a link that ends", () => {
  it("says bye, and hears it", () => {
    const steps = [doing(dialer, ...joinedDialer, { _tag: "Bye", reason: "done" }), doing(dialer, ...joinedDialer, received(300, { _tag: "Bye", reason: "done" }, turn(msg(1))))]

    assert.deepStrictEqual(steps, [
      [say({ _tag: "Bye", reason: "done" }), { _tag: "Close" }, ...cancelled, { _tag: "Ended", reason: { code: "Bye", message: "done", by: "us" }, farewell: true }],
      [{ _tag: "Close" }, ...cancelled, { _tag: "Ended", reason: { code: "Bye", message: "done", by: "peer" }, farewell: true }]
    ])
  })

  it("does not take an error called Bye for a farewell, nor answer it", () => {
    const end = doing(dialer, ...joinedDialer, received(300, { _tag: "Error", code: "Bye", message: "no", index: 3 }))

    assert.deepStrictEqual(end, [{ _tag: "Close" }, ...cancelled, { _tag: "Ended", reason: { code: "Bye", message: "no", by: "peer" }, farewell: false }])
  })

  it("has nothing to close when the connection is lost", () => {
    const end = doing(dialer, ...joinedDialer, { _tag: "Lost", reason: "ECONNRESET" })

    assert.deepStrictEqual(end, [...cancelled, { _tag: "Ended", reason: { code: "Lost", message: "ECONNRESET", by: "world" }, farewell: false }])
  })

  it("counts the good packets before a bad one", () => {
    const bytes = joining(encode(turn(msg(1)), true), encode(turn(msg(2)), true), unhex("00000005b4b301ff84"), encode(turn(msg(3)), true))

    const news = doing(dialer, ...joinedDialer, { _tag: "Received", bytes, at: 300 })

    assert.deepStrictEqual(news, [{ _tag: "Received", items: [msg(1)] }, { _tag: "Received", items: [msg(2)] }, ...failed("Malformed", "not UTF-8, at byte 3")])
  })

  it("names the item that is wrong, counted over the parts of its turn", () => {
    const bad: Packet = turn(msg(3), { _tag: "End", endpoint: 2 ** 53 })

    const end = doing(dialer, ...joinedDialer, received(300, part(msg(1), msg(2)), bad))

    assert.deepStrictEqual(end.slice(0, 1), [say({ _tag: "Error", code: "BadEndpoint", message: "an endpoint is an integer from 1 to 2^53-1, at byte 16", index: 3 })])
  })

  it("says which limit the peer passed", () => {
    const limits = { packetBytesMax: 65_536, turnBytesMax: 1_048_576, turnItemsMax: 4_096, depthMax: 3 }
    const ends = (...packets: ReadonlyArray<Packet>) => codeOf(doing({ ...dialer, limits }, ...joinedDialer, received(300, ...packets)))
    const large = part(msg(1, "x".repeat(65_000)))
    const many = part(...Array.from({ length: 4_000 }, () => msg(1)))

    const codes = [
      ends(turn(msg(1, "x".repeat(66_000)))),
      ends(...Array.from({ length: 16 }, () => large)),
      ends(...Array.from({ length: 17 }, () => large)),
      ends(many, turn(...Array.from({ length: 96 }, () => msg(1)))),
      ends(many, turn(...Array.from({ length: 97 }, () => msg(1)))),
      ends(turn({ _tag: "Msg", endpoint: 1, captures: encodedOf([[["x"]]]) })),
      ends(turn({ _tag: "Msg", endpoint: 1, captures: encodedOf([[[["x"]]]]) }))
    ]

    assert.deepStrictEqual(codes, [
      "us TooLarge", undefined, "us TurnTooLarge", undefined, "us TooManyItems", undefined, "us TooDeep"
    ])
  })

  it("counts the bytes of parts that hold nothing", () => {
    const limits = { turnBytesMax: 1_048_576 }
    const empty = encode(part(), true)
    const fed = (count: number) => {
      const [state] = after({ ...dialer, limits }, ...joinedDialer, received(300, part(msg(1))))
      return codeOf(said(Link.transition(state, { _tag: "Received", bytes: Uint8Array.from(Buffer.concat(Array.from({ length: count }, () => empty))), at: 301 })[1]))
    }

    assert.deepStrictEqual([fed(209_712), fed(209_713)], [undefined, "us TurnTooLarge"])
  })

  it("refuses a frame by its length, before it came", () => {
    const end = doing(dialer, ...joinedDialer, { _tag: "Received", bytes: unhex("7fffffff"), at: 1 })

    assert.deepStrictEqual(end, failed("TooLarge", "a frame of 2147483647 bytes where at most 16777216 are taken"))
  })

  it("does not send what the peer does not take", () => {
    const end = doing(dialer, ...joinedDialer, { _tag: "Turn", items: [msg(1), msg(2, "x".repeat(66_000))] })

    assert.deepStrictEqual(end, failed("TooLarge", "an item of 66009 bytes for a peer that takes 65536 a packet", 1))
  })

  it("cuts into several turns what is more than a turn may be at the peer, and loses nothing", () => {
    const larger: ReadonlyArray<ReadonlyArray<Item>> = [
      Array.from({ length: 9_000 }, (_, i) => msg(i + 1)),
      Array.from({ length: 40 }, (_, i) => msg(i + 1, "x".repeat(60_000)))
    ]

    const shapes = larger.map((items) => {
      const [, out] = Link.transition(after(dialer, ...joinedDialer)[0], { _tag: "Turn", items })
      const bytes = joining(...out.map((action) => (action._tag === "Write" ? action.bytes : assert.fail(action._tag))))
      // a peer that takes no more than the least
      const limits = { packetBytesMax: 0, turnBytesMax: 0, turnItemsMax: 0, windowBytes: 0 }
      const heard = said(Link.transition(after({ ...acceptor, limits }, ...joinedAcceptor)[0], { _tag: "Received", bytes, at: 300 })[1])
      const turns = heard.map((news) => (news._tag === "Received" ? news.items : assert.fail(codeOf(heard))))
      assert.deepStrictEqual(turns.flat(), items)
      return turns.map(({ length }) => length)
    })

    assert.deepStrictEqual(shapes, [[4_096, 4_096, 808], [17, 17, 6]])
  })

  it("overflows when the peer takes too little of what was written", () => {
    const config = { ...dialer, limits: { queueBytesMax: 3_000 } }
    const write: Link.Event = { _tag: "Turn", items: [msg(1, "x".repeat(1_000))] }
    const [three] = after(config, ...joinedDialer, write, write, write)

    const steps = [
      said(Link.transition(three, write)[1]),
      said(Link.transition(Link.transition(three, { _tag: "Written", bytes: 1_200 })[0], write)[1])
    ]

    const overflow = failed("Overflow", "more than 3000 bytes wait for the peer")
    assert.deepStrictEqual(steps, [overflow, [say(turn(msg(1, "x".repeat(1_000))))]])
  })

  it("writes one turn of any size to a peer that reads, but not two", () => {
    const config = { ...dialer, limits: { queueBytesMax: 3_000 } }
    const large: Link.Event = { _tag: "Turn", items: [msg(1, "x".repeat(20_000))] }
    const sync: Link.Event = { _tag: "Synced", n: 1 }
    const [quiet] = after(config, ...joinedDialer, { _tag: "Written", bytes: 1_000_000 })
    const [first] = Link.transition(quiet, large)
    const [read] = Link.transition(first, { _tag: "Written", bytes: 1_000_000 })

    const steps = [first, Link.transition(read, large)[0]].map((state) => [codeOf(said(Link.transition(state, sync)[1])), codeOf(said(Link.transition(state, large)[1]))])

    assert.deepStrictEqual(steps, [[undefined, "us Overflow"], [undefined, "us Overflow"]])
  })

  it("ignores everything afterwards", () => {
    const [over] = after(dialer, ...joinedDialer, { _tag: "Bye", reason: "done" })
    const events: ReadonlyArray<Link.Event> = [
      received(300, turn(msg(1))), { _tag: "Written", bytes: 1 }, { _tag: "Lost", reason: "closed" }, { _tag: "TimerFired", timer: "giveUp", at: 1e9 },
      { _tag: "Offer" }, { _tag: "Accept" }, { _tag: "Refuse", error: { code: "Stale", message: "" } }, { _tag: "Settle", tree: { _tag: "Pathless" } },
      { _tag: "Turn", items: [msg(1)] }, { _tag: "Fault", error: { code: "WrongArity", message: "", index: 0 } }, { _tag: "Sync", n: 1 }, { _tag: "Synced", n: 1 }, { _tag: "Bye", reason: "" }
    ]

    const steps = events.map((event) => Link.transition(over, event))

    assert.deepStrictEqual(steps, events.map(() => [over, []] as const))
  })
})
