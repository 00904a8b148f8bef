/**
 * Many copies of one machine, by key: a node's links, its scopes.
 *
 * Opening a key that is open, and telling or closing one that is not, changes nothing: whoever spoke
 * could not know that the member had just come or gone.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import { type Any, type Action as ActionOf, type Config as ConfigOf, type Event as EventOf, type State as StateOf, type Step, still } from "./Machine.ts"

/** The members that are open, by key. */
export type State<M extends Any> = VersionedMap<string, StateOf<M>>

/** What a family is told: of one member, by its key. */
export type Event<M extends Any> =
  /** A member starts, with this configuration. */
  | { readonly _tag: "Open"; readonly key: string; readonly config: ConfigOf<M> }
  /** For one member. */
  | { readonly _tag: "Tell"; readonly key: string; readonly event: EventOf<M> }
  /** A member is let go, without a word to it. */
  | { readonly _tag: "Close"; readonly key: string }

/** What the member of this key asks for. */
export type Action<M extends Any> = { readonly _tag: "Member"; readonly key: string; readonly action: ActionOf<M> }

/** The family of a machine is a machine. */
export const of = <M extends Any>(machine: M) => {
  const put = (state: State<M>, key: string, step: Step<StateOf<M>, ActionOf<M>>): Step<State<M>, Action<M>> => {
    const next = state.set(key, step[0])
    return step[1].length === 0 ? still(next) : [next, step[1].map((action): Action<M> => ({ _tag: "Member", key, action }))]
  }
  return {
    initial: (_: {}): Step<State<M>, Action<M>> => still(VersionedMap.empty()),
    transition: (state: State<M>, event: Event<M>): Step<State<M>, Action<M>> => {
      switch (event._tag) {
        case "Open": return state.has(event.key) ? still(state) : put(state, event.key, machine.initial(event.config))
        case "Close": return still(state.delete(event.key))
        case "Tell": {
          const member = state.get(event.key)
          return member === undefined ? still(state) : put(state, event.key, machine.transition(member, event.event))
        }
      }
    }
  }
}
