/**
 * When a link is an edge, and what stays of one that was lost: what came over it lingers until its grace is
 * over, or until the peer is back and has answered for all that it supplied before.
 * Promises: what lingers is bounded; a link that is of use is announced once, and once that it has gone.
 */
import type { LinkId } from "../federation/Item.ts"
import { type Draft, set, sorted } from "./Draft.ts"
import type { EdgeId, Peer } from "./State.ts"

export const edgeUp = (draft: Draft, link: LinkId, role: "parent" | "child" | "leaf"): void => {
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

export const edgeDown = (draft: Draft, link: LinkId, isSudden: boolean): void => {
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

export const onConfirmed = (draft: Draft, link: LinkId): void => {
  const known = draft.links.get(link)
  if (known?.edge === undefined) return
  for (const edge of remainsOf(draft, known.peer)) {
    draft.out.push({ _tag: "CancelGrace", edge })
    forget(draft, edge)
  }
  reassure(draft)
}

export const onDoubted = (draft: Draft, link: LinkId): void => {
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

export const onGraceOver = (draft: Draft, edge: EdgeId): void => {
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

export const announceJoined = (draft: Draft, link: LinkId): void => {
  const known = draft.links.get(link)!
  if (known.isSettled) return
  draft.links = draft.links.set(link, { ...known, isSettled: true })
  draft.out.push({ _tag: "Joined", link, peer: known.peer })
}

/** The link is gone, its edge with it. Who its neighbours are, and which way is ours, the caller sees to. */
export const part = (draft: Draft, link: LinkId, farewell: boolean): void => {
  const known = draft.links.get(link)!
  edgeDown(draft, link, !farewell)
  draft.links = draft.links.delete(link)
  if (draft.byNode.get(known.peer.node) === link) draft.byNode = draft.byNode.delete(known.peer.node)
  if (known.isSettled) draft.out.push({ _tag: "Parted", link })
}
