/**
 * What a node knows of the tree of one scope: its links, which of them lead to neighbours, its way to the
 * root, and the edges of which something stays. Plain data.
 */
import type { VersionedMap } from "../data/VersionedMap.ts"
import type { LinkId } from "../federation/Item.ts"
import type { Path } from "./Path.ts"

/** One of the times that a link was an edge: what federation calls a link. */
export type EdgeId = string

/** What `initial` of a scope's tree is given. */
export interface Config {
  readonly self: { readonly node: string; readonly incarnation: number }
  /** Whether we are a leaf: one link at most, and nothing is forwarded. */
  readonly leaf: boolean
  /** The less, the rather are we the root; before the id. */
  readonly priority?: number
  /** How long what came over an edge stays after the edge is lost, ms. */
  readonly graceMs?: number
}
/** Of a node that is told none. Less is nearer to being the root. */
export const defaultPriority = 100 // room on both sides
/** How long what a lost edge brought stays, unless a node is told otherwise; ms. */
export const defaultGraceMs = 5_000 // a guess: some round trips, a reconnection and a garbage collection

/** Who is at the other end of a link, as its hello says: the node's id, which of its lives this is, and whether it is a leaf. */
export interface Peer {
  readonly node: string
  readonly incarnation: number
  readonly leaf: boolean
}

/** What a node knows of the tree of one scope. Plain data. */
export interface State {
  readonly config: Required<Config>
  readonly links: VersionedMap<LinkId, Link>
  /** Which link leads to a node. */
  readonly byNode: VersionedMap<string, LinkId>
  /** The joined links between us and others that forward; none for a leaf. */
  readonly neighbours: VersionedMap<LinkId, Neighbour>
  /** The link to our parent, also while we ask it to be that or let go of it. */
  readonly above: LinkId | undefined
  /** Ours to the root; `undefined` while we know none. */
  readonly path: Path | undefined
  /** Our measure: the least path that we ever had. */
  readonly feasible: Path
  /** The edges that were lost and whose facts still stand, and who was there. */
  readonly lingering: VersionedMap<EdgeId, Peer>
  /** The edges that were forgotten here, and may linger at their other ends. */
  readonly fading: VersionedMap<EdgeId, true>
  readonly departing: boolean
}
export interface Link {
  readonly peer: Peer
  readonly dialled: boolean
  readonly cost: number | undefined
  /** We asked the peer to take us, or it did. */
  readonly isUp: boolean
  readonly edge: EdgeId | undefined
  /** How often it was one. */
  readonly edges: number
  /** Whether the application was told that it has joined. */
  readonly isSettled: boolean
}
export interface Neighbour {
  readonly cost: number
  /** Where its cost is from. */
  readonly costs: "what was said" | "a round trip" | "nothing yet"
  readonly role: "none" | "asked" | "parent" | "child" | "left"
  /** What it offered last; `undefined` when that does not hold any more. */
  readonly heard: Path | undefined
  /** What we told it last, and whether that was a path at all. */
  readonly told: Path | "none" | undefined
  /** The number that we asked it for, 0 for none, and the one that it asks us for. */
  readonly sought: number
  readonly wanted: number
  /** We have yet to ask whether it has answered for all; how often it asked us that, and has no answer yet. */
  readonly asks: boolean
  readonly doubts: number
}

/**
 * The link that an edge is, or was.
 *
 * linkOf("out:1/2")   // => "out:1"
 */
export const linkOf = (edge: EdgeId): LinkId => edge.slice(0, edge.lastIndexOf("/"))
/** Whether no link has joined or asks to, and nothing stays of one that had. */
export const isAlone = ({ lingering, links }: State): boolean => links.size === 0 && lingering.size === 0
/** How many links have joined. */
export const degree = ({ links }: State): number => [...links.values()].filter(({ isUp }) => isUp).length
/** The links that are edges as we see it, who is there, and who is above whom. */
export const edges = ({ links, neighbours }: State): ReadonlyArray<{ readonly link: LinkId; readonly node: string; readonly role: "parent" | "child" | "leaf" }> =>
  [...links].filter(([, { edge }]) => edge !== undefined)
    .map(([link, { peer }]) => ({ link, node: peer.node, role: (neighbours.get(link)?.role ?? "leaf") as "parent" | "child" | "leaf" }))
    .sort((a, b) => (a.link < b.link ? -1 : 1))
