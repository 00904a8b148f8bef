/**
 * Who asserts and observes what in a network: facts `<fact topic n>` of many topics at any nodes, and observers
 * of a few topics. An observation reaches every node, whoever is interested or not, so that each node keeps
 * something for each *pattern*, and nothing for each observer: of patterns there are few.
 *
 * Promises: knows at any moment what each observer should see, and what it was told.
 */
import { Pattern, Process, Value } from "@colloquy/core"
import type { Member, Network } from "./Network.ts"
import { type Forest, ledgerOf, type Ledger, mark } from "./Tree.ts"

/** Topics of facts; the first of them are observed, and one is kept for an observation that nobody else makes. */
export const topics = 1_000 // so 1 fact in 100 is observed: each of them is kept at every node on its way
export const observed = 10
export const lonely = observed
const tracked = observed + 1

interface Fact {
  readonly n: number
  readonly node: string
  readonly topic: number
}
export interface Message {
  readonly from: string
  readonly topic: number
}
export interface Observer {
  readonly id: number
  readonly node: string
  readonly topic: number
  /** What it sees: how many facts, and a sum that tells sets apart. */
  count: number
  sum: number
  /** What it was told since somebody looked. */
  news: number
  messages: number
}

export class Population {
  readonly ledger: Ledger
  /** Those of them that somebody may observe. */
  readonly #observable: Array<Fact> = []
  readonly observers = new Map<number, Observer>()
  readonly #network: Network
  readonly #factsAt = new Map<string, Map<number, Fact>>()
  readonly #observersAt = new Map<string, Map<number, Observer>>()
  #next = 0

  constructor(network: Network, nodes: number) {
    this.#network = network
    this.ledger = ledgerOf(nodes, tracked)
  }

  /** What a node asserts at once. */
  assertAll(node: string, wanted: ReadonlyArray<number>): void {
    const fresh = wanted.map((topic): Fact => ({ n: this.#next++, node, topic }))
    this.#observable.push(...fresh.filter(isObservable))
    this.#factsAt.set(node, new Map(fresh.map((fact) => [fact.n, fact])))
    for (const fact of fresh) this.#enterFact(fact, 1)
    this.#network.enter(node, "asserter", ...fresh.map(assertion))
  }
  assert(node: string, topic: number): Fact {
    const fact = { n: this.#next++, node, topic }
    this.#factsAt.get(node)!.set(fact.n, fact)
    if (isObservable(fact)) this.#observable.push(fact)
    this.#enterFact(fact, 1)
    this.#network.perform(node, "asserter", assertion(fact))
    return fact
  }
  /** Any of those that may be observed; there must be one. */
  retractAny(below: (n: number) => number): void {
    const [fact] = this.#observable.splice(below(this.#observable.length), 1)
    this.#retract(fact!)
  }
  #retract(fact: Fact): void {
    this.#factsAt.get(fact.node)!.delete(fact.n)
    this.#enterFact(fact, -1)
    this.#network.perform(fact.node, "asserter", Process.retract(fact.n))
  }
  send(node: string, topic: number): void {
    this.#network.perform(node, "asserter", Process.send(Value.record("fact", topic, this.#next++)))
  }
  observe(node: string, topic: number): Observer {
    const observer = { id: this.#next++, node, topic, count: 0, sum: 0, news: 0, messages: 0 }
    const here = this.#observersAt.get(node) ?? new Map<number, Observer>()
    this.#observersAt.set(node, here.set(observer.id, observer))
    this.#enterObserver(observer)
    return observer
  }
  dismiss(observer: Observer): void {
    this.observers.delete(observer.id)
    this.#observersAt.get(observer.node)!.delete(observer.id)
    this.#addObserver(observer, -1)
    this.#network.leave(observer.node, pidOf(observer))
  }
  /** All that was at a node is gone with it. */
  crashed(node: string): void {
    for (const fact of this.#factsAt.get(node)?.values() ?? []) this.#enterFact(fact, -1)
    for (const observer of this.#observersAt.get(node)?.values() ?? []) {
      this.observers.delete(observer.id)
      this.#addObserver(observer, -1)
    }
  }
  /** Its next life asserts and observes the same. */
  revived(node: string): void {
    const facts = [...this.#factsAt.get(node)?.values() ?? []]
    for (const fact of facts) this.#enterFact(fact, 1)
    this.#network.enter(node, "asserter", ...facts.map(assertion))
    for (const observer of this.#observersAt.get(node)?.values() ?? []) {
      Object.assign(observer, { count: 0, sum: 0, news: 0, messages: 0 })
      this.#enterObserver(observer)
    }
  }

  hear(pid: string, events: ReadonlyArray<Process.Event>): void {
    const observer = this.observers.get(Number(pid.slice(1)))
    for (const { _tag, captures } of observer === undefined ? [] : events) {
      observer!.news++
      if (_tag === "Received") {
        observer!.messages++
        continue
      }
      const by = _tag === "Added" ? 1 : -1
      observer!.count += by
      observer!.sum = (observer!.sum + by * mark(captures[0] as number)) >>> 0
    }
  }

  /** Of the observers, how many do not see exactly the facts of their part of the network. */
  wrong({ below: { facts, sums, topics: width }, rootOf }: Forest): number {
    let wrong = 0
    for (const { count, node, sum, topic } of this.observers.values()) {
      const at = rootOf[this.#indexOf(node)]! * width + topic
      if (count !== facts[at] || sum !== sums[at]) wrong++
    }
    return wrong
  }
  /** How often those who were there before and are after were told more than what has changed for them, and the message that was sent. */
  needless(before: Forest, after: Forest, message: Message | undefined, since: ReadonlySet<number>): number {
    const seen = ({ below: { facts, topics: width }, rootOf }: Forest, index: number, topic: number): number => facts[rootOf[index]! * width + topic]!
    const partOf = (node: string): number => after.rootOf[this.#indexOf(node)]!
    let needless = 0
    for (const { id, news, node, topic } of this.observers.values()) {
      if (!since.has(id)) continue
      const index = this.#indexOf(node)
      const difference = Math.abs(seen(before, index, topic) - seen(after, index, topic))
      const sent = message?.topic === topic && partOf(message.from) === partOf(node) ? 1 : 0
      needless += news - difference - sent
    }
    return needless
  }
  forgetNews(): ReadonlySet<number> {
    for (const observer of this.observers.values()) observer.news = observer.messages = 0
    return new Set(this.observers.keys())
  }

  #indexOf(node: string): number {
    return this.#network.members.get(node)!.index
  }
  #enterFact({ n, node, topic }: Fact, by: 1 | -1): void {
    if (topic >= tracked) return
    const at = this.#indexOf(node) * tracked + topic
    this.ledger.facts[at]! += by
    this.ledger.sums[at]! += by * mark(n)
  }
  #addObserver({ node, topic }: Observer, by: 1 | -1): void {
    this.ledger.observers[this.#indexOf(node) * tracked + topic]! += by
  }
  #enterObserver(observer: Observer): void {
    this.observers.set(observer.id, observer)
    this.#addObserver(observer, 1)
    const pattern = Pattern.record("fact", Pattern.literal(observer.topic), Pattern.bind())
    this.#network.enter(observer.node, pidOf(observer), Process.observe("sees", pattern))
  }
}

const pidOf = ({ id }: Observer): string => `o${id}`
const isObservable = ({ topic }: Fact): boolean => topic < observed
const assertion = ({ n, topic }: Fact): Process.Action => Process.assert(n, Value.record("fact", topic, n))
/** Any topic; any that is observed; any that nobody observes, ever. */
export const anyTopic = (below: (n: number) => number): number => below(topics)
export const anyObserved = (below: (n: number) => number): number => below(observed)
export const anyIgnored = (below: (n: number) => number): number => tracked + below(topics - tracked)
export const isUp = ({ state }: Member): boolean => state !== undefined
