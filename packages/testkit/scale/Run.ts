/** One network from its first node to the last change: it forms, is filled, and is changed. */
import { Rng, type Scope } from "@colloquy/core"
import { type Graph, graphOf, type Shape } from "../src/sim/shapes.ts"
import { measure, type Sample } from "./Changes.ts"
import { Network, type Traffic } from "./Network.ts"
import { anyObserved, anyTopic, Population } from "./Population.ts"
import { forestOf } from "./Tree.ts"

export interface Size {
  readonly nodes: number
  readonly facts: number
  readonly observers: number
  readonly shape: Shape
  readonly seed: number
  /** Changes of each kind; of those that concern every node there are fewer. */
  readonly samples: number
}

/** What a run asks of the process around it. */
export interface Gauge {
  /** Bytes in use, after what is garbage has gone. */
  readonly heap: () => number
  readonly progress: (what: string) => void
}

/** A stage of the beginning: how it changed what is kept, and what it said. */
export interface Stage {
  readonly name: string
  readonly bytes: number
  readonly traffic: Traffic
  readonly roundTrips: number
}
export interface Kept {
  /** Entries of the machines' maps, over all nodes, and at the node that has most. */
  readonly mean: number
  readonly most: number
}
export interface Result {
  readonly size: Size
  readonly links: number
  readonly meanRttMs: number
  readonly depth: number
  readonly stages: ReadonlyArray<Stage>
  readonly kept: { readonly [what: string]: Kept }
  readonly samples: ReadonlyArray<Sample>
}

const latencyMs = [5, 45] as const // one way: from one town to another, or to the next continent

export const run = (size: Size, { heap, progress }: Gauge): Result => {
  const below = Rng.drawing(size.seed)
  const graph = graphOf(size.shape, size.nodes, below)
  const latencies = new Map(graph.links.map(([a, b]) => [pairOf(a, b), latencyMs[0] + below(latencyMs[1] - latencyMs[0] + 1)]))
  const latencyOf = (from: string, to: string): number => latencies.get(pairOf(from, to))!
  const meanRttMs = 2 * [...latencies.values()].reduce((sum, ms) => sum + ms, 0) / latencies.size

  let population: Population | undefined
  const network = new Network((_, pid, events) => population?.hear(pid, events))
  population = new Population(network, size.nodes)
  const { observers } = population

  let bytes = heap()
  const stages: Array<Stage> = []
  const stage = (name: string, body: () => void): void => {
    progress(name)
    const start = network.now
    network.count()
    body()
    network.settle(() => progress(name))
    const now = heap()
    stages.push({ name, bytes: now - bytes, traffic: network.traffic, roundTrips: (network.traffic.settledAt - start) / meanRttMs })
    bytes = now
  }
  stage("the nodes start", () => graph.nodes.forEach((node) => network.start(node)))
  stage("the links join, and the tree forms", () => graph.links.forEach(([from, to]) => network.connect(from, to, latencyOf(from, to))))
  const facts = placed(graph, size.facts, () => anyTopic(below), below)
  stage("the facts are asserted", () => facts.forEach((topics, node) => population.assertAll(node, topics)))
  stage("the observers come", () => {
    for (let n = 0; n < size.observers; n++) population.observe(graph.nodes[below(graph.nodes.length)]!, anyObserved(below))
  })
  const forest = forestOf(network, population.ledger)
  const wrong = population.wrong(forest)
  if (wrong > 0) throw new Error(`${wrong} of ${observers.size} observers do not see what they should, before anything has changed`)

  const samples = measure({ network, population, latencyOf, meanRttMs, below, progress }, size.samples)
  return { size, links: graph.links.length, meanRttMs, depth: depthOf(network, forest), stages, kept: keptBy(network), samples }
}

const pairOf = (a: string, b: string): string => a < b ? `${a} ${b}` : `${b} ${a}`
const placed = (graph: Graph, count: number, draw: () => number, below: (n: number) => number): ReadonlyMap<string, ReadonlyArray<number>> => {
  const at = new Map<string, Array<number>>(graph.nodes.map((node) => [node, []]))
  for (let n = 0; n < count; n++) at.get(graph.nodes[below(graph.nodes.length)]!)!.push(draw())
  return at
}

const keptBy = ({ members }: Network): Result["kept"] => {
  const kept: { [what: string]: { sum: number; most: number } } = {}
  for (const { state } of members.values()) {
    for (const [what, n] of Object.entries(entriesOf(state!))) {
      const known = kept[what] ??= { sum: 0, most: 0 }
      known.sum += n
      known.most = Math.max(known.most, n)
    }
  }
  return Object.fromEntries(Object.entries(kept).map(([what, { most, sum }]) => [what, { mean: sum / members.size, most }]))
}
const entriesOf = ({ Dataspace: { index }, Federation: { links, subscriptions }, Topology }: Scope.State) => ({
  "links": Topology.links.size,
  "edges of the tree": links.size - 1,
  "patterns that others observe": subscriptions.size,
  "captures that pass through": [...subscriptions.values()].reduce((sum, { matches }) => sum + matches.size, 0),
  "facts and observations of its own": index.size,
  "patterns in its dataspace": index.patterns
})

const depthOf = (network: Network, { above, order }: ReturnType<typeof forestOf>): number => {
  const depths = new Int32Array(network.members.size)
  let most = 0
  for (const member of order) {
    const wire = above[member.index]
    if (wire === undefined) continue
    depths[member.index] = depths[(wire.ends[0] === member ? wire.ends[1] : wire.ends[0]).index]! + 1
    most = Math.max(most, depths[member.index]!)
  }
  return most
}
