/**
 * The trial of whole networks: 5 to 200 nodes in a ring, a mesh, a grid, a tree with chords or a small
 * world, each link with its own latency, that come, lose links, fall silent, are parted, crash and stop
 * in bouts. Between bouts it is quiet, and everybody must be right about what is left: a partition may
 * still be there, and nodes may be down. In the end all is mended, and must be whole.
 */
import { type Node, Process, Rng, Value } from "@colloquy/core"
import { type Faults, type Range } from "./Chance.ts"
import { chatter, scope } from "./chatter.ts"
import { NodeOracle } from "./NodeOracle.ts"
import { act, adapter, describe, type NodeMachine, noUplink, uplink } from "./nodes.ts"
import { type Graph, graphOf, type Pair, type Shape, shapes } from "./shapes.ts"
import type { Step, What } from "./Step.ts"
import type { Trial } from "./Trial.ts"

export interface Config {
  /** One for each seed in turn, unless it is said here. */
  readonly shape?: Shape
  /** Drawn from 5 to 30, unless it is said here. */
  readonly nodes?: number
  /** Times of trouble: 2, unless it is said here. */
  readonly bouts?: number
  /** In place of a plain node. */
  readonly machine?: NodeMachine
  readonly faults?: Partial<Faults>
  readonly command?: (seed: number) => string
  readonly triesMax?: number
}

const bornMs = 2_000
const boutMs = 8_000
const linkMs: Range = [1, 25]
const noticeMs = 10_000 // a silence is found within giveUpMs, once more where a retry met one
const timing: Partial<Node.Timing> = { pingMs: 2_000, giveUpMs: 6_000, helloMs: 3_000, backoff: { leastMs: 100, mostMs: 2_000 }, graceMs: 2_000 }

export const trial = ({ bouts = 2, command, faults, machine, nodes, shape, triesMax }: Config = {}): Trial<NodeMachine> => {
  // the longest way there is: half of a ring, each link twice as slow as it may be
  const reachMs = 3_000 + (nodes ?? 30) * linkMs[1]
  const quietMs = 20_000 + 2 * reachMs
  const boutsAt = Array.from({ length: bouts + 1 }, (_, i) => bornMs + i * (boutMs + quietMs + reachMs))
  return {
    world: { ...adapter(machine, { timing }), faults: { latencyMs: latencyOf, jitter: 0.3, cut: 0.1, merge: 0.1, ...faults } },
    programme: (seed) => programme(seed, { shape, nodes, boutsAt: boutsAt.slice(0, -1), quietMs, reachMs }),
    lastsMs: boutsAt.at(-1)!,
    looksAt: boutsAt.slice(1).map((at) => at - reachMs),
    oracle: () => new NodeOracle({ settleMs: quietMs, reachMs, noticeMs, sendersMax: 10 }),
    describe,
    ...command === undefined ? {} : { command },
    ...triesMax === undefined ? {} : { triesMax }
  }
}

/** Each link takes its own time, which is the same in every run: 1 ms to `linkMs`, and twice that at most. */
export const latencyOf = (a: string, b: string): Range => {
  let hash = 7
  for (const character of a < b ? a + b : b + a) hash = (hash * 31 + character.charCodeAt(0)) % 65_521
  const least = linkMs[0] + hash % linkMs[1]
  return [least, 2 * least]
}

type Programme = ReadonlyArray<Step<Node.Event>>

interface Plan {
  readonly shape: Shape | undefined
  readonly nodes: number | undefined
  readonly boutsAt: ReadonlyArray<number>
  readonly quietMs: number
  readonly reachMs: number
}

const programme = (seed: number, { boutsAt, nodes: size, quietMs, reachMs, shape = shapes[seed % shapes.length]! }: Plan): Programme => {
  const below = Rng.drawing(seed ^ 0x6e6574) // not the world's own sequence
  const graph = graphOf(shape, size ?? 5 + below(26), below)
  const steps: Array<Step<Node.Event>> = graph.nodes.map((node) => ({
    at: below(bornMs),
    what: { _tag: "Start", node, events: [...dialsOf(graph, node, below), ...below(3) === 0 ? act(scope, "asserter", Process.assert(9, Value.record("f", 9))) : []] }
  }))
  const say = chatter(below)
  for (const from of boutsAt) {
    for (const what of trouble(graph, below)) steps.push({ at: from + below(boutMs), what })
    // some of it in the quiet after, when no message is to be lost
    for (let i = 0; i < 30 + below(30); i++) steps.push({ at: from + below(boutMs + quietMs / 2), what: { _tag: "Tell", node: pick(graph.nodes, below), events: say() } })
    for (let i = 0; i < 5; i++) {
      const body = Value.record("f", 10_000 + steps.length)
      steps.push({ at: from + boutMs + quietMs - reachMs - 1 - below(3_000), what: { _tag: "Tell", node: pick(graph.nodes, below), events: act(scope, "speaker", Process.send(body)) } })
    }
  }
  return steps.sort((a, b) => a.at - b.at)
}

/** Now and then both ends dial. */
const dialsOf = ({ links }: Graph, node: string, below: Rng.Draw): ReadonlyArray<Node.Event> =>
  links.flatMap(([from, to]) => from === node ? uplink(scope, to) : to === node && below(10) === 0 ? uplink(scope, from) : [])

/** What goes wrong in one bout, and what is mended; the rest stays as it is for the quiet after. */
const trouble = ({ links, nodes }: Graph, below: Rng.Draw): ReadonlyArray<What<Node.Event>> => {
  const count = 1 + below(3 + Math.ceil(nodes.length / 5))
  return Array.from({ length: count }, () => troubles[below(troubles.length)]!).flatMap((one) => one({ nodes, links, below }))
}
interface Place {
  readonly nodes: ReadonlyArray<string>
  readonly links: ReadonlyArray<Pair>
  readonly below: Rng.Draw
}
const lose = ({ below, links }: Place): ReadonlyArray<What<Node.Event>> => {
  const [a, b] = pick(links, below)
  return [{ _tag: "Lose", a, b }]
}
const troubles: ReadonlyArray<(place: Place) => ReadonlyArray<What<Node.Event>>> = [
  lose, lose, lose,
  ({ below, links }) => {
    const [a, b] = pick(links, below)
    return [below(2) === 0 ? { _tag: "Silence", from: a, to: b } : { _tag: "Silence", from: b, to: a }]
  },
  ({ below, nodes }) => {
    const parts: ReadonlyArray<Array<string>> = [[], []]
    // a piece of it rather than any half: what is near has numbers that are near, in most shapes
    const from = below(nodes.length)
    const size = 1 + below(nodes.length - 1)
    for (const [i, node] of nodes.entries()) parts[(i - from + nodes.length) % nodes.length < size ? 0 : 1]!.push(node)
    return [{ _tag: "Partition", groups: parts }]
  },
  () => [{ _tag: "Heal" }],
  ({ below, nodes }) => [{ _tag: "Crash", node: pick(nodes, below), dark: below(2) === 0 }],
  ({ below, nodes }) => [{ _tag: "Stop", node: pick(nodes, below) }],
  ({ nodes }) => nodes.map((node) => ({ _tag: "Start", node })),
  ({ below, links }) => {
    const [from, to] = pick(links, below)
    return [{ _tag: "Tell", node: from, events: below(2) === 0 ? noUplink(scope, to) : uplink(scope, to) }]
  }
]

const pick = <A>(list: ReadonlyArray<A>, below: Rng.Draw): A => list[below(list.length)]!
