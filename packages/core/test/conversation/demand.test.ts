/** Supply on demand: the matching rules, tasks that look after themselves, and tasks that are looked after. */
import { assert, describe, it } from "@effect/vitest"
import { Dataspace, Pattern, Process, Rng, Text, Value } from "../../src/index.ts"
import * as Backoff from "../../src/conversation/Backoff.ts"
import * as Demand from "../../src/conversation/Demand.ts"
import * as Timer from "../../src/conversation/Timer.ts"
import { p, v } from "../dataspace/script.ts"

interface WorkerConfig {
  readonly captures: Process.Captures
  /** Every so many processes one fails at its birth. */
  readonly frail?: number
}
/** Says `<running key pid>`; crashes on `<crash key>`, quits on `<done key>`. */
const worker: Process.Behaviour<WorkerConfig, null> = {
  initial: ({ captures: [key], frail }, self) => {
    if (frail !== undefined && Number(self) % frail === 0) throw new Error("frail")
    return [null, [
      Process.assert("running", Value.record("running", key!, self)),
      Process.observe("crash", Pattern.literal(Value.record("crash", key!))),
      Process.observe("done", Pattern.literal(Value.record("done", key!)))
    ]]
  },
  transition: (_, { handle }) => {
    if (handle === "crash") throw new Error("crash")
    return [null, [Process.quit()]]
  }
}
/** Holds a demand for so many rounds. */
const passing: Process.Behaviour<{ readonly rounds: number }, number> = {
  initial: ({ rounds }) => [rounds, [Process.assert("d", v("<demand 1>")), { _tag: "Yield", handle: "round" }]],
  transition: (left) => [left - 1, [left > 0 ? { _tag: "Yield", handle: "round" } : Process.retract("d")]]
}
const behaviours: Process.Behaviours = {
  passing,
  matcher: Demand.matcher,
  demand: Demand.behaviour,
  worker: Demand.whileWanted(worker),
  starting: {
    initial: ({ captures }: WorkerConfig) => [null, [Process.send(Value.record("START", captures[0]!)), Process.quit()]],
    transition: () => [null, []]
  },
  absurd: { initial: () => [null, ["nonsense" as never]], transition: () => [null, []] }
}
const machine = Dataspace.of(behaviours)

/** What an external process sees of the patterns, and a timer driver whose timers the test fires. */
const world = (...watch: ReadonlyArray<string>) => {
  let [state] = machine.initial({})
  const log: Array<string> = []
  const facts = new Set<string>()
  const timers: Array<{ readonly id: Value.Value; readonly ms: number }> = []
  const take = ([next, actions]: readonly [Dataspace.State, ReadonlyArray<Dataspace.Action>]) => {
    state = next
    for (const action of actions) {
      if (action._tag !== "Deliver") continue
      for (const { _tag, captures: [first, second], handle } of action.events) {
        if (action.pid === "timer") timers.push({ id: first!, ms: second as number })
        else {
          const what = `${handle} ${Text.print(first!)}`
          if (_tag === "Added") facts.add(`${what} ${second === undefined ? "" : Text.print(second)}`)
          if (_tag === "Removed") facts.delete(`${what} ${second === undefined ? "" : Text.print(second)}`)
          log.push(`${{ Added: "+", Removed: "-", Received: "!", Resumed: "", Spawned: "" }[_tag]}${what}`)
        }
      }
    }
  }
  const enter = (pid: string, ...actions: ReadonlyArray<Process.Action>) =>
    take(machine.transition(state, { _tag: "Enter", pid, name: pid, actions }))
  const perform = (...actions: ReadonlyArray<Process.Action>) => take(machine.transition(state, { _tag: "Perform", pid: "test", actions }))
  const clock = () => enter("timer", Process.observe("set", p("<set-timer $ $ relative>")))
  enter("test", ...watch.map((text) => Process.observe(text.slice(1).split(" ")[0]!, p(text))))
  return {
    log, timers, enter, perform, clock,
    boot: (behaviour: string, config: unknown) => take(machine.start(state, [{ name: behaviour, process: { behaviour, config } }])),
    fire: (i = 0) => {
      const [timer] = timers.splice(i, 1)
      take(machine.transition(state, { _tag: "Perform", pid: "timer", actions: [Timer.expired(timer!.id, 0)] }))
      return timer!.ms
    },
    quit: () => take(machine.transition(state, { _tag: "Leave", pid: "timer" })),
    facts: (of: string) => [...facts].filter((fact) => fact.startsWith(`${of} `)).sort(),
    said: () => log.splice(0),
    stateOf: (pid: number) => state.processes.get(pid)!.state,
    population: () => Dataspace.population(state)
  }
}
const demand = (key: number) => Process.assert(`d${key}`, Value.record("demand", key))
const supply = (key: number) => Process.assert(`s${key}`, Value.record("supply", key))
const patterns = { demand: p("<demand $>"), supply: p("<supply $>") }
const backoff: Backoff.Config = { leastMs: 100, mostMs: 400, steadyMs: 1000 }
const task: Process.Process = { behaviour: "worker", config: {} }

const rows: ReadonlyArray<readonly [name: string, input: string, expected: string]> = [
  ["P19 demand matcher normal", "D S d s", "START - - -"],
  ["P20 doomed flicker", "D d D S s S", "START - - - START -"],
  ["P21 unexpected drop", "D S s S", "START - EXIT -"],
  ["P22 unwanted start", "D d S s", "START - - -"],
  ["P23 demand bounce while running", "D S d D s S", "START - - - START -"],
  ["P24 pre-existing supply", "S D s", "- - EXIT"]
]
describe("the matching rules", () => {
  for (const [name, input, expected] of rows) {
    it(name, () => {
      let [state] = Demand.rules.initial({})
      const outputs = input.split(" ").map((step) => {
        const fact = /d/i.test(step) ? "demand" : "supply"
        const [next, actions] = Demand.rules.transition(state, { _tag: "Changed", key: "k", [fact]: /[DS]/.test(step) })
        state = next
        return actions.map(({ _tag }) => ({ Start: "START", UnexpectedExit: "EXIT" })[_tag]).join() || "-"
      })

      assert.strictEqual(outputs.join(" "), expected)
      if (name.startsWith("P19") || name.startsWith("P22")) assert.strictEqual(state.size, 0, "nothing is remembered")
    })
  }
})

describe("a matcher of tasks that look after themselves", () => {
  const matcher = () => {
    const w = world("<START $>", "<unexpected-exit _ [$]>")
    w.boot("matcher", { ...patterns, task: { behaviour: "starting", config: {} } })
    return w
  }
  const turns: { readonly [step: string]: Process.Action } = { D: demand(1), S: supply(1), d: Process.retract("d1"), s: Process.retract("s1") }
  const play = (input: string): string => {
    const w = matcher()
    return input.split(" ").map((step) => {
      w.perform(...[...step].map((letter) => turns[letter]!))
      return w.said().map((line) => line.replace("!START 1", "START").replace("!unexpected-exit 1", "EXIT")).join() || "-"
    }).join(" ")
  }
  for (const [name, input, expected] of rows) it(`${name}, by facts`, () => assert.strictEqual(play(input), expected))

  it("nets what one turn changes, in whichever order it is said", () => {
    assert.strictEqual(play("DS"), "-", "supply comes with the demand")
    assert.strictEqual(play("SD"), "-")
    assert.strictEqual(play("S Ds"), "- START", "supply goes as demand comes")
    assert.strictEqual(play("S sD"), "- START")
    assert.strictEqual(play("D S sd"), "START - -", "both go: nobody is missed")
    assert.strictEqual(play("D S ds D"), "START - - START")
    assert.strictEqual(play("D dS s"), "START - -")
  })
  it("takes apart what it hears at once but can only be of several turns", () => {
    const told: { readonly [step: string]: Process.Event } = {
      D: Process.added("demand", [1]), d: Process.removed("demand", [1]), S: Process.added("supply", [1]), s: Process.removed("supply", [1]),
      ".": { _tag: "Resumed", handle: "net", captures: [] }
    }
    const hear = (input: string): string => {
      let [state] = Demand.matcher.initial({ ...patterns, task }, 7)
      return [...input].map((step) => {
        const [next, actions] = Demand.matcher.transition(state, told[step]!)
        state = next
        return actions.map(({ _tag }) => ({ Spawn: "START", Send: "EXIT" })[_tag as string] ?? "").join("")
      }).join(" ").trim().replaceAll(/ +/g, " ")
    }

    assert.strictEqual(hear("Dd."), "START", "demand that came and went")
    assert.strictEqual(hear("D.S.sS."), "START EXIT", "supply that went and came")
    assert.strictEqual(hear("D.S.s.dS.D.s."), "START EXIT EXIT", "supply that came after the demand went")
    assert.strictEqual(hear("DS."), "")
  })
  it("keeps keys apart", () => {
    const w = matcher()
    w.perform(demand(2), demand(1), supply(3))
    w.perform(demand(3))

    assert.deepStrictEqual(w.said(), ["!START 1", "!START 2"])
  })
})

describe("a manager of tasks", () => {
  const manager = (config: Partial<Demand.Config> = {}) => {
    const w = world("<running $ $>", "<wanted $ $>", "<up $ $>", "<role $>", "<unexpected-exit _ [$]>")
    w.boot("demand", { demand: patterns.demand, task, backoff, ...config })
    const runs = () => w.said().filter((line) => line.includes("running"))
    const crash = (key = 1) => w.perform(Process.send(Value.record("crash", key)))
    return { ...w, runs, crash }
  }
  const isBare = (w: ReturnType<typeof manager>, pid = 1) => {
    const { batch, entries, instances, rules, timers } = w.stateOf(pid) as Demand.State
    assert.deepStrictEqual([w.facts("running"), w.facts("wanted"), w.facts("up"), w.facts("role")], [[], [], [], []])
    assert.deepStrictEqual([batch.changes.size, entries.size, instances.size, rules.size, timers.size], [0, 0, 0, 0, 0])
  }

  it("runs one task for each demand, as long as there is any", () => {
    const w = manager()
    w.perform(demand(1), demand(2))
    w.enter("other", demand(1))
    assert.deepStrictEqual(w.runs(), ["+running 1", "+running 2"])

    w.perform(Process.retract("d1"), Process.retract("d2"))

    assert.deepStrictEqual(w.runs(), ["-running 2"])
    assert.deepStrictEqual([w.facts("wanted"), w.facts("up")], [["wanted 1 1"], ["up 1 1"]])
  })
  it("leaves nothing behind when the demand is gone at a task's birth, however soon", () => {
    for (let rounds = 0; rounds < 12; rounds++) {
      const w = manager({ role: Value.symbol("role") })
      w.boot("passing", { rounds })
      assert.strictEqual(w.population(), 3, "the manager, the test, and who held the demand")
      isBare(w)
    }
  })
  it("restarts what crashes at once, then after growing waits, and forgives what is steady", () => {
    const w = manager()
    w.clock()
    w.perform(demand(1))
    w.crash()
    assert.deepStrictEqual(w.runs(), ["+running 1", "-running 1", "+running 1"])
    const waits = [1, 2, 3, 4].map(() => {
      w.crash()
      assert.deepStrictEqual(w.runs(), ["-running 1"])
      const ms = w.fire(w.timers.length - 1)
      assert.deepStrictEqual(w.runs(), ["+running 1"])
      return ms
    })

    assert.deepStrictEqual(waits, [100, 200, 400, 400])
    assert.strictEqual(w.fire(w.timers.length - 1), 1000, "steady")
    w.crash()
    assert.deepStrictEqual(w.runs(), ["-running 1", "+running 1"])
    while (w.timers.length > 1) w.fire()
    assert.deepStrictEqual(w.runs(), [], "timers that are over say nothing")
  })
  it("stops waiting when the demand goes, and begins afresh when it comes again", () => {
    const w = manager()
    w.clock()
    w.perform(demand(1))
    w.crash()
    w.crash()
    w.perform(Process.retract("d1"))
    isBare(w)
    w.said()
    while (w.timers.length > 0) w.fire()
    assert.deepStrictEqual(w.runs(), [])

    w.perform(demand(1))
    w.crash()

    assert.deepStrictEqual(w.runs(), ["+running 1", "-running 1", "+running 1"])
  })
  it("asks again when a timer driver comes, for all that it waits for", () => {
    const w = manager()
    w.perform(demand(1), demand(2))
    for (const key of [1, 2, 1]) w.crash(key)
    w.clock()
    assert.deepStrictEqual(w.timers.map(({ ms }) => ms), [1000, 100])
    w.quit()
    w.clock()

    assert.deepStrictEqual(w.timers.map(({ ms }) => ms), [1000, 100, 1000, 100])
    w.said()
    w.fire(1)
    assert.deepStrictEqual(w.runs(), ["+running 1"])
  })
  it("without back-off tells of what crashed, and starts it when demand comes anew", () => {
    const w = world("<running $ $>", "<unexpected-exit _ [$]>")
    w.boot("demand", { demand: patterns.demand, task })
    w.perform(demand(1))
    w.perform(Process.send(Value.record("crash", 1)))
    assert.deepStrictEqual(w.said(), ["+running 1", "-running 1", "!unexpected-exit 1"])
    w.perform(Process.retract("d1"))
    w.perform(demand(1))

    assert.deepStrictEqual(w.said(), ["+running 1"])
  })
  it("leaves to others what they supply, and steps in when they stop", () => {
    const w = manager({ supply: patterns.supply })
    w.perform(supply(1))
    w.perform(demand(1))
    assert.deepStrictEqual(w.runs(), [])
    w.perform(Process.retract("s1"))
    assert.deepStrictEqual(w.runs(), ["+running 1"])
    w.perform(supply(1))
    w.crash()
    assert.deepStrictEqual(w.runs(), ["-running 1"])
    w.perform(Process.retract("d1"), Process.retract("s1"))

    isBare(w)
  })
  it("holds nothing against a task for which the demand went, even if it is known for what others supply", () => {
    const w = manager({ supply: patterns.supply })
    w.perform(demand(1))
    w.crash()
    w.perform(supply(1))
    w.perform(Process.retract("d1"))
    w.perform(Process.retract("s1"), demand(1))
    w.crash()

    assert.deepStrictEqual(w.runs(), ["+running 1", "-running 1", "+running 1", "-running 1", "+running 1", "-running 1", "+running 1"])
  })
  it("is plain data", () => {
    const w = manager({ supply: patterns.supply })
    w.perform(demand(1), demand(2), supply(3))
    w.crash()
    const { batch, config, entries, instances, rules, timers } = w.stateOf(1) as Demand.State
    const isPlain = (part: unknown): boolean =>
      typeof part === "object" && part !== null ? Object.values(part).every(isPlain) : typeof part !== "function"

    for (const part of [config, [...batch.changes], [...entries], [...instances], [...rules], [...timers]]) assert.isTrue(isPlain(part))
  })
  it("holds the role while a task is down, from the demand to its end", () => {
    const w = manager({ role: Value.symbol("role") })
    w.clock()
    w.perform(demand(1))
    for (let i = 0; i < 3; i++) w.crash()
    assert.deepStrictEqual(w.facts("running"), [])
    while (w.timers.length > 0) w.fire()
    w.perform(Process.retract("d1"))

    assert.deepStrictEqual(w.said().filter((line) => line.includes("role")), ["+role 1", "-role 1"])
    isBare(w)
  })
  it("waits with what cannot be born, instead of trying for ever", () => {
    for (const process of [{ behaviour: "nobody", config: {} }, { behaviour: "absurd", config: {} }, { behaviour: "worker", config: { frail: 1 } }]) {
      const w = manager({ task: process })
      w.clock()
      w.perform(demand(1))
      const waits = [1, 2, 3].map(() => {
        const ms = w.timers.at(-1)!.ms
        while (w.timers.length > 1) w.fire()
        w.fire()
        return ms
      })
      assert.deepStrictEqual(waits, [100, 200, 400])
      assert.strictEqual(w.facts("wanted").length, 0)
      w.perform(Process.retract("d1"))
      isBare(w)
    }
  })

  const play = (seed: number): ReadonlyArray<string> => {
    const below = Rng.drawing(seed)
    const w = manager({ supply: patterns.supply, role: Value.symbol("role"), task: { behaviour: "worker", config: { frail: 2 + below(6) } } })
    const heard: Array<string> = []
    if (below(2) === 0) w.clock()
    const demanded = new Set<number>()
    const supplied = new Set<number>()
    const keys = [1, 2, 3]
    const check = (isQuiet: boolean) => {
      heard.push(...w.said())
      const runs = (key: number) => w.facts("running").filter((fact) => fact.startsWith(`running ${key} `)).length
      for (const key of keys) {
        if (!demanded.has(key)) assert.strictEqual(runs(key), 0, `seed ${seed}: ${key} is not wanted`)
        else if (isQuiet && !supplied.has(key)) assert.strictEqual(runs(key), 1, `seed ${seed}: ${key} is wanted`)
        else assert.isAtMost(runs(key), 1, `seed ${seed}`)
      }
      assert.strictEqual(w.facts("up").length, w.facts("running").length, `seed ${seed}`)
      assert.deepStrictEqual(w.facts("wanted").map((fact) => fact.slice(7)), w.facts("up").map((fact) => fact.slice(3)), `seed ${seed}`)
      assert.deepStrictEqual(w.facts("role"), [...demanded].sort().map((key) => `role ${key} `), `seed ${seed}`)
    }
    const toggle = (set: Set<number>, key: number, action: Process.Action): Process.Action => {
      if (!set.delete(key)) set.add(key)
      return set.has(key) ? action : Process.retract((action as { readonly handle: Process.Handle }).handle)
    }
    for (let turn = 0; turn < 60; turn++) {
      if (w.timers.length > 0 && below(4) === 0) w.fire(below(w.timers.length))
      else {
        w.perform(...Array.from({ length: 1 + below(3) }, () => {
          const key = keys[below(3)]!
          switch (below(5)) {
            case 0:
            case 1: return toggle(demanded, key, demand(key))
            case 2: return toggle(supplied, key, supply(key))
            case 3: return Process.send(Value.record("crash", key))
            default: return Process.send(Value.record("done", key))
          }
        }))
      }
      check(false)
    }
    w.quit()
    w.timers.length = 0
    w.clock()
    for (let i = 0; w.timers.length > 0; i++) {
      assert.isBelow(i, 200, `seed ${seed}: timers come to an end`)
      w.fire()
    }
    check(true)
    w.perform(...[...demanded].map((key) => Process.retract(`d${key}`)), ...[...supplied].map((key) => Process.retract(`s${key}`)))
    isBare(w)
    assert.strictEqual(w.population(), 3, `seed ${seed}: the manager, the driver and the test`)
    return heard
  }
  it("runs exactly what is demanded, in 250 random lives, and nothing is left at the end", { timeout: 60_000 }, () => {
    let crashes = 0
    for (let seed = 1; seed <= 250; seed++) crashes += play(seed).filter((line) => line.startsWith("!unexpected-exit")).length
    assert.isAbove(crashes, 500, "they were not quiet lives")
  })
  it("does the same again", () => {
    for (let seed = 1; seed <= 20; seed++) assert.deepStrictEqual(play(seed), play(seed))
  })
})
