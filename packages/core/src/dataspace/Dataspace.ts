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
import { grown } from "../data/grown.ts"
import * as Queue from "../data/Queue.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import { assert } from "../machine/assert.ts"
import { type Step, still } from "../machine/Machine.ts"
import * as Pattern from "../value/Pattern.ts"
import type { Value } from "../value/Value.ts"
import * as Captures from "./Captures.ts"
import * as Index from "./Index.ts"
import { News, oldestFirst, type Told } from "./News.ts"
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
  /** What stands, and the observed patterns. */
  readonly index: Index.State<Captures.Group>
  /** How many copies stand of the values of which it is not one local copy: that is what most are, and costs nothing here. */
  readonly copies: VersionedMap<string, Copies>
  /** Events whose turn has not come, oldest first: while there are any, whatever comes waits for `Continue` behind them. */
  readonly pending: Queue.Queue<Pending>
  /** Those who yielded to the world outside: their turn comes with the next `Continue`. */
  readonly paused: Queue.Queue<Pending>
  /** Whether a `Continue` of ours is on its way back: there is never more than one. */
  readonly scheduled: boolean
}

/** Of one value: those of ordinary processes, and those of the local link. */
interface Copies {
  readonly local: number
  readonly foreign: number
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
      fuel, within, nextPid: 1, nextId: 1, processes: VersionedMap.empty(), index: Index.empty, copies: VersionedMap.empty(),
      pending: Queue.empty(), paused: Queue.empty(), scheduled: false
    }
    return start(empty, boot)
  }
  /** Spawns processes from outside, as `boot` does at the beginning. */
  const start = (state: State, processes: Config["boot"] = []): Step<State, Action> => {
    const draft = new Draft(behaviours, state)
    for (const { name, process } of processes) actAs(draft, starter, [Process.spawn(name, process)])
    return run(draft)
  }
  const transition = (state: State, event: Event): Step<State, Action> => {
    const draft = new Draft(behaviours, state)
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
class Draft {
  readonly behaviours: Process.Behaviours
  readonly before: State
  processes: State["processes"]
  index: State["index"]
  copies: State["copies"]
  nextPid: number
  nextId: number
  actions: Array<Action> | undefined
  /** What this transition has caused and nobody has dealt with. */
  queue: Array<Pending> | undefined
  paused: Array<Pending> | undefined
  /** Whether an observation has gone in this transition, so that something in the queue may be for it. */
  hasWithdrawn = false
  constructor(behaviours: Process.Behaviours, before: State) {
    this.behaviours = behaviours
    this.before = before
    this.processes = before.processes
    this.index = before.index
    this.copies = before.copies
    this.nextPid = before.nextPid
    this.nextId = before.nextId
  }
  act(action: Action): void {
    this.actions = grown(this.actions, action)
  }
  /** The state that it leads to. */
  after({ paused, pending, scheduled }: Pick<State, "pending" | "paused" | "scheduled">): State {
    const { before, copies, index, nextId, nextPid, processes } = this
    const isSame = processes === before.processes && index === before.index && nextPid === before.nextPid && nextId === before.nextId
      && copies === before.copies && pending === before.pending && paused === before.paused && scheduled === before.scheduled
    return isSame ? before : { fuel: before.fuel, within: before.within, nextPid, nextId, processes, index, copies, pending, paused, scheduled }
  }
}

/** Spawns what runs from the start; it is never in the process table. */
const starter: Turn.Live = { pid: 0, name: "boot", behaviour: undefined, state: undefined, foreign: false, held: VersionedMap.empty() }

const onEnter = (draft: Draft, { actions, foreign = false, name, pid }: Extract<Event, { readonly _tag: "Enter" }>): void => {
  if (draft.processes.has(pid)) return
  if (!Turn.fits(name)) return void draft.act({ _tag: "Exited", pid, name, reason: Turn.crash(new Turn.Misbehaved("a name is a string that is text")) })
  const process: Turn.Live = { pid, name, behaviour: undefined, state: undefined, foreign, held: VersionedMap.empty() }
  draft.processes = draft.processes.set(pid, process)
  actAs(draft, process, actions)
}

const onPerform = (draft: Draft, pid: string, actions: ReadonlyArray<Process.Action>): void => {
  const process = draft.processes.get(pid)
  if (process !== undefined && process.behaviour === undefined) actAs(draft, process, actions)
}

/** What one pattern's observations are told, one after the other, is counted in their group, which is put back once. */
const onSupply = (draft: Draft, items: ReadonlyArray<Supplied>): void => {
  const news = new News()
  for (let from = 0; from < items.length;) {
    const { pattern } = items[from]!
    let to = from + 1
    while (to < items.length && items[to]!.pattern === pattern) to++
    const place = placeOf(pattern)
    const before = Index.groupAt(draft.index, place)
    if (before !== undefined && !Captures.isOnlyForeign(before)) {
      let group = before
      for (let i = from; i < to; i++) group = supply(news, group, items[i]!)
      if (group !== before) draft.index = Index.setGroup(draft.index, place, group)
    }
    from = to
  }
  tell(draft, news)
}

const supply = (news: News, group: Captures.Group, item: Supplied): Captures.Group => {
  switch (item._tag) {
    case "Msg":
      news.message(group, item.captures, "ordinary")
      return group
    case "Add": return changeBag(news, group, item.captures, isSupplied)
    case "Del": return changeBag(news, group, item.captures, isNotSupplied)
    case "Reset": return Captures.supplied(group).reduce((now, captures) => changeBag(news, now, captures, isNotSupplied), group)
  }
}
const isSupplied: Captures.Change = { supplied: true }
const isNotSupplied: Captures.Change = { supplied: false }

/** A federation says the same pattern again and again, and to find its place costs more than all the rest of one message. */
const placeOf = (pattern: Pattern.Pattern): Index.Place => {
  const known = places.get(pattern)
  if (known !== undefined) return known
  const place = Index.placeOf(pattern)
  places.set(pattern, place)
  return place
}
const places = new WeakMap<Pattern.Pattern, Index.Place>()

/** Those who waited have their turn, and those who paused after them. */
const onContinue = (draft: Draft): Step<State, Action> => {
  const { fuel: full, paused, pending: waiting } = draft.before
  let pending = Queue.append(waiting, inOrder(paused))
  let fuel = full
  for (let next = Queue.take(pending); next !== undefined && fuel > 0; next = Queue.take(pending)) {
    pending = next[1]
    fuel -= invoke(draft, next[0], true) ? 1 : 0
  }
  return run(draft, fuel, { pending, paused: Queue.empty(), scheduled: false })
}
function* inOrder<A>(queue: Queue.Queue<A>): IterableIterator<A> {
  for (let next = Queue.take(queue); next !== undefined; next = Queue.take(next[1])) yield next[0]
}

/** Runs what was caused until all is quiet, or the fuel is used up. A dataspace that was busy before takes note of it only. */
const run = (draft: Draft, fuel = draft.before.fuel, waiting: Pick<State, "pending" | "paused" | "scheduled"> = draft.before): Step<State, Action> => {
  const { paused, pending, scheduled } = waiting
  let done = 0
  if (draft.queue !== undefined && Queue.isEmpty(pending)) for (; done < draft.queue.length && fuel > 0; done++) fuel -= invoke(draft, draft.queue[done]!, draft.hasWithdrawn) ? 1 : 0
  const left = done === 0 ? draft.queue ?? [] : draft.queue!.slice(done)
  if (left.length === 0 && draft.paused === undefined && Queue.isEmpty(pending) && Queue.isEmpty(paused)) {
    const after = draft.after(waiting)
    return draft.actions === undefined ? still(after) : [after, draft.actions]
  }
  if (!scheduled) draft.act({ _tag: "Continue" })
  return [draft.after({ pending: Queue.append(pending, left), paused: Queue.append(paused, draft.paused ?? []), scheduled: true }), draft.actions ?? []]
}

/** One event, one turn, unless `isDoubtful` and nobody wants it any more. Says whether a behaviour ran. */
const invoke = (draft: Draft, { event, id, pid }: Pending, isDoubtful: boolean): boolean => {
  const process = draft.processes.get(pid)
  if (process === undefined || process.behaviour === undefined || (isDoubtful && !isWanted(process, event, id))) return false
  let next: unknown
  let actions: unknown
  try {
    ;[next, actions] = Turn.checkedStep(draft.behaviours[process.behaviour]!.transition(process.state, event))
  } catch (error) {
    endAs(draft, process, Turn.crash(error))
    return true
  }
  actAs(draft, next === process.state ? process : { ...process, state: next }, actions, process)
  return true
}

/** A process never hears of an observation that it holds no longer. */
const isWanted = (process: Turn.Live, event: Process.Event, id: number | undefined): boolean =>
  id === undefined || process.held.get(event.handle)?.observed?.id === id

const stage = ({ before, behaviours, nextId, nextPid }: Draft): Turn.Staged => Turn.stage(behaviours, before.within, nextPid, nextId)

/** A turn of `process`; if it cannot be carried out, the process as it was `before` ends instead. */
const actAs = (draft: Draft, process: Turn.Live, actions: unknown, before = process): void => {
  const staged = stage(draft)
  let after: Turn.Live | undefined
  try {
    after = Turn.perform(staged, process, actions)
  } catch (error) {
    return endAs(draft, before, Turn.crash(error))
  }
  if (after !== undefined && after !== before) draft.processes = draft.processes.set(after.pid, after)
  apply(draft, staged)
}

const endAs = (draft: Draft, process: Turn.Live, reason: Value): void => {
  const staged = stage(draft)
  Turn.end(staged, process, reason)
  apply(draft, staged)
}

// ---- effects ------------------------------------------------------------------------------------

/** A staged turn takes effect. */
const apply = (draft: Draft, staged: Turn.Staged): void => {
  const { born, ended, messages, observations, values: { list }, withdrawn } = staged
  if (born !== undefined) for (const live of born) draft.processes = draft.processes.set(live.pid, live)
  if (ended !== undefined) for (const { pid } of ended) draft.processes = draft.processes.delete(pid)
  draft.nextPid = staged.nextPid
  draft.nextId = staged.nextId
  const news = new News()
  // additions first: what one value stops showing and another starts to is not seen to go
  if (list !== undefined) for (const change of list) if (change.local > 0 || change.foreign > 0) changeCopies(draft, news, change, Math.max(0, change.local), Math.max(0, change.foreign))
  if (list !== undefined) for (const change of list) if (change.local < 0 || change.foreign < 0) changeCopies(draft, news, change, Math.min(0, change.local), Math.min(0, change.foreign))
  // joined before any leaves: a pattern that moves to another handle keeps what is supplied for it
  if (observations !== undefined) for (const observation of observations.values()) join(draft, news, observation)
  if (withdrawn !== undefined) for (const { id, pattern } of withdrawn.values()) leave(draft, id, pattern)
  if (messages !== undefined) for (const body of messages) {
    const from = news.received?.length ?? 0
    Index.forEachMatch(draft.index, body, (group) => news.message(group, Pattern.at(group.paths, body)))
    oldestFirst(news.received, from)
  }
  tell(draft, news, staged)
  if (ended === undefined) return
  for (const { behaviour, name, pid, reason } of ended) {
    if (behaviour === undefined && typeof pid === "string") draft.act({ _tag: "Exited", pid, name, reason })
  }
}

/** Counts copies in or out; the first copy of a value is news to those who want it, and so is the last. */
const changeCopies = (draft: Draft, news: News, { key, reason, value }: Turn.Change, localDelta: number, foreignDelta: number): void => {
  const { index } = draft
  const old = draft.copies.get(key) ?? (Index.has(index, key, value) ? one : none)
  const local = old.local + localDelta
  const foreign = old.foreign + foreignDelta
  assert(local >= 0 && foreign >= 0, "there are never fewer copies than none")
  const stood = old !== none
  const stands = local + foreign > 0
  draft.copies = !stands || (local === 1 && foreign === 0) ? draft.copies.delete(key) : draft.copies.set(key, { local, foreign })
  const by = { local: edge(old.local, local), foreign: edge(old.foreign, foreign) }
  if (by.local === 0 && by.foreign === 0) return
  const added = news.added?.length ?? 0
  const removed = news.removed?.length ?? 0
  const change = (group: Captures.Group): Captures.Group => changeBag(news, group, Pattern.at(group.paths, value), by, localDelta + foreignDelta < 0 ? reason : undefined)
  draft.index = !stood ? Index.addValue(index, key, value, change) : stands ? Index.changeMatches(index, value, change) : Index.removeValue(index, key, value, change)
  oldestFirst(news.added, added)
  oldestFirst(news.removed, removed)
}
const none: Copies = { local: 0, foreign: 0 }
const one: Copies = { local: 1, foreign: 0 }
/** What a change of count is to whoever sees only whether there are any. */
const edge = (before: number, after: number): number => Number(after > 0) - Number(before > 0)

const changeBag = (news: News, group: Captures.Group, captures: Process.Captures, by: Captures.Change, reason?: Value): Captures.Group => {
  const [next, edges] = Captures.change(group, captures, by)
  news.edges(next, captures, edges, reason)
  return next
}

const join = (draft: Draft, news: News, observer: Captures.Observer & { readonly pattern: Pattern.Pattern }): void => {
  const place = Index.placeOf(observer.pattern)
  const known = Index.groupAt(draft.index, place) ?? begin(draft, place, observer.pattern)
  draft.index = Index.setGroup(draft.index, place, Captures.join(known, observer))
  for (const captures of Captures.seenBy(known, observer.foreign)) news.add(observer, captures)
}

/** A pattern that nobody observed: its captures are those of what stands. */
const begin = (draft: Draft, place: Index.Place, pattern: Pattern.Pattern): Captures.Group => {
  let group = Captures.of(place.key, pattern)
  draft.index = Index.setGroup(draft.index, place, group)
  for (const [key, value] of Index.matching(draft.index, place)) {
    const { foreign, local } = draft.copies.get(key) ?? one
    group = Captures.change(group, Pattern.at(group.paths, value), { local: Math.min(1, local), foreign: Math.min(1, foreign) })[0]
  }
  return group
}

const leave = (draft: Draft, id: number, pattern: Pattern.Pattern): void => {
  draft.hasWithdrawn = true
  const place = Index.placeOf(pattern)
  let group = Captures.leave(Index.groupAt(draft.index, place)!, id)
  if (Captures.isOnlyForeign(group)) for (const captures of Captures.supplied(group)) group = Captures.change(group, captures, { supplied: false })[0]
  draft.index = Index.setGroup(draft.index, place, Captures.isDeserted(group) ? undefined : group)
}

/** Queues events for behaviours, and hands external processes theirs, all of a turn together. */
const tell = (draft: Draft, { added, received, removed }: News, { paused, resumed, spawned, withdrawn }: Partial<Turn.Staged> = {}): void => {
  if (added === undefined && received === undefined && removed === undefined && spawned === undefined && resumed === undefined && paused === undefined) return
  const deliveries = new Deliveries(draft)
  if (spawned !== undefined) for (const { event, pid } of spawned) answer(draft, deliveries, pid, event)
  // an observation that nobody withdrew in this turn is one of a process that lives
  const isDoubtful = withdrawn !== undefined
  if (added !== undefined) tellAll(draft, deliveries, added, isDoubtful)
  if (received !== undefined) tellAll(draft, deliveries, received, isDoubtful)
  if (removed !== undefined) tellAll(draft, deliveries, removed, isDoubtful)
  if (resumed !== undefined) for (const { event, pid } of resumed) answer(draft, deliveries, pid, event)
  // an external process is of the world outside, and waits for nobody here
  if (paused !== undefined) for (const { event, pid } of paused) {
    if (draft.processes.get(pid)?.behaviour === undefined) answer(draft, deliveries, pid, event)
    else draft.paused = grown(draft.paused, { pid, event, id: undefined })
  }
}
const tellAll = (draft: Draft, deliveries: Deliveries, wave: ReadonlyArray<Told>, isDoubtful: boolean): void => {
  for (const { event, observer: { external, id, pid } } of wave) {
    if (isDoubtful) {
      const process = draft.processes.get(pid)
      if (process === undefined || !isWanted(process, event, id)) continue
    }
    if (external) deliveries.put(pid as string, event)
    else draft.queue = grown(draft.queue, { pid, event, id })
  }
}
const answer = (draft: Draft, deliveries: Deliveries, pid: Process.Pid, event: Process.Event): void => {
  const process = draft.processes.get(pid)
  if (process === undefined) return
  if (process.behaviour === undefined) deliveries.put(pid as string, event)
  else draft.queue = grown(draft.queue, { pid, event, id: undefined })
}

interface Delivery {
  readonly _tag: "Deliver"
  readonly pid: string
  readonly events: Array<Process.Event>
}
/** What one turn tells external processes: an action for each, in the order in which they come up. */
class Deliveries {
  readonly #draft: Draft
  #last: Delivery | undefined
  /** Once there are several. */
  #all: Map<string, Delivery> | undefined
  constructor(draft: Draft) {
    this.#draft = draft
  }
  put(pid: string, event: Process.Event): void {
    if (this.#last?.pid === pid) this.#last.events.push(event)
    else this.#last = this.#turnTo(pid, event)
  }
  #turnTo(pid: string, event: Process.Event): Delivery {
    const last = this.#last
    if (last !== undefined) this.#all ??= new Map([[last.pid, last]])
    const known = this.#all?.get(pid)
    if (known !== undefined) {
      known.events.push(event)
      return known
    }
    const delivery: Delivery = { _tag: "Deliver", pid, events: [event] }
    this.#draft.act(delivery)
    this.#all?.set(pid, delivery)
    return delivery
  }
}

// ---- questions ----------------------------------------------------------------------------------

/** How many processes live, external ones included. */
export const population = ({ processes }: State): number => processes.size
/** How much is held, for people. */
export const counts = ({ index: { patterns, size } }: State) => ({ assertions: size, patterns })
/** What stands, by the keys of the values, in no order that means anything. */
export const standing = ({ index }: State): ReadonlyMap<string, Value> => Index.values(index)
/** Whether nothing waits to run. */
export const isQuiet = ({ paused, pending }: State): boolean => Queue.isEmpty(pending) && Queue.isEmpty(paused)
