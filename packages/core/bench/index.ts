/**
 * What the index costs, as a dataspace shows it: a new observation finds its matches among 100,000 facts,
 * and a message finds its observers among patterns of many shapes. The yardstick is a native Map by the constant.
 */
import { compare, report } from "../../../.config/bench/Harness.ts"
import { Dataspace, Pattern, Process, Value } from "../src/index.ts"

const size = 100_000
const machine = Dataspace.of({})
const { bind, discard, literal, record } = Pattern

const world = () => {
  let [state] = machine.initial({})
  const step = (event: Dataspace.Event): number => {
    const [next, actions] = machine.transition(state, event)
    state = next
    return actions.reduce((n, action) => n + (action._tag === "Deliver" ? action.events.length : 0), 0)
  }
  for (const pid of ["observer", "speaker"]) step({ _tag: "Enter", pid, name: pid, actions: [] })
  return (pid: "observer" | "speaker", ...actions: ReadonlyArray<Process.Action>) => step({ _tag: "Perform", pid, actions })
}
const must = (told: number, wanted: number): void => {
  if (told !== wanted) throw new Error(`${told} were told where ${wanted} should be`)
}

// Facts that share a constant with none, 9 and 99 others

const facts = world()
for (let n = 0; n < size; n++) facts("speaker", Process.assert(n, Value.record("fact", n, n % (size / 10), n % (size / 100), `text ${n}`)))
const shapes = {
  one: (n: number) => record("fact", literal(n), discard, discard, bind()),
  ten: (n: number) => record("fact", discard, literal(n % (size / 10)), discard, bind()),
  hundred: (n: number) => record("fact", discard, discard, literal(n % (size / 100)), bind())
}
for (const [name, shape] of Object.entries(shapes)) facts("observer", Process.observe(name, shape(-1))) // the first of its shape looks through all facts
const observing = (shape: (n: number) => Pattern.Pattern, matches: number) => (i: number): void => {
  must(facts("observer", Process.observe("new", shape(i * 7919 % size))), matches)
  facts("observer", Process.retract("new"))
}
const byConstant = new Map(Array.from({ length: size }, (_, n) => [n, [n]]))

// Observers whose patterns look at other places of the same kind of value

const shaped = (patterns: number) => {
  const perform = world()
  for (let n = 0; n < patterns; n++) {
    const places = Array.from({ length: 8 }, (_, at) => (n >> at) % 2 === 1 ? literal("other") : discard)
    perform("observer", Process.observe(n, record("wide", ...places, literal("never"), bind())))
  }
  perform("observer", Process.observe("heard", record("wide", ...Array.from({ length: 8 }, () => discard), literal("always"), bind())))
  return (i: number): void => must(perform("speaker", Process.send(Value.record("wide", ...Array.from({ length: 8 }, (_, at) => i + at), "always", i))), 1)
}

report([
  ...await compare(`an observation that comes and goes, among ${size} facts`, [
    { name: "a lookup in a Map of as many", run: (i) => byConstant.get(i * 7919 % size) },
    { name: "matched by none", run: observing((n) => shapes.one(-2 - n), 0) },
    { name: "matched by 1", run: observing(shapes.one, 1) },
    { name: "matched by 10", run: observing(shapes.ten, 10) },
    { name: "matched by 100", run: observing(shapes.hundred, 100) }
  ]),
  ...await compare("a message that one observer wants", [
    { name: "of 1 shape", run: shaped(1) },
    { name: "of 16 shapes", run: shaped(16) },
    { name: "of 256 shapes", run: shaped(256) }
  ])
])
