/**
 * The outermost dataspace, run as a program: it waits for the world as long as somebody inside is
 * interested in an event of it, and is over when nobody is.
 *
 * Interest is the observation of `<event source value>` with a constant source; a source that fires
 * sends `<event source value>` to all who observe it. Beyond the ground there is nothing: who asserts
 * or sends `<outbound …>` here has made a mistake, and the program ends with it.
 */
import * as Bag from "../data/Bag.ts"
import { type Step, still } from "../machine/Machine.ts"
import * as Pattern from "../value/Pattern.ts"
import { record, symbol, type Value } from "../value/Value.ts"
import { key as keyOf } from "../value/canonical.ts"
import * as Dataspace from "./Dataspace.ts"
import * as Process from "./Process.ts"
import * as Turn from "./Turn.ts"

export interface State {
  readonly inner: Dataspace.State
  /** Sources that are waited for, by their key. */
  readonly waiting: Bag.Bag<string>
  readonly over: boolean
}

export type Event =
  /** A source of the world fired. */
  | { readonly _tag: "Fired"; readonly source: Value; readonly value: Value }
  | { readonly _tag: "Continue" }

export type Action =
  /** Somebody waits for a source; nobody does any more. */
  | { readonly _tag: "Wait"; readonly source: Value }
  | { readonly _tag: "Unwait"; readonly source: Value }
  | { readonly _tag: "Continue" }
  /** What the source fired is no value, or larger or deeper than values may be; nobody hears of it. */
  | { readonly _tag: "Rejected"; readonly source: Value }
  /** Nothing is left to do, and nothing is waited for. */
  | { readonly _tag: "Terminated" }
  /** The program cannot go on. */
  | { readonly _tag: "Failed"; readonly reason: string }

const world = "$world"
// <Observe <rec event [<lit source> …]>>: whoever merely observes such interest waits for nothing
const some = Pattern.record("rec", Pattern.literal(symbol("event")), Pattern.sequence([Pattern.record("lit", Pattern.bind()), Pattern.discard]))
const one = Pattern.record("lit", Pattern.record("event", Pattern.bind(), Pattern.discard)) // one firing alone: `<event source 7>`
// a nested dataspace captures the whole of what it observes for those inside: either may stand in a bind
const interests = [some, one, Pattern.record("bind", some), Pattern.record("bind", one)]
  .map((pattern, i) => Process.observe(`interest ${i}`, Pattern.record("Observe", pattern)))

// what is meant for the level above: there is none
const beyond = [
  Pattern.record("outbound", Pattern.discard), Pattern.record("quit-outside", Pattern.discard),
  Pattern.record("spawn-outside", Pattern.discard, Pattern.discard, Pattern.discard, Pattern.discard)
].map((pattern, i) => Process.observe(`beyond ${i}`, pattern))

/** The program whose processes may have `behaviours`: a machine. */
export const of = (behaviours: Process.Behaviours) => {
  const machine = Dataspace.of(behaviours)
  const settle = (state: State, [inner, actions]: Step<Dataspace.State, Dataspace.Action>): Step<State, Action> => {
    const out: Array<Action> = []
    let { waiting } = state
    for (const action of actions) {
      if (action._tag === "Continue") out.push(action)
      if (action._tag !== "Deliver") continue
      for (const { _tag, captures: [source], handle } of action.events) {
        const isBeyond = String(handle).startsWith("beyond")
        if (_tag === "Received" && !isBeyond) continue // somebody sends what looks like interest: it is none
        if (isBeyond) return [{ inner, waiting, over: true }, [...out, { _tag: "Failed", reason: "no further metalevel: there is nothing outside the ground" }]]
        const key = keyOf(source!)
        const [change, next] = Bag.change(waiting, key, _tag === "Added" ? 1 : -1)
        waiting = next
        if (change === "AbsentToPresent") out.push({ _tag: "Wait", source: source! })
        if (change === "PresentToAbsent") out.push({ _tag: "Unwait", source: source! })
      }
    }
    const over = waiting.size === 0 && Dataspace.isQuiet(inner)
    if (over) out.push({ _tag: "Terminated" })
    return [{ inner, waiting, over }, out]
  }
  const initial = ({ boot, fuel }: Dataspace.Config): Step<State, Action> => {
    const [empty] = machine.initial(fuel === undefined ? {} : { fuel })
    const ears = [...interests, ...beyond]
    const [listening] = machine.transition(empty, { _tag: "Enter", pid: world, name: "world", actions: ears })
    return settle({ inner: listening, waiting: Bag.empty(), over: false }, machine.start(listening, boot))
  }
  const transition = (state: State, event: Event): Step<State, Action> => {
    if (state.over) return still(state)
    switch (event._tag) {
      case "Fired":
        if (!Turn.fits(record("event", event.source, event.value))) return [state, [{ _tag: "Rejected", source: event.source }]]
        return settle(state, machine.transition(state.inner, { _tag: "Perform", pid: world, actions: [Process.send(record("event", event.source, event.value))] }))
      case "Continue": return settle(state, machine.transition(state.inner, event))
    }
  }
  return { initial, transition }
}
