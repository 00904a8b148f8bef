/**
 * Shapes of networks: who has a link to whom, and who of the two dials. All are connected; all but the
 * tree stay so when any one link is lost, a grid when its last row is full.
 */
import type { Rng } from "@colloquy/core"

export interface Graph {
  readonly nodes: ReadonlyArray<string>
  /** Who dials, and whom. */
  readonly links: ReadonlyArray<Pair>
}
export type Pair = readonly [from: string, to: string]

export const shapes = ["ring", "mesh", "grid", "tree", "small-world"] as const
export type Shape = (typeof shapes)[number]

/** Two numbers are two nodes with a link between them. */
type Ends = readonly [number, number]

export const graphOf = (shape: Shape, size: number, below: Rng.Draw): Graph => {
  const nodes = Array.from({ length: size }, (_, i) => `n${i}`)
  const ends = distinct(makers[shape](size, below))
  return { nodes, links: ends.map(([a, b]) => below(2) === 0 ? [nodes[a]!, nodes[b]!] : [nodes[b]!, nodes[a]!]) }
}

const fullMeshMax = 12 // nodes; more of them would have more links than anybody pays for

const makers: { readonly [S in Shape]: (size: number, below: Rng.Draw) => ReadonlyArray<Ends> } = {
  ring: (size) => ringOf(range(size)),
  /** Each with each, or of many nodes each with six: three rings through all of them. */
  mesh: (size, below) => size <= fullMeshMax
    ? range(size).flatMap((b) => range(b).map((a): Ends => [a, b]))
    : [0, 1, 2].flatMap(() => ringOf(shuffled(range(size), below))),
  grid: (size) => {
    const width = Math.ceil(Math.sqrt(size))
    return range(size).flatMap((i): ReadonlyArray<Ends> => [
      ...(i + 1) % width > 0 && i + 1 < size ? [[i, i + 1] as const] : [],
      ...i + width < size ? [[i, i + width] as const] : []
    ])
  },
  /** With one chord for every four nodes. */
  tree: (size, below) => [
    ...range(size).slice(1).map((i): Ends => [below(i), i]),
    ...range(Math.ceil(size / 4)).map((): Ends => [below(size), below(size)])
  ],
  /** A ring in which each knows its next but one as well, and one in five of these links leads anywhere (Watts and Strogatz, 1998). */
  "small-world": (size, below) => [
    ...ringOf(range(size)),
    ...range(size).map((i): Ends => [i, below(5) === 0 ? below(size) : (i + 2) % size])
  ]
}

const range = (size: number): ReadonlyArray<number> => Array.from({ length: size }, (_, i) => i)
const ringOf = (order: ReadonlyArray<number>): ReadonlyArray<Ends> => order.map((a, i) => [a, order[(i + 1) % order.length]!])
const shuffled = (list: ReadonlyArray<number>, below: Rng.Draw): ReadonlyArray<number> => {
  const all = [...list]
  for (let i = all.length - 1; i > 0; i--) {
    const j = below(i + 1)
    const held = all[i]!
    all[i] = all[j]!
    all[j] = held
  }
  return all
}
/** Each pair once, and none of a node with itself. */
const distinct = (ends: ReadonlyArray<Ends>): ReadonlyArray<Ends> =>
  [...new Map(ends.filter(([a, b]) => a !== b).map(([a, b]) => [a < b ? `${a} ${b}` : `${b} ${a}`, [a, b] as const])).values()]

/** How many links it takes from any node to the one that is farthest from it, of those that it can reach. */
export const diameterOf = (graph: Graph): number => Math.max(...graph.nodes.map((node) => farthest(graph, node)))

const farthest = ({ links, nodes }: Graph, from: string): number => {
  const next = new Map<string, Array<string>>(nodes.map((node) => [node, []]))
  for (const [a, b] of links) {
    next.get(a)!.push(b)
    next.get(b)!.push(a)
  }
  const far = new Map([[from, 0]])
  for (const node of far.keys()) { // a map is visited to its end, wherever that is by then
    for (const other of next.get(node)!) if (!far.has(other)) far.set(other, far.get(node)! + 1)
  }
  return Math.max(...far.values())
}

/** The graph without a link, or without a node. */
export const without = ({ links, nodes }: Graph, gone: Pair | string): Graph => typeof gone === "string"
  ? { nodes: nodes.filter((node) => node !== gone), links: links.filter(([a, b]) => a !== gone && b !== gone) }
  : { nodes, links: links.filter(([a, b]) => !(a === gone[0] && b === gone[1])) }
