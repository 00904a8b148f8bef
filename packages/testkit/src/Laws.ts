/**
 * What holds for any machine, checked along a list of events:
 *
 * - every event in every state returns: a machine throws at nothing that it is told;
 * - the same state and event give the same step;
 * - a step leaves the old state as it was, also when that is frozen;
 * - states, events and actions are plain data, and what is said survives being written down and read;
 * - a step that is taken and thrown away leaves no trace, down to the order of later actions.
 */
import { Machine, Plain, Value, VersionedMap } from "@colloquy/core"

/** What a machine's states may be made of, besides plain objects and arrays. */
const known: ReadonlySet<unknown> = new Set([
  null, Object.prototype, Array.prototype, Map.prototype, Uint8Array.prototype, VersionedMap.VersionedMap.prototype,
  Value.Record.prototype, Value.Dictionary.prototype, Value.Set.prototype, Value.Double.prototype, Value.Embedded.prototype, Value.Encoded.prototype
])

/** Plain data for comparing: versioned maps as entries in the order of their keys, bytes as numbers. Throws `BrokenLaw` at what is no plain data. */
export const snapshot = (value: unknown): unknown => {
  if (typeof value === "function") throw new BrokenLaw("states and actions are plain data, and hold no function")
  if (typeof value !== "object" || value === null) return value
  if (!known.has(Object.getPrototypeOf(value))) throw new BrokenLaw(`states and actions are plain data, and hold no ${Object.getPrototypeOf(value).constructor?.name ?? "object of an unknown class"}`)
  if (value instanceof VersionedMap.VersionedMap) {
    return { map: [...value].map(([k, v]) => [snapshot(k), snapshot(v)]).sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)) }
  }
  if (value instanceof Map) return { map: [...value].map(([k, v]) => [snapshot(k), snapshot(v)]) }
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (Array.isArray(value)) return value.map(snapshot)
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, snapshot(v)]))
}

/** The same state, and nobody can change it any more. (The insides of a versioned map are its own affair.) */
export const freeze = <A>(value: A): A => {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || value instanceof Uint8Array) return value
  if (value instanceof VersionedMap.VersionedMap) value.forEach(freeze)
  else for (const part of Object.values(value)) freeze(part)
  return Object.freeze(value)
}

/** Which law a machine breaks, and by which event; thrown by `check`, `snapshot` and `Matchers.drive`. */
export class BrokenLaw extends Error {
  readonly _tag = "BrokenLaw"
}

/** In the order of a versioned map's keys, so equal for equal states whatever their history. */
const show = (value: unknown): string =>
  JSON.stringify(snapshot(value), (_, v) => (typeof v === "bigint" ? `${v}n` : typeof v === "symbol" ? String(v) : typeof v === "number" && !Number.isFinite(v) ? String(v) : v === undefined ? "undefined" : v))

/**
 * Runs the events from `start` and checks the laws at each. `abandoned` are events for steps that are
 * taken and thrown away. Returns the last state.
 */
export const check = <M extends Machine.Any>(
  machine: M, start: Machine.State<M>, events: ReadonlyArray<Machine.Event<M>>, ...abandoned: ReadonlyArray<Machine.Event<M>>
): Machine.State<M> => {
  const step = (state: Machine.State<M>, event: Machine.Event<M>): Machine.Step<Machine.State<M>, Machine.Action<M>> => {
    try {
      return machine.transition(state, event)
    } catch (error) {
      throw new BrokenLaw(`every event in every state returns; ${show(event)} threw ${error instanceof Error ? error.stack : String(error)}`, { cause: error })
    }
  }
  let state = freeze(start)
  const said: Array<string> = []
  for (const event of events) {
    const before = show(state)
    const [once, actions] = step(state, event)
    const first = show(once)
    said.push(show(actions))
    for (const data of [event, ...actions]) survives(data)
    if (show(state) !== before) throw new BrokenLaw(`a step leaves the old state as it was; ${show(event)} did not`)
    const [twice, again] = step(state, event)
    if (show(twice) !== first || show(again) !== said.at(-1)) throw new BrokenLaw(`the same state and event give the same step; ${show(event)} did not`)
    if (show(state) !== before) throw new BrokenLaw(`a step leaves the old state as it was; ${show(event)} did not`)
    state = freeze(twice)
  }
  const end = show(state)
  // once more from the start, which is an old state by now
  let other = start
  for (const [i, event] of events.entries()) {
    for (const idle of abandoned) step(other, idle)
    const [next, actions] = step(other, event)
    if (show(actions) !== said[i]) throw new BrokenLaw(`a step that is thrown away leaves no trace; before ${show(event)} one did`)
    other = next
  }
  if (show(other) !== end) throw new BrokenLaw("a step that is thrown away leaves no trace; the last state has one")
  return state
}

/** What is told or said can be written down and read again. */
const survives = (data: unknown): void => {
  const text = Plain.print(data)
  const read = Plain.read(text)
  if (Plain.print(read) !== text) throw new BrokenLaw(`what is said survives being written down; ${text} did not`)
}
