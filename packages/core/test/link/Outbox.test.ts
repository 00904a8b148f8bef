import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Item, Stamp } from "../../src/federation/Item.ts"
import * as Outbox from "../../src/link/Outbox.ts"
import { encodedOf } from "../../src/value/encoded.ts"
import { Encoded, type Value } from "../../src/value/Value.ts"
import * as Pattern from "../../src/value/Pattern.ts"
import { choice, isSubsequence, Listener, Teller } from "./telling.ts"

const add = (endpoint: number, value: Value): Item => ({ _tag: "Add", endpoint, captures: encodedOf([value]) })
const del = (endpoint: number, value: Value): Item => ({ _tag: "Del", endpoint, captures: encodedOf([value]) })
const msg = (endpoint: number, value: Value): Item => ({ _tag: "Msg", endpoint, captures: encodedOf([value]) })
const end = (endpoint: number): Item => ({ _tag: "End", endpoint })
const stamp = (n: number): Stamp => ({ _tag: "Stamp", origin: 7, n })
const box = (...items: ReadonlyArray<Item>): Outbox.Outbox => Outbox.add(Outbox.empty, items)

/** All that is in it, without what parts the turns. */
const all = (outbox: Outbox.Outbox): ReadonlyArray<Item | Outbox.Marker> =>
  Outbox.take(outbox, Number.POSITIVE_INFINITY)[0].flatMap((said): ReadonlyArray<Item | Outbox.Marker> => (said._tag === "Items" ? said.items : [said]))

describe("an outbox", () => {
  it("does not mention what came and went, or went and came back", () => {
    const boxes = [box(add(1, "a"), del(1, "a")), box(del(1, "a"), add(1, "a")), box(add(1, "a"), add(2, "a"), del(1, "a"), add(1, "b"), add(1, "a"))]

    assert.deepStrictEqual(boxes.map(all), [[], [], [add(2, "a"), add(1, "b"), add(1, "a")]])
    assert.deepStrictEqual(boxes.map(Outbox.isEmpty), [true, true, false])
  })

  it("drops what is queued under an endpoint when that ends, and nothing else", () => {
    const open: Item = { _tag: "Assert", endpoint: 1, pattern: Pattern.bind() }
    const clear: Item = { _tag: "Clear", endpoint: 1 }
    const outbox = box(add(1, "a"), add(2, "a"), open, msg(1, "m"), del(1, "b"), clear, end(1), msg(2, "n"))

    assert.deepStrictEqual(all(outbox), [add(2, "a"), open, clear, end(1), msg(2, "n")])
    assert.deepStrictEqual([outbox.all.count, outbox.messages.count], [5, 1])
  })

  it("drops the oldest messages, by their number or by their bytes, and leaves the rest in order", () => {
    const outbox = box(msg(1, "a"), add(1, "x"), msg(2, "b"), msg(1, "c"), add(1, "y"), msg(1, "d"))

    const [few, dropped] = Outbox.dropMessages(outbox, 2, 1_000)
    const [small, more] = Outbox.dropMessages(outbox, 10, 8)

    assert.deepStrictEqual([dropped, all(few)], [2, [add(1, "x"), msg(1, "c"), add(1, "y"), msg(1, "d")]])
    assert.deepStrictEqual([more, all(small)], [3, [add(1, "x"), add(1, "y"), msg(1, "d")]])
    assert.deepStrictEqual(Outbox.dropMessages(few, 2, 1_000), [few, 0])
  })

  it("sends a message behind its own stamp, and the last stamp although its messages were dropped", () => {
    const outbox = box(msg(1, "before"), stamp(1), msg(1, "a"), stamp(1), msg(1, "b"), stamp(2), msg(1, "c"), stamp(3), msg(1, "d"))

    const some = [3, 1].map((max) => all(Outbox.dropMessages(outbox, max, 1_000)[0]))
    const none = Outbox.dropMessages(outbox, 0, 1_000)[0]

    assert.deepStrictEqual(all(outbox), [msg(1, "before"), stamp(1), msg(1, "a"), msg(1, "b"), stamp(2), msg(1, "c"), stamp(3), msg(1, "d")])
    assert.deepStrictEqual(some, [[stamp(1), msg(1, "b"), stamp(2), msg(1, "c"), stamp(3), msg(1, "d")], [stamp(3), msg(1, "d")]])
    assert.deepStrictEqual([Outbox.isEmpty(none), all(none)], [false, [stamp(3)]])
  })

  it("is taken from in pieces of a size, in turns that syncs part", () => {
    const outbox = Outbox.add(Outbox.mark(box(msg(1, "a"), msg(2, "b")), { _tag: "Sync", n: 4 }), [msg(3, "c")])

    // an item takes 8 bytes, and a packet 5 more
    const [whole] = Outbox.take(outbox, 34)
    const [begun, rest] = Outbox.take(outbox, 33)
    const [least] = Outbox.take(outbox, 1)

    const sync = { _tag: "Sync", n: 4 } as const
    const turn = (...items: ReadonlyArray<Item>) => ({ _tag: "Items", items }) as const
    assert.deepStrictEqual(whole, [turn(msg(1, "a"), msg(2, "b")), sync, turn(msg(3, "c"))])
    assert.deepStrictEqual([begun, all(rest)], [[turn(msg(1, "a"), msg(2, "b")), sync], [msg(3, "c")]])
    assert.deepStrictEqual(least, begun)
    assert.deepStrictEqual(Outbox.markers(outbox), [sync])
  })

  it("leaves turns whole, joins what there is room for, and makes one of those that only meant something one by one", () => {
    const turns = (...all: ReadonlyArray<ReadonlyArray<Item>>) => all.reduce((outbox, items) => Outbox.add(outbox, items), Outbox.empty)
    const apart = turns([add(1, "a"), add(1, "b")], [add(1, "c")], [add(1, "d"), add(1, "e")])
    // b replaces a, then c replaces b: to see only the one go, or only the other come, would be to see none
    const replaced = turns([msg(1, "x")], [add(1, "b"), del(1, "a")], [msg(1, "y")], [add(1, "c"), del(1, "b")], [add(1, "z")])
    const sizes = (outbox: Outbox.Outbox, bytes: number): ReadonlyArray<number> => {
      const [said, rest] = Outbox.take(outbox, bytes)
      const count = said.reduce((n, one) => n + (one._tag === "Items" ? one.items.length : 0), 0)
      return Outbox.isEmpty(rest) ? [count] : [count, ...sizes(rest, bytes)]
    }

    assert.deepStrictEqual([1, 37, 38, 59, 60].map((bytes) => sizes(apart, bytes)), [[2, 1, 2], [2, 1, 2], [3, 2], [3, 2], [5]])
    assert.deepStrictEqual([1, 100].map((bytes) => sizes(replaced, bytes)), [[1, 3, 1], [5]])
  })

  it("still knows where turns begin when it was numbered anew", () => {
    let outbox = box(add(1, "a"), add(1, "b"))
    for (let i = 0; i < 2_000; i++) outbox = Outbox.dropMessages(Outbox.add(outbox, [msg(1, i)]), 1, 1_000)[0]
    outbox = Outbox.add(outbox, [add(1, "c"), add(1, "d")])

    const [first, second] = Outbox.take(outbox, 1)
    const [then, last] = Outbox.take(second, 1)

    const turn = (...items: ReadonlyArray<Item>) => [{ _tag: "Items", items } as const]
    assert.isBelow(outbox.next, 2_000)
    assert.deepStrictEqual([first, then, Outbox.take(last, 1)[0]], [turn(add(1, "a"), add(1, "b")), turn(msg(1, 1_999)), turn(add(1, "c"), add(1, "d"))])
  })

  it("copies captures out of the chunk that brought them, and keeps those that have none", () => {
    const chunk = new Uint8Array(70_000)
    chunk.set(encodedOf(["a"]).bytes, 1_000)
    const own = encodedOf(["b"]).bytes.slice()

    const items = all(box({ _tag: "Msg", endpoint: 1, captures: new Encoded(chunk, 1_000, 1_005) }, { _tag: "Add", endpoint: 1, captures: new Encoded(own) }))

    assert.deepStrictEqual(items, [msg(1, "a"), add(1, "b")])
    assert.deepStrictEqual(items.map((item) => "captures" in item && item.captures.bytes.buffer.byteLength), [5, 5])
    assert.strictEqual("captures" in items[1]! && items[1].captures.bytes, own)
  })

  it("copies them out of a Buffer as well, whose own slice does not", () => {
    const chunk = Buffer.alloc(70_000)
    chunk.set(encodedOf(["a"]).bytes, 1_000)

    const [item] = all(box({ _tag: "Msg", endpoint: 1, captures: new Encoded(chunk, 1_000, 1_005) }))
    chunk.fill(0)

    assert.deepStrictEqual([...item && "captures" in item ? item.captures.bytes : []], [...encodedOf(["a"]).bytes])
  })

  it("holds no more than what it describes, however often that changes", () => {
    let outbox = Outbox.empty
    let most = 0
    for (let i = 0; i < 50_000; i++) {
      outbox = Outbox.add(outbox, [Math.floor(i / 100) % 2 === 0 ? add(1, i % 100) : del(1, i % 100), add(2, i)])
      outbox = Outbox.add(outbox, [del(2, i), msg(1, i)])
      outbox = Outbox.dropMessages(outbox, 50, 1_000)[0]
      most = Math.max(most, outbox.next - outbox.first, outbox.entries.size * 6, outbox.facts.size * 6)
    }

    assert.isAtMost(most, 2 * 150 + 1_024 + 4)
    assert.deepStrictEqual(all(outbox).slice(-50), Array.from({ length: 50 }, (_, i) => msg(1, 49_950 + i)))
  })

  it("brings whoever listens to what holds, with the newest messages, whatever is taken and dropped when", () => {
    const command = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constant("say" as const), choices: fc.array(choice, { minLength: 1, maxLength: 4 }) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("take" as const), bytes: fc.nat(120) }) },
      fc.record({ do: fc.constant("drop" as const), max: fc.nat(5) }),
      fc.record({ do: fc.constant("sync" as const) })
    )
    const found = { silenced: 0, dropped: 0, coalesced: 0, gaps: 0 }
    fc.assert(fc.property(fc.array(command, { maxLength: 40, size: "max" }), (commands) => {
      const teller = new Teller()
      const listener = new Listener()
      let outbox = Outbox.empty
      let [said, heard, dropped, syncs] = [0, 0, 0, 0]
      const hear = (bytes: number): void => {
        const before = outbox
        const [some, rest] = Outbox.take(before, bytes)
        assert.deepStrictEqual(Outbox.take(before, bytes)[0], some)
        outbox = rest
        for (const one of some) {
          if (one._tag === "Items") {
            heard += one.items.length
            listener.hear(one.items)
          } else {
            assert.deepStrictEqual(one, { _tag: "Sync", n: ++syncs })
            assert.isTrue(isSubsequence(marks[syncs - 1]!.interests, listener.interests))
            heardBefore.push(listener.messages.length)
          }
        }
      }
      const heardBefore: Array<number> = []
      const marks: Array<{ readonly interests: ReadonlyArray<string>; readonly messages: ReadonlyArray<string> }> = []
      for (const one of commands) {
        if (one.do === "say") {
          const items = one.choices.flatMap((choice) => teller.say(choice))
          said += items.length
          outbox = Outbox.add(outbox, items)
        } else if (one.do === "take") hear(one.bytes)
        else if (one.do === "sync") {
          marks.push({ interests: [...teller.interests], messages: [...teller.messages] })
          outbox = Outbox.mark(outbox, { _tag: "Sync", n: marks.length })
        } else {
          const before = outbox.messages.count
          const [rest, n] = Outbox.dropMessages(outbox, one.max, 1_000_000)
          assert.strictEqual(n, Math.max(0, before - one.max))
          outbox = rest
          dropped += n
        }
        found.gaps = Math.max(found.gaps, outbox.next - outbox.first - outbox.all.count)
        found.silenced += outbox.ended.size
      }
      while (!Outbox.isEmpty(outbox)) hear(50)

      assert.strictEqual(outbox, Outbox.empty)
      assert.deepStrictEqual([...listener.facts].sort(), [...teller.facts].sort())
      assert.deepStrictEqual(listener.interests, teller.interests)
      assert.isTrue(isSubsequence(listener.messages, teller.messages))
      assert.strictEqual(syncs, marks.length)
      for (const [i, { messages }] of marks.entries()) assert.isFalse(listener.messages.slice(heardBefore[i]).some((late) => messages.includes(late)))
      if (!commands.some((one) => one.do === "say" && one.choices.some((choice) => choice.do === "end"))) {
        assert.strictEqual(listener.messages.length, teller.messages.length - dropped)
      }
      found.dropped += dropped
      found.coalesced += said - dropped - heard
    }), { numRuns: 1_000, seed: 1 })

    for (const times of Object.values(found)) assert.isAbove(times, 10, JSON.stringify(found))
  })

  it("shows nobody what never was: after each turn that is heard, the facts are those after some turn that was said", () => {
    const command = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant("say" as const), choices: fc.array(choice, { minLength: 1, maxLength: 4 }) }) },
      fc.record({ do: fc.constant("take" as const), bytes: fc.nat(60) }),
      fc.record({ do: fc.constant("drop" as const), max: fc.nat(5) }),
      fc.constant({ do: "sync" as const })
    )
    const found = { heard: 0, late: 0 }
    fc.assert(fc.property(fc.array(command, { maxLength: 40, size: "max" }), (commands) => {
      const ended = new Set(commands.flatMap((one) => (one.do === "say" ? one.choices : [])).flatMap((one) => (one.do === "end" ? [one.endpoint] : [])))
      // what was heard under an endpoint that is to end concerns nobody any more
      const view = ({ facts }: { readonly facts: ReadonlySet<string> }) => [...facts].filter((fact) => !ended.has(Number(fact.split(" ")[0]))).sort().join()
      const teller = new Teller()
      const listener = new Listener()
      let history = [view(teller)]
      let outbox = Outbox.empty
      const hear = (bytes: number): void => {
        const [said, rest] = Outbox.take(outbox, bytes)
        outbox = rest
        for (const one of said) {
          if (one._tag === "Items") listener.hear(one.items)
          const at = history.indexOf(view(listener))
          assert.isAtLeast(at, 0, `${view(listener)} was never so`)
          history = history.slice(at)
          found.heard++
          if (history.length > 1) found.late++
        }
      }
      for (const one of commands) {
        if (one.do === "say") {
          outbox = Outbox.add(outbox, one.choices.flatMap((choice) => teller.say(choice)))
          history.push(view(teller))
        } else if (one.do === "take") hear(one.bytes)
        else if (one.do === "sync") outbox = Outbox.mark(outbox, { _tag: "Sync", n: 1 })
        else outbox = Outbox.dropMessages(outbox, one.max, 1_000_000)[0]
      }
      while (!Outbox.isEmpty(outbox)) hear(1)
    }), { numRuns: 1_000, seed: 1 })

    for (const times of Object.values(found)) assert.isAbove(times, 500, JSON.stringify(found))
  })
})
