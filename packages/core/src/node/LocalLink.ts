/**
 * Joins a scope's federation machine to the scope's dataspace on this node. To the federation it is
 * a link like any other, and keeps the rules of one; to the dataspace it is a *foreign* external
 * process: it sees what local processes assert and observe, never what it brought itself.
 *
 * Promises: an observation made here is asked for on every link while it stands, and what is asked
 * for by peers is answered from local facts. Matches that arrive are supplied to the observations of
 * exactly their pattern, not asserted again: a pattern with discards cannot be turned back into the
 * value, and a made-up value would match observers that it should not. What fits through no link (too
 * deep, too large, with a symbol that is no name) stays at home, and disturbs nothing. Until a process
 * comes there is nothing to say and nobody to hear, and a node that only relays does not pay for it: the
 * link joins when it is first needed.
 */
import { decode, DecodeError } from "../codec/Binary.ts"
import type { Supplied } from "../dataspace/Dataspace.ts"
import * as Process from "../dataspace/Process.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import type { Endpoint, Item } from "../federation/Item.ts"
import { assert } from "../machine/assert.ts"
import { type Step, still } from "../machine/Machine.ts"
import * as Fit from "../link/Fit.ts"
import { encodedOf, encodedRun, keyOf } from "../value/encoded.ts"
import * as Pattern from "../value/Pattern.ts"
import { type Encoded, Record, symbol } from "../value/Value.ts"

export interface Config {
  /** Whether observations made here are asked for elsewhere. A scope that only publishes says no. */
  readonly asks: boolean
}

export interface State {
  /** Whether it has joined the federation, be it that it has left again. */
  readonly hasJoined: boolean
  readonly next: Endpoint
  /** What is observed here, by the pattern's key. */
  readonly interests: VersionedMap<string, Interest>
  /** Our endpoints, until their `End`: `undefined` patterns are those that we cleared. */
  readonly endpoints: VersionedMap<Endpoint, Pattern.Pattern | "closing">
  /** The federation's endpoints that we answer; each is also our handle in the dataspace. */
  readonly asked: VersionedMap<Endpoint, true>
}

interface Interest {
  readonly endpoint: Endpoint
  /** Observations may write one pattern in several ways; the interest ends with the last of them. */
  readonly spellings: number
}

export type Event =
  /** A process comes to the dataspace. */
  | { readonly _tag: "Needed" }
  /** The node stops: nothing that is here is said any more. */
  | { readonly _tag: "Retire" }
  | { readonly _tag: "Delivered"; readonly events: ReadonlyArray<Process.Event> }
  | { readonly _tag: "Turn"; readonly items: ReadonlyArray<Item> }

export type Action =
  | { readonly _tag: "Join" }
  | { readonly _tag: "Part" }
  | { readonly _tag: "Enter"; readonly actions: ReadonlyArray<Process.Action> }
  | { readonly _tag: "Perform"; readonly actions: ReadonlyArray<Process.Action> }
  | { readonly _tag: "Supply"; readonly items: ReadonlyArray<Supplied> }
  | { readonly _tag: "Turn"; readonly items: ReadonlyArray<Item> }

/** The handle under which we hear of local observations; endpoints are numbers. */
const interest = "interest"

export const initial = ({ asks }: Config): Step<State, Action> => [
  { hasJoined: false, next: 1, interests: VersionedMap.empty(), endpoints: VersionedMap.empty(), asked: VersionedMap.empty() },
  [{ _tag: "Enter", actions: asks ? [Process.observe(interest, Pattern.record("Observe", Pattern.bind()))] : [] }]
]

export const transition = (state: State, event: Event): Step<State, Action> => {
  switch (event._tag) {
    case "Needed": return state.hasJoined ? still(state) : [{ ...state, hasJoined: true }, [{ _tag: "Join" }]]
    case "Retire": return state.hasJoined ? [state, [{ _tag: "Part" }]] : still({ ...state, hasJoined: true })
    case "Delivered": return onDelivered(state, event.events)
    case "Turn": return onTurn(state, event.items)
  }
}

const onDelivered = (state: State, events: ReadonlyArray<Process.Event>): Step<State, Action> => {
  const items: Array<Item> = []
  const supplied: Array<Supplied> = []
  const told: Array<Process.Event> = []
  for (const event of events) {
    if (event.handle === interest) state = onInterest(state, event, items, supplied)
    // a delivery may cross the Clear of its endpoint; after our End nothing may follow
    else if (state.asked.has(event.handle as Endpoint)) told.push(event)
  }
  if (told.length > 0) say(told, items)
  return answer(state, [], supplied, items)
}

const say = (events: ReadonlyArray<Process.Event>, items: Array<Item>): void => {
  encodedRun(events.map(({ captures }) => captures)).forEach((captures, i) => {
    const event = events[i]!
    // what came is judged like what goes, so an end is told exactly of what was told
    if (Fit.isSendable(captures)) items.push({ _tag: tagOf(event), endpoint: event.handle as Endpoint, captures })
  })
}
/** A reason does not cross links: the last supplier's end is the end, whoever's it was. */
const tagOf = ({ _tag }: Process.Event) => _tag === "Added" ? "Add" : _tag === "Removed" ? "Del" : "Msg"

const onInterest = (state: State, event: Process.Event, items: Array<Item>, supplied: Array<Supplied>): State => {
  if (event._tag === "Received") return state // a message that looks like an observation is none
  const pattern = Pattern.fromValue(event.captures[0]!)
  if (pattern === undefined || isPlumbing(pattern)) return state
  const value = encodedOf(Pattern.toValue(pattern))
  if (!Fit.isAskable(value)) return state
  const key = keyOf(value)
  const known = state.interests.get(key)
  if (event._tag === "Added") {
    if (known !== undefined) return { ...state, interests: state.interests.set(key, { ...known, spellings: known.spellings + 1 }) }
    const endpoint = state.next
    items.push({ _tag: "Assert", endpoint, pattern, key })
    return { ...state, next: endpoint + 1, interests: state.interests.set(key, { endpoint, spellings: 1 }), endpoints: state.endpoints.set(endpoint, pattern) }
  }
  assert(known !== undefined, "an interest that goes was there")
  if (known.spellings > 1) return { ...state, interests: state.interests.set(key, { ...known, spellings: known.spellings - 1 }) }
  items.push({ _tag: "Clear", endpoint: known.endpoint })
  // the observation may be back already, and must not inherit what the old one was told
  supplied.push({ _tag: "Reset", pattern })
  return { ...state, interests: state.interests.delete(key), endpoints: state.endpoints.set(known.endpoint, "closing") }
}

/**
 * Interest in interest stays at home. Every node hears of remote interest anyway, as the
 * subscriptions that reach it; asking for it as well would make each subscription a second one.
 */
const isPlumbing = (pattern: Pattern.Pattern): boolean => {
  switch (pattern._tag) {
    case "Bind": return isPlumbing(pattern.pattern)
    case "Record": return pattern.label === symbol("Observe")
    case "Literal": return pattern.value instanceof Record && pattern.value.label === symbol("Observe")
    default: return false
  }
}

const onTurn = (state: State, items: ReadonlyArray<Item>): Step<State, Action> => {
  const actions: Array<Process.Action> = []
  const supplied: Array<Supplied> = []
  const answers: Array<Item> = []
  for (const item of items) {
    switch (item._tag) {
      case "Assert":
        actions.push(Process.observe(item.endpoint, item.pattern))
        state = { ...state, asked: state.asked.set(item.endpoint, true) }
        break
      case "Clear":
        actions.push(Process.retract(item.endpoint))
        answers.push({ _tag: "End", endpoint: item.endpoint })
        state = { ...state, asked: state.asked.delete(item.endpoint) }
        break
      case "Stamp": break // what is delivered here goes nowhere else
      case "End":
        state = { ...state, endpoints: state.endpoints.delete(item.endpoint) }
        break
      default: {
        const pattern = state.endpoints.get(item.endpoint)
        assert(pattern !== undefined, "the federation answers what we asked")
        if (pattern !== "closing") supplied.push({ _tag: item._tag, pattern, captures: decoded(item.captures) })
      }
    }
  }
  return answer(state, actions, supplied, answers)
}

const decoded = (encoded: Encoded): Process.Captures => {
  // how long a peer's values may be is for its link to say, and it has
  const captures = decode(encoded, { depthMax: Fit.depthMax, bytesMax: Number.POSITIVE_INFINITY })
  assert(!(captures instanceof DecodeError) && Array.isArray(captures), "captures were checked where they came in")
  return captures
}

const answer = (
  state: State,
  actions: ReadonlyArray<Process.Action>,
  supplied: ReadonlyArray<Supplied>,
  items: ReadonlyArray<Item>
): Step<State, Action> => {
  const out: Array<Action> = []
  if (actions.length > 0) out.push({ _tag: "Perform", actions })
  if (supplied.length > 0) out.push({ _tag: "Supply", items: supplied })
  if (items.length > 0) out.push({ _tag: "Turn", items })
  return out.length === 0 ? still(state) : [state, out]
}
