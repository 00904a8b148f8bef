/** Responsibility passes from one process to another, and nobody who watches the role sees it dip. */
import { assert, describe, it } from "@effect/vitest"
import { Dataspace, Pattern, Process, Rng, Text, Value } from "../../src/index.ts"
import * as Demand from "../../src/conversation/Demand.ts"
import * as Handoff from "../../src/conversation/Handoff.ts"
import * as Supervisor from "../../src/conversation/Supervisor.ts"
import * as Timer from "../../src/conversation/Timer.ts"
import { behaviours as scripts, p, script, v } from "../dataspace/script.ts"

interface WorkerConfig {
  readonly name: string
  readonly role: Value.Value
  /** Rounds before it holds the role. */
  readonly rounds: number
  /** Whether it crashes instead. */
  readonly fails?: boolean
}
/** Takes the role after so many rounds and says `<ready name>`; crashes on `<crash name>`, quits on `<quit name>`. */
const worker: Process.Behaviour<WorkerConfig, WorkerConfig> = {
  initial: (config) => {
    const ears = ["crash", "quit"].map((what) => Process.observe(what, Pattern.literal(Value.record(what, config.name))))
    return [config, [...ears, ...next(config)]]
  },
  transition: (config, { handle }) => {
    if (handle === "crash" || handle === "round" && config.rounds === 1 && config.fails === true) throw new Error("crash")
    if (handle === "quit") return [config, [Process.quit()]]
    if (handle !== "round") return [config, []]
    const later = { ...config, rounds: config.rounds - 1 }
    return [later, next(later)]
  }
}
const next = ({ name, role, rounds }: WorkerConfig): ReadonlyArray<Process.Action> =>
  rounds > 0 ? [{ _tag: "Yield", handle: "round" }] : [Process.assert("role", role), Process.assert("ready", Value.record("ready", name))]
const behaviours = {
  ...scripts,
  handoff: Handoff.behaviour,
  "child handoff": Demand.whileWanted(Handoff.behaviour),
  worker: Demand.whileWanted(worker),
  keeper: Handoff.keeping(Supervisor.behaviour),
  "kept script": Handoff.keeping(scripts["scripted"]!),
  "bound script": Handoff.whileWanted(scripts["scripted"]!),
  absurd: { initial: () => [null, ["nonsense" as never]], transition: () => [null, []] } as Process.Behaviour
}
const machine = Dataspace.of(behaviours)

/** Hears of the role as "+" and "-", of ends, and drives timers. */
const world = (role: Pattern.Pattern) => {
  let [state] = machine.initial({})
  const log: Array<string> = []
  const heard: Array<string> = []
  const timers: Array<Value.Value> = []
  const take = ([after, actions]: readonly [Dataspace.State, ReadonlyArray<Dataspace.Action>]) => {
    state = after
    for (const action of actions) {
      if (action._tag !== "Deliver") continue
      for (const { _tag, captures, handle } of action.events) {
        if (handle === "set") timers.push(captures[0]!)
        else if (handle === "exited") log.push(`exit ${Text.print(captures)}`)
        else if (_tag === "Received") heard.push(String(captures[0]))
        else log.push(_tag === "Added" ? "+" : "-")
      }
    }
  }
  const perform = (...actions: ReadonlyArray<Process.Action>) => take(machine.transition(state, { _tag: "Perform", pid: "test", actions }))
  take(machine.transition(state, {
    _tag: "Enter", pid: "test", name: "test",
    actions: [Process.observe("role", role), Process.observe("exited", p("<exited $ _ $>")), Process.observe("set", p("<set-timer $ _ relative>"))]
  }))
  return {
    log, heard, timers, perform,
    send: (text: string) => perform(Process.send(v(text))),
    boot: (behaviour: string, config: unknown) => take(machine.start(state, [{ name: behaviour, process: { behaviour, config } }])),
    start: (...boot: NonNullable<Dataspace.Config["boot"]>) => take(machine.start(state, boot)),
    fire: (i = 0) => perform(Timer.expired(timers.splice(i, 1)[0]!, 0)),
    role: () => log.filter((line) => line === "+" || line === "-").join(" "),
    population: () => Dataspace.population(state)
  }
}
const role = v("<role>")
const holding = () => world(Pattern.literal(role))

describe("P30 responsibility transfer", () => {
  const x1 = Process.observe("serve", Pattern.literal(v("<X 1>")))
  const supply = Pattern.literal(Process.observation(Pattern.literal(v("<X 1>"))))
  const factory = (service: Process.Process) =>
    script("factory", [Process.observe("demand", p("<X 1>"))], {
      silent: true, reactions: [{ on: "+demand", do: [Process.spawn("service", service), Process.quit()] }]
    })
  const late = script("service", [{ _tag: "Yield", handle: "late" }], { silent: true, reactions: [{ on: "~late", do: [x1] }] }).process

  it("P30 a service that is spawned with its first assertions takes over without a dip", () => {
    const w = world(supply)
    w.start(factory(script("service", [x1], { silent: true }).process))
    w.perform(Process.assert("x", v("<X 1>")))

    assert.deepStrictEqual(w.log, ["+", 'exit ["factory" #t]'])
  })
  it("P30 without them: asserted, retracted, asserted", () => {
    const w = world(supply)
    w.start(factory(late))
    w.perform(Process.assert("x", v("<X 1>")))

    assert.strictEqual(w.role(), "+ - +")
  })
  it("P30 a handoff keeps the role for a service that is late, and then leaves", () => {
    const w = world(supply)
    const config: WorkerConfig = { name: "w", role: Process.observation(Pattern.literal(v("<X 1>"))), rounds: 3 }
    const handoff: Handoff.Config = { role: config.role, ready: v("<ready \"w\">"), worker: { behaviour: "worker", config } }
    w.start(factory({ behaviour: "handoff", config: handoff }))
    w.perform(Process.assert("x", v("<X 1>")))

    assert.deepStrictEqual(w.log, ["+", 'exit ["factory" #t]', 'exit ["service" #t]'])
    assert.strictEqual(w.population(), 2, "the service and the test")
  })
})

describe("a handoff", () => {
  const to = (config: Partial<WorkerConfig>, behaviour = "worker"): Handoff.Config =>
    ({ role, ready: v("<ready \"w\">"), worker: { behaviour, config: { name: "w", role, rounds: 0, ...config } } })

  it("leaves the role to the worker, with whom it then ends", () => {
    for (let rounds = 0; rounds < 5; rounds++) {
      const w = holding()
      w.boot("handoff", to({ rounds }))
      assert.deepStrictEqual(w.log, ["+", 'exit ["handoff" #t]'])
      w.send('<crash "w">')
      assert.deepStrictEqual(w.log.slice(2).sort(), ["-", 'exit ["worker" <crash "crash">]'])
    }
  })
  it("needs no sign from a worker that holds the role from birth", () => {
    const w = holding()
    const { role: held, worker: process } = to({})
    w.boot("handoff", { role: held, worker: process })

    assert.deepStrictEqual([w.log, w.population()], [["+", 'exit ["handoff" #t]'], 2])
  })
  it("ends with its worker's reason when that does not come so far", () => {
    const w = holding()
    w.boot("handoff", to({ rounds: 2, fails: true }))
    assert.deepStrictEqual(w.log.sort(), ["+", "-", 'exit ["handoff" <crash "crash">]', 'exit ["worker" <crash "crash">]'])

    const never = holding()
    never.boot("handoff", to({}, "absurd"))
    assert.strictEqual(never.role(), "+ -")
    assert.include(never.log, 'exit ["handoff" <crash "it did not start">]')
  })
  it("passes through any chain of hands, in 300 random ones, without a dip before the last is gone", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const below = Rng.drawing(seed)
      const fails = below(4) === 0
      let process: Process.Process = { behaviour: "worker", config: { name: "w", role, rounds: 1 + below(6), fails } satisfies WorkerConfig }
      for (let hands = below(4); hands > 0; hands--) {
        process = { behaviour: "child handoff", config: { role, ready: v("<ready \"w\">"), worker: process } satisfies Handoff.Config }
      }
      const w = holding()
      w.boot("handoff", { role, ready: v("<ready \"w\">"), worker: process })
      assert.deepStrictEqual([w.role(), w.population()], fails ? ["+ -", 1] : ["+", 2], `seed ${seed}`)
      w.send('<quit "w">')
      assert.deepStrictEqual([w.role(), w.population()], ["+ -", 1], `seed ${seed}`)
    }
  })
})

describe("a bound worker", () => {
  const bond: Handoff.Bond = { up: v("<up>"), wanted: v("<wanted>"), config: script("A", [Process.observe("e", p("<e>"))]).process.config }
  it("lives from when it is wanted until it is not", () => {
    const w = world(p("<up>"))
    w.perform(Process.assert("w", v("<wanted>")))
    w.boot("bound script", bond)
    assert.deepStrictEqual(w.log, ["+"])
    w.perform(Process.retract("w"))

    assert.deepStrictEqual(w.log.toSorted(), ["+", "-", 'exit ["bound script" #t]'])
  })
  it("ends at its birth when it is not wanted any more", () => {
    const w = world(p("<up>"))
    w.boot("bound script", bond)

    assert.deepStrictEqual([w.log.toSorted(), w.population()], [["+", "-", 'exit ["bound script" #t]'], 1])
  })
  it("is on its own when nobody says that it is wanted", () => {
    const w = world(p("<up>"))
    const { config, up } = bond
    w.boot("bound script", { config, up })

    assert.deepStrictEqual([w.log, w.population()], [["+"], 2])
  })
})

describe("a manager that keeps a role", () => {
  const keeper = (rounds: number, held: Value.Value = role): Handoff.Role<Supervisor.Config> => ({
    role: held,
    config: {
      strategy: "one-for-one", intensity: { restartsMax: 3, withinMs: 1000 },
      children: [{
        name: "w", restart: "permanent",
        process: { behaviour: "worker", config: { name: "w", role: held, rounds } satisfies WorkerConfig }
      }]
    }
  })
  it("does not let it dip while its worker comes and goes, and drops it when it gives up", () => {
    const w = holding()
    w.boot("keeper", keeper(2))
    for (let i = 0; i < 3; i++) w.send('<crash "w">')
    assert.strictEqual(w.role(), "+")
    w.send('<crash "w">')

    assert.strictEqual(w.role(), "+ -")
    assert.include(w.log, 'exit ["keeper" <intensity "w" <crash "crash">>]')
  })
  it("is not disturbed by what a role hears that is an observation", () => {
    const interest = Process.observation(p("<job $>"))
    const w = world(Pattern.record("log", Pattern.discard, Pattern.bind()))
    w.boot("kept script", { role: interest, config: script("A", [Process.observe("other", p("<other $>"))]).process.config } satisfies Handoff.Role)
    w.send("<job 1>")
    w.perform(Process.assert("job", v("<job 2>")))
    w.send("<other 3>")

    assert.deepStrictEqual(w.heard, ["!other [3]"])
  })
  it("shows it once for as long as manager or worker lives, in 200 random lives", () => {
    let given = 0
    for (let seed = 1; seed <= 200; seed++) {
      const below = Rng.drawing(seed)
      const w = holding()
      w.boot("keeper", keeper(below(4)))
      for (let turn = 0; turn < 30; turn++) {
        if (w.timers.length > 0 && below(2) === 0) w.fire(below(w.timers.length))
        else w.send(below(2) === 0 ? '<crash "w">' : '<quit "w">')
        assert.strictEqual(w.role(), w.population() > 1 ? "+" : "+ -", `seed ${seed}, turn ${turn}`)
      }
      if (w.population() === 1) given++
    }
    assert.isTrue(given > 20 && given < 180, `${given} gave up`)
  })
})
