/**
 * Many topologies and nothing else: random graphs whose links come and go while what is said on them is
 * delayed, each link keeping its order. After every event no edges form a cycle; at rest they are a tree of
 * each part of the graph, and everybody knows of one root. So it is among those who never lied, when one who
 * says whatever comes to mind has gone.
 */
import { assert, describe, it } from "@effect/vitest"
import { Rng, Topology } from "../../src/index.ts"

interface Wire {
  readonly ends: readonly [string, string]
  readonly name: string
  readonly flows: readonly [Array<Topology.Event>, Array<Topology.Event>]
}

class Graph {
  readonly nodes = new Map<string, Topology.State>()
  wires: Array<Wire> = []
  /** They are on wires, and no nodes. */
  readonly liars = new Set<string>()
  /** Links that ended because the numbers were used up: their dialers dial again. */
  ended: Array<Wire> = []
  rng: Rng.State
  links = 0
  events = 0
  told = 0
  constructor(seed: number) {
    this.rng = Rng.initial(seed)
  }
  below(n: number): number {
    const [value, next] = Rng.below(this.rng, n)
    this.rng = next
    return value
  }
  add(node: string, priority = 100): void {
    this.nodes.set(node, Topology.initial({ self: { node, incarnation: 1 }, leaf: false, priority, graceMs: 0 })[0])
  }
  join(a: string, b: string): void {
    if (a === b || this.wires.some(({ ends }) => ends.includes(a) && ends.includes(b))) return
    const name = `l${++this.links}`
    this.wires.push({ ends: [a, b], name, flows: [[], []] })
    this.tell(b, { _tag: "Offered", link: name, peer: { node: a, incarnation: 1, leaf: false } })
    this.tell(a, { _tag: "Greeted", link: name, peer: { node: b, incarnation: 1, leaf: false }, cost: 1 + this.below(20) })
    this.tell(a, { _tag: "Accepted", link: name })
  }
  lose(wire: Wire): void {
    this.wires = this.wires.filter((other) => other !== wire)
    // one end may learn of it long before the other; what is said in between is lost
    for (const end of this.below(2) === 0 ? [0, 1] as const : [1, 0] as const) this.tell(wire.ends[end], { _tag: "LinkLost", link: wire.name })
  }
  deliver(wire: Wire, to: 0 | 1): void {
    const event = wire.flows[to].shift()
    if (event !== undefined) this.tell(wire.ends[to], event)
  }
  tell(node: string, event: Topology.Event): void {
    if (this.liars.has(node)) return
    const refused: Array<Wire> = []
    const todo = [event]
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
      const [state, actions] = Topology.transition(this.nodes.get(node)!, next)
      this.nodes.set(node, state)
      this.events++
      for (const action of actions) {
        if (action._tag === "TellNext") todo.push({ _tag: "TellDue", link: action.link, tree: action.tree })
        const wire = this.wires.find(({ name }) => "link" in action && name === action.link)
        if (action._tag === "Refuse" && wire !== undefined) {
          if (action.error.code !== "Exhausted" && !this.isWithLiar(wire)) throw new Error(`honest nodes are not refused: ${action.error.message}`)
          refused.push(wire)
        }
        if (action._tag !== "Tell") continue
        this.told++
        wire?.flows[wire.ends[0] === node ? 1 : 0].push({ _tag: "Told", link: action.link, tree: action.tree })
      }
    }
    for (const wire of refused) {
      this.lose(wire)
      if (!this.isWithLiar(wire)) this.ended.push(wire)
    }
    this.checkNoCycle()
  }
  isWithLiar({ ends }: Wire): boolean {
    return ends.some((end) => this.liars.has(end))
  }
  isEdge({ ends, name }: Wire): boolean {
    return ends.some((end) => this.nodes.get(end)!.links.get(name)?.edge !== undefined)
  }
  /** Every edge that either end takes for one. */
  checkNoCycle(): void {
    const above = new Map<string, string>()
    const top = (node: string): string => {
      const next = above.get(node)
      return next === undefined ? node : top(next)
    }
    for (const wire of this.wires) {
      if (this.isWithLiar(wire) || !this.isEdge(wire)) continue
      const [a, b] = [top(wire.ends[0]), top(wire.ends[1])]
      if (a === b) throw new Error(`the edges that ${wire.name} is among form a cycle`)
      above.set(a, b)
    }
  }
  settle(): void {
    for (let i = 0; ; i++) {
      const busy = this.wires.flatMap((wire) => ([0, 1] as const).filter((to) => wire.flows[to].length > 0).map((to) => [wire, to] as const))
      if (busy.length === 0 && this.ended.length === 0) return
      if (busy.length === 0) for (const { ends } of this.ended.splice(0)) this.join(...ends)
      if (busy.length === 0) continue
      if (i > 100_000) throw new Error("it does not come to rest")
      this.deliver(...busy[this.below(busy.length)]!)
    }
  }
  parts(): ReadonlyArray<ReadonlySet<string>> {
    const parts = new Map([...this.nodes.keys()].map((node) => [node, new Set([node])]))
    for (const { ends: [a, b] } of this.wires) for (const node of parts.get(b)!) parts.set(node, parts.get(a)!.add(node))
    return [...new Set(parts.values())]
  }
  checkTrees(): void {
    for (const part of this.parts()) {
      const edges = this.wires.filter((wire) => part.has(wire.ends[0]) && this.isEdge(wire))
      const said = () => [...part].map((node) => `${node} ${JSON.stringify(this.nodes.get(node)!.path)}`).join("; ")
      assert.strictEqual(edges.length, part.size - 1, `edges of a part of ${part.size}: ${said()}`)
      for (const { ends, name } of edges) for (const end of ends) assert.isDefined(this.nodes.get(end)!.links.get(name)!.edge, `both ends of ${name} take it for an edge`)
      const roots = new Set([...part].map((node) => this.nodes.get(node)!.path?.root))
      assert.strictEqual(roots.size, 1, said())
      const least = Math.min(...[...part].map((node) => this.nodes.get(node)!.config.priority))
      assert.strictEqual(this.nodes.get([...roots][0]!)!.config.priority, least, "the root has the least priority")
    }
  }
}

const play = (seed: number): Graph => {
  const graph = new Graph(seed)
  const nodes = Array.from({ length: 2 + graph.below(12) }, (_, i) => `n${i}`)
  for (const node of nodes) graph.add(node, graph.below(4) === 0 ? graph.below(100) : 100)
  const any = () => nodes[graph.below(nodes.length)]!
  for (let i = 0; i < 2 * nodes.length; i++) graph.join(any(), any())
  for (let round = 0; round < 3; round++) {
    for (let i = graph.below(200); i > 0; i--) {
      const wire = graph.wires[graph.below(Math.max(1, graph.wires.length))]
      const what = graph.below(12)
      if (what === 0) graph.join(any(), any())
      else if (wire !== undefined && what === 1) graph.lose(wire)
      else if (wire !== undefined) graph.deliver(wire, graph.below(2) as 0 | 1)
    }
    graph.settle()
    graph.checkTrees()
  }
  return graph
}

/** One who follows no rule, on a few links, and then goes. */
const lie = (seed: number): void => {
  const graph = new Graph(seed)
  const nodes = Array.from({ length: 2 + graph.below(6) }, (_, i) => `n${i}`)
  for (const node of nodes) graph.add(node)
  const any = <A>(of: ReadonlyArray<A>): A => of[graph.below(of.length)]!
  for (const [i, node] of nodes.entries()) if (i > 0) graph.join(node, any(nodes.slice(0, i)))
  for (let i = graph.below(nodes.length); i > 0; i--) graph.join(any(nodes), any(nodes))
  const numbers = [0, 1, 2, 3, 2 ** 47 - 1, 2 ** 47, 2 ** 47 + 1, 2 ** 48]
  const path = (): Topology.Path => ({ seq: any(numbers), priority: any([0, 100, 100, 2 ** 53 - 1]), root: any([...nodes, "", "liar", "z"]), distance: any(numbers) })
  const lies: ReadonlyArray<() => Topology.Tree> = [
    () => ({ _tag: "Path", path: path() }), () => ({ _tag: "Pathless" }), () => ({ _tag: "Seek", seq: any(numbers) }), () => ({ _tag: "Attach", feasible: path() }),
    () => ({ _tag: "Attached" }), () => ({ _tag: "Detach" }), () => ({ _tag: "Detached" })
  ]
  graph.liars.add("liar")
  for (let i = 0; i < 100; i++) {
    const wire = graph.wires[graph.below(Math.max(1, graph.wires.length))]
    if (wire === undefined || graph.below(8) === 0) graph.join(any(nodes), "liar")
    else if (!graph.isWithLiar(wire)) graph.deliver(wire, any([0, 1]))
    else graph.tell(wire.ends[0], { _tag: "Told", link: wire.name, tree: any(lies)() })
  }
  for (const wire of graph.wires.filter((wire) => graph.isWithLiar(wire))) graph.lose(wire)
  graph.settle()
  graph.checkTrees()
}

describe("topologies that are joined", () => {
  it("never form a cycle, and come to be trees, in 2,000 random graphs whose links come and go", { timeout: 60_000 }, () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      try {
        play(seed)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    }
  })
  it("come to be trees again when somebody who broke every rule has gone, in 2,000 random graphs", { timeout: 60_000 }, () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      try {
        lie(seed)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    }
  })
  it("say nothing at rest, and little when a node comes or a spare link goes, however many there are", () => {
    const graph = new Graph(1)
    const nodes = Array.from({ length: 200 }, (_, i) => `n${String(i).padStart(3, "0")}`)
    for (const [i, node] of nodes.entries()) {
      graph.add(node)
      if (i > 0) graph.join(node, nodes[i - 1]!)
      if (i > 2) graph.join(node, nodes[graph.below(i - 1)]!)
      graph.settle()
    }
    graph.checkTrees()

    graph.told = 0
    graph.add("newcomer")
    graph.join("newcomer", "n100")
    graph.settle()
    assert.isAtMost(graph.told, 4, "each tells its path, one asks and is taken")

    graph.told = 0
    graph.lose(graph.wires.find((wire) => !graph.isEdge(wire))!)
    graph.settle()
    assert.strictEqual(graph.told, 0)
  })
})
