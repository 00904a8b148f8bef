/**
 * What a turn of the kernel costs where many are told or much is said: a fact or message that 1,000
 * observe, turns of 100 messages, processes that come and go. The yardstick is a list of listeners that are called.
 * What many observers who are not concerned cost is measured in dataspace.ts.
 */
import { compare, report } from "../../../.config/bench/Harness.ts"
import { Dataspace, Pattern, Process, Value } from "../src/index.ts"

const width = 1_000
const perTurn = 100

let heard = 0
const listener: Process.Behaviour = {
  initial: (pattern: Pattern.Pattern) => [0, [Process.observe(0, pattern)]],
  transition: (state, event) => {
    heard += event.captures.length
    return [state, []]
  }
}
const brief: Process.Behaviour = { initial: () => [0, [Process.assert(0, "here"), Process.quit()]], transition: (state) => [state, []] }
const machine = Dataspace.of({ listener, brief })

const world = (boot: NonNullable<Dataspace.Config["boot"]>, observers = 0) => {
  let [state] = machine.initial({ boot })
  const step = (event: Dataspace.Event): ReadonlyArray<Dataspace.Action> => {
    const [next, actions] = machine.transition(state, event)
    state = next
    return actions
  }
  for (let n = 0; n < observers; n++) step({ _tag: "Enter", pid: `observer ${n}`, name: "observer", actions: [Process.observe(0, wanted)] })
  step({ _tag: "Enter", pid: "speaker", name: "speaker", actions: [] })
  return (...actions: ReadonlyArray<Process.Action>) => step({ _tag: "Perform", pid: "speaker", actions })
}
const wanted = Pattern.record("said", Pattern.bind())
const said = (i: number): Value.Value => Value.record("said", i)
const heardBy = (count: number, run: () => void): void => {
  const before = heard
  run()
  if (heard !== before + count) throw new Error(`${heard - before} heard of it where ${count} should`)
}
const told = (actions: ReadonlyArray<Dataspace.Action>, count: number): void => {
  if (actions.length !== count) throw new Error(`${actions.length} were told where ${count} should be`)
}

const listeners = Array.from({ length: width }, () => (value: Value.Value) => { heard += value === undefined ? 0 : 1 })
const inside = world(Array.from({ length: width }, () => ({ name: "listener", process: { behaviour: "listener", config: wanted } })))
const outside = world([], width)
const single = world([], 1)
report([
  ...await compare(`an event to each of ${width}`, [
    { name: "functions, called", run: (i) => heardBy(width, () => { for (const listen of listeners) listen(said(i)) }), per: width },
    { name: "processes within: a message", run: (i) => heardBy(width, () => inside(Process.send(said(i)))), per: width },
    { name: "processes outside: a message", run: (i) => told(outside(Process.send(said(i))), width), per: width },
    {
      name: "processes outside: a fact that comes and goes, either",
      run: (i) => { told(outside(Process.assert(0, said(i))), width); told(outside(Process.retract(0)), width) }, per: 2 * width
    }
  ]),
  ...await compare("a message to one", [
    { name: "a function, called", run: (i) => listeners[0]!(said(i)) },
    { name: "a turn each", run: (i) => told(single(Process.send(said(i))), 1) },
    { name: `${perTurn} a turn`, run: (i) => told(single(...Array.from({ length: perTurn }, (_, n) => Process.send(said(i + n)))), 1), per: perTurn }
  ]),
  ...await compare("a process that comes, holds a fact and quits", [
    { name: "a message, as above", run: (i) => told(single(Process.send(said(i))), 1) },
    { name: "the process", run: () => told(single(Process.spawn("brief", { behaviour: "brief", config: 0 })), 0) }
  ])
])
