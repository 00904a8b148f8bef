/**
 * Measures works beside each other. A machine's speed drifts by half for minutes at a time, so what is
 * compared takes turns: each round runs every work once, the first rounds only warm up, and what
 * counts is the median over the rounds and its ratio to the first work, the yardstick of the group: of
 * the processor time, or of the time that passed where operations wait for something.
 */
import type { Curve, Result, Row } from "./Result.ts"
import { markdown } from "./Report.ts"

/** Something to measure. */
export interface Work {
  readonly name: string
  /** One operation. `i` counts on from call to call. */
  readonly run: (i: number) => unknown
  /** How many things one operation does: the figures are of one thing. */
  readonly per?: number
  /** Operations of one round; otherwise as many as take `roundMs`. */
  readonly times?: number
  /** What was to be reached, for readers. */
  readonly wanted?: string
}

export interface Options {
  readonly rounds?: number
  /** Whether operations are promises, to be waited for. */
  readonly isAsync?: boolean
}

const roundMs = 40 // long beside the clock's steps and a minor collection, short beside the drift
const warmUps = 2

/** The works of a group in turns, and their figures. */
export const compare = async (group: string, works: ReadonlyArray<Work>, { isAsync = false, rounds = 11 }: Options = {}): Promise<ReadonlyArray<Row>> => {
  const runs: Array<Running> = []
  for (const work of works) runs.push({ work, times: work.times ?? await timesIn(work, isAsync), done: 0, ns: [], cpu: [] })
  for (let round = -warmUps; round < rounds; round++) {
    for (const running of runs) await oneRound(running, round >= 0, isAsync)
  }
  // who else uses the machine makes this process wait, but not work
  const cost = ({ cpu, ns }: Running) => median(isAsync ? ns : cpu)
  return runs.map((running) => {
    const { cpu, ns, work: { name, wanted } } = running
    return { group, name, unit: "ns", median: median(ns), spread: quartiles(ns), rounds, cpu: median(cpu), ratio: cost(running) / cost(runs[0]!), ...wanted === undefined ? {} : { wanted } }
  })
}

interface Running {
  readonly work: Work
  readonly times: number
  done: number
  readonly ns: Array<number>
  readonly cpu: Array<number>
}

const oneRound = async (running: Running, counts: boolean, isAsync: boolean): Promise<void> => {
  const { times, work: { per = 1 } } = running
  const cpuBefore = process.cpuUsage()
  const before = process.hrtime.bigint()
  await repeat(running.work, running.done, times, isAsync)
  const ns = Number(process.hrtime.bigint() - before)
  const { system, user } = process.cpuUsage(cpuBefore)
  running.done += times
  if (!counts) return
  running.ns.push(ns / times / per)
  running.cpu.push((system + user) * 1_000 / times / per)
}

const repeat = async ({ run }: Work, from: number, times: number, isAsync: boolean): Promise<void> => {
  if (isAsync) for (let i = from; i < from + times; i++) await run(i)
  else for (let i = from; i < from + times; i++) run(i)
}

/** How many operations take `roundMs`, by doubling. */
const timesIn = async (work: Work, isAsync: boolean): Promise<number> => {
  for (let times = 1, from = 0;; from += times, times *= 2) {
    const start = performance.now()
    await repeat(work, from, times, isAsync)
    const ms = performance.now() - start
    if (ms >= roundMs / 2) return Math.max(1, Math.round(times * roundMs / ms))
  }
}

/** The heap that one of `count` items takes which are made at once. Needs `--expose-gc`, which `npm run bench` gives. */
export const weigh = (group: string, name: string, count: number, make: () => unknown): Row => {
  const before = heap()
  const made = [make()]
  const bytes = (heap() - before) / count
  made.pop() // alive until here
  return { group, name, unit: "bytes", median: bytes, bytes }
}

/** Bytes of live heap and of buffers, after a collection. */
export const heap = (): number => {
  if (globalThis.gc === undefined) throw new Error("memory is measured with node --expose-gc")
  // what finalizers let go of is free only after the second one
  globalThis.gc()
  globalThis.gc()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** A figure that was taken several times by other means, as of another process. */
export const figure = (name: string, unit: string, numbers: ReadonlyArray<number>, more: Partial<Row> = {}): Row =>
  ({ name, unit, median: median(numbers), ...numbers.length > 1 ? { spread: quartiles(numbers), rounds: numbers.length } : {}, ...more })

export const median = (numbers: ReadonlyArray<number>): number => at(numbers, 0.5)
export const quartiles = (numbers: ReadonlyArray<number>): readonly [number, number] => [at(numbers, 0.25), at(numbers, 0.75)]
const at = (numbers: ReadonlyArray<number>, share: number): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const [low, high] = [Math.floor((sorted.length - 1) * share), Math.ceil((sorted.length - 1) * share)]
  return (sorted[low]! + sorted[high]!) / 2
}

/** What a benchmark ends with: the result as JSON when that was asked for, and as a table otherwise. */
export const report = (rows: ReadonlyArray<Row>, { curves, notes }: { readonly curves?: ReadonlyArray<Curve>; readonly notes?: ReadonlyArray<string> } = {}): void => {
  const result: Result = { rows, ...curves && { curves }, ...notes && { notes } }
  console.log(process.argv.includes("--json") ? JSON.stringify(result) : markdown(result))
}
