/**
 * A dataspace as a process of another. A relay inside carries what is meant for the outside:
 *
 * - `<outbound v>` asserted or sent inside is v, asserted or sent outside;
 * - observing `<inbound p>` inside observes p outside, and each match v is shown inside as `<inbound v>`;
 * - the message `<spawn-outside handle name behaviour config>` spawns a process outside, and is answered
 *   by the message `<spawned-outside handle pid>`; `<quit-outside reason>` ends the nested dataspace itself.
 *
 * The reason of a retraction or an end crosses with it, either way. What is too large or too deep to be
 * shown as `<inbound v>` does not come in.
 *
 * Promises: what does not cross costs nothing, what crosses costs one step a level, to any depth. A
 * nested dataspace without a process of its own quits; when it ends, all inside ends with it. However
 * often it is poked while it is busy, it runs its share once for each of its turns.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import type { Step } from "../machine/Machine.ts"
import { key as keyOf } from "../value/canonical.ts"
import * as Pattern from "../value/Pattern.ts"
import { record, symbol, type Value } from "../value/Value.ts"
import * as Dataspace from "./Dataspace.ts"
import * as Process from "./Process.ts"
import * as Turn from "./Turn.ts"

export interface Config {
  readonly boot?: Dataspace.Config["boot"]
}

export interface State {
  readonly inner: Dataspace.State
  /** Numbers our handles outside. */
  readonly next: number
  /** What we hold outside for `<outbound v>`, by the key of v. */
  readonly outward: VersionedMap<string, number>
  /** The observations of `<inbound p>`, by the key of that pattern. */
  readonly inward: VersionedMap<string, Inward>
  /** Those keys, by our handle outside. */
  readonly handles: VersionedMap<number, string>
  /** Who waits inside for a process to be spawned outside: what they called it, by our handle. */
  readonly spawning: VersionedMap<number, Value>
}
interface Inward {
  readonly pattern: Pattern.Pattern
  /** How many observations say so, each in its own way. */
  readonly wanted: number
  /** Our handle outside, once we have asked. */
  readonly handle: number | undefined
  /** The relay's handles inside for what it shows. */
  readonly shown: VersionedMap<string, true>
}

/** The relay, as an external process of the inner dataspace. */
const relay = "$outside"
/** Our handle for going on where the fuel ended. */
const goOn = "continue"
/** A share of the outer dataspace's turn: whoever else lives there runs in between. */
const fuel = 1_000 // a guess

const orders = [
  Process.observe("spawn", Pattern.record("spawn-outside", Pattern.bind(), Pattern.bind(), Pattern.bind(), Pattern.bind())),
  Process.observe("quit", Pattern.record("quit-outside", Pattern.bind()))
]
const outbound = Pattern.record("outbound", Pattern.bind())
// An observation of <inbound p> is <Observe <rec inbound [p]>>, or <Observe <lit <inbound v>>> when nothing in it is
// open; either may stand in a bind, as the relay of a dataspace that is nested in this one asks for it.
const open = Pattern.record("rec", Pattern.literal(symbol("inbound")), Pattern.sequence([Pattern.discard]))
const closed = Pattern.record("lit", Pattern.record("inbound", Pattern.discard))
const interests = [open, closed, Pattern.record("bind", open), Pattern.record("bind", closed)]
  .map((pattern, i) => Process.observe(`in ${i}`, Pattern.record("Observe", Pattern.bind(pattern))))

/** What a nested dataspace says in one turn: as a process outside, and to the external processes that live inside. */
export type Said = readonly [state: State, outside: ReadonlyArray<Process.Action>, inside: ReadonlyArray<InsideAction>]
export type InsideAction = Extract<Dataspace.Action, { readonly _tag: "Deliver" | "Exited" }>

/**
 * A dataspace within another whose processes may have `behaviours`, and may be external ones: whoever
 * keeps it tells it what happens outside (`hear`) and inside (`tell`).
 */
export const of = (behaviours: Process.Behaviours) => {
  const machine = Dataspace.of(behaviours)

  /** Carries the inner dataspace's actions outside, and what they cause back inside, until it is quiet. */
  const settle = (state: State, [inner, actions]: Step<Dataspace.State, Dataspace.Action>): Said => {
    const draft: Draft = { out: [], asked: new Set(), state: { ...state, inner } }
    const inside: Array<InsideAction> = []
    for (const action of actions) {
      if (action._tag === "Continue") draft.out.push({ _tag: "Yield", handle: goOn, world: true })
      else if (action.pid !== relay) inside.push(action)
      else if (action._tag === "Deliver") for (const event of action.events) cross(draft, event)
      else draft.out.push(Process.quit(action.reason)) // without the relay nothing crosses any more
    }
    const stale: Array<Process.Action> = []
    for (const key of draft.asked) ask(draft, key, stale)
    if (stale.length > 0) {
      const [next, more, told] = settle(draft.state, machine.transition(inner, { _tag: "Perform", pid: relay, actions: stale }))
      return [next, [...draft.out, ...more], [...inside, ...told]]
    }
    if (Dataspace.population(inner) <= 1) draft.out.push(Process.quit())
    return [draft.state, draft.out, inside]
  }

  /** Something happens inside. */
  const tell = (state: State, event: Dataspace.Event): Said => settle(state, machine.transition(state.inner, event))

  /** `first` enter before anything else, so that the dataspace is not over before it began. */
  const initial = ({ boot = [] }: Config, self: Process.Pid, ...first: ReadonlyArray<Dataspace.Event>): Said => {
    const [empty] = machine.initial({ fuel, within: self })
    const state: State = { inner: empty, next: 1, outward: VersionedMap.empty(), inward: VersionedMap.empty(), handles: VersionedMap.empty(), spawning: VersionedMap.empty() }
    const ears = [Process.observe("out", outbound), ...interests, ...orders]
    let [inner, actions] = machine.transition(empty, { _tag: "Enter", pid: relay, name: "outside", actions: ears })
    for (const event of first) {
      const [next, more] = machine.transition(inner, event)
      ;[inner, actions] = [next, [...actions, ...more]]
    }
    const [started, more] = machine.start(inner, boot)
    return settle(state, [started, [...actions, ...more]])
  }

  /** Something happens outside. */
  const hear = (state: State, event: Process.Event): Said => {
    if (event._tag === "Resumed") return tell(state, { _tag: "Continue" })
    const outside = event.handle as number
    if (event._tag === "Spawned") {
      const answer = record("spawned-outside", state.spawning.get(outside)!, event.captures[0]!)
      const answered = { ...state, spawning: state.spawning.delete(outside) }
      return Turn.fits(answer) ? tell(answered, perform(Process.send(answer))) : [answered, [], []]
    }
    const key = state.handles.get(outside)
    if (key === undefined) return [state, [], []]
    const inward = state.inward.get(key)!
    const { pattern, shown } = inward
    const [value] = event.captures
    const fact = record("inbound", value!)
    if (!Turn.fits(fact)) return [state, [], []]
    // to the observations of this pattern alone: overlapping ones hear of it by their own
    if (event._tag === "Received") return tell(state, { _tag: "Supply", items: [{ _tag: "Msg", pattern, captures: Pattern.captures(pattern, fact)! }] })
    const handle = `${outside} ${keyOf(value!)}`
    const showing = (next: Inward["shown"]): State => ({ ...state, inward: state.inward.set(key, { ...inward, shown: next }) })
    return event._tag === "Added"
      ? tell(showing(shown.set(handle, true)), perform(Process.assert(handle, fact)))
      : tell(showing(shown.delete(handle)), perform(Process.retract(handle, event.reason)))
  }
  return { initial, hear, tell }
}

/** The behaviour of a dataspace whose processes may have `behaviours`. */
export const nested = (behaviours: Process.Behaviours): Process.Behaviour<Config, State> => {
  const { hear, initial } = of(behaviours)
  const turn = ([state, outside]: Said): Process.Turn<State> => [state, outside]
  return { initial: (config, self) => turn(initial(config, self)), transition: (state, event) => turn(hear(state, event)) }
}

const perform = (action: Process.Action): Dataspace.Event => ({ _tag: "Perform", pid: relay, actions: [action] })

/** What the inner dataspace asks for outside, in the making. */
interface Draft {
  readonly out: Array<Process.Action>
  /** Keys of patterns that observations inside came or went for. */
  readonly asked: Set<string>
  state: State
}

/** One event of the relay inside, as actions outside. */
const cross = (draft: Draft, event: Process.Event): void => {
  const { _tag, captures, handle } = event
  const [value] = captures
  if (handle === "spawn" || handle === "quit") return _tag === "Received" ? obey(draft, handle, captures) : undefined
  if (handle !== "out") return _tag === "Received" ? undefined : interested(draft, value!, _tag === "Added" ? 1 : -1)
  if (_tag === "Received") return void draft.out.push(Process.send(value!))
  const { next, outward } = draft.state
  const key = keyOf(value!)
  if (_tag === "Added") {
    draft.out.push(Process.assert(next, value!))
    draft.state = { ...draft.state, next: next + 1, outward: outward.set(key, next) }
  } else {
    draft.out.push(Process.retract(outward.get(key)!, _tag === "Removed" ? event.reason : undefined))
    draft.state = { ...draft.state, outward: outward.delete(key) }
  }
}

/** Counts the observations of a pattern: two may say the same in different ways, and one may follow another. */
const interested = (draft: Draft, observed: Value, delta: 1 | -1): void => {
  const pattern = Pattern.fromValue(observed)
  if (pattern === undefined) return
  const key = Pattern.key(pattern)
  const { inward } = draft.state
  const known = inward.get(key) ?? { pattern, wanted: 0, handle: undefined, shown: VersionedMap.empty() }
  draft.asked.add(key)
  draft.state = { ...draft.state, inward: inward.set(key, { ...known, wanted: known.wanted + delta }) }
}

/** Observes outside what is observed inside, and stops when it is no more; `stale` is what the relay must stop showing inside. */
const ask = (draft: Draft, key: string, stale: Array<Process.Action>): void => {
  const { handles, inward, next } = draft.state
  const known = inward.get(key)!
  if (known.wanted > 0 && known.handle === undefined) {
    draft.out.push(Process.observe(next, Pattern.bind(unbound(inside(known.pattern)))))
    draft.state = { ...draft.state, next: next + 1, inward: inward.set(key, { ...known, handle: next }), handles: handles.set(next, key) }
  } else if (known.wanted === 0) {
    draft.state = { ...draft.state, inward: inward.delete(key), handles: known.handle === undefined ? handles : handles.delete(known.handle) }
    if (known.handle === undefined) return
    draft.out.push(Process.retract(known.handle))
    for (const shown of [...known.shown.keys()].sort()) stale.push(Process.retract(shown))
  }
}

/** An order that is meant for us as a process of the outer dataspace. Nonsense is not obeyed. */
const obey = (draft: Draft, order: "spawn" | "quit", [first, name, behaviour, config]: Process.Captures): void => {
  if (order === "quit") return void draft.out.push(Process.quit(first!))
  if (typeof name !== "string" || typeof behaviour !== "string") return
  const { next, spawning } = draft.state
  draft.out.push(Process.spawn(name, { behaviour, config }, next))
  draft.state = { ...draft.state, next: next + 1, spawning: spawning.set(next, first!) }
}

/** p of `<inbound p>`. */
const inside = (pattern: Pattern.Pattern): Pattern.Pattern =>
  pattern._tag === "Bind" ? inside(pattern.pattern) : pattern._tag === "Record" ? pattern.fields[0]! : Pattern.literal(((pattern as Pattern.Literal).value as { readonly fields: ReadonlyArray<Value> }).fields[0]!)

/** The pattern without its binds: outside, the whole value is captured instead. */
const unbound = (pattern: Pattern.Pattern): Pattern.Pattern => {
  switch (pattern._tag) {
    case "Bind": return unbound(pattern.pattern)
    case "Record": return Pattern.recordOf(pattern.label, pattern.fields.map(unbound))
    case "Sequence": return Pattern.sequence(pattern.items.map(unbound))
    case "Dictionary": return Pattern.dictionary(pattern.entries.map(([k, p]) => [k, unbound(p)]))
    default: return pattern
  }
}
