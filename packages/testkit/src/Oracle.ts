/**
 * What a dataspace does, written to be obviously right and not to be fast: assertions are a list of
 * tuples, and what a turn tells is the difference of what every observation saw before and after it,
 * computed anew each time. `of(behaviours)` answers events as `Dataspace.of(behaviours)` must answer
 * them, to the order; `nested` is its dataspace within a dataspace. Supply by a federation is left out.
 *
 * An oracle changes in place. It has no fuel: programs that it is asked about come to rest, but for
 * those who yield to the world, who go on with `Continue`.
 */
import { Canonical, type Dataspace, Pattern, Process, Value } from "@colloquy/core"

interface Tuple {
  readonly pid: Process.Pid
  readonly handle: Process.Handle
  readonly value: Value.Value
  readonly key: string
  /** What it asks for, when it is an observation. */
  readonly pattern: Pattern.Pattern | undefined
  /** Tells apart what stood at different times; the age of an observation. */
  readonly id: number
}
interface Living {
  readonly pid: Process.Pid
  readonly name: string
  /** External processes have none. */
  readonly behaviour: Process.Behaviour | undefined
  readonly external: boolean
  state: unknown
}
interface Pending {
  readonly pid: Process.Pid
  readonly event: Process.Event
  /** The observation that it is for. */
  readonly id: number | undefined
}

/** What one turn does, until it is told. */
interface Turn {
  readonly before: ReadonlyArray<Tuple>
  /** Keys of values in the order in which the turn named them, with the reason of the last one that went. */
  readonly named: Map<string, { readonly value: Value.Value; reason: Value.Value | undefined }>
  readonly messages: Array<Value.Value>
  readonly spawned: Array<Pending>
  readonly resumed: Array<Pending>
  readonly paused: Array<Pending>
  readonly ended: Array<Living & { readonly reason: Value.Value }>
}

/** A dataspace to compare with: told the same events, it returns the actions that the real one must return. */
export class Oracle {
  readonly behaviours: Process.Behaviours
  /** The process that the oracle is the dataspace of, when it is nested: its number stands before those of the processes inside. */
  readonly within: Process.Pid | undefined
  tuples: ReadonlyArray<Tuple> = []
  processes = new Map<Process.Pid, Living>()
  #queue: ReadonlyArray<Pending> = []
  /** Those who yielded to the world outside: their turn comes with the next `Continue`. */
  #paused: ReadonlyArray<Pending> = []
  #scheduled = false
  #actions: Array<Dataspace.Action> = []
  #pids = 0
  #ids = 0
  constructor(behaviours: Process.Behaviours, within?: Process.Pid) {
    this.behaviours = behaviours
    this.within = within
  }

  /** The actions of a dataspace that is started with these processes. */
  start(boot: NonNullable<Dataspace.Config["boot"]>): ReadonlyArray<Dataspace.Action> {
    for (const { name, process } of boot) this.#turn({ pid: 0, name: "boot", behaviour: undefined, external: false, state: undefined }, [Process.spawn(name, process)])
    return this.#run()
  }
  /** The actions of one event. The oracle itself changes. */
  transition(event: Exclude<Dataspace.Event, { readonly _tag: "Supply" }>): ReadonlyArray<Dataspace.Action> {
    if (event._tag === "Continue") {
      this.#queue = [...this.#queue, ...this.#paused]
      this.#paused = []
      this.#scheduled = false
      return this.#run()
    }
    const external = this.processes.get(event.pid)
    if (event._tag === "Enter" && external === undefined) {
      const living: Living = { pid: event.pid, name: event.name, behaviour: undefined, external: true, state: undefined }
      this.processes.set(event.pid, living)
      this.#turn(living, event.actions)
    } else if (event._tag === "Perform" && external !== undefined) this.#turn(external, event.actions)
    else if (event._tag === "Leave" && external !== undefined) this.#turn(external, [Process.quit(event.reason)])
    return this.#run()
  }
  /** A message to the observations of exactly this pattern. */
  tell(pattern: Pattern.Pattern, body: Value.Value): ReadonlyArray<Dataspace.Action> {
    const observations = this.tuples.filter((tuple) => tuple.pattern !== undefined && Pattern.key(tuple.pattern) === Pattern.key(pattern)).sort((a, b) => a.id - b.id)
    this.#deliver(observations.map(({ handle, id, pid }) => ({ pid, id, event: Process.received(handle, Pattern.captures(pattern, body)!) })))
    return this.#run()
  }
  /** Every standing value, once. */
  facts(): ReadonlyArray<Value.Value> {
    return [...new Map(this.tuples.map(({ key, value }) => [key, value])).values()]
  }

  #run(): ReadonlyArray<Dataspace.Action> {
    while (this.#queue.length > 0) {
      const [{ event, id, pid }, ...rest] = this.#queue as [Pending, ...Array<Pending>]
      this.#queue = rest
      const living = this.processes.get(pid)
      if (living === undefined || !this.#wants(pid, event, id)) continue
      try {
        const [state, actions] = living.behaviour!.transition(living.state, event)
        this.#turn({ ...living, state }, actions)
      } catch (error) {
        this.#crash(living, error)
      }
    }
    if (this.#paused.length > 0 && !this.#scheduled) {
      this.#scheduled = true
      this.#actions.push({ _tag: "Continue" })
    }
    const actions = this.#actions
    this.#actions = []
    return actions
  }
  #wants(pid: Process.Pid, event: Process.Event, id: number | undefined): boolean {
    return id === undefined || this.tuples.some((tuple) => tuple.pid === pid && tuple.handle === event.handle && tuple.id === id)
  }
  #crash(living: Living, error: unknown): void {
    this.#turn(living, [Process.quit(Value.record("crash", (error as Error).message))])
  }

  /** All of a turn, or, when something in it is wrong, the end of its process and nothing else of it. */
  #turn(living: Living, actions: ReadonlyArray<Process.Action>): void {
    const turn: Turn = { before: this.tuples, named: new Map(), messages: [], spawned: [], resumed: [], paused: [], ended: [] }
    if (!this.#attempt(() => this.#perform(turn, living, actions), (error) => this.#crash(this.processes.get(living.pid)!, error))) return
    this.#tell(turn)
  }
  /** Runs something that may throw; then everything is as it was before. */
  #attempt(run: () => void, failed: (error: unknown) => void): boolean {
    const saved = { tuples: this.tuples, processes: new Map(this.processes), pids: this.#pids }
    try {
      run()
      return true
    } catch (error) {
      this.tuples = saved.tuples
      this.processes = saved.processes
      this.#pids = saved.pids
      failed(error)
      return false
    }
  }

  #perform(turn: Turn, living: Living, actions: ReadonlyArray<Process.Action>): void {
    if (living.pid !== 0) this.processes.set(living.pid, living)
    for (const action of actions) {
      switch (action._tag) {
        case "Assert": this.#assert(turn, living.pid, action.handle, action.assertion); break
        case "Retract": this.#retract(turn, living.pid, action.handle, action.reason); break
        case "Send": turn.messages.push(action.body); break
        case "Yield": turn[action.world === true ? "paused" : "resumed"].push({ pid: living.pid, event: { _tag: "Resumed", handle: action.handle, captures: [] }, id: undefined }); break
        case "Spawn": {
          const pid = this.#spawn(turn, action)
          if (action.handle !== undefined) turn.spawned.push({ pid: living.pid, event: { _tag: "Spawned", handle: action.handle, captures: [pid] }, id: undefined })
          break
        }
        case "Quit": return this.#end(turn, living, action.reason ?? true)
        default: throw new Error("no action is called so")
      }
    }
  }
  #assert(turn: Turn, pid: Process.Pid, handle: Process.Handle, value: Value.Value): void {
    const key = Canonical.key(value)
    const old = this.tuples.find((tuple) => tuple.pid === pid && tuple.handle === handle)
    if (old?.key === key) return
    this.#retract(turn, pid, handle, undefined)
    if (!turn.named.has(key)) turn.named.set(key, { value, reason: undefined })
    // what comes back in the same turn never went
    const back = turn.before.find((tuple) => tuple.pid === pid && tuple.handle === handle && tuple.key === key)
    this.tuples = [...this.tuples, back ?? { pid, handle, value, key, pattern: Process.observed(value), id: ++this.#ids }]
  }
  #retract(turn: Turn, pid: Process.Pid, handle: Process.Handle, reason: Value.Value | undefined): void {
    const old = this.tuples.find((tuple) => tuple.pid === pid && tuple.handle === handle)
    if (old === undefined) return
    this.tuples = this.tuples.filter((tuple) => tuple !== old)
    const named = turn.named.get(old.key)
    if (named === undefined) turn.named.set(old.key, { value: old.value, reason })
    else named.reason = reason
  }
  #spawn(turn: Turn, { name, process }: Extract<Process.Action, { readonly _tag: "Spawn" }>): Process.Pid {
    const number = ++this.#pids
    const pid = this.within === undefined ? number : `${this.within}.${number}`
    const child: Turn = { ...turn, named: new Map(), messages: [], spawned: [], resumed: [], paused: [], ended: [] }
    const started = this.#attempt(() => {
      const behaviour = this.behaviours[process.behaviour]
      if (behaviour === undefined) throw new Error("no behaviour is called so")
      const [state, actions] = behaviour.initial(process.config, pid)
      this.#perform(child, { pid, name, behaviour, external: false, state }, actions)
    }, (error) => this.#end(turn, { pid, name, behaviour: undefined, external: false, state: undefined }, Value.record("crash", (error as Error).message)))
    if (!started) return pid
    for (const [key, one] of child.named) if (!turn.named.has(key)) turn.named.set(key, one)
    turn.messages.push(...child.messages)
    turn.spawned.push(...child.spawned)
    turn.resumed.push(...child.resumed)
    turn.paused.push(...child.paused)
    turn.ended.push(...child.ended)
    return pid
  }
  #end(turn: Turn, living: Living, reason: Value.Value): void {
    const handles = this.tuples.filter(({ pid }) => pid === living.pid).map(({ handle }) => handle)
    const numbers = handles.filter((handle) => typeof handle === "number").sort((a, b) => a - b)
    const names = handles.filter((handle) => typeof handle === "string").sort()
    for (const handle of [...numbers, ...names]) this.#retract(turn, living.pid, handle, reason)
    this.processes.delete(living.pid)
    turn.ended.push({ ...living, reason })
    turn.messages.push(Value.record("exited", living.name, living.pid, reason))
  }

  /** The difference that the turn made, in three waves. */
  #tell({ before, ended, messages, named, paused, resumed, spawned }: Turn): void {
    const after = this.tuples
    const told: Array<Pending> = [...spawned]
    const observations = after.filter(isObservation).sort((a, b) => a.id - b.id)
    const old = observations.filter((tuple) => before.includes(tuple))
    const stands = (tuples: ReadonlyArray<Tuple>, key: string) => tuples.some((tuple) => tuple.key === key)
    const came = [...named].filter(([key]) => !stands(before, key) && stands(after, key))
    const went = [...named].filter(([key]) => stands(before, key) && !stands(after, key))

    const seen = new Set<string>()
    for (const [, { value }] of came) {
      for (const { handle, id, pattern, pid } of old) {
        const captures = Pattern.captures(pattern, value)
        const key = keyOf(captures)
        if (captures === undefined || views(before, pattern).has(key!) || seen.has(`${id} ${key}`)) continue
        seen.add(`${id} ${key}`)
        told.push({ pid, id, event: Process.added(handle, captures) })
      }
    }
    for (const { handle, id, pattern, pid } of observations.filter((tuple) => !old.includes(tuple))) {
      const view = [...views(after, pattern)].sort(([a], [b]) => (a < b ? -1 : 1))
      for (const [, captures] of view) told.push({ pid, id, event: Process.added(handle, captures) })
    }
    for (const body of messages) {
      for (const { handle, id, pattern, pid } of observations) {
        const captures = Pattern.captures(pattern, body)
        if (captures !== undefined) told.push({ pid, id, event: Process.received(handle, captures) })
      }
    }
    for (const [i, [, { reason, value }]] of went.entries()) {
      for (const { handle, id, pattern, pid } of old) {
        const captures = Pattern.captures(pattern, value)
        const key = keyOf(captures)
        if (captures === undefined || views(after, pattern).has(key!)) continue
        const same = (one: Value.Value) => keyOf(Pattern.captures(pattern, one)) === key
        if (!went.slice(i + 1).some(([, later]) => same(later.value))) told.push({ pid, id, event: Process.removed(handle, captures, reason) })
      }
    }
    const isInternal = ({ pid }: Pending) => this.processes.get(pid)?.behaviour !== undefined
    this.#deliver([...told, ...resumed, ...paused.filter((one) => !isInternal(one))])
    this.#paused = [...this.#paused, ...paused.filter(isInternal)]
    for (const { external, name, pid, reason } of ended) if (external) this.#actions.push({ _tag: "Exited", pid: pid as string, name, reason })
  }
  #deliver(told: ReadonlyArray<Pending>): void {
    const deliveries = new Map<string, Array<Process.Event>>()
    for (const one of told) {
      const living = this.processes.get(one.pid)
      if (living === undefined) continue
      if (living.behaviour !== undefined) this.#queue = [...this.#queue, one]
      else deliveries.set(one.pid as string, [...deliveries.get(one.pid as string) ?? [], one.event])
    }
    for (const [pid, events] of deliveries) this.#actions.push({ _tag: "Deliver", pid, events })
  }
}

const keyOf = (captures: Process.Captures | undefined): string | undefined => captures && Canonical.key(captures)
const isObservation = (tuple: Tuple): tuple is Tuple & { readonly pattern: Pattern.Pattern } => tuple.pattern !== undefined

// ---- a dataspace within a dataspace -------------------------------------------------------------

/** What the relay holds outside, under its number: a fact for those inside, an observation for them, or a process to be told of. */
type Held =
  | { readonly n: number; readonly _tag: "Fact"; readonly value: Value.Value }
  | { readonly n: number; readonly _tag: "Observation"; readonly pattern: Pattern.Pattern; shown: ReadonlyArray<string> }
  | { readonly n: number; readonly _tag: "Child"; readonly asked: Value.Value }

class Relay {
  readonly inside: Oracle
  held: ReadonlyArray<Held> = []
  #next = 0
  constructor(behaviours: Process.Behaviours, self: Process.Pid) {
    this.inside = new Oracle(behaviours, self)
    const bind = Pattern.bind()
    const some = Pattern.record("rec", Pattern.literal(Value.symbol("inbound")), Pattern.sequence([Pattern.discard]))
    const one = Pattern.record("lit", Pattern.record("inbound", Pattern.discard))
    const interest = (pattern: Pattern.Pattern) => Process.observe("in", Pattern.record("Observe", Pattern.bind(pattern)))
    this.inside.transition({ _tag: "Enter", pid: "relay", name: "outside", actions: [
      Process.observe("out", Pattern.record("outbound", bind)),
      interest(some), interest(one), interest(Pattern.record("bind", some)), interest(Pattern.record("bind", one)),
      Process.observe("spawn", Pattern.record("spawn-outside", bind, bind, bind, bind)),
      Process.observe("quit", Pattern.record("quit-outside", bind))
    ].map((action, i) => ({ ...action, handle: `${i} ${(action as { readonly handle: string }).handle}` })) })
  }

  settle(actions: ReadonlyArray<Dataspace.Action>): ReadonlyArray<Process.Action> {
    const outside: Array<Process.Action> = []
    const changed: Array<Pattern.Pattern> = []
    for (const action of actions) {
      if (action._tag === "Continue") outside.push({ _tag: "Yield", handle: "continue", world: true })
      if (action._tag === "Deliver") for (const event of action.events) this.#cross(event, outside, changed)
    }
    const stale: Array<Process.Action> = []
    for (const pattern of changed) this.#ask(pattern, outside, stale)
    if (stale.length > 0) return [...outside, ...this.settle(this.inside.transition({ _tag: "Perform", pid: "relay", actions: stale }))]
    return this.inside.processes.size === 1 ? [...outside, Process.quit()] : outside
  }
  /** Observes a pattern outside exactly while somebody observes it inside. */
  #ask(pattern: Pattern.Pattern, outside: Array<Process.Action>, stale: Array<Process.Action>): void {
    const isWanted = this.inside.tuples.some((tuple) => tuple.pattern !== undefined && Pattern.key(tuple.pattern) === Pattern.key(pattern))
    const held = this.held.find((one) => one._tag === "Observation" && Pattern.key(one.pattern) === Pattern.key(pattern))
    if (isWanted && held === undefined) {
      const n = this.#hold({ n: ++this.#next, _tag: "Observation", pattern, shown: [] })
      outside.push(Process.observe(n, Pattern.bind(withoutBinds(contentOf(pattern)))))
    } else if (!isWanted && held?._tag === "Observation") {
      this.#drop((one) => one === held)
      outside.push(Process.retract(held.n))
      for (const shown of [...held.shown].sort()) stale.push(Process.retract(shown))
    }
  }
  #hold(held: Held): number {
    this.held = [...this.held, held]
    return held.n
  }
  #cross({ _tag, captures: [value, name, behaviour, config], handle, ...rest }: Process.Event, outside: Array<Process.Action>, changed: Array<Pattern.Pattern>): void {
    const what = String(handle).slice(2)
    if (_tag === "Received") {
      if (what === "out") outside.push(Process.send(value!))
      if (what === "quit") outside.push(Process.quit(value!))
      if (what === "spawn" && typeof name === "string" && typeof behaviour === "string") {
        outside.push(Process.spawn(name, { behaviour, config }, this.#hold({ n: ++this.#next, _tag: "Child", asked: value! })))
      }
    } else if (what === "out") {
      if (_tag === "Added") outside.push(Process.assert(this.#hold({ n: ++this.#next, _tag: "Fact", value: value! }), value!))
      else outside.push(Process.retract(this.#drop((one) => one._tag === "Fact" && Canonical.key(one.value) === Canonical.key(value!)).n, (rest as { readonly reason?: Value.Value }).reason))
    } else if (what === "in") {
      const pattern = Pattern.fromValue(value!)
      if (pattern !== undefined && !changed.some((one) => Pattern.key(one) === Pattern.key(pattern))) changed.push(pattern)
    }
  }
  #drop(which: (one: Held) => boolean): Held {
    const found = this.held.find(which)!
    this.held = this.held.filter((one) => one !== found)
    return found
  }

  hear(event: Process.Event): ReadonlyArray<Process.Action> {
    if (event._tag === "Resumed") return this.settle(this.inside.transition({ _tag: "Continue" }))
    const held = this.held.find(({ n }) => n === event.handle)
    const perform = (action: Process.Action) => this.settle(this.inside.transition({ _tag: "Perform", pid: "relay", actions: [action] }))
    if (held?._tag === "Child") {
      this.#drop((one) => one === held)
      return perform(Process.send(Value.record("spawned-outside", held.asked, event.captures[0]!)))
    }
    if (held?._tag !== "Observation") return []
    const fact = Value.record("inbound", event.captures[0]!)
    const handle = `${held.n} ${Canonical.key(event.captures[0]!)}`
    switch (event._tag) {
      case "Added":
        held.shown = [...held.shown, handle]
        return perform(Process.assert(handle, fact))
      case "Removed":
        held.shown = held.shown.filter((shown) => shown !== handle)
        return perform(Process.retract(handle, event.reason))
      default: return this.settle(this.inside.tell(held.pattern, fact))
    }
  }
}

/** The behaviour of a dataspace whose processes may have `behaviours`, by oracles all the way down. */
export const nested = (behaviours: Process.Behaviours): Process.Behaviour<{ readonly boot?: Dataspace.Config["boot"] }, Relay> => ({
  initial: ({ boot = [] }, self) => {
    const relay = new Relay(behaviours, self)
    return [relay, relay.settle(relay.inside.start(boot))]
  },
  transition: (relay, event) => [relay, relay.hear(event)]
})
/** The state of a `nested` process. It changes in place as well. */
export type Nested = Relay

/** p of `<inbound p>`. */
const contentOf = (pattern: Pattern.Pattern): Pattern.Pattern =>
  pattern._tag === "Bind" ? contentOf(pattern.pattern) : pattern._tag === "Record" ? pattern.fields[0]! : Pattern.literal(((pattern as Pattern.Literal).value as Value.Record).fields[0]!)

const withoutBinds = (pattern: Pattern.Pattern): Pattern.Pattern => {
  switch (pattern._tag) {
    case "Bind": return withoutBinds(pattern.pattern)
    case "Record": return Pattern.recordOf(pattern.label, pattern.fields.map(withoutBinds))
    case "Sequence": return Pattern.sequence(pattern.items.map(withoutBinds))
    case "Dictionary": return Pattern.dictionary(pattern.entries.map(([k, p]) => [k, withoutBinds(p)]))
    default: return pattern
  }
}

/** All that an observation sees in these tuples, by key. */
const views = (tuples: ReadonlyArray<Tuple>, pattern: Pattern.Pattern): ReadonlyMap<string, Process.Captures> => {
  const view = new Map<string, Process.Captures>()
  for (const { value } of tuples) {
    const captures = Pattern.captures(pattern, value)
    if (captures !== undefined) view.set(Canonical.key(captures), captures)
  }
  return view
}
