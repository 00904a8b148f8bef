/**
 * Deterministic simulation: any machine, or many wired into a node, in a world with virtual time and
 * everything that goes wrong in a real one, in one thread. The models are FoundationDB's simulator and
 * TigerBeetle's VOPR.
 *
 *     const world = Simulation.nodes({ seed: 7, faults: Simulation.allFaults })
 *     world.start("a")
 *     world.start("b", ...Simulation.uplink("chat", "a"))
 *     world.run(60_000)
 *
 * Promises: equal seeds make equal runs, byte for byte, and a minute takes milliseconds; a trial that
 * fails throws a line to paste and the few steps that matter, which fail again when they are replayed
 * without chance.
 */
import type { Machine, Process } from "@colloquy/core"
import { Node } from "@colloquy/core"
import { trial as fuzzTrial, type Config as FuzzConfig } from "./sim/fuzz.ts"
import { adapter, type NodeMachine } from "./sim/nodes.ts"
import { type Report, run } from "./sim/Trial.ts"
import { type Options, World } from "./sim/World.ts"

export type { Adapter, Data, Life, News, Order } from "./sim/Adapter.ts"
export { allFaults, type Faults, noFaults } from "./sim/Chance.ts"
export { act, adapter, describe, type NodeMachine, noUplink, uplink } from "./sim/nodes.ts"
export { NodeOracle } from "./sim/NodeOracle.ts"
export { type Config as StandingConfig, Standing, type Told } from "./sim/Standing.ts"
export { Traffic } from "./sim/Traffic.ts"
export { print, type Step, type What } from "./sim/Step.ts"
export { Failure, type Oracle, replay, type Report, run, type Trial, Violation } from "./sim/Trial.ts"
export { type Delivery, type Options, type Turn, World } from "./sim/World.ts"
export { type Config as FuzzConfig, trial as fuzzTrial } from "./sim/fuzz.ts"
export { type Config as GentleConfig, trial as gentleTrial } from "./sim/gentle.ts"
export { type Config as NetworkConfig, trial as networkTrial } from "./sim/networks.ts"
export { diameterOf, type Graph, graphOf, type Shape, shapes, without } from "./sim/shapes.ts"

/** A world whose nodes are one machine each. */
export const of = <M extends Machine.Any>(options: Options<M>): World<M> => new World(options)

export interface NodeOptions extends Partial<Omit<Options<NodeMachine>, "config" | "event" | "order">> {
  /** What pure processes in the nodes' dataspaces may be, when no machine is given. */
  readonly behaviours?: Process.Behaviours
  readonly config?: Partial<Node.Config>
}

/** A world of whole nodes. */
export const nodes = ({ behaviours = {}, config, machine = Node.of(behaviours), ...options }: NodeOptions = {}): World<NodeMachine> =>
  new World({ ...options, ...adapter(machine, config) })

/** One seed's trial of whole nodes, with all faults. Throws a `Failure`. */
export const fuzz = (seed: number, config?: FuzzConfig): Report => run(fuzzTrial(config), seed)
