/** Supervision: who is restarted with whom, in which order, how often, and what goes with a supervisor. */
import { assert, describe, it } from "@effect/vitest"
import { Dataspace, Pattern, Process, Rng, Text, Value } from "../../src/index.ts"
import * as Demand from "../../src/conversation/Demand.ts"
import * as Supervisor from "../../src/conversation/Supervisor.ts"
import * as Timer from "../../src/conversation/Timer.ts"
import { p } from "../dataspace/script.ts"

type Ending = "crash" | "quit"
/** Says `<running name>`; crashes on `<crash name>`, quits on `<quit name>`. */
const worker: Process.Behaviour<{ readonly name: string }, null> = {
  initial: ({ name }) => [null, [
    Process.assert("running", Value.record("running", name)),
    Process.observe("crash", Pattern.literal(Value.record("crash", name))),
    Process.observe("quit", Pattern.literal(Value.record("quit", name)))
  ]],
  transition: (_, { handle }) => {
    if (handle === "crash") throw new Error("crash")
    return [null, [Process.quit()]]
  }
}
/** A behaviour that `<kill>` crashes. */
const mortal = <C, S>(behaviour: Process.Behaviour<C, S>): Process.Behaviour<C, S> => ({
  initial: (config, self) => {
    const [state, actions] = behaviour.initial(config, self)
    return [state, [...actions, Process.observe("kill", p("<kill>"))]]
  },
  transition: (state, event) => {
    if (event.handle === "kill") throw new Error("killed")
    return behaviour.transition(state, event)
  }
})
const stillborn = (how: Ending): Process.Behaviour => ({
  initial: ({ name }: { readonly name: string }) => {
    if (how === "crash") throw new Error("at birth")
    return [null, [Process.assert("running", Value.record("running", name)), Process.quit()]]
  },
  transition: () => [null, []]
})
const machine = Dataspace.of({
  supervisor: mortal(Supervisor.behaviour),
  "child supervisor": Supervisor.child,
  worker: Demand.whileWanted(worker),
  "born to crash": Demand.whileWanted(stillborn("crash")),
  "born to quit": Demand.whileWanted(stillborn("quit")),
  absurd: { initial: () => [null, ["nonsense" as never]], transition: () => [null, []] }
})

const named = (name: string, restart: Supervisor.ChildSpec["restart"] = "permanent", behaviour = "worker"): Supervisor.ChildSpec =>
  ({ name, restart, process: { behaviour, config: { name } } })
const abc = [named("a"), named("b"), named("c")]
const often = { restartsMax: 1000, withinMs: 5000 }

/** A supervisor, an observer that hears of what runs and of ends, and a timer driver whose timers the test fires. */
const world = (config: Partial<Supervisor.Config>, isDriven = true) => {
  let [state] = machine.initial({})
  const log: Array<string> = []
  const timers: Array<{ readonly id: Value.Value; readonly ms: number }> = []
  const take = ([next, actions]: readonly [Dataspace.State, ReadonlyArray<Dataspace.Action>]) => {
    state = next
    for (const action of actions) {
      if (action._tag !== "Deliver") continue
      for (const { _tag, captures, handle } of action.events) {
        if (handle === "set") timers.push({ id: captures[0]!, ms: captures[1] as number })
        else if (handle === "running") log.push(`${_tag === "Added" ? "+" : "-"}${captures[0] as string}`)
        else if (handle === "exited") log.push(`exit ${Text.print(captures[0]!)}`)
      }
    }
  }
  const enter = (pid: string, ...actions: ReadonlyArray<Process.Action>) =>
    take(machine.transition(state, { _tag: "Enter", pid, name: pid, actions }))
  const perform = (...actions: ReadonlyArray<Process.Action>) => take(machine.transition(state, { _tag: "Perform", pid: "test", actions }))
  const clock = () => enter("timer", Process.observe("set", p("<set-timer $ $ relative>")))
  enter("test", Process.observe("running", p("<running $>")), Process.observe("exited", p("<exited \"supervisor\" _ $>")))
  if (isDriven) clock()
  const all: Supervisor.Config = { strategy: "one-for-one", intensity: often, children: abc, ...config }
  take(machine.start(state, [{ name: "supervisor", process: { behaviour: "supervisor", config: all } }]))
  return {
    log, timers, perform, clock,
    said: () => log.splice(0).join(" "),
    end: (how: Ending, ...names: ReadonlyArray<string>) => perform(...names.map((name) => Process.send(Value.record(how, name)))),
    fire: (i = 0) => {
      const [timer] = timers.splice(i, 1)
      take(machine.transition(state, { _tag: "Perform", pid: "timer", actions: [Timer.expired(timer!.id, 0)] }))
      return timer!.ms
    },
    population: () => Dataspace.population(state),
    facts: () => [...Dataspace.standing(state).values()].map(Text.print).filter((fact) => !fact.startsWith("<Observe")).sort()
  }
}

describe("a supervisor", () => {
  it("starts its children in order, and holds what keeps them", () => {
    const w = world({ children: abc.slice(0, 2) })

    assert.strictEqual(w.said(), "+a +b")
    assert.deepStrictEqual(w.facts(), ['<running "a">', '<running "b">', '<stay-up 1 "a" 1>', '<stay-up 1 "b" 2>', '<up 1 "a" 1>', '<up 1 "b" 2>'])
  })
  it("starts none before the one before is up, and is plain data", () => {
    const spawns = (actions: ReadonlyArray<Process.Action>) => actions.flatMap((action) => action._tag === "Spawn" ? [action.name] : [])
    const tell = (state: Supervisor.State, event: Process.Event) => Supervisor.behaviour.transition(structuredClone(state), event)
    const [born, first] = Supervisor.behaviour.initial({ strategy: "one-for-one", intensity: often, children: abc.slice(0, 2) }, 7)
    const [one, second] = tell(born, Process.added("up", [1]))
    const [two, none] = tell(one, Process.added("up", [2]))
    const [three, again] = tell(two, Process.removed("up", [2]))
    const [four, waits] = tell(three, Process.removed("up", [1]))
    const [, last] = tell(four, Process.added("up", [4]))

    assert.deepStrictEqual([first, second, none, again, waits, last].map(spawns), [["a"], ["b"], [], ["b"], [], ["a"]])
  })
  const cases: ReadonlyArray<readonly [Supervisor.Config["strategy"], string, string]> = [
    ["one-for-one", "b", "-b +b"],
    ["one-for-all", "b", "-b -c -a +a +b +c"],
    ["one-for-all", "c", "-c -b -a +a +b +c"],
    ["rest-for-one", "a", "-a -c -b +a +b +c"],
    ["rest-for-one", "b", "-b -c +b +c"],
    ["rest-for-one", "c", "-c +c"]
  ]
  for (const [strategy, name, expected] of cases) {
    it(`restarts, ${strategy}, when ${name} ends: others stop in reverse order before any starts`, () => {
      const w = world({ strategy })
      w.said()
      w.end("crash", name)
      assert.strictEqual(w.said(), expected)
      w.end("quit", name)
      assert.strictEqual(w.said(), expected, "a permanent child must not quit either")
    })
  }
  it("restarts a transient child that crashed but not one that quit, and a temporary one never", () => {
    const w = world({ children: [named("p"), named("t", "transient"), named("x", "temporary"), named("y", "temporary")] })
    w.said()
    const ends = [["crash", "t"], ["quit", "t"], ["crash", "x"], ["quit", "y"], ["quit", "p"]] as const
    const heard = ends.map(([how, name]) => {
      w.end(how, name)
      return w.said()
    })

    assert.deepStrictEqual(heard, ["-t +t", "-t", "-x", "-y", "-p +p"])
  })
  it("restarts, with all, a transient child that had quit, and lets the temporary ones go", () => {
    const w = world({ strategy: "one-for-all", children: [named("p"), named("t", "transient"), named("x", "temporary")] })
    w.end("quit", "t")
    w.said()
    w.end("crash", "p")

    assert.strictEqual(w.said(), "-p -x +p +t")
  })

  it("quits when there are too many restarts, tells of whom and why, and stops its children in reverse order", () => {
    const w = world({ intensity: { restartsMax: 2, withinMs: 5000 } })
    w.end("crash", "a")
    w.end("crash", "b")
    w.said()
    w.end("crash", "b")

    assert.strictEqual(w.said(), '-b -c -a exit <intensity "b" <crash "crash">>')
    assert.deepStrictEqual([w.facts(), w.population()], [[], 2])
  })
  it("forgets a restart when its time is over, each by itself", () => {
    const w = world({ intensity: { restartsMax: 2, withinMs: 5000 } })
    for (let i = 0; i < 5; i++) {
      w.end("crash", "a")
      if (i > 0) assert.strictEqual(w.fire(), 5000)
    }
    w.end("crash", "a")
    assert.notMatch(w.said(), /exit/, "never more than two within the time")
    w.end("crash", "a")
    assert.match(w.said(), /exit <intensity "a"/)
  })
  it("asks again when a timer driver comes", () => {
    const w = world({ intensity: { restartsMax: 2, withinMs: 5000 } }, false)
    w.end("crash", "a")
    w.end("crash", "a")
    assert.strictEqual(w.timers.length, 0)
    w.clock()
    w.fire()
    w.said()
    w.end("crash", "a")

    assert.strictEqual(w.said(), "-a +a")
  })
  it("may allow no restart at all", () => {
    const w = world({ intensity: { restartsMax: 0, withinMs: 1 } })
    w.said()
    w.end("crash", "c")

    assert.strictEqual(w.said(), '-c -b -a exit <intensity "c" <crash "crash">>')
  })
  it("takes its children with it when it ends otherwise", () => {
    const w = world({})
    w.said()
    w.perform(Process.send(Value.record("kill")))

    assert.strictEqual(w.said(), 'exit <crash "killed"> -c -b -a')
    assert.deepStrictEqual([w.facts(), w.population()], [[], 2])
  })

  it("sees a child that ends at its birth, and why", () => {
    const bad = (restart: Supervisor.ChildSpec["restart"], behaviour: string) => {
      const w = world({ intensity: { restartsMax: 3, withinMs: 5000 }, children: [named("a"), named("bad", restart, behaviour), named("c")] })
      return w.said()
    }

    assert.strictEqual(bad("transient", "born to quit"), "+a +bad +c -bad")
    assert.strictEqual(bad("temporary", "born to crash"), "+a +c")
    assert.strictEqual(bad("transient", "born to crash"), '+a +c -c -a exit <intensity "bad" <crash "at birth">>')
    for (const behaviour of ["nobody", "absurd"]) {
      assert.strictEqual(bad("permanent", behaviour), '+a -a exit <intensity "bad" <crash "it did not start">>')
    }
  })

  const nest = (name: string, children: ReadonlyArray<Supervisor.ChildSpec>, config: Partial<Supervisor.Config> = {}): Supervisor.ChildSpec => ({
    name, restart: "permanent",
    process: { behaviour: "child supervisor", config: { strategy: "one-for-all", intensity: often, children, ...config } }
  })
  it("is a child of another: it ends when all below it are gone, in reverse order, and only then is it started again", () => {
    const deep = nest("t", [named("b"), nest("u", [named("c"), named("d")])])
    const w = world({ strategy: "one-for-all", children: [nest("s", [named("a"), deep]), named("e")] })
    assert.strictEqual(w.said(), "+a +e +b +c +d")
    w.end("crash", "e")
    assert.strictEqual(w.said(), "-e -d -c -b -a +a +e +b +c +d")
    w.end("crash", "c")
    assert.strictEqual(w.said(), "-c -d +c +d")
    w.end("crash", "b")
    assert.strictEqual(w.said(), "-b -d -c +b +c +d")
    w.perform(Process.send(Value.record("kill")))

    assert.deepStrictEqual([w.said().split(" ").slice(3).sort().join(" "), w.facts(), w.population()], ["-a -b -c -d -e", [], 2])
  })
  it("gives up to the supervisor above it, which starts it again with its children", () => {
    const intensity = { restartsMax: 1, withinMs: 5000 }
    const w = world({ children: [nest("s", [named("a"), named("b")], { strategy: "one-for-one", intensity }), named("c")], intensity })
    w.said()
    w.end("crash", "a")
    assert.strictEqual(w.said(), "-a +a")
    w.end("crash", "a")
    assert.strictEqual(w.said(), "-a -b +a +b")
    w.end("crash", "a")
    w.said()
    w.end("crash", "a")

    assert.strictEqual(w.said(), '-a -b -c exit <intensity "s" <intensity "a" <crash "crash">>>')
  })
})

// ---- random lives -------------------------------------------------------------------------------

const drawer = (seed: number) => {
  const below = Rng.drawing(seed)
  return { below, pick: <A>(list: ReadonlyArray<A>): A => list[below(list.length)]! }
}
const randomConfig = ({ below, pick }: ReturnType<typeof drawer>, restartsMax: number): Supervisor.Config => ({
  strategy: pick(["one-for-one", "one-for-all", "rest-for-one"] as const),
  intensity: { restartsMax, withinMs: 100 },
  children: ["a", "b", "c", "d", "e"].slice(0, 1 + below(5))
    .map((name) => named(name, pick(["permanent", "permanent", "transient", "temporary"] as const)))
})

/** OTP's rules on a list of names: what must be said when a child ends and all else is quiet. */
class Model {
  readonly config: Supervisor.Config
  running: Set<string>
  restarts = 0
  isOver = false
  constructor(config: Supervisor.Config) {
    this.config = config
    this.running = new Set(config.children.map(({ name }) => name))
  }
  end(how: Ending, name: string): string {
    if (!this.running.delete(name)) return ""
    const { children, intensity: { restartsMax }, strategy } = this.config
    const i = children.findIndex((one) => one.name === name)
    const { restart } = children[i]!
    if (restart === "temporary" || restart === "transient" && how === "quit") return `-${name}`
    this.isOver = this.restarts === restartsMax
    const group = children.filter((_, j) => j === i || this.isOver || strategy === "one-for-all" || strategy === "rest-for-one" && j > i)
    const stopped = group.filter((one) => this.running.has(one.name)).toReversed().map((one) => one.name)
    for (const one of stopped) this.running.delete(one)
    const down = [`-${name}`, ...stopped.map((one) => `-${one}`)]
    if (this.isOver) return [...down, `exit <intensity "${name}" ${how === "quit" ? "#t" : '<crash "crash">'}>`].join(" ")
    this.restarts++
    const started = group.filter((one) => one.restart !== "temporary").map((one) => one.name)
    for (const one of started) this.running.add(one)
    return [...down, ...started.map((one) => `+${one}`)].join(" ")
  }
}

describe("supervisors in random lives", () => {
  it("do what the model of OTP's does, word by word", { timeout: 60_000 }, () => {
    let over = 0
    for (let seed = 1; seed <= 400; seed++) {
      const draw = drawer(seed)
      const config = randomConfig(draw, draw.below(5))
      const w = world(config)
      const model = new Model(config)
      assert.strictEqual(w.said(), config.children.map(({ name }) => `+${name}`).join(" "))
      for (let turn = 0; turn < 30 && !model.isOver; turn++) {
        if (w.timers.length > 0 && draw.below(2) === 0) {
          w.fire(draw.below(w.timers.length))
          model.restarts--
          continue
        }
        const how = draw.pick(["crash", "quit"] as const)
        const { name } = draw.pick(config.children)
        const expected = model.end(how, name)
        w.end(how, name)
        assert.strictEqual(w.said(), expected, `seed ${seed}, turn ${turn}: ${how} ${name} in ${JSON.stringify(config)}`)
      }
      if (!model.isOver) continue
      over++
      assert.deepStrictEqual([w.facts(), w.population()], [[], 2], `seed ${seed}`)
    }
    assert.isAbove(over, 50)
  })

  it("when many end together: at quiet all run that should, none twice, and nothing else stands", { timeout: 60_000 }, () => {
    for (let seed = 1; seed <= 400; seed++) {
      const draw = drawer(seed)
      const config = randomConfig(draw, 10_000)
      const w = world(config)
      const running = new Set<string>()
      const ended = new Set<string>()
      const hear = (ends: ReadonlySet<string>) => {
        const lines = w.said().split(" ").filter((line) => line !== "")
        for (const line of lines) {
          const name = line.slice(1)
          assert.strictEqual(running.has(name), line.startsWith("-"), `seed ${seed}: ${lines.join(" ")}`)
          if (line.startsWith("-")) running.delete(name)
          else running.add(name)
        }
        // those that are restarted together start in order, after the last stop
        const starts = lines.slice(lines.findLastIndex((line) => line.startsWith("-")) + 1)
        if (config.strategy !== "one-for-one") assert.deepStrictEqual(starts, [...starts].sort(), `seed ${seed}: ${lines.join(" ")}`)
        for (const name of ends) ended.add(name)
      }
      hear(new Set())
      for (let turn = 0; turn < 15; turn++) {
        if (w.timers.length > 0 && draw.below(3) === 0) w.fire(draw.below(w.timers.length))
        const ends = Array.from({ length: 1 + draw.below(4) }, () =>
          [draw.pick(["crash", "quit"] as const), draw.pick(config.children).name] as const)
        w.perform(...ends.map(([how, name]) => Process.send(Value.record(how, name))))
        hear(new Set(ends.map(([, name]) => name)))
        for (const { name, restart } of config.children) {
          if (restart === "permanent") assert.isTrue(running.has(name), `seed ${seed}: ${name} runs`)
          if (restart === "temporary" && ended.has(name)) assert.isFalse(running.has(name), `seed ${seed}: ${name} is not started again`)
        }
        assert.lengthOf(w.facts(), 3 * running.size, `seed ${seed}`)
        assert.strictEqual(w.population(), 3 + running.size, `seed ${seed}`)
      }
    }
  })
})
