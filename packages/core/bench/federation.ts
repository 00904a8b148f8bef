/**
 * What a federated scope costs: messages and facts that pass from one link to those who ask, among few
 * and among many subscriptions. The yardstick is what any relay does at least for an item: look up who
 * wants it, and make an item for them.
 */
import { compare, report } from "../../../.config/bench/Harness.ts"
import { encodedOf } from "../src/value/encoded.ts"
import { Federation, type Item, Pattern } from "../src/index.ts"

const perTurn = 100
const asked = (n: number): Pattern.Pattern => Pattern.record("topic", Pattern.literal(n), Pattern.bind())
const captures = encodedOf(["x".repeat(123)])
const facts = Array.from({ length: perTurn }, (_, n) => encodedOf([`fact ${n}`]))

/** A scope with so many subscriptions, each held by all of the `askers`; `source` supplies. */
const world = (subscriptions: number, askers: number) => {
  let [state] = Federation.initial({})
  const step = (event: Federation.Event): ReadonlyArray<Federation.Action> => {
    const [next, actions] = Federation.transition(state, event)
    state = next
    return actions
  }
  const turn = (link: string, items: ReadonlyArray<Item.Item>) => step({ _tag: "Turn", link, items })
  step({ _tag: "LinkUp", link: "source" })
  const asking = Array.from({ length: subscriptions }, (_, n): Item.Item => ({ _tag: "Assert", endpoint: n + 1, pattern: asked(n) }))
  const opened: Array<number> = []
  for (let asker = 0; asker < askers; asker++) {
    step({ _tag: "LinkUp", link: `asker ${asker}` })
    for (const action of turn(`asker ${asker}`, asking)) {
      if (action._tag !== "Turn" || action.link !== "source") continue // askers are asked as well
      for (const item of action.items) if (item._tag === "Assert") opened.push(item.endpoint)
    }
  }
  if (opened.length !== subscriptions) throw new Error("the source is asked once for each")
  const at = (i: number): number => opened[i * 7919 % subscriptions]!
  const must = (actions: ReadonlyArray<Federation.Action>): void => {
    if (actions.length !== askers || actions.some(({ _tag }) => _tag === "Fault")) throw new Error("not passed on")
  }
  let last = subscriptions
  return {
    messages: (i: number) => must(turn("source", Array.from({ length: perTurn }, (_, n) => ({ _tag: "Msg", endpoint: at(i + n), captures })))),
    facts: (i: number) => {
      const endpoint = at(i)
      must(turn("source", facts.map((fact) => ({ _tag: "Add", endpoint, captures: fact }))))
      must(turn("source", facts.map((fact) => ({ _tag: "Del", endpoint, captures: fact }))))
    },
    /** Asked for by one more link, and no more. */
    subscription: () => {
      last++
      const actions = turn("asker 0", [{ _tag: "Assert", endpoint: last, pattern: asked(last) }])
      const open = actions.flatMap((action) => action._tag === "Turn" ? action.items : []).find((item) => item._tag === "Assert")
      if (open === undefined) throw new Error("the source is asked")
      turn("asker 0", [{ _tag: "Clear", endpoint: last }])
      turn("source", [{ _tag: "End", endpoint: open.endpoint }])
    }
  }
}

const wanted = new Map(Array.from({ length: 50_000 }, (_, n) => [n, { link: "asker 0", endpoint: n + 1 }]))
const relayed = (i: number): void => {
  const out = new Map<string, Array<Item.Item>>()
  for (let n = 0; n < perTurn; n++) {
    const { endpoint, link } = wanted.get((i + n) * 7919 % wanted.size)!
    const items = out.get(link)
    const item: Item.Item = { _tag: "Msg", endpoint, captures }
    if (items === undefined) out.set(link, [item])
    else items.push(item)
  }
  if (out.size !== 1) throw new Error("not passed on")
}
const one = world(1, 1)
const many = world(50_000, 1)
const fan = world(1, 10)
report([
  ...await compare(`a message, ${perTurn} a turn`, [
    { name: "looked up in a Map of 50,000 and put on a list", run: relayed, per: perTurn },
    { name: "of 1 subscription", run: one.messages, per: perTurn },
    { name: "of 1 of 50,000 subscriptions", run: many.messages, per: perTurn },
    { name: "of 1 that 10 links hold, each delivery", run: fan.messages, per: perTurn * 10 }
  ]),
  ...await compare(`a fact that comes and goes, ${perTurn} a turn`, [
    { name: "the same Map and list, twice", run: (i) => { relayed(i); relayed(i) }, per: perTurn },
    { name: "of 1 subscription", run: one.facts, per: perTurn },
    { name: "of 1 of 50,000 subscriptions", run: many.facts, per: perTurn },
    { name: "of 1 that 10 links hold, each delivery", run: fan.facts, per: perTurn * 10 }
  ]),
  ...await compare("a subscription that comes and goes", [
    { name: "a fact of 1 subscription", run: one.facts, per: perTurn },
    { name: "beside 1 other", run: one.subscription },
    { name: "beside 50,000 others", run: many.subscription }
  ])
])
