/** `colloquy replay`: goes through a node's recorded run, shows what each step changed, and stops where it is asked to. */
import { type Binary, type Node, Pattern, type Process, type Recording, Text, Trace, Value } from "@colloquy/core"
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import * as Replay from "../Replay.ts"
import { Failure, json, patternOf } from "./client.ts"
import { factsOf, heard, show, text } from "./explain.ts"
import { jsonOf } from "./output.ts"

const look: Trace.Look = {
  show,
  // a dataspace's index follows from what its processes hold and observe, and would be most of the lines
  ignore: (path) => /(Management|\.Dataspace|\.inner)\.index$/.test(path),
  most: 40, // a guess: a screenful a step
  widthMax: 160
}
const stateLook: Trace.Look = { ...look, most: 10_000 } // a guess: a file that an editor opens at once

const int = (name: string, description: string) => Flag.optional(Flag.Int(name).pipe(Flag.withDescription(description)))

export const replay = Command.make("replay", {
  file: Argument.String("file").pipe(Argument.withDescription("what colloquy serve --record wrote")),
  from: int("from", "print from this step on (0 is the node's start)"),
  to: int("to", "stop after this step"),
  at: int("at", "print the whole state after this step instead"),
  until: Flag.optional(Flag.String("until").pipe(Flag.withDescription(
    "stop at the first step in which a fact that matches comes to stand or a message is told ('<present \"lobby\" _>'), "
      + "an event or action is called so (Lost), or a printed line has this text ('\"reset\"', in quotes)"
  ))),
  state: Flag.Boolean("state").pipe(
    Flag.withDescription("print what each step changed (--no-state: only what happened)"),
    Flag.withDefault(true)
  ),
  behaviours: Flag.optional(Flag.String("behaviours").pipe(
    Flag.withDescription("a module whose default export is the behaviours that the node had")
  )),
  json
}, (flags) => Effect.gen(function*() {
  yield* checkSteps(flags)
  const from = Option.getOrElse(flags.from, () => 0)
  const at = Option.getOrUndefined(flags.at)
  const to = at ?? Option.getOrElse(flags.to, () => Number.POSITIVE_INFINITY)
  const until = Option.isSome(flags.until) ? yield* conditionOf(flags.until.value) : undefined
  const behaviours = Option.isSome(flags.behaviours) ? yield* load(flags.behaviours.value) : {}
  const moments = yield* Effect.acquireRelease(
    Effect.sync(() => Replay.moments(flags.file, behaviours)),
    (all) => Effect.sync(() => void all.return(over))
  )
  const step = Effect.try({
    try: () => moments.next(),
    catch: (cause) => new Failure({ message: `cannot read ${flags.file}: ${said(cause)}` })
  })
  for (;;) {
    const next = yield* step
    if (next.done === true) return yield* finish(flags.file, next.value, at ?? from, flags.until)
    const moment = next.value
    if (at !== undefined) {
      if (moment.n === at) return yield* emit(stateLines(moment.after, flags.json))
      continue
    }
    if (moment.n < from) continue
    const shown = describe(moment, flags.state)
    yield* emit(flags.json ? [JSON.stringify(jsonMoment(moment, shown))] : linesOf(moment, shown))
    const found = until?.(moment, linesOf(moment, shown))
    if (found !== undefined) {
      return yield* emit([flags.json ? JSON.stringify({ found: moment.n, what: found }) : `found at step ${moment.n}: ${found}`])
    }
    if (moment.n >= to) return yield* neverFound(flags.until, `up to step ${moment.n}`)
  }
}).pipe(Effect.scoped)).pipe(Command.withDescription("go through a recorded run step by step"))

/** Steps count from 0, and what asks for one alone asks for nothing else. */
const checkSteps = ({ at, from, to, until }: { readonly [name in "at" | "from" | "to"]: Option.Option<number> } & { readonly until: Option.Option<string> }) => {
  const wrong = (message: string) => Effect.fail(new Failure({ message }))
  for (const [name, step] of [["--at", at], ["--from", from], ["--to", to]] as const) {
    if (Option.isSome(step) && step.value < 0) return wrong(`${name} ${step.value}: steps count from 0`)
  }
  if (Option.isSome(from) && Option.isSome(to) && to.value < from.value) return wrong(`--from ${from.value} --to ${to.value}: there is no step between them`)
  const others = Option.isSome(from) || Option.isSome(to) || Option.isSome(until)
  return Option.isSome(at) && others ? wrong("--at prints one step's state: leave out --from, --to and --until") : Effect.void
}
/** What was thrown, which a module may have chosen. */
const said = (cause: unknown): string => cause instanceof Error ? cause.message : `it threw ${String(cause)}`

const over: Replay.End = { _tag: "End", last: 0, cut: false }

/** The run is over, and what was to be found was not. */
const neverFound = (until: Option.Option<string>, where: string): Effect.Effect<void, Failure> =>
  Option.isNone(until) ? Effect.void : Effect.fail(new Failure({ message: `nothing matches ${until.value} ${where}` }))

/** Writes lines, and waits for a reader that is slower than we are. */
const emit = (lines: ReadonlyArray<string>): Effect.Effect<void> => Effect.callback((resume) => {
  if (lines.length === 0 || process.stdout.write(`${lines.join("\n")}\n`)) resume(Effect.void)
  else process.stdout.once("drain", () => resume(Effect.void))
})
const note = (message: string) => Effect.sync(() => void process.stderr.write(`colloquy: ${message}\n`))

const load = (module: string): Effect.Effect<Process.Behaviours, Failure> =>
  Effect.tryPromise({
    try: async () => {
      const { default: behaviours } = await import(pathToFileURL(resolve(module)).href) as { readonly default?: unknown }
      if (typeof behaviours !== "object" || behaviours === null) throw new Error("its default export is not an object of behaviours")
      return behaviours as Process.Behaviours
    },
    catch: (cause) => new Failure({ message: `cannot use ${module}: ${said(cause)}` })
  })

/** How the run ended: in a note when it was gone through, in a failure when it was not. */
const finish = Effect.fnUntraced(function*(file: string, end: Replay.End, wanted: number, until: Option.Option<string>) {
  switch (end._tag) {
    case "RecordingError": return yield* new Failure({ message: `${file}, line ${end.line}: ${end.message}` })
    case "Missing":
      return yield* new Failure({
        message: `the node had behaviours that a recording does not hold (${end.behaviours.join(", ")}): give them with --behaviours MODULE`
      })
    case "Diverged":
      return yield* new Failure({
        message: `step ${end.n} (${end.event?._tag ?? "the start"}) does not do what it did: ${didText(end.recorded)} then, `
          + `${didText(end.replayed)} now. Another version of colloquy recorded it, or this is a bug`
      })
    case "Stopped": yield* note(`the recording was given up after step ${end.last}: ${end.reason}`); break
    case "End": if (end.cut) yield* note(`the last line is cut off; the recording ends with step ${end.last}`)
  }
  if (wanted > end.last) return yield* new Failure({ message: `there is no step ${wanted}: the recording ends with step ${end.last}` })
  return yield* neverFound(until, `in ${end.last} steps`)
})
const didText = (did: Recording.Did): string => did === "failed" ? "it failed" : `${Trace.shown(did.counts)} ${did.hash}`

// ---- conditions ---------------------------------------------------------------------------------

/** Why to stop at a moment, in words. */
type Condition = (moment: Replay.Moment, lines: ReadonlyArray<string>) => string | undefined

const conditionOf = (typed: string): Effect.Effect<Condition, Failure> => {
  const value = Text.read(typed)
  if (typeof value === "string") return Effect.succeed((_, lines) => lines.find((line) => line.includes(value))?.trim())
  return Effect.map(patternOf(typed), ({ pattern }) => (moment) => tagged(value, moment) ?? factFound(pattern, moment))
}
const tagged = (value: Value.Value | Binary.DecodeError, { actions = [], event }: Replay.Moment): string | undefined => {
  const name = typeof value === "symbol" ? Symbol.keyFor(value) : undefined
  if (name === undefined) return undefined
  const inner = event?._tag === "Tell" ? event.event._tag : undefined
  return [event?._tag, inner, ...actions.map(({ _tag }) => _tag)].some((tag) => tag === name) ? name : undefined
}
const factFound = (pattern: Pattern.Pattern, moment: Replay.Moment): string | undefined => {
  for (const fact of factsOf(moment)) if (matches(pattern, fact)) return text(fact)
  return undefined
}
/** What processes say may be any nonsense. */
const matches = (pattern: Pattern.Pattern, fact: Value.Value): boolean => {
  try {
    return Pattern.matches(pattern, fact)
  } catch {
    return false
  }
}

// ---- words --------------------------------------------------------------------------------------

interface Shown {
  readonly heard: ReadonlyArray<string>
  readonly changes: Trace.Differences
}
const describe = ({ after, before, event }: Replay.Moment, state: boolean): Shown => ({
  heard: heard(before, event).map(({ words }) => words),
  changes: state ? Trace.diff(before, after, look) : { found: [], more: 0 }
})

const listed = (lines: ReadonlyArray<string>, what: string): ReadonlyArray<string> =>
  lines.length <= look.most! ? lines : [...lines.slice(0, look.most), `    … and ${lines.length - look.most!} more ${what}`]

const linesOf = ({ actions, event, ms, n }: Replay.Moment, { changes, heard }: Shown): ReadonlyArray<string> => [
  `step ${n}  +${(ms / 1000).toFixed(3)} s  ${event === undefined ? "the node starts" : Trace.shown(withoutTime(event), look)}`,
  ...listed(heard.map((words) => `    said  ${words}`), "things"),
  ...(actions === undefined ? ["    the step failed, and was abandoned"] : listed(actions.map(actionLine), "actions")),
  ...changes.found.map(changeLine),
  ...(changes.more > 0 ? [`    … and ${changes.more} more differences`] : [])
]
const withoutTime = (event: Node.Event): unknown => ({ ...event, at: undefined })
const actionLine = (action: Node.Action): string => `    did   ${Trace.shown(action, look)}`
const changeLine = ({ after, before, path }: Trace.Difference): string =>
  before === undefined ? `    + ${path}: ${after}` : after === undefined ? `    - ${path}: ${before}` : `    ~ ${path}: ${before} -> ${after}`

const stateLines = (state: Node.State, asJson: boolean): ReadonlyArray<string> => {
  const { found, more } = Trace.leaves(state, stateLook)
  const lines = found.map(({ after = "", path }) => asJson ? JSON.stringify({ path, value: after }) : `${path}: ${after}`)
  return more === 0 ? lines : [...lines, asJson ? JSON.stringify({ more }) : `… and ${more} more`]
}

const jsonMoment = ({ actions, event, ms, n }: Replay.Moment, { changes: { found, more }, heard }: Shown): object => ({
  step: n,
  ms,
  event: plainJson(event ?? null),
  heard,
  actions: plainJson(actions ?? null),
  changes: found,
  ...(more > 0 ? { more } : {})
})

/** As `jsonOf`, for data in which values lie among plain objects. */
const plainJson = (data: unknown): unknown => {
  if (Array.isArray(data)) return data.map(plainJson)
  if (Value.kindOf(data) !== undefined) return jsonOf(data as Value.Value)
  return typeof data === "object" && data !== null ? Object.fromEntries(Object.entries(data).map(([k, v]) => [k, plainJson(v)])) : data
}
