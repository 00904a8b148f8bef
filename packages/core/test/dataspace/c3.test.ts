/**
 * The conformance rows of nested and ground dataspaces (N01-N11, G01-G05), in this kernel's words: a
 * publisher's presence is a standing fact, a subscriber an observation, "at meta level" is
 * `<outbound …>` and `<inbound …>`, and the reason of an absence is the `<exited …>` message.
 * Where the original and the fixed behaviour differ, the fixed one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Dataspace, Ground, Process, Text, type Value } from "../../src/index.ts"
import { behaviours, nest, p, script, shown, v } from "./script.ts"

const machine = Dataspace.of(behaviours)

/** Runs a dataspace with an observer outside; its log is what all scripts heard, in order. */
const run = (...boot: ReadonlyArray<{ readonly name: string; readonly process: Process.Process }>) => {
  const log: Array<string> = []
  let [state] = machine.initial({})
  let rounds = 0
  const take = ([next, actions]: readonly [Dataspace.State, ReadonlyArray<Dataspace.Action>]) => {
    state = next
    for (const action of actions) {
      if (action._tag === "Continue") {
        rounds++
        take(machine.transition(state, { _tag: "Continue" }))
      } else if (action._tag === "Deliver") {
        for (const event of action.events) log.push(event.handle === "log" ? event.captures.join(" ") : `${action.pid}: ${shown(event)}`)
      }
    }
  }
  const perform = (...actions: ReadonlyArray<Process.Action>) => take(machine.transition(state, { _tag: "Perform", pid: "test", actions }))
  take(machine.transition(state, {
    _tag: "Enter", pid: "test", name: "test",
    actions: [Process.observe("log", p("<log $ $>")), Process.observe("exited", p("<exited $ _ $>"))]
  }))
  take(machine.start(state, boot))
  return { log, perform, state: () => state, rounds: () => rounds }
}

describe("C3: nested dataspaces", () => {
  it("N01 down and up", () => {
    const { log } = run(
      script("O", [Process.observe("o", p("<up $>"))]),
      nest("space", [
        script("I1", [Process.observe("a", p("<inbound <down $>>"))], { level: 1, reactions: [
          { on: "!a [1]", do: [Process.send(v("<local 1>"))] }, { on: "!a [2]", do: [Process.send(v("<local 2>"))] }
        ] }),
        script("I2", [Process.observe("b", p("<local $>"))], { level: 1, reactions: [
          { on: "!b [1]", do: [Process.send(v("<outbound <up 1>>"))] }, { on: "!b [2]", do: [Process.send(v("<outbound <up 2>>"))] }
        ] })
      ]),
      script("S", [Process.observe("s", p("<Observe <bind <rec down [$]>>>"))], { silent: true, reactions: [{ on: "+s", do: [Process.send(v("<down 1>")), Process.send(v("<down 2>"))] }] })
    )

    assert.deepStrictEqual(log.filter((line) => line.startsWith("I1")), ["I1 !a [1]", "I1 !a [2]"])
    assert.deepStrictEqual(log.filter((line) => line.startsWith("I2")), ["I2 !b [1]", "I2 !b [2]"])
    assert.deepStrictEqual(log.filter((line) => line.startsWith("O")), ["O !o [1]", "O !o [2]"])
  })

  it("N02 inner exit: what it held inside and outside goes, and the empty space with it", () => {
    const { log, perform, state } = run(
      script("O", [Process.observe("n", p("<n $>"))]),
      nest("space", [
        script("I", [Process.assert("m", v("<outbound <n 1>>")), Process.assert("l", v("<l 0>")), Process.observe("go", p("<inbound <go>>"))], { level: 1, reactions: [{ on: "!go", do: [Process.quit("done")] }] }),
        script("I2", [Process.observe("w", p("<l $>")), Process.observe("why", p("<exited I _ $>"))], { level: 1, reactions: [{ on: "-w", do: [] }] })
      ])
    )
    perform(Process.send(v("<go>")))

    assert.deepStrictEqual(log.filter((line) => line.startsWith("O")), ["O +n [1]", "O -n [1]"])
    assert.deepStrictEqual(log.filter((line) => line.startsWith("I2")), ["I2 +w [0]", "I2 -w [0]"])
    assert.strictEqual(Dataspace.population(state()), 3, "the space lives on: I2 does")
  })

  it("N03 outer kill: what crossed goes, and nobody inside hears of it", () => {
    const space = nest("space", [
      script("I", [Process.assert("m", v("<outbound <n 1>>")), Process.assert("l", v("<l 0>"))], { level: 1 }),
      script("I2", [Process.observe("w", p("<l $>"))], { level: 1 })
    ])
    const { log, perform } = run(script("O", [Process.observe("n", p("<n $>"))]), { ...space, process: { ...space.process, behaviour: "mortal" } })
    const before = log.length
    perform(Process.send(v("<kill>")))

    assert.deepStrictEqual(log.slice(0, before).sort(), ["I2 +w [0]", "O +n [1]"])
    assert.deepStrictEqual(log.slice(before), ['test: !exited ["space" "kv"]', "O -n [1]"])
  })

  it("N04 a process inside asserts and retracts outside in the order in which it says so", () => {
    const { log, perform } = run(
      script("O", [Process.observe("n", p("<n $>"))]),
      nest("space", [script("I", [Process.assert("m", v("<outbound <n 1>>")), Process.observe("go", p("<inbound <go>>"))], {
        level: 1, silent: true, reactions: [{ on: "!go", do: [Process.send(v("<outbound <n bye>>")), Process.quit("vq")] }]
      })])
    )
    perform(Process.send(v("<go>")))

    assert.deepStrictEqual(log, ["O +n [1]", "O !n [bye]", "test: !exited [\"space\" #t]", "O -n [1]"].sort((a, b) => order(log, a) - order(log, b)))
    assert.isTrue(log.indexOf("O !n [bye]") < log.indexOf("O -n [1]"))
  })

  it("N05 a process spawned outside for one inside: by a request that crosses", () => {
    const { log } = run(
      script("spawner", [Process.observe("want", p("<want $>"))], { silent: true, reactions: [{ on: "+want [oc]", do: [Process.spawn("OC", script("OC", [Process.assert("up", v("<up oc>"))]).process)] }] }),
      nest("space", [script("I", [Process.assert("w", v("<outbound <want oc>>")), Process.observe("k", p("<inbound <up $>>"))], { level: 1 })])
    )

    assert.deepStrictEqual(log, ["I +k [oc]"])
  })

  it("N06 nested crash is contained", () => {
    const { log, perform } = run(
      script("O", [Process.observe("n", p("<n $>"))]),
      nest("space", [script("I", [Process.assert("m", v("<outbound <n 1>>")), Process.observe("go", p("<inbound <go>>"))], { level: 1, silent: true, reactions: [{ on: "!go", do: [{ _tag: "Nonsense" } as never] }] })]),
      script("B", [Process.observe("b", p("<b>"))])
    )
    perform(Process.send(v("<go>")))
    perform(Process.send(v("<b>")))

    assert.deepStrictEqual(log.filter((line) => !line.startsWith("test")), ["O +n [1]", "O -n [1]", "B !b []"])
  })

  it("N07 silent nested collection: an empty space quits and nothing else is said", () => {
    const { log, state } = run(nest("space", [script("I", [Process.quit()])]))

    assert.deepStrictEqual(log, ["test: !exited [\"space\" #t]"])
    assert.strictEqual(Dataspace.population(state()), 1)
  })

  it("N08 inside and outside are separate: withdrawing one leaves the other", () => {
    const { log, perform } = run(nest("space", [
      script("I", [Process.observe("local", p("<x $>")), Process.observe("meta", p("<inbound <x $>>")), Process.observe("go", p("<inbound <go>>"))], {
        level: 1, reactions: [{ on: "!go", do: [Process.retract("meta"), Process.send(v("<x in>"))] }]
      })
    ]))
    perform(Process.assert("x", v("<x out>")))
    perform(Process.send(v("<go>")))
    perform(Process.assert("y", v("<x later>")))

    assert.deepStrictEqual(log, ["I +meta [out]", "I !go []", "I !local [in]"])
  })

  it("N09 stale outer event: one that comes when its observer just quit is ignored", () => {
    const { log, perform } = run(nest("space", [
      script("I", [Process.observe("a", p("<inbound <a $>>"))], { level: 1, reactions: [{ on: "!a [1]", do: [Process.quit()] }] }),
      script("stay", [Process.observe("never", p("<never>"))])
    ]))
    perform(Process.send(v("<a 1>")), Process.send(v("<a 2>")))

    assert.deepStrictEqual(log, ["I !a [1]"])
  })

  it("N10 fairness: poking a busy space does not multiply its rounds", () => {
    const busy = script("busy", [Process.observe("t", p("<tick>")), Process.send(v("<tick>"))], { silent: true, reactions: [{ on: "!t", do: [Process.send(v("<tick>"))] }] })
    let [state] = machine.initial({ fuel: 5 })
    let continues = 0
    const take = ([next, actions]: readonly [Dataspace.State, ReadonlyArray<Dataspace.Action>]) => {
      state = next
      continues += actions.filter(({ _tag }) => _tag === "Continue").length
    }
    take(machine.transition(state, { _tag: "Enter", pid: "test", name: "test", actions: [] }))
    take(machine.start(state, [nest("space", [busy, script("I", [Process.observe("poke", p("<inbound <poke>>"))])])]))
    for (let i = 0; i < 4; i++) take(machine.transition(state, { _tag: "Perform", pid: "test", actions: [Process.send(v("<poke>"))] }))

    assert.strictEqual(continues, 1, "one Continue is on its way, however often it was poked")
    take(machine.transition(state, { _tag: "Continue" }))
    assert.strictEqual(continues, 2)
  })

  it("N11 outer role change: replacing what is asserted outside is atomic", () => {
    const { log, perform } = run(
      script("O", [Process.observe("n", p("<n $>"))]),
      nest("space", [script("I", [Process.assert("m", v("<outbound <n 1>>")), Process.observe("go", p("<inbound <go>>"))], {
        level: 1, silent: true, reactions: [{ on: "!go", do: [Process.assert("m", v("<outbound <n 2>>"))] }]
      })])
    )
    perform(Process.send(v("<go>")))

    assert.deepStrictEqual(log, ["O +n [1]", "O +n [2]", "O -n [1]"])
  })
})
const order = (log: ReadonlyArray<string>, line: string): number => log.indexOf(line)

describe("what crosses", () => {
  const reasonOf = (actions: ReadonlyArray<Dataspace.Action>) => actions.flatMap((action) => action._tag === "Deliver" ? action.events : []).flatMap((event) => event._tag === "Removed" ? [event.reason] : [])
  it("takes the reason with it, outward and inward", () => {
    const inner = script("I", [Process.assert("m", v("<outbound <n 1>>")), Process.observe("go", p("<inbound <go>>")), Process.observe("x", p("<inbound <x>>"))], {
      level: 1, silent: true, reactions: [{ on: "!go", do: [Process.quit("done")] }]
    })
    const stay = script("stay", [Process.observe("never", p("<never>"))])
    let [state] = machine.initial({})
    ;[state] = machine.transition(state, { _tag: "Enter", pid: "t", name: "t", actions: [Process.observe("n", p("<n $>")), Process.assert("x", v("<x>"))] })
    ;[state] = machine.start(state, [nest("space", [inner, stay])])

    const [, actions] = machine.transition(state, { _tag: "Perform", pid: "t", actions: [Process.send(v("<go>"))] })

    assert.deepStrictEqual(reasonOf(actions), ["done"])
  })
  it("goes through any number of levels, facts and messages, in and out, and comes back with the last", () => {
    for (const levels of [2, 3, 50]) {
      const wrapped = (label: string, text: string): string => Array.from({ length: levels }).reduce<string>((inner) => `<${label} ${inner}>`, text)
      const deepest = script("I", [
        Process.observe("in", p(wrapped("inbound", "<in $>"))), Process.assert("here", v(wrapped("outbound", "<here>")))
      ], { level: levels, reactions: [{ on: "-in", do: [Process.quit("over")] }] })
      const space = Array.from({ length: levels }).reduce<{ readonly name: string; readonly process: Process.Process }>((inner) => nest("space", [inner]), deepest)
      const { log, perform, state } = run(script("O", [Process.observe("here", p("<here>"))]), space)
      perform(Process.send(v("<in 1>")), Process.assert(1, v("<in 2>")))
      perform(Process.retract(1))

      assert.deepStrictEqual(log, ["O +here []", "I +in [2]", "I !in [1]", "I -in [2]", 'test: !exited ["space" #t]', "O -here []"], `${levels} levels`)
      assert.strictEqual(Dataspace.population(state()), 2)
    }
  })
  it("is shared by a thousand nested dataspaces, each of which hears once", () => {
    const { log, perform } = run(...Array.from({ length: 1_000 }, (_, n) => nest(`space ${n}`, [script(`I${n}`, [Process.observe("all", p("<inbound <all>>")), Process.observe("one", p(`<inbound <one ${n}>>`))], { level: 1 })])))
    perform(Process.send(v("<all>")))
    assert.deepStrictEqual([log.length, new Set(log).size], [1_000, 1_000])

    log.length = 0
    perform(Process.send(v("<one 7>")))
    assert.deepStrictEqual(log, ["I7 !one []"])
  })
  it("spawns outside for one inside, which is told the number, and ends the space from inside", () => {
    const { log, perform } = run(nest("space", [
      script("I", [Process.observe("k", p("<spawned-outside $ $>")), Process.observe("go", p("<inbound <go>>")), Process.send(v("<spawn-outside [1 a] OC here <config>>"))], {
        level: 1, reactions: [{ on: "!go", do: [Process.send(v("<quit-outside vq>"))] }]
      }),
      script("odd", [Process.send(v("<spawn-outside 1 2 3 4>")), Process.send(v("<spawn-outside 1 \"OC\" \"nobody\" 4>"))], { level: 1 })
    ]))
    perform(Process.send(v("<go>")))

    assert.deepStrictEqual(log, ['test: !exited ["OC" <crash "no behaviour is called nobody">]', "I !k [1 2]", "I !go []", 'test: !exited ["space" vq]'])
  })
})

describe("C3: ground", () => {
  const ground = Ground.of(behaviours)
  const tags = (actions: ReadonlyArray<Ground.Action>) => actions.map((action) => action._tag === "Wait" || action._tag === "Unwait" ? `${action._tag} ${Text.print(action.source)}` : action._tag)
  const evt: Value.Value = v("evt")

  it("G01 ground termination: processes that wait for nothing do not keep the program", () => {
    const [, actions] = ground.initial({ boot: [script("driver", [Process.observe("set", p("<set-timer $>"))])] })

    assert.deepStrictEqual(tags(actions), ["Terminated"])
  })
  it("G02 blocking wait: an observation of a source keeps it", () => {
    const [, actions] = ground.initial({ boot: [script("A", [Process.observe("e", p("<event evt $>"))])] })

    assert.deepStrictEqual(tags(actions), ["Wait evt"])
  })
  it("G03 an observer of interest does not block", () => {
    const [, actions] = ground.initial({ boot: [script("A", [Process.observe("e", p("<Observe <rec event [<lit evt> _]>>"))])] })

    assert.deepStrictEqual(tags(actions), ["Terminated"])
  })
  it("G04 one firing reaches all", () => {
    const hears = (name: string, what: string) => script(name, [Process.observe("e", p(what))], { silent: true, reactions: [{ on: "!e", do: [Process.assert("heard", v(`<heard ${name}>`)), Process.retract("e")] }] })
    const [state] = ground.initial({ boot: [hears("A", "<event evt $>"), hears("B", "<event evt $>"), hears("C", "<event $ $>")] })

    const [after, actions] = ground.transition(state, { _tag: "Fired", source: evt, value: 1 })

    const facts = [...Dataspace.standing(after.inner).values()].map(Text.print).filter((fact) => fact.startsWith("<heard"))
    assert.deepStrictEqual(facts.sort(), ["<heard A>", "<heard B>", "<heard C>"])
    assert.deepStrictEqual(tags(actions), ["Unwait evt", "Terminated"])
  })
  it("G05 what is outbound at ground fails the program", () => {
    const [state, actions] = ground.initial({ boot: [script("A", [Process.observe("e", p("<event evt $>")), Process.assert("m", v("<outbound <x>>"))])] })

    assert.strictEqual(actions.at(-1)!._tag, "Failed")
    assert.deepStrictEqual(ground.transition(state, { _tag: "Fired", source: evt, value: 1 }), [state, []])
  })
})
