/**
 * Supply on demand: a task for every distinct demand, as long as there is demand for it.
 *
 * - `rules` is the demand matcher of Syndicate, pure: when to start a task, and when one ended that should not have.
 * - `matcher` runs them for tasks that look after themselves: they end by themselves when the demand goes.
 * - `behaviour` looks after its tasks, on presence alone. Every instance has a number of its own; the matcher
 *   holds `<wanted self n>` as long as it is wanted, and the instance holds `<up self n>` as long as it
 *   lives (`whileWanted`). So demand that is gone at an instance's birth leaves nothing behind, one that
 *   comes back waits for the old instance to be gone, and one that crashes is started again: at once,
 *   then after waits that grow (`Backoff`), which end when the demand does.
 *
 * The captures of `demand` and of `supply` are the key: equal captures belong together.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import * as Process from "../dataspace/Process.ts"
import { type Step, still } from "../machine/Machine.ts"
import { key as keyOf } from "../value/canonical.ts"
import * as Pattern from "../value/Pattern.ts"
import { Record, record, type Value } from "../value/Value.ts"
import * as Backoff from "./Backoff.ts"
import type { Bond } from "./Handoff.ts"
import * as Timer from "./Timer.ts"

export { whileWanted } from "./Handoff.ts"

// ---- the rules --------------------------------------------------------------------------------

/** What is so, and what is awaited, of one key. */
export interface Expectation {
  readonly demand: boolean
  readonly supply: boolean
  /** A task was started, and its supply has not come yet. */
  readonly rise: boolean
  /** The demand went: supply that goes now does so rightly. */
  readonly fall: boolean
}
/** What one turn changed for a key: `true` came, `false` went. Or: try again what ended unexpectedly. */
export type RuleEvent =
  | { readonly _tag: "Changed"; readonly key: string; readonly demand?: boolean | undefined; readonly supply?: boolean | undefined }
  | { readonly _tag: "Retried"; readonly key: string }
/** A task is to be started; or one ended though there is demand for it. */
export type RuleAction = { readonly _tag: "Start" | "UnexpectedExit"; readonly key: string }
/** Every key of which something is so or awaited; the others are not kept. */
export type Rules = VersionedMap<string, Expectation>

const nothing: Expectation = { demand: false, supply: false, rise: false, fall: false }

/**
 * The matching rules, for many keys. Supply that stood before the demand counts.
 *
 * rules.transition(rules.initial({})[0], { _tag: "Changed", key: "k", demand: true })[1]   // => [{ _tag: "Start", key: "k" }]
 * rules.transition(rules.initial({})[0], { _tag: "Changed", key: "k", demand: true, supply: true })[1]   // => []
 */
export const rules = {
  initial: (_: {}): Step<Rules, RuleAction> => still(VersionedMap.empty()),
  transition: (state: Rules, event: RuleEvent): Step<Rules, RuleAction> => {
    const before = state.get(event.key) ?? nothing
    const [after, actions] = event._tag === "Changed" ? onChanged(before, event) : onRetried(before, event.key)
    const isEmpty = !after.demand && !after.supply && !after.rise && !after.fall
    return [isEmpty ? state.delete(event.key) : state.set(event.key, after), actions]
  }
}

const onChanged = (before: Expectation, event: Extract<RuleEvent, { readonly _tag: "Changed" }>): Step<Expectation, RuleAction> => {
  const { demand = before.demand, key, supply = before.supply } = event
  if (demand === before.demand && supply === before.supply) return still(before)
  const demandFell = before.demand && !demand
  const supplyFell = before.supply && !supply
  const isShort = demand && !supply && !before.rise
  const isUnexpected = isShort && before.demand && !before.fall
  const starts = isShort && !isUnexpected
  const after: Expectation = {
    demand, supply,
    rise: !supply && (before.rise || starts),
    fall: !supplyFell && (before.fall || demandFell && (supply || before.rise))
  }
  return [after, starts ? [{ _tag: "Start", key }] : isUnexpected ? [{ _tag: "UnexpectedExit", key }] : []]
}

const onRetried = (before: Expectation, key: string): Step<Expectation, RuleAction> =>
  before.demand && !before.supply && !before.rise ? [{ ...before, rise: true }, [{ _tag: "Start", key }]] : still(before)

// ---- what a turn changed ----------------------------------------------------------------------

type Fact = "demand" | "supply" | "own"
interface Change {
  readonly captures: Process.Captures
  readonly demand?: boolean
  readonly supply?: boolean
  /** An instance of ours ended. */
  readonly own?: boolean
}
/**
 * A process is told of a turn event by event, additions first. They are gathered until those who waited
 * have had their turn (`Yield`), or until one comes that can only belong to a later turn.
 */
interface Batch {
  readonly changes: VersionedMap<string, Change>
  readonly isFalling: boolean
}
const noChanges: Batch = { changes: VersionedMap.empty(), isFalling: false }
const net = "net"
const whenTold: Process.Action = { _tag: "Yield", handle: net }

const isLater = ({ changes, isFalling }: Batch, key: string, fact: Fact, comes: boolean): boolean =>
  comes && isFalling || changes.get(key)?.[fact] !== undefined
const gather = ({ changes, isFalling }: Batch, key: string, captures: Process.Captures, fact: Fact, comes: boolean): Batch =>
  ({ changes: changes.set(key, { ...changes.get(key), captures, [fact]: comes }), isFalling: isFalling || !comes })
/** In the order of the keys. */
const changesOf = ({ changes }: Batch): ReadonlyArray<readonly [string, Change]> => [...changes].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

/** What a task is started as: its config, which is an object, with the captures as the field `captures`. */
const taskFor = (task: Process.Process, captures: Process.Captures): Process.Process =>
  ({ behaviour: task.behaviour, config: { ...task.config as object, captures } })
const complaint = (self: Process.Pid, captures: Process.Captures): Process.Action => Process.send(record("unexpected-exit", self, captures))

// ---- tasks that look after themselves -----------------------------------------------------------

/** What `matcher` is spawned with. */
export interface MatcherConfig {
  /** Observed; the captures of what matches are the key of a task. */
  readonly demand: Pattern.Pattern
  /** Observed as well: its captures have to be those of the demand. */
  readonly supply: Pattern.Pattern
  /** What is started; the captures come to it as the field `captures` of its config. */
  readonly task: Process.Process
}
/** The state of `matcher`. */
export interface MatcherState {
  readonly self: Process.Pid
  readonly task: Process.Process
  readonly rules: Rules
  readonly batch: Batch
}

/** Starts a task by the rules; says `<unexpected-exit self captures>` and leaves it at that when one ends unexpectedly. */
export const matcher: Process.Behaviour<MatcherConfig, MatcherState> = {
  initial: ({ demand, supply, task }, self) =>
    [{ self, task, rules: rules.initial({})[0], batch: noChanges }, [Process.observe("demand", demand), Process.observe("supply", supply)]],
  transition: (state, { _tag, captures, handle }) => {
    if (_tag === "Resumed") return matchAll(state)
    if (_tag === "Received") return still(state)
    const fact = handle as "demand" | "supply"
    const key = keyOf(captures)
    const [ready, actions] = isLater(state.batch, key, fact, _tag === "Added") ? matchAll(state) : still(state)
    return [{ ...ready, batch: gather(ready.batch, key, captures, fact, _tag === "Added") }, [...actions, whenTold]]
  }
}

const matchAll = (state: MatcherState): Process.Turn<MatcherState> => {
  const out: Array<Process.Action> = []
  let next = state.rules
  for (const [key, { captures, demand, supply }] of changesOf(state.batch)) {
    const [after, actions] = rules.transition(next, { _tag: "Changed", key, demand, supply })
    next = after
    const task = taskFor(state.task, captures)
    for (const { _tag } of actions) out.push(_tag === "Start" ? Process.spawn(task.behaviour, task) : complaint(state.self, captures))
  }
  return [{ ...state, rules: next, batch: noChanges }, out]
}

// ---- tasks that are looked after ----------------------------------------------------------------

/** What `behaviour` is spawned with. */
export interface Config {
  /** Observed; the captures of what matches are the key of a task. */
  readonly demand: Pattern.Pattern
  /** Supply by others, if there may be any: as long as it stands, no task is started. */
  readonly supply?: Pattern.Pattern
  /** Its behaviour is one made by `whileWanted`; the captures come to it as the field `captures` of its config. */
  readonly task: Process.Process
  /** Left out: what ends unexpectedly is not started again before the demand comes anew, and is told of as by `matcher`. */
  readonly backoff?: Backoff.Config
  /** Held up as `<role captures…>` as long as there is demand: it does not dip when a task crashes. `supply` must not match it. */
  readonly role?: Value
}
/** The state of `behaviour`. */
export interface State {
  readonly self: Process.Pid
  readonly config: Config
  readonly rules: Rules
  readonly batch: Batch
  readonly entries: VersionedMap<string, Entry>
  /** The keys of instances and of timers, which are numbered together. */
  readonly instances: VersionedMap<number, string>
  readonly timers: VersionedMap<number, string>
  readonly next: number
}
/** What there is for a key, beside what the rules know. */
interface Entry {
  readonly captures: Process.Captures
  readonly isSupplied: boolean
  /** The one that lives, from its start until it is seen to be gone. */
  readonly instance: number | undefined
  readonly isUp: boolean
  /** In a row. */
  readonly crashes: number
  /** It ends the wait when there is no instance, and else says that the instance is steady. */
  readonly timer: number | undefined
}

/** Keeps one instance of the task for each demand. */
export const behaviour: Process.Behaviour<Config, State> = {
  initial: (config, self) => {
    const none = VersionedMap.empty
    return [{ self, config, rules: none(), batch: noChanges, entries: none(), instances: none(), timers: none(), next: 1 }, [
      Process.observe("demand", config.demand),
      ...config.supply === undefined ? [] : [Process.observe("supply", config.supply)],
      Process.observe("own", Pattern.record("up", Pattern.literal(self), Pattern.bind())),
      Timer.observe("expired", self),
      Timer.observeDriver("driver")
    ]]
  },
  transition: (state, event) => {
    const [first] = event.captures
    switch (event.handle) {
      case "demand":
      case "supply":
        return event._tag === "Received" ? still(state) : onFact(state, event.handle, keyOf(event.captures), event.captures, event._tag === "Added")
      case "own": return event._tag === "Received" ? still(state) : onOwn(state, first as number, event._tag === "Added")
      case "expired": return onExpired(state, first!)
      case "driver": return event._tag === "Added" ? onDriver(state) : still(state)
      case net: return settle(state)
      default: return onBorn(state, event.handle as number)
    }
  }
}

const onFact = (state: State, fact: Fact, key: string, captures: Process.Captures, comes: boolean): Process.Turn<State> => {
  const [ready, actions] = isLater(state.batch, key, fact, comes) ? settle(state) : still(state)
  return [{ ...ready, batch: gather(ready.batch, key, captures, fact, comes) }, [...actions, whenTold]]
}

const onOwn = (state: State, instance: number, comes: boolean): Process.Turn<State> => {
  const key = state.instances.get(instance)
  if (key === undefined) return still(state)
  const entry = state.entries.get(key)!
  return comes ? still({ ...state, entries: state.entries.set(key, { ...entry, isUp: true }) }) : onFact(state, "own", key, entry.captures, false)
}

/** A transition in the making. */
interface Draft {
  state: State
  readonly out: Array<Process.Action>
}
const draftOf = (state: State): Draft => ({ state, out: [] })
const done = ({ out, state }: Draft): Process.Turn<State> => [state, out]

const settle = (state: State): Process.Turn<State> => {
  const draft = draftOf({ ...state, batch: noChanges })
  for (const [key, change] of changesOf(state.batch)) apply(draft, key, change)
  return done(draft)
}

/** Its birth is over: an instance that nobody has seen never lived. */
const onBorn = (state: State, instance: number): Process.Turn<State> => {
  const [ready, actions] = settle(state)
  const draft: Draft = { state: ready, out: [...actions] }
  const key = ready.instances.get(instance)
  const entry = key === undefined ? undefined : ready.entries.get(key)
  if (key !== undefined && entry !== undefined && !entry.isUp) apply(draft, key, { captures: entry.captures, own: false })
  return done(draft)
}

/** One turn's changes for one key. */
const apply = (draft: Draft, key: string, { captures, demand, own, supply }: Change): void => {
  const { role } = draft.state.config
  const known = draft.state.entries.get(key) ?? { captures, isSupplied: false, instance: undefined, isUp: false, crashes: 0, timer: undefined }
  let entry = { ...known, isSupplied: supply ?? known.isSupplied }
  if (own === false) entry = gone(draft, entry)
  if (demand === false) entry = release(draft, entry)
  put(draft, key, entry)
  const handle = `role ${key}`
  if (role !== undefined && demand === true) draft.out.push(Process.assert(handle, new Record(role, captures)))
  if (role !== undefined && demand === false) draft.out.push(Process.retract(handle))
  follow(draft, { _tag: "Changed", key, demand, supply: entry.isSupplied || entry.instance !== undefined })
}

/** Does what the rules say, and forgets a key about which there is nothing more to say. */
const follow = (draft: Draft, event: RuleEvent): void => {
  const [after, actions] = rules.transition(draft.state.rules, event)
  draft.state = { ...draft.state, rules: after }
  const entry = draft.state.entries.get(event.key)!
  for (const { _tag } of actions) {
    if (_tag === "Start") start(draft, event.key, entry)
    else crashed(draft, event.key, entry)
  }
  const { entries, rules: known } = draft.state
  const { instance, isSupplied } = entries.get(event.key)!
  const isOver = known.get(event.key)?.demand !== true && !isSupplied && instance === undefined
  if (isOver) draft.state = { ...draft.state, entries: entries.delete(event.key) }
}

const start = (draft: Draft, key: string, entry: Entry): void => {
  const { config: { backoff, task }, next: instance, self } = draft.state
  const { behaviour: name, config } = taskFor(task, entry.captures)
  const bond: Bond = { wanted: record("wanted", self, instance), up: record("up", self, instance), config }
  draft.state = { ...draft.state, next: instance + 1, instances: draft.state.instances.set(instance, key) }
  draft.out.push(Process.assert(instance, bond.wanted!), Process.spawn(name, { behaviour: name, config: bond }), { _tag: "Yield", handle: instance })
  const started = { ...withoutTimer(draft, entry), instance, isUp: false }
  put(draft, key, backoff !== undefined && started.crashes > 0 ? withTimer(draft, key, started, Backoff.steadyMs(backoff)) : started)
  // ours to end from now on: supply by others that comes and goes meanwhile must not start a second one
  follow(draft, { _tag: "Changed", key, supply: true })
}

/** Supply ended unexpectedly. Who waits already goes on waiting. */
const crashed = (draft: Draft, key: string, entry: Entry): void => {
  const { config: { backoff }, self } = draft.state
  draft.out.push(complaint(self, entry.captures))
  if (backoff === undefined || entry.timer !== undefined) return
  const crashes = entry.crashes + 1
  const waitMs = Backoff.delayMs(backoff, crashes)
  put(draft, key, waitMs > 0 ? withTimer(draft, key, { ...entry, crashes }, waitMs) : { ...entry, crashes })
  if (waitMs === 0) follow(draft, { _tag: "Retried", key })
}

const onExpired = (state: State, timer: Value): Process.Turn<State> => {
  const key = state.timers.get(timer as number)
  if (key === undefined) return still(state)
  const draft = draftOf(state)
  const entry = withoutTimer(draft, state.entries.get(key)!)
  put(draft, key, entry.instance === undefined ? entry : { ...entry, crashes: 0 })
  if (entry.instance === undefined) follow(draft, { _tag: "Retried", key })
  return done(draft)
}

/** A driver that comes has heard of nothing yet. */
const onDriver = (state: State): Process.Turn<State> => [state, [...state.timers].sort(([a], [b]) => a - b).map(([timer, key]) => {
  const { crashes, instance } = state.entries.get(key)!
  const backoff = state.config.backoff!
  return Timer.set(state.self, timer, instance === undefined ? Backoff.delayMs(backoff, crashes) : Backoff.steadyMs(backoff))
})]

// ---- small steps of one entry -------------------------------------------------------------------

const put = (draft: Draft, key: string, entry: Entry): void => {
  draft.state = { ...draft.state, entries: draft.state.entries.set(key, entry) }
}
const gone = (draft: Draft, entry: Entry): Entry => {
  if (entry.instance === undefined) return entry
  draft.out.push(Process.retract(entry.instance))
  draft.state = { ...draft.state, instances: draft.state.instances.delete(entry.instance) }
  return { ...withoutTimer(draft, entry), instance: undefined, isUp: false }
}
/** The demand is gone: so is the wait, and what was held against the task. The instance ends by itself. */
const release = (draft: Draft, entry: Entry): Entry => {
  if (entry.instance !== undefined) draft.out.push(Process.retract(entry.instance))
  return { ...withoutTimer(draft, entry), crashes: 0 }
}
const withTimer = (draft: Draft, key: string, entry: Entry, ms: number): Entry => {
  const { next: timer, self, timers } = draft.state
  draft.state = { ...draft.state, next: timer + 1, timers: timers.set(timer, key) }
  draft.out.push(Timer.set(self, timer, ms))
  return { ...entry, timer }
}
const withoutTimer = (draft: Draft, entry: Entry): Entry => {
  if (entry.timer === undefined) return entry
  draft.state = { ...draft.state, timers: draft.state.timers.delete(entry.timer) }
  return { ...entry, timer: undefined }
}
