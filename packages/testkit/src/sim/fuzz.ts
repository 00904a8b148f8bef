/**
 * The trial of whole nodes: a random tree of 2 to 8 nodes in one scope, whose processes assert,
 * observe and send while everything goes wrong that can, and which must be right again after calm.
 */
import { type Node, Rng } from "@colloquy/core"
import { allFaults, type Faults } from "./Chance.ts"
import { chatter, scope } from "./chatter.ts"
import { NodeOracle } from "./NodeOracle.ts"
import { adapter, describe, type NodeMachine, noUplink, uplink } from "./nodes.ts"
import type { Step } from "./Step.ts"
import type { Trial } from "./Trial.ts"

export interface Config {
  /** Uplinks beyond those of a tree, each between any two nodes: 0, unless it is said here. */
  readonly chords?: number
  /** In place of a plain node. */
  readonly machine?: NodeMachine
  readonly faults?: Partial<Faults>
  readonly command?: (seed: number) => string
  readonly triesMax?: number
}

const lastsMs = 60_000
/** Shorter than a node's own, so that a minute sees many heartbeats and retries. */
const timing: Partial<Node.Timing> = { pingMs: 2_000, giveUpMs: 6_000, helloMs: 3_000, backoff: { leastMs: 100, mostMs: 2_000 }, graceMs: 2_000 }
// a silence is found within giveUpMs, once more where a retry met one; then some retries, of which a stale link may refuse one
const oracle = { settleMs: 40_000, reachMs: 5_000 }

export const trial = ({ chords = 0, command, faults, machine, triesMax }: Config = {}): Trial<NodeMachine> => ({
  world: { ...adapter(machine, { timing }), faults: { ...allFaults, ...faults } },
  programme: (seed) => programme(seed, chords),
  lastsMs,
  oracle: () => new NodeOracle(oracle),
  describe,
  ...command === undefined ? {} : { command },
  ...triesMax === undefined ? {} : { triesMax }
})

const programme = (seed: number, chords: number): ReadonlyArray<Step<Node.Event>> => {
  const below = Rng.drawing(seed ^ 0x5eed) // not the world's own sequence
  const pick = <A>(list: ReadonlyArray<A>): A => list[below(list.length)]!
  const nodes = Array.from({ length: 2 + below(7) }, (_, i) => `n${i}`)
  // either end may be the one that dials
  const dials = nodes.slice(1).map((node, i) => below(2) === 0 ? [node, nodes[below(i + 1)]!] as const : [nodes[below(i + 1)]!, node] as const)
  for (let i = 0; i < chords; i++) dials.push([pick(nodes), pick(nodes)])
  const steps: Array<Step<Node.Event>> = nodes.map((node) => ({
    at: below(2_000),
    what: { _tag: "Start", node, events: dials.filter(([from]) => from === node).flatMap(([, to]) => uplink(scope, to)) }
  }))

  const say = chatter(below)
  const turns = 40 + below(120)
  for (let at = 0, i = 0; i < turns; i++) {
    // half of it in bursts: several things at one moment
    at = below(2) === 0 ? at : below(lastsMs)
    if (below(12) > 0) steps.push({ at, what: { _tag: "Tell", node: pick(nodes), events: say() } })
    else if (dials.length > 0) {
      const [from, to] = pick(dials)
      steps.push({ at, what: { _tag: "Tell", node: from, events: below(3) === 0 ? noUplink(scope, to) : uplink(scope, to) } })
    }
  }
  return steps.sort((a, b) => a.at - b.at)
}
