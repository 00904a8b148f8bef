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
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import { type Step, still } from "../machine/Machine.ts"
import { compareRoots, isBefore, isNews, least, over, type Path } from "./Path.ts"

export type { Path } from "./Path.ts"

type LinkId = string
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
interface Link {
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
interface Neighbour {
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

/** What two neighbours tell each other. */
export type Tree =
  /** The way to the root that I offer. */
  | { readonly _tag: "Path"; readonly path: Path }
  /** I have none. */
  | { readonly _tag: "Pathless" }
  /** Find me one of at least this number. */
  | { readonly _tag: "Seek"; readonly seq: number }
  /** Be my parent; my own best path ever was this one. */
  | { readonly _tag: "Attach"; readonly feasible: Path }
  /** I am: the link is an edge. */
  | { readonly _tag: "Attached" }
  /** The link is no edge any more; or it does not become one. */
  | { readonly _tag: "Detach" }
  /** So be it; or, to `Attach`: no. */
  | { readonly _tag: "Detached" }

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
  | { readonly _tag: "Turn"; readonly link: LinkId; readonly items: ReadonlyArray<unknown> }
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

/** What topology asks of the links' sessions and of timers, and its news for federation and the operator. */
export type Action =
  /** Dialer: ask the peer to join. */
  | { readonly _tag: "Offer"; readonly link: LinkId }
  /** Acceptor: let the peer in. */
  | { readonly _tag: "Accept"; readonly link: LinkId }
  /** Tell the peer why not, and close. */
  | { readonly _tag: "Refuse"; readonly link: LinkId; readonly error: Refusal }
  /** Send the peer this. */
  | { readonly _tag: "Tell"; readonly link: LinkId; readonly tree: Tree }
  /** Come back with `TellDue` when the edges that came and went before have been dealt with. */
  | { readonly _tag: "TellNext"; readonly link: LinkId; readonly tree: Tree }
  /** A link is of use: it is an edge, or spare. */
  | { readonly _tag: "Joined"; readonly link: LinkId; readonly peer: Peer }
  /** A link that had joined is gone. */
  | { readonly _tag: "Parted"; readonly link: LinkId }
  /** The link is an edge from now on, under this name; `role` is what the peer is to us. */
  | { readonly _tag: "EdgeUp"; readonly edge: EdgeId; readonly link: LinkId; readonly role: "parent" | "child" | "leaf" }
  /** With `linger`, what came over it stays until it is forgotten. */
  | { readonly _tag: "EdgeDown"; readonly edge: EdgeId; readonly link: LinkId; readonly linger: boolean }
  /** The grace of an edge is over, or its peer is back and has answered: what came over it goes. */
  | { readonly _tag: "Forget"; readonly edge: EdgeId }
  /** Who was at the other end has forgotten it, too. */
  | { readonly _tag: "Trust"; readonly edge: EdgeId }
  /** What the peer was told over this edge is all that is so, as far as we know: nothing else lingers here. Or it is no edge any more. */
  | { readonly _tag: "Assure"; readonly link: LinkId }
  /** A turn that came over an edge, for federation. */
  | { readonly _tag: "Turn"; readonly edge: EdgeId; readonly items: ReadonlyArray<unknown> }
  /** Come back with `Confirmed` when the peer has answered for what it is asked now. */
  | { readonly _tag: "Confirm"; readonly link: LinkId }
  /** Come back with `GraceOver` of this edge in so many ms. */
  | { readonly _tag: "SetGrace"; readonly edge: EdgeId; readonly afterMs: number }
  | { readonly _tag: "CancelGrace"; readonly edge: EdgeId }

/** Why a link is not let in, or not any more. The peer is told. */
export interface Refusal {
  /**
   * `Self`: we dialled ourselves; `Duplicate`: this life of the node is linked already; `Stale`: a later one is; `Replaced`: a
   * newer link of it took the place; `SecondLink`: a leaf has one link; `Unexpected`: what was said does not fit the tree;
   * `Exhausted`: no greater number is left, and we begin anew.
   */
  readonly code: "Self" | "Duplicate" | "Replaced" | "Stale" | "SecondLink" | "Unexpected" | "Exhausted"
  readonly message: string
}

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
  const draft: Draft = { ...state, out: [] }
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
  const { out, ...next } = draft
  return [next, out]
}

/** A step in the making. */
type Draft = { -readonly [K in keyof State]: State[K] } & { readonly out: Array<Action> }

/** The path of every message; nothing is drafted for it. */
const onTurn = (state: State, link: LinkId, items: ReadonlyArray<unknown>): Step<State, Action> => {
  const edge = state.links.get(link)?.edge
  if (edge !== undefined) return [state, [{ _tag: "Turn", edge, items }]]
  if (!state.links.has(link) || state.neighbours.get(link)?.role === "left") return still(state) // on its way when we let go
  const draft: Draft = { ...state, out: [] }
  refuse(draft, link, notAnEdge)
  const { out, ...next } = draft
  return [next, out]
}

// ---- joining and parting ------------------------------------------------------------------------

const onGreeted = (draft: Draft, link: LinkId, peer: Peer, cost: number | undefined): void => {
  const known = linkTo(draft, peer)
  if (peer.node === draft.config.self.node) return refuse(draft, link, self)
  if (known !== undefined && known.peer.incarnation > peer.incarnation) return refuse(draft, link, stale(peer))
  if (known?.peer.incarnation === peer.incarnation) return refuse(draft, link, duplicate(peer))
  replace(draft, peer)
  if (draft.config.leaf && draft.links.size > 0) return refuse(draft, link, secondOfLeaf)
  add(draft, link, peer, { dialled: true, cost, isUp: false })
  draft.out.push({ _tag: "Offer", link })
}

const onOffered = (draft: Draft, link: LinkId, peer: Peer): void => {
  const known = linkTo(draft, peer)
  if (peer.node === draft.config.self.node) return refuse(draft, link, self)
  if (known !== undefined && known.peer.incarnation > peer.incarnation) return refuse(draft, link, stale(peer))
  // of two dials that cross, that of the lesser id wins at both ends; a link that is up yields to none of the peer's
  const yields = known !== undefined && !known.isUp && known.peer.node < draft.config.self.node
  if (known !== undefined && known.peer.incarnation === peer.incarnation && known.dialled && !yields) return refuse(draft, link, duplicate(peer))
  replace(draft, peer)
  if (draft.config.leaf && draft.links.size > 0) return refuse(draft, link, secondOfLeaf)
  add(draft, link, peer, { dialled: false, cost: undefined, isUp: false })
  draft.out.push({ _tag: "Accept", link })
  join(draft, link)
}

const onAccepted = (draft: Draft, link: LinkId): void => {
  if (draft.links.get(link)?.isUp === false) join(draft, link)
}

const join = (draft: Draft, link: LinkId): void => {
  const known = draft.links.get(link)!
  draft.links = draft.links.set(link, { ...known, isUp: true })
  if (draft.config.leaf || known.peer.leaf) return edgeUp(draft, link, "leaf")
  draft.neighbours = draft.neighbours.set(link, {
    cost: known.cost ?? 1, costs: known.cost === undefined ? "nothing yet" : "what was said", role: "none", heard: undefined, told: undefined, sought: 0, wanted: 0, asks: false, doubts: 0
  })
  settle(draft)
}

const drop = (draft: Draft, link: LinkId, farewell: boolean): void => {
  const known = draft.links.get(link)
  if (known === undefined) return
  edgeDown(draft, link, !farewell)
  draft.links = draft.links.delete(link)
  if (draft.byNode.get(known.peer.node) === link) draft.byNode = draft.byNode.delete(known.peer.node)
  if (known.isSettled) draft.out.push({ _tag: "Parted", link })
  if (!draft.neighbours.has(link)) return
  draft.neighbours = draft.neighbours.delete(link)
  if (draft.above === link) draft.above = undefined
  settle(draft)
}

/** Of who broke the rules nothing stays. */
const refuse = (draft: Draft, link: LinkId, error: Refusal): void => {
  drop(draft, link, error.code !== "Replaced" && error.code !== "Exhausted")
  draft.out.push({ _tag: "Refuse", link, error })
}

/** A newer link of the same peer takes the place of the one that we know. */
const replace = (draft: Draft, { node }: Peer): void => {
  const known = draft.byNode.get(node)
  if (known !== undefined) refuse(draft, known, { code: "Replaced", message: `a newer link of ${node} took its place` })
}

const self: Refusal = { code: "Self", message: "a node cannot be linked to itself" }
const secondOfLeaf: Refusal = { code: "SecondLink", message: "a leaf joins a scope with one link only" }
const notAnEdge: Refusal = { code: "Unexpected", message: "a turn on a link that is no edge of the tree: attach first, or say hello as a leaf" }
const stale = ({ node }: Peer): Refusal => ({ code: "Stale", message: `a later life of ${node} is linked already` })
const exhausted: Refusal = { code: "Exhausted", message: "the numbers of the tree are used up: join again" }
const duplicate = ({ node }: Peer): Refusal => ({ code: "Duplicate", message: `${node} is linked already` })

// ---- edges, and what stays of them ---------------------------------------------------------------

const edgeUp = (draft: Draft, link: LinkId, role: "parent" | "child" | "leaf"): void => {
  const known = draft.links.get(link)!
  const edges = known.edges + 1
  const edge = `${link}/${edges}`
  draft.links = draft.links.set(link, { ...known, edge, edges })
  announceJoined(draft, link)
  draft.out.push({ _tag: "EdgeUp", edge, link, role })
  // a peer that was gone and is back with what it knew answers for all that it supplied before; one that is a leaf now does not know it
  if (role === "leaf" || remainsOf(draft, known.peer).length === 0) return
  set(draft, link, { asks: true })
  reassure(draft)
}

const edgeDown = (draft: Draft, link: LinkId, isSudden: boolean): void => {
  const known = draft.links.get(link)!
  const { edge, peer } = known
  if (edge === undefined) return
  const { graceMs, leaf } = draft.config
  const linger = isSudden && graceMs > 0 && !leaf && !peer.leaf && lingeringOf(draft, peer) < lingeringMax
  assure(draft, link)
  if (draft.neighbours.has(link)) set(draft, link, { asks: false })
  draft.links = draft.links.set(link, { ...known, edge: undefined })
  draft.out.push({ _tag: "EdgeDown", edge, link, linger })
  if (!linger) return
  draft.lingering = draft.lingering.set(edge, peer)
  draft.out.push({ _tag: "SetGrace", edge, afterMs: graceMs })
}

/** Of each node so many edges, however often it comes and goes: what one edge brings is bounded, so what they leave has to be. */
const lingeringMax = 8 // a guess: losses in one grace, of which none was confirmed; the first ones know what was there before it all
const lingeringOf = ({ lingering }: Draft, { node }: Peer): number => {
  let count = 0
  for (const peer of lingering.values()) if (peer.node === node) count++
  return count
}

const onConfirmed = (draft: Draft, link: LinkId): void => {
  const known = draft.links.get(link)
  if (known?.edge === undefined) return
  for (const edge of remainsOf(draft, known.peer)) {
    draft.out.push({ _tag: "CancelGrace", edge })
    forget(draft, edge)
  }
  reassure(draft)
}

const onDoubted = (draft: Draft, link: LinkId): void => {
  const known = draft.links.get(link)
  if (known === undefined) return
  const it = draft.neighbours.get(link)
  if (it === undefined) return void draft.out.push({ _tag: "Assure", link })
  set(draft, link, { doubts: it.doubts + 1 })
  if (known.edge === undefined) assure(draft, link)
  else reassure(draft)
}
/** Each question is answered, also one about an edge that has gone: that answer is there before the link is an edge again, and means nothing. */
const assure = (draft: Draft, link: LinkId): void => {
  const doubts = draft.neighbours.get(link)?.doubts ?? 0
  if (doubts === 0) return
  set(draft, link, { doubts: 0 })
  for (let i = 0; i < doubts; i++) draft.out.push({ _tag: "Assure", link })
}
/**
 * Asks and answers, each only while nothing lingers here but edges to that same peer: what others told us
 * before we were lost to them is not told over newer edges, and what is asked on their behalf is not asked.
 */
const reassure = (draft: Draft): void => {
  const lingering = new Set([...draft.lingering.values()].map(({ node }) => node))
  for (const [link, { asks, doubts }] of sorted(draft.neighbours)) {
    if (!asks && doubts === 0 || lingering.size > (lingering.has(draft.links.get(link)!.peer.node) ? 1 : 0)) continue
    set(draft, link, { asks: false })
    if (asks) draft.out.push({ _tag: "Confirm", link })
    assure(draft, link)
  }
}

const onGraceOver = (draft: Draft, edge: EdgeId): void => {
  if (draft.fading.has(edge)) {
    draft.fading = draft.fading.delete(edge)
    draft.out.push({ _tag: "Trust", edge })
    return
  }
  forget(draft, edge)
  reassure(draft)
}

/** The other end's grace began when it noticed, which may have been later. */
const forget = (draft: Draft, edge: EdgeId): void => {
  if (!draft.lingering.has(edge)) return
  draft.lingering = draft.lingering.delete(edge)
  draft.fading = draft.fading.set(edge, true)
  draft.out.push({ _tag: "Forget", edge }, { _tag: "SetGrace", edge, afterMs: fadingMs })
}

const fadingMs = 1_000 // a guess: some round trips

/** Of an earlier life nothing can be confirmed: it may have known of others what this one has yet to learn. */
const remainsOf = ({ lingering }: Draft, { incarnation, node }: Peer): ReadonlyArray<EdgeId> =>
  lingering.size === 0 ? [] : [...lingering].filter(([, peer]) => peer.node === node && peer.incarnation === incarnation).map(([edge]) => edge).sort()

const announceJoined = (draft: Draft, link: LinkId): void => {
  const known = draft.links.get(link)!
  if (known.isSettled) return
  draft.links = draft.links.set(link, { ...known, isSettled: true })
  draft.out.push({ _tag: "Joined", link, peer: known.peer })
}

// ---- what neighbours say ------------------------------------------------------------------------

const onTold = (draft: Draft, link: LinkId, tree: Tree): void => {
  const it = draft.neighbours.get(link)
  if (it === undefined) return draft.links.has(link) ? refuse(draft, link, { code: "Unexpected", message: `${tree._tag} on a link of a leaf, which is an edge without it` }) : undefined
  switch (tree._tag) {
    case "Path":
      set(draft, link, { heard: tree.path, sought: it.heard?.root === tree.path.root ? it.sought : 0 })
      break
    case "Pathless":
      set(draft, link, { heard: undefined, sought: 0 })
      break
    case "Seek":
      if (tree.seq <= numbersMax) set(draft, link, { wanted: Math.max(it.wanted, tree.seq) })
      break
    case "Attach": return onAttach(draft, link, it, tree.feasible)
    case "Attached":
      if (it.role !== "asked") return refuse(draft, link, unasked("Attached"))
      set(draft, link, { role: "parent" })
      edgeUp(draft, link, "parent")
      break
    case "Detach":
      letGo(draft, link, it)
      break
    case "Detached":
      if (it.role !== "asked" && it.role !== "left") return refuse(draft, link, unasked("Detached"))
      // refused: what it offered holds no more, and it offers again what holds
      set(draft, link, it.role === "asked" ? { role: "none", heard: undefined, sought: 0 } : { role: "none" })
      if (draft.above === link) draft.above = undefined
  }
  settle(draft)
}
const unasked = (what: string): Refusal => ({ code: "Unexpected", message: `${what}, which answers nothing that we asked` })

const onAttach = (draft: Draft, link: LinkId, it: Neighbour, feasible: Path): void => {
  if (it.role === "child") return refuse(draft, link, { code: "Unexpected", message: "Attach of a child" })
  const isTaken = it.role === "none" && draft.path !== undefined && !draft.departing && isBefore(draft.feasible, feasible)
  if (isTaken) {
    set(draft, link, { role: "child" })
    tell(draft, link, { _tag: "Attached" })
    edgeUp(draft, link, "child")
  } else {
    tell(draft, link, { _tag: "Detached" })
    set(draft, link, { told: undefined })
  }
  settle(draft)
}

/** The neighbour lets go of us, as our child or as our parent; or we both did. */
const letGo = (draft: Draft, link: LinkId, { role }: Neighbour): void => {
  edgeDown(draft, link, true)
  tell(draft, link, { _tag: "Detached" })
  if (role !== "child" && role !== "parent") return
  set(draft, link, { role: "none" })
  if (draft.above === link) draft.above = undefined
}

/**
 * A link costs the least round trip that was seen on it, in ms, at least 1: what is on top of it is congestion
 * and chance. Only the first, of a new link, is a reason to look for a shorter way at once: changing parents
 * costs what is under way, and while links stay as they are nothing is to be lost.
 */
const onMeasured = (draft: Draft, link: LinkId, rttMs: number): void => {
  const it = draft.neighbours.get(link)
  if (it === undefined || it.costs === "what was said") return
  const cost = Math.max(1, Math.round(rttMs))
  const isFirst = it.costs === "nothing yet"
  set(draft, link, { cost: isFirst ? cost : Math.min(cost, it.cost), costs: "a round trip" })
  if (isFirst) settle(draft)
}

const onDepart = (draft: Draft): void => {
  draft.departing = true
  draft.path = undefined
  draft.above = undefined
  for (const [link, { role }] of sorted(draft.neighbours)) {
    if (role !== "child" && role !== "parent") continue
    edgeDown(draft, link, true)
    tell(draft, link, { _tag: "Pathless" })
    tell(draft, link, { _tag: "Detach" })
    set(draft, link, { role: "left", told: "none" })
  }
  settle(draft)
}

// ---- the way to the root ------------------------------------------------------------------------

/** After every change: which way is ours now, which one do we want, who should know. */
const settle = (draft: Draft): void => {
  refresh(draft)
  if (!draft.departing && !isInTransit(draft)) choose(draft)
  // while we change parents nobody hears of it: it takes a round trip, or ends in a loss that is told
  if (isInTransit(draft)) return
  raise(draft)
  for (const [link] of sorted(draft.neighbours)) announce(draft, link)
}

const isInTransit = ({ above, neighbours }: Draft): boolean => above !== undefined && neighbours.get(above)!.role !== "parent"
const isRoot = ({ config, path }: Draft): boolean => path?.root === config.self.node

const refresh = (draft: Draft): void => {
  if (draft.above === undefined) {
    if (!isRoot(draft)) draft.path = undefined
    return
  }
  const parent = draft.neighbours.get(draft.above)!
  if (parent.role !== "parent") return
  draft.path = offerOf(draft, parent)
  if (draft.path !== undefined) draft.feasible = least(draft.feasible, draft.path)
}

/** Where a neighbour leads to; not what it remembers of a life of ours, nor what leaves no room to count on from. */
const offerOf = ({ config }: Draft, { cost, heard }: Neighbour): Path | undefined =>
  heard === undefined || heard.root === config.self.node || heard.seq > numbersMax || heard.distance > numbersMax ? undefined : over(heard, cost)
const numbersMax = 2 ** 47 // of the 2^48 that a packet may hold

const choose = (draft: Draft): void => {
  const { config, path } = draft
  const isTop = draft.above === undefined
  let wish: Option | undefined
  let way: Option | undefined
  for (const [link, it] of draft.neighbours) {
    const offer = it.role === "none" ? offerOf(draft, it) : undefined
    if (offer === undefined || path !== undefined && !isWorthIt(offer, path)) continue
    const option: Option = { link, it, offer }
    wish = better(wish, option)
    if (isBefore(it.heard!, draft.feasible)) way = better(way, option)
  }
  // of lesser priority than all roots that there are, or the only one that there is
  const isBest = (path === undefined || config.priority < path.priority) && (wish === undefined || config.priority < wish.offer.priority)
  if (isBest && (path !== undefined || isTop)) return claim(draft)
  // one that has a path waits for the root that it wants; one that has none takes what it gets, and goes on from there
  if (way !== undefined && (path === undefined || compareRoots(way.offer, wish!.offer) === 0)) {
    return go(draft, way.link)
  }
  if (wish !== undefined) seek(draft, wish.link, numberFor(draft, wish.it.heard!))
}

interface Option {
  readonly link: LinkId
  readonly it: Neighbour
  readonly offer: Path
}
const better = (a: Option | undefined, b: Option): Option => {
  if (a === undefined) return b
  const order = compareRoots(a.offer, b.offer) || a.offer.distance - b.offer.distance
  return order < 0 || order === 0 && a.link < b.link ? a : b
}
/** A better root; or the same at half the distance, so that nobody goes back and forth. */
const isWorthIt = (offer: Path, path: Path): boolean => {
  const roots = compareRoots(offer, path)
  return roots < 0 || roots === 0 && 2 * offer.distance <= path.distance
}
/** The number with which what a neighbour offers becomes feasible. */
const numberFor = ({ feasible }: Draft, heard: Path): number => compareRoots(heard, feasible) < 0 ? feasible.seq : feasible.seq + 1

/** To another parent, having let go of the one before; that is half of the way. */
const go = (draft: Draft, link: LinkId): void => {
  if (draft.above !== undefined) return leave(draft, draft.above)
  draft.above = link
  set(draft, link, { role: "asked" })
  tell(draft, link, { _tag: "Attach", feasible: draft.feasible })
}

const leave = (draft: Draft, link: LinkId): void => {
  edgeDown(draft, link, true)
  set(draft, link, { role: "left" })
  tell(draft, link, { _tag: "Detach" })
}

/** We are the root from now on, for all whom we do not find a better one. */
const claim = (draft: Draft): void => {
  if (draft.above !== undefined) {
    draft.path = undefined
    return leave(draft, draft.above)
  }
  const seq = draft.feasible.seq + 1
  if (seq > numbersMax) return renew(draft)
  draft.path = draft.feasible = ownPath(draft.config, seq)
}
const ownPath = ({ priority, self }: Required<Config>, seq: number): Path => ({ seq, priority, root: self.node, distance: 0 })

/**
 * As if we were born again, because somebody counted as far as there are numbers: with a number that nobody
 * takes there would be no way to anybody for ever. Without neighbours we are in nobody's way, whatever our measure.
 */
const renew = (draft: Draft): void => {
  const neighbours = sorted(draft.neighbours)
  draft.neighbours = VersionedMap.empty()
  draft.above = undefined
  draft.path = draft.feasible = ownPath(draft.config, 0)
  for (const [link] of neighbours) refuse(draft, link, exhausted)
}

const seek = (draft: Draft, link: LinkId, seq: number): void => {
  if (seq > numbersMax) return renew(draft)
  const it = draft.neighbours.get(link)!
  if (it.sought >= seq) return
  set(draft, link, { sought: seq })
  tell(draft, link, { _tag: "Seek", seq })
}

/** What others seek from us: as the root we have it, else our parent may. */
const raise = (draft: Draft): void => {
  const { above, path } = draft
  if (path === undefined) return
  let wanted = 0
  for (const { wanted: seq } of draft.neighbours.values()) wanted = Math.max(wanted, seq)
  if (wanted <= path.seq) return
  if (above !== undefined) return seek(draft, above, wanted)
  draft.path = { ...path, seq: wanted }
  draft.feasible = draft.path
}

const announce = (draft: Draft, link: LinkId): void => {
  const { path } = draft
  const it = draft.neighbours.get(link)!
  if (it.role === "parent") return
  if (path === undefined) {
    if (it.wanted > 0) set(draft, link, { wanted: 0 })
    if (it.told === "none") return
    set(draft, link, { told: "none" })
    return tell(draft, link, { _tag: "Pathless" })
  }
  const isAnswer = it.wanted > 0 && it.wanted <= path.seq
  if (it.told === undefined || it.told === "none" || isAnswer && it.told.seq < it.wanted || isNews(it.told, path)) {
    set(draft, link, { told: path })
    tell(draft, link, { _tag: "Path", path })
  }
  if (isAnswer) set(draft, link, { wanted: 0 })
  // a spare link is of use as soon as both know that they have one root
  if (it.heard?.root === path.root) announceJoined(draft, link)
}

// ---- questions and helpers ------------------------------------------------------------------------

const add = (draft: Draft, link: LinkId, peer: Peer, known: Pick<Link, "dialled" | "cost" | "isUp">): void => {
  draft.links = draft.links.set(link, { ...known, peer, edge: undefined, edges: 0, isSettled: false })
  draft.byNode = draft.byNode.set(peer.node, link)
}
const set = (draft: Draft, link: LinkId, change: Partial<Neighbour>): void => {
  draft.neighbours = draft.neighbours.set(link, { ...draft.neighbours.get(link)!, ...change })
}
const tell = (draft: Draft, link: LinkId, tree: Tree): void => void draft.out.push({ _tag: "TellNext", link, tree })
const linkTo = ({ byNode, links }: Draft, { node }: Peer): Link | undefined => {
  const link = byNode.get(node)
  return link === undefined ? undefined : links.get(link)
}
const sorted = <A>(map: VersionedMap<string, A>): ReadonlyArray<readonly [string, A]> => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

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
