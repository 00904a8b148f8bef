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
 * whole, and only its link goes; work is proportional to the holders concerned, never to the links,
 * save where a pattern is asked for first or last.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import { type Step, still } from "../machine/Machine.ts"
import { detach, elements, keyOf } from "../value/encoded.ts"
import * as Pattern from "../value/Pattern.ts"
import type { Encoded } from "../value/Value.ts"
import type { Endpoint, Item, LinkId } from "./Item.ts"

export interface Config {
  /** Subscriptions that one link may hold. */
  readonly endpointsMax?: number
  /** Captures that one link may supply at one time. */
  readonly capturesMax?: number
}
export const defaultConfig: Required<Config> = {
  endpointsMax: 1_000_000, // a guess: about a gigabyte of subscriptions
  capturesMax: 4_000_000 // a guess: likewise
}

export interface State {
  readonly config: Required<Config>
  readonly links: VersionedMap<LinkId, Link>
  /** By the pattern's key. A subscription lives as long as somebody holds it. */
  readonly subscriptions: VersionedMap<string, Subscription>
}

interface Link {
  /** Their endpoints, and the subscription that each holds. */
  readonly holds: VersionedMap<Endpoint, string>
  /** The greatest endpoint they ever used. */
  readonly last: Endpoint
  /** Our open endpoints, by subscription. */
  readonly open: VersionedMap<string, Endpoint>
  /** Our endpoints, until their `End`. */
  readonly endpoints: VersionedMap<Endpoint, Open | "closing">
  readonly next: Endpoint
  readonly supplied: number
}

interface Open {
  readonly key: string
  /** Keys of the captures that the link supplies here. */
  readonly supplied: VersionedMap<string, true>
}

interface Subscription {
  readonly pattern: Pattern.Pattern
  readonly arity: number
  /** In the order of their link ids. */
  readonly holders: ReadonlyArray<Holder>
  /** By the captures' key. */
  readonly matches: VersionedMap<string, Match>
}
interface Holder {
  readonly link: LinkId
  /** Under which name *they* asked. */
  readonly endpoint: Endpoint
}
interface Match {
  readonly captures: Encoded
  /** Which links, not how many: who asks hears of what others supply, and of nothing else. */
  readonly suppliers: ReadonlyArray<LinkId>
}

export type Event =
  | { readonly _tag: "LinkUp"; readonly link: LinkId }
  | { readonly _tag: "LinkDown"; readonly link: LinkId }
  | { readonly _tag: "Turn"; readonly link: LinkId; readonly items: ReadonlyArray<Item> }

export type Action =
  | { readonly _tag: "Turn"; readonly link: LinkId; readonly items: ReadonlyArray<Item> }
  /** The link's turn broke the protocol. It is undone, and the link is gone from this machine. */
  | { readonly _tag: "Fault"; readonly link: LinkId; readonly error: Fault }

export interface Fault {
  readonly code:
    | "UnknownEndpoint"
    | "ReusedEndpoint"
    | "OpenEndpoint"
    | "DuplicatePattern"
    | "DuplicateCaptures"
    | "AbsentCaptures"
    | "WrongArity"
    | "TooManyEndpoints"
    | "TooManyCaptures"
  /** Which item of the turn, from 0. */
  readonly index: number
  readonly message: string
}

export const initial = (config: Config): Step<State, Action> =>
  still({ config: { ...defaultConfig, ...config }, links: VersionedMap.empty(), subscriptions: VersionedMap.empty() })

export const transition = (state: State, event: Event): Step<State, Action> => {
  switch (event._tag) {
    case "LinkUp": return onLinkUp(state, event.link)
    case "LinkDown": return onLinkDown(state, event.link)
    case "Turn": return onTurn(state, event.link, event.items)
  }
}

/** A step in the making: the state so far, and what goes out to whom. */
interface Draft {
  readonly config: Required<Config>
  links: VersionedMap<LinkId, Link>
  subscriptions: VersionedMap<string, Subscription>
  readonly out: Map<LinkId, Array<Item>>
}
const begin = ({ config, links, subscriptions }: State): Draft => ({ config, links, subscriptions, out: new Map() })

const finish = (before: State, { config, links, out, subscriptions }: Draft): Step<State, Action> => {
  const state = links === before.links && subscriptions === before.subscriptions ? before : { config, links, subscriptions }
  const receivers = [...out.keys()]
  if (receivers.length > 1) receivers.sort()
  return [state, receivers.map((link) => ({ _tag: "Turn", link, items: out.get(link)! }))]
}

const say = ({ out }: Draft, link: LinkId, item: Item): void => {
  const items = out.get(link)
  if (items === undefined) out.set(link, [item])
  else items.push(item)
}

const onLinkUp = (state: State, link: LinkId): Step<State, Action> => {
  if (state.links.has(link)) return still(state)
  const draft = begin(state)
  const fresh: Link = { holds: VersionedMap.empty(), last: 0, open: VersionedMap.empty(), endpoints: VersionedMap.empty(), next: 1, supplied: 0 }
  draft.links = draft.links.set(link, fresh)
  for (const key of [...state.subscriptions.keys()].sort()) open(draft, link, key)
  return finish(state, draft)
}

const onLinkDown = (state: State, link: LinkId): Step<State, Action> => {
  const gone = state.links.get(link)
  if (gone === undefined) return still(state)
  const draft = begin(state)
  draft.links = draft.links.delete(link)
  // it leaves all holders before anything is said, so that nothing is addressed to it
  const left = [...gone.holds.entries()].sort(([a], [b]) => a - b).map(([, key]) => key)
  for (const key of left) leave(draft, link, key)
  const supplies = [...gone.endpoints.entries()].sort(([a], [b]) => a - b)
  for (const [, endpoint] of supplies) if (endpoint !== "closing") for (const captures of [...endpoint.supplied.keys()].sort()) withdraw(draft, link, endpoint.key, captures)
  for (const key of left) askLess(draft, key)
  return finish(state, draft)
}

const onTurn = (state: State, link: LinkId, items: ReadonlyArray<Item>): Step<State, Action> => {
  if (!state.links.has(link)) return still(state)
  const draft = begin(state)
  for (let index = 0; index < items.length; index++) {
    const wrong = onItem(draft, link, items[index]!)
    if (wrong !== undefined) {
      const [next, actions] = onLinkDown(state, link)
      return [next, [{ _tag: "Fault", link, error: { ...wrong, index } }, ...actions]]
    }
  }
  return finish(state, draft)
}

/** What is wrong with an item, if anything is; the draft is then abandoned. */
type Wrong = Omit<Fault, "index"> | undefined
const wrong = (code: Fault["code"], message: string): Wrong => ({ code, message })

const onItem = (draft: Draft, link: LinkId, item: Item): Wrong => {
  switch (item._tag) {
    case "Assert": return onAssert(draft, link, item.endpoint, item.pattern)
    case "Clear": return onClear(draft, link, item.endpoint)
    case "Add": return onAdd(draft, link, item.endpoint, item.captures)
    case "Del": return onDel(draft, link, item.endpoint, item.captures)
    case "Msg": return onMsg(draft, link, item.endpoint, item.captures)
    case "End": return onEnd(draft, link, item.endpoint)
  }
}

const onAssert = (draft: Draft, link: LinkId, endpoint: Endpoint, pattern: Pattern.Pattern): Wrong => {
  const holder = draft.links.get(link)!
  if (!(endpoint > holder.last)) return wrong("ReusedEndpoint", `endpoint ${endpoint} is not greater than ${holder.last}, the last one used`)
  if (holder.holds.size >= draft.config.endpointsMax) return wrong("TooManyEndpoints", `more than ${draft.config.endpointsMax} subscriptions on a link`)
  const key = Pattern.key(pattern)
  const known = draft.subscriptions.get(key)
  if (known?.holders.some((h) => h.link === link) === true) return wrong("DuplicatePattern", `endpoint ${endpoint} asks for a pattern that the link holds already`)
  const before = known ?? { pattern, arity: Pattern.arity(pattern), holders: [], matches: VersionedMap.empty<string, Match>() }
  draft.links = draft.links.set(link, { ...holder, holds: holder.holds.set(endpoint, key), last: endpoint })
  draft.subscriptions = draft.subscriptions.set(key, { ...before, holders: insert(before.holders, { link, endpoint }) })
  askMore(draft, key, before.holders, link)
  for (const captures of [...before.matches.keys()].sort()) {
    const match = before.matches.get(captures)!
    if (isSuppliedToOther(match, link)) say(draft, link, { _tag: "Add", endpoint, captures: match.captures })
  }
  return undefined
}

const onClear = (draft: Draft, link: LinkId, endpoint: Endpoint): Wrong => {
  const holder = draft.links.get(link)!
  const key = holder.holds.get(endpoint)
  if (key === undefined) return wrong("UnknownEndpoint", `endpoint ${endpoint} holds no subscription`)
  draft.links = draft.links.set(link, { ...holder, holds: holder.holds.delete(endpoint) })
  leave(draft, link, key)
  askLess(draft, key)
  say(draft, link, { _tag: "End", endpoint })
  return undefined
}

const onAdd = (draft: Draft, link: LinkId, endpoint: Endpoint, captures: Encoded): Wrong => {
  const supplier = draft.links.get(link)!
  const ours = supplier.endpoints.get(endpoint)
  if (ours === undefined) return unasked(endpoint)
  if (ours === "closing") return undefined // said before they heard our Clear
  const subscription = draft.subscriptions.get(ours.key)!
  if (elements(captures) !== subscription.arity) return wrongArity(endpoint, subscription)
  const key = keyOf(captures)
  const known = subscription.matches.get(key)
  if (known?.suppliers.includes(link) === true) return wrong("DuplicateCaptures", `endpoint ${endpoint} is told twice of the same captures`)
  if (supplier.supplied >= draft.config.capturesMax) return wrong("TooManyCaptures", `more than ${draft.config.capturesMax} captures from one link`)
  const match: Match = known === undefined ? { captures: detach(captures), suppliers: [link] } : { ...known, suppliers: [...known.suppliers, link].sort() }
  draft.links = draft.links.set(link, {
    ...supplier,
    supplied: supplier.supplied + 1,
    endpoints: supplier.endpoints.set(endpoint, { key: ours.key, supplied: ours.supplied.set(key, true) })
  })
  draft.subscriptions = draft.subscriptions.set(ours.key, { ...subscription, matches: subscription.matches.set(key, match) })
  tell(draft, subscription, known?.suppliers ?? [], link, "Add", match.captures)
  return undefined
}

const onDel = (draft: Draft, link: LinkId, endpoint: Endpoint, captures: Encoded): Wrong => {
  const supplier = draft.links.get(link)!
  const ours = supplier.endpoints.get(endpoint)
  if (ours === undefined) return unasked(endpoint)
  if (ours === "closing") return undefined
  const subscription = draft.subscriptions.get(ours.key)!
  if (elements(captures) !== subscription.arity) return wrongArity(endpoint, subscription)
  const key = keyOf(captures)
  if (!ours.supplied.has(key)) return wrong("AbsentCaptures", `endpoint ${endpoint} is told of the end of captures that it was not told of`)
  draft.links = draft.links.set(link, {
    ...supplier,
    supplied: supplier.supplied - 1,
    endpoints: supplier.endpoints.set(endpoint, { key: ours.key, supplied: ours.supplied.delete(key) })
  })
  withdraw(draft, link, ours.key, key)
  return undefined
}

const onMsg = (draft: Draft, link: LinkId, endpoint: Endpoint, captures: Encoded): Wrong => {
  const ours = draft.links.get(link)!.endpoints.get(endpoint)
  if (ours === undefined) return unasked(endpoint)
  if (ours === "closing") return undefined
  const subscription = draft.subscriptions.get(ours.key)!
  if (elements(captures) !== subscription.arity) return wrongArity(endpoint, subscription)
  for (const holder of subscription.holders) if (holder.link !== link) say(draft, holder.link, { _tag: "Msg", endpoint: holder.endpoint, captures })
  return undefined
}

const onEnd = (draft: Draft, link: LinkId, endpoint: Endpoint): Wrong => {
  const supplier = draft.links.get(link)!
  const ours = supplier.endpoints.get(endpoint)
  if (ours === undefined) return unasked(endpoint)
  if (ours !== "closing") return wrong("OpenEndpoint", `endpoint ${endpoint} was not cleared, so it cannot end`)
  draft.links = draft.links.set(link, { ...supplier, endpoints: supplier.endpoints.delete(endpoint) })
  return undefined
}

const unasked = (endpoint: Endpoint): Wrong => wrong("UnknownEndpoint", `endpoint ${endpoint} was never asked for, or has ended`)
const wrongArity = (endpoint: Endpoint, { arity }: Subscription): Wrong => wrong("WrongArity", `endpoint ${endpoint} captures ${arity} values`)

// ---- interest: the edges of asked(s, l) ---------------------------------------------------------

/** Whether a link must have been asked for a subscription: somebody else holds it. */
export const asked = (state: Pick<State, "subscriptions">, key: string, link: LinkId): boolean =>
  state.subscriptions.get(key)?.holders.some((holder) => holder.link !== link) === true

/** `joined` has become a holder: the first makes us ask all others, the second makes us ask the first. */
const askMore = (draft: Draft, key: string, before: ReadonlyArray<Holder>, joined: LinkId): void => {
  if (before.length === 1) open(draft, before[0]!.link, key)
  else if (before.length === 0) for (const link of [...draft.links.keys()].sort()) if (link !== joined) open(draft, link, key)
}

/** A holder has left: we stop asking the last one that remains, or all. Without holders the subscription goes. */
const askLess = (draft: Draft, key: string): void => {
  const subscription = draft.subscriptions.get(key)
  if (subscription === undefined || subscription.holders.length > 1) return
  const [last] = subscription.holders
  if (last !== undefined) return close(draft, last.link, key)
  for (const link of [...draft.links.keys()].sort()) close(draft, link, key)
  draft.subscriptions = draft.subscriptions.delete(key)
}

const open = (draft: Draft, link: LinkId, key: string): void => {
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
  const { supplied } = to.endpoints.get(endpoint) as Open
  for (const captures of [...supplied.keys()].sort()) withdraw(draft, link, key, captures)
  draft.links = draft.links.set(link, {
    ...to,
    supplied: to.supplied - supplied.size,
    open: to.open.delete(key),
    endpoints: to.endpoints.set(endpoint, "closing")
  })
  say(draft, link, { _tag: "Clear", endpoint })
}

const leave = (draft: Draft, link: LinkId, key: string): void => {
  const subscription = draft.subscriptions.get(key)!
  draft.subscriptions = draft.subscriptions.set(key, { ...subscription, holders: subscription.holders.filter((holder) => holder.link !== link) })
}

const insert = (holders: ReadonlyArray<Holder>, holder: Holder): ReadonlyArray<Holder> => {
  const at = holders.findIndex(({ link }) => link > holder.link)
  return at < 0 ? [...holders, holder] : [...holders.slice(0, at), holder, ...holders.slice(at)]
}

// ---- supply: the edges of told(s, c, l) ---------------------------------------------------------

/** Whether a link must have been told of captures: it holds the subscription, and another link supplies them. */
export const told = (state: Pick<State, "subscriptions">, key: string, captures: string, link: LinkId): boolean => {
  const subscription = state.subscriptions.get(key)
  const match = subscription?.matches.get(captures)
  return match !== undefined && subscription!.holders.some((holder) => holder.link === link) && isSuppliedToOther(match, link)
}
const isSuppliedToOther = ({ suppliers }: Match, link: LinkId): boolean => suppliers.some((supplier) => supplier !== link)

/**
 * `link` comes beside, or leaves, the suppliers `others`. The first supply is news to all holders but
 * the supplier; a second one only to the first supplier, who did not hear of its own.
 */
const tell = (draft: Draft, { holders }: Subscription, others: ReadonlyArray<LinkId>, link: LinkId, _tag: "Add" | "Del", captures: Encoded): void => {
  if (others.length > 1) return
  for (const holder of holders) {
    if (holder.link !== link && (others.length === 0 || holder.link === others[0])) say(draft, holder.link, { _tag, endpoint: holder.endpoint, captures })
  }
}

/** A link supplies captures no longer. */
const withdraw = (draft: Draft, link: LinkId, key: string, captures: string): void => {
  const subscription = draft.subscriptions.get(key)!
  const match = subscription.matches.get(captures)!
  const others = match.suppliers.filter((supplier) => supplier !== link)
  const matches = others.length === 0 ? subscription.matches.delete(captures) : subscription.matches.set(captures, { ...match, suppliers: others })
  draft.subscriptions = draft.subscriptions.set(key, { ...subscription, matches })
  tell(draft, subscription, others, link, "Del", match.captures)
}
