/** The races of joining, one by one; random graphs of whole nodes are in testkit. */
import { assert, describe, it } from "@effect/vitest"
import { Machine, Topology } from "../../src/index.ts"

const peer = (node: string, incarnation = 1, leaf = false): Topology.Peer => ({ node, incarnation, leaf })
/** Node m, and what each event makes it do. */
const node = (config: Partial<Topology.Config> = {}) => {
  let [state] = Topology.initial({ self: { node: "m", incarnation: 1 }, leaf: false, ...config })
  const feed = (...events: ReadonlyArray<Topology.Event>) => {
    const [next, actions] = Machine.fold(Topology, state, events)
    state = next
    return actions.map((action) => action._tag === "Refuse" ? `Refuse ${action.link} ${action.error.code}`
      : action._tag === "Offer" || action._tag === "Accept" ? `${action._tag} ${action.link} [${action.reach}]`
      : action._tag === "Announce" ? `Announce ${action.link} +[${action.added}] -[${action.removed}]`
      : `${action._tag} ${action.link}`)
  }
  return { feed, state: () => state }
}
const offered = (link: string, from: Topology.Peer, ...reach: ReadonlyArray<string>): Topology.Event => ({ _tag: "Offered", link, peer: from, reach: from.leaf ? reach : [from.node, ...reach] })
const greeted = (link: string, from: Topology.Peer): Topology.Event => ({ _tag: "Greeted", link, peer: from })
const accepted = (link: string, ...reach: ReadonlyArray<string>): Topology.Event => ({ _tag: "Accepted", link, reach })
const lost = (link: string): Topology.Event => ({ _tag: "LinkLost", link })
const reached = (link: string, added: ReadonlyArray<string>, removed: ReadonlyArray<string> = []): Topology.Event => ({ _tag: "Reached", link, added, removed })

describe("topology", () => {
  it("joins whom it dials and who dials it, and tells the others what it reaches now", () => {
    const { feed } = node()

    assert.deepStrictEqual(feed(greeted("1", peer("a"))), ["Offer 1 [m]"])
    assert.deepStrictEqual(feed(accepted("1", "a", "b")), ["LinkUp 1"])
    assert.deepStrictEqual(feed(offered("2", peer("c"), "d")), ["Accept 2 [a,b,m]", "LinkUp 2", "Announce 1 +[c,d] -[]"])
    assert.deepStrictEqual(feed(reached("1", ["e"], ["b"])), ["Announce 2 +[e] -[b]"])
    assert.deepStrictEqual(feed(lost("1"), lost("1")), ["LinkDown 1", "Announce 2 +[] -[a,e]"])
  })
  it("refuses itself, a cycle, and a second dial of its own to a peer", () => {
    const { feed } = node()
    feed(offered("1", peer("a"), "b"))

    assert.deepStrictEqual(feed(greeted("2", peer("m"))), ["Refuse 2 Self"])
    assert.deepStrictEqual(feed(offered("3", peer("m"))), ["Refuse 3 Self"])
    assert.deepStrictEqual(feed(offered("4", peer("c"), "b")), ["Refuse 4 Cycle"])
    assert.deepStrictEqual(feed(greeted("5", peer("a"))), ["Refuse 5 Duplicate"])
  })
  it("lets the dial of the lesser id win when both dial at once", () => {
    const greater = node()
    assert.deepStrictEqual(greater.feed(greeted("out", peer("a")), offered("in", peer("a"))), ["Offer out [m]", "Refuse out Replaced", "Accept in [m]", "LinkUp in"])

    const lesser = node()
    assert.deepStrictEqual(lesser.feed(greeted("out", peer("z")), offered("in", peer("z")), accepted("out", "z")), ["Offer out [m]", "Refuse in Duplicate", "LinkUp out"])
  })
  it("replaces the half-open link of a dialer that came back, and of one that was born again", () => {
    const { feed } = node()
    feed(offered("1", peer("a", 5)))

    assert.deepStrictEqual(feed(offered("2", peer("a", 5))), ["LinkDown 1", "Refuse 1 Replaced", "Accept 2 [m]", "LinkUp 2"])
    assert.deepStrictEqual(feed(offered("3", peer("a", 6))), ["LinkDown 2", "Refuse 2 Replaced", "Accept 3 [m]", "LinkUp 3"])
    assert.deepStrictEqual(feed(offered("4", peer("a", 4))), ["Refuse 4 Stale"])
  })
  it("corrects what it offered when it is accepted", () => {
    const { feed } = node()

    feed(greeted("1", peer("a")), offered("2", peer("b")))

    assert.deepStrictEqual(feed(accepted("1", "a")), ["Announce 1 +[b] -[]", "LinkUp 1", "Announce 2 +[a] -[]"])
  })
  it("finds out when it is accepted that the link would close a cycle by now", () => {
    const { feed } = node()

    feed(greeted("1", peer("a")), offered("2", peer("b"), "c"))

    assert.deepStrictEqual(feed(accepted("1", "a", "c")), ["Refuse 1 Cycle"])
  })
  it("closes the younger of two links behind which the same node appears", () => {
    const { feed } = node()
    feed(offered("1", peer("a")), offered("2", peer("b")))

    assert.deepStrictEqual(feed(reached("2", ["x"])), ["Announce 1 +[x] -[]"])
    assert.deepStrictEqual(feed(reached("1", ["x"])), ["LinkDown 2", "Announce 1 +[] -[b,x]", "Refuse 2 Cycle"])
    assert.deepStrictEqual(feed(reached("1", ["m"])), ["LinkDown 1", "Refuse 1 Cycle"])
  })
  it("closes the link of a peer that stops reaching what it did not reach, and no other", () => {
    const { feed } = node()
    feed(offered("1", peer("a")), offered("2", peer("b")))

    assert.deepStrictEqual(feed(reached("1", [], ["b"])), ["LinkDown 1", "Announce 2 +[] -[a]", "Refuse 1 BadReach"])
    assert.deepStrictEqual(feed(reached("9", ["q"])), [])
  })
  it("counts leaves nowhere, and gives a leaf one link", () => {
    const { feed } = node()
    feed(offered("1", peer("a")))
    assert.deepStrictEqual(feed(offered("2", peer("leaf", 1, true))), ["Accept 2 []", "LinkUp 2"])
    assert.deepStrictEqual(feed(offered("3", peer("liar", 1, true), "x")), ["Refuse 3 BadReach"])
    assert.deepStrictEqual(feed(reached("2", ["x"])), ["LinkDown 2", "Refuse 2 BadReach"])

    const leaf = node({ leaf: true })
    assert.deepStrictEqual(leaf.feed(greeted("1", peer("a")), accepted("1", "a"), greeted("2", peer("b"))), ["Offer 1 []", "LinkUp 1", "Refuse 2 Cycle"])
  })
  it("bounds the nodes of a scope, whichever way they come, and closes the link that brings too many", () => {
    const { feed } = node({ reachMax: 5 })

    assert.deepStrictEqual(feed(offered("1", peer("a"), "b")), ["Accept 1 [m]", "LinkUp 1"])
    assert.deepStrictEqual(feed(offered("2", peer("c"), "d", "e")), ["Refuse 2 TooMuchReach"])
    assert.deepStrictEqual(feed(offered("3", peer("c"), "c", "d")), ["Accept 3 [a,b,m]", "LinkUp 3", "Announce 1 +[c,d] -[]"])
    assert.deepStrictEqual(feed(reached("1", ["x"], ["b"])), ["Announce 3 +[x] -[b]"])
    assert.deepStrictEqual(feed(reached("1", ["y"])), ["LinkDown 1", "Announce 3 +[] -[a,x]", "Refuse 1 TooMuchReach"])
    assert.deepStrictEqual(feed(greeted("4", peer("f")), accepted("4", "f", "g", "h")), ["Offer 4 [c,d,m]", "Refuse 4 TooMuchReach"])
    assert.deepStrictEqual(feed(offered("5", peer("leaf", 1, true))), ["Accept 5 []", "LinkUp 5"])
  })
  it("has no more than every link takes in one list, by default", () => {
    const { feed, state } = node()
    const lists = [0, 1].map((half) => Array.from({ length: 40_000 }, (_, i) => `${half}-${i}`))

    feed(offered("1", peer("a")), reached("1", lists[0]!), offered("2", peer("b")), reached("2", lists[1]!))

    assert.deepStrictEqual([...state().links.keys()], ["1"])
    assert.strictEqual(state().behind.size, 40_001)
  })
  it("corrects a long offer in no time that grows with its square", () => {
    const { feed } = node()
    const many = Array.from({ length: 60_000 }, (_, i) => `n${i}`)
    feed(offered("1", peer("a"), ...many), greeted("2", peer("b")), lost("1"), offered("3", peer("c"), ...many.slice(1)))

    const [correction] = feed(accepted("2", "b"))

    assert.strictEqual(correction, "Announce 2 +[c] -[a,n0]")
  })
  it("tells the others of every node that went, also when its link goes in the same step", () => {
    const { feed } = node()
    feed(offered("1", peer("a"), "x"), offered("2", peer("b")), offered("3", peer("c")))

    assert.deepStrictEqual(feed(reached("3", [], [])), [])
    assert.deepStrictEqual(feed(reached("2", ["y"]), reached("2", ["x"], ["y"])).at(-1), "Refuse 2 Cycle")
    assert.deepStrictEqual(feed(reached("1", ["z", "z"], []), reached("1", ["z"], ["z"])), ["Announce 3 +[z] -[]", "Announce 3 +[z] -[z]"])
  })
})
