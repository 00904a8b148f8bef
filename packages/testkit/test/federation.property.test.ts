/**
 * The two invariants of federation, over whole nodes: random trees, random programs, any cutting,
 * merging and interleaving of what is under way, links that drop and come back.
 */
import { assert, describe, it } from "@effect/vitest"
import { Pattern, Process, Rng, Text, Topology, Value } from "@colloquy/core"
import { Network } from "../src/Network.ts"

const runs = 1_000
const scope = "s"
const fact = (n: number): Value.Value => Value.record("f", n)
const patterns: ReadonlyArray<readonly [name: string, pattern: Pattern.Pattern, shows: (n: number) => string]> = [
  ["any", Pattern.record("f", Pattern.bind()), (n) => `[${n}]`],
  ["some", Pattern.record("f", Pattern.discard), () => "[]"],
  ["one", Pattern.record("f", Pattern.literal(1)), (n) => (n === 1 ? "[]" : "")],
  ["whole", Pattern.bind(Pattern.record("f", Pattern.bind())), (n) => `[<f ${n}> ${n}]`]
]

/** One random run. Everything that it decides comes from the seed. */
class Run {
  readonly network = new Network()
  readonly nodes: ReadonlyArray<string>
  /** Facts held, by node. */
  readonly held = new Map<string, Set<number>>()
  readonly observed = new Set<string>()
  rng: Rng.State
  message = 100

  constructor(seed: number, chords = 0) {
    this.rng = Rng.initial(seed)
    this.nodes = Array.from({ length: 2 + this.below(7) }, (_, i) => `n${i}`)
    for (const node of this.nodes) this.network.start(node)
    // a random tree; either end may be the one that dials
    for (let i = 1; i < this.nodes.length; i++) {
      const other = this.nodes[this.below(i)]!
      const [from, to] = this.below(2) === 0 ? [this.nodes[i]!, other] : [other, this.nodes[i]!]
      this.network.uplink(from, scope, to)
    }
    for (let i = 0; i < chords; i++) this.network.uplink(this.node(), scope, this.node())
    if (this.below(2) === 0) this.network.settle()
  }
  /** The edges must be one fewer than the nodes of each part: a tree. */
  checkTree(): void {
    const scopes = this.nodes.map((node) => this.network.nodes.get(node)!.members.Scopes.get(scope))
    const ends = scopes.reduce((sum, of) => sum + (of === undefined ? 0 : Topology.edges(of.Topology).length), 0)
    const parts = new Set(this.nodes.map((node) => [...this.component(node)].sort().join()))
    assert.strictEqual(ends, 2 * (this.nodes.length - parts.size), `${ends} ends of edges in ${parts.size} parts of ${this.nodes.length} nodes`)
  }
  /** All that is under way arrives, and what lost links left is forgotten. */
  settle(): void {
    this.network.settle()
    this.network.forget()
    this.network.settle()
  }
  below(n: number): number {
    const [value, next] = Rng.below(this.rng, n)
    this.rng = next
    return value
  }
  node(): string {
    return this.nodes[this.below(this.nodes.length)]!
  }

  step(): void {
    const node = this.node()
    const n = this.below(3)
    const held = this.held.get(node) ?? new Set()
    this.held.set(node, held)
    switch (this.below(9)) {
      case 0:
      case 1:
        held.add(n)
        return this.network.act(node, scope, "asserter", Process.assert(n, fact(n)))
      case 2:
        held.delete(n)
        return this.network.act(node, scope, "asserter", Process.retract(n))
      case 3: return this.observe(node, patterns[this.below(patterns.length)]![0])
      case 4: {
        const key = `${node} ${patterns[this.below(patterns.length)]![0]}`
        if (this.observed.delete(key)) this.network.act(node, scope, "observer", Process.retract(key.split(" ")[1]!))
        return
      }
      case 5: return this.network.act(node, scope, "speaker", Process.send(fact(this.message++)))
      case 6:
        if (this.below(4) === 0 && this.network.pipes.length > 0) this.network.cut(this.below(this.network.pipes.length))
        return
      case 7: return this.below(2) === 0 ? this.network.retry() : undefined
      default:
        for (let i = this.below(6); i > 0; i--) this.deliver()
    }
  }
  observe(node: string, name: string): void {
    this.observed.add(`${node} ${name}`)
    this.network.act(node, scope, "observer", Process.observe(name, patterns.find(([of]) => of === name)![1]))
  }
  deliver(): void {
    const underway = this.network.underway()
    if (underway.length === 0) return
    const [pipe, to] = underway[this.below(underway.length)]!
    this.network.deliver(pipe, to, this.below(3) === 0 ? 1 + this.below(40) : undefined)
  }

  /** Nodes that `node` is joined with, itself included. */
  component(node: string): ReadonlySet<string> {
    const found = new Set([node])
    for (const each of found) {
      for (const { ends: [a, b], open } of this.network.pipes) {
        if (!open) continue
        if (a.node === each) found.add(b.node)
        if (b.node === each) found.add(a.node)
      }
    }
    return found
  }

  /** What an observation has been told that holds; each edge must fit the one before. */
  view(node: string, name: string): ReadonlyArray<string> {
    let view = new Set<string>()
    for (const { event, node: at, pid } of this.network.heard) {
      if (at !== node || pid !== "observer" || event.handle !== name) continue
      const captures = Text.print(event.captures)
      if (event._tag === "Added") {
        assert.isFalse(view.has(captures), `${node} ${name} is told twice of ${captures}`)
        view.add(captures)
      } else if (event._tag === "Removed") assert.isTrue(view.delete(captures), `${node} ${name} is told of the end of ${captures}, which it was not told of`)
    }
    return [...view].sort()
  }
  expected(node: string, name: string): ReadonlyArray<string> {
    const [, , shows] = patterns.find(([of]) => of === name)!
    const facts = [...this.component(node)].flatMap((each) => [...this.held.get(each) ?? []])
    return [...new Set(facts.map(shows))].filter((text) => text !== "").sort()
  }
  checkViews(): void {
    for (const key of [...this.observed].sort()) {
      const [node, name] = key.split(" ") as [string, string]
      assert.deepStrictEqual(this.view(node, name), this.expected(node, name), key)
    }
  }
  checkMessages(): void {
    const seen = new Map<string, number>()
    for (const { event, node } of this.network.heard) {
      if (event._tag !== "Received" || event.handle !== "any") continue
      const key = `${node} ${Text.print(event.captures)}`
      seen.set(key, (seen.get(key) ?? 0) + 1)
    }
    for (const [key, times] of seen) assert.strictEqual(times, 1, key)
  }
  /** At rest, a message reaches every observation that it matches in its part of the network, once, and no other. */
  checkReach(): void {
    const from = this.node()
    const before = this.network.heard.length
    const n = this.message++
    this.network.act(from, scope, "speaker", Process.send(fact(n)))
    this.network.settle()
    const got = this.network.heard.slice(before).map(({ event, node }) => `${node} ${event.handle} ${Text.print(event.captures)}`).sort()
    const reach = this.component(from)
    const wanted = [...this.observed].filter((key) => reach.has(key.split(" ")[0]!)).flatMap((key) => {
      const text = patterns.find(([name]) => name === key.split(" ")[1])![2](n)
      return text === "" ? [] : [`${key} ${text}`]
    }).sort()
    assert.deepStrictEqual(got, wanted)
  }
  /** An observation that was replaced starts its view anew. */
  forget(): void {
    this.network.heard.length = 0
  }
}

/** Views are counted from the last (re)subscription: what was told before it is forgotten. */
const play = (seed: number, chords = 0): void => {
  const run = new Run(seed, chords)
  const original = run.observe.bind(run)
  run.observe = (node, name) => {
    if (!run.observed.has(`${node} ${name}`)) drop(run, node, name)
    original(node, name)
  }
  for (let i = 10 + run.below(50); i > 0; i--) run.step()
  run.settle()
  run.checkTree()
  run.checkViews()
  run.checkMessages()
  run.checkReach()
  for (let i = 0; i < 3; i++) {
    run.network.retry(() => run.network.settle())
    run.settle()
  }
  run.checkTree()
  assert.strictEqual(run.component("n0").size, run.nodes.length, "everybody is joined again")
  run.checkViews()
  run.checkReach()
}
const drop = ({ network: { heard } }: Run, node: string, name: string): void => {
  const kept = heard.filter((one) => !(one.node === node && one.pid === "observer" && one.event.handle === name))
  heard.length = 0
  heard.push(...kept)
}

const playAll = (chordsOf: (seed: number) => number): void => {
  for (let seed = 1; seed <= runs; seed++) {
    try {
      play(seed, chordsOf(seed))
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
}

describe("federation", () => {
  it(`keeps both invariants in ${runs} random trees`, { timeout: 120_000 }, () => {
    playAll(() => 0)
  })
  it(`keeps them in ${runs} random graphs, over a tree of each`, { timeout: 120_000 }, () => {
    playAll((seed) => 1 + seed % 6)
  })
})
