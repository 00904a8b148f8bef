/**
 * Interest: who asks us, and whom we ask for it. What is said are the edges of `asked`: we have an open
 * `Assert` for a subscription at a link exactly while it holds.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import * as Pattern from "../value/Pattern.ts"
import { ofKey } from "../value/encoded.ts"
import { alter, type Draft, say } from "./Draft.ts"
import { type Wrong, wrong } from "./Fault.ts"
import * as Holders from "./Holders.ts"
import type { Endpoint, Item, LinkId } from "./Item.ts"
import { laden, type Load, unladen } from "./Limits.ts"
import { counts, hasLingering, isLingering } from "./Lingering.ts"
import { withdraw } from "./Run.ts"
import type { Bonds, Link, State, Subscription } from "./State.ts"
import { isSuppliedToOther } from "./Suppliers.ts"
import { inform } from "./Telling.ts"

/** Whether a link must have been asked for a subscription: somebody else holds it. */
export const asked = (state: Bonds, key: string, link: LinkId): boolean =>
  isAsked(state, state.subscriptions.get(key)?.holders ?? Holders.none, link)

const isAsked = (state: Pick<State, "lingering" | "links">, holders: Holders.Holders, link: LinkId): boolean => {
  if (!hasLingering(state, holders)) return Holders.size(holders) > (Holders.endpointOf(holders, link) === undefined ? 0 : 1)
  let found = false
  Holders.forEach(holders, (holder) => { found ||= holder !== link && counts(state, holder, link) })
  return found
}

const nameAt = ({ renamed }: Link, { endpoint, key }: Subscription): Endpoint => renamed.size === 0 ? endpoint : renamed.get(key) ?? endpoint

/** The subscription that an endpoint of ours stands for on a link that is here; or whether that was cleared, and has not ended. */
export const meaning = (state: Bonds & Pick<State, "names">, link: LinkId, endpoint: Endpoint): Subscription | "closing" | undefined => {
  const at = state.links.get(link)!
  if (at.closing.size > 0 && at.closing.has(endpoint)) return "closing"
  const key = state.names.get(endpoint)
  if (key === undefined) return undefined
  const subscription = state.subscriptions.get(key)!
  return nameAt(at, subscription) === endpoint && isAsked(state, subscription.holders, link) ? subscription : undefined
}
export const unasked = (endpoint: Endpoint): Wrong => wrong("UnknownEndpoint", `endpoint ${endpoint} was never asked for, or has ended`)
export const wrongArity = (endpoint: Endpoint, { arity }: Subscription): Wrong => wrong("WrongArity", `endpoint ${endpoint} captures ${arity} values`)

export const onAssert = (draft: Draft, link: LinkId, { endpoint, pattern, key = Pattern.key(pattern) }: Extract<Item, { readonly _tag: "Assert" }>): Wrong => {
  const holder = draft.links.get(link)!
  if (!(endpoint > holder.last)) return wrong("ReusedEndpoint", `endpoint ${endpoint} is not greater than ${holder.last}, the last one used`)
  const { endpointBytesMax, endpointsMax } = draft.config
  if (!holder.own && holder.holds.size >= endpointsMax) return wrong("TooManyEndpoints", `more than ${endpointsMax} subscriptions on a link`)
  const askBytes = holder.askBytes + key.length
  if (!holder.own && askBytes > endpointBytesMax) return wrong("TooManyBytes", `more than ${endpointBytesMax} bytes of patterns on a link`)
  const known = draft.subscriptions.get(key)
  if (known !== undefined && Holders.endpointOf(known.holders, link) !== undefined) {
    return wrong("DuplicatePattern", `endpoint ${endpoint} asks for a pattern that the link holds already`)
  }
  draft.links = draft.links.set(link, { ...holder, holds: holder.holds.set(endpoint, key), askBytes, last: endpoint })
  if (known === undefined) subscribe(draft, key, pattern, link, endpoint)
  else join(draft, known, link, endpoint)
  return undefined
}

/** The first holder of a subscription: all others are asked, under one name. */
const subscribe = (draft: Draft, key: string, pattern: Pattern.Pattern, link: LinkId, endpoint: Endpoint): void => {
  const ours = draft.next++
  draft.names = draft.names.set(ours, key)
  draft.subscriptions = draft.subscriptions.set(key,
    { key, pattern, arity: Pattern.arity(pattern), endpoint: ours, holders: Holders.add(Holders.none, link, endpoint), matches: VersionedMap.empty() })
  const item: Item = { _tag: "Assert", endpoint: ours, pattern, key }
  draft.links.forEach((_, other) => { if (other !== link) say(draft, other, item) })
}

/** One more holder, who is told what stands. */
const join = (draft: Draft, known: Subscription, link: LinkId, endpoint: Endpoint): void => {
  const { holders, key, matches } = known
  draft.subscriptions = draft.subscriptions.set(key, { ...known, holders: Holders.add(holders, link, endpoint) })
  askAnew(draft, key, holders, draft.lingering)
  for (const captures of [...matches.keys()].sort()) {
    const suppliers = matches.get(captures)!
    if (isSuppliedToOther(draft, key, captures, suppliers, link)) inform(draft, link, "Add", endpoint, ofKey(captures))
    if (draft.over.has(link)) break
  }
}

export const onClear = (draft: Draft, link: LinkId, endpoint: Endpoint): Wrong => {
  const holder = draft.links.get(link)!
  const key = holder.holds.get(endpoint)
  if (key === undefined) return wrong("UnknownEndpoint", `endpoint ${endpoint} holds no subscription`)
  const told = holder.own ? unladen : without(draft, holder.told, key, link)
  alter(draft, link, { holds: holder.holds.delete(endpoint), askBytes: holder.askBytes - key.length, told })
  const { holders } = draft.subscriptions.get(key)!
  leave(draft, link, key)
  askAnew(draft, key, holders, draft.lingering)
  say(draft, link, { _tag: "End", endpoint })
  return undefined
}

/** A load without what a link was told of for a subscription. */
const without = (draft: Draft, told: Load, key: string, link: LinkId): Load => {
  for (const [captures, suppliers] of draft.subscriptions.get(key)!.matches) if (isSuppliedToOther(draft, key, captures, suppliers, link)) told = laden(told, -1, captures.length)
  return told
}

export const onEnd = (draft: Draft, link: LinkId, endpoint: Endpoint): Wrong => {
  const found = meaning(draft, link, endpoint)
  if (found === undefined) return unasked(endpoint)
  if (found !== "closing") return wrong("OpenEndpoint", `endpoint ${endpoint} was not cleared, so it cannot end`)
  alter(draft, link, { closing: draft.links.get(link)!.closing.delete(endpoint) })
  return undefined
}

export const leave = (draft: Draft, link: LinkId, key: string): void => {
  const subscription = draft.subscriptions.get(key)!
  draft.subscriptions = draft.subscriptions.set(key, { ...subscription, holders: Holders.remove(subscription.holders, link) })
}

/** A new link is asked for all that others want. */
export const askAll = (draft: Draft, link: LinkId): void => {
  const wanted: Array<Subscription> = []
  for (const subscription of draft.subscriptions.values()) wanted.push(subscription)
  wanted.sort((a, b) => a.endpoint - b.endpoint)
  for (const { endpoint, holders, key, pattern } of wanted) if (isAsked(draft, holders, link)) say(draft, link, { _tag: "Assert", endpoint, pattern, key })
}

/**
 * After one came to, or left, the holders that a subscription had while so many lingered: asks, or stops
 * asking, those for whom that makes a difference. Without holders the subscription goes.
 */
export const askAnew = (draft: Draft, key: string, before: Holders.Holders, lingering: State["lingering"]): void => {
  const subscription = draft.subscriptions.get(key)!
  const { holders } = subscription
  if (hasLingering({ lingering }, before) || hasLingering(draft, holders)) {
    // link by link, which is slow and rare
    const was = { links: draft.links, lingering }
    for (const link of [...draft.links.keys()].sort()) ask(draft, subscription, link, isAsked(was, before, link), isAsked(draft, holders, link))
  } else if (Holders.size(holders) > 1) {
    if (Holders.size(before) === 1) ask(draft, subscription, Holders.first(before)!, false, true)
  } else if (Holders.size(holders) === 1) ask(draft, subscription, Holders.first(holders)!, true, false)
  else {
    const last = Holders.first(before)
    for (const link of [...draft.links.keys()]) if (link !== last) ask(draft, subscription, link, true, false)
  }
  if (Holders.size(holders) > 0) return
  draft.subscriptions = draft.subscriptions.delete(key)
  draft.names = draft.names.delete(subscription.endpoint)
}

const ask = (draft: Draft, subscription: Subscription, link: LinkId, was: boolean, is: boolean): void => {
  if (is && !was) open(draft, subscription, link)
  else if (was && !is) close(draft, subscription, link)
}

/** It may have been asked for here before, and links that came since have used later names, so this takes one of its own. */
const open = (draft: Draft, { key, pattern }: Subscription, link: LinkId): void => {
  if (isLingering(draft, link)) return
  const endpoint = draft.next++
  draft.names = draft.names.set(endpoint, key)
  alter(draft, link, { renamed: draft.links.get(link)!.renamed.set(key, endpoint) })
  say(draft, link, { _tag: "Assert", endpoint, pattern, key })
}

/**
 * Stops asking, and drops what the link supplied at once. Nobody can notice: by now the link is the
 * only holder, who never hears of its own supply, or there is none.
 */
const close = (draft: Draft, subscription: Subscription, link: LinkId): void => {
  const at = draft.links.get(link)!
  const { key } = subscription
  const endpoint = nameAt(at, subscription)
  let left = at.supplied
  const supplies = at.supplies.get(key)
  if (supplies !== undefined) {
    for (const captures of supplies.keys()) left = laden(left, -1, captures.length)
    withdraw(draft, link, key, supplies, "not known")
  }
  if (endpoint !== subscription.endpoint) draft.names = draft.names.delete(endpoint)
  const rest = { ...at, supplied: left, supplies: at.supplies.delete(key), renamed: at.renamed.delete(key) }
  if (isLingering(draft, link)) { // it is not told, and will not answer
    draft.links = draft.links.set(link, rest)
    return
  }
  // nobody was told anything about this link by withdrawing, so it is still as it was
  const closing = at.closing.set(endpoint, true)
  draft.links = draft.links.set(link, { ...rest, closing })
  say(draft, link, { _tag: "Clear", endpoint })
  const { closingMax } = draft.config
  if (!at.own && closing.size > closingMax) draft.over.set(link, wrong("Unanswered", `more than ${closingMax} endpoints were cleared and have not ended`))
}
