/**
 * What holds for any machine, checked along a list of events: the same step twice is the same; the
 * old state is untouched by a step, by one that is abandoned as well; every event in every state
 * returns.
 *
 * States are compared by `snapshot`, which looks through the classes that states are made of.
 */
import { type Machine, VersionedMap } from "@colloquy/core"

/** Plain data for comparing: versioned maps as entries in the order of their keys, bytes as numbers. */
export const snapshot = (value: unknown): unknown => {
  if (value instanceof VersionedMap.VersionedMap) {
    return { map: [...value].map(([k, v]) => [snapshot(k), snapshot(v)]).sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)) }
  }
  if (value instanceof Map) return { map: [...value].map(([k, v]) => [snapshot(k), snapshot(v)]) }
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (Array.isArray(value)) return value.map(snapshot)
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, snapshot(v)]))
  if (typeof value === "function") throw new BrokenLaw("states and actions are plain data, and hold no function")
  return value
}

export class BrokenLaw extends Error {
  readonly _tag = "BrokenLaw"
}

const same = (a: unknown, b: unknown): boolean => show(a) === show(b)
const show = (value: unknown): string =>
  JSON.stringify(snapshot(value), (_, v) => (typeof v === "bigint" ? `${v}n` : typeof v === "symbol" ? String(v) : v === undefined ? "undefined" : v))

/**
 * Runs the events and checks the laws at each. `abandoned` is an event for steps that are taken and
 * thrown away. Returns the last state.
 */
export const check = <M extends Machine.Any>(machine: M, start: Machine.State<M>, events: ReadonlyArray<Machine.Event<M>>, abandoned?: Machine.Event<M>): Machine.State<M> => {
  let state = start
  for (const event of events) {
    const before = snapshot(state)
    if (abandoned !== undefined) machine.transition(state, abandoned)
    const once = machine.transition(state, event)
    const first = snapshot(once)
    if (!same(snapshot(state), before)) throw new BrokenLaw("a step leaves the old state as it was")
    const twice = machine.transition(state, event)
    if (!same(twice, first)) throw new BrokenLaw("the same state and event give the same step")
    if (!same(snapshot(state), before)) throw new BrokenLaw("a step leaves the old state as it was")
    state = twice[0]
  }
  return state
}
