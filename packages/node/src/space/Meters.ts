/**
 * What programs do in dataspaces, in numbers: Effect metrics, in the registry and with the attributes
 * that are provided where a program begins.
 */
import { type Context, Metric } from "effect"

const counter = (id: string, description: string) => Metric.counter(id, { description, incremental: true })
const dropped = counter("colloquy_messages_dropped", "messages that a slow consumer of a stream did not take in time")
const misfits = counter("colloquy_misfits", "facts and messages that fitted a question's pattern and not its types")
const facts = Metric.gauge("colloquy_facts", { description: "facts that programs of this node hold up" })
const observations = Metric.gauge("colloquy_observations", { description: "questions that programs of this node observe" })
const runs = Metric.gauge("colloquy_runs", { description: "effects that run during a fact" })

export interface Meters {
  readonly dropped: () => void
  readonly misfit: () => void
  readonly facts: (change: number) => void
  readonly observations: (change: number) => void
  readonly runs: (change: number) => void
}

export const make = (context: Context.Context<never>): Meters => ({
  dropped: () => dropped.updateUnsafe(1, context),
  misfit: () => misfits.updateUnsafe(1, context),
  facts: (change) => facts.modifyUnsafe(change, context),
  observations: (change) => observations.modifyUnsafe(change, context),
  runs: (change) => runs.modifyUnsafe(change, context)
})
