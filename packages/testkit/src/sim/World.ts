/**
 * A world of nodes that are one machine each, in one thread: virtual time, links between them, and
 * whatever can go wrong. It steps a machine, carries out the actions in their order, and goes on to
 * what is due next.
 *
 * Promises: equal options and equal calls make an equal run, byte for byte; every choice that chance
 * or a caller made is in `steps`, and a world that is given those as `replay` runs the same without
 * chance. A fault is a step like any other, made by the world's rates or by a call.
 */
import type { Machine } from "@colloquy/core"
import { Clock, type Due } from "../Clock.ts"
import type { Adapter, News, Order } from "./Adapter.ts"
import { Chance, type Faults, type Kind, noFaults } from "./Chance.ts"
import type { Step, What } from "./Step.ts"
import { type Named, Wires } from "./Wires.ts"

export interface Options<M extends Machine.Any> extends Adapter<M> {
  readonly seed?: number
  /** What goes wrong by itself; nothing, unless it is said here. */
  readonly faults?: Partial<Faults>
  /** The steps of an earlier run, to be run again: then neither seed nor rates matter. */
  readonly replay?: ReadonlyArray<Step<Machine.Event<M>>>
  /** Told of every turn, when it has been carried out. It may throw: that is how a run fails on the way. */
  readonly watch?: (turn: Turn<M>) => void
  /** Told of what is for the application. */
  readonly heard?: (delivery: Delivery) => void
}

/** One event and what came of it; the first turn of a life has no event. */
export interface Turn<M extends Machine.Any> {
  readonly at: number
  readonly node: string
  readonly event: Machine.Event<M> | undefined
  readonly actions: ReadonlyArray<Machine.Action<M>>
}
export interface Delivery {
  readonly at: number
  readonly node: string
  readonly what: unknown
}

interface Living<M extends Machine.Any> {
  life: number
  /** `undefined` while it is down. */
  state: { of: Machine.State<M> } | undefined
  dark: boolean
  stopping: boolean
  boot: ReadonlyArray<Machine.Event<M>>
  readonly timers: Map<string, Due<() => void>>
}

const stopMs = 2_000 // as long as a host waits for farewells

export class World<M extends Machine.Any> {
  /** Every choice so far, in the order in which it was made. */
  readonly steps: Array<Step<Machine.Event<M>>> = []
  readonly #options: Options<M>
  readonly #clock = new Clock<() => void>()
  readonly #chance: Chance
  readonly #wires: Wires
  readonly #nodes = new Map<string, Living<M>>()
  #groups: ReadonlyMap<string, number> | undefined
  #turns = 0
  #faulty = true
  #recording = true

  constructor(options: Options<M>) {
    this.#options = options
    this.#chance = new Chance({ ...noFaults, ...options.faults }, options.seed ?? 1, options.replay)
    this.#wires = new Wires({
      clock: this.#clock,
      chance: this.#chance,
      tell: (node, news) => this.#news(node, news),
      record: (of, delay) => this.steps.push({ at: this.now, what: { _tag: "Delay", of, ...delay } }),
      lifeOf: (node) => this.#nodes.get(node)?.state && this.#nodes.get(node)!.life,
      isDark: (node) => this.#nodes.get(node)?.dark === true,
      isParted: (a, b) => this.isParted(a, b)
    })
    if (this.#chance.isReplay) for (const { at, what } of options.replay!) if (what._tag !== "Delay") this.schedule(at, what)
    if (!this.#chance.isReplay) for (const kind of kinds) if (this.#chance.faults[kind] > 0) this.#await(kind)
  }

  get now(): number {
    return this.#clock.now
  }
  /** Events that machines were told so far. */
  get turns(): number {
    return this.#turns
  }
  /** Nodes that are up, in the order in which they first started. */
  up(): ReadonlyArray<string> {
    return [...this.#nodes].filter(([, { state }]) => state !== undefined).map(([node]) => node)
  }
  state(node: string): Machine.State<M> | undefined {
    return this.#nodes.get(node)?.state?.of
  }
  /** The pairs that have a connection which both of them know. */
  connections(): ReadonlyArray<readonly [string, string]> {
    return this.#wires.open().map(([a, b]) => [a.node, b.node])
  }
  /** The same, by what each end calls its link. */
  links(): ReadonlyArray<readonly [Named, Named]> {
    return this.#wires.open()
  }

  /** What the other end of a link calls it, and who that is, while both ends have the connection. */
  otherEnd(node: string, link: string): Named | undefined {
    return this.#wires.otherEnd(node, link)
  }
  /** Whether a partition keeps the two from each other. */
  isParted(a: string, b: string): boolean {
    return this.#groups !== undefined && (this.#groups.get(a) ?? -1) !== (this.#groups.get(b) ?? -1)
  }

  /** Runs for so many virtual ms. */
  run(ms: number): void {
    const until = this.now + ms
    for (let due = this.#clock.next(until); due !== undefined; due = this.#clock.next(until)) due()
  }
  /** From now on nothing goes wrong by itself, what is broken is mended, and who is down starts again. */
  calm(): void {
    this.#faulty = false
    this.#recording = false
    this.take({ _tag: "Heal" })
    for (const node of this.#nodes.keys()) this.take({ _tag: "Start", node })
  }

  start(node: string, ...events: ReadonlyArray<Machine.Event<M>>): void {
    this.take({ _tag: "Start", node, events })
  }
  /** Starts it again, a life later, with what it was told at first in the life before. */
  restart(node: string): void {
    this.take({ _tag: "Start", node })
  }
  crash(node: string, { dark = false }: { readonly dark?: boolean } = {}): void {
    this.take({ _tag: "Crash", node, dark })
  }
  stop(node: string): void {
    this.take({ _tag: "Stop", node })
  }
  tell(node: string, ...events: ReadonlyArray<Machine.Event<M>>): void {
    this.take({ _tag: "Tell", node, events })
  }
  /** Tells it something that is no step: whoever watches the world asks again in a replay. */
  ask(node: string, ...events: ReadonlyArray<Machine.Event<M>>): void {
    for (const event of events) this.#tell(node, event)
  }
  connect(from: string, to: string): void {
    this.take({ _tag: "Connect", from, to })
  }
  lose(a: string, b: string): void {
    this.take({ _tag: "Lose", a, b })
  }
  silence(from: string, to: string): void {
    this.take({ _tag: "Silence", from, to })
  }
  partition(...groups: ReadonlyArray<ReadonlyArray<string>>): void {
    this.take({ _tag: "Partition", groups })
  }
  heal(): void {
    this.take({ _tag: "Heal" })
  }

  /** Takes a step at its time, after all else that is due then. */
  schedule(at: number, what: What<Machine.Event<M>>): void {
    this.#clock.set(at, () => this.take(what), { last: true })
  }
  /** Takes a step now. What it speaks of may be gone: then nothing happens, so that steps before it can be left out. */
  take(asked: What<Machine.Event<M>>): void {
    const what = asked._tag === "Start" && this.#recording && !this.#chance.isReplay ? { ...asked, seed: this.#chance.below(2 ** 32) } : asked
    if (this.#recording) this.steps.push({ at: this.now, what })
    switch (what._tag) {
      case "Start": return this.#start(what)
      case "Crash": return this.#end(what.node, what.dark)
      case "Stop": return this.#stop(what.node)
      case "Tell":
        for (const event of what.events) this.#tell(what.node, event)
        return
      case "Connect": return this.#nodes.get(what.from)?.state === undefined ? undefined : this.#wires.dial(what.from, what.to)
      case "Lose": return this.#wires.lose(what.a, what.b)
      case "Silence": return this.#wires.silence(what.from, what.to)
      case "Partition":
        this.#groups = new Map(what.groups.flatMap((group, i) => group.map((node) => [node, i] as const)))
        return this.#wires.resume()
      case "Heal":
        this.#groups = undefined
        return this.#wires.resume()
      case "Delay": // only a replay has them, and knows them already
    }
  }

  // ---- lives ------------------------------------------------------------------------------------

  #start({ events, node, seed }: Extract<What<Machine.Event<M>>, { readonly _tag: "Start" }>): void {
    const before = this.#nodes.get(node)
    if (before === undefined && events === undefined) return // its first start was left out
    if (before?.stopping === true) this.#end(node, false)
    if (before?.state !== undefined) return
    const life = (before?.life ?? 0) + 1
    const boot = events ?? before!.boot
    const [state, actions] = this.#options.machine.initial(this.#options.config({ node, incarnation: life, seed: seed ?? seedOf(node, life) }))
    this.#nodes.set(node, { life, state: { of: state }, dark: false, stopping: false, boot, timers: new Map() })
    this.#perform(node, undefined, actions)
    for (const event of boot) this.#tell(node, event)
  }
  #end(node: string, dark: boolean): void {
    const living = this.#nodes.get(node)
    if (living?.state === undefined) return
    for (const due of living.timers.values()) this.#clock.cancel(due)
    living.timers.clear()
    living.state = undefined
    living.stopping = false
    living.dark = dark
    this.#wires.abandon(node, dark)
  }
  #stop(node: string): void {
    const living = this.#nodes.get(node)
    if (living?.state === undefined || living.stopping) return
    const { life } = living
    living.stopping = true
    const event = this.#options.event({ _tag: "Stop", at: this.now })
    if (event === undefined) return this.#end(node, false)
    this.#after(stopMs, node, life, () => this.#end(node, false))
    this.#tell(node, event)
  }

  // ---- turns ------------------------------------------------------------------------------------

  #news(node: string, news: News): void {
    const event = this.#options.event(news)
    if (event !== undefined) this.#tell(node, event)
  }
  #tell(node: string, event: Machine.Event<M>): void {
    const living = this.#nodes.get(node)
    if (living?.state === undefined) return
    this.#turns++
    const [state, actions] = this.#options.machine.transition(living.state.of, event)
    living.state = { of: state }
    this.#perform(node, event, actions)
  }
  #perform(node: string, event: Machine.Event<M> | undefined, actions: ReadonlyArray<Machine.Action<M>>): void {
    for (const action of actions) {
      const order = this.#options.order(action)
      if (order !== undefined) this.#obey(node, order)
    }
    this.#options.watch?.({ at: this.now, node, event, actions })
  }
  #obey(node: string, order: Order<Machine.Event<M>>): void {
    const living = this.#nodes.get(node)!
    switch (order._tag) {
      case "Dial": return this.#wires.dial(node, order.to, order.link)
      case "Write": return this.#wires.write(node, order.link, order.data)
      case "Close": return this.#wires.close(node, order.link)
      case "SetTimer": return this.#setTimer(node, living, order.timer, order.afterMs)
      case "CancelTimer": return this.#cancelTimer(living, order.timer)
      case "Deliver": return this.#options.heard?.({ at: this.now, node, what: order.what })
      case "Again": return this.#after(1, node, living.life, () => this.#tell(node, order.event))
      // the rest of this turn's actions still count: what it wrote last is its farewell
      case "Halt": return this.#after(1, node, living.life, () => this.#end(node, false))
    }
  }
  #setTimer(node: string, living: Living<M>, timer: string, afterMs: number): void {
    this.#cancelTimer(living, timer)
    living.timers.set(timer, this.#clock.set(this.now + Math.max(1, Math.ceil(afterMs)), () => {
      living.timers.delete(timer)
      this.#news(node, { _tag: "TimerFired", timer, at: this.now })
    }))
  }
  #cancelTimer({ timers }: Living<M>, timer: string): void {
    const due = timers.get(timer)
    if (due === undefined) return
    timers.delete(timer)
    this.#clock.cancel(due)
  }
  /** Later, if the node is in the same life still. */
  #after(ms: number, node: string, life: number, then: () => void): void {
    this.#clock.set(this.now + ms, () => {
      const living = this.#nodes.get(node)
      if (living?.state !== undefined && living.life === life) then()
    })
  }

  // ---- what goes wrong by itself ----------------------------------------------------------------

  #await(kind: Kind): void {
    this.#clock.set(this.now + this.#chance.gapMs(kind), () => {
      if (!this.#faulty) return
      this.#go(kind)
      this.#await(kind)
    }, { last: true })
  }
  #go(kind: Kind): void {
    const up = this.up()
    const pairs = this.#wires.pairs()
    switch (kind) {
      case "losses": return pairs.length === 0 ? undefined : this.lose(...this.#chance.pick(pairs))
      case "silences": {
        if (pairs.length === 0) return
        const [a, b] = this.#chance.pick(pairs)
        return this.#chance.below(2) === 0 ? this.silence(a, b) : this.silence(b, a)
      }
      case "partitions": {
        const far = up.filter(() => this.#chance.below(2) === 0)
        if (far.length === 0 || far.length === up.length) return
        this.partition(far, up.filter((node) => !far.includes(node)))
        return this.#mend({ _tag: "Heal" })
      }
      case "crashes":
      case "stops": {
        if (up.length === 0) return
        const node = this.#chance.pick(up)
        if (kind === "stops") this.stop(node)
        else this.crash(node, { dark: this.#chance.below(2) === 0 })
        return this.#mend({ _tag: "Start", node })
      }
    }
  }
  #mend(what: What<Machine.Event<M>>): void {
    this.#clock.set(this.now + this.#chance.within(this.#chance.faults.outageMs), () => this.#faulty ? this.take(what) : undefined, { last: true })
  }
}

const kinds: ReadonlyArray<Kind> = ["losses", "silences", "partitions", "crashes", "stops"]

/** A seed for a life that was given none: FNV-1a over what it is called. */
const seedOf = (node: string, life: number): number => {
  let hash = 0x811c9dc5
  for (const character of `${node} ${life}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return hash >>> 0
}
