/** Messages that pass: each to all who asked but where it came from, once. */
import { elements } from "../value/encoded.ts"
import { alter, type Draft, to } from "./Draft.ts"
import type { Wrong } from "./Fault.ts"
import * as Holders from "./Holders.ts"
import { meaning, unasked, wrongArity } from "./Interest.ts"
import type { Endpoint, Item, LinkId, Stamp } from "./Item.ts"
import { isLingering } from "./Lingering.ts"
import * as Stamps from "./Stamps.ts"
import type { Subscription } from "./State.ts"

/** Messages of one endpoint, one after the other, up to what is none; and where that is, or behind the one that is wrong. */
export const onMessages = (draft: Draft, link: LinkId, items: ReadonlyArray<Item>, from: number): readonly [next: number, Wrong] => {
  const { endpoint } = items[from] as Extract<Item, { readonly _tag: "Msg" }>
  const subscription = meaning(draft, link, endpoint)
  if (subscription === undefined) return [from + 1, unasked(endpoint)]
  if (subscription === "closing") return [from + 1, undefined]
  let hearers: ReadonlyArray<{ readonly endpoint: Endpoint; readonly items: Array<Item> }> | undefined
  let next = from
  while (next < items.length) {
    const item = items[next]!
    if (item._tag !== "Msg" || item.endpoint !== endpoint) break
    next++
    if (elements(item.captures) !== subscription.arity) return [next, wrongArity(endpoint, subscription)]
    hearers ??= hearersOf(draft, link, subscription)
    for (const hearer of hearers) hearer.items.push({ _tag: "Msg", endpoint: hearer.endpoint, captures: item.captures })
  }
  return [next, undefined]
}

/** Whom to tell of a link's messages, behind the stamp that they come under; nobody when they came before. */
const hearersOf = (draft: Draft, link: LinkId, { holders }: Subscription) => {
  const hearers: Array<{ readonly endpoint: Endpoint; readonly items: Array<Item> }> = []
  const stamp = draft.stamp === undefined ? stampOf(draft, link) : draft.stamp
  if (stamp === null) return hearers
  Holders.forEach(holders, (holder, endpoint) => {
    if (holder === link || isLingering(draft, holder)) return
    const outgoing = to(draft, holder)
    if (outgoing.stamp !== stamp) {
      outgoing.stamp = stamp
      outgoing.items.push(stamp)
    }
    hearers.push({ endpoint, items: outgoing.items })
  })
  return hearers
}

/** What its peer does not stamp, a link brings for the first time: a client's. */
const stampOf = (draft: Draft, link: LinkId): Stamp | null => {
  const [stamps, stamp] = Stamps.pass(draft.stamps, draft.config.origin, draft.links.get(link)!.stamp, link)
  draft.stamps = stamps
  draft.stamp = stamp
  return stamp
}

export const onStamp = (draft: Draft, link: LinkId, stamp: Stamp): Wrong => {
  alter(draft, link, { stamp })
  draft.stamp = undefined
  return undefined
}
