/** Strangers in a conversation, and programs in haste: what they assert, send and forget harms nobody. */
import { assert, describe, it } from "@effect/vitest"
import { Conversation, Dataspace, Ground, Process, Role, Topic, Value } from "../../src/index.ts"
import { heard, m, nest, P, S, script, stepwise, t, up, v, world } from "./script.ts"

const asserting = (run: ReturnType<typeof world>, ...actions: ReadonlyArray<Process.Action>) => run.take(run.machine.transition(run.state(), { _tag: "Perform", pid: "test", actions }))
const fact = (topic: Topic.Topic, who: Role.Who) => Role.fact({ orientation: "publisher", interest: "participant", topic: Topic.canonical(topic)! }, who)
const deep = (levels: number): Topic.Topic => (levels === 0 ? Topic.wild : [deep(levels - 1)])

describe("a stranger", () => {
  it("whose topic makes a shared one that is too deep is not met, and the endpoint lives", () => {
    const run = world(stepwise("A", [S("s", "<pair ?v [?v ?v]>", { presence: "set" })], { 1: [] }))
    asserting(run, Process.assert("deep", fact(Topic.record("pair", deep(35), [Topic.wild, deep(34)]), ["x", 1])), Process.assert("fits", fact(t("<pair 1 [1 _]>"), ["x", 2])))
    run.go("A")

    assert.deepStrictEqual(run.log.filter((line) => line.startsWith("exit")), [])
    assert.include(run.log, "A.s +P <pair 1 [1 1]>")
  })
  it("who takes another's name takes nobody away", () => {
    const run = world(script("A", [S("s", "<x _>")]), stepwise("B", [P("p", "<x 1>")], { 1: [Conversation.withdraw("p", "why")] }))
    asserting(run, Process.assert("forged", fact(t("<x 2>"), [2, 1])))
    asserting(run, Process.retract("forged"))
    run.go("B")

    assert.deepStrictEqual(run.log.filter((line) => line.startsWith("A")), ["A.s +P <x 1>", "A.s +P <x 2>", "A.s -P <x 2> (?)", 'A.s -P <x 1> ("why")'])
  })
  it("who asserts and sends what looks like endpoints and answers is understood as far as it makes sense", () => {
    const run = world(script("A", [S("s", "<x _>"), Conversation.yieldTo("log"), Conversation.spawn("child", script("C", [S("c", "never")]).process, "k")]))
    const real = fact(t("<x 1>"), ["x", 1]) as Value.Record
    asserting(run,
      Process.send(real), Process.assert(1, new Value.Record(real.label, real.fields.with(5, v("<var x>")))), Process.assert(2, new Value.Record(real.label, real.fields.with(1, 7))),
      Process.send(v("<spawned-outside [1 1] spoofed>")), Process.send(v("<spawned-outside [1 2] spoofed>")), Process.send(v("<quit 1>"))
    )

    assert.deepStrictEqual([...run.log].sort(), ["A.resumed", "A.spawned 2"])
  })
  it("costs little with topics that grow when they meet", () => {
    const names = Array.from({ length: 40 }, (_, i) => Topic.variable(i))
    assert.isUndefined(Topic.unify(Topic.record("pair", names, names), Topic.record("pair", names, [...names.slice(1).map((name) => [name, name]), 0])))
  })
  it("says something large to a topic that is not exact, and is heard", () => {
    const run = world(script("A", [S("s", "<data _ ?v ?v>")]))
    const large = Array.from({ length: 150_000 }, (_, i) => i % 10)
    const message = (a: number, b: number) => Process.send(Role.message("publisher", Value.record("data", large, a, b)))
    asserting(run, message(1, 1), message(1, 2))

    assert.strictEqual(run.log.length, 1)
  })
})

describe("a program in haste", () => {
  it("that withdraws and opens one endpoint anew hears the end before the beginning", () => {
    const run = world(script("B", [P("p", "<x 1>")]), stepwise("A", [S("s", "<x _>")], { 1: [Conversation.withdraw("s", "again"), S("s", "<x 1>")] }))
    run.go("A")

    assert.deepStrictEqual(heard(run.log).filter((line) => line.startsWith("A")), ["A.s +P <x 1>", 'A.s -P <x 1> ("again")', "A.s +P <x 1>"])
  })
  it("that goes on after it has quit is not heard any more, and its reason stays", () => {
    const run = world(script("A", [Conversation.quit("done"), S("e", "x"), P("e", "x"), m("y")]), script("B", [S("b", "y")]))
    const two = world(script("P1", [P("p", "<x 1>")]), script("P2", [P("p", "<x 2>")]), stepwise("A", [S("s", "<x _>")], { 1: [Conversation.withdraw("s")] }, { "s -P": [Conversation.quit("enough")] }))
    two.go("A")

    assert.deepStrictEqual(run.log, ['exit "A" "done"'])
    assert.deepStrictEqual(two.log.filter((line) => line.includes("s -P") || line.startsWith("exit")), ["A.s -P <x 1> (#t)", 'exit "A" "enough"'])
  })
  it("that withdraws at meta level hears of it after those outside", () => {
    const run = world(script("O", [S("o", "<n _>")]), nest("vm", script("I", [up(P("m", "<n 1>")), up(S("go", "<go \"I\" _>"))], { "go !P": [up(Conversation.withdraw("m", "why"))] })))
    run.go("I")

    assert.deepStrictEqual(heard(run.log), ["O.o +P <n 1>", "I.m +S <n 1>", 'O.o -P <n 1> ("why")', 'I.m -S <n 1> ("why")'])
  })
  it("that spawns outside what is no value ends with that reason", () => {
    const spawn = up(Conversation.spawn("x", { behaviour: "script", config: { start: [] } }))
    const run = world(nest("vm", script("I", [spawn]), script("W", [S("w", "never")])))

    assert.strictEqual(Dataspace.population(run.state()), 2)
    assert.deepStrictEqual(run.log, [])
  })
  it("that calls a program like nested dataspaces is told so", () => {
    assert.throws(() => Conversation.behaviours({ nested: { boot: () => [0, []], handlers: {} } }), "nested")
  })
})

describe("the ground", () => {
  const behaviours = Conversation.behaviours({
    waits: { boot: (then: ReadonlyArray<Conversation.Action>) => [0, [S("e", "<event evt _>"), ...then]], handlers: { log: (n: number) => [n + 1, []] } }
  })
  const ground = Ground.of(behaviours)
  const started = (...then: ReadonlyArray<Conversation.Action>) => ground.initial({ boot: [{ name: "waits", process: { behaviour: "waits", config: then } }] })

  it("fails when somebody speaks to the level above it, whatever he says", () => {
    const outside = [up(Conversation.quit()), up(Conversation.spawn("x", { behaviour: "waits", config: 0 })), up(Conversation.kill(1)), up(P("p", "x"))]
    assert.deepStrictEqual(outside.map((action) => started(action)[1].at(-1)!._tag), ["Failed", "Failed", "Failed", "Failed"])
  })
  it("rejects what a source fires when it is too large to be said, and hears what comes after", () => {
    const [state] = started()
    const [same, rejected] = ground.transition(state, { _tag: "Fired", source: v("evt"), value: "x".repeat(5 * 1024 * 1024) })
    const [after] = ground.transition(same, { _tag: "Fired", source: v("evt"), value: 1 })

    assert.deepStrictEqual(rejected, [{ _tag: "Rejected", source: v("evt") }])
    assert.deepStrictEqual([...after.inner.processes.values()].map(({ state: own }) => (own as { readonly own?: number } | undefined)?.own).filter((n) => n !== undefined), [1])
  })
})
