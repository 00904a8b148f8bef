/**
 * Watches the trees of all scopes while they change: at no instant do their edges form a cycle, and no
 * node has two links of a scope to one peer. An edge lives as long as either end takes it for one and
 * both ends have the connection: so long something may pass.
 *
 * A cycle begins with an edge, so each new one is looked at when it comes: whether its ends were joined
 * already. Looking costs what the tree is large, and nothing when no edge came.
 */
import type { Topology } from "@colloquy/core"
import type { NodeMachine } from "./nodes.ts"
import { Violation } from "./Trial.ts"
import type { Named } from "./Wires.ts"
import type { World } from "./World.ts"

interface Known {
  /** What the node's own state was when we last looked. */
  links: unknown
  edges: ReadonlyMap<string, Edge>
}
interface Edge {
  readonly ends: readonly [Named, Named]
  /** The nodes that take it for one. */
  readonly takers: Set<string>
}
/** The edges at each node, by the name that the dialled node has for the link. */
type Tree = Map<string, Map<string, Edge>>

export class TreeWatch {
  readonly #known = new Map<string, Map<string, Known>>()
  readonly #trees = new Map<string, Tree>()

  /** After a turn of this node: whether what it knows of a tree has changed. */
  look(node: string, world: World<NodeMachine>): boolean {
    let changed = false
    const scopes = scopesOf(world, node)
    const known = at(this.#known, node)
    for (const [scope, before] of known) {
      if (scopes.has(scope) || before.links === undefined) continue
      this.#change(world, node, scope, before, undefined)
      changed = true
    }
    for (const [scope, { Topology: { links } }] of scopes) {
      const before = known.get(scope) ?? { links: undefined, edges: new Map() }
      if (before.links === links) continue
      known.set(scope, before)
      this.#change(world, node, scope, before, links)
      changed = true
    }
    return changed
  }

  #change(world: World<NodeMachine>, node: string, scope: string, known: Known, links: Topology.State["links"] | undefined): void {
    const before = known.edges
    const edges = new Map<string, Edge>()
    const peers = new Set<string>()
    const fresh: Array<string> = []
    known.links = links
    known.edges = edges
    for (const [link, { edge, isUp, peer }] of links ?? []) {
      if (isUp && peers.size === peers.add(peer.node).size) throw new Violation("a peer has one link", `${node} has two links of ${scope} to ${peer.node}`)
      if (edge === undefined) continue
      const old = before.get(link)
      if (old === undefined) fresh.push(link)
      else edges.set(link, old)
    }
    for (const [link, edge] of before) if (!edges.has(link)) this.#leave(scope, node, edge)
    for (const link of fresh.sort()) {
      const edge = this.#enter(world, node, scope, link)
      if (edge !== undefined) edges.set(link, edge)
    }
  }
  #enter(world: World<NodeMachine>, node: string, scope: string, link: string): Edge | undefined {
    const other = world.otherEnd(node, link)
    if (other === undefined) return undefined // it was never whole, or is no more
    const tree = at(this.#trees, scope)
    const ends: Edge["ends"] = [{ node, link }, other]
    const name = nameOf(ends)
    const known = tree.get(node)?.get(name)
    if (known !== undefined) {
      known.takers.add(node)
      return known
    }
    const way = wayBetween(world, tree, node, other.node)
    if (way !== undefined) throw new Violation("edges form no cycle", `the edges of ${scope} lead from ${way.join(" to ")} and back`)
    const edge = { ends, takers: new Set([node]) }
    for (const end of ends) at(tree, end.node).set(name, edge)
    return edge
  }
  #leave(scope: string, node: string, edge: Edge): void {
    edge.takers.delete(node)
    if (edge.takers.size > 0) return
    for (const end of edge.ends) this.#trees.get(scope)!.get(end.node)?.delete(nameOf(edge.ends))
  }
}

const nameOf = ([a, b]: Edge["ends"]): string => [`${a.node} ${a.link}`, `${b.node} ${b.link}`].sort().join(" ")
const at = <K, L, V>(map: Map<K, Map<L, V>>, key: K): Map<L, V> => {
  const found = map.get(key) ?? new Map<L, V>()
  map.set(key, found)
  return found
}

/** Along edges that live. */
const wayBetween = (world: World<NodeMachine>, tree: Tree, from: string, to: string): ReadonlyArray<string> | undefined => {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]])
  for (const node of cameFrom.keys()) {
    if (node === to) return wayBack(cameFrom, to)
    for (const { ends: [a, b] } of tree.get(node)?.values() ?? []) {
      const other = a.node === node ? b.node : a.node
      if (!cameFrom.has(other) && world.otherEnd(a.node, a.link) !== undefined) cameFrom.set(other, node)
    }
  }
  return undefined
}
const wayBack = (cameFrom: ReadonlyMap<string, string | undefined>, to: string): ReadonlyArray<string> => {
  const way: Array<string> = []
  for (let node: string | undefined = to; node !== undefined; node = cameFrom.get(node)) way.unshift(node)
  return way
}

/** The parts of a node's scope that are looked at, in place of what they say. */
export interface ScopeState {
  readonly Topology: Topology.State
  readonly Federation: { readonly links: Iterable<readonly [string, { readonly closing: { readonly size: number } }]> }
}
export const scopesOf = (world: World<NodeMachine>, node: string): Scopes => world.state(node)?.members.Scopes ?? noScopes
type Scopes = { readonly has: (scope: string) => boolean; readonly get: (scope: string) => ScopeState | undefined } & Iterable<readonly [string, ScopeState]>
const noScopes: Scopes = new Map()
