/**
 * The kernel: processes, what they hold up, and who is told.
 *
 * Promises: a turn takes effect as a whole or not at all, and observers are told of all of it before
 * anybody reacts; within it additions come before messages and messages before removals, so that
 * replacing a fact never looks like its absence; a process that throws or answers nonsense ends, all
 * that it held goes in one turn, and nobody else notices but by that; turns run in the order in which
 * they were caused; equal inputs give equal outputs, down to the order: of what is told at one time,
 * values come as the turn named them, and for each value the oldest observation first.
 *
 * Assertions are a bag: the first copy of a value is news and the last one to go is. For an
 * observation the captures are a bag as well (`Captures.ts`).
 */
import * as Bag from "../data/Bag.ts"
import * as Queue from "../data/Queue.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import { type Step, still } from "../machine/Machine.ts"
import * as Pattern from "../value/Pattern.ts"
import type { Value } from "../value/Value.ts"
import * as Captures from "./Captures.ts"
import * as Index from "./Index.ts"
import * as Process from "./Process.ts"
import * as Turn from "./Turn.ts"

export interface Config {
  /** What runs from the start, in this order. */
  readonly boot?: ReadonlyArray<{ readonly name: string; readonly process: Process.Process }>
  /** Invocations of behaviours in one transition; then others may run. */
  readonly fuel?: number
  /** What this dataspace is called as a process of another. */
  readonly within?: Process.Pid
}
const defaultFuel = 10_000 // a guess: some ten milliseconds

export interface State {
  readonly fuel: number
  readonly within: Process.Pid | undefined
  readonly nextPid: number
  /** Numbers observations. */
  readonly nextId: number
  readonly processes: VersionedMap<Process.Pid, Turn.Live>
  /** Copies of each value that stands: those of ordinary processes, and those of the local link. */
  readonly local: Bag.Bag<string>
  readonly foreign: Bag.Bag<string>
  readonly index: Index.State
  /** The observed patterns, by their key. */
  readonly groups: VersionedMap<string, Captures.Group>
  /** Events whose turn has not come, oldest first: while there are any, whatever comes waits for `Continue` behind them. */
  readonly pending: Queue.Queue<Pending>
  /** Those who yielded to the world outside: their turn comes with the next `Continue`. */
  readonly paused: Queue.Queue<Pending>
  /** Whether a `Continue` of ours is on its way back: there is never more than one. */
  readonly scheduled: boolean
}

interface Pending {
  readonly pid: Process.Pid
  readonly event: Process.Event
  /** Which observation it is for; `undefined` for what a process asked to be told. */
  readonly id: number | undefined
}

export type Event =
  /** An external process comes, with its first turn. `foreign` makes it the local link to a federation. */
  | { readonly _tag: "Enter"; readonly pid: string; readonly name: string; readonly actions: ReadonlyArray<Process.Action>; readonly foreign?: boolean }
  /** One turn of an external process. One that is not here may just have ended. */
  | { readonly _tag: "Perform"; readonly pid: string; readonly actions: ReadonlyArray<Process.Action> }
  /** An external process ends, as if it quit. */
  | { readonly _tag: "Leave"; readonly pid: string; readonly reason?: Value }
  /** One turn of what a federation supplies. */
  | { readonly _tag: "Supply"; readonly items: ReadonlyArray<Supplied> }
  | { readonly _tag: "Continue" }

/** For the ordinary observations of exactly `pattern`. What is supplied is a set: repetitions are ignored. */
export type Supplied =
  | { readonly _tag: "Add" | "Del" | "Msg"; readonly pattern: Pattern.Pattern; readonly captures: Process.Captures }
  /** Forget all that was supplied for the pattern. */
  | { readonly _tag: "Reset"; readonly pattern: Pattern.Pattern }

export type Action =
  /** What one turn tells an external process, all together. */
  | { readonly _tag: "Deliver"; readonly pid: string; readonly events: ReadonlyArray<Process.Event> }
  /** An external process ended. */
  | { readonly _tag: "Exited"; readonly pid: string; readonly name: string; readonly reason: Value }
  /** The fuel is used up. Answer with `Continue` when others had their turn. */
  | { readonly _tag: "Continue" }

/** The dataspace whose processes may have these behaviours: a machine. */
export const of = (behaviours: Process.Behaviours) => {
  const initial = ({ boot = [], fuel = defaultFuel, within }: Config): Step<State, Action> => {
    const empty: State = {
      fuel, within, nextPid: 1, nextId: 1, processes: VersionedMap.empty(), local: Bag.empty(), foreign: Bag.empty(), index: Index.empty,
      groups: VersionedMap.empty(), pending: Queue.empty(), paused: Queue.empty(), scheduled: false
    }
    return start(empty, boot)
  }
  /** Spawns processes from outside, as `boot` does at the beginning. */
  const start = (state: State, processes: Config["boot"] = []): Step<State, Action> => {
    const draft: Draft = { behaviours, actions: [], queue: [], paused: [], state }
    for (const { name, process } of processes) actAs(draft, starter, [Process.spawn(name, process)])
    return run(draft)
  }
  const transition = (state: State, event: Event): Step<State, Action> => {
    const draft: Draft = { behaviours, actions: [], queue: [], paused: [], state }
    switch (event._tag) {
      case "Enter": onEnter(draft, event); break
      case "Perform": onPerform(draft, event.pid, event.actions); break
      case "Leave": onPerform(draft, event.pid, [event.reason === undefined ? Process.quit() : Process.quit(event.reason)]); break
      case "Supply": onSupply(draft, event.items); break
      case "Continue": return onContinue(draft)
    }
    return run(draft)
  }
  return { initial, transition, start }
}

/** A transition in the making. */
interface Draft {
  readonly behaviours: Process.Behaviours
  readonly actions: Array<Action>
  /** What this transition has caused and nobody has dealt with. */
  readonly queue: Array<Pending>
  readonly paused: Array<Pending>
  state: State
}

/** Spawns what runs from the start; it is never in the process table. */
const starter: Turn.Live = { pid: 0, name: "boot", behaviour: undefined, state: undefined, foreign: false, held: VersionedMap.empty() }

const onEnter = (draft: Draft, { actions, foreign = false, name, pid }: Extract<Event, { readonly _tag: "Enter" }>): void => {
  if (draft.state.processes.has(pid)) return
  if (!Turn.fits(name)) return void draft.actions.push({ _tag: "Exited", pid, name, reason: Turn.crash(new Turn.Misbehaved("a name is a string that is text")) })
  const process: Turn.Live = { pid, name, behaviour: undefined, state: undefined, foreign, held: VersionedMap.empty() }
  draft.state = { ...draft.state, processes: draft.state.processes.set(pid, process) }
  actAs(draft, process, actions)
}

const onPerform = (draft: Draft, pid: string, actions: ReadonlyArray<Process.Action>): void => {
  const process = draft.state.processes.get(pid)
  if (process !== undefined && process.behaviour === undefined) actAs(draft, process, actions)
}

const onSupply = (draft: Draft, items: ReadonlyArray<Supplied>): void => {
  const news = new News()
  for (const item of items) {
    const key = Pattern.key(item.pattern)
    const group = draft.state.groups.get(key)
    if (group === undefined || group.ordinary.size === 0) continue
    switch (item._tag) {
      case "Msg": news.message(group, item.captures, ["ordinary"]); break
      case "Add": supply(draft, news, key, item.captures, true); break
      case "Del": supply(draft, news, key, item.captures, false); break
      case "Reset": for (const captures of Captures.supplied(group)) supply(draft, news, key, captures, false)
    }
  }
  tell(draft, news)
}

const supply = (draft: Draft, news: News, key: string, captures: Process.Captures, supplied: boolean): void => {
  const group = draft.state.groups.get(key)!
  if (Captures.isSupplied(group, captures) !== supplied) changeBag(draft, news, key, captures, { supplied })
}

/** Those who waited have their turn, and those who paused after them. */
const onContinue = (draft: Draft): Step<State, Action> => {
  const { fuel: full, paused } = draft.state
  draft.state = { ...draft.state, scheduled: false, paused: Queue.empty() }
  let pending = Queue.append(draft.state.pending, inOrder(paused))
  let fuel = full
  for (let next = Queue.take(pending); next !== undefined && fuel > 0; next = Queue.take(pending)) {
    pending = next[1]
    fuel -= invoke(draft, next[0]) ? 1 : 0
  }
  draft.state = { ...draft.state, pending }
  return run(draft, fuel)
}
function* inOrder<A>(queue: Queue.Queue<A>): IterableIterator<A> {
  for (let next = Queue.take(queue); next !== undefined; next = Queue.take(next[1])) yield next[0]
}

/** Runs what was caused until all is quiet, or the fuel is used up. A dataspace that was busy before takes note of it only. */
const run = (draft: Draft, fuel = draft.state.fuel): Step<State, Action> => {
  let done = 0
  if (Queue.isEmpty(draft.state.pending)) for (; done < draft.queue.length && fuel > 0; done++) fuel -= invoke(draft, draft.queue[done]!) ? 1 : 0
  const { paused, scheduled } = draft.state
  if (done === draft.queue.length && draft.paused.length === 0 && Queue.isEmpty(draft.state.pending) && Queue.isEmpty(paused)) {
    return draft.actions.length === 0 ? still(draft.state) : [draft.state, draft.actions]
  }
  if (!scheduled) draft.actions.push({ _tag: "Continue" })
  const left = done === 0 ? draft.queue : draft.queue.slice(done)
  return [{ ...draft.state, pending: Queue.append(draft.state.pending, left), paused: Queue.append(paused, draft.paused), scheduled: true }, draft.actions]
}

/** One event, one turn. Says whether a behaviour ran. */
const invoke = (draft: Draft, { event, id, pid }: Pending): boolean => {
  const process = draft.state.processes.get(pid)
  if (process === undefined || process.behaviour === undefined || !isWanted(process, event, id)) return false
  let next: unknown
  let actions: unknown
  try {
    ;[next, actions] = Turn.checkedStep(draft.behaviours[process.behaviour]!.transition(process.state, event))
  } catch (error) {
    endAs(draft, process, Turn.crash(error))
    return true
  }
  actAs(draft, { ...process, state: next }, actions, process)
  return true
}

/** A process never hears of an observation that it holds no longer. */
const isWanted = (process: Turn.Live, event: Process.Event, id: number | undefined): boolean =>
  id === undefined || process.held.get(event.handle)?.observed?.id === id

/** A turn of `process`; if it cannot be carried out, the process as it was `before` ends instead. */
const actAs = (draft: Draft, process: Turn.Live, actions: unknown, before = process): void => {
  const staged = Turn.stage(draft.behaviours, draft.state)
  try {
    Turn.perform(staged, process, actions)
  } catch (error) {
    return endAs(draft, before, Turn.crash(error))
  }
  if (process === starter) staged.lives.delete(starter.pid)
  apply(draft, staged)
}

const endAs = (draft: Draft, process: Turn.Live, reason: Value): void => {
  const staged = Turn.stage(draft.behaviours, draft.state)
  Turn.end(staged, process, reason)
  apply(draft, staged)
}

// ---- effects ------------------------------------------------------------------------------------

const ordinaryOnes: ReadonlyArray<"ordinary" | "foreign"> = ["ordinary"]
const foreignOnes: ReadonlyArray<"ordinary" | "foreign"> = ["foreign"]
const all: ReadonlyArray<"ordinary" | "foreign"> = ["ordinary", "foreign"]

/** What a turn tells whom, in the three waves in which it is told. */
class News {
  readonly added: Array<Told> = []
  readonly received: Array<Told> = []
  readonly removed: Array<Told> = []
  /** Tells those who see an edge. */
  edges(group: Captures.Group, captures: Process.Captures, edges: Captures.Edges, reason: Value | undefined): void {
    if (edges.ordinary === 0 && edges.foreign === 0) return
    const which = edges.foreign === 0 ? ordinaryOnes : edges.ordinary === 0 ? foreignOnes : all
    for (const observer of Captures.observersOf(group, which)) {
      const edge = observer.foreign ? edges.foreign : edges.ordinary
      if (edge > 0) this.added.push({ observer, event: Process.added(observer.handle, captures) })
      else if (edge < 0) this.removed.push({ observer, event: Process.removed(observer.handle, captures, reason) })
    }
  }
  /** Those whom one value concerns by several patterns are told oldest observation first, as those of one pattern are. */
  about(patterns: ReadonlyArray<string>, tell: (pattern: string) => void): void {
    const from = [this.added.length, this.received.length, this.removed.length]
    for (const pattern of patterns) tell(pattern)
    if (patterns.length > 1) for (const [i, wave] of [this.added, this.received, this.removed].entries()) oldestFirst(wave, from[i]!)
  }
  message(group: Captures.Group, captures: Process.Captures, which = all): void {
    for (const observer of Captures.observersOf(group, which)) this.received.push({ observer, event: Process.received(observer.handle, captures) })
  }
}
const oldestFirst = (told: Array<Told>, from: number): void => {
  if (told.length - from < 2) return
  const tail = told.splice(from).sort((a, b) => a.observer.id - b.observer.id)
  for (const one of tail) told.push(one)
}
interface Told {
  readonly observer: Captures.Observer
  readonly event: Process.Event
}

/** A staged turn takes effect. */
const apply = (draft: Draft, staged: Turn.Staged): void => {
  let { processes } = draft.state
  for (const live of staged.lives.values()) processes = processes.set(live.pid, live)
  for (const { pid } of staged.ended) processes = processes.delete(pid)
  draft.state = { ...draft.state, processes, nextPid: staged.nextPid, nextId: staged.nextId }
  const news = new News()
  // additions first: what one value stops showing and another starts to is not seen to go
  for (const [key, { foreign, local, value }] of staged.values) if (local > 0 || foreign > 0) changeCopies(draft, news, key, value, Math.max(0, local), Math.max(0, foreign))
  for (const [key, { foreign, local, reason, value }] of staged.values) {
    if (local < 0 || foreign < 0) changeCopies(draft, news, key, value, Math.min(0, local), Math.min(0, foreign), reason)
  }
  // joined before any leaves: a pattern that moves to another handle keeps what is supplied for it
  for (const observation of staged.observations.values()) join(draft, news, observation)
  for (const { id, pattern } of staged.withdrawn.values()) leave(draft, id, pattern)
  for (const body of staged.messages) {
    news.about(Index.patternsOf(draft.state.index, body), (key) => {
      const group = draft.state.groups.get(key)!
      news.message(group, Pattern.captures(group.pattern, body)!)
    })
  }
  tell(draft, news, staged)
  for (const { behaviour, name, pid, reason } of staged.ended) {
    if (behaviour === undefined && typeof pid === "string") draft.actions.push({ _tag: "Exited", pid, name, reason })
  }
}

const changeCopies = (draft: Draft, news: News, key: string, value: Value, localDelta: number, foreignDelta: number, reason?: Value): void => {
  const stood = stands(draft.state, key)
  const [localChange, local] = Bag.change(draft.state.local, key, localDelta)
  const [foreignChange, foreign] = Bag.change(draft.state.foreign, key, foreignDelta)
  draft.state = { ...draft.state, local, foreign }
  const { index } = draft.state
  if (!stood) draft.state = { ...draft.state, index: Index.addValue(index, key, value) }
  else if (!stands(draft.state, key)) draft.state = { ...draft.state, index: Index.removeValue(index, key) }
  const change = { local: edge[localChange], foreign: edge[foreignChange] }
  if (change.local === 0 && change.foreign === 0) return
  news.about(Index.patternsOf(draft.state.index, value), (pattern) => {
    changeBag(draft, news, pattern, Pattern.captures(draft.state.groups.get(pattern)!.pattern, value)!, change, reason)
  })
}
const stands = ({ foreign, local }: State, key: string): boolean => Bag.count(local, key) + Bag.count(foreign, key) > 0
const edge = { AbsentToPresent: 1, PresentToAbsent: -1, AbsentToAbsent: 0, PresentToPresent: 0 } as const

const changeBag = (draft: Draft, news: News, key: string, captures: Process.Captures, by: Captures.Change, reason?: Value): void => {
  const [group, edges] = Captures.change(draft.state.groups.get(key)!, captures, by)
  draft.state = { ...draft.state, groups: draft.state.groups.set(key, group) }
  news.edges(group, captures, edges, reason)
}

const join = (draft: Draft, news: News, { pattern, ...observer }: Captures.Observer & { readonly pattern: Pattern.Pattern }): void => {
  const key = Pattern.key(pattern)
  const known = draft.state.groups.get(key) ?? begin(draft, key, pattern)
  draft.state = { ...draft.state, groups: draft.state.groups.set(key, Captures.join(known, observer)) }
  for (const captures of Captures.seenBy(known, observer.foreign)) news.added.push({ observer, event: Process.added(observer.handle, captures) })
}

/** A pattern that nobody observed: its captures are those of what stands. */
const begin = (draft: Draft, key: string, pattern: Pattern.Pattern): Captures.Group => {
  const index = Index.addPattern(draft.state.index, key, pattern)
  draft.state = { ...draft.state, index }
  let group = Captures.of(pattern)
  for (const match of Index.matching(index, pattern)) {
    const copies = { local: Math.min(1, Bag.count(draft.state.local, match)), foreign: Math.min(1, Bag.count(draft.state.foreign, match)) }
    group = Captures.change(group, Pattern.captures(pattern, index.values.get(match)!)!, copies)[0]
  }
  return group
}

const leave = (draft: Draft, id: number, pattern: Pattern.Pattern): void => {
  const key = Pattern.key(pattern)
  let group = Captures.leave(draft.state.groups.get(key)!, id)
  if (group.ordinary.size === 0) for (const captures of Captures.supplied(group)) group = Captures.change(group, captures, { supplied: false })[0]
  draft.state = !Captures.isDeserted(group)
    ? { ...draft.state, groups: draft.state.groups.set(key, group) }
    : { ...draft.state, groups: draft.state.groups.delete(key), index: Index.removePattern(draft.state.index, key, pattern) }
}

/** Queues events for behaviours, and hands external processes theirs, all of a turn together. */
const tell = (draft: Draft, { added, received, removed }: News, { paused, resumed, spawned }: Pick<Turn.Staged, "spawned" | "resumed" | "paused"> = nobody): void => {
  const deliveries = new Map<string, Array<Process.Event>>()
  const put = (pid: Process.Pid, event: Process.Event, id: number | undefined): void => {
    const process = draft.state.processes.get(pid)
    if (process === undefined || !isWanted(process, event, id)) return
    if (process.behaviour !== undefined) draft.queue.push({ pid, event, id })
    else if (deliveries.has(pid as string)) deliveries.get(pid as string)!.push(event)
    else deliveries.set(pid as string, [event])
  }
  for (const { event, pid } of spawned) put(pid, event, undefined)
  for (const wave of [added, received, removed]) for (const { event, observer } of wave) put(observer.pid, event, observer.id)
  for (const { event, pid } of resumed) put(pid, event, undefined)
  // an external process is of the world outside, and waits for nobody here
  for (const { event, pid } of paused) {
    if (draft.state.processes.get(pid)?.behaviour === undefined) put(pid, event, undefined)
    else draft.paused.push({ pid, event, id: undefined })
  }
  for (const [pid, events] of deliveries) draft.actions.push({ _tag: "Deliver", pid, events })
}

const nobody = { spawned: [], resumed: [], paused: [] }

// ---- questions ----------------------------------------------------------------------------------

/** How many processes live, external ones included. */
export const population = ({ processes }: State): number => processes.size
/** How much is held, for people. */
export const counts = ({ groups, index }: State) => ({ assertions: index.values.size, patterns: groups.size })
/** Whether nothing waits to run. */
export const isQuiet = ({ paused, pending }: State): boolean => Queue.isEmpty(pending) && Queue.isEmpty(paused)
