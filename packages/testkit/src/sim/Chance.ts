/**
 * Where a world's chance comes from: a seed, or what an earlier run recorded. A recorded choice is
 * found by the name of what it was for, so that a trace with steps taken out still means something.
 */
import { Rng } from "@colloquy/core"
import type { Step, What } from "./Step.ts"

export type Delay = Omit<Extract<What<never>, { readonly _tag: "Delay" }>, "_tag" | "of">

/** How unkind the world is. Rates are a minute of virtual time, over the whole network. */
export interface Faults {
  /** What a chunk takes from one node to another: at least, and at most. */
  readonly latencyMs: Range | ((from: string, to: string) => Range)
  /** Shares of the chunks: those that take longer than the least, those that are cut, those that catch up with the chunk before. */
  readonly jitter: number
  readonly cut: number
  readonly merge: number
  readonly losses: number
  readonly silences: number
  readonly partitions: number
  readonly crashes: number
  readonly stops: number
  /** How long a partition lasts, and how long a node stays down. */
  readonly outageMs: Range
}
export type Range = readonly [least: number, most: number]
export type Kind = "losses" | "silences" | "partitions" | "crashes" | "stops"

/** A kind world: links are slow, and nothing goes wrong. */
export const noFaults: Faults = {
  latencyMs: [1, 50], jitter: 0, cut: 0, merge: 0,
  losses: 0, silences: 0, partitions: 0, crashes: 0, stops: 0, outageMs: [100, 10_000]
}
/** About one fault of each kind in ten to thirty seconds. */
export const allFaults: Faults = {
  latencyMs: [1, 300], jitter: 0.5, cut: 0.15, merge: 0.15,
  losses: 6, silences: 3, partitions: 2, crashes: 3, stops: 1, outageMs: [100, 15_000]
}

export class Chance {
  readonly faults: Faults
  /** `undefined` in a replay, which has no chance. */
  #rng: Rng.State | undefined
  readonly #recorded = new Map<string, Delay>()

  constructor(faults: Faults, seed: number, replay?: ReadonlyArray<Step<unknown>>) {
    this.faults = faults
    this.#rng = replay === undefined ? Rng.initial(seed) : undefined
    for (const { what } of replay ?? []) if (what._tag === "Delay") this.#recorded.set(what.of, what)
  }
  get isReplay(): boolean {
    return this.#rng === undefined
  }
  below(n: number): number {
    const [value, next] = Rng.below(this.#rng!, n)
    this.#rng = next
    return value
  }
  within([least, most]: Range): number {
    return least + this.below(most - least + 1)
  }
  pick<A>(list: ReadonlyArray<A>): A {
    return list[this.below(list.length)]!
  }
  /** From this fault of a kind to the next: 1 ms to twice the mean. */
  gapMs(kind: Kind): number {
    return 1 + this.below(Math.round(120_000 / this.faults[kind]))
  }

  /** The way of one chunk, and whether it is worth recording. */
  delay(of: string, from: string, to: string, size: number): readonly [delay: Delay, unusual: boolean] {
    const range = typeof this.faults.latencyMs === "function" ? this.faults.latencyMs(from, to) : this.faults.latencyMs
    const usual = { ms: range[0] }
    if (this.isReplay) return [this.#recorded.get(of) ?? usual, this.#recorded.has(of)]
    const { cut, jitter, merge } = this.faults
    const delay = {
      ms: this.#happens(jitter) ? this.within(range) : range[0],
      ...size > 1 && this.#happens(cut) ? { cut: 1 + this.below(size - 1) } : {},
      ...size > 0 && this.#happens(merge) ? { merge: true } : {}
    }
    return [delay, delay.ms !== range[0] || "cut" in delay || "merge" in delay]
  }
  #happens(share: number): boolean {
    return share > 0 && this.below(1_000_000) < share * 1_000_000
  }
}
