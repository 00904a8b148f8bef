/**
 * The connections of a simulated world, and what is under way in them.
 *
 * Promises: one direction of a connection keeps its order, whatever chance does, and different ones
 * are independent; who closes is heard after what it wrote; who writes to what is no more is told so,
 * unless the other side fell dark. Nothing takes less than a millisecond.
 */
import type { Data, News } from "./Adapter.ts"
import type { Chance, Delay } from "./Chance.ts"
import type { Clock } from "../Clock.ts"

/** What the wires ask of the world that they lie in. */
export interface Ground {
  readonly clock: Clock<() => void>
  readonly chance: Chance
  readonly tell: (node: string, news: News) => void
  readonly record: (of: string, delay: Delay) => void
  /** Which life the node is in; none when it is down. */
  readonly lifeOf: (node: string) => number | undefined
  readonly isDark: (node: string) => boolean
  readonly isParted: (a: string, b: string) => boolean
}

interface Connection {
  readonly id: string
  /** Who dialled, and who was dialled. */
  readonly ends: readonly [End, End]
  /** What is under way to each end. */
  readonly flows: readonly [Flow, Flow]
}
interface End {
  readonly node: string
  readonly link: string
  life: number | undefined
  state: "dialling" | "awaited" | "open" | "closed"
}
/** One end of a connection. */
export type Named = Pick<End, "node" | "link">
interface Flow {
  readonly items: Array<Item>
  silent: boolean
  count: number
}
type Item = { due: number } & (
  | { readonly _tag: "Knock" }
  | { readonly _tag: "Opened" }
  | { readonly _tag: "Data"; data: Data }
  | { readonly _tag: "End"; readonly reason: string }
)
type Side = 0 | 1

const dialMs = 3_000 // a guess: an impatient dialer's

export class Wires {
  readonly #ground: Ground
  readonly #connections = new Map<string, Connection>()
  readonly #byEnd = new Map<string, readonly [Connection, Side]>()
  readonly #dials = new Map<string, number>()

  constructor(ground: Ground) {
    this.#ground = ground
  }

  /** Without a name for the link, the dialer calls it by the connection's. */
  dial(node: string, to: string, named?: string): void {
    const pair = `${node}>${to}`
    const n = (this.#dials.get(pair) ?? 0) + 1
    this.#dials.set(pair, n)
    const id = `${pair}#${n}`
    const link = named ?? `to ${id}`
    const dialer: End = { node, link, life: this.#ground.lifeOf(node), state: "dialling" }
    const connection: Connection = { id, ends: [dialer, { node: to, link: id, life: undefined, state: "awaited" }], flows: [newFlow(), newFlow()] }
    this.#connections.set(id, connection)
    this.#byEnd.set(endKey(node, link), [connection, 0])
    this.#push(connection, 1, { _tag: "Knock", due: 0 })
    this.#ground.clock.set(this.#ground.clock.now + dialMs, () => {
      if (!this.#lives(dialer) || dialer.state !== "dialling") return
      this.#shut(connection, 0)
      this.#news(dialer, { _tag: "DialFailed", link, reason: "no answer", at: this.#ground.clock.now })
    })
  }
  write(node: string, link: string, data: Data): void {
    const [connection, side] = this.#byEnd.get(endKey(node, link)) ?? []
    if (connection !== undefined && connection.ends[side!].state === "open") this.#push(connection, other(side!), { _tag: "Data", data, due: 0 })
  }
  close(node: string, link: string, reason = "closed by the other end"): void {
    const [connection, side] = this.#byEnd.get(endKey(node, link)) ?? []
    if (connection === undefined) return
    this.#push(connection, other(side!), { _tag: "End", reason, due: 0 })
    this.#shut(connection, side!)
  }

  /** All connections between the two, with what is under way; each end learns of it in its own time. */
  lose(a: string, b: string): void {
    for (const connection of this.#between(a, b)) {
      for (const side of sides) {
        connection.flows[side].items.length = 0
        this.#push(connection, side, { _tag: "End", reason: "connection lost", due: 0 })
      }
    }
  }
  silence(from: string, to: string): void {
    for (const { ends, flows } of this.#between(from, to)) flows[ends[0].node === to ? 0 : 1].silent = true
  }
  /** What a partition held back goes on. */
  resume(): void {
    for (const connection of this.#connections.values()) {
      for (const side of sides) if (connection.flows[side].items.length > 0) this.#expect(connection, side, 1)
    }
  }
  /** A node is gone; unless it fell dark, its system closes for it. */
  abandon(node: string, dark: boolean): void {
    for (const connection of [...this.#connections.values()]) {
      for (const side of sides) {
        const end = connection.ends[side]
        if (end.node !== node || end.state === "closed" || end.state === "awaited") continue
        if (!dark) this.#reset(connection, other(side))
        this.#shut(connection, side)
      }
    }
  }
  /** The two nodes of each connection, as far as they know one. */
  pairs(): ReadonlyArray<readonly [string, string]> {
    return [...this.#connections.values()].map(({ ends: [a, b] }) => [a.node, b.node] as const)
  }
  /** Those that both ends have open, by what each end calls its link. */
  open(): ReadonlyArray<readonly [Named, Named]> {
    const whole = [...this.#connections.values()].filter(({ ends }) => ends.every((end) => end.state === "open" && this.#lives(end)))
    return whole.map(({ ends: [a, b] }) => [{ node: a.node, link: a.link }, { node: b.node, link: b.link }] as const)
  }

  /** The other end, while both have the connection. */
  otherEnd(node: string, link: string): Named | undefined {
    const [connection, side] = this.#byEnd.get(endKey(node, link)) ?? []
    return connection?.ends.every((end) => end.state === "open" && this.#lives(end)) === true ? connection.ends[other(side!)] : undefined
  }

  #push(connection: Connection, to: Side, item: Item): void {
    const { chance, clock, record } = this.#ground
    const flow = connection.flows[to]
    if (flow.silent) return
    const { [to]: { node: target }, [other(to)]: { node: source } } = connection.ends
    const of = `${connection.id} ${source}:${++flow.count}`
    const bytes = item._tag === "Data" && item.data instanceof Uint8Array ? item.data : undefined
    const [delay, unusual] = chance.delay(of, source, target, bytes?.length ?? 0)
    if (unusual) record(of, delay)
    const { cut, merge = false, ms } = delay
    const before = flow.items.at(-1)
    if (merge && bytes !== undefined && before?._tag === "Data" && before.data instanceof Uint8Array) {
      before.data = joined(before.data, bytes)
      return
    }
    item.due = Math.max(before?.due ?? 0, clock.now + Math.max(1, ms))
    flow.items.push(item)
    this.#expect(connection, to, item.due - clock.now)
    if (cut === undefined || bytes === undefined || cut >= bytes.length || item._tag !== "Data") return
    item.data = bytes.subarray(0, cut)
    const due = item.due + Math.max(1, ms)
    flow.items.push({ _tag: "Data", data: bytes.subarray(cut), due })
    this.#expect(connection, to, due - clock.now)
  }
  #reset(connection: Connection, to: Side): void {
    this.#push(connection, to, { _tag: "End", reason: "reset by the other end", due: 0 })
  }
  #expect(connection: Connection, to: Side, afterMs: number): void {
    this.#ground.clock.set(this.#ground.clock.now + afterMs, () => this.#pump(connection, to))
  }
  /** Takes what is due; a partition holds it back, as a stream would that sends again and again. */
  #pump(connection: Connection, to: Side): void {
    const { clock, isParted } = this.#ground
    const { items } = connection.flows[to]
    const [a, b] = connection.ends
    while (items.length > 0 && items[0]!.due <= clock.now && !isParted(a.node, b.node)) this.#arrive(connection, to, items.shift()!)
  }
  #arrive(connection: Connection, to: Side, item: Item): void {
    const end = connection.ends[to]
    if (connection.flows[to].silent) return item._tag === "Knock" ? this.#shut(connection, to) : undefined
    if (item._tag === "Knock") return this.#knock(connection)
    if (end.state === "closed" || !this.#lives(end)) {
      return item._tag === "End" || this.#ground.isDark(end.node) ? undefined : this.#reset(connection, other(to))
    }
    const { link } = end
    const at = this.#ground.clock.now
    switch (item._tag) {
      case "Opened":
        end.state = "open"
        return this.#news(end, { _tag: "Dialled", link, at })
      case "Data": {
        const from = connection.ends[other(to)]
        this.#news(end, { _tag: "Received", link, data: item.data, at })
        const size = item.data instanceof Uint8Array ? item.data.length : 1
        return from.state === "open" ? this.#news(from, { _tag: "Written", link: from.link, size, at }) : undefined
      }
      case "End": {
        const { state } = end
        this.#shut(connection, to)
        return this.#news(end, { _tag: state === "dialling" ? "DialFailed" : "Lost", link, reason: item.reason, at })
      }
    }
  }
  #knock(connection: Connection): void {
    const [dialer, end] = connection.ends
    end.life = this.#ground.lifeOf(end.node)
    if (end.life === undefined) {
      if (!this.#ground.isDark(end.node)) this.#push(connection, 0, { _tag: "End", reason: "refused", due: 0 })
      return this.#shut(connection, 1)
    }
    end.state = "open"
    this.#byEnd.set(endKey(end.node, end.link), [connection, 1])
    this.#push(connection, 0, { _tag: "Opened", due: 0 })
    this.#news(end, { _tag: "Incoming", link: end.link, from: dialer.node, at: this.#ground.clock.now })
  }

  #shut(connection: Connection, side: Side): void {
    const end = connection.ends[side]
    end.state = "closed"
    this.#byEnd.delete(endKey(end.node, end.link))
    if (connection.ends.every(({ state }) => state === "closed")) this.#connections.delete(connection.id)
  }
  #news(end: End, news: News): void {
    if (this.#lives(end)) this.#ground.tell(end.node, news)
  }
  #lives({ life, node }: End): boolean {
    return life !== undefined && this.#ground.lifeOf(node) === life
  }
  #between(a: string, b: string): ReadonlyArray<Connection> {
    return [...this.#connections.values()].filter(({ ends: [x, y] }) => (x.node === a && y.node === b) || (x.node === b && y.node === a))
  }
}

const sides: ReadonlyArray<Side> = [0, 1]
const other = (side: Side): Side => side === 0 ? 1 : 0
const newFlow = (): Flow => ({ items: [], silent: false, count: 0 })
const endKey = (node: string, link: string): string => `${node} ${link}`
const joined = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
