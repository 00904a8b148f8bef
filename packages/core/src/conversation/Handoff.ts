/**
 * Responsibility between a manager and its workers, on presence alone, in three parts:
 *
 * - `whileWanted` makes of any behaviour a worker whose life is visible: it holds `up` from birth to
 *   end, the end tells why (`Removed.reason`), and it ends when the fact `wanted` goes, or never was.
 * - `keeping` makes of any behaviour a manager that holds a role as long as it lives. Its worker holds
 *   the same role; facts are counted, so observers of the role see it come once, and go when neither
 *   lives. The alternative, to let go while the worker holds it and to take it back, is refused: all of a
 *   process that crashes goes in one turn, in which nobody else can act, so that would always show.
 * - `behaviour` hands a role over for good: it holds the role, starts a worker, and leaves as soon as it
 *   sees that the worker is ready to hold it alone. Should the worker end before, it ends with its reason.
 *
 * A worker that asserts the role in its `initial` needs none of this: a process's first assertions stand
 * from the turn that spawns it, so a factory may spawn and quit in one turn, and the role never dips.
 */
import * as Process from "../dataspace/Process.ts"
import { crash } from "../dataspace/Turn.ts"
import { still } from "../machine/Machine.ts"
import * as Pattern from "../value/Pattern.ts"
import { record, type Value } from "../value/Value.ts"

// ---- a worker ---------------------------------------------------------------------------------

/** What a worker that is made by `whileWanted` is spawned with; `Demand` and `Supervisor` make it for theirs. */
export interface Bond<Config = unknown> {
  /** What this worker holds up while it lives: a fact of its own, such as `<up manager n>`. */
  readonly up: Value
  /** What its manager holds up as long as the worker is wanted. Left out: the worker is on its own. */
  readonly wanted?: Value
  /** What the behaviour itself is given. */
  readonly config: Config
}
/** The state of such a worker. */
export interface Bound<State> {
  /** `undefined` when the behaviour failed to start. */
  readonly inner: State | undefined
  readonly isWanted: boolean
  /** How it ended in its very first turn. */
  readonly end: Process.Action | undefined
}
const up = "$up"
const wanted = "$wanted"
const born = "$born"
const role = "$role"

/** What a bound process does when it is not wanted: by default it quits at once. */
const quit = <State>(state: State): Process.Turn<State> => [state, [Process.quit()]]

/**
 * A behaviour that lives while it is wanted. An end in its first turn is put off by one, so that whoever
 * watches `up` sees it come and go, with the reason, however short the life.
 */
export const whileWanted = <Config, State>(
  behaviour: Process.Behaviour<Config, State>,
  onUnwanted = quit<State>
): Process.Behaviour<Bond<Config>, Bound<State>> => {
  const inside = (state: Bound<State>, [inner, actions]: Process.Turn<State>): Process.Turn<Bound<State>> =>
    [inner === state.inner ? state : { ...state, inner }, actions]
  const unwanted = (state: Bound<State>): Process.Turn<Bound<State>> => inside(state, onUnwanted(state.inner!))
  return {
    initial: (bond, self) => {
      const ear = bond.wanted === undefined ? [] : [Process.observe(wanted, Pattern.literal(bond.wanted))]
      const bonds = [Process.assert(up, bond.up), ...ear, afterBirth]
      try {
        const [inner, actions] = behaviour.initial(bond.config, self)
        const end = actions.findIndex(({ _tag }) => _tag === "Quit")
        const first = end < 0 ? actions : actions.slice(0, end)
        return [{ inner, isWanted: bond.wanted === undefined, end: actions[end] }, [...bonds, ...first]]
      } catch (error) {
        return [{ inner: undefined, isWanted: false, end: Process.quit(crash(error)) }, bonds]
      }
    },
    transition: (state, event) => {
      if (state.end !== undefined) return event.handle === born ? [state, [state.end]] : still(state)
      if (event.handle === born) return state.isWanted ? still(state) : unwanted(state)
      if (event.handle !== wanted) return inside(state, behaviour.transition(state.inner!, event))
      return event._tag === "Removed" ? unwanted(state) : still({ ...state, isWanted: true })
    }
  }
}
/** What stands already is told before: a worker that has not seen by then that it is wanted is not. */
const afterBirth: Process.Action = { _tag: "Yield", handle: born }

// ---- a manager that stays ---------------------------------------------------------------------

/** What a manager that is made by `keeping` is spawned with. */
export interface Role<Config = unknown> {
  /** The fact that is held up while the manager lives; its workers assert the same. */
  readonly role: Value
  /** What the behaviour itself is given. */
  readonly config: Config
}

/** A behaviour that holds `role` as long as it lives. */
export const keeping = <Config, State>(behaviour: Process.Behaviour<Config, State>): Process.Behaviour<Role<Config>, State> => ({
  initial: (config, self) => {
    const [state, actions] = behaviour.initial(config.config, self)
    return [state, [Process.assert(role, config.role), ...actions]]
  },
  // a role that is an observation is held for others to see; what it hears is for the worker
  transition: (state, event) => event.handle === role ? still(state) : behaviour.transition(state, event)
})

// ---- a manager that leaves --------------------------------------------------------------------

/** What `behaviour` is spawned with. */
export interface Config {
  /** The fact that is handed over. */
  readonly role: Value
  /** A fact that this worker, and nobody else, holds up when it holds the role. Left out: from birth. */
  readonly ready?: Value
  /** Its behaviour is one made by `whileWanted`. */
  readonly worker: Process.Process
}
/** The state of `behaviour`: whether the worker was seen, and whether `ready` is waited for. */
export interface State {
  readonly isUp: boolean
  readonly waits: boolean
}

/** Hands `role` over to a worker, and quits. */
export const behaviour: Process.Behaviour<Config, State> = {
  initial: (config, self) => {
    const bond: Bond = { up: record("up", self), config: config.worker.config }
    return [{ isUp: false, waits: config.ready !== undefined }, [
      Process.assert(role, config.role),
      Process.observe("up", Pattern.literal(bond.up)),
      ...config.ready === undefined ? [] : [Process.observe("ready", Pattern.literal(config.ready))],
      Process.spawn(config.worker.behaviour, { behaviour: config.worker.behaviour, config: bond }),
      afterBirth
    ]]
  },
  transition: (state, event) => {
    switch (event.handle) {
      case "ready": return event._tag === "Added" ? quit(state) : still(state)
      case "up":
        if (event._tag === "Removed") return [state, [Process.quit(event.reason)]]
        return state.waits ? still({ ...state, isUp: true }) : quit(state)
      case born: return state.isUp ? still(state) : [state, [Process.quit(unborn)]]
      default: return still(state)
    }
  }
}

/** The reason of what ended before anybody saw it: its behaviour does not exist, or answered nonsense. */
export const unborn: Value = record("crash", "it did not start")
