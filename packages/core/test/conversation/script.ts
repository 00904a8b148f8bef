/**
 * Conversations as scripts, in the notation of the conformance rows: what each process does at its
 * start, and what it does on lines of its own log. The log of all is one list, in global order.
 */
import { Conversation, Dataspace, Process, Role, Text, Topic, Value } from "../../src/index.ts"

/** A topic from text: `_` is open, `?v` is the variable v. */
export const t = (text: string): Topic.Topic => {
  const read = Text.read(text)
  if ((read as { readonly _tag?: string })._tag === "DecodeError") throw new Error(text)
  return opened(read as Value.Value)
}
const opened = (value: Value.Value): Topic.Topic => {
  const name = typeof value === "symbol" ? Symbol.keyFor(value)! : ""
  if (name === "_") return Topic.wild
  if (name.startsWith("?")) return Topic.variable(name.slice(1))
  if (value instanceof Value.Record) return Topic.recordOf(value.label, value.fields.map(opened))
  return Array.isArray(value) ? value.map(opened) : value
}
export const v = (text: string): Value.Value => t(text) as Value.Value

/** A topic as text: variable n is `_n`. */
export const shown = (topic: Topic.Topic): string => Text.print(closed(topic))
const closed = (topic: Topic.Topic): Value.Value => {
  if (Topic.isVariable(topic)) return Symbol.for(`_${topic.name ?? ""}`)
  if (topic instanceof Value.Record) return new Value.Record(topic.label, topic.fields.map(closed))
  if (topic instanceof Value.Dictionary) return new Value.Dictionary(topic.entries.map(([k, part]) => [k, closed(part)]))
  return Array.isArray(topic) ? topic.map(closed) : topic as Value.Value
}

const of = ({ interest, orientation }: Role.Role): string =>
  (orientation === "publisher" ? "P" : "S") + { participant: "", observer: "o", everything: "e" }[interest]
export const line = (event: Conversation.Event): string => {
  switch (event._tag) {
    case "Presence": return `${event.endpoint} +${of(event.role)} ${shown(event.role.topic)}`
    case "Absence": return `${event.endpoint} -${of(event.role)} ${shown(event.role.topic)} (${event.reason === undefined ? "?" : Text.print(event.reason)})`
    case "Message": return `${event.endpoint} !${event.orientation === "publisher" ? "P" : "S"} ${Text.print(event.body)}`
    case "Spawned": return `spawned ${Text.print(event.pid)}`
    case "Resumed": return "resumed"
  }
}

export interface Script {
  readonly name: string
  readonly start: ReadonlyArray<Conversation.Action>
  /** Each of the first lines that starts so is answered by these actions. */
  readonly on?: { readonly [line: string]: ReadonlyArray<Conversation.Action> }
}
export const script = (name: string, start: ReadonlyArray<Conversation.Action>, on: Script["on"] = {}) =>
  ({ name, process: { behaviour: "script", config: { name, start, on } satisfies Script } })
export type Boot = ReadonlyArray<{ readonly name: string; readonly process: Process.Process }>
export const nest = (name: string, ...boot: Boot) => ({ name, process: Conversation.nested(boot) })

type Short = (id: Conversation.EndpointId, topic: string, options?: Parameters<typeof Conversation.publisher>[3] & { readonly handler?: string }) => Conversation.Ordinary
export const S: Short = (id, topic, { handler = "log", ...options } = {}) => Conversation.subscriber(id, t(topic), handler, options)
export const P: Short = (id, topic, { handler = "log", ...options } = {}) => Conversation.publisher(id, t(topic), handler, options)
export const m = (body: string) => Conversation.send(v(body))
export const f = (body: string) => Conversation.feedback(v(body))
export const up = Conversation.atMeta
export const observer = { interest: "observer" } as const
export const everything = { interest: "everything" } as const

/** A dataspace of scripts that is told what to do from outside. */
export const world = (...boot: Boot) => {
  const log: Array<string> = []
  const handler = (label: string) => (script: Script, event: Conversation.Event): Conversation.Turn<Script> => {
    const text = line(event)
    log.push(`${script.name}.${label}${text}`)
    const found = Object.keys(script.on ?? {}).find((start) => text.startsWith(start))
    if (found === undefined) return [script, []]
    const actions = script.on![found]!
    if (actions === crash) throw new Error("script")
    return [script, actions]
  }
  const programs = {
    script: {
      boot: (config: Script): Conversation.Turn<Script> => [config, config.start],
      handlers: { log: handler(""), old: handler("old:"), new: handler("new:"), k: handler("") }
    }
  }
  const machine = Dataspace.of(Conversation.behaviours(programs))
  let [state] = machine.initial({})
  let rounds = 0
  const take = ([next, actions]: readonly [Dataspace.State, ReadonlyArray<Dataspace.Action>]): void => {
    state = next
    for (const action of actions) {
      if (action._tag === "Deliver") for (const { captures } of action.events) log.push(`exit ${Text.print(captures[0]!)} ${Text.print(captures[1]!)}`)
      if (action._tag === "Continue" && ++rounds < 100) take(machine.transition(state, { _tag: "Continue" }))
    }
  }
  /** What is said from outside: to scripts that have an endpoint `go` on the topic `<go NAME n>`. */
  const go = (name: string, n = 1) => take(machine.transition(state, { _tag: "Perform", pid: "test", actions: [Process.send(Role.message("publisher", Value.record("go", name, n)))] }))
  const add = (...more: Boot) => take(machine.start(state, more))
  const exits = () => take(machine.transition(state, { _tag: "Perform", pid: "test", actions: [Process.observe("exits", { _tag: "Record", label: Symbol.for("exited"), fields: [{ _tag: "Bind", pattern: { _tag: "Discard" } }, { _tag: "Discard" }, { _tag: "Bind", pattern: { _tag: "Discard" } }] })] }))
  take(machine.transition(state, { _tag: "Enter", pid: "test", name: "test", actions: [] }))
  exits()
  add(...boot)
  return { log, go, add, state: () => state, machine, take }
}
/** A process that waits to be told: `steps[n]` is what it does at `go(name, n)`. */
export const stepwise = (name: string, start: ReadonlyArray<Conversation.Action>, steps: { readonly [n: number]: ReadonlyArray<Conversation.Action> }, on: Script["on"] = {}) =>
  script(name, [...start, S("go", `<go "${name}" _>`)], { ...on, ...Object.fromEntries(Object.entries(steps).map(([n, actions]) => [`go !P <go "${name}" ${n}>`, actions])) })
export const crash: ReadonlyArray<Conversation.Action> = []
/** A log without the steps themselves. */
export const heard = (log: ReadonlyArray<string>): ReadonlyArray<string> => log.filter((one) => !one.includes(".go "))
