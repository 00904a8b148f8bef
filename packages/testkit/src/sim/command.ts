/** The `sim` command: trials of small or whole networks of nodes, seed after seed, until one fails, or enough of them are run. */
import { parseArgs } from "node:util"
import { obey, shapeOf, type Voice, wholeOf } from "./arguments.ts"
import { describe, type NodeMachine } from "./nodes.ts"
import { print } from "./Step.ts"
import * as Fuzz from "./fuzz.ts"
import * as Networks from "./networks.ts"
import { type Shape, shapes } from "./shapes.ts"
import { Failure, run, type Trial } from "./Trial.ts"
import type { Node } from "@colloquy/core"

export interface Config extends Omit<Networks.Config, "shape" | "bouts">, Fuzz.Config {
  readonly shape?: Shape | "any"
}
/** A small tree with chords, unless a shape or a size is asked for. */
export const trialOf = ({ chords, nodes, shape, ...common }: Config): Trial<NodeMachine> => shape === undefined && nodes === undefined
  ? Fuzz.trial({ ...common, ...chords === undefined ? {} : { chords } })
  : Networks.trial({ ...common, ...nodes === undefined ? {} : { nodes }, ...shape === undefined || shape === "any" ? {} : { shape } })

/** What the command asks of the process around it. */
export interface Surroundings extends Voice {
  readonly trial: (config: Config) => Trial<NodeMachine>
  /** Real ms, for `--minutes` and for progress. */
  readonly now: () => number
  readonly anySeed: () => number
}

const help = `npm run sim -- [--seed N] [--runs K] [--minutes M] [--chords C] [--shape S] [--nodes N] [--json]

Runs simulated networks of nodes, in which everything goes wrong that can, and checks what they do.

  --seed N      the first seed; one drawn by chance, and printed, when it is left out
  --runs K      how many seeds, one after the other (with --seed: 1, else 100)
  --minutes M   go on for so many minutes instead
  --chords C    C uplinks beyond those of a tree, so that there are cycles to be avoided (0)
  --shape S     whole networks, with trouble in bouts: ${[...shapes, "any"].join(", ")}
  --nodes N     of so many nodes, 5 to 1000 (any from 5 to 30)
  --json        print the result as one JSON object
  --help        print this

A failure prints the line that shows it again and the few steps that matter, and ends with status 1.
`
const progressMs = 2_000

interface Wanted {
  readonly seed: number | undefined
  readonly runs: number | undefined
  readonly minutes: number | undefined
  readonly network: Pick<Config, "chords" | "shape" | "nodes">
  readonly json: boolean
}

/** Returns the exit status: 0, 1 when a trial failed, 2 when the arguments are wrong. */
export const command = (args: ReadonlyArray<string>, around: Surroundings): number => obey(() => read(args), help, around, (wanted) => simulate(wanted, around))

/** What is wanted, or nothing when help is. */
const read = (args: ReadonlyArray<string>): Wanted | undefined => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" }, runs: { type: "string" }, minutes: { type: "string" }, chords: { type: "string" },
      shape: { type: "string" }, nodes: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" }
    }
  })
  if (values.help === true) return undefined
  const seed = wholeOf("--seed", values.seed, 0, 2 ** 32 - 1)
  const runs = wholeOf("--runs", values.runs, 1, Number.MAX_SAFE_INTEGER)
  const minutes = minutesOf(values.minutes)
  const chords = wholeOf("--chords", values.chords, 0, 100)
  const nodes = wholeOf("--nodes", values.nodes, 5, 1_000)
  const shape = values.shape === undefined ? undefined : shapeOf(values.shape, "any")
  if (chords !== undefined && (shape !== undefined || nodes !== undefined)) throw new Error("--chords are for small trees, which have no --shape and no --nodes")
  if (runs !== undefined && minutes !== undefined) throw new Error("--runs and --minutes: one of them says when it ends")
  const network = { ...chords === undefined ? {} : { chords }, ...shape === undefined ? {} : { shape }, ...nodes === undefined ? {} : { nodes } }
  return { seed, runs, minutes, network, json: values.json === true }
}
const minutesOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const minutes = Number(text)
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text) || minutes <= 0 || !Number.isFinite(minutes)) throw new Error(`--minutes takes a number above 0, not ${text}`)
  return minutes
}

interface Sums {
  runs: number
  virtualMs: number
  events: number
}

const simulate = ({ json, minutes, network, runs, seed }: Wanted, { anySeed, err, now, out, trial: make }: Surroundings): number => {
  const options = Object.entries(network).map(([name, value]) => ` --${name} ${value}`).join("")
  const trial = make({ ...network, command: (n) => `npm run sim -- --seed ${n}${options}` })
  const first = seed ?? anySeed()
  const runsMax = minutes !== undefined ? Number.POSITIVE_INFINITY : runs ?? (seed === undefined ? 100 : 1)
  const started = now()
  const ends = minutes === undefined ? Number.POSITIVE_INFINITY : started + minutes * 60_000
  const sums: Sums = { runs: 0, virtualMs: 0, events: 0 }
  err(`from seed ${first}\n`)

  let failure: Failure<Node.Event> | undefined
  for (let toldAt = started; sums.runs < runsMax && now() < ends && failure === undefined;) {
    const outcome = attempt(trial, (first + sums.runs) % 2 ** 32)
    sums.runs++
    if (outcome instanceof Failure) failure = outcome
    else {
      sums.virtualMs += outcome.virtualMs
      sums.events += outcome.turns
    }
    if (now() - toldAt < progressMs) continue
    toldAt = now()
    err(`${summary(sums)}, in ${Math.round((toldAt - started) / 1_000)} s\n`)
  }

  if (json) {
    const failures = failure === undefined ? [] : [plain(failure)]
    out(`${JSON.stringify({ seed: first, ...sums, realMs: Math.round(now() - started), failures })}\n`)
  } else {
    if (failure !== undefined) out(`seed ${failure.seed}: ${failure.message}\n`)
    out(`${summary(sums)}; ${failure === undefined ? "no failure" : `1 failure: ${failure.command}`}\n`)
  }
  return failure === undefined ? 0 : 1
}

const attempt = (trial: Trial<NodeMachine>, seed: number) => {
  try {
    return run(trial, seed)
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
}
const summary = ({ events, runs, virtualMs }: Sums): string => `${runs} runs, ${(virtualMs / 60_000).toFixed(1)} virtual minutes, ${events} events`
const plain = ({ command, law, message, seed, shrunk }: Failure<Node.Event>) =>
  ({ seed, law, what: message.split("\n")[0], command, trace: shrunk.map((step) => print(step, describe)) })
