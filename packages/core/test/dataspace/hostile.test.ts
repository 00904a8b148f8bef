/** Programs that mean harm, or were written in haste: each costs itself something, and nobody else. */
import { assert, describe, it } from "@effect/vitest"
import { Dataspace, Ground, Nested, Pattern, Process, Value } from "../../src/index.ts"
import { p, v } from "./script.ts"

const deep = (levels: number): Value.Value => (levels === 0 ? 1 : [deep(levels - 1)])
/** A dataspace whose external process `w` observes; `told` is what it was told. */
const world = (behaviours: Process.Behaviours, observations: ReadonlyArray<Process.Action>, boot: Dataspace.Config["boot"] = []) => {
  const machine = Dataspace.of(behaviours)
  let [state] = machine.initial({})
  const told: Array<Process.Event> = []
  const take = ([next, actions]: readonly [Dataspace.State, ReadonlyArray<Dataspace.Action>]) => {
    state = next
    for (const action of actions) if (action._tag === "Deliver") told.push(...action.events)
    return actions
  }
  take(machine.transition(state, { _tag: "Enter", pid: "w", name: "w", actions: observations }))
  take(machine.start(state, boot))
  return { told, state: () => state, tell: (event: Dataspace.Event) => take(machine.transition(state, event)), perform: (...actions: ReadonlyArray<Process.Action>) => take(machine.transition(state, { _tag: "Perform", pid: "w", actions })) }
}

describe("a program that means harm", () => {
  it("may hold and say what is nested deeply, and ends where it would not fit through", () => {
    const { perform, tell, told } = world({}, [Process.observe(0, p("$")), Process.observe(1, p("<exited $ _ $>"))])
    told.length = 0
    perform(Process.assert(2, deep(110)), Process.send(deep(110)))
    tell({ _tag: "Enter", pid: "x", name: "x", actions: [Process.quit(deep(110))] })
    tell({ _tag: "Enter", pid: "y", name: "y", actions: [Process.assert(0, deep(111))] })

    assert.deepStrictEqual(told.filter(({ handle }) => handle === 0).map(({ _tag }) => _tag), ["Added", "Received", "Received", "Received"])
    assert.deepStrictEqual(told.filter(({ handle }) => handle === 1).map(({ captures: [, reason] }) => reason), [deep(110), v('<crash "nested too deep">')])
  })
  it("changes nothing by changing what it asserted", () => {
    const list: Array<Value.Value> = [1]
    const bytes = Uint8Array.of(1)
    const { perform, told } = world({}, [Process.observe(0, p("[$]")), Process.observe(1, Pattern.literal(Uint8Array.of(1)))])
    perform(Process.assert(2, list), Process.assert(3, bytes))
    list.push(2)
    bytes[0] = 2
    perform(Process.retract(2), Process.retract(3))

    assert.deepStrictEqual(told, [Process.added(0, [1]), Process.added(1, []), Process.removed(0, [1]), Process.removed(1, [])])
  })
  it("spawns itself from its own start without end: it is stopped, and the rest goes on", () => {
    const twice: Process.Behaviour = { initial: () => [0, [Process.spawn("again", { behaviour: "twice", config: 0 }), Process.spawn("again", { behaviour: "twice", config: 0 })]], transition: (n) => [n, []] }
    const { perform, state, told } = world({ twice }, [Process.observe(0, p("<hello>"))], [{ name: "first", process: { behaviour: "twice", config: 0 } }])
    perform(Process.send(v("<hello>")))

    assert.isAtMost(Dataspace.population(state()), 10_001)
    assert.deepStrictEqual(told, [Process.received(0, [])])
  })
  it("says very much at its start, and lives", () => {
    const flood: Process.Behaviour = { initial: () => [0, [Process.assert(0, v("<here>")), ...Array.from({ length: 200_000 }, () => Process.send(1))]], transition: (n) => [n, []] }
    const { state, told } = world({ flood }, [Process.observe(0, p("<here>"))], [{ name: "flood", process: { behaviour: "flood", config: 0 } }])

    assert.deepStrictEqual([told, Dataspace.population(state())], [[Process.added(0, [])], 2])
  })
  it("is busy for ever, deep inside: one transition runs its share once", () => {
    let turns = 0
    const behaviours: { [name: string]: Process.Behaviour } = {
      busy: {
        initial: () => [0, [Process.send(v("<tick>")), Process.observe(0, p("<tick>"))]],
        transition: (n) => {
          turns++
          return [n, [Process.send(v("<tick>"))]]
        }
      }
    }
    behaviours["nested"] = Nested.nested(behaviours)
    const within = (levels: number): Process.Process => levels === 0 ? { behaviour: "busy", config: 0 } : { behaviour: "nested", config: { boot: [{ name: "in", process: within(levels - 1) }] } }
    const { tell } = world(behaviours, [], [{ name: "deep", process: within(5) }])
    assert.strictEqual(turns, 1_000)

    tell({ _tag: "Continue" })
    assert.strictEqual(turns, 2_000)
  })
  it("throws what has no text, or calls itself what is none", () => {
    const odd: Process.Behaviour = { initial: () => { throw Object.assign(new Error("x"), { message: { toString: () => { throw new Error("y") } } }) }, transition: (n) => [n, []] }
    const { tell, told } = world({ odd }, [Process.observe(0, p("<exited _ _ $>"))], [{ name: "odd", process: { behaviour: "odd", config: 0 } }])

    assert.deepStrictEqual(told, [Process.received(0, [v('<crash "it threw what cannot be shown">')])])
    assert.deepStrictEqual(tell({ _tag: "Enter", pid: "z", name: "\ud800", actions: [] }).map(({ _tag }) => _tag), ["Exited"])
    assert.deepStrictEqual(tell({ _tag: "Perform", pid: "w", actions: [Process.assert(Number.NaN, 1)] }).map(({ _tag }) => _tag), ["Exited"])
  })
  it("shows a nested dataspace what does not fit into it: that does not come in, and the rest does", () => {
    const behaviours: { [name: string]: Process.Behaviour } = {
      relay: { initial: () => [0, [Process.observe(0, p("<inbound $>"))]], transition: (n, event) => [n, event._tag === "Added" ? [Process.send(Value.record("outbound", Value.record("seen", typeof event.captures[0])))] : []] }
    }
    behaviours["nested"] = Nested.nested(behaviours)
    const { perform, told } = world(behaviours, [Process.observe(0, p("<seen $>"))], [{ name: "in", process: { behaviour: "nested", config: { boot: [{ name: "relay", process: { behaviour: "relay", config: 0 } }] } } }])
    told.length = 0
    perform(Process.assert(1, "x".repeat(4 * 1024 * 1024 - 10)), Process.assert(2, deep(110)), Process.assert(3, true))
    perform(Process.retract(1), Process.retract(2))

    assert.deepStrictEqual(told, [Process.received(0, ["boolean"])])
  })
  it("says what looks like interest: nobody takes it for interest", () => {
    const ground = Ground.of({ waits: { initial: () => [0, [Process.observe(0, p("<event tick $>")), Process.observe(1, p("<event tock 7>"))]], transition: (n) => [n, [Process.send(Process.observation(p("<event tick $>")))]] } })
    const [state, first] = ground.initial({ boot: [{ name: "waits", process: { behaviour: "waits", config: 0 } }] })

    assert.deepStrictEqual(first, [{ _tag: "Wait", source: v("tick") }, { _tag: "Wait", source: v("tock") }])
    assert.deepStrictEqual(ground.transition(state, { _tag: "Fired", source: v("tick"), value: 1 })[1], [])
  })
})
