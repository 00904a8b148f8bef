/**
 * One federated scope: who asked for what, and who supplies it. The links it is told of must form a
 * tree; topology sees to that.
 *
 * Two predicates are the whole protocol (os2-federation, B3; both are functions below):
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
import * as KeySet from "../data/KeySet.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import { type Step, still } from "../machine/Machine.ts"
import { elements, keyOf, ofKey } from "../value/encoded.ts"
import * as Pattern from "../value/Pattern.ts"
import type { Encoded } from "../value/Value.ts"
import * as Holders from "./Holders.ts"
import type { Endpoint, Item, LinkId, Stamp } from "./Item.ts"
import { type Config, defaultConfig, excess, laden, type Load, unladen } from "./Limits.ts"
import * as Stamps from "./Stamps.ts"

export { type Config, defaultConfig } from "./Limits.ts"

/** Everything that a scope knows of its links and of who asks what. Plain data. */
export interface State {
  readonly config: Required<Config>
  readonly links: VersionedMap<LinkId, Link>
  /** By the pattern's key. A subscription lives as long as somebody holds it. */
  readonly subscriptions: VersionedMap<string, Subscription>
  /** The links that linger, and when they were lost. */
  readonly lingering: VersionedMap<LinkId, number>
  /** What links that were lost were told of and has gone since, by pattern and captures. */
  readonly echoes: VersionedMap<string, Echo>
  /** Counts what happens to links, so that these can be told by age. */
  readonly age: number
  readonly stamps: Stamps.State
}

interface Link {
  /** When it came. */
  readonly age: number
  /** What its peer says of the messages that come next. */
  readonly stamp: Stamp | undefined
  /** Our own dataspace's. */
  readonly own: boolean
  /** Their endpoints, and the subscription that each holds. */
  readonly holds: VersionedMap<Endpoint, string>
  /** Bytes of their patterns. */
  readonly askBytes: number
  /** The greatest endpoint they ever used. */
  readonly last: Endpoint
  /** Our open endpoints, by subscription. */
  readonly open: VersionedMap<string, Endpoint>
  /** Our endpoints, until their `End`. */
  readonly endpoints: VersionedMap<Endpoint, Open | "closing">
  /** How many of them are closing. */
  readonly closing: number
  readonly next: Endpoint
  /** The captures that it supplies, and those that it was told of (not counted for our own). */
  readonly supplied: Load
  readonly told: Load
}

interface Open {
  readonly key: string
  /** Keys of the captures that the link supplies here. */
  readonly supplied: VersionedMap<string, true>
}

interface Echo {
  readonly key: string
  readonly captures: string
  /** The links behind which it may still be believed, and when the first of them was lost. */
  readonly behind: ReadonlyArray<LinkId>
  readonly lost: number
}

interface Subscription {
  readonly pattern: Pattern.Pattern
  readonly arity: number
  readonly holders: Holders.Holders
  /**
   * By the captures' key, which has their bytes in it, who supplies them. Which links, not how many: who asks hears of
   * what others supply, and of nothing else.
   */
  readonly matches: VersionedMap<string, KeySet.KeySet>
}

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
  /** The link broke the protocol: its turn is undone, if it was that, and the link is gone from this machine. */
  | { readonly _tag: "Fault"; readonly link: LinkId; readonly error: Fault }

/** The rule that a link broke. Its session sends the code and the message to the peer, and closes. */
export interface Fault {
  readonly code:
    /** A `Clear`, `Add`, `Del`, `Msg` or `End` under a name that nobody asked with, or that has ended. */
    | "UnknownEndpoint"
    /** An `Assert` whose name is not greater than the last one. */
    | "ReusedEndpoint"
    /** An `End` of what was not cleared. */
    | "OpenEndpoint"
    /** An `Assert` of a pattern that the link holds already. */
    | "DuplicatePattern"
    /** An `Add` of captures that stand already under this name. */
    | "DuplicateCaptures"
    /** A `Del` of captures that do not. */
    | "AbsentCaptures"
    /** Captures that are more or fewer than the pattern makes. */
    | "WrongArity"
    /** More is asked for, supplied, or would have to be told than `Config` allows: so `TooManyCaptures` and `TooManyBytes`. */
    | "TooManyEndpoints"
    | "TooManyCaptures"
    | "TooManyBytes"
    /** More than `closingMax` of our `Clear`s are without their `End`. */
    | "Unanswered"
  /** Which item of the link's turn, from 0; `undefined` when it is no single one. */
  readonly index: number | undefined
  readonly message: string
}

/** A scope without links; what `config` leaves out is as in `defaultConfig`. */
export const initial = (config: Config): Step<State, Action> =>
  still({
    config: { ...defaultConfig, ...config },
    links: VersionedMap.empty(), subscriptions: VersionedMap.empty(), lingering: VersionedMap.empty(), echoes: VersionedMap.empty(), age: 0, stamps: Stamps.initial
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

/** A step in the making: the state so far, and what goes out to whom. */
interface Draft {
  readonly config: Required<Config>
  links: VersionedMap<LinkId, Link>
  subscriptions: VersionedMap<string, Subscription>
  lingering: VersionedMap<LinkId, number>
  echoes: VersionedMap<string, Echo>
  age: number
  stamps: Stamps.State
  /** Under which stamp the turn's messages go out: `undefined` before the first, `null` when they came before. */
  stamp: Stamp | null | undefined
  readonly out: Map<LinkId, Outgoing>
  /** The links for which too much is kept by now, and of what. */
  readonly over: Map<LinkId, Breach>
  readonly faults: Array<Action>
}
interface Outgoing {
  readonly items: Array<Item>
  /** That under which its last message is. */
  stamp: Stamp | undefined
}
const begin = ({ age, config, echoes, lingering, links, stamps, subscriptions }: State): Draft =>
  ({ config, links, subscriptions, lingering, echoes, age, stamps, stamp: undefined, out: new Map(), over: new Map(), faults: [] })

const finish = (before: State, draft: Draft): Step<State, Action> => {
  expel(draft)
  const { age, config, echoes, faults, lingering, links, out, stamps, subscriptions } = draft
  const isSame = links === before.links && subscriptions === before.subscriptions && stamps === before.stamps && lingering === before.lingering && echoes === before.echoes
  const state = isSame ? before : { config, links, subscriptions, lingering, echoes, age, stamps }
  const receivers = [...out.keys()]
  if (receivers.length > 1) receivers.sort()
  const turns = receivers.map((link): Action => ({ _tag: "Turn", link, items: out.get(link)!.items }))
  return [state, faults.length === 0 ? turns : [...faults, ...turns]]
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

const say = (draft: Draft, link: LinkId, item: Item): void => {
  if (!isLingering(draft, link)) to(draft, link).items.push(item)
}
const to = ({ out }: Draft, link: LinkId): Outgoing => {
  const known = out.get(link)
  if (known !== undefined) return known
  const outgoing: Outgoing = { items: [], stamp: undefined }
  out.set(link, outgoing)
  return outgoing
}

const onLinkUp = (state: State, link: LinkId, own: boolean): Step<State, Action> => {
  if (state.links.has(link)) return still(state)
  const draft = begin(state)
  const fresh: Link = {
    age: ++draft.age, stamp: undefined, own, holds: VersionedMap.empty(), askBytes: 0, last: 0,
    open: VersionedMap.empty(), endpoints: VersionedMap.empty(), closing: 0, next: 1, supplied: unladen, told: unladen
  }
  draft.links = draft.links.set(link, fresh)
  for (const key of [...state.subscriptions.keys()].sort()) if (asked(draft, key, link)) open(draft, link, key)
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
  draft.out.delete(link)
  // it leaves all holders before anything is said, so that nothing is addressed to it
  const left = [...gone.holds.entries()].sort(([a], [b]) => a - b).map(([, key]) => key)
  for (const key of left) leave(draft, link, key)
  const supplies = [...gone.endpoints.entries()].sort(([a], [b]) => a - b)
  const why = isLingering(draft, link) ? "not known" : "gone"
  for (const [, endpoint] of supplies) if (endpoint !== "closing") withdraw(draft, link, endpoint, why)
  // what it was, and when, says who had been told of what it supplied, so it goes last
  draft.links = draft.links.delete(link)
  draft.lingering = draft.lingering.delete(link)
  for (const key of left) askLess(draft, key)
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

/** What is wrong with an item, if anything is; the draft is then abandoned. */
type Breach = Omit<Fault, "index">
type Wrong = Breach | undefined
const wrong = (code: Fault["code"], message: string): Breach => ({ code, message })

type Fact = Extract<Item, { readonly _tag: "Add" | "Del" }>
const isFact = (item: Item): item is Fact => item._tag === "Add" || item._tag === "Del"

const onItem = (draft: Draft, link: LinkId, item: Exclude<Item, Fact | { readonly _tag: "Msg" }>): Wrong => {
  switch (item._tag) {
    case "Assert": return onAssert(draft, link, item.endpoint, item.pattern)
    case "Clear": return onClear(draft, link, item.endpoint)
    case "End": return onEnd(draft, link, item.endpoint)
    case "Stamp": return onStamp(draft, link, item)
  }
}

const onAssert = (draft: Draft, link: LinkId, endpoint: Endpoint, pattern: Pattern.Pattern): Wrong => {
  const holder = draft.links.get(link)!
  if (!(endpoint > holder.last)) return wrong("ReusedEndpoint", `endpoint ${endpoint} is not greater than ${holder.last}, the last one used`)
  const { endpointBytesMax, endpointsMax } = draft.config
  if (!holder.own && holder.holds.size >= endpointsMax) return wrong("TooManyEndpoints", `more than ${endpointsMax} subscriptions on a link`)
  const key = Pattern.key(pattern)
  const askBytes = holder.askBytes + key.length
  if (!holder.own && askBytes > endpointBytesMax) return wrong("TooManyBytes", `more than ${endpointBytesMax} bytes of patterns on a link`)
  const known = draft.subscriptions.get(key)
  if (known !== undefined && Holders.endpointOf(known.holders, link) !== undefined) {
    return wrong("DuplicatePattern", `endpoint ${endpoint} asks for a pattern that the link holds already`)
  }
  const before = known ?? { pattern, arity: Pattern.arity(pattern), holders: Holders.none, matches: VersionedMap.empty<string, KeySet.KeySet>() }
  draft.links = draft.links.set(link, { ...holder, holds: holder.holds.set(endpoint, key), askBytes, last: endpoint })
  draft.subscriptions = draft.subscriptions.set(key, { ...before, holders: Holders.add(before.holders, link, endpoint) })
  askMore(draft, key, before.holders, link)
  for (const captures of [...before.matches.keys()].sort()) {
    const suppliers = before.matches.get(captures)!
    if (isSuppliedToOther(draft, key, captures, suppliers, link)) inform(draft, link, "Add", endpoint, ofKey(captures))
    if (draft.over.has(link)) break
  }
  return undefined
}

const onClear = (draft: Draft, link: LinkId, endpoint: Endpoint): Wrong => {
  const holder = draft.links.get(link)!
  const key = holder.holds.get(endpoint)
  if (key === undefined) return wrong("UnknownEndpoint", `endpoint ${endpoint} holds no subscription`)
  const told = holder.own ? unladen : without(draft, holder.told, key, link)
  draft.links = draft.links.set(link, { ...holder, holds: holder.holds.delete(endpoint), askBytes: holder.askBytes - key.length, told })
  leave(draft, link, key)
  askLess(draft, key)
  say(draft, link, { _tag: "End", endpoint })
  return undefined
}

/** A load without what a link was told of for a subscription. */
const without = (draft: Draft, told: Load, key: string, link: LinkId): Load => {
  for (const [captures, suppliers] of draft.subscriptions.get(key)!.matches) if (isSuppliedToOther(draft, key, captures, suppliers, link)) told = laden(told, -1, captures.length)
  return told
}

/** Facts of one endpoint, one after the other, up to what is none; and where that is, or behind the one that is wrong. */
const onFacts = (draft: Draft, link: LinkId, items: ReadonlyArray<Item>, from: number): readonly [next: number, Wrong] => {
  const { endpoint } = items[from] as Fact
  const supplier = draft.links.get(link)!
  const ours = supplier.endpoints.get(endpoint)
  if (ours === undefined) return [from + 1, unasked(endpoint)]
  if (ours === "closing") return [from + 1, undefined] // said before they heard our Clear
  const run = new Run(draft, link, ours.key)
  let { supplied } = ours
  let load = supplier.supplied
  let next = from
  while (next < items.length && draft.over.size === 0) {
    const item = items[next]!
    if (!isFact(item) || item.endpoint !== endpoint) break
    next++
    if (elements(item.captures) !== run.subscription.arity) return [next, wrongArity(endpoint, run.subscription)]
    const key = keyOf(item.captures)
    if (item._tag === "Add") {
      if (!run.add(key, item.captures)) return [next, wrong("DuplicateCaptures", `endpoint ${endpoint} is told twice of the same captures`)]
      load = laden(load, 1, key.length)
      const tooMuch = supplier.own ? undefined : excess(draft.config, load, "from")
      if (tooMuch !== undefined) return [next, tooMuch]
      supplied = supplied.set(key, true)
    } else {
      if (!run.remove(key, "gone", item.captures)) return [next, wrong("AbsentCaptures", `endpoint ${endpoint} is told of the end of captures that it was not told of`)]
      load = laden(load, -1, key.length)
      supplied = supplied.delete(key)
    }
  }
  run.end()
  // it may have been told something meanwhile
  const now = draft.links.get(link)!
  draft.links = draft.links.set(link, { ...now, supplied: load, endpoints: now.endpoints.set(endpoint, { key: ours.key, supplied }) })
  return [next, undefined]
}

/** The same for messages. */
const onMessages = (draft: Draft, link: LinkId, items: ReadonlyArray<Item>, from: number): readonly [next: number, Wrong] => {
  const { endpoint } = items[from] as Extract<Item, { readonly _tag: "Msg" }>
  const ours = draft.links.get(link)!.endpoints.get(endpoint)
  if (ours === undefined) return [from + 1, unasked(endpoint)]
  if (ours === "closing") return [from + 1, undefined]
  const subscription = draft.subscriptions.get(ours.key)!
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

const onStamp = (draft: Draft, link: LinkId, stamp: Stamp): Wrong => {
  draft.links = draft.links.set(link, { ...draft.links.get(link)!, stamp })
  draft.stamp = undefined
  return undefined
}

const onEnd = (draft: Draft, link: LinkId, endpoint: Endpoint): Wrong => {
  const supplier = draft.links.get(link)!
  const ours = supplier.endpoints.get(endpoint)
  if (ours === undefined) return unasked(endpoint)
  if (ours !== "closing") return wrong("OpenEndpoint", `endpoint ${endpoint} was not cleared, so it cannot end`)
  draft.links = draft.links.set(link, { ...supplier, endpoints: supplier.endpoints.delete(endpoint), closing: supplier.closing - 1 })
  return undefined
}

const unasked = (endpoint: Endpoint): Wrong => wrong("UnknownEndpoint", `endpoint ${endpoint} was never asked for, or has ended`)
const wrongArity = (endpoint: Endpoint, { arity }: Subscription): Wrong => wrong("WrongArity", `endpoint ${endpoint} captures ${arity} values`)

// ---- interest: the edges of asked(s, l) ---------------------------------------------------------

/** Whether a link must have been asked for a subscription: somebody else holds it. */
export const asked = (state: Bonds, key: string, link: LinkId): boolean => {
  const holders = state.subscriptions.get(key)?.holders ?? Holders.none
  if (!hasLingering(state, holders)) return Holders.size(holders) > (Holders.endpointOf(holders, link) === undefined ? 0 : 1)
  let isAsked = false
  Holders.forEach(holders, (holder) => { isAsked ||= holder !== link && counts(state, holder, link) })
  return isAsked
}

/** `joined` has become a holder: the first makes us ask all others, the second makes us ask the first. */
const askMore = (draft: Draft, key: string, before: Holders.Holders, joined: LinkId): void => {
  if (hasLingering(draft, before)) return askAnew(draft, key)
  if (Holders.size(before) === 1) open(draft, Holders.first(before)!, key)
  else if (Holders.size(before) === 0) for (const link of linksOf(draft)) if (link !== joined) open(draft, link, key)
}

/** A holder has left: we stop asking the last one that remains, or all. Without holders the subscription goes. */
const askLess = (draft: Draft, key: string): void => {
  const subscription = draft.subscriptions.get(key)
  if (subscription === undefined) return
  if (hasLingering(draft, subscription.holders)) return askAnew(draft, key)
  if (Holders.size(subscription.holders) > 1) return
  const last = Holders.first(subscription.holders)
  if (last !== undefined) return close(draft, last, key)
  for (const link of linksOf(draft)) close(draft, link, key)
  draft.subscriptions = draft.subscriptions.delete(key)
}

/** The same where a holder lingers: link by link, which is slow and rare. */
const askAnew = (draft: Draft, key: string): void => {
  for (const link of linksOf(draft)) {
    const isOpen = draft.links.get(link)!.open.has(key)
    const isAsked = asked(draft, key, link)
    if (isAsked && !isOpen) open(draft, link, key)
    else if (!isAsked && isOpen) close(draft, link, key)
  }
}
const linksOf = ({ links }: Draft): ReadonlyArray<LinkId> => [...links.keys()].sort()

const open = (draft: Draft, link: LinkId, key: string): void => {
  if (isLingering(draft, link)) return
  const to = draft.links.get(link)!
  const endpoint = to.next
  draft.links = draft.links.set(link, {
    ...to,
    next: endpoint + 1,
    open: to.open.set(key, endpoint),
    endpoints: to.endpoints.set(endpoint, { key, supplied: VersionedMap.empty() })
  })
  say(draft, link, { _tag: "Assert", endpoint, pattern: draft.subscriptions.get(key)!.pattern })
}

/**
 * Stops asking, and drops what the link supplied at once. Nobody can notice: by now the link is the
 * only holder, who never hears of its own supply, or there is none.
 */
const close = (draft: Draft, link: LinkId, key: string): void => {
  const to = draft.links.get(link)!
  const endpoint = to.open.get(key)
  if (endpoint === undefined) return
  const ours = to.endpoints.get(endpoint) as Open
  let left = to.supplied
  for (const captures of ours.supplied.keys()) left = laden(left, -1, captures.length)
  withdraw(draft, link, ours, "not known")
  const closing = to.closing + 1
  // nobody was told anything about this link by withdrawing, so it is still as it was
  draft.links = draft.links.set(link, { ...to, supplied: left, open: to.open.delete(key), endpoints: to.endpoints.set(endpoint, "closing"), closing })
  say(draft, link, { _tag: "Clear", endpoint })
  const { closingMax } = draft.config
  if (!to.own && !isLingering(draft, link) && closing > closingMax) draft.over.set(link, wrong("Unanswered", `more than ${closingMax} endpoints were cleared and have not ended`))
}

const leave = (draft: Draft, link: LinkId, key: string): void => {
  const subscription = draft.subscriptions.get(key)!
  draft.subscriptions = draft.subscriptions.set(key, { ...subscription, holders: Holders.remove(subscription.holders, link) })
}

// ---- supply: the edges of told(s, c, l) ---------------------------------------------------------

/** Whether a link must have been told of captures: it holds the subscription, and another link supplies them. */
export const told = (state: Bonds, key: string, captures: string, link: LinkId): boolean => {
  const subscription = state.subscriptions.get(key)
  const suppliers = subscription?.matches.get(captures)
  return suppliers !== undefined && Holders.endpointOf(subscription!.holders, link) !== undefined && isSuppliedToOther(state, key, captures, suppliers, link)
}
const isSuppliedToOther = (state: Bonds, key: string, captures: string, suppliers: KeySet.KeySet, link: LinkId): boolean => {
  if (!isCalm(state)) return isSupplied(state, suppliers, link, echoOf(state, key, captures))
  const sole = soleOf(suppliers)
  return sole === undefined || sole !== link
}
/** The same where a supplier may linger, or be an echo. */
const isSupplied = (state: Bonds, suppliers: KeySet.KeySet, link: LinkId, echo: Echo | undefined): boolean => {
  for (const supplier of suppliers instanceof VersionedMap ? suppliers.keys() : suppliers) {
    if (supplier !== link && counts(state, supplier, link) && !isEcho(state, supplier, echo)) return true
  }
  return false
}
/** The only one of a set, which is never empty; `undefined` when there are more. */
const soleOf = (links: KeySet.KeySet): LinkId | undefined => {
  if (!(links instanceof VersionedMap)) return links.length === 1 ? links[0] : undefined
  if (links.size > 1) return undefined
  for (const link of links.keys()) return link
  return undefined
}

/**
 * What a link says of one subscription's facts, one after the other: what they share is looked up and put
 * back once, which is most of what a fact costs. Nobody may ask the draft for it before `end`.
 */
class Run {
  readonly subscription: Subscription
  readonly #draft: Draft
  readonly #link: LinkId
  readonly #key: string
  /** The link alone, which is all who supplies most facts. */
  readonly #alone: KeySet.KeySet
  #matches: VersionedMap<string, KeySet.KeySet>
  /** The holders but the link itself, once one fact concerns all of them. */
  #hearers: ReadonlyArray<Hearer> | undefined

  constructor(draft: Draft, link: LinkId, key: string) {
    this.#draft = draft
    this.#link = link
    this.#key = key
    this.#alone = KeySet.add(KeySet.empty, link)
    this.subscription = draft.subscriptions.get(key)!
    this.#matches = this.subscription.matches
  }
  /** The link supplies captures, as perhaps others do. Says whether it did not before. */
  add(captures: string, encoded: Encoded): boolean {
    const others = this.#matches.get(captures)
    if (others !== undefined && KeySet.has(others, this.#link)) return false
    this.#matches = this.#matches.set(captures, others === undefined ? this.#alone : KeySet.add(others, this.#link))
    this.#tell(captures, others ?? KeySet.empty, "Add", encoded)
    return true
  }
  /** It does no longer: they are gone there, or nobody asks or answers. Says whether it did before. */
  remove(captures: string, why: "gone" | "not known", encoded?: Encoded): boolean {
    const all = this.#matches.get(captures)
    if (all === undefined || !KeySet.has(all, this.#link)) return false
    const others = KeySet.remove(all, this.#link)
    this.#matches = KeySet.isEmpty(others) ? this.#matches.delete(captures) : this.#matches.set(captures, others)
    this.#tell(captures, others, "Del", encoded, why)
    return true
  }
  end(): void {
    const draft = this.#draft
    if (this.#matches !== this.subscription.matches) draft.subscriptions = draft.subscriptions.set(this.#key, { ...this.subscription, matches: this.#matches })
    this.#settle()
  }
  #settle(): void {
    const draft = this.#draft
    for (const { link, told } of this.#hearers ?? []) {
      const before = draft.links.get(link)!
      if (before.told !== told) draft.links = draft.links.set(link, { ...before, told })
    }
    this.#hearers = undefined
  }

  /**
   * The link comes beside, or leaves, the suppliers `others`. The first supply is news to all holders but
   * the supplier; a second one only to the first supplier, who did not hear of its own.
   */
  #tell(captures: string, others: KeySet.KeySet, _tag: Fact["_tag"], known: Encoded | undefined, why?: "gone" | "not known"): void {
    if (!isCalm(this.#draft)) return tellWhileUncalm(this.#draft, this.#key, captures, others, this.#link, _tag, known ?? ofKey(captures), why)
    if (KeySet.isEmpty(others)) {
      const hearers = this.#hearers ??= this.#hearersNow()
      if (hearers.length === 0) return
      const encoded = known ?? ofKey(captures)
      for (const hearer of hearers) hear(this.#draft, hearer, _tag, encoded)
      return
    }
    const sole = soleOf(others)
    if (sole === undefined) return
    const endpoint = Holders.endpointOf(this.subscription.holders, sole)
    if (endpoint === undefined) return
    this.#settle() // so that one of many holders is told at the cost of one
    inform(this.#draft, sole, _tag, endpoint, known ?? ofKey(captures))
  }
  #hearersNow(): ReadonlyArray<Hearer> {
    const hearers: Array<Hearer> = []
    Holders.forEach(this.subscription.holders, (link, endpoint) => {
      if (link === this.#link) return
      const { own, told } = this.#draft.links.get(link)!
      hearers.push({ link, endpoint, own, told, items: undefined })
    })
    return hearers
  }
}
interface Hearer {
  readonly link: LinkId
  readonly endpoint: Endpoint
  readonly own: boolean
  told: Load
  items: Array<Item> | undefined
}

/** Tells one holder, and counts what it has been told of. */
const hear = (draft: Draft, hearer: Hearer, _tag: Fact["_tag"], captures: Encoded): void => {
  if (!hearer.own) {
    hearer.told = laden(hearer.told, _tag === "Add" ? 1 : -1, captures.end - captures.start)
    const tooMuch = _tag === "Add" ? excess(draft.config, hearer.told, "for") : undefined
    if (tooMuch !== undefined) draft.over.set(hearer.link, tooMuch)
  }
  hearer.items ??= to(draft, hearer.link).items
  hearer.items.push({ _tag, endpoint: hearer.endpoint, captures })
}

const tellWhileUncalm = (
  draft: Draft, key: string, captures: string, others: KeySet.KeySet, link: LinkId, _tag: Fact["_tag"], encoded: Encoded, why: "gone" | "not known" | undefined
): void => {
  const all = KeySet.add(others, link)
  const echo = echoAfter(draft, key, captures, all, others, _tag === "Add" && draft.links.get(link)!.own ? "ours" : why)
  return _tag === "Add" ? tellAnew(draft, key, captures, others, all, encoded, echo) : tellAnew(draft, key, captures, all, others, encoded, echo)
}

/** Our own word of it is none of an echo; and what goes while somebody who was told of it is out of reach may become one. */
const echoAfter = (draft: Draft, key: string, captures: string, all: KeySet.KeySet, others: KeySet.KeySet, why: "ours" | "gone" | "not known" | undefined): Echo | undefined => {
  const known = echoOf(draft, key, captures)
  if (why === "ours") return undefined
  if (why !== "gone" || !KeySet.isEmpty(others)) return known
  const { holders } = draft.subscriptions.get(key)!
  let echo = known
  for (const [link, lost] of draft.lingering) {
    const isMissed = Holders.endpointOf(holders, link) !== undefined && isSupplied(draft, all, link, known)
    if (isMissed && echo?.behind.includes(link) !== true) echo = { key, captures, behind: [...echo?.behind ?? [], link], lost: Math.min(echo?.lost ?? lost, lost) }
  }
  return echo
}

/** The same where links linger, holder by holder: from what is supplied by `before` to what is by `after`. */
const tellAnew = (draft: Draft, key: string, captures: string, before: KeySet.KeySet, after: KeySet.KeySet, encoded: Encoded, echo: Echo | undefined): void => {
  const { holders } = draft.subscriptions.get(key)!
  const old = echoOf(draft, key, captures)
  if (echo !== old) draft.echoes = echo === undefined ? draft.echoes.delete(echoId(key, captures)) : draft.echoes.set(echoId(key, captures), echo)
  Holders.forEach(holders, (holder, endpoint) => {
    const was = isSupplied(draft, before, holder, old)
    const is = isSupplied(draft, after, holder, echo)
    if (was !== is) inform(draft, holder, is ? "Add" : "Del", endpoint, encoded)
  })
}

/** Tells one holder, and counts what it has been told of. */
const inform = (draft: Draft, holder: LinkId, _tag: "Add" | "Del", endpoint: Endpoint, captures: Encoded): void => {
  const link = draft.links.get(holder)!
  if (isLingering(draft, holder)) return
  if (!link.own) {
    const told = laden(link.told, _tag === "Add" ? 1 : -1, captures.end - captures.start)
    draft.links = draft.links.set(holder, { ...link, told })
    const tooMuch = _tag === "Add" ? excess(draft.config, told, "for") : undefined
    if (tooMuch !== undefined) draft.over.set(holder, tooMuch)
  }
  say(draft, holder, { _tag, endpoint, captures })
}

/** A link supplies nothing more here: it is gone, or nobody asks or answers. */
const withdraw = (draft: Draft, link: LinkId, { key, supplied }: Open, why: "gone" | "not known"): void => {
  const run = new Run(draft, link, key)
  for (const captures of [...supplied.keys()].sort()) run.remove(captures, why)
  run.end()
}

// ---- links that linger -----------------------------------------------------------------------------

type Bonds = Pick<State, "links" | "subscriptions" | "lingering" | "echoes">

/** Whether no link lingers and nothing may be an echo: all but always. */
const isCalm = ({ echoes, lingering }: Pick<State, "echoes" | "lingering">): boolean => lingering.size === 0 && echoes.size === 0
const echoId = (key: string, captures: string): string => `${key.length} ${key}${captures}`
const echoOf = ({ echoes }: Pick<State, "echoes">, key: string, captures: string): Echo | undefined =>
  echoes.size === 0 ? undefined : echoes.get(echoId(key, captures))
const isEcho = ({ links }: Bonds, supplier: LinkId, echo: Echo | undefined): boolean => {
  if (echo === undefined) return false
  const link = links.get(supplier)
  return link !== undefined && !link.own && link.age > echo.lost
}

const onTrust = (state: State, link: LinkId): Step<State, Action> => {
  const heard = [...state.echoes].filter(([, { behind }]) => behind.includes(link)).sort(([a], [b]) => (a < b ? -1 : 1))
  if (heard.length === 0) return still(state)
  const draft = begin(state)
  for (const [id, echo] of heard) {
    const behind = echo.behind.filter((other) => other !== link)
    draft.echoes = behind.length > 0 ? draft.echoes.set(id, { ...echo, behind }) : draft.echoes.delete(id)
    if (behind.length > 0) continue
    const subscription = draft.subscriptions.get(echo.key)
    const suppliers = subscription?.matches.get(echo.captures)
    if (subscription === undefined || suppliers === undefined) continue
    Holders.forEach(subscription.holders, (holder, endpoint) => {
      if (!isSupplied(draft, suppliers, holder, echo) && isSupplied(draft, suppliers, holder, undefined)) inform(draft, holder, "Add", endpoint, ofKey(echo.captures))
    })
  }
  return finish(state, draft)
}

const isLingering = ({ lingering }: Pick<State, "lingering">, link: LinkId): boolean => lingering.size > 0 && lingering.has(link)
const hasLingering = ({ lingering }: Pick<State, "lingering">, holders: Holders.Holders): boolean => {
  if (lingering.size === 0) return false
  for (const link of lingering.keys()) if (Holders.endpointOf(holders, link) !== undefined) return true
  return false
}
/** Whether what one link asks for or supplies concerns another: it does not linger, or the other was there when it was lost. */
const counts = ({ lingering, links }: Bonds, link: LinkId, other: LinkId): boolean => {
  const lost = lingering.get(link)
  return lost === undefined || (links.get(other)?.age ?? 0) < lost
}
