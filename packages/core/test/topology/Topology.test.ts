/** What a topology does about one thing after the other; whole graphs are in network.test.ts. */
import { assert, describe, it } from "@effect/vitest"
import { Topology } from "../../src/index.ts"

const peer = (node: string, incarnation = 1, leaf = false): Topology.Peer => ({ node, incarnation, leaf })
const show = (path: Topology.Path): string => `${path.root}#${path.seq}+${path.distance}`
const line = (action: Topology.Action): string => {
  switch (action._tag) {
    case "Refuse": return `Refuse ${action.link} ${action.error.code}`
    case "Tell": {
      const { tree } = action
      return `${action.link}: ${tree._tag}${tree._tag === "Path" ? ` ${show(tree.path)}` : tree._tag === "Attach" ? ` ${show(tree.feasible)}` : tree._tag === "Seek" ? ` ${tree.seq}` : ""}`
    }
    case "EdgeUp": return `EdgeUp ${action.edge} ${action.role}`
    case "EdgeDown": return `EdgeDown ${action.edge}${action.linger ? " lingers" : ""}`
    case "SetGrace": return `SetGrace ${action.edge} ${action.afterMs}`
    default: return `${action._tag} ${"link" in action ? action.link : action.edge}`
  }
}
/** Node m, and what each event makes it do. */
const node = (config: Partial<Topology.Config> = {}) => {
  let [state] = Topology.initial({ self: { node: "m", incarnation: 1 }, leaf: false, ...config })
  const step = (event: Topology.Event): ReadonlyArray<string> => {
    const [next, actions] = Topology.transition(state, event)
    state = next
    return actions.flatMap((action) => action._tag === "TellNext" ? step({ _tag: "TellDue", link: action.link, tree: action.tree }) : [line(action)])
  }
  const feed = (...events: ReadonlyArray<Topology.Event>) => events.flatMap(step)
  return { feed, state: () => state }
}
const offered = (link: string, from: Topology.Peer): Topology.Event => ({ _tag: "Offered", link, peer: from })
const greeted = (link: string, from: Topology.Peer, cost?: number): Topology.Event => ({ _tag: "Greeted", link, peer: from, cost })
const accepted = (link: string): Topology.Event => ({ _tag: "Accepted", link })
const lost = (link: string, farewell = false): Topology.Event => ({ _tag: "LinkLost", link, farewell })
const told = (link: string, _tag: "Pathless" | "Attached" | "Detach" | "Detached"): Topology.Event => ({ _tag: "Told", link, tree: { _tag } })
const way = (root: string, seq: number, distance: number, priority = 100): Topology.Path => ({ seq, priority, root, distance })
const path = (link: string, ...of: Parameters<typeof way>): Topology.Event => ({ _tag: "Told", link, tree: { _tag: "Path", path: way(...of) } })
const attach = (link: string, ...of: Parameters<typeof way>): Topology.Event => ({ _tag: "Told", link, tree: { _tag: "Attach", feasible: way(...of) } })
const seek = (link: string, seq: number): Topology.Event => ({ _tag: "Told", link, tree: { _tag: "Seek", seq } })
/** It is a child of a by link 1, whose root is a. */
const childOfA = (config: Partial<Topology.Config> = {}) => {
  const it = node(config)
  it.feed(greeted("1", peer("a")), accepted("1"), path("1", "a", 0, 0), told("1", "Attached"))
  return it
}

describe("a topology joins", () => {
  it("whom it dials and who dials it, and tells them the way to itself", () => {
    const { feed } = node()

    assert.deepStrictEqual(feed(greeted("1", peer("z"))), ["Offer 1"])
    assert.deepStrictEqual(feed(accepted("1"), accepted("1")), ["1: Path m#0+0"])
    assert.deepStrictEqual(feed(offered("2", peer("y"))), ["Accept 2", "2: Path m#0+0"])
  })
  it("neither itself nor somebody twice", () => {
    const { feed } = node()
    feed(offered("1", peer("a")))

    assert.deepStrictEqual(feed(greeted("2", peer("m"))), ["Refuse 2 Self"])
    assert.deepStrictEqual(feed(offered("3", peer("m"))), ["Refuse 3 Self"])
    assert.deepStrictEqual(feed(greeted("5", peer("a"))), ["Refuse 5 Duplicate"])
  })
  it("by the dial of the lesser id when both dial at once", () => {
    const greater = node()
    assert.deepStrictEqual(greater.feed(greeted("out", peer("a")), offered("in", peer("a"))), ["Offer out", "Refuse out Replaced", "Accept in", "in: Path m#0+0"])

    const lesser = node()
    assert.deepStrictEqual(lesser.feed(greeted("out", peer("z")), offered("in", peer("z")), accepted("out")), ["Offer out", "Refuse in Duplicate", "out: Path m#0+0"])
  })
  it("a dialer that came back in place of its half-open link, and one that was born again", () => {
    const { feed } = node()
    feed(offered("1", peer("a", 5)))

    assert.deepStrictEqual(feed(offered("2", peer("a", 5))), ["Refuse 1 Replaced", "Accept 2", "2: Path m#0+0"])
    assert.deepStrictEqual(feed(offered("3", peer("a", 6))), ["Refuse 2 Replaced", "Accept 3", "3: Path m#0+0"])
    assert.deepStrictEqual(feed(offered("4", peer("a", 4))), ["Refuse 4 Stale"])
  })
  it("leaves by an edge at once, and as a leaf one node only", () => {
    const { feed } = node()
    assert.deepStrictEqual(feed(offered("1", peer("leaf", 1, true))), ["Accept 1", "Joined 1", "EdgeUp 1/1 leaf"])
    assert.deepStrictEqual(feed(told("1", "Detach")), ["EdgeDown 1/1", "Parted 1", "Refuse 1 Unexpected"])

    const leaf = node({ leaf: true })
    assert.deepStrictEqual(leaf.feed(greeted("1", peer("a")), accepted("1"), greeted("2", peer("b"))), ["Offer 1", "Joined 1", "EdgeUp 1/1 leaf", "Refuse 2 SecondLink"])
    assert.deepStrictEqual(leaf.feed(lost("1")), ["EdgeDown 1/1", "Parted 1"])
  })
})

describe("a topology's parent", () => {
  it("is who leads to a better root, from when it agrees", () => {
    const { feed, state } = node()
    feed(greeted("1", peer("a"), 3), accepted("1"))

    assert.deepStrictEqual(feed(path("1", "a", 0, 4)), ["1: Attach m#0+0"])
    assert.deepStrictEqual(feed(told("1", "Attached")), ["Joined 1", "EdgeUp 1/1 parent"])
    assert.deepStrictEqual(state().path, way("a", 0, 7))
  })
  it("is asked for a greater number when it leads to a better root by a way that is not feasible", () => {
    const { feed } = node()
    // the one that led to z is gone, so m counts from 1
    feed(greeted("1", peer("b")), accepted("1"), path("1", "b", 5, 0), told("1", "Attached"), lost("1"))

    assert.deepStrictEqual(feed(greeted("2", peer("c")), accepted("2"), path("2", "a", 3, 1)), ["Offer 2", "2: Path m#6+0", "2: Seek 6"])
    assert.deepStrictEqual(feed(path("2", "a", 3, 9)), [], "it was asked already")
    assert.deepStrictEqual(feed(path("2", "a", 6, 9)), ["2: Attach m#6+0"])
  })
  it("is left at both ends before another is asked", () => {
    const { feed } = childOfA()
    feed(offered("2", peer("b")))

    assert.deepStrictEqual(feed(path("2", "0", 1, 5)), ["EdgeDown 1/1 lingers", "SetGrace 1/1 5000", "1: Detach"])
    assert.deepStrictEqual(feed(path("2", "0", 1, 5)), [])
    assert.deepStrictEqual(feed({ _tag: "Turn", link: "1", items: [] }), [], "what was under way")
    assert.deepStrictEqual(feed(told("1", "Detached")), ["2: Attach a#0+1"])
    assert.deepStrictEqual(feed(told("2", "Attached")), ["Joined 2", "EdgeUp 2/1 parent", "1: Path 0#1+6"])
  })
  it("stays when another has the same root, unless that is at half the distance", () => {
    const { feed } = node()
    feed(greeted("1", peer("a"), 20), accepted("1"), path("1", "a", 0, 0), told("1", "Attached"), greeted("2", peer("b"), 1), accepted("2"))

    assert.deepStrictEqual(feed(path("2", "a", 0, 10)), ["Joined 2"], "it is spare")
    assert.deepStrictEqual(feed(path("2", "a", 0, 9)), ["EdgeDown 1/1 lingers", "SetGrace 1/1 5000", "1: Detach"])
  })
  it("that refuses is asked again when it offers anew", () => {
    const { feed } = node()
    feed(greeted("1", peer("a")), accepted("1"), path("1", "a", 0, 0))

    assert.deepStrictEqual(feed(told("1", "Detached")), [])
    assert.deepStrictEqual(feed(path("1", "a", 0, 0)), ["1: Attach m#0+0"])
  })
  it("is taken up again by another way that is feasible, when it is lost, and nobody else notices", () => {
    const { feed } = childOfA()
    feed(offered("2", peer("b")), path("2", "a", 0, 0), offered("3", peer("c")), attach("3", "c", 0, 0))

    assert.deepStrictEqual(feed(lost("1")), ["EdgeDown 1/1 lingers", "SetGrace 1/1 5000", "Parted 1", "2: Attach a#0+1"])
    assert.deepStrictEqual(feed(told("2", "Attached")), ["EdgeUp 2/1 parent"])
  })
  it("is sought by who has none: its neighbours hear that, and when none has a way it is the root itself", () => {
    const { feed } = childOfA()
    feed(offered("2", peer("b")), path("2", "a", 0, 1))

    assert.deepStrictEqual(feed(lost("1", true)), ["EdgeDown 1/1", "Parted 1", "2: Seek 1", "2: Pathless"])
    assert.deepStrictEqual(feed(told("2", "Pathless")), ["2: Path m#1+0"])
  })
  it("must be before its child: what is not is refused, and told the way as it is", () => {
    const { feed } = childOfA()
    feed(offered("2", peer("b")))

    assert.deepStrictEqual(feed(attach("2", "a", 0, 1)), ["2: Detached", "2: Path a#0+1"])
    assert.deepStrictEqual(feed(attach("2", "a", 0, 2)), ["2: Attached", "Joined 2", "EdgeUp 2/1 child"])
    assert.deepStrictEqual(feed(attach("2", "a", 0, 2)), ["EdgeDown 2/1", "Parted 2", "Refuse 2 Unexpected"])
  })
  it("answers what its child seeks, from its own parent or as the root", () => {
    const { feed } = childOfA()
    feed(offered("2", peer("b")), offered("3", peer("c")))
    assert.deepStrictEqual(feed(seek("2", 4)), ["1: Seek 4"])
    assert.deepStrictEqual(feed(seek("3", 2)), [])
    assert.deepStrictEqual(feed(path("1", "a", 4, 0)), ["2: Path a#4+1", "3: Path a#4+1"])

    const root = node()
    root.feed(offered("1", peer("z")), offered("2", peer("y")))
    assert.deepStrictEqual(root.feed(seek("1", 7)), ["1: Path m#7+0"], "it concerns nobody else")
  })
  it("is whoever has the least priority, and then the least id", () => {
    const { feed } = node({ priority: 5 })
    feed(greeted("1", peer("a")), accepted("1"))
    assert.deepStrictEqual(feed(path("1", "a", 0, 0)), [])
    assert.deepStrictEqual(feed(path("1", "z", 0, 1, 4)), ["1: Attach m#0+0"])
  })
})

describe("a topology", () => {
  it("passes turns on edges, and ends a link that brings one where there is no edge", () => {
    const { feed } = childOfA()
    feed(offered("2", peer("b")))

    assert.deepStrictEqual(feed({ _tag: "Turn", link: "1", items: [] }), ["Turn 1/1"])
    assert.deepStrictEqual(feed({ _tag: "Turn", link: "2", items: [] }), ["Refuse 2 Unexpected"])
    assert.deepStrictEqual(feed({ _tag: "Turn", link: "9", items: [] }), [])
  })
  it("ends the link of who answers what was not asked", () => {
    for (const what of ["Attached", "Detached"] as const) {
      const { feed } = node()
      feed(offered("1", peer("b")))
      assert.deepStrictEqual(feed(told("1", what)), ["Refuse 1 Unexpected"])
    }
  })
  it("forgets what lingers at the end of its grace, or when the peer that is back has answered", () => {
    const { feed } = childOfA()
    feed(lost("1"))
    assert.deepStrictEqual(feed({ _tag: "GraceOver", edge: "1/1" }, { _tag: "GraceOver", edge: "1/1" }), ["Forget 1/1", "SetGrace 1/1 1000", "Trust 1/1"])

    const back = childOfA()
    back.feed(lost("1"), greeted("2", peer("a")), accepted("2"), path("2", "a", 2, 0))
    assert.deepStrictEqual(back.feed(told("2", "Attached")), ["Joined 2", "EdgeUp 2/1 parent", "Confirm 2"])
    assert.deepStrictEqual(back.feed({ _tag: "Confirmed", link: "2" }), ["CancelGrace 1/1", "Forget 1/1", "SetGrace 1/1 1000"])

    const leaf = childOfA()
    leaf.feed(lost("1"))
    assert.deepStrictEqual(leaf.feed(offered("2", peer("a", 1, true))), ["Accept 2", "Joined 2", "EdgeUp 2/1 leaf"], "who is a leaf now is no neighbour, and is not asked")
    assert.deepStrictEqual(leaf.feed(offered("3", peer("b")), seek("3", 5)), ["Accept 3", "3: Path m#1+0", "3: Path m#5+0"])

    const another = childOfA()
    another.feed(lost("1"), greeted("2", peer("a", 2)), accepted("2"), path("2", "a", 2, 0))
    assert.deepStrictEqual(another.feed(told("2", "Attached")), ["Joined 2", "EdgeUp 2/1 parent"], "a later life does not know what the earlier did")
  })
  it("assures a peer that is back only when nothing else lingers, of which it would not tell", () => {
    const { feed } = childOfA()
    feed(offered("2", peer("b")), attach("2", "b", 0, 0), lost("2"), lost("1"), offered("3", peer("b")), attach("3", "b", 0, 0))

    assert.deepStrictEqual(feed({ _tag: "Doubted", link: "3" }), [])
    assert.deepStrictEqual(feed({ _tag: "GraceOver", edge: "1/1" }), ["Forget 1/1", "SetGrace 1/1 1000", "Confirm 3", "Assure 3"])
  })
  it("answers every doubt, also when the edge goes before it can, or has gone", () => {
    const { feed } = childOfA()
    feed(offered("2", peer("b")), attach("2", "b", 0, 0), lost("1"))

    assert.deepStrictEqual(feed({ _tag: "Doubted", link: "2" }, { _tag: "Doubted", link: "2" }), [], "something lingers")
    assert.deepStrictEqual(feed(told("2", "Detach")).slice(0, 3), ["Assure 2", "Assure 2", "EdgeDown 2/1 lingers"])
    assert.deepStrictEqual(feed({ _tag: "Doubted", link: "2" }, { _tag: "Doubted", link: "1" }), ["Assure 2"])
  })
  it("lets nothing linger after a farewell, for a leaf, or without a grace", () => {
    assert.deepStrictEqual(childOfA().feed(lost("1", true))[0], "EdgeDown 1/1")
    assert.deepStrictEqual(childOfA({ graceMs: 0 }).feed(lost("1"))[0], "EdgeDown 1/1")
    const { feed } = node()
    feed(offered("1", peer("leaf", 1, true)))
    assert.deepStrictEqual(feed(lost("1"))[0], "EdgeDown 1/1")
  })
  it("lets a few edges of each node linger, however often it comes and goes", () => {
    const { feed, state } = node()
    feed(offered("1", peer("y")), offered("2", peer("z")))
    for (let i = 0; i < 100; i++) feed(attach("1", "y", 0, 0), told("1", "Detach"))

    assert.deepStrictEqual([...state().lingering.keys()], ["1/1", "1/2", "1/3", "1/4", "1/5", "1/6", "1/7", "1/8"])
    assert.include(feed(attach("2", "z", 0, 0), told("2", "Detach")), "SetGrace 2/1 5000")
    feed({ _tag: "GraceOver", edge: "1/1" })
    assert.include(feed(attach("1", "y", 0, 0), told("1", "Detach")), "SetGrace 1/101 5000")
  })
  it("lets others look for another way when it departs", () => {
    const { feed } = childOfA()
    feed(offered("2", peer("b")), attach("2", "b", 0, 0))

    assert.deepStrictEqual(feed({ _tag: "Depart" }), [
      "EdgeDown 1/1 lingers", "SetGrace 1/1 5000", "1: Pathless", "1: Detach",
      "EdgeDown 2/1 lingers", "SetGrace 2/1 5000", "2: Pathless", "2: Detach"
    ])
    assert.deepStrictEqual(feed(told("1", "Detached"), told("2", "Detach"), told("2", "Detached"), attach("2", "b", 0, 0)), ["2: Detached", "2: Detached", "2: Pathless"])
  })
  it("takes no numbers from which it could not count on", () => {
    const { feed } = node()
    feed(offered("1", peer("a")), offered("2", peer("b")))

    assert.deepStrictEqual(feed(path("1", "a", 2 ** 48, 0), path("1", "a", 0, 2 ** 48), seek("2", 2 ** 48)), [])
  })
  it("begins anew, without its neighbours, when somebody has used up the numbers", () => {
    const { feed, state } = node()
    feed(offered("1", peer("a")), offered("2", peer("b")), offered("3", peer("leaf", 1, true)), path("1", "a", 2 ** 47, 0), told("1", "Attached"))
    assert.deepStrictEqual(feed(path("2", "0", 2 ** 47, 9), told("1", "Detached"), told("2", "Attached")).at(-1), "1: Path 0#140737488355328+10")

    assert.deepStrictEqual(feed(lost("2")), ["EdgeDown 2/1 lingers", "SetGrace 2/1 5000", "Parted 2", "Parted 1", "Refuse 1 Exhausted"])
    assert.deepStrictEqual([...state().links.keys()], ["3"], "a leaf is in nobody's way")
    assert.deepStrictEqual(feed(offered("4", peer("a"))), ["Accept 4", "4: Path m#0+0"])
    assert.deepStrictEqual(feed(path("4", "a", 0, 0)), ["4: Attach m#0+0"])
  })
  it("takes a link's first round trip for its cost, unless somebody said what it is", () => {
    const { feed, state } = node()
    feed(greeted("1", peer("z")), accepted("1"), greeted("2", peer("y"), 7), accepted("2"))
    for (const link of ["1", "2"]) feed({ _tag: "Measured", link, rttMs: 40.4 }, { _tag: "Measured", link, rttMs: 90 }, { _tag: "Measured", link, rttMs: 0.2 })

    assert.deepStrictEqual([...state().neighbours].map(([link, { cost }]) => [link, cost]), [["1", 1], ["2", 7]])
  })
})
