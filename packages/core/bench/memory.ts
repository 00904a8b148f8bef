/**
 * What standing things take of the heap: facts and observations of a dataspace, and what a federated
 * scope keeps of links, subscriptions and the facts that one link supplies to another. The yardstick is
 * the key alone in a native Map.
 */
import { report, weigh } from "../../../.config/bench/Harness.ts"
import type { Row } from "../../../.config/bench/Result.ts"
import { Canonical, Dataspace, Encoded, Federation, type Item, Link, Packet, Pattern, Process, Value } from "../src/index.ts"

const count = 100_000
const fact = (n: number): Value.Value => Value.record("topic", n, `text of ${n}`)
const asked = (n: number): Pattern.Pattern => Pattern.record("topic", Pattern.literal(n), Pattern.bind())

const dataspace = (actions: (n: number) => ReadonlyArray<Process.Action>) => {
  const machine = Dataspace.of({})
  let [state] = machine.initial({})
  const step = (event: Dataspace.Event): void => { [state] = machine.transition(state, event) }
  step({ _tag: "Enter", pid: "one", name: "one", actions: [] })
  for (let n = 0; n < count; n++) step({ _tag: "Perform", pid: "one", actions: actions(n) })
  return state
}
const federation = (turns: (step: (link: string, item: Item.Item) => ReadonlyArray<Federation.Action>) => void) => {
  let [state] = Federation.initial({ endpointsMax: 2 * count })
  const step = (event: Federation.Event): ReadonlyArray<Federation.Action> => {
    const [next, actions] = Federation.transition(state, event)
    state = next
    if (actions.some(({ _tag }) => _tag === "Fault")) throw new Error("broke a rule")
    return actions
  }
  for (const link of ["asker", "source"]) step({ _tag: "LinkUp", link })
  turns((link, item) => step({ _tag: "Turn", link, items: [item] }))
  return state
}
const session = (n: number): Link.State => {
  const self = { node: "n1", incarnation: 1, leaf: false }
  const peer = { ...self, node: `peer ${n}` }
  let [state] = Link.initial({ link: `link ${n}`, role: "acceptor", self, stream: true })
  for (const packet of [{ _tag: "Hello", peer, takes: Link.defaultLimits }, { _tag: "Join", scope: "s" }] as const) {
    [state] = Link.transition(state, { _tag: "Received", bytes: Packet.encode(packet, true), at: 0 })
  }
  return Link.transition(state, { _tag: "Accept" })[0]
}

const rows: Array<Row> = []
const weighed = (group: string, name: string, make: () => unknown): void => {
  const row = weigh(group, name, count, make)
  const base = rows.find((other) => other.group === group) ?? row
  rows.push({ ...row, ratio: row.median / base.median })
}
weighed("of a dataspace", "a key in a Map", () => new Map(Array.from({ length: count }, (_, n) => [Canonical.key(fact(n)), n])))
weighed("of a dataspace", "an assertion", () => dataspace((n) => [Process.assert(n, fact(n))]))
weighed("of a dataspace", "an observation", () => dataspace((n) => [Process.observe(n, asked(n))]))
weighed("of a dataspace", "an assertion and its observation", () => dataspace((n) => [Process.assert(`f${n}`, fact(n)), Process.observe(n, asked(n))]))
weighed("of a federated scope", "a key in a Map", () => new Map(Array.from({ length: count }, (_, n) => [Canonical.key(fact(n)), n])))
weighed("of a federated scope", "a subscription of one link", () => federation((turn) => {
  for (let n = 1; n <= count; n++) turn("asker", { _tag: "Assert", endpoint: n, pattern: asked(n) })
}))
weighed("of a federated scope", "a fact that one link supplies to another", () => federation((turn) => {
  const [told] = turn("asker", { _tag: "Assert", endpoint: 1, pattern: Pattern.record("topic", Pattern.bind(), Pattern.bind()) })
  const item = told?._tag === "Turn" ? told.items[0] : undefined
  if (item?._tag !== "Assert") throw new Error("the source is asked")
  for (let n = 0; n < count; n++) turn("source", { _tag: "Add", endpoint: item.endpoint, captures: Encoded.encodedOf([n, `text of ${n}`]) })
}))
weighed("of links", "the state of a session", () => Array.from({ length: count }, (_, n) => session(n)))
report(rows)
