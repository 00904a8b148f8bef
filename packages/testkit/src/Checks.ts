/**
 * Random programs against what must be true of them, one seed a call: each throws at what is wrong.
 * The test suite runs thousands of seeds; so does the search for bugs that were planted on purpose.
 */
import { Canonical, Conversation, Dataspace, Machine, Nested, Process, Rng, Role, Text, Topic, Value } from "@colloquy/core"
import * as Oracle from "./Oracle.ts"
import * as Programs from "./Programs.ts"

export class Wrong extends Error {
  readonly _tag = "Wrong"
}

const differ = (what: string, got: ReadonlyArray<string>, wanted: ReadonlyArray<string>): void => {
  const at = got.findIndex((line, i) => line !== wanted[i])
  if (at < 0 && got.length === wanted.length) return
  const from = at < 0 ? Math.min(got.length, wanted.length) : at
  const near = (lines: ReadonlyArray<string>) => lines.slice(Math.max(0, from - 2), from + 3).map((line) => `  ${line}`).join("\n")
  throw new Wrong(`${what}, line ${from}: got\n${near(got)}\nand wanted\n${near(wanted)}`)
}

// ---- the kernel ---------------------------------------------------------------------------------

const lines = (actions: ReadonlyArray<Dataspace.Action>): ReadonlyArray<string> => actions.map((action) => {
  switch (action._tag) {
    case "Deliver": return `deliver ${action.pid}: ${action.events.map(Programs.shown).join("; ")}`
    case "Exited": return `exited ${action.pid} ${Text.print(action.reason).replace(/<crash "[^"]*">/g, "<crash>")}`
    case "Continue": return "continue"
  }
})

/** What stands, inside nested dataspaces as well, as sorted keys. */
const factsOf = (state: Dataspace.State, path = ""): ReadonlyArray<string> => [
  ...[...Dataspace.standing(state).keys()].map((key) => path + key),
  ...[...state.processes.values()].flatMap(({ pid, state: inner }) => isNested(inner) ? factsOf(inner.inner, `${pid} `) : [])
].sort()
const isNested = (state: unknown): state is Nested.State => typeof state === "object" && state !== null && "inner" in state
const factsOfOracle = (oracle: Oracle.Oracle, path = ""): ReadonlyArray<string> => [
  ...oracle.facts().map((value) => path + Canonical.key(value)),
  ...[...oracle.processes.values()].flatMap(({ pid, state }) => isRelay(state) ? factsOfOracle(state.inside, `${pid} `) : [])
].sort()
const isRelay = (state: unknown): state is Oracle.Nested => typeof state === "object" && state !== null && "inside" in state

/**
 * One random program does what its oracle does: the same facts after every turn, inside nested
 * dataspaces as well, and the same events for every process, in the same order. Returns how many lines
 * were compared.
 */
export const kernel = (seed: number): number => {
  const { boot, turns } = Programs.program(seed)
  const got: Array<string> = []
  const machine = Dataspace.of(Programs.behaviours(Nested.nested, (line) => got.push(line)))
  const wanted: Array<string> = []
  const oracle = new Oracle.Oracle(Programs.behaviours(Oracle.nested, (line) => wanted.push(line)))

  let [state, first] = machine.initial({ boot })
  got.push(...lines(first))
  wanted.push(...lines(oracle.start(boot)))
  /** Says whether it is to be continued. */
  const tell = (i: number, turn: Programs.Program["turns"][number]): boolean => {
    for (const list of [got, wanted]) list.push(`-- turn ${i}: ${turn._tag}`)
    const [next, actions] = machine.transition(state, turn)
    state = next
    got.push(...lines(actions), ...factsOf(state))
    wanted.push(...lines(oracle.transition(turn)), ...factsOfOracle(oracle))
    return actions.some(({ _tag }) => _tag === "Continue")
  }
  for (const [i, turn] of turns.entries()) {
    // whoever yielded goes on when the world has had its turn; a program that yields for ever is left
    let again = tell(i, turn)
    for (let n = 0; n < 3 && again; n++) again = tell(i, { _tag: "Continue" })
  }
  differ(`seed ${seed}`, got, wanted)
  return got.length
}

/**
 * A dataspace that may do very little at a time does the same as one that may do much: whoever runs it
 * only says `Continue` more often.
 */
export const fuel = (seed: number): void => {
  const { boot, turns } = Programs.program(seed, { pauses: false })
  const run = (amount: number): ReadonlyArray<string> => {
    const heard: Array<string> = []
    const said: Array<string> = []
    const machine = Dataspace.of(Programs.behaviours(Nested.nested, (line) => heard.push(line)))
    let state: Dataspace.State | undefined
    const take = ([next, actions]: Machine.Step<Dataspace.State, Dataspace.Action>): void => {
      state = next
      said.push(...lines(actions).filter((line) => line !== "continue"))
      if (actions.some(({ _tag }) => _tag === "Continue")) take(machine.transition(state, { _tag: "Continue" }))
    }
    take(machine.initial({ boot, fuel: amount }))
    for (const turn of turns) take(machine.transition(state!, turn))
    return [...heard, ...said, ...factsOf(state!)]
  }
  differ(`seed ${seed}: little fuel`, run(2), run(10_000))
}

// ---- conversations ------------------------------------------------------------------------------

interface Said {
  readonly who: number
  readonly event: Conversation.Event
}
type Order = Conversation.Action | { readonly _tag: "Crash" }
interface Endpoint {
  readonly role: Role.Role
  readonly presence: "each" | "set"
  /** Its process and it, and whether it is at meta level. */
  readonly who: number
  readonly id: Conversation.EndpointId
  readonly meta: boolean
}

/**
 * Random conversations, some of them in a nested dataspace and speaking at meta level: at rest, every
 * endpoint has heard of exactly those counterparts that it sees, presence and absence in pairs, and of
 * every message that falls under its topic, once.
 */
export const conversation = (seed: number): number => {
  const below = Rng.drawing(seed)
  const pick = <A>(list: ReadonlyArray<A>): A => list[below(list.length)]!
  const topic = (): Topic.Topic => pick([
    () => Topic.record("t", pick([0, 1, Topic.wild]), pick([0, 1, Topic.wild])), () => Topic.record("t", Topic.variable("v"), Topic.variable("v")),
    () => [pick([0, Topic.wild]), Topic.record("t", Topic.wild, pick([0, 1]))], () => Topic.record("t", [Topic.wild], pick([Topic.wild, 1])), () => Topic.wild
  ])()

  const said: Array<Said> = []
  const names = [1, 2, 3, 4]
  // 3 and 4 live in a nested dataspace, and speak at meta level too
  const isInside = (who: number): boolean => who > 2
  const programs: { readonly [name: string]: Conversation.Program<number, number> } = {
    talker: {
      boot: (who) => [who, [Conversation.subscriber("order", Topic.record("order", who, Topic.wild), "order"), ...isInside(who) ? [Conversation.atMeta(Conversation.subscriber("order", Topic.record("order", who, Topic.wild), "order"))] : []]],
      handlers: {
        order: (who, event) => {
          if (event._tag !== "Message") return [who, []]
          const orders = pending.splice(0)
          if (orders.some(({ _tag }) => _tag === "Crash")) throw new Error("crash")
          return [who, orders as ReadonlyArray<Conversation.Action>]
        },
        heard: (who, event) => {
          said.push({ who, event })
          return [who, []]
        }
      }
    }
  }
  let pending: Array<Order> = []
  const machine = Dataspace.of(Conversation.behaviours(programs))
  const talker = (who: number) => ({ name: `talker ${who}`, process: { behaviour: "talker", config: who } })
  let [state] = machine.initial({ boot: [talker(1), talker(2), { name: "nested", process: Conversation.nested([talker(3), talker(4)]) }] })
  const tell = (event: Dataspace.Event): void => { ;[state] = Machine.fold(machine, state, [event, { _tag: "Continue" }, { _tag: "Continue" }, { _tag: "Continue" }]) }
  tell({ _tag: "Enter", pid: "x", name: "x", actions: [] })
  const order = (who: number, what: Order, ends: (one: Endpoint) => boolean = () => false): void => {
    pending = [what]
    endpoints = endpoints.filter((one) => !ends(one))
    tell({ _tag: "Perform", pid: "x", actions: [Process.send(Role.message("publisher", Value.record("order", who, 0)))] })
    if (pending.length > 0) throw new Wrong(`seed ${seed}: talker ${who} did not hear its order`)
  }

  // what takes the orders is an endpoint like any other, and others see it
  const taking = (who: number, meta: boolean): Endpoint =>
    ({ role: { orientation: "subscriber", interest: "participant", topic: Topic.record("order", who, Topic.wild) }, presence: "each", who, id: "order", meta })
  const withdrawn: Array<Endpoint> = []
  let endpoints: ReadonlyArray<Endpoint> = names.flatMap((who) => [taking(who, false), ...isInside(who) ? [taking(who, true)] : []])
  const dead = new Set<number>()
  /** The dataspace in which an endpoint stands. */
  const placeOf = ({ meta, who }: Pick<Endpoint, "meta" | "who">): string => isInside(who) && !meta ? "inside" : "outside"
  let next = 1
  const messages: Array<{ readonly place: string; readonly orientation: Role.Orientation; readonly body: Value.Value; readonly to: ReadonlyArray<string> }> = []
  const say = (place: string, orientation: Role.Orientation, body: Value.Value): void => {
    const to = endpoints.filter((one) => one.id !== "order" && placeOf(one) === place && one.role.orientation !== orientation && falls(body, one.role.topic))
    messages.push({ place, orientation, body, to: to.map(nameOf) })
  }
  const meets = (a: Endpoint, b: Endpoint): boolean =>
    placeOf(a) === placeOf(b) && a.role.orientation !== b.role.orientation && Topic.unify(a.role.topic, b.role.topic) !== undefined
  const sees = (a: Endpoint, b: Endpoint): boolean => meets(a, b) && (b.role.interest === "participant" || a.role.interest === "everything")

  for (let i = 10 + below(20); i > 0; i--) {
    const who = pick(names.filter((name) => !dead.has(name)))
    if (who === undefined) break
    const mine = endpoints.filter((one) => one.who === who && one.id !== "order")
    const meta = isInside(who) && below(2) === 0
    const atLevel = (action: Conversation.Ordinary): Conversation.Action => meta ? Conversation.atMeta(action) : action
    switch (below(10)) {
      case 0:
        if (below(3) > 0) break
        order(who, below(2) === 0 ? Conversation.quit("bored") : { _tag: "Crash" }, (one) => one.who === who)
        dead.add(who)
        break
      case 1:
      case 2: {
        const gone = mine.length > 0 ? pick(mine) : undefined
        if (gone === undefined) break
        withdrawn.push(gone)
        order(who, gone.meta ? Conversation.atMeta(Conversation.withdraw(gone.id, "enough")) : Conversation.withdraw(gone.id, "enough"), (one) => one === gone)
        break
      }
      case 3:
      case 4: {
        const body = pick<() => Value.Value>([() => Value.record("t", below(2), below(2)), () => [below(2), Value.record("t", 5, below(2))], () => Value.record("t", [1], 1)])()
        const orientation = pick(["publisher", "subscriber"] as const)
        order(who, atLevel(orientation === "publisher" ? Conversation.send(body) : Conversation.feedback(body)))
        say(placeOf({ meta, who }), orientation, body)
        break
      }
      default: {
        const role: Role.Role = { orientation: pick(["publisher", "subscriber"]), interest: pick(["participant", "participant", "observer", "everything"]), topic: topic() }
        const one: Endpoint = { role, presence: pick(["each", "set"]), who, id: next++, meta }
        order(who, atLevel({ _tag: "Endpoint", id: one.id, role, handler: "heard", presence: one.presence }))
        endpoints = [...endpoints, one]
      }
    }
  }

  const told = endpoints.filter(({ id }) => id !== "order")
  differ(`seed ${seed}: presence`, presence(said, told, `seed ${seed}`), told.flatMap((one) => {
    const seen = endpoints.filter((other) => sees(one, other)).map((other) => `${nameOf(one)} ${Topic.key(Topic.unify(one.role.topic, other.role.topic)!)}`)
    return one.presence === "set" ? [...new Set(seen)] : seen
  }).sort())
  // whoever withdrew an endpoint has heard of the end of all that it had heard of
  differ(`seed ${seed}: withdrawn`, presence(said, withdrawn.filter((one) => !dead.has(one.who)), `seed ${seed}`), [])
  // orders are left out: what a process does on hearing one decides who hears of it besides
  const heard = said.flatMap(({ event, who }) => event._tag === "Message" && !Value.isRecord(event.body, "order", 2) ? [`${who}/${event.endpoint} ${event.orientation} ${Text.print(event.body)}`] : []).sort()
  differ(`seed ${seed}: messages`, heard, messages.flatMap(({ body, orientation, to }) => to.map((name) => `${name} ${orientation} ${Text.print(body)}`)).sort())
  return said.length
}
/** Whether a message falls under a topic, place by place. */
const falls = (body: Value.Value, topic: Topic.Topic, bound = new Map<unknown, string>()): boolean => {
  if (Topic.isVariable(topic)) {
    const known = topic.name === undefined ? undefined : bound.get(topic.name)
    bound.set(topic.name, Canonical.key(body))
    return known === undefined || known === Canonical.key(body)
  }
  if (topic instanceof Value.Record) return body instanceof Value.Record && body.label === topic.label && fall(body.fields, topic.fields, bound)
  if (Array.isArray(topic)) return Array.isArray(body) && fall(body, topic, bound)
  return Canonical.key(body) === Canonical.key(topic as Value.Value)
}
const fall = (bodies: ReadonlyArray<Value.Value>, topics: ReadonlyArray<Topic.Topic>, bound: Map<unknown, string>): boolean =>
  bodies.length === topics.length && bodies.every((body, i) => falls(body, topics[i]!, bound))

const nameOf = ({ id, who }: Pick<Endpoint, "who" | "id">): string => `${who}/${id}`

/** Who is present at the endpoints that stand, as they were told. */
const presence = (said: ReadonlyArray<Said>, endpoints: ReadonlyArray<Endpoint>, where: string): ReadonlyArray<string> => {
  const present = new Map<string, number>()
  for (const { event, who } of said) {
    if (event._tag !== "Presence" && event._tag !== "Absence") continue
    const name = `${who}/${event.endpoint}`
    const key = `${name} ${Topic.key(event.role.topic)}`
    const count = (present.get(key) ?? 0) + (event._tag === "Presence" ? 1 : -1)
    if (count < 0) throw new Wrong(`${where}: ${name} hears of an absence before the presence`)
    present.set(key, count)
    const total = [...present].reduce((sum, [of, n]) => sum + (of.startsWith(`${name} `) ? n : 0), 0)
    if (event.present !== total) throw new Wrong(`${where}: ${name} hears of ${event.present} present, and knows ${total}`)
  }
  const standing = new Set(endpoints.map(nameOf))
  return [...present].flatMap(([key, n]) => standing.has(key.split(" ")[0]!) ? Array.from({ length: n }, () => key) : []).sort()
}
