import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Item, Stamp } from "../../src/federation/Item.ts"
import * as Link from "../../src/link/Link.ts"
import * as Outbox from "../../src/link/Outbox.ts"
import { encode, leastCapacity, type Packet, parse } from "../../src/link/Packet.ts"
import { encodedOf } from "../../src/value/encoded.ts"
import type { Value } from "../../src/value/Value.ts"
import { comparable, detached } from "./arbitrary.ts"
import { readFrames } from "./reference-reader.ts"
import { choice, type Choice, isSubsequence, Listener, Teller } from "./telling.ts"

type Config = Pick<Link.Config, "limits" | "slowPeer">
const us = { node: "us", incarnation: 1, leaf: false }
const them = { node: "them", incarnation: 1, leaf: false }
const captures = (...values: ReadonlyArray<Value>) => encodedOf(values)
const msg = (value: Value): Item => ({ _tag: "Msg", endpoint: 1, captures: captures(value) })
const add = (value: Value): Item => ({ _tag: "Add", endpoint: 1, captures: captures(value) })
const del = (value: Value): Item => ({ _tag: "Del", endpoint: 1, captures: captures(value) })
/** A message of so many bytes, alone in a packet. */
const sized = (bytes: number): Item => msg("x".repeat(bytes - 12 - (bytes - 12 > 127 ? 1 : 0)))

const received = (at: number, ...packets: ReadonlyArray<Packet>): Link.Event =>
  ({ _tag: "Received", at, bytes: Uint8Array.from(Buffer.concat(packets.map((packet) => encode(packet, true)))) })
const turn = (...items: ReadonlyArray<Item>): Packet => ({ _tag: "Turn", items, more: false })
const told = (...items: ReadonlyArray<Item>): Link.Event => ({ _tag: "Turn", items })

type Said = Exclude<Link.Action, { _tag: "Write" }> | { readonly _tag: "Say"; readonly packet: Packet }
const anything = { depthMax: 128, bytesMax: 1 << 24, turnItemsMax: 1 << 20 }
const packetsOf = (bytes: Uint8Array): ReadonlyArray<Packet> => readFrames(bytes).map((one) => comparable(parse(one, anything)) as Packet)
const said = (actions: ReadonlyArray<Link.Action>): ReadonlyArray<Said> => actions.flatMap((action): ReadonlyArray<Said> => {
  if (action._tag === "Received") return [{ ...action, items: action.items.map(detached) }]
  return action._tag === "Write" ? packetsOf(action.bytes).map((packet) => ({ _tag: "Say", packet })) : [action]
})
const say = (packet: Packet): Said => ({ _tag: "Say", packet })

/** A joined link to a peer with this window; its own hello, `joined` and ping were taken by the transport. */
const joined = (windowBytes: number, config: Config = {}): Link.State => {
  let [state] = Link.initial({ link: "l", role: "acceptor", self: us, stream: true, ...config })
  const hello: Packet = { _tag: "Hello", peer: them, takes: { ...leastCapacity, windowBytes } }
  const events: ReadonlyArray<Link.Event> = [received(100, hello, { _tag: "Join", scope: "s" }), { _tag: "Accept" }, { _tag: "Written", bytes: 1_000 }]
  for (const event of events) [state] = Link.transition(state, event)
  return state
}
/** What it says and does at each of these events. */
const steps = (state: Link.State, ...events: ReadonlyArray<Link.Event>): ReadonlyArray<ReadonlyArray<Said>> => events.map((event) => {
  const [next, actions] = Link.transition(state, event)
  state = next
  return said(actions)
})
const codeOf = (actions: ReadonlyArray<Said> | undefined): string | undefined => actions?.flatMap((a) => (a._tag === "Ended" ? [`${a.reason.by} ${a.reason.code}`] : []))[0]
const live = (state: Link.State) => (state._tag === "Live" ? state : assert.fail("over"))

describe("credit", () => {
  it("is given when half a window was dealt with since the last, for parts of turns too", () => {
    const state = joined(0, { limits: { windowBytes: 100 } })
    const part: Packet = { _tag: "Turn", items: [sized(30)], more: true }

    const given = steps(state, received(1, turn(sized(49))), received(1, turn()), received(1, part, turn(sized(20)), turn(sized(30))), received(1, turn(sized(200))))

    const news = (...items: ReadonlyArray<Item>): Said => ({ _tag: "Received", items })
    assert.deepStrictEqual(given, [
      [news(sized(49))], [say({ _tag: "Credit", bytes: 54 })], [news(sized(30), sized(20)), say({ _tag: "Credit", bytes: 104 }), news(sized(30))],
      [news(sized(200)), say({ _tag: "Credit", bytes: 334 })]
    ])
  })

  it("is not given by who has no window, and none is waited for then", () => {
    const state = joined(0, { limits: { windowBytes: 0 } })

    const given = steps(state, received(1, turn(sized(60_000)), turn(sized(60_000))), told(sized(60_000)), told(sized(60_000)))

    assert.deepStrictEqual(given.map((one) => one.map(({ _tag }) => _tag)), [["Received", "Received"], ["Say"], ["Say"]])
  })

  it("that is missing keeps turns back, and they go as one when it comes", () => {
    const credit = (bytes: number): Link.Event => received(1, { _tag: "Credit", bytes })

    const given = steps(joined(100), told(sized(60)), told(sized(40)), told(sized(13)), told(sized(13)), credit(49), credit(50), told(sized(40)), told(sized(13)), credit(100))

    assert.deepStrictEqual(given, [
      [say(turn(sized(60)))], [say(turn(sized(40)))], [], [], [], [say(turn(sized(13), sized(13)))], [], [], [say(turn(sized(40), sized(13)))]
    ])
  })

  it("keeps back what does not fit, but not a turn that is larger than all that may be", () => {
    const credit = (bytes: number): Link.Event => received(1, { _tag: "Credit", bytes })

    const given = steps(joined(100), told(sized(50)), told(sized(1_000)), told(sized(20)), credit(990), credit(1_000), told(sized(50)), credit(1_020))

    assert.deepStrictEqual(given, [[say(turn(sized(50)))], [say(turn(sized(1_000)))], [], [], [say(turn(sized(20)))], [], [say(turn(sized(50)))]])
  })

  it("that decreases, or is more than was sent, ends the link", () => {
    const state = joined(1_000)
    const credit = (bytes: number): Packet => ({ _tag: "Credit", bytes })

    const ends = [[credit(0), credit(60), credit(60)], [credit(61)], [credit(60), credit(59)]].map((packets) => steps(state, told(sized(60)), received(1, ...packets))[1]!)

    const error = (message: string): Said => say({ _tag: "Error", code: "BadCredit", message, index: undefined })
    assert.deepStrictEqual(ends.map((end) => end.slice(0, 1)), [
      [], [error("a credit of 61 after one of 0, where 60 bytes were sent")], [error("a credit of 59 after one of 60, where 60 bytes were sent")]
    ])
    assert.deepStrictEqual(ends.map(codeOf), [undefined, "us BadCredit", "us BadCredit"])
  })
})

describe("a transport that takes nothing", () => {
  const limits = { unsentBytesMax: 100, queueBytesMax: 100_000 }
  const written = (bytes: number): Link.Event => ({ _tag: "Written", bytes })

  it("keeps turns back beyond what may be unsent, until half of that is free", () => {
    const given = steps(joined(0, { limits }), told(sized(60)), told(sized(60)), told(add("a")), told(del("a"), msg("b")), written(77), written(1), written(50))

    assert.deepStrictEqual(given, [[say(turn(sized(60)))], [say(turn(sized(60)))], [], [], [], [say(turn(msg("b")))], []])
  })

  it("never keeps back what is no turn, but syncs behind turns", () => {
    const state = joined(0, { limits })
    const rest: ReadonlyArray<Link.Event> = [
      { _tag: "Sync", n: 1 }, { _tag: "Settle", tree: { _tag: "Seek", seq: 2 } }, received(2, { _tag: "Ping" }, { _tag: "Sync", n: 5 }), { _tag: "Synced", n: 5 },
      { _tag: "TimerFired", timer: "ping", at: 50_000 }
    ]

    const given = steps(state, told(sized(120)), { _tag: "Sync", n: 0 }, told(msg("a")), ...rest, told(msg("b")), written(1_000), { _tag: "Bye", reason: "" })

    assert.deepStrictEqual(given.slice(0, -1), [
      [say(turn(sized(120)))], [say({ _tag: "Sync", n: 0 })], [], [], [say({ _tag: "Seek", seq: 2 })], [say({ _tag: "Pong" }), { _tag: "SyncRequested", n: 5 }], [],
      [say({ _tag: "Ping" }), { _tag: "SetTimer", timer: "ping", afterMs: 10_000 }], [],
      [say(turn(msg("a"))), say({ _tag: "Sync", n: 1 }), say({ _tag: "Synced", n: 5 }), say(turn(msg("b")))]
    ])
    assert.strictEqual(codeOf(given.at(-1)), "us Bye")
  })

  it("drops the oldest messages beyond what may wait, and says how many", () => {
    const state = joined(0, { limits: { ...limits, messagesMax: 2 } })
    const stamp = (n: number): Stamp => ({ _tag: "Stamp", origin: 1, n })

    const given = steps(state, told(sized(120)), told(stamp(1), msg("a"), add("x")), told(stamp(2), msg("b"), msg("c")), told(stamp(3), msg("d")), written(1_000))

    assert.deepStrictEqual(given.slice(1), [
      [], [{ _tag: "Dropped", messages: 1 }], [{ _tag: "Dropped", messages: 1 }], [say(turn(add("x"), stamp(2), msg("c"), stamp(3), msg("d")))]
    ])
  })

  it("ends the link instead, where that was asked for", () => {
    const config: Config = { limits: { ...limits, messagesMax: 2, messageBytesMax: 1_000 }, slowPeer: "close" }

    const ends = [[msg("a"), msg("b")], [msg("a"), msg("b"), msg("c")], [sized(1_010)]].map((items) => codeOf(steps(joined(0, config), told(sized(120)), told(...items))[1]))

    assert.deepStrictEqual(ends, [undefined, "us Overflow", "us Overflow"])
  })

  it("ends the link when more waits than may in all, but for the largest turn", () => {
    const state = joined(0, { limits: { ...limits, queueBytesMax: 20 * Outbox.entryBytes } })
    const facts = (n: number) => told(...Array.from({ length: 40 }, (_, i) => add(n * 40 + i)))
    const syncs = (n: number): ReadonlyArray<Link.Event> => Array.from({ length: n }, (_, i) => ({ _tag: "Synced", n: i }))

    const ends = [[facts(1)], [facts(1), facts(2)], [facts(1), ...syncs(10)], [facts(1), ...syncs(30)]].map((events) =>
      steps(state, told(sized(120)), ...events).map(codeOf).find((code) => code !== undefined))

    assert.deepStrictEqual(ends, [undefined, "us Overflow", undefined, "us Overflow"])
  })

  it("loses what waits, but no sync, when the link ceases to be an edge, whoever says so", () => {
    const waiting = [told(sized(120)), told(add("a"), msg("b")), { _tag: "Sync", n: 1 }, told(msg("c"))] satisfies ReadonlyArray<Link.Event>

    const given = (["Detach", "Detached"] as const).flatMap((_tag) => [
      steps(joined(0, { limits }), ...waiting, { _tag: "Settle", tree: { _tag } }, written(1_000)).slice(-2),
      steps(joined(0, { limits }), ...waiting, received(2, { _tag }), written(1_000)).slice(-2)
    ])

    const sync = say({ _tag: "Sync", n: 1 })
    assert.deepStrictEqual(given, (["Detach", "Detached"] as const).flatMap((_tag) => [
      [[sync, say({ _tag })], []], [[sync, { _tag: "Settled", tree: { _tag } }], []]
    ]))
  })

  it("says no fact twice when one comes, goes and comes again while it waits", () => {
    const given = steps(joined(0, { limits }), told(add("a")), told(sized(120)), told(del("a")), told(add("a"), add("b")), told(del("b")), told(del("a")), written(1_000))

    assert.deepStrictEqual(given.slice(2), [[], [], [], [], [say(turn(del("a")))]])
  })
})

describe("a link's measure", () => {
  it("is taken once it is joined, and whenever a pong answers the last ping", () => {
    const fired: Link.Event = { _tag: "TimerFired", timer: "ping", at: 20_000 }
    const pong: Packet = { _tag: "Pong" }

    const given = steps(joined(0), received(130, pong), received(140, pong), fired, { ...fired, at: 30_000 }, received(30_400, pong), received(30_500, pong))

    const again = [say({ _tag: "Ping" }), { _tag: "SetTimer", timer: "ping", afterMs: 10_000 }] as const
    assert.deepStrictEqual(given, [[{ _tag: "Measured", rttMs: 30 }], [], again, again, [], [{ _tag: "Measured", rttMs: 500 }]])
  })
})

/** A sender, its transport that takes bytes when it likes, the way, and a receiver. */
class Road {
  readonly teller = new Teller()
  readonly listener = new Listener()
  readonly events: Array<string> = []
  dropped = 0
  synced = 0
  sender: Link.State
  receiver: Link.State
  private readonly windowBytes: number
  private buffer = Buffer.alloc(0)
  private there = Buffer.alloc(0)
  private back = Buffer.alloc(0)
  private largest = 0

  constructor(windowBytes: number, limits: Partial<Link.Limits>) {
    this.windowBytes = windowBytes
    const sender = Link.initial({ link: "s", role: "acceptor", self: us, stream: true, limits })
    const receiver = Link.initial({ link: "r", role: "dialer", scope: "s", self: them, stream: true, limits: { windowBytes } })
    this.sender = sender[0]
    this.receiver = receiver[0]
    this.ofSender(sender[1])
    this.ofReceiver(receiver[1])
    this.settle()
  }
  private toSender(event: Link.Event): void {
    const [state, actions] = Link.transition(this.sender, event)
    this.sender = state
    this.ofSender(actions)
    const { flow } = live(state)
    const outstanding = flow.sentBytes - flow.creditedBytes
    if (this.windowBytes > 0) assert.isAtMost(outstanding, Math.max(this.windowBytes, this.windowBytes / 2 + this.largest))
  }
  private ofSender(actions: ReadonlyArray<Link.Action>): void {
    for (const action of actions) {
      if (action._tag === "Write") {
        this.buffer = Buffer.concat([this.buffer, action.bytes])
        for (const packet of packetsOf(action.bytes)) if (packet._tag === "Turn") this.largest = Math.max(this.largest, encode(packet, false).length)
      }
      if (action._tag === "Offered") this.toSender({ _tag: "Accept" })
      if (action._tag === "Dropped") this.dropped += action.messages
      if (action._tag === "Synced") this.synced = action.n
    }
  }
  private ofReceiver(actions: ReadonlyArray<Link.Action>): void {
    for (const action of actions) {
      if (action._tag === "Write") this.back = Buffer.concat([this.back, action.bytes])
      if (action._tag === "Greeted") this.toReceiver({ _tag: "Offer" })
      if (action._tag === "Received") this.listener.hear(action.items)
      if (action._tag === "SyncRequested") this.toReceiver({ _tag: "Synced", n: action.n })
      assert.notStrictEqual(action._tag, "Ended")
    }
  }
  private toReceiver(event: Link.Event): void {
    const [state, actions] = Link.transition(this.receiver, event)
    this.receiver = state
    this.ofReceiver(actions)
  }
  say(choices: ReadonlyArray<Choice>): void {
    this.toSender(told(...choices.flatMap((one) => this.teller.say(one))))
  }
  sync(n: number): void {
    this.toSender({ _tag: "Sync", n })
  }
  take(bytes: number): void {
    const taken = this.buffer.subarray(0, bytes)
    this.buffer = this.buffer.subarray(bytes)
    this.there = Buffer.concat([this.there, taken])
    if (taken.length > 0) this.toSender({ _tag: "Written", bytes: taken.length })
  }
  read(bytes: number): void {
    const chunk = this.there.subarray(0, bytes)
    this.there = this.there.subarray(bytes)
    if (chunk.length > 0) this.toReceiver({ _tag: "Received", bytes: Uint8Array.from(chunk), at: 1 })
  }
  answer(bytes: number): void {
    const chunk = this.back.subarray(0, bytes)
    this.back = this.back.subarray(bytes)
    if (chunk.length > 0) this.toSender({ _tag: "Received", bytes: Uint8Array.from(chunk), at: 1 })
  }
  settle(): void {
    while (this.buffer.length + this.there.length + this.back.length > 0) {
      this.take(1_000)
      this.read(1_000)
      this.answer(1_000)
    }
  }
}

describe("a slow peer", () => {
  it("comes to know what holds, and the newest messages, whatever was taken, read and credited when", () => {
    const bytes = fc.integer({ min: 1, max: 150 })
    const command = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant("say" as const), choices: fc.array(choice, { minLength: 1, maxLength: 4 }) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("take" as const, "read" as const, "answer" as const), bytes }) },
      fc.record({ do: fc.constant("sync" as const), bytes })
    )
    const windows = fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 10, max: 200 }))
    const limits = fc.record({ unsentBytesMax: fc.integer({ min: 1, max: 300 }), messagesMax: fc.nat(6) })
    const found = { dropped: 0, waited: 0, wholly: 0 }
    fc.assert(fc.property(windows, limits, fc.array(command, { maxLength: 60, size: "max" }), (windowBytes, bounds, commands) => {
      const road = new Road(windowBytes, bounds)
      let syncs = 0
      for (const one of commands) {
        if (one.do === "say") road.say(one.choices)
        else if (one.do === "sync") road.sync(++syncs)
        else road[one.do](one.bytes)
        if (!Outbox.isEmpty(live(road.sender).outbox)) found.waited++
      }
      road.settle()

      assert.strictEqual(live(road.sender).outbox, Outbox.empty)
      assert.deepStrictEqual([...road.listener.facts].sort(), [...road.teller.facts].sort())
      assert.deepStrictEqual(road.listener.interests, road.teller.interests)
      assert.isTrue(isSubsequence(road.listener.messages, road.teller.messages))
      assert.strictEqual(road.synced, syncs)
      const isEnded = commands.some((one) => one.do === "say" && one.choices.some((two) => two.do === "end"))
      if (!isEnded) assert.strictEqual(road.listener.messages.length, road.teller.messages.length - road.dropped)
      found.dropped += road.dropped
      if (road.dropped === 0) found.wholly++
    }), { numRuns: 500, seed: 1 })

    for (const times of Object.values(found)) assert.isAbove(times, 50, JSON.stringify(found))
  })

  it("costs a bounded amount when it reads nothing, through a million changes of a thousand facts and a million messages, and then knows what holds", () => {
    const messagesMax = 500
    const windowBytes = 20_000
    let state = joined(windowBytes, { limits: { messagesMax } })
    const listener = new Listener()
    const most = { entries: 0, numbers: 0, bytes: 0 }
    let dropped = 0
    let inbound = 0
    const step = (event: Link.Event): void => {
      const [next, actions] = Link.transition(state, event)
      state = next
      for (const action of actions) {
        if (action._tag === "Dropped") dropped += action.messages
        if (action._tag !== "Write") continue
        for (const packet of packetsOf(action.bytes)) {
          if (packet._tag !== "Turn") continue
          inbound += encode(packet, false).length
          listener.hear(packet.items)
        }
      }
      const { outbox } = live(state)
      most.entries = Math.max(most.entries, outbox.entries.size)
      most.numbers = Math.max(most.numbers, outbox.next - outbox.first)
      most.bytes = Math.max(most.bytes, Outbox.heldBytes(outbox))
    }
    const there = new Set<number>()
    for (let i = 0; i < 1_000_000; i += 1_000) {
      const items: Array<Item> = []
      for (let j = 0; j < 1_000; j++) {
        const fact = (i / 1_000 * 7 + j * 3) % 1_000
        const isThere = there.delete(fact)
        if (!isThere) there.add(fact)
        items.push({ _tag: isThere ? "Del" : "Add", endpoint: 1, captures: captures(fact) })
        items.push(msg(i + j))
      }
      step({ _tag: "Turn", items: items.slice(0, 700) })
      step({ _tag: "Turn", items: items.slice(700) })
    }
    const before = listener.messages.length
    const waiting = live(state).outbox.messages.count
    for (let given = -1; given !== inbound;) {
      given = inbound
      step(received(1, { _tag: "Credit", bytes: inbound }))
    }

    assert.isAtMost(most.entries, 1_000 + messagesMax)
    assert.isAtMost(most.numbers, 2 * (1_000 + messagesMax) + 1_024)
    assert.isAtMost(most.bytes, (1_000 + messagesMax) * (Outbox.entryBytes + 30))
    assert.deepStrictEqual([...listener.facts].sort(), [...there].map((fact) => `1 ${fact}`).sort())
    assert.deepStrictEqual(listener.messages.slice(before), Array.from({ length: 500 }, (_, i) => `0 1 ${999_500 + i}`))
    assert.deepStrictEqual([before + dropped + waiting, waiting], [1_000_000, messagesMax])
    assert.isTrue(Outbox.isEmpty(live(state).outbox))
  }, 60_000)
})
