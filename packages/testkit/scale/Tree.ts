/**
 * What a network must say at least. The edges of its tree are known, and who asserts and observes what, so it
 * is known what each end of an edge must have said to the other: the patterns that somebody on its side
 * observes, and the facts of its side that somebody on the other side observes. A change needs at least one
 * packet for each direction of an edge on which that becomes another, and two for each new edge, to agree on it.
 * For a fact or a message these are the edges that lead from it to those who are interested.
 */
import { isEdge, type Member, type Network, type Wire } from "./Network.ts"

/** How many observe each topic at each node, and which facts are there: their number, and a sum that tells sets apart. */
export interface Ledger {
  readonly topics: number
  readonly observers: Int32Array
  readonly facts: Int32Array
  readonly sums: Uint32Array
}
export const ledgerOf = (nodes: number, topics: number): Ledger =>
  ({ topics, observers: new Int32Array(nodes * topics), facts: new Int32Array(nodes * topics), sums: new Uint32Array(nodes * topics) })

/** A number that stands for a fact in sums. */
export const mark = (n: number): number => {
  let h = Math.imul(n + 1, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 15), 0x85ebca77)
  return (h ^ (h >>> 13)) >>> 0
}

/** The tree of edges, or one for each part of the network, from a root on; what is below each node, itself included. */
export interface Forest {
  readonly order: ReadonlyArray<Member>
  /** By the node's index. */
  readonly above: ReadonlyArray<Wire | undefined>
  readonly rootOf: Int32Array
  readonly below: Ledger
}

export const forestOf = (network: Network, ledger: Ledger): Forest => {
  const order: Array<Member> = []
  const above = Array.from({ length: network.members.size }, (): Wire | undefined => undefined)
  const rootOf = new Int32Array(network.members.size).fill(-1)
  for (const root of network.members.values()) {
    if (root.state === undefined || rootOf[root.index] !== -1) continue
    rootOf[root.index] = root.index
    for (let i = order.push(root) - 1; i < order.length; i++) {
      const member = order[i]!
      for (const wire of member.wires.values()) {
        if (!isEdge(wire) || wire === above[member.index]) continue
        const next = farEnd(wire, member)
        if (rootOf[next.index] !== -1) throw new Error(`the edges form a cycle at ${next.name}`)
        rootOf[next.index] = root.index
        above[next.index] = wire
        order.push(next)
      }
    }
  }
  const { topics } = ledger
  const below: Ledger = { topics, observers: ledger.observers.slice(), facts: ledger.facts.slice(), sums: ledger.sums.slice() }
  for (let i = order.length - 1; i >= 0; i--) {
    const { index } = order[i]!
    const wire = above[index]
    if (wire === undefined) continue
    const up = farEnd(wire, order[i]!).index * topics
    for (let t = 0; t < topics; t++) {
      below.observers[up + t]! += below.observers[index * topics + t]!
      below.facts[up + t]! += below.facts[index * topics + t]!
      below.sums[up + t]! += below.sums[index * topics + t]!
    }
  }
  return { order, above, rootOf, below }
}
const farEnd = ({ ends: [a, b] }: Wire, member: Member): Member => a === member ? b : a

/** By link: what its dialer's side says, and what the other does; 0 is nothing. */
export type Said = ReadonlyMap<string, readonly [number, number]>

export const saidOn = ({ above, below: { facts, observers, sums, topics }, order, rootOf }: Forest): Said => {
  const said = new Map<string, readonly [number, number]>()
  for (const { index } of order) {
    const wire = above[index]
    if (wire === undefined) continue
    const [at, all] = [index * topics, rootOf[index]! * topics]
    let [asksUp, asksDown, tellsUp, tellsDown] = [0, 0, 0, 0]
    for (let t = 0; t < topics; t++) {
      const here = observers[at + t]!
      const there = observers[all + t]! - here
      if (here > 0) asksUp += 2 ** t
      if (there > 0) asksDown += 2 ** t
      if (there > 0) tellsUp = (tellsUp + told(t, facts[at + t]!, sums[at + t]!)) >>> 0
      if (here > 0) tellsDown = (tellsDown + told(t, facts[all + t]! - facts[at + t]!, (sums[all + t]! - sums[at + t]!) >>> 0)) >>> 0
    }
    const up = asksUp * 2 ** 32 + tellsUp
    const down = asksDown * 2 ** 32 + tellsDown
    said.set(wire.id, wire.ends[0].index === index ? [up, down] : [down, up])
  }
  return said
}
/** Topics are told apart, and no facts are nothing. */
const told = (topic: number, facts: number, sum: number): number => facts === 0 ? 0 : mark(sum ^ Math.imul(topic + 1, 0x27d4eb2f))

export interface Least {
  readonly turns: number
  readonly tree: number
}
export const leastBetween = (before: Said, after: Said): Least => {
  let [turns, tree] = [0, 0]
  for (const [wire, [to, fro]] of after) {
    const [oldTo, oldFro] = before.get(wire) ?? [0, 0]
    if (!before.has(wire)) tree += 2
    turns += (to === oldTo ? 0 : 1) + (fro === oldFro ? 0 : 1)
  }
  return { turns, tree }
}

/** The edges that lead from a node to those who observe a topic. */
export const leastOfMessage = ({ above, below: { observers, topics }, order, rootOf }: Forest, from: Member, topic: number): Least => {
  const onWay = new Set<Wire>()
  for (let member = from, wire = above[from.index]; wire !== undefined; wire = above[member.index]) {
    onWay.add(wire)
    member = farEnd(wire, member)
  }
  const root = rootOf[from.index]!
  let turns = 0
  for (const { index } of order) {
    const wire = above[index]
    if (wire === undefined || rootOf[index] !== root) continue
    const here = observers[index * topics + topic]!
    const beyond = onWay.has(wire) ? observers[root * topics + topic]! - here : here
    if (beyond > 0) turns++
  }
  return { turns, tree: 0 }
}
