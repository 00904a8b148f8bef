/**
 * The trial of what nobody should see: networks in which every link has a way around it, and links are
 * lost one at a time. All facts stay asserted, so observers must be told of none; and no message that is
 * under way while the tree changes may come by the old way and by the new one.
 */
import { type Node, Pattern, Process, Rng, Text, Value } from "@colloquy/core"
import { scope } from "./chatter.ts"
import { latencyOf } from "./networks.ts"
import { act, adapter, describe, type NodeMachine, uplink } from "./nodes.ts"
import { graphOf, type Shape } from "./shapes.ts"
import type { Step } from "./Step.ts"
import { TreeWatch } from "./TreeWatch.ts"
import { type Trial, Violation } from "./Trial.ts"

export interface Config {
  /** In place of a plain node. */
  readonly machine?: NodeMachine
  readonly triesMax?: number
}

/** Those in which any link can be spared, at any of these sizes. */
const redundant: ReadonlyArray<Shape> = ["ring", "mesh", "grid", "small-world"]
const sizes = [6, 9, 12]
const settledMs = 5_000
const losses = 6
const messages = 12
const leadMs = 60
const gapMs = 3_000 // more than half of them come while what the one before left behind lingers
const timing: Partial<Node.Timing> = { pingMs: 2_000, giveUpMs: 6_000, backoff: { leastMs: 300, mostMs: 1_000 }, graceMs: 2_000 }

export const trial = ({ machine, triesMax }: Config = {}): Trial<NodeMachine> => ({
  world: { ...adapter(machine, { timing }), faults: { latencyMs: latencyOf } },
  programme,
  keeps: ({ what }) => what._tag === "Start", // a network of which parts are missing has no ways around
  lastsMs: settledMs + (losses + 2) * gapMs,
  oracle: () => {
    const trees = new TreeWatch()
    const heard = new Set<string>()
    return {
      watch: ({ actions, at, node }, world) => {
        trees.look(node, world)
        for (const action of at < settledMs ? [] : actions) {
          if (action._tag !== "Deliver" || action.pid !== "observer") continue
          for (const { _tag, captures } of action.events) {
            const text = `${node} is told ${_tag} ${Text.print(captures)}`
            if (_tag !== "Received") throw new Violation("nobody sees that a link is lost which can be spared", `${text}, and nothing was withdrawn`)
            if (heard.size === heard.add(text).size) throw new Violation("a message is heard once", `${text} again`)
          }
        }
      }
    }
  },
  describe,
  ...triesMax === undefined ? {} : { triesMax }
})

const programme = (seed: number): ReadonlyArray<Step<Node.Event>> => {
  const below = Rng.drawing(seed ^ 0x67656e)
  const { links, nodes } = graphOf(redundant[seed % redundant.length]!, sizes[below(sizes.length)]!, below)
  let message = 0
  /** A link, and messages that are under way when it goes. */
  const loss = (at: number): ReadonlyArray<Step<Node.Event>> => {
    const [a, b] = links[below(links.length)]!
    const sends = Array.from({ length: messages }, (): Step<Node.Event> => ({
      at: at - below(leadMs),
      what: { _tag: "Tell", node: nodes[below(nodes.length)]!, events: act(scope, "speaker", Process.send(Value.record("f", message++))) }
    }))
    return [...sends, { at, what: { _tag: "Lose", a, b } }]
  }
  return [
    ...nodes.map((node, i): Step<Node.Event> => ({ at: below(500), what: { _tag: "Start", node, events: [
      ...links.flatMap(([from, to]) => from === node ? uplink(scope, to) : []),
      ...act(scope, "asserter", Process.assert("mine", Value.record("f", node))),
      ...i % 2 === 0 ? act(scope, "observer", Process.observe("all", Pattern.record("f", Pattern.bind()))) : []
    ] } })),
    ...Array.from({ length: losses }, (_, i) => loss(settledMs + i * gapMs + below(gapMs - 1_000))).flat()
  ]
}
