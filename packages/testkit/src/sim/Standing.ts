/**
 * A network of nodes that stands: whole, at rest, every node with a fact and some with an observation of
 * all facts. One thing at a time is changed, to see how long it is until nobody has anything new to say,
 * and what the observers are told meanwhile.
 */
import { type Node, Pattern, Process, Text, Value } from "@colloquy/core"
import { noFaults } from "./Chance.ts"
import { scope } from "./chatter.ts"
import { act, adapter, type NodeMachine, uplink } from "./nodes.ts"
import { type Graph, type Pair } from "./shapes.ts"
import { Traffic } from "./Traffic.ts"
import { TreeWatch } from "./TreeWatch.ts"
import { type Turn, World } from "./World.ts"

export interface Config {
  readonly graph: Graph
  /** Of every link, to and fro. */
  readonly latencyMs: number
  readonly timing?: Partial<Node.Timing>
  /** How many observe; the first of the graph's nodes, and others at equal distances in its list. */
  readonly observers?: number
  readonly machine?: NodeMachine
}
/** What an observer was told, and when. */
export interface Told {
  readonly at: number
  readonly node: string
  readonly _tag: Process.Event["_tag"]
  /** Whose fact, or message. */
  readonly of: string
}

export class Standing {
  readonly world: World<NodeMachine>
  readonly told: Array<Told> = []
  readonly observers: ReadonlyArray<string>
  readonly traffic = new Traffic()
  readonly #trees = new TreeWatch()

  constructor({ graph, latencyMs, machine, observers = 8, timing = {} }: Config) {
    this.observers = graph.nodes.filter((_, i) => i % Math.ceil(graph.nodes.length / observers) === 0)
    this.world = new World<NodeMachine>({
      ...adapter(machine, { timing }),
      faults: { ...noFaults, latencyMs: [latencyMs, latencyMs] },
      watch: (turn) => this.#watch(turn)
    })
    for (const node of graph.nodes) this.start(node, ...graph.links.filter(([from]) => from === node))
    this.settle()
  }

  /** A node begins, with its fact and its uplinks. */
  start(node: string, ...links: ReadonlyArray<Pair>): void {
    const observes = this.observers.includes(node) ? act(scope, "observer", Process.observe("all", Pattern.record("f", Pattern.bind()))) : []
    this.world.start(node, ...links.flatMap(([, to]) => uplink(scope, to)), ...act(scope, "asserter", Process.assert("mine", Value.record("f", node))), ...observes)
  }
  /** How long after the change, made now, something new was last said. Looks for as long as it is given. */
  after(change: (world: World<NodeMachine>) => void, forMs: number): number {
    const { now } = this.world
    this.told.length = 0
    this.traffic.packets.clear()
    change(this.world)
    this.world.run(forMs)
    return Math.max(0, this.traffic.newsAt - now)
  }
  /** Runs until nothing new has been said for half of this while. */
  settle(whileMs = 6_000): void {
    do this.world.run(whileMs)
    while (this.world.now - this.traffic.newsAt < whileMs / 2)
    this.told.length = 0
  }
  /** Of what the observers were told: this, of this node. */
  toldOf(tag: Told["_tag"], node: string): ReadonlyArray<Told> {
    return this.told.filter((one) => one._tag === tag && one.of === node)
  }

  #watch(turn: Turn<NodeMachine>): void {
    this.traffic.watch(turn)
    this.#trees.look(turn.node, this.world)
    for (const action of turn.actions) {
      if (action._tag !== "Deliver" || action.pid !== "observer") continue
      for (const { _tag, captures } of action.events) this.told.push({ at: turn.at, node: turn.node, _tag, of: nameIn(captures) })
    }
  }
}

const nameIn = ([value]: ReadonlyArray<Value.Value>): string => typeof value === "string" ? value : Text.print(value!)
