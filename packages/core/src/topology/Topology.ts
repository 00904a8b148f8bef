/**
 * Which links form the tree of a scope. This one accepts what keeps the links a tree and refuses the
 * link that would close a cycle; a refused uplink is tried again, and so takes over when the tree
 * breaks. It alone says when a link is up or down.
 *
 * Each end of a link tells the other which nodes it reaches without it. In a tree these sets are
 * disjoint, so a node that is behind two links is a cycle. Leaves forward for nobody, join with one
 * link, and count in no set.
 *
 * The races, and what becomes of them:
 * - Both nodes dial each other at once: the dial of the node with the lesser id wins, at both ends.
 * - A dialer comes back while its old link still seems up: the new one replaces it. A dialer itself
 *   refuses a second link to a peer that it is joined to, so two addresses of one peer do not flap.
 * - A connection of an earlier life of the peer arrives late: refused as stale.
 * - What a dialer reaches changes between its offer and the answer: it says so when it is accepted.
 * - Two links join two parts at the same moment: both ends agree to both, and the news of what they
 *   reach meets itself somewhere; whoever sees a node behind two links closes the younger of them.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import type { LinkId } from "../federation/Item.ts"
import { type Step, still } from "../machine/Machine.ts"

export interface Config {
  readonly self: { readonly node: string; readonly incarnation: number }
  /** Whether we are a leaf: one link at most, and nobody is reached through us. */
  readonly leaf: boolean
  /** Nodes that are reached in all, ourselves included: so all lists of them are no longer. */
  readonly reachMax?: number
}
export const defaultReachMax = 65_536 // what every link takes in one list
export interface Peer {
  readonly node: string
  readonly incarnation: number
  readonly leaf: boolean
}

export interface State {
  readonly config: Config
  /** Numbers links by age. */
  readonly next: number
  readonly links: VersionedMap<LinkId, Link>
  /** Which link reaches a node. */
  readonly behind: VersionedMap<string, LinkId>
}
type Link = {
  readonly peer: Peer
  readonly age: number
  readonly dialled: boolean
} & (
  /** We asked the peer to take us; it knows that we reach `offered`. */
  | { readonly phase: "offering"; readonly offered: ReadonlyArray<string> }
  | { readonly phase: "up"; readonly reach: VersionedMap<string, true> }
)

export type Event =
  /** We dialled, and the peer said hello. */
  | { readonly _tag: "Greeted"; readonly link: LinkId; readonly peer: Peer }
  /** A peer that dialled us asks to join, and names the nodes that it reaches. */
  | { readonly _tag: "Offered"; readonly link: LinkId; readonly peer: Peer; readonly reach: ReadonlyArray<string> }
  /** The peer took our offer. */
  | { readonly _tag: "Accepted"; readonly link: LinkId; readonly reach: ReadonlyArray<string> }
  | { readonly _tag: "Reached"; readonly link: LinkId; readonly added: ReadonlyArray<string>; readonly removed: ReadonlyArray<string> }
  /** Gone, for whatever reason. */
  | { readonly _tag: "LinkLost"; readonly link: LinkId }

export type Action =
  | { readonly _tag: "Offer"; readonly link: LinkId; readonly reach: ReadonlyArray<string> }
  | { readonly _tag: "Accept"; readonly link: LinkId; readonly reach: ReadonlyArray<string> }
  /** Tell the peer why not, and close. */
  | { readonly _tag: "Refuse"; readonly link: LinkId; readonly error: Refusal }
  | { readonly _tag: "Announce"; readonly link: LinkId; readonly added: ReadonlyArray<string>; readonly removed: ReadonlyArray<string> }
  | { readonly _tag: "LinkUp"; readonly link: LinkId; readonly peer: Peer }
  | { readonly _tag: "LinkDown"; readonly link: LinkId }

export interface Refusal {
  readonly code: "Self" | "Duplicate" | "Cycle" | "Replaced" | "Stale" | "BadReach" | "TooMuchReach"
  readonly message: string
}

export const initial = (config: Config): Step<State, Action> =>
  still({ config, next: 1, links: VersionedMap.empty(), behind: VersionedMap.empty() })

export const transition = (state: State, event: Event): Step<State, Action> => {
  switch (event._tag) {
    case "Greeted": return onGreeted(state, event.link, event.peer)
    case "Offered": return onOffered(state, event.link, event.peer, event.reach)
    case "Accepted": return onAccepted(state, event.link, event.reach)
    case "Reached": return onReached(state, event.link, event.added, event.removed)
    case "LinkLost": return drop(state, event.link)
  }
}

const onGreeted = (state: State, link: LinkId, peer: Peer): Step<State, Action> => {
  const [, known] = linkTo(state, peer) ?? []
  if (peer.node === state.config.self.node) return refuse(state, link, self)
  if (known !== undefined && known.peer.incarnation > peer.incarnation) return refuse(state, link, stale(peer))
  if (known?.peer.incarnation === peer.incarnation) return refuse(state, link, duplicate(peer))
  const [clear, parted] = replace(state, peer)
  if (clear.config.leaf && clear.links.size > 0) return also(parted, refuse(clear, link, secondOfLeaf))
  const offered = reachWithout(clear, link)
  return [add(clear, link, { peer, dialled: true, age: clear.next, phase: "offering", offered }), [...parted, { _tag: "Offer", link, reach: offered }]]
}

const onOffered = (state: State, link: LinkId, peer: Peer, reach: ReadonlyArray<string>): Step<State, Action> => {
  const [, known] = linkTo(state, peer) ?? []
  if (peer.node === state.config.self.node) return refuse(state, link, self)
  if (known !== undefined && known.peer.incarnation > peer.incarnation) return refuse(state, link, stale(peer))
  if (known !== undefined && known.peer.incarnation === peer.incarnation && known.dialled && !losesTo(state, known)) return refuse(state, link, duplicate(peer))
  const [clear, parted] = replace(state, peer)
  if (clear.config.leaf && clear.links.size > 0) return also(parted, refuse(clear, link, secondOfLeaf))
  const wrong = objection(clear, peer, reach)
  if (wrong !== undefined) return also(parted, refuse(clear, link, wrong))
  return also([...parted, { _tag: "Accept", link, reach: peer.leaf ? [] : reachWithout(clear, link) }], join(clear, link, peer, reach, false))
}

/** Our dial that is still being answered yields to that of a peer with a lesser id; a link that is up yields to none. */
const losesTo = (state: State, known: Link): boolean => known.phase === "offering" && known.peer.node < state.config.self.node

const onAccepted = (state: State, link: LinkId, reach: ReadonlyArray<string>): Step<State, Action> => {
  const known = state.links.get(link)
  if (known === undefined || known.phase !== "offering") return still(state)
  const clear = { ...state, links: state.links.delete(link) }
  const wrong = objection(clear, known.peer, reach)
  if (wrong !== undefined) return refuse(clear, link, wrong)
  const [next, actions] = join(clear, link, known.peer, reach, true)
  return [next, [...correction(state, link, known.offered), ...actions]]
}

/** What has changed in what we reach since we offered it. */
const correction = (state: State, link: LinkId, offered: ReadonlyArray<string>): ReadonlyArray<Action> => {
  const now = reachWithout(state, link)
  const added = without(now, new Set(offered))
  const removed = without(offered, new Set(now))
  return added.length + removed.length === 0 ? [] : [{ _tag: "Announce", link, added, removed }]
}

const without = (nodes: ReadonlyArray<string>, others: ReadonlySet<string>): ReadonlyArray<string> => nodes.filter((node) => !others.has(node))

const onReached = (state: State, link: LinkId, added: ReadonlyArray<string>, removed: ReadonlyArray<string>): Step<State, Action> => {
  const known = state.links.get(link)
  if (known === undefined || known.phase !== "up") return still(state)
  if (known.peer.leaf || removed.includes(known.peer.node) || !removed.every((node) => known.reach.has(node))) {
    return refuse(state, link, { code: "BadReach", message: "a node stops reaching what it did not reach, or a leaf reaches something" })
  }
  if (added.includes(state.config.self.node)) return refuse(state, link, cycle(state.config.self.node))
  let next = state
  const parted: Array<Action> = []
  for (const node of added) {
    const other = next.behind.get(node)
    if (other === undefined || other === link) continue
    // both links cannot stay; the younger of them made the cycle
    if (next.links.get(other)!.age < known.age) return also(parted, refuse(next, link, cycle(node)))
    const [without, actions] = refuse(next, other, cycle(node))
    next = without
    parted.push(...actions)
  }
  const gone = new Set(removed)
  const fresh = [...new Set(added)].filter((node) => !known.reach.has(node) || gone.has(node))
  if (hasNoRoomFor(next, fresh.length - gone.size)) return also(parted, refuse(next, link, tooMuch(next)))
  next = learn(forget(next, link, removed), link, fresh)
  return [next, [...parted, ...announce(next, link, fresh, removed)]]
}

// ---- joining and parting ------------------------------------------------------------------------

const join = (state: State, link: LinkId, peer: Peer, reach: ReadonlyArray<string>, dialled: boolean): Step<State, Action> => {
  const nodes = peer.leaf ? [] : [...new Set([peer.node, ...reach])]
  const next = learn(add(state, link, { peer, dialled, age: state.next, phase: "up", reach: VersionedMap.empty() }), link, nodes)
  return [next, [{ _tag: "LinkUp", link, peer }, ...announce(next, link, nodes, [])]]
}

/** Why a peer that reaches these nodes cannot join. */
const objection = (state: State, peer: Peer, reach: ReadonlyArray<string>): Refusal | undefined => {
  if (peer.leaf) return reach.length > 0 ? { code: "BadReach", message: "a leaf reaches nobody" } : undefined
  const nodes = new Set([peer.node, ...reach])
  for (const node of nodes) if (node === state.config.self.node || state.behind.has(node)) return cycle(node)
  return hasNoRoomFor(state, nodes.size) ? tooMuch(state) : undefined
}

/** Takes a link out: the news for federation, then for the other links. */
const drop = (state: State, link: LinkId): Step<State, Action> => {
  const known = state.links.get(link)
  if (known === undefined) return still(state)
  if (known.phase !== "up") return [{ ...state, links: state.links.delete(link) }, []]
  const lost = [...known.reach.keys()].sort()
  const forgotten = forget(state, link, lost)
  const next = { ...forgotten, links: forgotten.links.delete(link) }
  return [next, [{ _tag: "LinkDown", link }, ...announce(next, link, [], lost)]]
}

const refuse = (state: State, link: LinkId, error: Refusal): Step<State, Action> => {
  const [next, actions] = drop(state, link)
  return [next, [...actions, { _tag: "Refuse", link, error }]]
}

/** A newer link of the same peer takes the place of the one we know. */
const replace = (state: State, peer: Peer): Step<State, Action> => {
  const known = linkTo(state, peer)
  return known === undefined ? still(state) : refuse(state, known[0], { code: "Replaced", message: `a newer link of ${peer.node} took its place` })
}

const reachMaxOf = ({ config: { reachMax = defaultReachMax } }: State): number => reachMax
/** Whether so many more nodes are too many. What a peer says it reaches is kept, and told to all others. */
const hasNoRoomFor = (state: State, more: number): boolean => more > 0 && 1 + state.behind.size + more > reachMaxOf(state)
const tooMuch = (state: State): Refusal => ({ code: "TooMuchReach", message: `more than ${reachMaxOf(state)} nodes in a scope` })

const self: Refusal = { code: "Self", message: "a node cannot be linked to itself" }
const secondOfLeaf: Refusal = { code: "Cycle", message: "a leaf joins a scope with one link only" }
const stale = ({ node }: Peer): Refusal => ({ code: "Stale", message: `a later life of ${node} is linked already` })
const duplicate = ({ node }: Peer): Refusal => ({ code: "Duplicate", message: `${node} is linked already` })
const cycle = (node: string): Refusal => ({ code: "Cycle", message: `${node} is reached by another way already; the link would close a cycle` })

// ---- reach --------------------------------------------------------------------------------------

const reachWithout = ({ behind, config }: State, link: LinkId): ReadonlyArray<string> => {
  if (config.leaf) return []
  const nodes = [config.self.node]
  for (const [node, by] of behind) if (by !== link) nodes.push(node)
  return nodes.sort()
}

const learn = (state: State, link: LinkId, nodes: ReadonlyArray<string>): State => {
  const known = state.links.get(link)!
  if (known.phase !== "up" || nodes.length === 0) return state
  let { behind } = state
  let { reach } = known
  for (const node of nodes) {
    behind = behind.set(node, link)
    reach = reach.set(node, true)
  }
  return { ...state, behind, links: state.links.set(link, { ...known, reach }) }
}

const forget = (state: State, link: LinkId, nodes: ReadonlyArray<string>): State => {
  const known = state.links.get(link)!
  if (known.phase !== "up" || nodes.length === 0) return state
  let { behind } = state
  let { reach } = known
  for (const node of nodes) {
    behind = behind.delete(node)
    reach = reach.delete(node)
  }
  return { ...state, behind, links: state.links.set(link, { ...known, reach }) }
}

/** Tells every other link that forwards what we reach now through this one. A leaf forwards nothing, so it says and hears nothing. */
const announce = (state: State, through: LinkId, added: ReadonlyArray<string>, removed: ReadonlyArray<string>): ReadonlyArray<Action> => {
  if (state.config.leaf || added.length + removed.length === 0) return []
  const others = [...state.links].filter(([link, { peer, phase }]) => link !== through && phase === "up" && !peer.leaf)
  return others.map(([link]) => link).sort().map((link) => ({ _tag: "Announce", link, added, removed }))
}

// ---- questions ----------------------------------------------------------------------------------

const add = (state: State, link: LinkId, known: Link): State => ({ ...state, next: state.next + 1, links: state.links.set(link, known) })
const also = (before: ReadonlyArray<Action>, [state, actions]: Step<State, Action>): Step<State, Action> => [state, [...before, ...actions]]
const linkTo = (state: State, { node }: Peer): readonly [LinkId, Link] | undefined => {
  for (const entry of state.links) if (entry[1].peer.node === node) return entry
  return undefined
}

/** Whether no link has joined or asks to. */
export const isAlone = ({ links }: State): boolean => links.size === 0
/** How many links are up. */
export const degree = ({ links }: State): number => [...links.values()].filter(({ phase }) => phase === "up").length
