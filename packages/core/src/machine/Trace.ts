/**
 * A run of a machine, as data: its configuration, and each event with the actions that came of it.
 * From that the run can be gone through again, forwards and backwards, and every state of it looked at.
 *
 * Promises: a machine whose steps depend on their arguments alone never diverges from its own trace;
 * one that does is found at the first step that differs, with both sides. Going back is keeping the
 * old states, which stay as they were. What is shown is as long as was asked for, and no longer.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import { entriesOf, isObject, pathTo, type Look, shown } from "./shown.ts"
import type { Action, Any, Config, Event, State } from "./Machine.ts"

export { type Look, type Show, shown } from "./shown.ts"

/** A run: `run` records one, `replay` and `stateAt` go through it. */
export interface Trace<M extends Any> {
  readonly config: Config<M>
  /** What the machine asked for before its first event. */
  readonly boot: ReadonlyArray<Action<M>>
  readonly steps: ReadonlyArray<Step<M>>
}
/** An event, and the actions with which the machine answered. */
export interface Step<M extends Any> {
  readonly event: Event<M>
  readonly actions: ReadonlyArray<Action<M>>
}

/**
 * Runs a machine and keeps what happened.
 *
 * run(Family.of(Topology), {}, [{ _tag: "Close", key: "k" }]).steps   // => [{ event: { _tag: "Close", key: "k" }, actions: [] }]
 */
export const run = <M extends Any>(machine: M, config: Config<M>, events: Iterable<Event<M>>): Trace<M> => {
  let [state, boot] = machine.initial(config)
  const steps: Array<Step<M>> = []
  for (const event of events) {
    const [next, actions] = machine.transition(state, event)
    state = next
    steps.push({ event, actions })
  }
  return { config, boot, steps }
}

/** Every state of a run: `states[n]` is the one after n events. */
export const states = <M extends Any>(machine: M, { config, steps }: Pick<Trace<M>, "config" | "steps">): ReadonlyArray<State<M>> => {
  const all: Array<State<M>> = [machine.initial(config)[0]]
  for (const { event } of steps) all.push(machine.transition(all.at(-1)!, event)[0])
  return all
}

/** The state after the first `n` events. */
export const stateAt = <M extends Any>(machine: M, { config, steps }: Pick<Trace<M>, "config" | "steps">, n: number): State<M> =>
  states(machine, { config, steps: steps.slice(0, n) }).at(-1)!

/** The first step at which a machine does not do what its trace says. Step 0 is its start; step n is the n-th event. */
export interface Divergence<M extends Any> {
  readonly step: number
  readonly recorded: ReadonlyArray<Action<M>>
  readonly replayed: ReadonlyArray<Action<M>>
}

/** Runs a trace again; `undefined` when every step gives the actions that it gave. */
export const replay = <M extends Any>(machine: M, { boot, config, steps }: Trace<M>): Divergence<M> | undefined => {
  let [state, replayed] = machine.initial(config)
  if (!same(boot, replayed)) return { step: 0, recorded: boot, replayed }
  for (const [i, { actions, event }] of steps.entries()) {
    ;[state, replayed] = machine.transition(state, event)
    if (!same(actions, replayed)) return { step: i + 1, recorded: actions, replayed }
  }
  return undefined
}

// ---- comparing ----------------------------------------------------------------------------------

/**
 * Whether two pieces of plain data hold the same; a field that is `undefined` is as good as none.
 *
 * same({ a: [1, undefined], b: undefined }, { a: [1, undefined] })   // => true
 */
export const same = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (!isObject(a) || !isObject(b)) return false
  if (a instanceof Uint8Array) return b instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i])
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]))
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  const left = entriesOf(a)
  const right = entriesOf(b)
  if (left.size !== right.size) return false
  for (const [k, v] of left) if (!right.has(k) || !same(v, right.get(k))) return false
  return true
}

/**
 * A 32-bit hash of plain data (FNV-1a over its parts): two that differ have the same one time in four
 * billion. What `same` takes for the same has the same hash, whatever the order of fields.
 *
 * digest([{ a: 1, b: undefined }]) === digest([{ a: 1 }])   // => true
 */
export const digest = (data: unknown): number => mix(data) >>> 0

const prime = 0x01000193
const basis = 0x811c9dc5 | 0
const text = (hash: number, s: string): number => {
  for (let i = 0; i < s.length; i++) hash = Math.imul(hash ^ s.charCodeAt(i), prime)
  return Math.imul(hash ^ s.length, prime)
}
const mix = (data: unknown): number => {
  if (!isObject(data)) return text(text(basis, typeof data), Object.is(data, -0) ? "-0" : String(data))
  if (data instanceof Uint8Array) {
    let hash = text(basis, "bytes")
    for (const byte of data) hash = Math.imul(hash ^ byte, prime)
    return hash
  }
  let hash = text(basis, Array.isArray(data) ? "array" : "object")
  if (Array.isArray(data)) for (const item of data) hash = Math.imul(hash, prime) ^ mix(item)
  // entries are summed up, which has no order
  else for (const [k, v] of entriesOf(data)) hash = (hash + Math.imul(mix(k), prime) + Math.imul(mix([k, v]), basis | 1)) | 0
  return Math.imul(hash ^ (hash >>> 15), prime)
}

// ---- differences --------------------------------------------------------------------------------

/** One place in which two states differ, or one leaf of a state. */
export interface Difference {
  /** `members.Scopes["lobby"].Dataspace.nextPid` */
  readonly path: string
  /** What was there, and what is, as text; absent where nothing was, or is. */
  readonly before?: string
  readonly after?: string
}
/** What `diff` and `leaves` find. */
export interface Differences {
  readonly found: ReadonlyArray<Difference>
  /** How many more there are than were asked for. */
  readonly more: number
}

const mostDefault = 50 // a guess: a screenful

/**
 * What two states of plain data differ in, in the order of their fields and keys.
 *
 * diff({ n: 1, at: { x: 1 } }, { n: 2, at: { x: 1 } }).found   // => [{ path: "n", before: "1", after: "2" }]
 */
export const diff = (before: unknown, after: unknown, look: Look = {}): Differences => {
  const found: Array<Difference> = []
  const most = look.most ?? mostDefault
  let more = 0
  const tell = (path: string, ...[a, b]: readonly [unknown, unknown]): void => {
    if (found.length >= most) return void more++
    found.push({ path, ...(a === undefined ? {} : { before: shown(a, look) }), ...(b === undefined ? {} : { after: shown(b, look) }) })
  }
  const walk = (path: string, a: unknown, b: unknown): void => {
    if (Object.is(a, b) || look.ignore?.(path) === true) return
    if (Array.isArray(a) && Array.isArray(b)) return list(path, a, b)
    if (!isComparable(a, b)) return same(a, b) ? undefined : tell(path, a, b)
    const left = entriesOf(a)
    const right = entriesOf(b)
    const keyed = isKeyed(a)
    for (const key of keysOf(left, right, keyed)) walk(pathTo(path, key, keyed, look), left.get(key), right.get(key))
  }
  // what both begin and end with is left out: a list that grew at one end is not a change of all its places
  const list = (path: string, a: ReadonlyArray<unknown>, b: ReadonlyArray<unknown>): void => {
    const least = Math.min(a.length, b.length)
    let start = 0
    while (start < least && same(a[start], b[start])) start++
    let end = 0
    while (end < least - start && same(a[a.length - 1 - end], b[b.length - 1 - end])) end++
    const place = (i: number) => pathTo(path, i, true, look)
    if (a.length === b.length) for (let i = start; i < a.length - end; i++) walk(place(i), a[i], b[i])
    else {
      for (let i = start; i < a.length - end; i++) tell(place(i), a[i], undefined)
      for (let i = start; i < b.length - end; i++) tell(place(i), undefined, b[i])
    }
  }
  walk("", before, after)
  return { found, more }
}

const isKeyed = (data: unknown): boolean => data instanceof VersionedMap || data instanceof Map

/** Whether both are of one kind and one case, so that their parts can be put side by side. */
const isComparable = (a: unknown, b: unknown): boolean =>
  isObject(a) && isObject(b)
  && (isKeyed(a) ? Object.getPrototypeOf(a) === Object.getPrototypeOf(b) : isPlain(a) && isPlain(b) && a["_tag"] === b["_tag"])
const isPlain = (data: object): data is { readonly [name: string]: unknown } => {
  const prototype: unknown = Object.getPrototypeOf(data)
  return prototype === Object.prototype || prototype === null
}

const keysOf = (left: ReadonlyMap<unknown, unknown>, right: ReadonlyMap<unknown, unknown>, keyed: boolean): Iterable<unknown> => {
  const keys = new Set([...left.keys(), ...right.keys()])
  return keyed ? [...keys].sort(byKey) : keys
}
/** Numbers first. */
const byKey = (a: unknown, b: unknown): number => (typeof a === typeof b ? (a as string) < (b as string) : typeof a === "number") ? -1 : 1

/**
 * Every leaf of plain data with the path to it; `more` says how many there are beyond those asked for.
 *
 * leaves({ at: { x: 1 }, list: ["a"] }).found   // => [{ path: "at.x", after: "1" }, { path: "list[0]", after: '"a"' }]
 */
export const leaves = (data: unknown, look: Look = {}): Differences => {
  const found: Array<Difference> = []
  const most = look.most ?? mostDefault
  let more = 0
  const walk = (path: string, at: unknown): void => {
    if (look.ignore?.(path) === true) return
    const inner = isObject(at) && (Array.isArray(at) || isKeyed(at) || isPlain(at)) && look.show?.(at) === undefined
      ? Array.isArray(at) ? new Map<unknown, unknown>(at.entries()) : entriesOf(at)
      : undefined
    if (inner !== undefined && inner.size > 0) {
      const keyed = Array.isArray(at) || isKeyed(at)
      for (const key of keysOf(inner, new Map(), keyed)) walk(pathTo(path, key, keyed, look), inner.get(key))
    } else if (found.length >= most) more++
    else found.push({ path, after: shown(at, look) })
  }
  walk("", data)
  return { found, more }
}
