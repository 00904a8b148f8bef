/**
 * The way to the root: which is ours now, which one do we want, who should know. Here stand the rules that
 * keep edges free of cycles: a node takes as its parent only who is strictly before its own measure, after
 * it let go of the one before.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import type { LinkId } from "../federation/Item.ts"
import type { Refusal } from "./Action.ts"
import { type Draft, set, sorted, tell } from "./Draft.ts"
import { announceJoined, edgeDown, part } from "./Edges.ts"
import { compareRoots, isBefore, isNews, least, over, type Path } from "./Path.ts"
import type { Config, Neighbour } from "./State.ts"

/** After every change. */
export const settle = (draft: Draft): void => {
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
export const numbersMax = 2 ** 47 // of the 2^48 that a packet may hold

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
export const ownPath = ({ priority, self }: Required<Config>, seq: number): Path => ({ seq, priority, root: self.node, distance: 0 })

/**
 * As if we were born again, because somebody counted as far as there are numbers: with a number that nobody
 * takes there would be no way to anybody for ever. Without neighbours we are in nobody's way, whatever our measure.
 */
const renew = (draft: Draft): void => {
  const neighbours = sorted(draft.neighbours)
  draft.neighbours = VersionedMap.empty()
  draft.above = undefined
  draft.path = draft.feasible = ownPath(draft.config, 0)
  for (const [link] of neighbours) {
    part(draft, link, false)
    draft.out.push({ _tag: "Refuse", link, error: exhausted })
  }
}
const exhausted: Refusal = { code: "Exhausted", message: "the numbers of the tree are used up: join again" }

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
