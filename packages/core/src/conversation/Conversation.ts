/**
 * Conversations (os2, later Marketplace): processes that meet by the roles they play. An endpoint says
 * "I publish (or subscribe to) what falls under this topic"; endpoints of opposite orientation whose
 * topics intersect see each other come and go, and what one says reaches the other.
 *
 * Promises, beyond those of the kernel: both sides see the same, refined topic; a handler is replaced
 * without a word to anybody; whoever withdraws an endpoint hears of the absence of its counterparts
 * after they have heard of its own; a process that breaks a rule ends with a reason that names it, and
 * nobody else notices but by its absence.
 *
 * Presence comes in two kinds. `each`: every counterpart is news when it comes and when it goes, as in
 * os2, so that absence means that *one* is gone (`present` counts those who stay). `set`: a shared
 * topic is news when the first counterpart that shares it comes and when the last one is gone.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import * as Nested from "../dataspace/Nested.ts"
import * as Process from "../dataspace/Process.ts"
import { fits } from "../dataspace/Turn.ts"
import type { Step } from "../machine/Machine.ts"
import * as Pattern from "../value/Pattern.ts"
import { record, symbol, type Value } from "../value/Value.ts"
import { key as keyOf } from "../value/canonical.ts"
import * as Role from "./Role.ts"
import * as Topic from "./Topic.ts"

/** An endpoint's name: the process chooses it. Those at meta level have names of their own. */
export type EndpointId = string | number

/** What a handler is told. `endpoint` is the name that the process gave to the endpoint concerned. */
export type Event =
  /** A counterpart is here. `role` is the counterpart's, its topic the one that both share. */
  | { readonly _tag: "Presence"; readonly endpoint: EndpointId; readonly role: Role.Role; readonly present: number }
  /** It is gone, and why, when that is known: `true` for a plain end. `present` 0: nobody is here any more. */
  | { readonly _tag: "Absence"; readonly endpoint: EndpointId; readonly role: Role.Role; readonly present: number; readonly reason: Value | undefined }
  /** `orientation` is the sender's: `publisher` for a message, `subscriber` for feedback. */
  | { readonly _tag: "Message"; readonly endpoint: EndpointId; readonly orientation: Role.Orientation; readonly body: Value }
  /** The process that I spawned is here, under this number. */
  | { readonly _tag: "Spawned"; readonly pid: Process.Pid }
  /** My `Yield`. */
  | { readonly _tag: "Resumed" }

/** What can also be said at meta level: to the dataspace around this one. */
export type Ordinary =
  /** A new endpoint; or, for a name that is taken by the same role, its new handler. */
  | { readonly _tag: "Endpoint"; readonly id: EndpointId; readonly role: Role.Role; readonly handler: string; readonly presence: "each" | "set" }
  /** An endpoint ends; its counterparts hear the reason. */
  | { readonly _tag: "Withdraw"; readonly id: EndpointId; readonly reason: Value }
  /** To those on the other side whose topics it falls under; `orientation` is the sender's. */
  | { readonly _tag: "Send"; readonly body: Value; readonly orientation: Role.Orientation }
  /** `answer` is the handler that hears of the child's number, before the child does more than start. */
  | { readonly _tag: "Spawn"; readonly name: string; readonly process: Process.Process; readonly answer?: string }
  /** Ends this process, or the one with this number. At meta level, the dataspace that this process lives in, or a process beside that. */
  | { readonly _tag: "Quit"; readonly pid?: Process.Pid; readonly reason: Value }

/** What `boot` and handlers ask for. They are carried out in order, and none after the process's own `Quit`. */
export type Action =
  | Ordinary
  /** In the dataspace around this one. Endpoints there have names of their own. */
  | { readonly _tag: "AtMeta"; readonly action: Ordinary }
  /** Go on in `handler` when those who wait now have had their turn. */
  | { readonly _tag: "Yield"; readonly handler: string }

/** What `boot` and handlers return: the program's next state, and its actions. */
export type Turn<State> = Step<State, Action>

/** A conversation's process. Endpoints name their handlers, so that its state stays plain data. */
export interface Program<Config = any, State = any> {
  /** Called once, in the turn that spawns the process; `self` is its number. */
  readonly boot: (config: Config, self: Process.Pid) => Turn<State>
  /** By the names that endpoints give. A name that is not here ends the process, with `<no-handler name>`. */
  readonly handlers: { readonly [name: string]: (state: State, event: Event) => Turn<State> }
}

interface Options {
  readonly interest?: Role.Interest
  readonly presence?: "each" | "set"
}
const endpoint = (orientation: Role.Orientation, id: EndpointId, topic: Topic.Topic, handler: string, { interest = "participant", presence = "each" }: Options = {}): Ordinary =>
  ({ _tag: "Endpoint", id, role: { orientation, interest, topic }, handler, presence })
/** `publisher("out", Topic.record("says", "ann", Topic.wild), "onListener")`. */
export const publisher = (id: EndpointId, topic: Topic.Topic, handler: string, options?: Options): Ordinary => endpoint("publisher", id, topic, handler, options)
/** `subscriber("in", Topic.record("says", Topic.wild, Topic.wild), "onWords")`: hears what falls under the topic, and who publishes it. */
export const subscriber = (id: EndpointId, topic: Topic.Topic, handler: string, options?: Options): Ordinary => endpoint("subscriber", id, topic, handler, options)
/** Sees publishers come and go without being one of their subscribers. */
export const observePublishers = (id: EndpointId, topic: Topic.Topic, handler: string, options?: Options): Ordinary =>
  endpoint("subscriber", id, topic, handler, { interest: "observer", ...options })
/** Sees subscribers come and go without being one of their publishers. */
export const observeSubscribers = (id: EndpointId, topic: Topic.Topic, handler: string, options?: Options): Ordinary =>
  endpoint("publisher", id, topic, handler, { interest: "observer", ...options })
/**
 * Ends the endpoint `id`; its counterparts hear of its absence, for this reason. One that is not there stays away.
 *
 * withdraw("out")   // => { _tag: "Withdraw", id: "out", reason: true }
 */
export const withdraw = (id: EndpointId, reason: Value = true): Ordinary => ({ _tag: "Withdraw", id, reason })
/** Says `body` to those who subscribe to it. A body with a variable in it is none: it throws. */
export const send = (body: Value): Ordinary => ({ _tag: "Send", body: said(body), orientation: "publisher" })
/** Says `body` to those who publish it: credit, acknowledgement. */
export const feedback = (body: Value): Ordinary => ({ _tag: "Send", body: said(body), orientation: "subscriber" })
/**
 * Starts a process beside this one. `answer` is the handler that hears its number, as `Spawned`. At meta level the
 * configuration has to be a value, or the spawner ends with `<no-value name>`.
 */
export const spawn = (name: string, process: Process.Process, answer?: string): Ordinary =>
  answer === undefined ? { _tag: "Spawn", name, process } : { _tag: "Spawn", name, process, answer }
/** Ends this process; those who see it go hear the reason: `true` is a plain end. */
export const quit = (reason: Value = true): Ordinary => ({ _tag: "Quit", reason })
/** Ends another process. One that is not there, or takes part in no conversation, stays as it is. */
export const kill = (pid: Process.Pid, reason: Value = true): Ordinary => ({ _tag: "Quit", pid, reason })
/** Comes back to `handler` with `Resumed` when those who wait now have had their turn. */
export const yieldTo = (handler: string): Action => ({ _tag: "Yield", handler })
/** `atMeta(send(body))`: says it in the dataspace around this one. */
export const atMeta = (action: Ordinary): Action => ({ _tag: "AtMeta", action })
/** A nested dataspace, as a process to spawn in one whose behaviours come from `behaviours`. */
export const nested = (boot: NonNullable<Nested.Config["boot"]>): Process.Process => ({ behaviour: "nested", config: { boot } })

/** What was to be said, or asserted of an endpoint, is not fit for it. */
export class Unfit extends Error {
  readonly _tag = "Unfit"
  /** What the process ends with: `<what about>`. */
  readonly reason: Value
  constructor(what: string, about: Value) {
    super(what)
    this.reason = record(what, about)
  }
}
const said = (body: Topic.Topic): Value => {
  if (!Topic.isGround(body)) throw new Unfit("not-ground", Topic.toValue(Topic.canonical(body) ?? "too large to show"))
  return body
}

/** Programs as behaviours of a dataspace, with `nested` for dataspaces of the same programs. Other behaviours may stand among them as they are. */
export const behaviours = (programs: { readonly [name: string]: Program }, others: Process.Behaviours = {}): Process.Behaviours => {
  for (const name of Object.keys({ ...programs, ...others })) if (name === "nested") throw new Error("\"nested\" is the behaviour of nested dataspaces: call the program something else")
  const all: { [name: string]: Process.Behaviour } = { ...others }
  for (const [name, program] of Object.entries(programs)) all[name] = mortal(behaviour(program))
  all["nested"] = mortal(Nested.nested(all))
  return all
}

const mortality = "$quit"
/** A process that others can end, by the message `<quit pid reason>`. */
const mortal = (inner: Process.Behaviour): Process.Behaviour => ({
  initial: (config, self) => {
    const [state, actions] = inner.initial(config, self)
    return [state, [Process.observe(mortality, Pattern.record("quit", Pattern.literal(self), Pattern.bind())), ...actions]]
  },
  transition: (state, event) => event.handle === mortality
    ? event._tag === "Received" ? [state, [Process.quit(event.captures[0]!)]] : [state, []]
    : inner.transition(state, event)
})

// ---- a program's process ------------------------------------------------------------------------

/** The state of a program's process, as the dataspace keeps it; `own` is what its handlers see. */
export interface State {
  readonly self: Process.Pid
  /** The program's own. */
  readonly own: unknown
  /** Numbers endpoints, and what we wait to be told. */
  readonly next: number
  readonly numbers: VersionedMap<string, number>
  readonly endpoints: VersionedMap<number, Endpoint>
  /** Handlers that wait for `Spawned` and `Resumed`, and absences that are due to ourselves. */
  readonly waiting: VersionedMap<number, Waiting>
}
interface Endpoint {
  readonly id: EndpointId
  readonly meta: boolean
  readonly role: Role.Role
  readonly key: string
  readonly exact: boolean
  readonly handler: string
  readonly presence: "each" | "set"
  /** Counterparts that we were told of, by who they are. */
  readonly peers: VersionedMap<string, Role.Role>
  /** How many share each topic, for presence as a set. */
  readonly shared: VersionedMap<string, number>
}
type Waiting =
  /** `by` is the one event that is the answer. */
  | { readonly _tag: "Then"; readonly by: "Resumed" | "Spawned" | "SpawnedOutside"; readonly handler: string }
  | { readonly _tag: "Absent"; readonly endpoint: Endpoint; readonly reason: Value }

/** Kernel handles of endpoint n are 8n to 8n + 7: its fact, its observations of counterparts, of messages, of ground events. */
const slots = { fact: 0, counterpart: 1, messages: 6, ground: 7 } as const
const handleOf = (n: number, slot: number): number => n * 8 + slot
const spawnedOutside = "$spawned"

/** A turn in the making. */
interface Draft {
  readonly program: Program
  readonly actions: Array<Process.Action>
  state: State
  /** Whether it has quit: nothing that it says after that is done. */
  over: boolean
}

/** The behaviour of a program. `any`: programs are looked up by name, and so are their configurations. */
export const behaviour = (program: Program): Process.Behaviour<any, State> => {
  const turn = (before: State, run: (draft: Draft) => void): Process.Turn<State> => {
    const draft: Draft = { program, actions: [], state: before, over: false }
    try {
      run(draft)
    } catch (error) {
      if (error instanceof Unfit) return [before, [Process.quit(error.reason)]]
      throw error
    }
    return [draft.state, draft.actions]
  }
  return {
    initial: (config, self) => turn(
      { self, own: undefined, next: 1, numbers: VersionedMap.empty(), endpoints: VersionedMap.empty(), waiting: VersionedMap.empty() },
      (draft) => take(draft, program.boot(config, self))
    ),
    transition: (state, event) => turn(state, (draft) => onEvent(draft, event))
  }
}

const onEvent = (draft: Draft, event: Process.Event): void => {
  if (event._tag === "Resumed" || event._tag === "Spawned") return onAnswer(draft, event.handle as number, event._tag, event.captures[0])
  if (event.handle === spawnedOutside) return event._tag === "Received" ? onAnswer(draft, event.captures[0] as number, "SpawnedOutside", event.captures[1]) : undefined
  const n = Math.floor(event.handle as number / 8)
  const endpoint = draft.state.endpoints.get(n)
  if (endpoint === undefined) return
  const slot = event.handle as number % 8
  if (slot === slots.messages || slot === slots.ground) return event._tag === "Received" ? onMessage(draft, endpoint, slot, event.captures) : undefined
  // all that is said of a counterpart, and where: strangers may say two things of one
  const who = `${slot} ${keyOf(event.captures)}`
  switch (event._tag) {
    case "Added": return onCounterpart(draft, n, endpoint, who, Role.meet(endpoint.role, event.captures))
    case "Removed": return onCounterpartGone(draft, n, endpoint, who, event.reason)
    case "Received": return // somebody sends what is no fact: it means nothing
  }
}

const onMessage = (draft: Draft, { exact, handler, id, role }: Endpoint, slot: number, captures: Process.Captures): void => {
  const body = slot === slots.messages ? captures[0]! : record("event", ...groundEvent(role, captures))
  if (slot === slots.messages && exact || Topic.accepts(role.topic, body)) {
    handle(draft, handler, { _tag: "Message", endpoint: id, orientation: Role.opposite(role.orientation), body })
  }
}

const onCounterpart = (draft: Draft, n: number, endpoint: Endpoint, who: string, role: Role.Role | undefined): void => {
  if (role === undefined) return
  const peers = endpoint.peers.set(who, role)
  const [isNews, shared] = share(endpoint, role, 1)
  put(draft, n, { ...endpoint, peers, shared })
  if (isNews) handle(draft, endpoint.handler, { _tag: "Presence", endpoint: endpoint.id, role, present: presentOf(endpoint, peers, shared) })
}

const onCounterpartGone = (draft: Draft, n: number, endpoint: Endpoint, who: string, reason: Value | undefined): void => {
  const role = endpoint.peers.get(who)
  if (role === undefined) return
  const peers = endpoint.peers.delete(who)
  const [isNews, shared] = share(endpoint, role, -1)
  put(draft, n, { ...endpoint, peers, shared })
  if (isNews) handle(draft, endpoint.handler, { _tag: "Absence", endpoint: endpoint.id, role, present: presentOf(endpoint, peers, shared), reason })
}

/** Counts those who share a topic, and says whether this one is the first or the last: for presence of each, every one is. */
const share = ({ presence, shared }: Endpoint, { topic }: Role.Role, delta: 1 | -1): readonly [isNews: boolean, shared: Endpoint["shared"]] => {
  if (presence === "each") return [true, shared]
  const topicKey = Topic.key(topic)
  const before = shared.get(topicKey) ?? 0
  const after = before + delta
  return [before === 0 || after === 0, after === 0 ? shared.delete(topicKey) : shared.set(topicKey, after)]
}
const presentOf = ({ presence }: Endpoint, peers: Endpoint["peers"], shared: Endpoint["shared"]): number => presence === "each" ? peers.size : shared.size

/** What we wait for under a number has come. */
const onAnswer = (draft: Draft, n: number, by: "Resumed" | "Spawned" | "SpawnedOutside", pid: Value | undefined): void => {
  const waiting = draft.state.waiting.get(n)
  if (waiting === undefined || by !== (waiting._tag === "Then" ? waiting.by : "Resumed")) return
  draft.state = { ...draft.state, waiting: draft.state.waiting.delete(n) }
  if (waiting._tag === "Absent") return absences(draft, waiting.endpoint, waiting.reason)
  if (by === "Resumed") return handle(draft, waiting.handler, { _tag: "Resumed" })
  if (typeof pid === "number" || typeof pid === "string") handle(draft, waiting.handler, { _tag: "Spawned", pid })
}

/** To whoever withdrew an endpoint, all its counterparts are gone, one after the other. */
const absences = (draft: Draft, endpoint: Endpoint, reason: Value): void => {
  let { peers, shared } = endpoint
  for (const [who, role] of [...peers].sort(([a], [b]) => (a < b ? -1 : 1))) {
    peers = peers.delete(who)
    const [isNews, rest] = share({ ...endpoint, shared }, role, -1)
    shared = rest
    if (isNews) handle(draft, endpoint.handler, { _tag: "Absence", endpoint: endpoint.id, role, present: presentOf(endpoint, peers, shared), reason })
    if (draft.over) return
  }
}

const handle = (draft: Draft, name: string, event: Event): void => {
  const handler = Object.hasOwn(draft.program.handlers, name) ? draft.program.handlers[name] : undefined
  if (handler === undefined) throw new Unfit("no-handler", name)
  take(draft, handler(draft.state.own, event))
}

/** The program's answer: its new state and its actions, in the kernel's words. */
const take = (draft: Draft, [own, actions]: Turn<unknown>): void => {
  draft.state = { ...draft.state, own }
  for (const action of actions) {
    if (draft.over) return
    switch (action._tag) {
      case "AtMeta": perform(draft, action.action, true); break
      case "Yield": wait(draft, { _tag: "Then", by: "Resumed", handler: action.handler }); break
      default: perform(draft, action, false)
    }
  }
}

const perform = (draft: Draft, action: Ordinary, meta: boolean): void => {
  switch (action._tag) {
    case "Endpoint": return open(draft, action, meta)
    case "Withdraw": return close(draft, action.id, meta, action.reason)
    case "Send": return void draft.actions.push(Process.send(out(Role.message(action.orientation, said(action.body)), meta)))
    case "Spawn": return meta ? spawnOutside(draft, action) : spawnHere(draft, action)
    case "Quit": return end(draft, action, meta)
  }
}

const out = (value: Value, meta: boolean): Value => meta ? record("outbound", value) : value
const into = (pattern: Pattern.Pattern, meta: boolean): Pattern.Pattern => meta ? Pattern.record("inbound", pattern) : pattern
const nameOf = (id: EndpointId, meta: boolean): string => `${meta ? "^" : ""}${typeof id === "number" ? "#" : "'"}${id}`

const put = (draft: Draft, n: number, endpoint: Endpoint): void => {
  draft.state = { ...draft.state, endpoints: draft.state.endpoints.set(n, endpoint) }
}

/** Takes a number for something that we shall be told, and asks to be told when others had their turn. */
const wait = (draft: Draft, waiting: Waiting, world = false): void => {
  const n = number(draft)
  draft.state = { ...draft.state, waiting: draft.state.waiting.set(n, waiting) }
  draft.actions.push({ _tag: "Yield", handle: n, world })
}
const number = (draft: Draft): number => {
  const n = draft.state.next
  draft.state = { ...draft.state, next: n + 1 }
  return n
}

const open = (draft: Draft, { handler, id, presence, role }: Extract<Ordinary, { readonly _tag: "Endpoint" }>, meta: boolean): void => {
  const topic = Topic.canonical(role.topic)
  if (topic === undefined) throw new Unfit("topic-too-large", id)
  const mine: Role.Role = { ...role, topic }
  const key = Role.key(mine)
  const name = nameOf(id, meta)
  const known = draft.state.numbers.get(name)
  if (known !== undefined) {
    const old = draft.state.endpoints.get(known)!
    if (old.key !== key || old.presence !== presence) throw new Unfit("role-mismatch", id)
    return put(draft, known, { ...old, handler })
  }
  absentFirst(draft, id, meta)
  if (draft.over) return
  const n = number(draft)
  draft.state = { ...draft.state, numbers: draft.state.numbers.set(name, n) }
  put(draft, n, { id, meta, role: mine, key, exact: Topic.isExact(topic), handler, presence, peers: VersionedMap.empty(), shared: VersionedMap.empty() })
  for (const [handle, fact] of standing(mine, n, meta, draft.state.self)) draft.actions.push(Process.assert(handle, fact))
}

/** One that was withdrawn under this name just now: its handler hears the last of it before it hears of the new one. */
const absentFirst = (draft: Draft, id: EndpointId, meta: boolean): void => {
  for (const [n, waiting] of [...draft.state.waiting]) {
    if (waiting._tag !== "Absent" || waiting.endpoint.id !== id || waiting.endpoint.meta !== meta) continue
    draft.state = { ...draft.state, waiting: draft.state.waiting.delete(n) }
    absences(draft, waiting.endpoint, waiting.reason)
  }
}

/** What stands in the dataspace for an endpoint, by the kernel's handles. */
const standing = (role: Role.Role, n: number, meta: boolean, self: Process.Pid): ReadonlyArray<readonly [handle: number, fact: Value]> => {
  const observed = (slot: number, pattern: Pattern.Pattern) => [handleOf(n, slot), Process.observation(into(pattern, meta))] as const
  const event = groundInterest(role)
  return [
    [handleOf(n, slots.fact), out(Role.fact(role, [self, n]), meta)],
    ...Role.counterparts(role).map((pattern, i) => observed(slots.counterpart + i, pattern)),
    observed(slots.messages, Role.heard(role)),
    ...event === undefined ? [] : [observed(slots.ground, event)]
  ]
}

const close = (draft: Draft, id: EndpointId, meta: boolean, reason: Value): void => {
  const name = nameOf(id, meta)
  const n = draft.state.numbers.get(name)
  if (n === undefined) return
  const endpoint = draft.state.endpoints.get(n)!
  draft.state = { ...draft.state, numbers: draft.state.numbers.delete(name), endpoints: draft.state.endpoints.delete(n) }
  for (let slot: number = slots.fact; slot <= slots.ground; slot++) draft.actions.push(Process.retract(handleOf(n, slot), reason))
  // after the counterparts, who hear of it by what was just retracted
  // (and who is outside has heard when the world has had its turn)
  if (endpoint.peers.size > 0) wait(draft, { _tag: "Absent", endpoint, reason }, meta)
}

const spawnHere = (draft: Draft, { answer, name, process }: Extract<Ordinary, { readonly _tag: "Spawn" }>): void => {
  if (answer === undefined) return void draft.actions.push(Process.spawn(name, process))
  const n = number(draft)
  draft.state = { ...draft.state, waiting: draft.state.waiting.set(n, { _tag: "Then", by: "Spawned", handler: answer }) }
  draft.actions.push(Process.spawn(name, process, n))
}

/** The configuration crosses as a message, so it must be a value: `Topic.toValue` makes one of a topic. */
const spawnOutside = (draft: Draft, { answer, name, process }: Extract<Ordinary, { readonly _tag: "Spawn" }>): void => {
  const n = number(draft)
  const order = record("spawn-outside", [draft.state.self, n], name, process.behaviour, process.config as Value)
  if (!fits(order)) throw new Unfit("no-value", name)
  draft.actions.push(Process.send(order))
  if (answer === undefined) return
  draft.state = { ...draft.state, waiting: draft.state.waiting.set(n, { _tag: "Then", by: "SpawnedOutside", handler: answer }) }
  draft.actions.push(Process.observe(spawnedOutside, Pattern.record("spawned-outside", Pattern.sequence([Pattern.literal(draft.state.self), Pattern.bind()]), Pattern.bind())))
}

const end = (draft: Draft, { pid, reason }: Extract<Ordinary, { readonly _tag: "Quit" }>, meta: boolean): void => {
  if (!meta && (pid === undefined || pid === draft.state.self)) {
    draft.over = true
    return void draft.actions.push(Process.quit(reason))
  }
  if (meta && pid === undefined) return void draft.actions.push(Process.send(record("quit-outside", reason)))
  draft.actions.push(Process.send(out(record("quit", pid!, reason), meta)))
}

// ---- ground events ------------------------------------------------------------------------------

/**
 * What the ground must be asked for, when the topic is `<event source …>`. A participant that names
 * its source waits for it, which keeps the program alive (`Ground`); others hear of it only.
 */
const groundInterest = ({ interest, orientation, topic }: Role.Role): Pattern.Pattern | undefined => {
  const source = sourceOf(topic)
  if (source === undefined || orientation !== "subscriber") return undefined
  return Pattern.record("event", interest === "participant" && Topic.isGround(source) ? Pattern.literal(source) : Pattern.bind(), Pattern.bind())
}
const groundEvent = (role: Role.Role, captures: Process.Captures): ReadonlyArray<Value> =>
  captures.length === 2 ? captures : [sourceOf(role.topic) as Value, captures[0]!]
const sourceOf = (topic: Topic.Topic): Topic.Topic | undefined => {
  const { fields, label } = topic as Topic.OpenRecord
  return label === symbol("event") && fields.length === 2 ? fields[0]! : undefined
}
