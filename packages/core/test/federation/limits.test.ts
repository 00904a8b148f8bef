/** What is kept for one link is bounded, whoever caused it; and nobody else pays for it. */
import { assert, describe, it } from "@effect/vitest"
import { Encoded, Federation, type Item, Machine, Pattern, Rng, type Value } from "../../src/index.ts"

const p = (n: number): Pattern.Pattern => Pattern.record("p", Pattern.literal(n), Pattern.bind())
const ask = (endpoint: number, pattern = p(endpoint)): Item.Item => ({ _tag: "Assert", endpoint, pattern })
const clear = (endpoint: number): Item.Item => ({ _tag: "Clear", endpoint })
const end = (endpoint: number): Item.Item => ({ _tag: "End", endpoint })
const add = (endpoint: number, value: Value.Value): Item.Item => ({ _tag: "Add", endpoint, captures: Encoded.encodedOf([value]) })
const del = (endpoint: number, value: Value.Value): Item.Item => ({ ...add(endpoint, value), _tag: "Del" }) as Item.Item

/** A scope with our own link and three peers, and what each event made it say. */
const scope = (config: Federation.Config) => {
  let [state] = Machine.fold(Federation, Federation.initial(config)[0], [
    { _tag: "LinkUp", link: "local", own: true }, ...["a", "b", "c"].map((link) => ({ _tag: "LinkUp", link }) as const)
  ])
  const turn = (link: string, ...items: ReadonlyArray<Item.Item>): ReadonlyArray<string> => {
    const [next, actions] = Federation.transition(state, { _tag: "Turn", link, items })
    state = next
    return actions.map((action) => action._tag === "Fault"
      ? `fault ${action.link} ${action.error.code} ${action.error.index}`
      : `${action.link}: ${action.items.flatMap((item) => item._tag === "Stamp" ? [] : [`${item._tag} ${item.endpoint}`]).join(", ")}`)
  }
  return { turn, state: () => state }
}
const counted = (n: number) => Array.from({ length: n }, (_, i) => i)

describe("a federated scope's limits", () => {
  it("bound the subscriptions of a link and their bytes, and count again what was cleared", () => {
    const size = Pattern.key(p(1)).length
    const [few, small] = [scope({ endpointsMax: 2 }), scope({ endpointBytesMax: 2 * size })]

    assert.deepStrictEqual(few.turn("a", ask(1), ask(2), clear(1), ask(3), ask(4)), ["fault a TooManyEndpoints 4"])
    assert.deepStrictEqual(small.turn("a", ask(1), ask(2), clear(1), ask(3), ask(4)), ["fault a TooManyBytes 4"])
    assert.deepStrictEqual(small.turn("b", ask(1), ask(2)), ["c: Assert 1, Assert 2", "local: Assert 1, Assert 2"])
  })
  it("bound the captures that a link supplies and their bytes, and count again what was taken back", () => {
    const [few, small] = [scope({ capturesMax: 2 }), scope({ captureBytesMax: 250 })]
    const text = (letter: string): string => letter.repeat(100)
    few.turn("local", ask(1))
    small.turn("local", ask(1))

    assert.deepStrictEqual(few.turn("a", add(1, 1), add(1, 2), del(1, 1), add(1, 3)), ["local: Add 1, Add 1, Del 1, Add 1"])
    assert.deepStrictEqual(few.turn("a", add(1, 4)), ["fault a TooManyCaptures 0", "local: Del 1, Del 1"])
    const [x, y, z] = [text("x"), text("y"), text("z")]
    assert.deepStrictEqual(small.turn("a", add(1, x), add(1, y), del(1, x), add(1, z)), ["local: Add 1, Add 1, Del 1, Add 1"])
    assert.deepStrictEqual(small.turn("a", add(1, text("w"))), ["fault a TooManyBytes 0", "local: Del 1, Del 1"])
  })
  it("are not for our own dataspace: it supplies what peers ask for, and who asks for too much goes", () => {
    const { state, turn } = scope({ capturesMax: 10, endpointsMax: 3 })
    assert.deepStrictEqual(turn("local", ...counted(20).map((i) => ask(i + 1))).length, 3)
    turn("a", ask(1, p(100)))
    turn("b", ask(1, p(101)))

    assert.deepStrictEqual(turn("local", ...counted(9).map((i) => add(21, i))), [`a: ${counted(9).map(() => "Add 1").join(", ")}`])
    const said = turn("local", add(22, 1), add(21, 9), add(21, 10), add(22, 2))
    assert.deepStrictEqual(said, ["fault a TooManyCaptures undefined", "b: Add 1, Clear 21, Add 1", "c: Clear 21", "local: Clear 21"])
    assert.deepStrictEqual([...state().links.keys()].sort(), ["b", "c", "local"])
  })
  it("name the item by which a link asks for more than it may be told", () => {
    const { turn } = scope({ capturesMax: 10 })
    turn("a", ask(1))
    turn("local", ...counted(8).map((i) => add(1, i)))
    turn("b", ask(1, p(7)))
    turn("local", ...counted(8).map((i) => add(2, i)))

    assert.deepStrictEqual(turn("c", ask(1), ask(2, p(7))), ["fault c TooManyCaptures 1"])
  })
  it("count what a link is told of only while it holds the subscription", () => {
    const { state, turn } = scope({ capturesMax: 10 })
    turn("a", ask(1))
    turn("local", ...counted(8).map((i) => add(1, i)))

    for (let n = 1; n < 10; n++) turn("b", ask(n, p(1)), clear(n))

    assert.deepStrictEqual(state().links.get("b")!.told, { count: 0, bytes: 0 })
    assert.strictEqual(state().links.get("a")!.told.count, 8)
  })
  it("bound the clears that a link does not answer", () => {
    const { state, turn } = scope({ closingMax: 3 })
    for (let n = 1; n <= 3; n++) turn("a", ask(n, p(n)), clear(n))
    turn("c", end(1), end(2), end(3))
    const last = turn("a", ask(4, p(4)), clear(4))

    assert.deepStrictEqual(last, ["fault b Unanswered undefined", "a: End 4", "c: Assert 4, Clear 4", "local: Assert 4, Clear 4"])
    assert.deepStrictEqual([...state().links.keys()].sort(), ["a", "c", "local"])
  })
  it("say nothing more for a link that is gone by what its own turn brought about", () => {
    const { state, turn } = scope({ capturesMax: 2, closingMax: 0 })
    turn("b", ask(1))
    turn("local", add(1, 9))

    // b is told of too much and goes; what was asked for it is cleared at a and c, who may leave no clear unanswered
    const said = turn("a", add(1, 1), add(1, 2), ask(1), add(1, 3))

    const faults = ["fault b TooManyCaptures undefined", "fault a Unanswered undefined", "fault c Unanswered undefined"]
    assert.deepStrictEqual(said, [...faults, "local: Clear 1"])
    assert.deepStrictEqual([...state().links.keys()], ["local"])
  })
  it("agree with what was said, in random runs", () => {
    let expelled = 0
    for (let seed = 1; seed <= 300; seed++) expelled += play(seed)

    assert.isAbove(expelled, 50)
  })
  it("let very many links hold and supply the same, and none pays for the others", () => {
    const n = 20_000
    const pattern = Pattern.record("x")
    const captures = Encoded.encodedOf([])
    let [state] = Federation.initial({})
    const step = (event: Federation.Event): ReadonlyArray<Federation.Action> => {
      const [next, actions] = Federation.transition(state, event)
      state = next
      return actions
    }
    let told = 0

    for (let i = 0; i < n; i++) {
      step({ _tag: "LinkUp", link: `l${i}` })
      step({ _tag: "Turn", link: `l${i}`, items: [{ _tag: "Assert", endpoint: 1, pattern }] })
    }
    // the first holder was asked when there was a second, under a name of its own
    const say = (_tag: "Add" | "Del", i: number) => step({ _tag: "Turn", link: `l${i}`, items: [{ _tag, endpoint: i === 0 ? 2 : 1, captures }] }).length
    for (let i = 0; i < n; i++) told += say("Add", i)
    for (let i = 0; i < n; i++) told += say("Del", i)

    assert.strictEqual(told, 2 * n) // the first tells all others, the second the first; and back
  })
})

/** Random turns of peers that keep the rules, under small limits: what is counted must be what was said. Returns how many links went. */
const play = (seed: number): number => {
  const below = Rng.drawing(seed)
  const links = ["a", "b", "c", "local"]
  let state = Federation.initial({ capturesMax: 4, captureBytesMax: 60, closingMax: 5, endpointsMax: 3 })[0]
  /** By link: what it asked for, what it was asked for, what it was told of, what it supplies. */
  const seen = new Map<string, { last: number; holds: Map<number, Set<string>>; asked: Map<number, Set<string> | "closing"> }>()
  let gone = 0
  const step = (event: Federation.Event): void => {
    const [next, actions] = Federation.transition(state, event)
    state = next
    for (const action of actions) {
      if (action._tag === "Fault") {
        gone++
        seen.delete(action.link)
        continue
      }
      const { asked, holds } = seen.get(action.link)!
      for (const item of action.items) {
        if (item._tag === "Assert") asked.set(item.endpoint, new Set())
        else if (item._tag === "Clear") asked.set(item.endpoint, "closing")
        else if (item._tag === "Add") holds.get(item.endpoint)!.add(Encoded.keyOf(item.captures))
        else if (item._tag === "Del") assert.isTrue(holds.get(item.endpoint)!.delete(Encoded.keyOf(item.captures)))
      }
    }
  }
  for (let i = 0; i < 80; i++) {
    const link = links[below(4)]!
    const known = seen.get(link)
    if (known === undefined) {
      seen.set(link, { last: 0, holds: new Map(), asked: new Map() })
      step({ _tag: "LinkUp", link, own: link === "local" })
    } else {
      const item = draw(known, below)
      if (item !== undefined) step({ _tag: "Turn", link, items: [item] })
    }
    for (const [name, { asked, holds }] of seen) check(name, state.links.get(name)!, asked, holds)
  }
  return gone
}

const draw = (
  known: { last: number; holds: Map<number, Set<string>>; asked: Map<number, Set<string> | "closing"> }, below: (n: number) => number
): Item.Item | undefined => {
  const pick = <A>(list: ReadonlyArray<A>): A | undefined => list[below(Math.max(1, list.length))]
  const value = "v".repeat(1 + below(20))
  switch (below(5)) {
    case 0: {
      known.holds.set(++known.last, new Set())
      return ask(known.last, p(below(3) === 0 ? below(3) : 10 * known.last + below(2)))
    }
    case 1: {
      const endpoint = pick([...known.holds.keys()])
      if (endpoint === undefined) return undefined
      known.holds.delete(endpoint)
      return clear(endpoint)
    }
    case 2: {
      const endpoint = pick([...known.asked].filter(([, what]) => what === "closing").map(([n]) => n))
      if (endpoint === undefined) return undefined
      known.asked.delete(endpoint)
      return end(endpoint)
    }
    default: {
      const found = pick([...known.asked].filter(([, what]) => what !== "closing"))
      if (found === undefined) return undefined
      const [endpoint, supplied] = found as [number, Set<string>]
      const key = Encoded.keyOf(Encoded.encodedOf([value]))
      if (supplied.delete(key)) return del(endpoint, value)
      supplied.add(key)
      return add(endpoint, value)
    }
  }
}

type Link = NonNullable<ReturnType<Federation.State["links"]["get"]>>
const check = (name: string, link: Link, asked: Map<number, Set<string> | "closing">, holds: Map<number, Set<string>>): void => {
  const load = (keys: ReadonlyArray<string>) => ({ count: keys.length, bytes: keys.reduce((n, key) => n + key.length, 0) })
  const supplied = [...asked.values()].flatMap((what) => (what === "closing" ? [] : [...what]))
  assert.deepStrictEqual(link.supplied, load(supplied), name)
  assert.strictEqual(link.closing.size, [...asked.values()].filter((what) => what === "closing").length, name)
  if (name !== "local") assert.deepStrictEqual(link.told, load([...holds.values()].flatMap((told) => [...told])), name)
}
