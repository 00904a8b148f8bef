/**
 * What one invocation of a process does, staged: handles replaced, values counted up and down,
 * messages, processes that come and go. Nothing of it has happened until the dataspace applies it, so
 * a turn that turns out wrong half-way is dropped and leaves no trace.
 */
import { grown } from "../data/grown.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import { key as keyOf, measure } from "../value/canonical.ts"
import type { Pattern } from "../value/Pattern.ts"
import { copy, InvalidValue, record, type Value } from "../value/Value.ts"
import type { Observer } from "./Captures.ts"
import * as Process from "./Process.ts"

const emptyHeld: VersionedMap<Process.Handle, Held> = VersionedMap.empty()

export interface Held {
  readonly assertion: Value
  readonly key: string
  /** For an observation: the pattern, and the number that tells it from others under the same handle. */
  readonly observed: { readonly pattern: Pattern; readonly id: number } | undefined
}

/** A process that lives. External ones have no behaviour here. */
export interface Live {
  readonly pid: Process.Pid
  readonly name: string
  readonly behaviour: string | undefined
  readonly state: unknown
  readonly foreign: boolean
  readonly held: VersionedMap<Process.Handle, Held>
}

/** Most turns need little of this: what is missing is empty. */
export interface Staged {
  readonly behaviours: Process.Behaviours
  readonly within: Process.Pid | undefined
  /** Values whose copies change, in the order in which they were first named. */
  readonly values: Changes
  messages: Array<Value> | undefined
  /** New ones by their number, and those that went by who held them for what. */
  observations: Map<number, Observer & { readonly pattern: Pattern }> | undefined
  withdrawn: Map<string, { readonly id: number; readonly pattern: Pattern }> | undefined
  /** Who was spawned, as its first turn left it. */
  born: Array<Live> | undefined
  ended: Array<Live & { readonly reason: Value }> | undefined
  spawned: Array<Answer> | undefined
  resumed: Array<Answer> | undefined
  /** Those of them that wait for the world outside. */
  paused: Array<Answer> | undefined
  nextPid: number
  nextId: number
  /** Of the whole turn; and how many spawns of spawns led here. */
  spawns: { count: number } | undefined
  readonly depth: number
}

/** What a process is told because it asked. */
export interface Answer {
  readonly pid: Process.Pid
  readonly event: Process.Event
}

export const stage = (behaviours: Process.Behaviours, within: Process.Pid | undefined, nextPid: number, nextId: number, depth = 0, spawns?: { count: number }): Staged => ({
  behaviours, within, nextPid, nextId, spawns, depth, values: new Changes(), messages: undefined, born: undefined,
  observations: undefined, withdrawn: undefined, ended: undefined, spawned: undefined, resumed: undefined, paused: undefined
})

/** A value whose copies change by so many, and why it went. */
export interface Change {
  readonly key: string
  readonly value: Value
  local: number
  foreign: number
  reason: Value | undefined
}

/** Changes in the order in which their values were first named; few are looked through, more are found by key. */
export class Changes {
  list: Array<Change> | undefined
  #byKey: Map<string, Change> | undefined
  find(key: string): Change | undefined {
    if (this.#byKey !== undefined) return this.#byKey.get(key)
    if (this.list !== undefined) for (const change of this.list) if (change.key === key) return change
    return undefined
  }
  add(change: Change): void {
    this.list = grown(this.list, change)
    if (this.#byKey !== undefined) this.#byKey.set(change.key, change)
    else if (this.list.length > fewMax) this.#byKey = new Map(this.list.map((one) => [one.key, one]))
  }
}
const fewMax = 8 // a guess

/** What a process did wrong; the turn is dropped and the process ends. */
export class Misbehaved {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

/** A fact larger than this does not fit through a link together with others. */
export const bytesMax = 4 * 1024 * 1024 // a quarter of what a packet takes by default
/** Values of processes are nested less deeply than values can be: `<inbound v>`, `<exited … v>` and captures hold them. */
export const levelsMax = 110
/** One turn spawns no more than this, its children's and their children's first turns included, and no deeper. */
const spawnsMax = 10_000 // a guess
const spawnDepthMax = 64 // a guess: first turns are within each other on the stack

/**
 * Stages the actions of one process, those of the processes that it spawns included. The process as they
 * leave it; `undefined` when it ends. Throws what a process did wrong.
 */
export const perform = (staged: Staged, process: Live, actions: unknown): Live | undefined => {
  if (!Array.isArray(actions)) throw new Misbehaved("a behaviour answers with a state and a list of actions")
  for (const action of actions as ReadonlyArray<Process.Action>) {
    switch (action?._tag) {
      case "Assert": process = assert(staged, process, action.handle, action.assertion); break
      case "Retract":
        if (action.reason !== undefined) checked(action.reason)
        process = retract(staged, process, action.handle, action.reason)
        break
      case "Send":
        checked(action.body)
        staged.messages = grown(staged.messages, action.body)
        break
      case "Spawn": {
        const child = spawn(staged, action.name, action.process)
        if (action.handle !== undefined) staged.spawned = grown(staged.spawned, { pid: process.pid, event: { _tag: "Spawned", handle: checkedHandle(action.handle), captures: [child] } })
        break
      }
      case "Yield": {
        const list = action.world === true ? "paused" : "resumed"
        staged[list] = grown(staged[list], { pid: process.pid, event: { _tag: "Resumed", handle: checkedHandle(action.handle), captures: [] } })
        break
      }
      case "Quit":
        if (action.reason !== undefined) checked(action.reason)
        end(staged, process, action.reason ?? true)
        return undefined
      default: throw new Misbehaved(`no action is called ${String((action as { readonly _tag?: unknown } | undefined)?._tag)}`)
    }
  }
  return process
}

/** Ends a process: all that it holds goes, and the rest learn why. */
export const end = (staged: Staged, process: Live, reason: Value): void => {
  for (const [handle] of [...process.held].sort(([a], [b]) => byHandle(a, b))) process = retract(staged, process, handle, reason)
  staged.ended = grown(staged.ended, { ...process, reason })
  staged.messages = grown(staged.messages, record("exited", process.name, process.pid, reason))
}
const byHandle = (a: Process.Handle, b: Process.Handle): number =>
  typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1

const checked = (value: Value): void => {
  if (measure(value, levelsMax) > bytesMax) throw new InvalidValue(`a value of more than ${bytesMax} bytes`)
}
/** Whether a process may hold or say a value. */
export const fits = (value: Value): boolean => {
  try {
    checked(value)
    return true
  } catch {
    return false
  }
}
const checkedHandle = (handle: unknown): Process.Handle => {
  if (typeof handle === "string" || (typeof handle === "number" && !Number.isNaN(handle))) return handle
  throw new Misbehaved("a handle is a string or a number")
}

const assert = (staged: Staged, process: Live, handle: Process.Handle, assertion: Value): Live => {
  checkedHandle(handle)
  const key = keyOf(assertion, levelsMax)
  if (key.length > bytesMax) throw new InvalidValue(`a fact of more than ${bytesMax} bytes`)
  const old = process.held.get(handle)
  if (old?.key === key) return process
  if (old !== undefined) withdraw(staged, process, handle, old, undefined)
  const observed = observe(staged, process, handle, key, Process.observed(assertion))
  const owned = copy(assertion)
  count(staged, process, key, owned, 1, undefined)
  return { ...process, held: process.held.set(handle, { assertion: owned, key, observed }) }
}

/** One that was withdrawn in this very turn comes back as it was, and is told nothing again. */
const observe = (staged: Staged, process: Live, handle: Process.Handle, key: string, pattern: Pattern | undefined): Held["observed"] => {
  if (pattern === undefined) return undefined
  const back = staged.withdrawn?.get(placeOf(process, handle, key))
  if (back !== undefined) {
    staged.withdrawn!.delete(placeOf(process, handle, key))
    return back
  }
  const id = staged.nextId++
  ;(staged.observations ??= new Map()).set(id, { id, pid: process.pid, handle, foreign: process.foreign, external: process.behaviour === undefined, pattern })
  return { id, pattern }
}

const placeOf = ({ pid }: Live, handle: Process.Handle, key: string): string => `${typeof pid}${pid} ${typeof handle}${handle} ${key}`

const retract = (staged: Staged, process: Live, handle: Process.Handle, reason: Value | undefined): Live => {
  const old = process.held.get(handle)
  if (old === undefined) return process
  withdraw(staged, process, handle, old, reason)
  return { ...process, held: process.held.delete(handle) }
}

const withdraw = (staged: Staged, process: Live, handle: Process.Handle, { assertion, key, observed }: Held, reason: Value | undefined): void => {
  count(staged, process, key, assertion, -1, reason)
  if (observed === undefined) return
  // asserted and retracted in one turn: it never was
  if (staged.observations?.delete(observed.id) !== true) (staged.withdrawn ??= new Map()).set(placeOf(process, handle, key), observed)
}

const count = (staged: Staged, { foreign }: Live, key: string, value: Value, delta: 1 | -1, reason: Value | undefined): void => {
  const known = staged.values.find(key)
  if (known === undefined) return staged.values.add({ key, value, local: foreign ? 0 : delta, foreign: foreign ? delta : 0, reason })
  if (delta < 0) known.reason = reason
  known[foreign ? "foreign" : "local"] += delta
}

/** The number of a new child. One that cannot start ends at once; its parent goes on. */
const spawn = (staged: Staged, name: string, process: Process.Process): Process.Pid => {
  if (typeof name !== "string") throw new Misbehaved("a process is spawned under a name")
  checked(name)
  const number = staged.nextPid++
  const pid = staged.within === undefined ? number : `${staged.within}.${number}`
  const child: Live = { pid, name, behaviour: String(process?.behaviour), state: undefined, foreign: false, held: emptyHeld }
  const spawns = staged.spawns ??= { count: 0 }
  const attempt = stage(staged.behaviours, staged.within, staged.nextPid, staged.nextId, staged.depth + 1, spawns)
  try {
    if (++spawns.count > spawnsMax || attempt.depth > spawnDepthMax) throw new Misbehaved("too many processes spawned in one turn")
    const behaviour = Object.hasOwn(staged.behaviours, child.behaviour!) ? staged.behaviours[child.behaviour!] : undefined
    if (behaviour === undefined) throw new Misbehaved(`no behaviour is called ${child.behaviour}`)
    const [state, actions] = checkedStep(behaviour.initial(process.config, pid))
    const born = perform(attempt, { ...child, state }, actions)
    if (born !== undefined) attempt.born = grown(attempt.born, born)
  } catch (error) {
    end(staged, child, crash(error))
    return pid
  }
  merge(staged, attempt)
  return pid
}

const merge = (staged: Staged, child: Staged): void => {
  staged.nextPid = child.nextPid
  staged.nextId = child.nextId
  for (const change of child.values.list ?? []) {
    const known = staged.values.find(change.key)
    if (known === undefined) staged.values.add(change)
    else {
      known.local += change.local
      known.foreign += change.foreign
      if (change.local < 0 || change.foreign < 0) known.reason = change.reason
    }
  }
  if (child.observations !== undefined) for (const [id, observation] of child.observations) (staged.observations ??= new Map()).set(id, observation)
  if (child.withdrawn !== undefined) for (const [place, observation] of child.withdrawn) (staged.withdrawn ??= new Map()).set(place, observation)
  staged.born = joined(staged.born, child.born)
  staged.messages = joined(staged.messages, child.messages)
  staged.ended = joined(staged.ended, child.ended)
  staged.spawned = joined(staged.spawned, child.spawned)
  staged.resumed = joined(staged.resumed, child.resumed)
  staged.paused = joined(staged.paused, child.paused)
}
const joined = <A>(list: Array<A> | undefined, more: Array<A> | undefined): Array<A> | undefined => {
  if (list === undefined || more === undefined) return list ?? more
  for (const one of more) list.push(one)
  return list
}

/** A behaviour's answer, which may be anything. */
export const checkedStep = (step: unknown): readonly [unknown, unknown] => {
  if (!Array.isArray(step) || step.length !== 2) throw new Misbehaved("a behaviour answers with a state and a list of actions")
  return step as [unknown, unknown]
}

/** The reason of a process that was ended for what it threw: `<crash message>`. */
export const crash = (thrown: unknown): Value => {
  let message = "it threw what cannot be shown"
  try {
    message = String(thrown instanceof Error || thrown instanceof Misbehaved ? thrown.message : thrown)
  } catch { /* its toString throws as well */ }
  return record("crash", message.slice(0, 1000).replace(/\p{Surrogate}/gu, "\ufffd")) // a lone surrogate is no text
}
