/**
 * A dataspace as a process of another. A relay inside carries what is meant for the outside:
 *
 * - `<outbound v>` asserted or sent inside is v, asserted or sent outside;
 * - observing `<inbound p>` inside observes p outside, and each match v is shown inside as `<inbound v>`;
 * - the message `<spawn-outside handle name behaviour config>` spawns a process outside, and is answered
 *   by the message `<spawned-outside handle pid>`; `<quit-outside reason>` ends the nested dataspace itself.
 *
 * The reason of a retraction or an end crosses with it, either way.
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

export interface Config {
  readonly boot: Dataspace.Config["boot"]
}

export interface State {
  readonly inner: Dataspace.State
  /** Numbers our handles outside. */
  readonly next: number
  /** What we hold outside for `<outbound v>`, by the key of v. */
  readonly outward: VersionedMap<string, number>
  /** The observations of `<inbound p>`, by our handle outside. */
  readonly inward: VersionedMap<number, Inward>
  /** Those handles, by the key of the pattern's value. */
  readonly handles: VersionedMap<string, number>
  /** Who waits inside for a process to be spawned outside: what they called it, by our handle. */
  readonly spawning: VersionedMap<number, Value>
}
interface Inward {
  readonly pattern: Pattern.Pattern
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

/** The behaviour of a dataspace whose processes may have `behaviours`. */
export const nested = (behaviours: Process.Behaviours): Process.Behaviour<Config, State> => {
  const machine = Dataspace.of(behaviours)

  /** Carries the inner dataspace's actions outside, and what they cause back inside, until it is quiet. */
  const settle = (state: State, [inner, actions]: Step<Dataspace.State, Dataspace.Action>): Process.Turn<State> => {
    state = { ...state, inner }
    const out: Array<Process.Action> = []
    const stale: Array<Process.Action> = []
    for (const action of actions) {
      if (action._tag === "Continue") out.push({ _tag: "Yield", handle: goOn })
      else if (action._tag === "Deliver") for (const event of action.events) state = cross(state, event, out, stale)
    }
    if (stale.length > 0) {
      const [next, more] = settle(state, machine.transition(inner, { _tag: "Perform", pid: relay, actions: stale }))
      return [next, [...out, ...more]]
    }
    if (Dataspace.population(inner) <= 1 && Dataspace.isQuiet(inner)) out.push(Process.quit())
    return [state, out]
  }

  const enter = (state: State, event: Dataspace.Event): Process.Turn<State> => settle(state, machine.transition(state.inner, event))

  return {
    initial: ({ boot = [] }, self) => {
      const [empty] = machine.initial({ fuel, within: self })
      const state: State = { inner: empty, next: 1, outward: VersionedMap.empty(), inward: VersionedMap.empty(), handles: VersionedMap.empty(), spawning: VersionedMap.empty() }
      const ears = [Process.observe("out", outbound), ...interests, ...orders]
      const [listening] = machine.transition(empty, { _tag: "Enter", pid: relay, name: "outside", actions: ears })
      return settle(state, machine.start(listening, boot))
    },
    transition: (state, event) => {
      if (event._tag === "Resumed") return enter(state, { _tag: "Continue" })
      const outside = event.handle as number
      if (event._tag === "Spawned") {
        const asked = state.spawning.get(outside)!
        return enter({ ...state, spawning: state.spawning.delete(outside) }, perform(Process.send(record("spawned-outside", asked, event.captures[0]!))))
      }
      const inward = state.inward.get(outside)
      if (inward === undefined) return [state, []]
      const { pattern, shown } = inward
      const [value] = event.captures
      const fact = record("inbound", value!)
      const handle = `${outside} ${keyOf(value!)}`
      const showing = (next: Inward["shown"]): State => ({ ...state, inward: state.inward.set(outside, { pattern, shown: next }) })
      switch (event._tag) {
        case "Added": return enter(showing(shown.set(handle, true)), perform(Process.assert(handle, fact)))
        case "Removed": return enter(showing(shown.delete(handle)), perform(Process.retract(handle, event.reason)))
        // to the observations of this pattern alone: overlapping ones hear of it by their own
        case "Received": return enter(state, { _tag: "Supply", items: [{ _tag: "Msg", pattern, captures: Pattern.captures(pattern, fact)! }] })
      }
    }
  }
}

const perform = (action: Process.Action): Dataspace.Event => ({ _tag: "Perform", pid: relay, actions: [action] })

/** One event of the relay inside, as actions outside; `stale` is what the relay must stop showing inside. */
const cross = (state: State, event: Process.Event, out: Array<Process.Action>, stale: Array<Process.Action>): State => {
  const { _tag, captures: [value], handle } = event
  if (handle === "spawn" || handle === "quit") return _tag === "Received" ? obey(state, handle, event.captures, out) : state
  if (handle === "out") {
    if (_tag === "Received") {
      out.push(Process.send(value!))
      return state
    }
    const key = keyOf(value!)
    if (_tag === "Added") {
      out.push(Process.assert(state.next, value!))
      return { ...state, next: state.next + 1, outward: state.outward.set(key, state.next) }
    }
    out.push(Process.retract(state.outward.get(key)!, _tag === "Removed" ? event.reason : undefined))
    return { ...state, outward: state.outward.delete(key) }
  }
  const pattern = Pattern.fromValue(value!)
  if (_tag === "Received" || pattern === undefined) return state
  const key = keyOf(value!)
  if (_tag === "Added") {
    out.push(Process.observe(state.next, Pattern.bind(unbound(inside(pattern)))))
    return { ...state, next: state.next + 1, inward: state.inward.set(state.next, { pattern, shown: VersionedMap.empty() }), handles: state.handles.set(key, state.next) }
  }
  const ours = state.handles.get(key)!
  out.push(Process.retract(ours))
  for (const shown of [...state.inward.get(ours)!.shown.keys()].sort()) stale.push(Process.retract(shown))
  return { ...state, inward: state.inward.delete(ours), handles: state.handles.delete(key) }
}

/** An order that is meant for us as a process of the outer dataspace. Nonsense is not obeyed. */
const obey = (state: State, order: "spawn" | "quit", [first, name, behaviour, config]: Process.Captures, out: Array<Process.Action>): State => {
  if (order === "quit") {
    out.push(Process.quit(first!))
    return state
  }
  if (typeof name !== "string" || typeof behaviour !== "string") return state
  out.push(Process.spawn(name, { behaviour, config }, state.next))
  return { ...state, next: state.next + 1, spawning: state.spawning.set(state.next, first!) }
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
