/** What stays of a lost link, for whom, and until when. */
import { assert, describe, it } from "@effect/vitest"
import { Encoded, Federation, type Item, Machine, Pattern } from "../../src/index.ts"

const ask = (endpoint: number): Item.Item => ({ _tag: "Assert", endpoint, pattern: Pattern.record("m", Pattern.bind()) })
const add = (n: number): Item.Item => ({ _tag: "Add", endpoint: 1, captures: Encoded.encodedOf([n]) })
const del = (n: number): Item.Item => ({ ...add(n), _tag: "Del" }) as Item.Item
const show = (item: Item.Item): string => item._tag === "Add" || item._tag === "Del" ? `${item._tag === "Add" ? "+" : "-"}${item.endpoint} ${item.captures.bytes[item.captures.end - 2]}`
  : item._tag === "Stamp" ? "@" : `${item._tag}${item.endpoint}`

/** Our own link, which asks, and what each event makes the scope say. */
const scope = () => {
  let [state] = Federation.initial({})
  const feed = (...events: ReadonlyArray<Federation.Event>): ReadonlyArray<string> => {
    const [next, actions] = Machine.fold(Federation, state, events)
    state = next
    return actions.map((action) => action._tag === "Fault" ? action.error.code : `${action.link}: ${action.items.map(show).join(" ")}`)
  }
  const up = (link: string) => feed({ _tag: "LinkUp", link })
  const turn = (link: string, ...items: ReadonlyArray<Item.Item>) => feed({ _tag: "Turn", link, items })
  const lose = (link: string) => feed({ _tag: "LinkDown", link, linger: true })
  const forget = (link: string) => feed({ _tag: "LinkDown", link })
  feed({ _tag: "LinkUp", link: "own", own: true })
  return { feed, forget, lose, turn, up, state: () => state }
}

describe("a lost link that lingers", () => {
  it("takes its facts with it when it is forgotten, and not before", () => {
    const { forget, lose, turn, up } = scope()
    up("a")
    turn("own", ask(1))
    assert.deepStrictEqual(turn("a", add(5)), ["own: +1 5"])

    assert.deepStrictEqual(lose("a"), [])
    assert.deepStrictEqual(turn("a", del(5)), [], "what it says now is not heard")
    assert.deepStrictEqual(forget("a"), ["own: -1 5"])
  })
  it("is still believed by our own processes, be it that the first of them comes only then", () => {
    let [state] = Federation.initial({})
    const said = (event: Federation.Event) => {
      const [next, actions] = Federation.transition(state, event)
      state = next
      return actions.flatMap((action) => action._tag === "Turn" ? [`${action.link}: ${action.items.map(show).join(" ")}`] : [])
    }
    for (const link of ["a", "b"]) said({ _tag: "LinkUp", link })
    said({ _tag: "Turn", link: "b", items: [ask(1)] })
    said({ _tag: "Turn", link: "a", items: [add(5)] })
    said({ _tag: "LinkDown", link: "a", linger: true })

    said({ _tag: "LinkUp", link: "own", own: true })

    assert.deepStrictEqual(said({ _tag: "Turn", link: "own", items: [ask(1)] }), ["b: Assert2", "own: +1 5"])
    assert.deepStrictEqual(said({ _tag: "LinkDown", link: "a" }), ["b: -1 5", "own: -1 5"])
  })
  it("is asked for nothing, and owes no end of it, however much others ask meanwhile", () => {
    const { lose, state, turn, up } = scope()
    up("a")
    up("b")
    lose("a")
    const other = (n: number): Item.Item => ({ _tag: "Assert", endpoint: n, pattern: Pattern.record("n", Pattern.literal(n), Pattern.bind()) })

    for (let n = 1; n <= 100; n++) turn("b", other(n), { _tag: "Clear", endpoint: n })

    assert.deepStrictEqual([state().links.get("a")!.closing.size, state().names.size, state().subscriptions.size], [0, 0, 0])
  })
  it("is not noticed when the facts come by another link meanwhile, nor when they go there", () => {
    const { forget, lose, turn, up } = scope()
    up("a")
    turn("own", ask(1))
    turn("a", add(5), add(6))
    lose("a")

    assert.deepStrictEqual(up("b"), ["b: Assert1"])
    assert.deepStrictEqual(turn("b", add(5), add(7)), ["own: +1 7"])
    assert.deepStrictEqual(forget("a"), ["own: -1 6"])
    assert.deepStrictEqual(turn("b", del(5)), ["own: -1 5"])
  })
  it("keeps what it asked for asked, of the links that were there; those that come later are not asked for it", () => {
    const { forget, lose, turn, up } = scope()
    up("a")
    up("b")
    assert.deepStrictEqual(turn("a", ask(1)), ["b: Assert1", "own: Assert1"])

    assert.deepStrictEqual(lose("a"), [])
    assert.deepStrictEqual(turn("own", add(5)), [], "nobody is told")
    assert.deepStrictEqual(up("c"), [])
    assert.deepStrictEqual(turn("c", ask(1)), ["c: +1 5"], "b and our own are asked already")
    assert.deepStrictEqual(forget("a"), [], "c asks now")
    assert.deepStrictEqual(turn("c", { _tag: "Clear", endpoint: 1 }), ["b: Clear1", "c: End1", "own: Clear1"])
  })
  it("is not told of to those who come later, so that two cannot keep up each other's memories", () => {
    const { forget, lose, turn, up } = scope()
    up("a")
    up("b")
    turn("own", ask(1))
    turn("b", ask(1))
    assert.deepStrictEqual(turn("a", add(5)), ["b: +1 5", "own: +1 5"])
    lose("a")
    up("c")

    assert.deepStrictEqual(turn("c", ask(1)), [])
    assert.deepStrictEqual(turn("b", add(5)), ["c: +1 5"])
    assert.deepStrictEqual(forget("a"), ["b: -1 5"], "whose own it is")
    assert.deepStrictEqual(turn("b", del(5)), ["c: -1 5", "own: -1 5"])
  })
  it("is not believed for what it was told of and has gone since, when it comes back by another way", () => {
    const { feed, forget, lose, turn, up } = scope()
    up("a")
    turn("a", ask(1))
    assert.deepStrictEqual(turn("own", ask(1)), ["a: Assert2"])
    assert.deepStrictEqual(turn("own", add(5)), ["a: +1 5"])
    lose("a")
    turn("own", del(5))
    up("b")

    assert.deepStrictEqual(turn("b", add(5)), [], "somebody behind a has not heard that it is gone")
    assert.deepStrictEqual(turn("own", add(5)), ["own: +1 5"], "it is asserted again, and so may be b's word")
    assert.deepStrictEqual(turn("own", del(5)), [])
    assert.deepStrictEqual([forget("a"), feed({ _tag: "Trust", link: "a" })], [["own: Clear1"], []])
  })
  it("is trusted again later", () => {
    const { feed, forget, lose, turn, up } = scope()
    up("a")
    turn("a", ask(1))
    turn("own", ask(1), add(5))
    lose("a")
    turn("own", del(5))
    up("b")
    turn("b", add(5))

    assert.deepStrictEqual(forget("a"), ["own: Clear1"])
    assert.deepStrictEqual(feed({ _tag: "Trust", link: "a" }), ["own: +1 5"], "somebody else asserts it")
  })
  it("leaves nothing", () => {
    const { forget, lose, state, turn, up } = scope()
    for (const link of ["a", "b"]) {
      up(link)
      turn(link, ask(1))
    }
    turn("own", add(1))
    turn("a", add(2))
    for (const link of ["a", "b"]) lose(link)
    for (const link of ["b", "a"]) forget(link)

    assert.deepStrictEqual([state().subscriptions.size, state().lingering.size, [...state().links.keys()]], [0, 0, ["own"]])
  })
})
