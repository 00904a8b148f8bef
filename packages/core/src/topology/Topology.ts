/**
 * Which links form the tree of a scope, over whatever links there are. Every joined link between two
 * nodes that forward makes them neighbours; each node has a parent among its neighbours, toward a root,
 * and the links between parents and children are the edges of the tree. It alone says when an edge is
 * up or down. Leaves forward for nobody and join with one link, which is an edge at once.
 *
 * Paths to the root travel by distance vector; what keeps them free of loops is Babel's feasibility
 * condition (RFC 8966, 2.4; proved by Chroboczek and Schneider), made to hold between several would-be
 * roots: sequence numbers are common to all of them, like Raft's terms. Of the roots that compete the one
 * with the least (priority, id) wins; a node whose root is lost takes its place with a greater number,
 * and gives way to a better one.
 *
 * Promises, whatever is delayed or lost on different links:
 * - at no instant do edges form a cycle: each node has at most one parent, which it let go of at both
 *   ends before it asks for the next, and whose measure (`feasible`) is strictly before its own;
 * - when the links stay as they are, the edges come to be a tree that spans all whom they join;
 * - what a neighbour is told of is a change of root, of reachability, or of half or twice the distance.
 *
 * A node without a feasible path asks the root of any neighbour that has a path for a greater number; the
 * question goes up one path and the answer comes down it, and concerns nobody else. When no neighbour
 * has a path, the root is gone: the topmost node claims to be the root.
 *
 * This is the switch. Who is let in and how links part stands in Joining; what neighbours say in Neighbours;
 * which way leads to the root in Way; when a link is an edge, and what stays of one, in Edges.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import type { Item, LinkId } from "../federation/Item.ts"
import { type Step, still } from "../machine/Machine.ts"
import type { Action, Refusal } from "./Action.ts"
import { begin, finish } from "./Draft.ts"
import { onConfirmed, onDoubted, onGraceOver } from "./Edges.ts"
import { drop, onAccepted, onDepart, onGreeted, onOffered, refuse } from "./Joining.ts"
import { onMeasured, onTold } from "./Neighbours.ts"
import { type Config, defaultGraceMs, defaultPriority, type EdgeId, type Peer, type State } from "./State.ts"
import type { Tree } from "./Tree.ts"
import { ownPath } from "./Way.ts"

export type { Action, Refusal } from "./Action.ts"
export type { Path } from "./Path.ts"
export { type Config, defaultGraceMs, defaultPriority, degree, type EdgeId, edges, isAlone, linkOf, type Peer, type State } from "./State.ts"
export type { Tree } from "./Tree.ts"

/** What topology is told: by links, by neighbours, by timers. */
export type Event =
  /** We dialled, and the peer said hello. `cost` is the link's, when somebody said what it is. */
  | { readonly _tag: "Greeted"; readonly link: LinkId; readonly peer: Peer; readonly cost?: number | undefined }
  /** A peer that dialled us asks to join. */
  | { readonly _tag: "Offered"; readonly link: LinkId; readonly peer: Peer }
  /** The peer took our offer. */
  | { readonly _tag: "Accepted"; readonly link: LinkId }
  /** A neighbour said this of the tree. */
  | { readonly _tag: "Told"; readonly link: LinkId; readonly tree: Tree }
  /** A round trip took so long. */
  | { readonly _tag: "Measured"; readonly link: LinkId; readonly rttMs: number }
  /** What we have to tell a peer is due: what its edge carries before has been said. */
  | { readonly _tag: "TellDue"; readonly link: LinkId; readonly tree: Tree }
  /** A turn of the peer, for federation. */
  | { readonly _tag: "Turn"; readonly link: LinkId; readonly items: ReadonlyArray<Item> }
  /** Gone, for whatever reason. After a farewell nothing of it stays. */
  | { readonly _tag: "LinkLost"; readonly link: LinkId; readonly farewell?: boolean }
  /** The peer has answered for all that we asked over this link. */
  | { readonly _tag: "Confirmed"; readonly link: LinkId }
  /** The peer asks to be told when we have answered for all that it asked. */
  | { readonly _tag: "Doubted"; readonly link: LinkId }
  /** The timer of `SetGrace` fired. */
  | { readonly _tag: "GraceOver"; readonly edge: EdgeId }
  /** We go: let others find their ways without us. */
  | { readonly _tag: "Depart" }

/** A node by itself: the root of a tree of one. */
export const initial = (config: Config): Step<State, Action> => {
  const { leaf, priority = defaultPriority, graceMs = defaultGraceMs, self } = config
  const settled: Required<Config> = { self, leaf, priority, graceMs }
  const own = ownPath(settled, 0)
  return still({
    config: settled,
    links: VersionedMap.empty(), byNode: VersionedMap.empty(), neighbours: VersionedMap.empty(),
    above: undefined, path: own, feasible: own, lingering: VersionedMap.empty(), fading: VersionedMap.empty(), departing: false
  })
}

/** One event. What concerns a link that is not known changes nothing. */
export const transition = (state: State, event: Event): Step<State, Action> => {
  if (event._tag === "Turn") return onTurn(state, event.link, event.items)
  if (event._tag === "TellDue") return [state, [{ ...event, _tag: "Tell" }]]
  const draft = begin(state)
  switch (event._tag) {
    case "Greeted": onGreeted(draft, event.link, event.peer, event.cost); break
    case "Offered": onOffered(draft, event.link, event.peer); break
    case "Accepted": onAccepted(draft, event.link); break
    case "Told": onTold(draft, event.link, event.tree); break
    case "Measured": onMeasured(draft, event.link, event.rttMs); break
    case "LinkLost": drop(draft, event.link, event.farewell === true); break
    case "Confirmed": onConfirmed(draft, event.link); break
    case "Doubted": onDoubted(draft, event.link); break
    case "GraceOver": onGraceOver(draft, event.edge); break
    case "Depart": onDepart(draft); break
  }
  return finish(draft)
}

/** The path of every message; nothing is drafted for it. */
const onTurn = (state: State, link: LinkId, items: ReadonlyArray<Item>): Step<State, Action> => {
  const edge = state.links.get(link)?.edge
  if (edge !== undefined) return [state, [{ _tag: "Turn", edge, items }]]
  if (!state.links.has(link) || state.neighbours.get(link)?.role === "left") return still(state) // on its way when we let go
  const draft = begin(state)
  refuse(draft, link, notAnEdge)
  return finish(draft)
}

const notAnEdge: Refusal = { code: "Unexpected", message: "a turn on a link that is no edge of the tree: attach first, or say hello as a leaf" }
