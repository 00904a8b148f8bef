/**
 * What nesting costs: a message that goes through many levels, a message to one of many nested
 * dataspaces, and the memory of each. The yardstick of the run is the same message in one dataspace
 * without nesting.
 */
import { Dataspace, Nested, Pattern, Process, Value } from "../src/index.ts"

const rounds = 7
const times = 1_000
const levels = [1, 10, 50] as const
const width = 1_000
const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!

/** Heard by listeners, wherever they are. */
let heard = 0
const behaviours: { [name: string]: Process.Behaviour } = {
  listener: {
    initial: (patterns: ReadonlyArray<Pattern.Pattern>) => [0, patterns.map((pattern, n) => Process.observe(n, pattern))],
    transition: (state) => {
      heard++
      return [state, []]
    }
  },
  /** Sends out what comes in. */
  echo: {
    initial: (level: number) => [level, [Process.observe(0, within(level, Pattern.record("ping", Pattern.bind())))]],
    transition: (level: number, { captures }) => [level, [Process.send(out(level, Value.record("pong", captures[0]!)))]]
  }
}
behaviours["nested"] = Nested.nested(behaviours)
const machine = Dataspace.of(behaviours)

const within = (level: number, pattern: Pattern.Pattern): Pattern.Pattern => level === 0 ? pattern : Pattern.record("inbound", within(level - 1, pattern))
const out = (level: number, value: Value.Value): Value.Value => level === 0 ? value : Value.record("outbound", out(level - 1, value))
/** A process, so many levels down. */
const down = (level: number, process: Process.Process): Process.Process =>
  level === 0 ? process : { behaviour: "nested", config: { boot: [{ name: "inner", process: down(level - 1, process) }] } }

const world = (boot: NonNullable<Dataspace.Config["boot"]>) => {
  let [state] = machine.initial({ boot })
  const step = (event: Dataspace.Event) => {
    const [next, actions] = machine.transition(state, event)
    state = next
    return actions
  }
  step({ _tag: "Enter", pid: "speaker", name: "speaker", actions: [Process.observe(0, Pattern.record("pong", Pattern.bind()))] })
  return { step, state: () => state }
}
const send = ({ step }: ReturnType<typeof world>, body: Value.Value) => step({ _tag: "Perform", pid: "speaker", actions: [Process.send(body)] })

/** Bytes of heap that making something takes. */
const weigh = <A>(make: () => A): readonly [A, number] => {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const made = make()
  globalThis.gc?.()
  return [made, process.memoryUsage().heapUsed - before]
}

const flat = world([{ name: "echo", process: { behaviour: "echo", config: 0 } }])
const deep = levels.map((level) => [level, ...weigh(() => world([{ name: "deep", process: down(level, { behaviour: "echo", config: level }) }]))] as const)
const listenersOf = (wrap: (process: Process.Process, level: number) => Process.Process, level: number) => Array.from({ length: width }, (_, n) =>
  ({ name: "one", process: wrap({ behaviour: "listener", config: [Pattern.record("to", Pattern.literal(n), Pattern.bind()), Pattern.record("all", Pattern.discard)].map((pattern) => within(level, pattern)) }, level) }))
const [side, sideBytes] = weigh(() => world(listenersOf((process) => process, 0)))
const [wide, wideBytes] = weigh(() => world(listenersOf((process) => down(1, process), 1)))

const roundTrip = (it: ReturnType<typeof world>) => (i: number): void => {
  if (send(it, Value.record("ping", i)).length !== 1) throw new Error("no answer")
}
const toOne = (it: ReturnType<typeof world>) => (i: number): void => {
  const before = heard
  send(it, Value.record("to", i * 7919 % width, "hello"))
  if (heard !== before + 1) throw new Error("not delivered")
}
const toAll = (i: number): void => {
  if (i % 100 > 0) return // one in a hundred: it is a thousand times the work
  const before = heard
  for (let n = 0; n < 100; n++) send(wide, Value.record("all", i))
  if (heard !== before + 100 * width) throw new Error("not delivered to all")
}
const works: ReadonlyArray<readonly [name: string, levels: number, run: (i: number) => void, bytes: number | undefined]> = [
  ["there and back, not nested", 0, roundTrip(flat), undefined],
  ...deep.map(([level, it, bytes]) => [`there and back through ${level} level${level === 1 ? "" : "s"}`, level, roundTrip(it), bytes / level] as const),
  [`to all of ${width} nested dataspaces`, width, toAll, undefined],
  [`to 1 of ${width} processes`, 0, toOne(side), sideBytes / width],
  [`to 1 of ${width} nested dataspaces`, 1, toOne(wide), wideBytes / width]
]
const us = works.map(() => [] as Array<number>)
for (let round = 0; round <= rounds; round++) {
  for (const [w, [, , run]] of works.entries()) {
    const start = performance.now()
    for (let i = 0; i < times; i++) run(i)
    if (round > 0) us[w]!.push((performance.now() - start) * 1000 / times)
  }
}
const base = median(us[0]!)
for (const [w, [name, level, , bytes]] of works.entries()) {
  const time = median(us[w]!)
  const each = level === 0 ? "" : `${((time - base) / level).toFixed(2)} µs a level`
  console.log(`${name.padEnd(36)} ${time.toFixed(1).padStart(8)} µs   ${(time / base).toFixed(1).padStart(6)} times the first   ${each.padStart(16)}   ${bytes === undefined ? "" : `${(bytes / 1024).toFixed(1)} KiB each`}`)
}
