/**
 * What nesting costs: a message that goes through many levels, a message to one of many nested
 * dataspaces, and the memory of each. The yardstick of the run is the same message in one dataspace
 * without nesting.
 */
import { compare, heap, report } from "../../../.config/bench/Harness.ts"
import type { Row } from "../../../.config/bench/Result.ts"
import { Dataspace, Nested, Pattern, Process, Value } from "../src/index.ts"

const levels = [1, 10, 50] as const
const width = 1_000

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
  const before = heap()
  const made = make()
  return [made, heap() - before]
}

world([{ name: "deep", process: down(1, { behaviour: "echo", config: 1 }) }]) // what is made once is not a level's
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
  const before = heard
  send(wide, Value.record("all", i))
  if (heard !== before + width) throw new Error("not delivered to all")
}

/** With the memory of what is nested, by name. */
const withBytes = (rows: ReadonlyArray<Row>, bytes: { readonly [name: string]: number }): ReadonlyArray<Row> =>
  rows.map((row) => bytes[row.name] === undefined ? row : { ...row, bytes: bytes[row.name]! })
const through = (level: number): string => `through ${level} level${level === 1 ? "" : "s"}`
report([
  ...withBytes(
    await compare("there and back", [
      { name: "not nested", run: roundTrip(flat) },
      ...deep.map(([level, it]) => ({ name: through(level), run: roundTrip(it) }))
    ]),
    Object.fromEntries(deep.map(([level, , bytes]) => [through(level), bytes / level]))
  ),
  ...withBytes(
    await compare("one way", [
      { name: `to 1 of ${width} processes`, run: toOne(side) },
      { name: `to 1 of ${width} nested dataspaces`, run: toOne(wide) },
      { name: `to all of ${width} nested dataspaces, each`, run: toAll, per: width }
    ]),
    { [`to 1 of ${width} processes`]: sideBytes / width, [`to 1 of ${width} nested dataspaces`]: wideBytes / width }
  )
], { notes: ["Memory is of one level, process or nested dataspace."] })
