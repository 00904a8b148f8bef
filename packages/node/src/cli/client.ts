/**
 * What the commands other than `serve` have in common: a leaf node of their own, joined to the scope
 * that `--at` names. What they need from the node goes over the link protocol, as any peer's.
 */
import { Binary, Pattern, PatternText, Text, type Value } from "@colloquy/core"
import { Deferred, Effect, Layer, Schema, Stream } from "effect"
import { Flag } from "effect/cli"
import * as HostModule from "../Host.ts"
import * as NodeLayers from "../Node.ts"
import * as Space from "../space/Space.ts"
import * as Address from "../transport/Address.ts"

/** Something the person at the terminal can mend: one line, and a non-zero exit status. */
export class Failure extends Schema.TaggedError<Failure>()("Failure", { message: Schema.String }) {}

export const at = Flag.String("at").pipe(
  Flag.withDescription("the node and scope: tcp://HOST:PORT/SCOPE, ws://HOST:PORT/SCOPE or unix:/PATH#SCOPE (scope: main)")
)
export const json = Flag.Boolean("json").pipe(Flag.withDescription("one JSON object a line, for machines"), Flag.withDefault(false))

export interface Joined {
  readonly link: string
  /** What the scope is called here. */
  readonly scope: string
  readonly space: Space.Interface
}

/** Joins the scope and waits until the link is up and everything that the node asks of us has arrived. */
export const join = Effect.fnUntraced(function*(url: string, remoteScope?: string) {
  const located = Address.parse(url)
  if (located instanceof Address.BadAddress) return yield* new Failure({ message: located.message })
  const scope = remoteScope ?? located.scope ?? Address.defaultScope
  // our own name for it: names that start with @ can be joined and not owned
  const name = scope.replace(/^@/, "") || Address.defaultScope
  const host = yield* HostModule.Host
  const management = yield* Space.make(null)
  const connected = yield* Deferred.make<string, Failure>()
  yield* Effect.forkScoped(Stream.runForEach(management.observe(uplinkState("uplink-connected", 4)), ({ captures }) =>
    Deferred.succeed(connected, String(captures[3]))), { startImmediately: true })
  yield* Effect.forkScoped(Stream.runForEach(management.observe(uplinkState("uplink-waiting", 5)), ({ _tag, captures }) =>
    _tag !== "Added" ? Effect.void : Deferred.isDone(connected).pipe(Effect.flatMap((was) => was
      ? Effect.sync(() => process.stderr.write(`colloquy: the link is down (${String(captures[4])}); trying again\n`))
      : Deferred.fail(connected, unreachable(url, String(captures[4])))))), { startImmediately: true })
  yield* NodeLayers.uplink(name, Address.print(located.address, scope)).pipe(Effect.catchTag("BadAddress", (e) => Effect.fail(new Failure({ message: e.message }))))
  const link = yield* Deferred.await(connected)
  yield* host.sync(link)
  const joined: Joined = { link, scope: name, space: yield* Space.make(name) }
  return joined
})

const uplinkState = (label: string, fields: number): Pattern.Pattern => Pattern.record(label, ...Array.from({ length: fields }, () => Pattern.bind()))
const unreachable = (url: string, reason: string): Failure =>
  new Failure({ message: `cannot reach ${url}: ${reason}. Is a node running there? Start one with: colloquy serve` })

/** The node of a command: a leaf, quiet, gone when the command ends. */
export const layer = Layer.suspend(() => NodeLayers.layer({ id: NodeLayers.freshId("client"), leaf: true }))

export const valueOf = (text: string): Effect.Effect<Value.Value, Failure> => {
  const value = Text.read(text)
  return value instanceof Binary.DecodeError ? malformed("value", text, value) : Effect.succeed(value)
}
export const patternOf = (text: string): Effect.Effect<PatternText.PatternText, Failure> => {
  const pattern = PatternText.readPattern(text)
  return pattern instanceof Binary.DecodeError ? malformed("pattern", text, pattern) : Effect.succeed(pattern)
}
const malformed = (what: string, text: string, { message, offset }: Binary.DecodeError): Effect.Effect<never, Failure> =>
  Effect.fail(new Failure({ message: `"${text}" is not a ${what}: ${message}, at character ${offset + 1}. Write Preserves text, such as '<present "lobby" "ann">'` }))

/** Waits for the end of standard input or a signal, whichever is first; on a terminal that means Ctrl-D or Ctrl-C. */
export const untilEnd: Effect.Effect<void> = Effect.callback((resume) => {
  const done = () => resume(Effect.void)
  process.stdin.once("end", done).once("close", done).resume()
  return Effect.sync(() => {
    process.stdin.off("end", done).off("close", done).pause()
  })
})

