/**
 * Composes machines into one. A wiring is a table: for each machine, and each
 * action tag it can emit, where that action goes - to a sibling as an event, or
 * out to the shell. The table is the architecture diagram.
 */
import { InvariantBroken } from "./assert.ts"
import type * as Machine from "./Machine.ts"

type Machines = { readonly [name: string]: Machine.Any }

/** An event addressed to one member of the product. */
export type Addressed<Ms extends Machines> = {
  readonly [N in keyof Ms & string]: { readonly _tag: N; readonly event: Machine.Event<Ms[N]> }
}[keyof Ms & string]

/** The state of a wiring: its members', by name. */
export type States<Ms extends Machines> = { readonly [N in keyof Ms]: Machine.State<Ms[N]> }
/** What each member's `initial` is given, by name. */
export type Configs<Ms extends Machines> = { readonly [N in keyof Ms]: Machine.Config<Ms[N]> }

/** Where an action goes: inward to a sibling, or outward to the shell. */
export type Route<Ms extends Machines, Out> =
  /** In the same step, behind what is waiting already. */
  | { readonly to: "inside"; readonly event: Addressed<Ms> }
  /** One of the actions of the step. */
  | { readonly to: "shell"; readonly action: Out }

/** The table: for each member and each tag of its actions, where those go. An empty list drops them; a tag left out does not compile. */
export type Routes<Ms extends Machines, Out> = {
  readonly [N in keyof Ms]: {
    readonly [A in Machine.Action<Ms[N]> as A["_tag"]]: (action: A) => ReadonlyArray<Route<Ms, Out>>
  }
}

/** The same where it is looked up: that an action comes to the route of its own tag is what the look-up does. */
type Table<R> = { readonly [name: string]: { readonly [tag: string]: (action: any) => ReadonlyArray<R> } }

/**
 * What tells a routing loop, which is a bug in the table, from a long turn, which is legal: an event
 * that so many others led to, one by one, or a first event with so many consequences. One chunk of a
 * peer may be thousands of first events, and each of them concern thousands of links.
 */
const depthMax = 10_000
const consequencesMax = 1_000_000
/** Of its own, since to put the words together would cost as much as to route an event. */
const restless = (events: number, depth: number, last: string): never => {
  throw new InvariantBroken(`a turn comes to rest: it has routed ${events} events, ${depth} deep; the last was for ${last}`)
}
const none: ReadonlyArray<never> = []

/**
 * The machine that a table describes. An event is run until no member has more to say, breadth first; the actions are what left
 * for the shell meanwhile, in order. A step of a table that routes in a circle throws `InvariantBroken`.
 */
export const wire = <const Ms extends Machines, Out extends Machine.Tagged>(
  machines: Ms,
  routes: Routes<Ms, Out>
) => {
  type S = States<Ms>
  type Seed = readonly [from: keyof Ms & string, action: Machine.Tagged]
  const table: Table<Route<Ms, Out>> = routes
  const settle = (state: S, first: Addressed<Ms> | undefined, seeds: ReadonlyArray<Seed>): Machine.Step<S, Out> => {
    let next: Record<string, unknown> = state
    const out: Array<Out> = []
    const inbox: Array<Addressed<Ms> | undefined> = first === undefined ? [] : [first]
    const dispatch = (from: keyof Ms & string, action: Machine.Tagged) => {
      const found = table[from]![action._tag]!(action)
      for (let i = 0; i < found.length; i++) {
        const route = found[i]!
        if (route.to === "shell") out.push(route.action)
        else inbox.push(route.event)
      }
    }
    for (const [from, action] of seeds) dispatch(from, action)
    // breadth-first, so events of one depth lie together: where they end, and how many came of the first ones
    let depth = 0
    let levelEnd = inbox.length
    let firsts = levelEnd
    for (let i = 0; i < inbox.length; i++) {
      if (i === levelEnd) {
        levelEnd = inbox.length
        if (++depth === 1) firsts = Math.max(firsts, levelEnd - i)
      }
      const { _tag: name, event } = inbox[i]!
      if (depth >= depthMax || i >= consequencesMax * firsts) restless(i, depth, name)
      inbox[i] = undefined // dealt with: a long turn does not keep what it was about
      const before = next[name]
      const step = machines[name]!.transition(before, event)
      if (step[0] !== before) {
        if (next === state) next = { ...state }
        next[name] = step[0]
      }
      const actions = step[1]
      for (let j = 0; j < actions.length; j++) dispatch(name, actions[j]!)
    }
    return [next as S, out]
  }
  return {
    initial: (configs: Configs<Ms>): Machine.Step<S, Out> => {
      const state: Record<string, unknown> = {}
      const seeds: Array<Seed> = []
      for (const name in machines) {
        const [s, actions] = machines[name]!.initial(configs[name])
        state[name] = s
        for (const a of actions) seeds.push([name, a])
      }
      return settle(state as S, undefined, seeds)
    },
    transition: (state: S, event: Addressed<Ms>): Machine.Step<S, Out> => settle(state, event, none)
  }
}
