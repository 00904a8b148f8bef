/**
 * Who is let in, and how links part. Of two links to one peer one stays, the same at both ends; a leaf has
 * one link at all; an earlier life of a node yields to a later one.
 */
import type { LinkId } from "../federation/Item.ts"
import type { Refusal } from "./Action.ts"
import { type Draft, linkTo, set, sorted, tell } from "./Draft.ts"
import { edgeDown, edgeUp, part } from "./Edges.ts"
import type { Link, Peer } from "./State.ts"
import { settle } from "./Way.ts"

export const onGreeted = (draft: Draft, link: LinkId, peer: Peer, cost: number | undefined): void => {
  const known = linkTo(draft, peer)
  if (peer.node === draft.config.self.node) return refuse(draft, link, self)
  if (known !== undefined && known.peer.incarnation > peer.incarnation) return refuse(draft, link, stale(peer))
  if (known?.peer.incarnation === peer.incarnation) return refuse(draft, link, duplicate(peer))
  replace(draft, peer)
  if (draft.config.leaf && draft.links.size > 0) return refuse(draft, link, secondOfLeaf)
  add(draft, link, peer, { dialled: true, cost, isUp: false })
  draft.out.push({ _tag: "Offer", link })
}

export const onOffered = (draft: Draft, link: LinkId, peer: Peer): void => {
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

export const onAccepted = (draft: Draft, link: LinkId): void => {
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

export const drop = (draft: Draft, link: LinkId, farewell: boolean): void => {
  if (!draft.links.has(link)) return
  part(draft, link, farewell)
  if (!draft.neighbours.has(link)) return
  draft.neighbours = draft.neighbours.delete(link)
  if (draft.above === link) draft.above = undefined
  settle(draft)
}

/** Of who broke the rules nothing stays. */
export const refuse = (draft: Draft, link: LinkId, error: Refusal): void => {
  drop(draft, link, error.code !== "Replaced")
  draft.out.push({ _tag: "Refuse", link, error })
}

/** A newer link of the same peer takes the place of the one that we know. */
const replace = (draft: Draft, { node }: Peer): void => {
  const known = draft.byNode.get(node)
  if (known !== undefined) refuse(draft, known, { code: "Replaced", message: `a newer link of ${node} took its place` })
}

const self: Refusal = { code: "Self", message: "a node cannot be linked to itself" }
const secondOfLeaf: Refusal = { code: "SecondLink", message: "a leaf joins a scope with one link only" }
const stale = ({ node }: Peer): Refusal => ({ code: "Stale", message: `a later life of ${node} is linked already` })
const duplicate = ({ node }: Peer): Refusal => ({ code: "Duplicate", message: `${node} is linked already` })

export const onDepart = (draft: Draft): void => {
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

const add = (draft: Draft, link: LinkId, peer: Peer, known: Pick<Link, "dialled" | "cost" | "isUp">): void => {
  draft.links = draft.links.set(link, { ...known, peer, edge: undefined, edges: 0, isSettled: false })
  draft.byNode = draft.byNode.set(peer.node, link)
}
