/** The conformance rows of nested and ground dataspaces (N01-N11, G01-G05) in conversations, by their names; the fixed variants. */
import { assert, describe, it } from "@effect/vitest"
import { Conversation, Dataspace, Ground, Text } from "../../src/index.ts"
import { crash, f, heard, line, m, nest, observer, P, S, script, type Script, stepwise, up, v, world } from "./script.ts"

const del = Conversation.withdraw
const of = (name: string, log: ReadonlyArray<string>) => heard(log).filter((one) => one.startsWith(`${name}.`)).map((one) => one.slice(name.length + 1))

describe("C3: nested dataspaces", () => {
  it("N01 down and up", () => {
    const { log } = world(
      script("O", [S("o", "<up _>")]),
      nest("vm",
        script("I1", [up(S("a", "<down _>"))], { "a !P <down 1>": [m("<local 1>")], "a !P <down 2>": [m("<local 2>")] }),
        script("I2", [S("b", "<local _>")], { "b !P <local 1>": [up(m("<up 1>"))], "b !P <local 2>": [up(m("<up 2>"))] })),
      script("S", [P("s", "<down _>")], { "s +S": [m("<down 1>"), m("<down 2>")] })
    )

    assert.deepStrictEqual(of("S", log), ["s +S <down _0>"])
    assert.deepStrictEqual(of("I1", log), ["a +P <down _0>", "a !P <down 1>", "a !P <down 2>"])
    assert.deepStrictEqual(of("I2", log), ["b !P <local 1>", "b !P <local 2>"])
    assert.deepStrictEqual(of("O", log), ["o !P <up 1>", "o !P <up 2>"])
  })
  it("N02 inner exit", () => {
    const { go, log, state } = world(
      script("O", [S("o", "<n _>")]),
      nest("vm", script("I", [up(P("m", "<n 1>")), P("l", "<l _>"), up(S("go", "<go \"I\" _>"))], { "go !P": [Conversation.quit(Symbol.for("done"))] }), script("I2", [S("w", "<l _>")]))
    )
    go("I")

    assert.deepStrictEqual(of("I2", log), ["w +P <l _0>", "w -P <l _0> (done)"])
    assert.deepStrictEqual(of("O", log), ["o +P <n 1>", "o -P <n 1> (done)"])
    assert.strictEqual(Dataspace.population(state()), 3, "the space lives on, because I2 does")
  })
  it("N03 outer kill", () => {
    const { go, log } = world(
      nest("vm", script("I", [up(P("m", "<n 1>")), P("l", "<l _>")]), script("I2", [S("w", "<l _>")])),
      script("O", [S("o", "<n _>")]),
      stepwise("K", [], { 1: [Conversation.kill(1, v("kv"))] })
    )
    log.length = 0
    go("K")

    assert.deepStrictEqual(heard(log).toSorted(), ["O.o -P <n 1> (kv)", 'exit "vm" kv'])
  })
  it("N04 meta quit", () => {
    const { go, log } = world(
      script("O", [S("o", "<n _>")]),
      nest("vm", script("I", [up(P("m", "<n 1>")), up(S("go", "<go \"I\" _>"))], { "go !P": [up(Conversation.quit(v("vq"))), Conversation.yieldTo("log")] }))
    )
    go("I")

    assert.deepStrictEqual(of("O", log), ["o +P <n 1>", "o -P <n 1> (vq)"])
  })
  it("N05 meta spawn with continuation", () => {
    const oc = script("OC", [S("here", "<hello>")])
    const config = v("[]") // what crosses is a value: the program knows the rest
    const { log } = spawner(config, oc.process.config as Script)

    assert.deepStrictEqual(log, ["OC booted as 2", "I.spawned 2", "OC.here !P <hello>"])
  })
  it("N06 nested crash is contained", () => {
    const { add, go, log } = world(
      script("O", [S("o", "<n _>")]),
      nest("vm", script("I", [up(P("m", "<n 1>")), up(S("go", "<go \"I\" _>"))], { "go !P": [{ _tag: "AtMeta", action: { _tag: "Endpoint" } } as never] })),
      stepwise("B", [], { 1: [] })
    )
    go("I")
    go("B")
    add(script("C", [S("c", "<c>"), m("<c>")]))

    assert.match(of("O", log).at(-1)!, /^o -P <n 1> \(<crash /)
    assert.deepStrictEqual([log.filter((one) => one.startsWith("B.go !")).length, of("C", log)], [1, ["c !P <c>"]])
  })
  it("N07 silent nested collection", () => {
    const { log, state } = world(nest("vm", script("I", [Conversation.quit()])))

    assert.deepStrictEqual([log, Dataspace.population(state())], [['exit "vm" #t'], 1])
  })
  it("N08 meta and local ids are separate", () => {
    const { go, log } = world(nest("vm", script("I", [S("e", "<x _>"), up(S("e", "<x _>")), up(S("go", "<go \"I\" _>"))], { "go !P": [up(del("e")), m("<x 1>")] })), script("A", [P("p", "<x _>")]))
    go("I")

    assert.deepStrictEqual(of("A", log), ["p +S <x _0>", "p -S <x _0> (#t)"])
    assert.deepStrictEqual(of("I", log), ["e +P <x _0>", "e !P <x 1>", "e -P <x _0> (#t)"])
  })
  it("N09 stale meta event", () => {
    const { log } = world(
      nest("vm", script("I", [up(S("a", "<a _>"))], { "a !P <a 1>": [Conversation.quit()] }), script("stay", [S("never", "<never>")])),
      script("O", [m("<a 1>"), m("<a 2>")])
    )

    assert.deepStrictEqual(of("I", log), ["a !P <a 1>"])
  })
  it("N10 fairness: a busy space that is poked runs one round a turn", () => {
    const { log, machine, state } = world()
    const busy = nest("vm", script("busy", [Conversation.yieldTo("log")], { resumed: [Conversation.yieldTo("log")] }), script("I", [up(S("poke", "<poke>"))]))
    let [now] = machine.initial({ fuel: 5 })
    let continues = 0
    const take = ([next, actions]: ReturnType<typeof machine.transition>) => {
      now = next
      continues += actions.filter(({ _tag }) => _tag === "Continue").length
    }
    take(machine.start(now, [busy]))
    for (let i = 0; i < 4; i++) take(machine.start(now, [script("poker", [m("<poke>"), Conversation.quit()])]))

    assert.strictEqual(continues, 1)
    take(machine.transition(now, { _tag: "Continue" }))
    assert.strictEqual(continues, 2)
    assert.isAbove(log.length, 0)
    assert.strictEqual(Dataspace.population(state()), 1)
  })
  it("N11 meta role change: the process inside ends, nothing outside", () => {
    const { log, state } = world(script("O", [S("o", "<n _>")]), nest("vm", script("I", [up(P("m", "<n 1>")), up(P("m", "<n 2>"))]), script("stay", [S("s", "<never>")])))

    assert.deepStrictEqual([of("O", log), Dataspace.population(state())], [[], 3])
  })
})

/** A process inside spawns one outside, by the name of its program and a value as its configuration. */
const spawner = (config: ReturnType<typeof v>, outside: Script) => {
  const log: Array<string> = []
  const machine = Dataspace.of(Conversation.behaviours({
    oc: {
      boot: (_, self) => {
        log.push(`OC booted as ${Text.print(self)}`)
        return [outside, outside.start]
      },
      handlers: { log: (state, event) => {
        log.push(`OC.${line(event)}`)
        return [state, []]
      } }
    },
    inner: {
      boot: () => [0, [up(Conversation.spawn("OC", { behaviour: "oc", config }, "k"))]],
      handlers: { k: (state, event) => {
        log.push(`I.${line(event)}`)
        return [state, [up(m("<hello>"))]]
      } }
    }
  }))
  const [state] = machine.initial({ boot: [nest("vm", { name: "I", process: { behaviour: "inner", config: 0 } })] })
  return { log, state }
}

describe("conversations", () => {
  it("end another process, which is known by its number, and whoever ends it hears of it", () => {
    const { go, log } = world(script("A", [P("a", "<x>")]), stepwise("K", [S("s", "<x>")], { 1: [Conversation.kill(1, "enough")] }))
    go("K")

    assert.deepStrictEqual(of("K", log), ["s +P <x>", 's -P <x> ("enough")'])
  })
  it("tell a crash as the reason of absence, and do nothing of the turn that crashed", () => {
    const { go, log } = world(script("W", [S("w", "<x _>")]), stepwise("A", [P("p", "<x 1>")], { 1: crash }))
    go("A")

    assert.deepStrictEqual(of("W", log), ["w +P <x 1>", 'w -P <x 1> (<crash "script">)'])
  })
  it("hand a role to a child without a gap, when presence is a set", () => {
    const child = script("child", [P("p", "<x 1>")])
    const { go, log } = world(script("W", [S("w", "<x _>", { presence: "set" })]), stepwise("A", [P("p", "<x 1>")], { 1: [Conversation.spawn("child", child.process, "k")] }, { spawned: [Conversation.quit()] }))
    go("A")

    assert.deepStrictEqual(of("W", log), ["w +P <x 1>"])
    assert.deepStrictEqual(of("A", log).at(-1), "spawned 3")
  })
})

describe("C3: ground", () => {
  const log: Array<string> = []
  const script = (name: string, start: Script["start"]) => ({ name, process: { behaviour: "script", config: { name, start } } })
  const ground = Ground.of(Conversation.behaviours({
    script: {
      boot: (config: Script) => [config, config.start],
      handlers: { log: (state: Script, event) => {
        log.push(`${state.name}.${line(event)}`)
        return [state, []]
      } }
    }
  }))
  const tags = (actions: ReadonlyArray<Ground.Action>) => actions.map((action) => action._tag === "Wait" || action._tag === "Unwait" ? `${action._tag} ${Text.print(action.source)}` : action._tag)
  const fire = (state: Ground.State) => ground.transition(state, { _tag: "Fired", source: v("evt"), value: 1 })

  it("G01 ground termination", () => {
    assert.deepStrictEqual(tags(ground.initial({ boot: [script("driver", [S("set", "<set-timer _>")])] })[1]), ["Terminated"])
  })
  it("G02 blocking wait", () => {
    assert.deepStrictEqual(tags(ground.initial({ boot: [script("A", [S("e", "<event evt _>")])] })[1]), ["Wait evt"])
  })
  it("G03 observer does not block", () => {
    assert.deepStrictEqual(tags(ground.initial({ boot: [script("A", [S("e", "<event evt _>", observer)])] })[1]), ["Terminated"])
  })
  it("G04 one firing reaches all", () => {
    log.length = 0
    const [state] = ground.initial({ boot: [script("A", [S("e", "<event evt _>")]), script("B", [S("e", "<event evt _>")]), script("C", [S("e", "<event evt _>", observer)])] })
    fire(state)

    assert.deepStrictEqual(log, ["A.e !P <event evt 1>", "B.e !P <event evt 1>", "C.e !P <event evt 1>"])
  })
  it("G05 meta action at ground", () => {
    assert.strictEqual(ground.initial({ boot: [script("A", [S("e", "<event evt _>"), up(m("<x>"))])] })[1].at(-1)!._tag, "Failed")
  })
  it("waits for what a process in a nested space asks for at meta level", () => {
    log.length = 0
    const [state, actions] = ground.initial({ boot: [{ name: "vm", process: Conversation.nested([script("I", [up(S("e", "<event evt _>")), up(f("<ready>"))])]) }] })
    fire(state)

    assert.deepStrictEqual([tags(actions), log], [["Wait evt"], ["I.e !P <event evt 1>"]])
  })
})
