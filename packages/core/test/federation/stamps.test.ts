/** Messages that come twice while the tree changes, and what is let through. */
import { assert, describe, it } from "@effect/vitest"
import { Encoded, Federation, type Item, Pattern } from "../../src/index.ts"
import * as Stamps from "../../src/federation/Stamps.ts"

const captures = (n: number) => Encoded.encodedOf([n])
const msg = (endpoint: number, n: number): Item.Item => ({ _tag: "Msg", endpoint, captures: captures(n) })
const stamp = (origin: number, n: number): Item.Stamp => ({ _tag: "Stamp", origin, n })

/** A scope whose links a, b and c all hold and are asked for one pattern, and what a turn makes it say. */
const scope = () => {
  let [state] = Federation.initial({ origin: 7 })
  const feed = (event: Federation.Event): ReadonlyArray<string> => {
    const [next, actions] = Federation.transition(state, event)
    state = next
    return actions.map((action) => action._tag === "Fault" ? action.error.code : `${action.link}: ${action.items.map(show).join(" ")}`)
  }
  for (const link of ["a", "b", "c"]) feed({ _tag: "LinkUp", link, own: link === "a" })
  for (const link of ["a", "b", "c"]) feed({ _tag: "Turn", link, items: [{ _tag: "Assert", endpoint: 1, pattern: Pattern.record("m", Pattern.bind()) }] })
  const turn = (link: string, ...items: ReadonlyArray<Item.Item>) => feed({ _tag: "Turn", link, items })
  return { feed, turn }
}
const show = (item: Item.Item): string => item._tag === "Stamp" ? `@${item.origin}.${item.n}` : item._tag === "Msg" ? String(item.captures.bytes[item.captures.end - 2]) : item._tag

describe("messages", () => {
  it("are stamped where they begin, a turn at a time, and for a client that does not stamp them", () => {
    const { turn } = scope()

    assert.deepStrictEqual(turn("a", msg(2, 5), msg(2, 6)), ["b: @7.1 5 6", "c: @7.1 5 6"])
    assert.deepStrictEqual(turn("b", msg(1, 8)), ["a: @7.2 8", "c: @7.2 8"])
  })
  it("go on under their stamp, and come by one link only", () => {
    const { turn } = scope()

    assert.deepStrictEqual(turn("b", stamp(9, 4), msg(1, 5), stamp(8, 1), msg(1, 6)), ["a: @9.4 5 @8.1 6", "c: @9.4 5 @8.1 6"])
    assert.deepStrictEqual(turn("c", stamp(9, 4), msg(1, 5)), [], "the same by another link")
    assert.deepStrictEqual(turn("c", stamp(9, 3), msg(1, 4)), [], "and what is older")
    assert.deepStrictEqual(turn("c", stamp(9, 5), msg(1, 7)), ["a: @9.5 7", "b: @9.5 7"])
  })
  it("that do not fit in one turn come as several under one stamp", () => {
    const { turn } = scope()
    turn("b", stamp(9, 4), msg(1, 5))

    assert.deepStrictEqual(turn("b", msg(1, 6)), ["a: @9.4 6", "c: @9.4 6"])
  })
  it("of our own do not come back", () => {
    const { turn } = scope()
    turn("a", msg(2, 5))

    assert.deepStrictEqual(turn("b", stamp(7, 1), msg(1, 5)), [])
  })
  it("are told apart for the origins that were heard of lately, and for a bounded number of them", () => {
    let state = Stamps.initial
    const isNew = (origin: number, n: number): boolean => {
      const [next, passed] = Stamps.pass(state, 7, stamp(origin, n), "b")
      state = next
      const [, again] = Stamps.pass(state, 7, stamp(origin, n), "c")
      assert.isNull(again)
      return passed !== null
    }
    for (let origin = 100; origin < 100_100; origin++) assert.isTrue(isNew(origin, 1))

    assert.isFalse(isNew(100_099, 0))
    assert.isAtMost(state.seen.size + state.before.size, 65_536)
  })
})
