/**
 * The shape that every protocol here shares: a pure step from a state and an event to the next
 * state and the actions to take. A *module* that exports `initial` and `transition` is a machine.
 */

/** What one transition yields. Actions run in order, after the state is in place. */
export type Step<State, Action> = readonly [state: State, actions: ReadonlyArray<Action>]

/** An event or an action. `_tag` says which one; `transition` switches on it, and a wiring routes by it. */
export interface Tagged {
  readonly _tag: string
}

/**
 * Two pure functions. A module that exports them is a machine: `fold(Link, state, events)`.
 * States, events and actions are plain data; `transition` throws at no event and leaves the state that it was given as it was.
 */
export interface Machine<Config, State, Event extends Tagged, Action extends Tagged> {
  /** The first state, and what is to be done before any event. */
  readonly initial: (config: Config) => Step<State, Action>
  /** The next state, or the same one when nothing changed, and what is to be done. */
  readonly transition: (state: State, event: Event) => Step<State, Action>
}

/** Some machine, whichever: `any` because State and Event stand in both positions. */
export type Any = Machine<any, any, any, any>
/** What a machine's `initial` takes. */
export type Config<M extends Any> = Parameters<M["initial"]>[0]
/** What a machine steps from and to. */
export type State<M extends Any> = ReturnType<M["initial"]>[0]
/** What a machine can be told. */
export type Event<M extends Any> = Parameters<M["transition"]>[1]
/** What a machine can ask for: one of the actions of its steps. */
export type Action<M extends Any> = ReturnType<M["transition"]>[1][number]

const nothing: ReadonlyArray<never> = []

/** The step that changes nothing and asks for nothing; callers may compare states with `===`. */
export const still = <S>(state: S): Step<S, never> => [state, nothing]

/**
 * Runs a list of events and keeps every action: replay, tests and time travel are this function.
 *
 * fold({ initial: still, transition: (n, { by }) => [n + by, [n]] }, 1, [{ by: 2 }, { by: 3 }])   // => [6, [1, 3]]
 */
export const fold = <M extends Any>(machine: M, state: State<M>, events: Iterable<Event<M>>): Step<State<M>, Action<M>> => {
  const actions: Array<Action<M>> = []
  for (const event of events) {
    const step = machine.transition(state, event)
    state = step[0]
    for (const action of step[1]) actions.push(action)
  }
  return [state, actions]
}
