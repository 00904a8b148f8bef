import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Item } from "../../src/federation/Item.ts"
import * as Link from "../../src/link/Link.ts"
import * as Outbox from "../../src/link/Outbox.ts"
import { encode, leastCapacity, type Packet } from "../../src/link/Packet.ts"
import type { Tree } from "../../src/topology/Tree.ts"
import { detached, item, packet, toItem, toPacket, treePacket } from "./arbitrary.ts"
import { type Item as ReferenceItem, unhex, writeFrame, writePacket } from "./reference-reader.ts"

type Side = "dialer" | "acceptor"
const other = (side: Side): Side => (side === "dialer" ? "acceptor" : "dialer")
const self = (node: string) => ({ node, incarnation: 1, leaf: false })

/** Two links, the bytes that are on their way to each, and what each heard. A link is answered as a willing node would. */
class Pair {
  readonly stream: boolean
  readonly states: { dialer: Link.State; acceptor: Link.State }
  readonly pieces: { readonly [side in Side]: Array<Uint8Array> } = { dialer: [], acceptor: [] }
  readonly heard: { readonly [side in Side]: Array<Item> } = { dialer: [], acceptor: [] }
  readonly turns: { readonly [side in Side]: Array<number> } = { dialer: [], acceptor: [] }
  readonly trees: { readonly [side in Side]: Array<Tree> } = { dialer: [], acceptor: [] }
  readonly ended: { readonly [side in Side]: Array<string> } = { dialer: [], acceptor: [] }
  readonly synced: Array<number> = []
  constructor(stream: boolean) {
    this.stream = stream
    const dialer = Link.initial({ link: "d", role: "dialer", scope: "s", self: self("d"), stream })
    const acceptor = Link.initial({ link: "a", role: "acceptor", self: self("a"), stream })
    this.states = { dialer: dialer[0], acceptor: acceptor[0] }
    this.carryOut("dialer", dialer[1])
    this.carryOut("acceptor", acceptor[1])
  }
  tell(side: Side, event: Link.Event): void {
    const [state, actions] = Link.transition(this.states[side], event)
    this.states[side] = state
    this.carryOut(side, actions)
  }
  carryOut(side: Side, actions: ReadonlyArray<Link.Action>): void {
    for (const action of actions) {
      switch (action._tag) {
        case "Write":
          this.pieces[other(side)].push(action.bytes)
          this.tell(side, { _tag: "Written", bytes: action.bytes.length })
          break
        case "Greeted": this.tell(side, { _tag: "Offer" })
          break
        case "Offered": this.tell(side, { _tag: "Accept" })
          break
        case "Received":
          this.heard[side].push(...action.items.map(detached))
          this.turns[side].push(action.items.length)
          break
        case "Settled": this.trees[side].push(action.tree)
          break
        case "SyncRequested": this.tell(side, { _tag: "Synced", n: action.n })
          break
        case "Synced": this.synced.push(action.n)
          break
        case "Ended": this.ended[side].push(`${action.reason.by} ${action.reason.code}`)
      }
    }
  }
  /** Hands over up to `size` bytes of the stream, across whatever pieces, or one message. */
  deliver(side: Side, size: number): void {
    const pieces = this.pieces[side]
    if (pieces.length === 0) return
    if (!this.stream) return this.tell(side, { _tag: "Received", bytes: pieces.shift()!, at: 0 })
    const all = Buffer.concat(pieces)
    const bytes = Uint8Array.from(all.subarray(0, size))
    pieces.splice(0, pieces.length, ...(size < all.length ? [Uint8Array.from(all.subarray(size))] : []))
    this.tell(side, { _tag: "Received", bytes, at: 0 })
  }
  settle(): void {
    while (this.pieces.dialer.length + this.pieces.acceptor.length > 0) {
      this.deliver("dialer", 1_000)
      this.deliver("acceptor", 1_000)
    }
  }
}

const side = fc.constantFrom<Side>("dialer", "acceptor")
type Command =
  | { readonly do: "turn"; readonly side: Side; readonly items: ReadonlyArray<ReferenceItem> }
  | { readonly do: "settle"; readonly side: Side; readonly tree: Tree }
  | { readonly do: "deliver"; readonly side: Side; readonly size: number }
const items = fc.array(item, { minLength: 1, maxLength: 5 })
const commands: fc.Arbitrary<ReadonlyArray<Command>> = fc.array(fc.oneof(
  fc.record({ do: fc.constant("turn" as const), side, items }),
  fc.record({ do: fc.constant("settle" as const), side, tree: treePacket.map((p) => toPacket(p) as Tree) }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant("deliver" as const), side, size: fc.integer({ min: 1, max: 40 }) }) }
), { maxLength: 40, size: "max" })

describe("two links", () => {
  it("deliver all turns, whole and in order, however the bytes between them are cut", () => {
    let delivered = 0
    fc.assert(fc.property(fc.boolean(), fc.boolean(), commands, (stream, joinFirst, script) => {
      const pair = new Pair(stream)
      const told: { readonly [side in Side]: Array<Tree> } = { dialer: [], acceptor: [] }
      const sent: { readonly [side in Side]: Array<ReadonlyArray<Item>> } = { dialer: [], acceptor: [] }
      if (joinFirst) pair.settle()

      for (const command of script) {
        if (command.do === "deliver") pair.deliver(command.side, command.size)
        else if (command.do === "settle") {
          const before = pair.states[command.side]
          pair.tell(command.side, { _tag: "Settle", tree: command.tree })
          if (pair.states[command.side] !== before) told[other(command.side)].push(command.tree)
        } else {
          const turn = command.items.map(toItem)
          const before = pair.states[command.side]
          pair.tell(command.side, { _tag: "Turn", items: turn })
          // an order before the link is joined changes nothing
          if (pair.states[command.side] !== before) sent[other(command.side)].push(turn)
        }
      }
      pair.tell("dialer", { _tag: "Sync", n: 1 })
      pair.settle()
      pair.tell("acceptor", { _tag: "Sync", n: 2 })
      pair.settle()
      pair.tell("dialer", { _tag: "Bye", reason: "" })
      pair.settle()

      assert.deepStrictEqual(pair.heard, { dialer: sent.dialer.flat(), acceptor: sent.acceptor.flat() })
      assert.deepStrictEqual(pair.trees, told)
      assert.deepStrictEqual(pair.turns, { dialer: sent.dialer.map((t) => t.length), acceptor: sent.acceptor.map((t) => t.length) })
      assert.deepStrictEqual(pair.synced.at(-1), 2)
      assert.deepStrictEqual(pair.ended, { dialer: ["us Bye"], acceptor: ["peer Bye"] })
      delivered += pair.turns.dialer.length + pair.turns.acceptor.length
    }), { numRuns: 200, seed: 1 })

    assert.isAbove(delivered, 200)
  })
})

const mutation = fc.record({ at: fc.nat(), cut: fc.nat(3), put: fc.uint8Array({ maxLength: 3 }) })
const mutated = (bytes: Uint8Array, { at, cut, put }: { readonly at: number; readonly cut: number; readonly put: Uint8Array }): Uint8Array => {
  const i = at % (bytes.length + 1)
  return Uint8Array.from([...bytes.subarray(0, i), ...put, ...bytes.subarray(i + cut)])
}

/** What comes of a willing acceptor that is fed these chunks: how often it ended, and what it said afterwards. */
const fed = (stream: boolean, chunks: ReadonlyArray<Uint8Array>): { readonly ends: number; readonly afterwards: number; readonly farewell: boolean } => {
  let [state] = Link.initial({ link: "a", role: "acceptor", self: self("a"), stream, limits: { packetBytesMax: 65_536 } })
  let ends = 0
  let afterwards = 0
  let farewell = false
  const step = (event: Link.Event): void => {
    const [next, actions] = Link.transition(state, event)
    state = next
    if (ends > 0) afterwards += actions.length
    for (const action of actions) {
      if (action._tag === "Offered") step({ _tag: "Accept" })
      if (action._tag === "Ended") {
        ends++
        farewell = action.farewell
      }
    }
    assert.strictEqual(actions.findIndex(({ _tag }) => _tag === "Ended"), ends > 0 && actions.length > 0 ? actions.length - 1 : -1)
  }
  for (const [at, bytes] of chunks.entries()) step({ _tag: "Received", bytes, at })
  return { ends, afterwards, farewell }
}

const opening = [
  encode({ _tag: "Hello", peer: self("d"), takes: Link.defaultLimits }, false),
  encode({ _tag: "Join", scope: "s" }, false)
]

/** However a feed goes, there is one end at most and nothing after it; of these, many end and many do not. */
const endsOnceAtMost = <A>(feeds: fc.Arbitrary<A>, feed: (one: A) => ReturnType<typeof fed>): void => {
  const outcomes = { ended: 0, alive: 0 }
  fc.assert(fc.property(feeds, (one) => {
    const { afterwards, ends } = feed(one)

    assert.isAtMost(ends, 1)
    assert.strictEqual(afterwards, 0)
    outcomes[ends === 1 ? "ended" : "alive"]++
  }), { numRuns: 1_000, seed: 1 })
  assert.isAbove(outcomes.ended, 100)
  assert.isAbove(outcomes.alive, 100)
}

describe("a link that is fed what strangers send", () => {
  it("works on or ends once, when a stream of packets was tampered with", () => {
    const feeds = fc.tuple(fc.array(packet, { maxLength: 5 }), fc.array(mutation, { maxLength: 3 }), fc.integer({ min: 1, max: 80 }))

    endsOnceAtMost(feeds, ([packets, mutations, size]) => {
      const plain = Buffer.concat([...opening.map((bytes) => unhex(writeFrame(Buffer.from(bytes).toString("hex")))), ...packets.map((p) => encode(toPacket(p), true))])
      const stream = mutations.reduce(mutated, Uint8Array.from(plain))
      return fed(true, Array.from({ length: Math.ceil(stream.length / size) }, (_, i) => stream.subarray(i * size, (i + 1) * size)))
    })
  })

  it("works on or ends once, when packets were tampered with and their frames were not", () => {
    const turn = fc.tuple(items, fc.option(mutation)).map(([all, change]) => {
      const bytes = unhex(writePacket({ label: "T", items: all }))
      return change === null ? bytes : mutated(bytes, change)
    })

    endsOnceAtMost(fc.array(turn, { maxLength: 6 }), (turns) => fed(false, [...opening, ...turns]))
  })

  it("ends once on noise", () => {
    fc.assert(fc.property(fc.boolean(), fc.array(fc.uint8Array({ minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 5 }), (stream, chunks) => {
      const { afterwards, ends, farewell } = fed(stream, chunks)

      assert.isTrue(stream ? ends <= 1 : ends === 1)
      assert.deepStrictEqual([afterwards, farewell], [0, false])
    }))
  })
})

const at = fc.nat(100_000)
const tree = fc.constantFrom<Tree>(
  { _tag: "Path", path: { seq: 1, priority: 0, root: "r", distance: 5 } }, { _tag: "Seek", seq: 2 }, { _tag: "Detach" }, { _tag: "Detached" }
)
const text = fc.constantFrom("", "reason", "\ud800", "x".repeat(5_000))
const error = fc.record({ code: text, message: text, index: fc.nat(5) })
const n = fc.nat(3)
const small = (credit: number | null): Uint8Array => encode(credit === null ? { _tag: "Pong" } : { _tag: "Credit", bytes: credit }, true)
const event: fc.Arbitrary<Link.Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ _tag: fc.constant("Received" as const), bytes: packet.map((p) => encode(toPacket(p), true)), at }) },
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: fc.constant("Received" as const),
      at,
      bytes: fc.constantFrom(...opening, encode({ _tag: "Joined" }, false)).map((bytes) => unhex(writeFrame(Buffer.from(bytes).toString("hex"))))
    })
  },
  fc.record({ _tag: fc.constant("Received" as const), bytes: packet.map((p) => encode(toPacket(p), true).subarray(0, 9)), at }),
  {
    weight: 4,
    arbitrary: fc.record({ _tag: fc.constant("Received" as const), at, bytes: fc.oneof(fc.nat(150), fc.constant(null)).map(small) })
  },
  { weight: 3, arbitrary: fc.record({ _tag: fc.constant("Written" as const), bytes: fc.nat(100) }) },
  fc.record({ _tag: fc.constant("Lost" as const), reason: text }),
  fc.record({ _tag: fc.constant("TimerFired" as const), timer: fc.constantFrom("hello" as const, "ping" as const, "giveUp" as const), at }),
  { weight: 3, arbitrary: fc.record({ _tag: fc.constantFrom("Offer" as const, "Accept" as const) }) },
  fc.record({ _tag: fc.constant("Refuse" as const), error }),
  fc.record({ _tag: fc.constant("Settle" as const), tree }),
  { weight: 12, arbitrary: fc.record({ _tag: fc.constant("Turn" as const), items: items.map((all) => all.map(toItem)) }) },
  fc.record({ _tag: fc.constant("Fault" as const), error }),
  fc.record({ _tag: fc.constantFrom("Sync" as const, "Synced" as const), n }),
  fc.record({ _tag: fc.constant("Bye" as const), reason: text })
)

/** A state without the room that unfinished frames share between states, and with what its maps hold. */
const content = (state: Link.State): unknown => {
  if (state._tag === "Over") return state
  const { frames: { partial }, outbox } = state
  const { ended, entries, facts, loads } = outbox
  return {
    ...state,
    frames: partial && Uint8Array.from(partial.buffer.bytes.subarray(0, partial.have)),
    outbox: { ...outbox, ended: [...ended], entries: [...entries], facts: [...facts], loads: [...loads] }
  }
}
const frozen = (state: Link.State): Link.State => {
  if (state._tag === "Live") {
    const { awaited, config, flow, limits, outbox, phase, timing, unfinished } = state
    for (const one of [phase, limits, timing, awaited, config, unfinished, flow, outbox]) Object.freeze(one)
  }
  return Object.freeze(state)
}

const limits = { queueBytesMax: 6_000, messagesMax: 1 }
const takes = { ...leastCapacity, windowBytes: 16 }
const framed = (...packets: ReadonlyArray<Packet>): Link.Event =>
  ({ _tag: "Received", at: 1, bytes: Uint8Array.from(packets.flatMap((one) => [...encode(one, true)])) })
const hello: Packet = { _tag: "Hello", peer: self("d"), takes }
const starts = fc.constantFrom<readonly [Link.Config, ReadonlyArray<Link.Event>]>(
  [{ link: "d", role: "dialer", scope: "s", self: self("d"), stream: true, limits }, [framed(hello), { _tag: "Offer" }, framed({ _tag: "Joined" })]],
  [{ link: "a", role: "acceptor", self: self("a"), stream: true, limits }, [framed(hello, { _tag: "Join", scope: "s" }), { _tag: "Accept" }]]
)

describe("a link as a machine", () => {
  it("gives the same step twice, and leaves every old state as it was", () => {
    const phases = new Set<string>()
    const found = { waiting: 0, dropped: 0, measured: 0 }
    fc.assert(fc.property(starts, fc.nat(3), fc.array(event, { maxLength: 25, size: "max" }), ([config, joining], prefix, events) => {
      let state = frozen(Link.initial(config)[0])
      const path = [...joining.slice(0, prefix), ...events].map((one) => {
        const before = state
        const was = content(before)
        const [next, actions] = Link.transition(before, one)
        state = frozen(next)
        phases.add(next._tag === "Over" ? "Over" : next.phase._tag)
        if (next._tag === "Live" && !Outbox.isEmpty(next.outbox)) found.waiting++
        for (const { _tag } of actions) if (_tag === "Dropped" || _tag === "Measured") found[_tag === "Dropped" ? "dropped" : "measured"]++
        return { before, was, one, next: content(next), actions }
      })

      for (const { actions, before, next, one, was } of path.toReversed()) {
        const [again, actionsAgain] = Link.transition(before, one)
        assert.deepStrictEqual([content(before), content(again), actionsAgain], [was, next, actions])
      }
    }), { numRuns: 500, seed: 1 })

    assert.sameMembers([...phases], ["Greeting", "Greeted", "Asked", "Joined", "Over"])
    for (const times of Object.values(found)) assert.isAbove(times, 5, JSON.stringify(found))
  })
})
