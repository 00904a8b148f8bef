/** The simulation at scale, small: what it measures is right where it can be counted by hand, and repeats itself. */
import { assert, describe, it } from "@effect/vitest"
import { command, sizesUpTo } from "../scale/command.ts"
import { measure, type Sample } from "../scale/Changes.ts"
import { isEdge, Network } from "../scale/Network.ts"
import { svgOf } from "../scale/Plot.ts"
import { Population } from "../scale/Population.ts"
import { rowsOf } from "../scale/Report.ts"
import { type Result, run, type Size } from "../scale/Run.ts"
import { forestOf, leastBetween, leastOfMessage, saidOn } from "../scale/Tree.ts"

const size: Size = { nodes: 30, facts: 600, observers: 10, shape: "small-world", seed: 7, samples: 3 }
const silent = { heap: () => 0, progress: () => {} }

/** a - b - c - d, and e on b: a tree, so nothing is left to choose. */
const small = () => {
  const network = new Network((_, pid, events) => population.hear(pid, events))
  const population: Population = new Population(network, 5)
  for (const name of ["a", "b", "c", "d", "e"]) {
    network.start(name)
    population.assertAll(name, [0])
  }
  for (const [from, to] of [["a", "b"], ["b", "c"], ["c", "d"], ["e", "b"]] as const) network.connect(from, to, 10)
  network.settle()
  return { network, population }
}
const traffic = (network: Network, body: () => void) => {
  network.count()
  body()
  network.settle()
  return network.traffic
}

describe("the simulation at scale", () => {
  it("joins all links into a tree, and finds a cycle that should not be", () => {
    const { network, population } = small()

    assert.isTrue([...network.wires.values()].every(isEdge))
    assert.strictEqual(forestOf(network, population.ledger).order.length, 5)
    const wire = network.connect("a", "d", 10)
    wire.roles[0] = wire.roles[1] = "child"
    assert.throws(() => forestOf(network, population.ledger), "the edges form a cycle at")
  })
  it("counts a packet for each edge that leads to who is interested, and the time of the farthest", () => {
    const { network, population } = small()
    population.observe("d", 0)
    population.observe("e", 0)
    network.settle()
    const before = forestOf(network, population.ledger)
    const start = network.now

    const asserted = traffic(network, () => population.assert("a", 0))
    const after = forestOf(network, population.ledger)

    // a-b, b-c, c-d and b-e
    assert.deepStrictEqual(asserted, { turns: 4, items: 4, tree: 0, syncs: 0, late: 0, settledAt: start + 30 })
    assert.deepStrictEqual(leastBetween(saidOn(before), saidOn(after)), { turns: 4, tree: 0 })
    assert.deepStrictEqual(leastOfMessage(after, network.members.get("c")!, 0), { turns: 3, tree: 0 })
    assert.strictEqual(traffic(network, () => population.send("c", 0)).turns, 3)
  })
  it("knows what the first observer must ask and hear, and one that comes beside it", () => {
    const { network, population } = small()
    const least = (change: () => void) => {
      const before = saidOn(forestOf(network, population.ledger))
      const { turns } = traffic(network, change)
      return [turns, leastBetween(before, saidOn(forestOf(network, population.ledger))).turns]
    }

    // four questions, and as many answers: but b's fact does not wait for that of c and e, nor these for that of d
    assert.deepStrictEqual(least(() => population.observe("a", 0)), [4 + 1 + 2 + 2 + 3, 4 + 4])
    // c, b and a have not been asked from d's side; b knows e's fact already
    assert.deepStrictEqual(least(() => population.observe("d", 0)), [3 + 1 + 2 + 3, 3 + 3])
  })
  it("notices an observer that sees too little, and one that was told too much", () => {
    const { network, population } = small()
    const observer = population.observe("d", 0)
    network.settle()
    const forest = forestOf(network, population.ledger)
    const known = population.forgetNews()
    assert.strictEqual(population.wrong(forest), 0)

    population.hear(`o${observer.id}`, [{ _tag: "Removed", handle: "sees", captures: [0] }])

    assert.strictEqual(population.wrong(forest), 1)
    assert.strictEqual(population.needless(forest, forest, undefined, known), 1)
  })
  it("parts a tree where a link is lost, and is right about each part", () => {
    const { network, population } = small()
    const observer = population.observe("d", 0)
    network.settle()
    assert.strictEqual(observer.count, 5)

    network.lose([...network.wires.values()].find(({ ends: [from] }) => from.name === "b")!)
    network.settle()

    assert.strictEqual(observer.count, 2)
    assert.strictEqual(population.wrong(forestOf(network, population.ledger)), 0)
  })
  it("finds that facts and messages go where somebody is interested and nowhere else, in every shape", () => {
    for (const shape of ["grid", "tree", "small-world"] as const) {
      const { samples } = run({ ...size, shape }, silent)

      assert.isTrue(samples.every(({ wrong }) => wrong === 0), shape)
      const told = samples.filter(({ kind }) => /fact|message/.test(kind))
      assert.deepStrictEqual(told.map(({ tree, turns }) => turns + tree), told.map(({ least }) => least.turns + least.tree), shape)
      assert.isTrue(told.some(({ turns }) => turns > 0), shape)
    }
  })
  it("says the same for the same seed, and something else for another", () => {
    const [once, again, other] = [run(size, silent), run(size, silent), run({ ...size, seed: 8 }, silent)]

    assert.deepStrictEqual(again, once)
    assert.notDeepEqual(other.samples, once.samples)
  })
  it("sums up samples", () => {
    const sample = (roundTrips: number): Sample =>
      ({ kind: "a message", turns: 3 * roundTrips, items: 4, tree: 0, late: 0, least: { turns: 2, tree: 1 }, roundTrips, wrong: 0, needless: 1 })

    assert.deepStrictEqual(rowsOf([1, 2, 3, 4, 5].map(sample)), [{
      kind: "a message", samples: 5, turns: 9, items: 4, tree: 0, least: 3, most: 15, late: 0,
      roundTrips: { median: 3, p90: 5, max: 5 }, wrong: 0, needless: 5
    }])
  })
  it("takes its changes back, so that the network stays as large as it was", () => {
    const { network, population } = small()
    const site = { network, population, latencyOf: () => 10, meanRttMs: 20, below: (n: number) => n - 1, progress: () => {} }

    const samples = measure(site, 2)

    assert.strictEqual(network.wires.size, 4)
    assert.strictEqual(population.observers.size, 0)
    assert.strictEqual(samples.find(({ kind }) => kind === "a spare link lost"), undefined)
    assert.isTrue(samples.every(({ wrong }) => wrong === 0))
  })
})

describe("sim:scale", () => {
  const surroundings = () => {
    const said = { out: "", err: "", plots: [] as Array<readonly [string, ReadonlyArray<Result>]> }
    return { said, around: {
      out: (text: string) => { said.out += text },
      err: (text: string) => { said.err += text },
      now: () => 0, heap: () => 0,
      plot: async (results: ReadonlyArray<Result>, file: string) => { said.plots.push([file, results]) }
    } }
  }
  const args = ["--nodes", "100", "--facts", "1000", "--observers", "10", "--samples", "1"]

  it("prints a table for people, and hands what it found to the plot", async () => {
    const { around, said } = surroundings()

    assert.strictEqual(await command([...args, "--svg", "here.svg"], around), 0)

    assert.include(said.out, "# 100 nodes, 1,000 facts, 10 observers")
    assert.match(said.out, /\| a message +\| +1 \|/)
    assert.deepStrictEqual(said.plots.map(([file, results]) => [file, ...results.map((one) => one.size.nodes)]), [["here.svg", 10, 100]])
    const svg = await svgOf(said.plots[0]![1])
    for (const text of ["nodes", "packets per change", "a node crashed", "least", "100"]) assert.include(svg, `>${text}</text>`)
  })
  it("prints one object for each size when a machine reads it", async () => {
    const { around, said } = surroundings()

    assert.strictEqual(await command([...args, "--json"], around), 0)

    const found = JSON.parse(said.out) as ReadonlyArray<{ readonly size: Size; readonly changes: ReadonlyArray<{ readonly kind: string }> }>
    assert.deepStrictEqual(found.map((one) => one.size), sizesUpTo({ ...size, nodes: 100, facts: 1_000, seed: 1, samples: 1 }))
    assert.include(found[1]!.changes.map(({ kind }) => kind), "the root crashed")
  })
  it("says what is wrong with what it is asked for", async () => {
    const cases = [[["--nodes", "9"], "--nodes takes"], [["--shape", "star"], "--shape takes one of"], [["--speed"], "--speed"]] as const
    for (const [wrong, says] of cases) {
      const { around, said } = surroundings()
      assert.strictEqual(await command(wrong, around), 2)
      assert.include(said.err, says)
    }
    const { around, said } = surroundings()
    assert.strictEqual(await command(["--help"], around), 0)
    assert.include(said.out, "--observers O")
  })
})
