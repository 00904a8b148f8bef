/** The rules of the kernel, one by one. */
import { assert, describe, it } from "@effect/vitest"
import { Dataspace, Process, Value } from "../../src/index.ts"
import { behaviours, p, script, shown, throws, v } from "./script.ts"

const machine = Dataspace.of(behaviours)
/** A dataspace with these scripts and an external process that logs; `perform` is a turn of it. */
const world = (...boot: ReadonlyArray<{ readonly name: string; readonly process: Process.Process }>) => {
  let [state] = machine.initial({ fuel: 100 })
  const log: Array<string> = []
  let continues = 0
  const take = ([next, actions]: readonly [Dataspace.State, ReadonlyArray<Dataspace.Action>]) => {
    state = next
    for (const action of actions) {
      if (action._tag === "Continue") continues++
      if (action._tag === "Deliver") log.push(action.events.map((event) => event.handle === "log" ? event.captures.join(" ") : shown(event)).join("; "))
      if (action._tag === "Exited") log.push(`exited ${action.pid}`)
    }
  }
  const perform = (...actions: ReadonlyArray<Process.Action>) => take(machine.transition(state, { _tag: "Perform", pid: "test", actions }))
  take(machine.transition(state, { _tag: "Enter", pid: "test", name: "test", actions: [Process.observe("log", p("<log $ $>"))] }))
  take(machine.start(state, boot))
  return { log, perform, take, state: () => state, continues: () => continues }
}

describe("the kernel", () => {
  it("tells a new observation what holds already, in the turn in which it is made", () => {
    const { log, perform } = world()
    perform(Process.assert(1, v("<f 1>")), Process.observe(2, p("<f $>")), Process.assert(3, v("<f 2>")))

    assert.deepStrictEqual(log, ["+2 [1]; +2 [2]"])
  })
  it("counts copies: the first is news, and the last to go", () => {
    const { log, perform } = world()
    perform(Process.observe(0, p("<f _>")))
    perform(Process.assert(1, v("<f 1>")))
    perform(Process.assert(2, v("<f 1>")), Process.assert(3, v("<f 2>")))
    perform(Process.retract(1), Process.retract(2))
    perform(Process.retract(3))

    assert.deepStrictEqual(log, ["+0 []", "-0 []"])
  })
  it("replaces a fact without showing its absence, and an equal one without a word", () => {
    const { log, perform } = world()
    perform(Process.observe(0, p("<f $>")), Process.observe(1, p("<f _>")), Process.assert(2, v("<f 1>")))
    perform(Process.assert(2, v("<f 2>")))
    perform(Process.assert(2, v("<f 2>")))

    assert.deepStrictEqual(log, ["+0 [1]; +1 []", "+0 [2]; -0 [1]"])
  })
  it("drops what a turn both asserts and retracts", () => {
    const { log, perform } = world()
    perform(Process.observe(0, p("<f $>")))
    perform(Process.assert(1, v("<f 1>")), Process.send(v("<f 2>")), Process.retract(1))

    assert.deepStrictEqual(log, ["!0 [2]"])
  })
  it("shows interest as a fact", () => {
    const { log, perform } = world()
    perform(Process.observe("demand", p("<Observe <bind <rec f [$]>>>")))
    perform(Process.observe(1, p("$")), Process.retract(1))

    assert.deepStrictEqual(log, [])
    perform(Process.observe(1, { _tag: "Bind", pattern: p("<f $>") }))
    assert.deepStrictEqual(log, ["+demand [<bind <_>>]"])
  })
  it("tells nobody of an observation that it no longer holds", () => {
    const { log } = world(
      script("A", [Process.observe("x", p("<f $>")), Process.observe("go", p("<go>"))], { reactions: [{ on: "+x [1]", do: [Process.retract("x")] }] }),
      script("B", [Process.assert(1, v("<f 1>")), Process.assert(2, v("<f 2>"))])
    )

    assert.deepStrictEqual(log, ["A +x [1]"])
  })

  it("contains a crash: nothing of the turn happens, all that the process held goes, and its end is said", () => {
    const { log, perform } = world(
      script("A", [Process.assert(1, v("<held>")), Process.observe("go", p("<go>"))], { silent: true, reactions: [{ on: "!go", do: [throws] }] }),
      script("W", [Process.observe("held", p("<held>")), Process.observe("end", p("<exited $ _ $>"))])
    )
    perform(Process.send(v("<go>")))

    assert.deepStrictEqual(log, ["W +held []", 'W !end ["A" <crash "script">]', "W -held []"])
  })
  it("ends a process that answers nonsense, whatever it is", () => {
    const nonsense: ReadonlyArray<readonly [string, unknown]> = [
      ["nothing", undefined], ["no step", 5], ["no list", [1, 2]], ["an unknown action", [1, [{ _tag: "Fly" }]]], ["no action", [1, [null]]],
      ["no value", [1, [Process.assert(1, undefined as never)]]], ["a function", [1, [Process.send((() => 1) as never)]]], ["a lone surrogate", [1, [Process.send("\ud800")]]],
      ["no handle", [1, [Process.assert({} as never, 1)]]], ["a spawn without a name", [1, [{ _tag: "Spawn", process: { behaviour: "x", config: 1 } }]]]
    ]
    for (const [what, answer] of nonsense) {
      const space = Dataspace.of({ bad: { initial: () => [0, [Process.observe("go", p("<go>")), Process.assert("held", v("<held>"))]], transition: () => answer as never } })
      const [booted] = space.initial({ boot: [{ name: "bad", process: { behaviour: "bad", config: 0 } }] })
      const [entered] = space.transition(booted, { _tag: "Enter", pid: "t", name: "t", actions: [Process.observe("end", p("<exited $ _ <crash _>>"))] })

      const [after, actions] = space.transition(entered, { _tag: "Perform", pid: "t", actions: [Process.send(v("<go>"))] })

      assert.deepStrictEqual(actions, [{ _tag: "Deliver", pid: "t", events: [Process.received("end", ["bad"])] }], what)
      assert.strictEqual(Dataspace.population(after), 1, what)
    }
  })
  it("ends a process that throws what is no error, and one whose behaviour is unknown", () => {
    const { log } = world(
      script("W", [Process.observe("end", p("<exited $ _ $>"))]),
      { name: "ghost", process: { behaviour: "toString", config: 0 } }
    )

    assert.deepStrictEqual(log, ['W !end ["ghost" <crash "no behaviour is called toString">]'])
  })
  it("spawns with initial assertions in the spawning turn: no gap when responsibility is handed over", () => {
    const child = script("child", [Process.assert(1, v("<service>"))], { silent: true })
    const { log, perform } = world(
      script("W", [Process.observe("s", p("<service>"))]),
      script("A", [Process.assert(1, v("<service>")), Process.observe("go", p("<go>"))], { silent: true, reactions: [{ on: "!go", do: [Process.spawn("child", child.process), Process.quit()] }] })
    )
    perform(Process.send(v("<go>")))

    assert.deepStrictEqual(log, ["W +s []"])
  })
  it("drops what comes after a quit, and says why it was", () => {
    const { log } = world(
      script("W", [Process.observe("s", p("<s $>")), Process.observe("end", p("<exited A _ $>")), Process.observe("ends", p("<exited $ _ $>"))]),
      script("A", [Process.send(v("<s 1>")), Process.quit("bored"), Process.send(v("<s 2>"))])
    )

    assert.deepStrictEqual(log, ["W !s [1]", 'W !ends ["A" "bored"]'])
  })
  it("lets others run when a process talks to itself for ever", () => {
    const { continues, log, perform, state, take } = world(
      script("busy", [Process.observe("t", p("<tick>")), Process.send(v("<tick>"))], { silent: true, reactions: [{ on: "!t", do: [Process.send(v("<tick>"))] }] }),
      script("A", [Process.observe("x", p("<x>"))])
    )
    perform(Process.send(v("<x>")))
    take(machine.transition(state(), { _tag: "Continue" }))

    assert.deepStrictEqual([log, continues()], [["A !x []"], 2])
  })
  it("ends an external process that leaves, or that performs what is none, and says so to its owner", () => {
    const { log, perform } = world()
    perform(Process.assert(1, v("<f>")), { _tag: "Fly" } as never)

    assert.deepStrictEqual(log, ["exited test"])
  })
  it("takes a fact of any kind, and none that is too large", () => {
    const { log, perform } = world()
    perform(Process.observe(0, p("$")), Process.assert(1, new Value.Dictionary([[v("a"), new Value.Set([1])]])))
    perform(Process.assert(1, "x".repeat(5 * 1024 * 1024)))

    assert.strictEqual(log.at(-1), "exited test")
  })
  it("tells the reason with the last copy that goes: of a retraction, of an end, of a crash, of a replacement none", () => {
    const { log, perform, take, state } = world()
    perform(Process.observe(0, p("<f $>")), Process.assert(1, v("<f 1>")), Process.assert(2, v("<f 2>")))
    const reasons = () => {
      const told: Array<unknown> = []
      return { told, hear: (actions: ReadonlyArray<Dataspace.Action>) => {
        for (const action of actions) if (action._tag === "Deliver") for (const event of action.events) if (event._tag === "Removed") told.push(event.reason)
      } }
    }
    const { hear, told } = reasons()
    const turn = (event: Dataspace.Event) => {
      const step = machine.transition(state(), event)
      hear(step[1])
      take(step)
    }
    turn({ _tag: "Perform", pid: "test", actions: [Process.retract(1, "enough")] })
    turn({ _tag: "Perform", pid: "test", actions: [Process.assert(2, v("<f 3>"))] })
    turn({ _tag: "Enter", pid: "other", name: "other", actions: [Process.assert(1, v("<f 4>")), Process.assert(2, v("<f 3>"))] })
    turn({ _tag: "Leave", pid: "other", reason: "bored" })
    turn({ _tag: "Perform", pid: "test", actions: [Process.spawn("bad", script("bad", [Process.assert(1, v("<f 5>")), Process.observe("go", p("<go>"))], { silent: true, reactions: [{ on: "!go", do: [throws] }] }).process)] })
    turn({ _tag: "Perform", pid: "test", actions: [Process.send(v("<go>"))] })

    assert.deepStrictEqual(told, ["enough", undefined, "bored", Value.record("crash", "script")])
    assert.isAbove(log.length, 6)
  })
  it("tells a process its own number, and a parent the number of its child before the child does anything more", () => {
    const space = Dataspace.of({
      child: { initial: (_, self) => [self, [Process.assert("here", Value.record("here", self)), Process.observe("call", p("<call>"))]], transition: (self) => [self, [Process.send(Value.record("answer", self))]] },
      parent: {
        initial: () => [0, [Process.observe("answer", p("<answer $>")), Process.spawn("child", { behaviour: "child", config: 0 }, "mine"), Process.send(v("<call>"))]],
        transition: (n, event) => [n + 1, [Process.send(Value.record("heard", n, event._tag, event.captures[0]!))]]
      }
    })
    let [state] = space.initial({})
    ;[state] = space.transition(state, { _tag: "Enter", pid: "t", name: "t", actions: [Process.observe("here", p("<here $>")), Process.observe("heard", p("<heard $ $ $>"))] })

    const [, actions] = space.start(state, [{ name: "parent", process: { behaviour: "parent", config: 0 } }])

    assert.deepStrictEqual(actions.flatMap((action) => action._tag === "Deliver" ? action.events : []), [
      Process.added("here", [2]), Process.received("heard", [0, "Spawned", 2]), Process.received("heard", [1, "Received", 2])
    ])
  })
})
