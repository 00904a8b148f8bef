/**
 * A node's states and events in words for people: keys as the values that they are keys of, patterns
 * as they are typed, facts put together again from captures.
 */
import { Binary, Dataspace, Encoded, Federation, Link, type Node, Pattern, type Process, Text, Trace, Value } from "@colloquy/core"
import type { Moment } from "../Replay.ts"

const bytesShown = 24 // what fits in a line beside other things

/** How values, keys and patterns are written within a state. */
export const show: Trace.Show = (data) => {
  if (typeof data === "string") return keyText(data) ?? Text.print(data)
  if (data instanceof Uint8Array) return data.length > bytesShown ? `${data.length} bytes` : Text.print(data)
  if (data instanceof Value.Encoded) {
    const value = Binary.decode(data)
    return value instanceof Binary.DecodeError ? undefined : text(value)
  }
  if (isPattern(data)) return text(patternText(data))
  if (typeof data === "symbol") return Symbol.keyFor(data) === undefined ? undefined : Text.print(data)
  return compounds.some((compound) => data instanceof compound) ? text(data as Value.Value) : undefined
}
const compounds = [Value.Record, Value.Set, Value.Dictionary, Value.Double, Value.Embedded]

/** A value as text, large bytes left out. */
export const text = (value: Value.Value): string => {
  try {
    return Text.print(brief(value))
  } catch {
    return "what is no value"
  }
}
const brief = (value: Value.Value): Value.Value => {
  if (value instanceof Uint8Array) return value.length > bytesShown ? Value.symbol(`…${value.length}-bytes`) : value
  if (value instanceof Value.Record) return new Value.Record(brief(value.label), value.fields.map(brief))
  if (Array.isArray(value)) return value.map(brief)
  if (value instanceof Value.Set) return new Value.Set(value.items.map(brief))
  if (value instanceof Value.Dictionary) return new Value.Dictionary(value.entries.map(([k, v]) => [brief(k), brief(v)]))
  return value instanceof Value.Embedded ? new Value.Embedded(brief(value.value)) : value
}

/** The values that a map's key was made of: canonical bytes, one after the other, as Latin-1. */
const keyText = (key: string): string | undefined => {
  const lead = key.charCodeAt(0)
  if (!(lead >= 0x80 && lead <= 0xb7)) return undefined
  const bytes = Buffer.from(key, "latin1")
  const values: Array<string> = []
  for (let at = 0; at < bytes.length;) {
    const end = Binary.scan(bytes, at, bytes.length)
    const value = end instanceof Binary.DecodeError ? end : Binary.decode(bytes.subarray(at, end))
    if (value instanceof Binary.DecodeError) return undefined
    values.push(text(value))
    at = end as number
  }
  return values.join(" ")
}

const parts: { readonly [tag: string]: ReadonlyArray<string> } = {
  Discard: [], Bind: ["pattern"], Literal: ["value"], Record: ["label", "fields"], Sequence: ["items"], Dictionary: ["entries"]
}
const isPattern = (data: unknown): data is Pattern.Pattern => {
  if (typeof data !== "object" || data === null || Object.getPrototypeOf(data) !== Object.prototype) return false
  const { _tag, ...rest } = data as { readonly _tag?: unknown }
  const expected = typeof _tag === "string" && Object.hasOwn(parts, _tag) ? parts[_tag]! : undefined
  return expected !== undefined && expected.length === Object.keys(rest).length && expected.every((name) => name in rest)
}

const open = Value.symbol("_")
/** A pattern as people type it. A bind around a pattern that is not typed so is written `<bind p>`. */
const patternText = (pattern: Pattern.Pattern): Value.Value => {
  switch (pattern._tag) {
    case "Discard": return open
    case "Bind": return pattern.pattern._tag === "Discard" ? Value.symbol("$") : Value.record("bind", patternText(pattern.pattern))
    case "Literal": return pattern.value
    case "Record": return new Value.Record(pattern.label, pattern.fields.map(patternText))
    case "Sequence": return pattern.items.map(patternText)
    case "Dictionary": return new Value.Dictionary(pattern.entries.map(([k, p]) => [k, patternText(p)]))
  }
}

/** The fact of which an observer of `pattern` was told `captures`; what the pattern leaves open is the symbol `_`. */
export const factOf = (pattern: Pattern.Pattern, captures: ReadonlyArray<Value.Value>): Value.Value => {
  let next = 0
  const fill = (p: Pattern.Pattern): Value.Value => {
    switch (p._tag) {
      case "Discard": return open
      case "Bind": {
        const value = captures[next] ?? open
        next += 1 + Pattern.arity(p.pattern)
        return value
      }
      case "Literal": return p.value
      case "Record": return new Value.Record(p.label, p.fields.map(fill))
      case "Sequence": return p.items.map(fill)
      case "Dictionary": return new Value.Dictionary(p.entries.map(([k, inner]) => [k, fill(inner)]))
    }
  }
  return fill(pattern)
}

const decoded = (captures: Value.Encoded): ReadonlyArray<Value.Value> => {
  const value = Binary.decode(captures)
  return Array.isArray(value) ? value : []
}

/** One thing that a peer said: in words, and the fact or message that it is about. */
export interface Heard {
  readonly words: string
  readonly fact?: Value.Value
}

/** What the bytes of a `Received` say, as the link's session reads them. */
export const heard = (state: Node.State, event: Node.Event | undefined): ReadonlyArray<Heard> => {
  const session = event?._tag === "Received" ? state.members.Sessions.get(event.link) : undefined
  if (event?._tag !== "Received" || session === undefined) return []
  return newsOf(session, event).flatMap((one): ReadonlyArray<Heard> => {
    if (one._tag !== "Received") return [{ words: Trace.shown(one, { show }) }]
    return one.items.map((item): Heard => {
      const pattern = "captures" in item ? patternAt(state, event.link, item.endpoint) : undefined
      if (!("captures" in item) || pattern === undefined) return { words: Trace.shown(item, { show }) }
      const fact = factOf(pattern, decoded(item.captures))
      return { words: `${item._tag} ${text(fact)}`, ...(item._tag === "Del" ? {} : { fact }) }
    })
  })
}

/** What the session tells its node, by a step that is thrown away. */
const newsOf = (session: Link.State, { at, bytes }: Extract<Node.Event, { readonly _tag: "Received" }>): ReadonlyArray<Link.Action> => {
  try {
    return Link.transition(session, { _tag: "Received", bytes, at })[1].filter(({ _tag }) => !ours.has(_tag))
  } catch {
    return [] // then the step was abandoned as well, which is shown
  }
}
const ours = new Set(["Write", "Close", "SetTimer", "CancelTimer"])

/** What we asked a peer for under this name. */
const patternAt = (state: Node.State, link: string, endpoint: number): Pattern.Pattern | undefined => {
  const name = state.members.Operator.links.get(link)?.scope
  const scope = name === undefined ? undefined : state.members.Scopes.get(name)
  const edge = scope?.Topology.links.get(link)?.edge
  return edge === undefined ? undefined : Federation.patternAt(scope!.Federation, edge, endpoint)
}

/** Every fact that a step may have brought into sight: what came to stand in a dataspace, is supplied by a peer, or was said. */
export function* factsOf({ actions = [], after, before, event }: Moment): Generator<Value.Value> {
  for (const { fact } of heard(before, event)) if (fact !== undefined) yield fact
  if (event?._tag === "Tell" && "actions" in event.event) for (const action of event.event.actions) if (action?._tag === "Send") yield action.body
  for (const action of actions) if (action._tag === "Deliver") yield* delivered(after, action)
  if (before.members.Management !== after.members.Management) yield* Dataspace.standing(after.members.Management).values()
  // copied out: no map may be read in another version while it is gone through
  for (const [name, scope] of [...after.members.Scopes]) {
    const old = before.members.Scopes.get(name)
    if (old === scope) continue
    if (old?.Dataspace.index.kinds !== scope.Dataspace.index.kinds) yield* Dataspace.standing(scope.Dataspace).values()
    for (const [key, { matches, pattern }] of [...scope.Federation.subscriptions]) {
      if (old?.Federation.subscriptions.get(key)?.matches === matches) continue
      for (const captures of [...matches.keys()]) yield factOf(pattern, decoded(Encoded.ofKey(captures)))
    }
  }
}

/** What an external process is told, as the facts that it is told of. */
function* delivered({ members }: Node.State, { events, pid, space }: Extract<Node.Action, { readonly _tag: "Deliver" }>): Generator<Value.Value> {
  const dataspace = space === null ? members.Management : members.Scopes.get(space)?.Dataspace
  const held = dataspace?.processes.get(pid)?.held
  for (const { _tag, captures, handle } of events as ReadonlyArray<Process.Event>) {
    const pattern = held?.get(handle)?.observed?.pattern
    if (pattern !== undefined && (_tag === "Added" || _tag === "Received")) yield factOf(pattern, captures)
  }
}
