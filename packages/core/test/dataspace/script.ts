/** Behaviours for tests: a script says what a process does at its start and on each event; what it hears is sent out as `<log who what>`. */
import { Nested, Pattern, Process, Text, Value } from "../../src/index.ts"
import type { Machine } from "../../src/index.ts"

export type Reaction = { readonly on: string; readonly do: ReadonlyArray<Process.Action> }
export interface Script {
  readonly name: string
  readonly start: ReadonlyArray<Process.Action>
  readonly reactions?: ReadonlyArray<Reaction>
  /** How the log leaves: nested processes wrap it once a level. */
  readonly level?: number
  readonly silent?: boolean
}

const wrap = (level: number, value: Value.Value): Value.Value => level === 0 ? value : wrap(level - 1, Value.record("outbound", value))
export const shown = (event: Process.Event): string =>
  `${{ Added: "+", Removed: "-", Received: "!", Resumed: "~", Spawned: "*" }[event._tag]}${event.handle} ${Text.print(event.captures)}`

export const scripted: Process.Behaviour<Script, Script> = {
  initial: (script): Machine.Step<Script, Process.Action> => [script, script.start],
  transition: (script, event) => {
    const what = shown(event)
    const { do: actions = [] } = script.reactions?.find(({ on }) => what.startsWith(on)) ?? {}
    if (actions.some((action) => (action as { _tag: string })._tag === "Throw")) throw new Error("script")
    const log = script.silent === true ? [] : [Process.send(wrap(script.level ?? 0, Value.record("log", script.name, what)))]
    return [script, [...log, ...actions]]
  }
}

export const behaviours: { [name: string]: Process.Behaviour } = { scripted }
behaviours["nested"] = Nested.nested(behaviours)
/** A nested dataspace that its surroundings can kill. */
behaviours["mortal"] = {
  initial: (config, self) => {
    const [state, actions] = behaviours["nested"]!.initial(config, self)
    return [state, [...actions, Process.observe("kill", Pattern.literal(Value.record("kill")))]]
  },
  transition: (state, event) => event.handle === "kill" ? [state, [Process.quit("kv")]] : behaviours["nested"]!.transition(state, event)
}

export const script = (name: string, start: ReadonlyArray<Process.Action>, rest: Omit<Script, "name" | "start"> = {}) =>
  ({ name, process: { behaviour: "scripted", config: { name, start, ...rest } satisfies Script } })
export const nest = (name: string, boot: ReadonlyArray<{ readonly name: string; readonly process: Process.Process }>) =>
  ({ name, process: { behaviour: "nested", config: { boot } } })

/** A pattern and a value from text. */
export const p = (text: string): Pattern.Pattern => {
  const read = Text.read(text)
  if ((read as { _tag?: string })._tag === "DecodeError") throw new Error(text)
  return toPattern(read as Value.Value)
}
export const v = (text: string): Value.Value => Text.read(text) as Value.Value
const toPattern = (value: Value.Value): Pattern.Pattern => {
  if (value === Symbol.for("_")) return Pattern.discard
  if (typeof value === "symbol" && Symbol.keyFor(value)!.startsWith("$")) return Pattern.bind()
  if (value instanceof Value.Record) return Pattern.recordOf(value.label, value.fields.map(toPattern))
  if (Array.isArray(value)) return Pattern.sequence(value.map(toPattern))
  return Pattern.literal(value)
}
export const throws = { _tag: "Throw" } as unknown as Process.Action
