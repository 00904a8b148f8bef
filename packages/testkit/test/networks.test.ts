/** Whole networks of nodes, in every shape: what they promise while they change, and how soon they are at rest again. */
import { assert, describe, it } from "@effect/vitest"
import { Process, Rng, Value } from "@colloquy/core"
import * as Simulation from "../src/Simulation.ts"

const { diameterOf, graphOf, shapes, without } = Simulation

/** Every shape, at these sizes, each of them another one for another seed. */
const graphs = (sizes: ReadonlyArray<number>, of: ReadonlyArray<Simulation.Shape> = shapes) =>
  of.flatMap((shape) => sizes.map((size) => ({ shape, size, below: Rng.drawing(size) })))
    .map(({ below, shape, size }) => ({ name: `a ${shape} of ${size}`, below, graph: graphOf(shape, size, below) }))
const pick = <A>(list: ReadonlyArray<A>, below: Rng.Draw): A => list[below(list.length)]!

describe("a shape of a network", () => {
  it("has as many links and is as far across as its name says", () => {
    const found = graphs([16]).map(({ graph, name }) => [name, graph.nodes.length, graph.links.length, diameterOf(graph)])

    assert.deepStrictEqual(found.slice(0, 3), [["a ring of 16", 16, 16, 8], ["a mesh of 16", 16, found[1]![2], found[1]![3]], ["a grid of 16", 16, 24, 6]])
    assert.deepStrictEqual(graphs([5], ["mesh"]).map(({ graph }) => [graph.links.length, diameterOf(graph)]), [[10, 1]])
    for (const [name, , links, across] of found) {
      assert.isAtLeast(links as number, 16, String(name))
      assert.isAtMost(across as number, 15, String(name))
    }
  })
  it("stays in one piece when any link is lost, but for a tree", () => {
    for (const { graph, name } of graphs([6, 9, 16, 25], ["ring", "mesh", "grid", "small-world"])) {
      for (const link of graph.links) assert.isTrue(isWhole(without(graph, link)), `${name} without ${link.join(" to ")}`)
    }
  })
})

const isWhole = ({ links, nodes }: Simulation.Graph): boolean => {
  const reached = new Set([nodes[0]])
  for (const node of reached) {
    for (const [a, b] of links) {
      if (a === node) reached.add(b)
      if (b === node) reached.add(a)
    }
  }
  return reached.size === nodes.length
}

// ---- at random -------------------------------------------------------------------------------------

describe("networks in which everything goes wrong that can", () => {
  const seeds = 48
  it(`form no cycle and come to rest as they should, for ${seeds} seeds of 5 to 30 nodes`, { timeout: 60_000 }, () => {
    const reports = Array.from({ length: seeds }, (_, i) => Simulation.run(Simulation.networkTrial({ bouts: 1 }), 3_000 + i))

    assert.isAbove(reports.reduce((sum, { turns }) => sum + turns, 0), seeds * 2_000)
  })
  for (const shape of ["grid", "small-world"] as const) {
    it(`do so as a ${shape} of 200 nodes`, { timeout: 60_000 }, () => {
      const { turns } = Simulation.run(Simulation.networkTrial({ bouts: 1, nodes: 200, shape }), 4_000)

      assert.isAbove(turns, 50_000)
    })
  }
  it("expect messages that are sent while nothing changes", () => {
    const plain = Simulation.networkTrial({ bouts: 1, nodes: 12 })
    const oracles: Array<Simulation.NodeOracle> = []
    const trial = { ...plain, oracle: () => {
      const oracle = new Simulation.NodeOracle({ settleMs: 30_000, reachMs: 3_300, noticeMs: 10_000, sendersMax: 10 })
      oracles.push(oracle)
      return oracle
    } }
    for (let seed = 1; seed <= 5; seed++) Simulation.run(trial, seed)

    assert.isTrue(oracles.every(({ heard }) => heard > 10))
  })
})

// ---- how soon --------------------------------------------------------------------------------------

const latencyMs = 20
/** What waits for nothing but links: no retry comes, and nothing lingers. */
const bare = { pingMs: 3_000, giveUpMs: 8_000, backoff: { leastMs: 500_000, mostMs: 500_000 }, graceMs: 0 }
const retries = { ...bare, backoff: { leastMs: 200, mostMs: 1_000 } }
/** The bound: so many one-way trips over a link, and as many for each link that the network is across. */
const boundOf = (across: number): number => (20 + 6 * across) * latencyMs

describe("one change", () => {
  const all = [...graphs([5, 12, 30]), ...graphs([100], ["grid"])]
  const standing = (graph: Simulation.Graph, timing = bare) => new Simulation.Standing({ graph, latencyMs, timing })
  const across = (...some: ReadonlyArray<Simulation.Graph>): number => Math.max(...some.map(diameterOf))
  /** Looks for twice as long as it may take. */
  const check = (name: string, network: Simulation.Standing, change: (world: Simulation.World<Simulation.NodeMachine>) => void, mostMs: number): number => {
    const found = network.after(change, 2 * mostMs)
    assert.isAtMost(found, mostMs, `${name}: ${found / latencyMs} trips, and ${mostMs / latencyMs} are allowed`)
    return found
  }

  it("is over within (20 + 6 x diameter) trips when it is the loss of a link", { timeout: 60_000 }, () => {
    for (const { below, graph, name } of all) {
      const link = pick(graph.links, below)
      check(name, standing(graph), (world) => world.lose(...link), boundOf(across(graph, without(graph, link))))
    }
  })
  it("is over as soon when it is a new node, be it the new root", { timeout: 60_000 }, () => {
    for (const { below, graph, name } of all) {
      const network = standing(graph)
      for (const node of ["x", "a"]) {
        const links = [pick(graph.nodes, below), pick(graph.nodes, below)].map((to) => [node, to] as const)
        check(`${name} with ${node}`, network, () => network.start(node, ...links), boundOf(across(graph) + 1))
      }
    }
  })
  it("is over as soon when it is a crash, be it that of the root", { timeout: 60_000 }, () => {
    for (const { below, graph, name } of all) {
      for (const node of ["n0", graph.nodes[1 + below(graph.nodes.length - 1)]!]) {
        check(`${name} without ${node}`, standing(graph), (world) => world.crash(node), boundOf(across(graph, without(graph, node))))
      }
    }
  })
  it("is over as soon, and a heartbeat more, when a node falls dark", { timeout: 60_000 }, () => {
    for (const { graph, name } of graphs([12])) {
      const found = check(name, standing(graph), (world) => world.crash("n0", { dark: true }), bare.giveUpMs + boundOf(across(graph, without(graph, "n0"))))
      assert.isAtLeast(found, bare.giveUpMs - bare.pingMs)
    }
  })
  it("is over as soon, and a retry more, when two halves come together", { timeout: 60_000 }, () => {
    for (const { graph, name } of all) {
      const network = standing(graph, retries)
      const half = graph.nodes.length >> 1
      network.world.partition(graph.nodes.slice(0, half), graph.nodes.slice(half))
      network.settle(20_000)
      check(name, network, (world) => world.heal(), retries.backoff.mostMs + boundOf(across(graph)))
    }
  })
})

// ---- what observers see ----------------------------------------------------------------------------

describe("observers", () => {
  const graceMs = 2_000
  // the neighbours of a node that falls dark notice it within a ping of each other: that must be less than the grace
  const timing = { ...retries, pingMs: 1_000, giveUpMs: 4_000, graceMs }
  const redundant = graphs([9, 12], ["ring", "mesh", "grid", "small-world"])
  const standing = (graph: Simulation.Graph) => new Simulation.Standing({ graph, latencyMs: 5, timing })
  const bound = (graph: Simulation.Graph, node: string): number => boundOf(Math.max(diameterOf(graph), diameterOf(without(graph, node)))) / 4

  it("see nothing of links that are lost one at a time while others remain, for 30 seeds", { timeout: 60_000 }, () => {
    const reports = Array.from({ length: 30 }, (_, i) => Simulation.run(Simulation.gentleTrial(), i + 1))

    assert.isTrue(reports.every(({ turns }) => turns > 500))
  })
  for (const [what, dark, leastMs, mostMs] of [
    ["after the grace, when its node crashes", false, graceMs, graceMs],
    ["after a heartbeat and the grace, when its node falls dark", true, timing.giveUpMs - timing.pingMs + graceMs, timing.giveUpMs + graceMs]
  ] as const) {
    it(`see the end of a fact once, ${what}, and of no other fact`, { timeout: 60_000 }, () => {
      for (const { below, graph, name } of redundant) {
        const node = pick(graph.nodes, below)
        const network = standing(graph)
        const at = network.world.now
        network.after((world) => world.crash(node, { dark }), 20_000)

        const others = network.observers.filter((other) => other !== node)
        assert.deepStrictEqual(network.told.map((told) => `${told.node} ${told._tag} ${told.of}`).sort(), others.map((other) => `${other} Removed ${node}`).sort(), name)
        for (const told of network.told) {
          assert.isAtLeast(told.at - at, leastMs, name)
          assert.isAtMost(told.at - at, mostMs + bound(graph, node), name)
        }
      }
    })
  }
  it("see the end of a fact at once when its node stops, and of no other fact", { timeout: 60_000 }, () => {
    for (const { below, graph, name } of redundant) {
      const node = pick(graph.nodes, below)
      const network = standing(graph)
      const at = network.world.now
      network.after((world) => world.stop(node), 20_000)

      assert.deepStrictEqual(network.told.filter(({ of }) => of !== node), [], name)
      for (const other of network.observers.filter((one) => one !== node)) {
        // who is joined to the far side before the news has gone round there may see it once more for a moment
        const last = network.toldOf("Removed", node).findLast((told) => told.node === other)
        assert.strictEqual(last, network.told.findLast((told) => told.node === other), name)
        assert.isAtMost(last!.at - at, bound(graph, node), name)
      }
    }
  })
  it("see the end of a fact once, as soon, when its node crashes while they are cut off from it", { timeout: 60_000 }, () => {
    for (const { below, graph, name } of redundant) {
      const network = standing(graph)
      const link = pick(graph.links, below)
      const node = pick(graph.nodes, below)
      network.after((world) => {
        world.lose(...link)
        world.run(below(60))
        world.crash(node)
      }, 20_000)

      const ends = network.observers.filter((other) => other !== node).map((other) => `${other} Removed ${node}`)
      assert.deepStrictEqual(network.toldOf("Removed", node).map((told) => `${told.node} Removed ${told.of}`).sort(), ends.sort(), name)
      assert.deepStrictEqual(network.toldOf("Added", node), [], name)
    }
  })
})

// ---- at rest ---------------------------------------------------------------------------------------

describe("a network at rest", () => {
  it("says less than one packet per link and second, heartbeats included", () => {
    for (const { graph, name } of graphs([30])) {
      const network = new Simulation.Standing({ graph, latencyMs })
      const seconds = 100
      network.after(() => undefined, seconds * 1_000)

      const packets = network.traffic.take()
      assert.isAbove(packets, 0, name)
      assert.isBelow(packets / seconds / graph.links.length, 1, name)
    }
  })
  it("carries a message over each edge of the tree once, and over no other link", () => {
    for (const { graph, name } of graphs([30])) {
      const network = new Simulation.Standing({ graph, latencyMs, observers: graph.nodes.length })
      network.after((world) => world.tell("n3", ...Simulation.act("s", "speaker", Process.send(Value.record("f", "hello")))), 5_000)

      assert.strictEqual(network.toldOf("Received", "hello").length, graph.nodes.length, name)
      assert.strictEqual(network.traffic.packets.get("Turn"), graph.nodes.length - 1, name)
    }
  })
})
