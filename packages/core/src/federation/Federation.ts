/**
 * One federated scope: who asked for what, and who supplies it. The links it is told of must form a
 * tree; topology sees to that.
 *
 * Two predicates are the whole protocol (os2-federation, B3; `asked` in Interest.ts, `told` in Suppliers.ts):
 *
 * - asked(s, l): some holder of subscription s is a link other than l. We have an open `Assert` for
 *   s at l exactly while this holds.
 * - told(s, c, l): l holds s and some link other than l supplies captures c. l has had an `Add` of c,
 *   and no `Del` since, exactly while this holds.
 *
 * Every input changes holders or suppliers; what goes out are the edges of the two predicates. So
 * traffic for a pattern on a link does not grow with the number of those who ask on this side, and
 * nothing is sent back to where it came from.
 *
 * Promises: a turn in is at most one turn out per link; a turn that breaks the protocol is undone
 * whole, and only its link goes; work is proportional to the holders that are told, never to the links
 * nor to who else holds or supplies the same, save where a pattern is asked for first or last; what is
 * kept on behalf of a peer is bounded, and who asks for too much goes, whoever would have supplied it.
 *
 * A link that was lost may linger: it is told nothing more, and what it asked for and supplied stays as it
 * was, until it is forgotten. For the links that were there when it was lost nothing has changed; those
 * that come later hear nothing of it, or two links could keep up each other's memories for ever. And what
 * it was told of, and has gone since, is still believed behind it: when a link that came later tells
 * of that, it is an echo, and not heard until that link is trusted again.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import { type Step, still } from "../machine/Machine.ts"
import type * as Pattern from "../value/Pattern.ts"
import { begin, type Draft, stateOf } from "./Draft.ts"
import { trust } from "./Echoes.ts"
import { onFacts } from "./Facts.ts"
import type { Fault, Wrong } from "./Fault.ts"
import { askAll, askAnew, leave, meaning, onAssert, onClear, onEnd } from "./Interest.ts"
import type { Endpoint, Item, LinkId } from "./Item.ts"
import { type Config, defaultConfig, unladen } from "./Limits.ts"
import { isLingering } from "./Lingering.ts"
import { onMessages, onStamp } from "./Messages.ts"
import { withdraw } from "./Run.ts"
import * as Stamps from "./Stamps.ts"
import type { State } from "./State.ts"
import { type Fact, isFact } from "./Telling.ts"

export { type Config, defaultConfig } from "./Limits.ts"
export { asked } from "./Interest.ts"
export type { Fault } from "./Fault.ts"
export type { State } from "./State.ts"
export { told } from "./Suppliers.ts"

/** What a scope is told of its links. */
export type Event =
  /** `own` is the link to our own dataspace, to which no limits apply. */
  | { readonly _tag: "LinkUp"; readonly link: LinkId; readonly own?: boolean }
  /** It is gone; with `linger`, what it asked for and supplied stays until a `LinkDown` without. */
  | { readonly _tag: "LinkDown"; readonly link: LinkId; readonly linger?: boolean }
  /** Nobody who was behind a link that was lost and forgotten believes any more what it was told. */
  | { readonly _tag: "Trust"; readonly link: LinkId }
  /** What a peer, or our own dataspace, said at once; all of it takes effect or none does. */
  | { readonly _tag: "Turn"; readonly link: LinkId; readonly items: ReadonlyArray<Item> }

/** What a scope asks for. */
export type Action =
  /** What the peer of a link is to be told at once; at most one a link and step. */
  | { readonly _tag: "Turn"; readonly link: LinkId; readonly items: ReadonlyArray<Item> }
  /** The link broke the protocol, which its session tells the peer: its turn is undone, if it was that, and the link is gone from this machine. */
  | { readonly _tag: "Fault"; readonly link: LinkId; readonly error: Fault }

/** A scope without links; what `config` leaves out is as in `defaultConfig`. */
export const initial = (config: Config): Step<State, Action> =>
  still({
    config: { ...defaultConfig, ...config }, links: VersionedMap.empty(), subscriptions: VersionedMap.empty(), names: VersionedMap.empty(), next: 1,
    lingering: VersionedMap.empty(), echoes: VersionedMap.empty(), age: 0, stamps: Stamps.initial
  })

/** A `LinkUp` of a link that is here, and whatever concerns one that is not, changes nothing. */
export const transition = (state: State, event: Event): Step<State, Action> => {
  switch (event._tag) {
    case "LinkUp": return onLinkUp(state, event.link, event.own === true)
    case "LinkDown": return onLinkDown(state, event.link, event.linger === true)
    case "Trust": return onTrust(state, event.link)
    case "Turn": return onTurn(state, event.link, event.items)
  }
}

/** What a link was asked for under an endpoint, as long as it is. */
export const patternAt = (state: State, link: LinkId, endpoint: Endpoint): Pattern.Pattern | undefined => {
  const found = state.links.has(link) ? meaning(state, link, endpoint) : undefined
  return found === "closing" ? undefined : found?.pattern
}

const finish = (before: State, draft: Draft): Step<State, Action> => {
  expel(draft)
  const { faults, out } = draft
  const receivers = [...out.keys()]
  if (receivers.length > 1) receivers.sort()
  const turns = receivers.map((link): Action => ({ _tag: "Turn", link, items: out.get(link)!.items }))
  return [stateOf(before, draft), faults.length === 0 ? turns : [...faults, ...turns]]
}

/** Lets go of the links for which too much is kept. That may close others' endpoints, and so burden one more. */
const expel = (draft: Draft): void => {
  while (draft.over.size > 0) {
    const [link] = [...draft.over.keys()].sort()
    draft.faults.push({ _tag: "Fault", link: link!, error: { ...draft.over.get(link!)!, index: undefined } })
    draft.over.delete(link!)
    part(draft, link!)
  }
}

const onLinkUp = (state: State, link: LinkId, own: boolean): Step<State, Action> => {
  if (state.links.has(link)) return still(state)
  const draft = begin(state)
  draft.links = draft.links.set(link, {
    // our own was there from the start, and believes what lingers: nothing comes back from it
    age: own ? 0 : ++draft.age, stamp: undefined, own, holds: VersionedMap.empty(), askBytes: 0, last: 0,
    renamed: VersionedMap.empty(), closing: VersionedMap.empty(), supplies: VersionedMap.empty(), supplied: unladen, told: unladen
  })
  askAll(draft, link)
  return finish(state, draft)
}

const onLinkDown = (state: State, link: LinkId, linger = false): Step<State, Action> => {
  if (!state.links.has(link) || linger && isLingering(state, link)) return still(state)
  const draft = begin(state)
  if (linger) draft.lingering = draft.lingering.set(link, ++draft.age)
  else part(draft, link)
  return finish(state, draft)
}

const part = (draft: Draft, link: LinkId): void => {
  const gone = draft.links.get(link)!
  const { lingering } = draft
  draft.out.delete(link)
  // it leaves all holders before anything is said, so that nothing is addressed to it
  const left = [...gone.holds.entries()].sort(([a], [b]) => a - b).map(([, key]) => ({ key, before: draft.subscriptions.get(key)!.holders }))
  for (const { key } of left) leave(draft, link, key)
  const why = isLingering(draft, link) ? "not known" : "gone"
  for (const [key, supplies] of [...gone.supplies.entries()].sort(([a], [b]) => (a < b ? -1 : 1))) withdraw(draft, link, key, supplies, why)
  for (const endpoint of gone.renamed.values()) draft.names = draft.names.delete(endpoint)
  // what it was, and when, says who had been told of what it supplied, so it goes last
  draft.links = draft.links.delete(link)
  draft.lingering = draft.lingering.delete(link)
  for (const { before, key } of left) askAnew(draft, key, before, lingering)
}

const onTrust = (state: State, link: LinkId): Step<State, Action> => {
  const draft = begin(state)
  trust(draft, link)
  return finish(state, draft)
}

const onTurn = (state: State, link: LinkId, items: ReadonlyArray<Item>): Step<State, Action> => {
  if (!state.links.has(link) || isLingering(state, link)) return still(state)
  const draft = begin(state)
  for (let index = 0; index < items.length;) {
    const item = items[index]!
    let wrong: Wrong
    if (item._tag === "Msg") [index, wrong] = onMessages(draft, link, items, index)
    else if (isFact(item)) [index, wrong] = onFacts(draft, link, items, index)
    else {
      wrong = onItem(draft, link, item)
      index++
    }
    wrong ??= draft.over.get(link)
    if (wrong !== undefined) {
      const [next, actions] = onLinkDown(state, link)
      return [next, [{ _tag: "Fault", link, error: { ...wrong, index: index - 1 } }, ...actions]]
    }
    // before the next item: what a link asked for too much of would pile up until the turn's end
    if (draft.over.size > 0) expel(draft)
    if (!draft.links.has(link)) break
  }
  return finish(state, draft)
}

const onItem = (draft: Draft, link: LinkId, item: Exclude<Item, Fact | { readonly _tag: "Msg" }>): Wrong => {
  switch (item._tag) {
    case "Assert": return onAssert(draft, link, item)
    case "Clear": return onClear(draft, link, item.endpoint)
    case "End": return onEnd(draft, link, item.endpoint)
    case "Stamp": return onStamp(draft, link, item)
  }
}
