/** The `sim:scale` command: networks of several sizes up to the one that is asked for, a table and a plot. */
import { parseArgs } from "node:util"
import { obey, shapeOf, type Voice, wholeOf } from "../src/sim/arguments.ts"
import { shapes } from "../src/sim/shapes.ts"
import { markdown, plain } from "./Report.ts"
import { type Gauge, type Result, run, type Size } from "./Run.ts"

/** What the command asks of the process around it. */
export interface Surroundings extends Voice {
  /** Real ms, for progress. */
  readonly now: () => number
  readonly heap: Gauge["heap"]
  readonly plot: (results: ReadonlyArray<Result>, file: string) => Promise<void>
}

const standard = { nodes: 10_000, facts: 100_000, observers: 1_000, samples: 100, shape: "small-world", seed: 1 } as const
export const defaultSvg = "dist/sim-scale.svg"

const help = `npm run sim:scale -- [--nodes N] [--facts F] [--observers O] [--shape S] [--samples K] [--seed N] [--svg FILE] [--json]

Simulates a network of many nodes, and reports what each kind of change costs: packets sent, beside the least
that it needs, state per node, and how long it takes. The same is done for networks of a tenth and of a hundredth
of the size, with as many facts and observers a node, to show what grows.

  --nodes N      nodes (${standard.nodes})
  --facts F      facts, at random nodes (${standard.facts})
  --observers O  observers, at random nodes (${standard.observers})
  --shape S      ${shapes.join(", ")} (${standard.shape})
  --samples K    changes of each kind; fewer of those that concern every node (${standard.samples})
  --seed N       where chance comes from (${standard.seed})
  --svg FILE     where the plot is written (${defaultSvg})
  --json         print the figures as one JSON array, an object for each size
  --help         print this

The default takes some minutes and some GB of memory.
`
const progressMs = 1_000

interface Wanted {
  readonly size: Size
  readonly svg: string
  readonly json: boolean
}

/** Returns the exit status: 0, 1 when an observer saw the wrong facts, 2 when the arguments are wrong. */
export const command = async (args: ReadonlyArray<string>, around: Surroundings): Promise<number> => obey(() => read(args), help, around, (wanted) => simulate(wanted, around))

const simulate = async (wanted: Wanted, around: Surroundings): Promise<number> => {
  const started = around.now()
  let toldAt = started
  const results = sizesUpTo(wanted.size).map((size) => run(size, {
    heap: around.heap,
    progress: (what) => {
      const now = around.now()
      if (now - toldAt < progressMs) return
      toldAt = now
      around.err(`${Math.round((now - started) / 1_000)} s, ${size.nodes} nodes: ${what}\n`)
    }
  }))
  around.out(wanted.json ? `${JSON.stringify(plain(results))}\n` : `${markdown(results)}\n`)
  await around.plot(results, wanted.svg)
  around.err(`the plot is in ${wanted.svg}\n`)
  return results.some(({ samples }) => samples.some(({ wrong }) => wrong > 0)) ? 1 : 0
}

const nodesMin = 10

/** A hundredth, a tenth, and the whole, as far as they are networks. */
export const sizesUpTo = (size: Size): ReadonlyArray<Size> => [100, 10, 1].flatMap((by) => {
  const [nodes, facts, observers] = [size.nodes, size.facts, size.observers].map((n) => Math.ceil(n / by)) as [number, number, number]
  return by > 1 && nodes < nodesMin ? [] : [{ ...size, nodes, facts, observers }]
})

/** What is wanted, or nothing when help is. */
const read = (args: ReadonlyArray<string>): Wanted | undefined => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: "string" }, facts: { type: "string" }, observers: { type: "string" }, shape: { type: "string" }, samples: { type: "string" },
      seed: { type: "string" }, svg: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" }
    }
  })
  if (values.help === true) return undefined
  const size: Size = {
    nodes: wholeOf("--nodes", values.nodes, nodesMin, 1_000_000) ?? standard.nodes,
    facts: wholeOf("--facts", values.facts, 1, 100_000_000) ?? standard.facts,
    observers: wholeOf("--observers", values.observers, 1, 1_000_000) ?? standard.observers,
    samples: wholeOf("--samples", values.samples, 1, 1_000_000) ?? standard.samples,
    seed: wholeOf("--seed", values.seed, 0, 2 ** 32 - 1) ?? standard.seed,
    shape: shapeOf(values.shape ?? standard.shape)
  }
  return { size, svg: values.svg ?? defaultSvg, json: values.json === true }
}
