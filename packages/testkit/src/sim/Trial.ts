/**
 * A simulation with a verdict: a programme drawn from a seed, a world with faults, and an oracle that
 * watches and, after calm, says whether all is as it should be.
 *
 * Promises: a failure is an error whose message has a line to paste and a trace that was shrunk: what
 * is left of it fails in the same way, and can be replayed without chance.
 */
import type { Machine } from "@colloquy/core"
import { shrink, shrinkByKind, type Shrunk } from "../Shrink.ts"
import { print, type Step } from "./Step.ts"
import { type Options, type Turn, World } from "./World.ts"

export interface Trial<M extends Machine.Any> {
  readonly world: Omit<Options<M>, "seed" | "replay" | "watch">
  /** What happens besides faults: any steps, each at its time. */
  readonly programme: (seed: number) => ReadonlyArray<Step<Machine.Event<M>>>
  readonly lastsMs: number
  /** When, on the way, the world should be at rest, so that the oracle may look. */
  readonly looksAt?: ReadonlyArray<number>
  /** A new one for each run. */
  readonly oracle: () => Oracle<M>
  /** An event in a line, for the trace. */
  readonly describe?: (event: Machine.Event<M>) => string
  /** Steps that are not to blame, and stay in a shorter trace: without them it would mean something else. */
  readonly keeps?: (step: Step<Machine.Event<M>>) => boolean
  /** What to paste to have the same run again. */
  readonly command?: (seed: number) => string
  /** How often a shorter trace is tried when one fails. */
  readonly triesMax?: number
}

export interface Oracle<M extends Machine.Any> {
  readonly watch?: (turn: Turn<M>, world: World<M>) => void
  /** The world should be at rest for the moment. */
  readonly look?: (world: World<M>) => void
  /** The programme is over and the world calm: lets it run on until it should have settled, and looks. */
  readonly rest?: (world: World<M>) => void
}

/** Something was not as it should be: `law` tells failures apart when a trace is shrunk. */
export class Violation extends Error {
  readonly _tag = "Violation"
  readonly law: string
  constructor(law: string, message: string) {
    super(message)
    this.law = law
  }
}

export interface Report {
  readonly seed: number
  readonly steps: number
  readonly turns: number
  readonly virtualMs: number
}

export class Failure<Event = unknown> extends Error {
  readonly _tag = "Failure"
  readonly seed: number
  readonly law: string
  /** All that was chosen in the run, and what is left of it. */
  readonly steps: ReadonlyArray<Step<Event>>
  readonly shrunk: ReadonlyArray<Step<Event>>
  /** The line to paste. */
  readonly command: string
  constructor(message: string, fields: Pick<Failure<Event>, "seed" | "law" | "steps" | "shrunk" | "command">, cause: unknown) {
    super(message, { cause })
    this.seed = fields.seed
    this.law = fields.law
    this.steps = fields.steps
    this.shrunk = fields.shrunk
    this.command = fields.command
  }
}

const defaultTriesMax = 600 // a guess: some seconds

/** Runs the trial of this seed, or throws a `Failure`. */
export const run = <M extends Machine.Any>(trial: Trial<M>, seed: number): Report => {
  const played = play(trial, { seed })
  if (played.error === undefined) return { seed, steps: played.world.steps.length, turns: played.world.turns, virtualMs: played.world.now }
  const { error, world: { steps } } = played
  const law = lawOf(error)
  const fails = (list: ReadonlyArray<Step<Machine.Event<M>>>): boolean => {
    const { error: again } = play(trial, { replay: list })
    return again !== undefined && lawOf(again) === law
  }
  const { keeps = () => false, triesMax = defaultTriesMax } = trial
  const kept = new Set(steps.filter(keeps))
  const withKept = (list: ReadonlyArray<Step<Machine.Event<M>>>) => {
    const some = new Set(list)
    return steps.filter((step) => kept.has(step) || some.has(step))
  }
  const { list: few, tries: first } = shrinkByKind(steps.filter((step) => !kept.has(step)), ({ what }) => what._tag, (list) => fails(withKept(list)), triesMax)
  const { list: shrunk, tries: second } = shrinkEvents(withKept(few), kept, fails, triesMax - first)
  const command = (trial.command ?? ((n) => `npm run sim -- --seed ${n}`))(seed)
  const { error: last = error } = play(trial, { replay: shrunk })
  const describe = trial.describe ?? ((event) => JSON.stringify(event))
  const message = [
    `${last.message}`,
    `to see it again: ${command}`,
    `${shrunk.length} of ${steps.length} steps, after ${first + second} tries to leave some out:`,
    ...shrunk.map((step) => print(step, describe))
  ].join("\n")
  throw new Failure(message, { seed, law, steps, shrunk, command }, error)
}

/** Leaves out what is told within the steps that are left. */
const shrinkEvents = <E>(steps: ReadonlyArray<Step<E>>, kept: ReadonlySet<Step<E>>, fails: (steps: ReadonlyArray<Step<E>>) => boolean, most: number): Shrunk<Step<E>> => {
  let tries = 0
  for (const [i, step] of steps.entries()) {
    const { at, what } = step
    if (kept.has(step) || (what._tag !== "Start" && what._tag !== "Tell") || what.events === undefined) continue
    const inPlace = (events: ReadonlyArray<E>) => steps.with(i, { at, what: { ...what, events } })
    const shrunk = shrink(what.events, (events) => fails(inPlace(events)), most - tries)
    tries += shrunk.tries
    steps = inPlace(shrunk.list)
  }
  return { list: steps, tries }
}

/** Runs a recorded trace, without chance. Throws what it violates. */
export const replay = <M extends Machine.Any>(trial: Trial<M>, steps: ReadonlyArray<Step<Machine.Event<M>>>): World<M> => {
  const { error, world } = play(trial, { replay: steps })
  if (error !== undefined) throw error
  return world
}

type From<M extends Machine.Any> = { readonly seed: number } | { readonly replay: ReadonlyArray<Step<Machine.Event<M>>> }

const play = <M extends Machine.Any>(trial: Trial<M>, from: From<M>) => {
  const oracle = trial.oracle()
  const world: World<M> = new World<M>({ ...trial.world, ...from, watch: (turn) => oracle.watch?.(turn, world) })
  let error: Error | undefined
  try {
    if ("seed" in from) for (const { at, what } of trial.programme(from.seed)) world.schedule(at, what)
    for (const at of trial.looksAt ?? []) {
      world.run(at - world.now)
      oracle.look?.(world)
    }
    world.run(trial.lastsMs - world.now)
    world.calm()
    oracle.rest?.(world)
  } catch (thrown) {
    error = thrown instanceof Error ? thrown : new Error(String(thrown))
  }
  return { world, error }
}

const lawOf = (error: Error): string => error instanceof Violation ? error.law : `${error.name}: ${error.message}`
