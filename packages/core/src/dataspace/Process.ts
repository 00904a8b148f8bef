/**
 * What runs in a dataspace, as data: the events that a process sees and the actions it answers with.
 * A behaviour is a machine over them; a dataspace looks behaviours up by name.
 */
import type { Step } from "../machine/Machine.ts"
import * as Pattern from "../value/Pattern.ts"
import { Record, record, type Value } from "../value/Value.ts"

/** A process's own name for one of its assertions: unique within the process, chosen by it. */
export type Handle = string | number
/**
 * A dataspace numbers what it spawns from 1 and never reuses a number. A nested one puts its own before
 * it (`"3.1"`), and the scope of a node the node's name and life (`"ann@7.1"`), so that no two processes
 * that can hear of each other are called alike. External processes are named by their owner.
 */
export type Pid = number | string
export type Captures = ReadonlyArray<Value>

export type Event =
  /** The first assertion with these captures appeared for my observation `handle`. */
  | { readonly _tag: "Added"; readonly handle: Handle; readonly captures: Captures }
  /** The last one went; `reason` is what its holder gave when it retracted it or ended. */
  | { readonly _tag: "Removed"; readonly handle: Handle; readonly captures: Captures; readonly reason?: Value }
  /** A message matched. */
  | { readonly _tag: "Received"; readonly handle: Handle; readonly captures: Captures }
  /** My `Yield`: those who waited have had their turn. */
  | { readonly _tag: "Resumed"; readonly handle: Handle; readonly captures: Captures }
  /** My `Spawn`: the one captured value is the pid of the process that I asked for under `handle`. */
  | { readonly _tag: "Spawned"; readonly handle: Handle; readonly captures: Captures }

export type Action =
  /** Holds `assertion` up. A second one under the same handle replaces the first, atomically. */
  | { readonly _tag: "Assert"; readonly handle: Handle; readonly assertion: Value }
  /** `reason` is told to those who see the last copy go. */
  | { readonly _tag: "Retract"; readonly handle: Handle; readonly reason?: Value }
  | { readonly _tag: "Send"; readonly body: Value }
  /** With a handle, the answer is `Spawned`, before anything that the child causes. */
  | { readonly _tag: "Spawn"; readonly name: string; readonly process: Process; readonly handle?: Handle }
  | { readonly _tag: "Quit"; readonly reason?: Value }
  /** Come back to me when those who wait now have had their turn; with `world`, not before whoever runs this dataspace has had one. */
  | { readonly _tag: "Yield"; readonly handle: Handle; readonly world?: boolean }

/** What to run: the name of a behaviour, and what its `initial` is given (plain data). */
export interface Process {
  readonly behaviour: string
  readonly config: unknown
}

/**
 * A machine over these events and actions. `self` is the new process's own number. The actions of
 * `initial` take effect as part of the turn that spawns: there is no gap in which they are missing.
 */
export interface Behaviour<Config = any, State = any> {
  readonly initial: (config: Config, self: Pid) => Turn<State>
  readonly transition: (state: State, event: Event) => Turn<State>
}
export type Behaviours = { readonly [name: string]: Behaviour }
export type Turn<State> = Step<State, Action>

export const added = (handle: Handle, captures: Captures): Event => ({ _tag: "Added", handle, captures })
export const removed = (handle: Handle, captures: Captures, reason?: Value): Event =>
  reason === undefined ? { _tag: "Removed", handle, captures } : { _tag: "Removed", handle, captures, reason }
export const received = (handle: Handle, captures: Captures): Event => ({ _tag: "Received", handle, captures })

export const assert = (handle: Handle, assertion: Value): Action => ({ _tag: "Assert", handle, assertion })
export const retract = (handle: Handle, reason?: Value): Action => reason === undefined ? { _tag: "Retract", handle } : { _tag: "Retract", handle, reason }
export const send = (body: Value): Action => ({ _tag: "Send", body })
export const spawn = (name: string, process: Process, handle?: Handle): Action =>
  handle === undefined ? { _tag: "Spawn", name, process } : { _tag: "Spawn", name, process, handle }
export const quit = (reason?: Value): Action => reason === undefined ? { _tag: "Quit" } : { _tag: "Quit", reason }
/** Interest is an assertion: matches of `pattern` arrive under `handle`. */
export const observe = (handle: Handle, pattern: Pattern.Pattern): Action => assert(handle, observation(pattern))

/** `<Observe pattern>`. */
export const observation = (pattern: Pattern.Pattern): Value => record("Observe", Pattern.toValue(pattern))
/** The pattern that an assertion asks for, when it is an observation. */
export const observed = (assertion: Value): Pattern.Pattern | undefined =>
  assertion instanceof Record && assertion.label === label && assertion.fields.length === 1 ? Pattern.fromValue(assertion.fields[0]!) : undefined
const label = Symbol.for("Observe") // asked of every assertion
