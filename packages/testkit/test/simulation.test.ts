/** The simulated world: what it promises of itself, and what it finds in nodes that are right or wrong. */
import { assert, describe, it } from "@effect/vitest"
import { Encoded, Federation, type Item, type Machine, Node, Pattern, Process, Value } from "@colloquy/core"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Clock } from "../src/Clock.ts"
import { shrink, shrinkByKind } from "../src/Shrink.ts"
import * as Simulation from "../src/Simulation.ts"
import { command, trialOf } from "../src/sim/command.ts"

const seeds = 30
const graphs = 20

describe("the clock", () => {
  it("takes what is due in the order of time, then of setting, with the last ones last", () => {
    const clock = new Clock<string>()
    const taken: Array<string> = []
    clock.set(5, "c", { last: true })
    clock.set(5, "a")
    clock.set(5, "b")
    clock.set(1, "first")
    clock.cancel(clock.set(2, "cancelled"))
    clock.set(9, "later")

    for (let what = clock.next(5); what !== undefined; what = clock.next(5)) taken.push(`${clock.now} ${what}`)

    assert.deepStrictEqual(taken, ["1 first", "5 a", "5 b", "5 c"])
    assert.strictEqual(clock.next(7), undefined)
    assert.strictEqual(clock.now, 7)
    assert.strictEqual(clock.next(100), "later")
  })
  it("keeps the order of many", () => {
    const clock = new Clock<number>()
    const times = Array.from({ length: 500 }, (_, i) => (i * 7919) % 263)
    for (const at of times) clock.set(at, at)

    const taken = times.map(() => clock.next(1_000))

    assert.deepStrictEqual(taken, [...times].sort((a, b) => a - b))
  })
})

describe("shrinking", () => {
  it("finds the elements that matter", () => {
    const list = Array.from({ length: 300 }, (_, i) => i)
    const { list: shrunk, tries } = shrink(list, (some) => [7, 150, 299].every((n) => some.includes(n)), 500)

    assert.deepStrictEqual(shrunk, [7, 150, 299])
    assert.isBelow(tries, 200)
  })
  it("leaves out whole kinds first, and keeps to its tries", () => {
    const list = Array.from({ length: 300 }, (_, i) => i)

    const { list: shrunk, tries } = shrinkByKind(list, (n) => n % 2 === 0 ? "even" : "odd", (some) => some.includes(8), 12)

    assert.isTrue(shrunk.every((n) => n % 2 === 0))
    assert.strictEqual(tries, 12)
    assert.deepStrictEqual(shrink(list, () => false, 10), { list, tries: 10 })
    assert.deepStrictEqual(shrink(list, () => true, 1_000).list, [])
  })
})

// ---- a user's own machine: pings every second, and gives the peer up after two without an answer ---

type Ping = { readonly _tag: "Ping" | "Pong" }
type PingEvent =
  | { readonly _tag: "Up" | "Down"; readonly link: string }
  | { readonly _tag: "Got"; readonly link: string; readonly data: Ping }
  | { readonly _tag: "Due" }
type PingAction =
  | { readonly _tag: "Say"; readonly link: string; readonly data: Ping }
  | { readonly _tag: "Wait"; readonly ms: number }
  | { readonly _tag: "Verdict"; readonly link: string; readonly is: "there" | "gone" }
type PingState = { readonly link: string; readonly unanswered: number }

const pinger: Machine.Machine<{}, PingState, PingEvent, PingAction> = {
  initial: () => [{ link: "", unanswered: 0 }, [{ _tag: "Wait", ms: 1_000 }]],
  transition: (state, event) => {
    const { link, unanswered } = state
    if (event._tag === "Up") return [{ link: event.link, unanswered: 0 }, []]
    if (event._tag === "Down") return [{ link: "", unanswered: 0 }, [{ _tag: "Verdict", link: event.link, is: "gone" }]]
    if (event._tag === "Got" && event.data._tag === "Ping") return [state, [{ _tag: "Say", link: event.link, data: { _tag: "Pong" } }]]
    if (event._tag === "Got") return [{ link, unanswered: 0 }, [{ _tag: "Verdict", link, is: "there" }]]
    if (link === "") return [state, [{ _tag: "Wait", ms: 1_000 }]]
    if (unanswered === 2) return [{ link: "", unanswered: 0 }, [{ _tag: "Verdict", link, is: "gone" }, { _tag: "Wait", ms: 1_000 }]]
    return [{ link, unanswered: unanswered + 1 }, [{ _tag: "Say", link, data: { _tag: "Ping" } }, { _tag: "Wait", ms: 1_000 }]]
  }
}
const pingAdapter: Simulation.Adapter<typeof pinger> = {
  machine: pinger,
  config: () => ({}),
  event: (news) => news._tag === "Dialled" || news._tag === "Incoming" ? { _tag: "Up", link: news.link }
    : news._tag === "Received" ? { _tag: "Got", link: news.link, data: news.data as Ping }
    : news._tag === "Lost" ? { _tag: "Down", link: news.link }
    : news._tag === "TimerFired" ? { _tag: "Due" } : undefined,
  order: (action) => action._tag === "Say" ? { _tag: "Write", link: action.link, data: action.data }
    : action._tag === "Wait" ? { _tag: "SetTimer", timer: "due", afterMs: action.ms }
    : { _tag: "Deliver", what: action.is }
}
const pair = (heard: Array<string>, options: Partial<Simulation.Options<typeof pinger>> = {}) => {
  const world = Simulation.of({ ...pingAdapter, heard: ({ at, node, what }) => heard.push(`${at} ${node} ${String(what)}`), ...options })
  world.start("a")
  world.start("b")
  world.connect("a", "b")
  return world
}

describe("a world of a user's own machine", () => {
  it("carries messages in virtual time", () => {
    const heard: Array<string> = []
    const world = pair(heard, { faults: { latencyMs: [20, 20] } })

    world.run(2_500)

    assert.deepStrictEqual(heard, ["1040 a there", "1040 b there", "2040 a there", "2040 b there"])
    assert.deepStrictEqual(world.connections(), [["a", "b"]])
    assert.strictEqual(world.now, 2_500)
  })
  it("tells both ends of a lost link, and not of one that is silent", () => {
    const heard: Array<string> = []
    const lost = pair(heard)
    lost.run(500)
    lost.lose("a", "b")
    lost.run(100)
    assert.deepStrictEqual(heard, ["501 a gone", "501 b gone"])

    heard.length = 0
    const silent = pair(heard)
    silent.run(500)
    silent.silence("a", "b")
    silent.run(3_000)
    // b's pings still reach a, and a's answers do not reach b
    assert.deepStrictEqual(heard, ["3000 a gone", "3000 b gone"])
  })
  it("holds back what a partition is between, and lets it go on after", () => {
    const heard: Array<string> = []
    const world = pair(heard)
    world.run(500)
    world.partition(["a"], ["b"])
    world.run(1_000)
    assert.deepStrictEqual(heard, [])

    world.heal()
    world.run(100)

    assert.deepStrictEqual(heard, ["1502 b there", "1502 a there"])
  })
  it("loses all of a node that crashes, and tells its peers, or leaves them in the dark", () => {
    const heard: Array<string> = []
    const world = pair(heard)
    world.run(500)
    world.crash("b")
    world.run(100)
    assert.deepStrictEqual([heard, world.up(), world.state("b")], [["501 a gone"], ["a"], undefined])

    heard.length = 0
    const dark = pair(heard)
    dark.run(500)
    dark.crash("b", { dark: true })
    dark.run(2_600)
    assert.deepStrictEqual(heard, ["3000 a gone"])
  })
  it("tells who writes to a life that is over, once the next one is there", () => {
    const heard: Array<string> = []
    const world = pair(heard)
    world.run(500)
    world.crash("b", { dark: true })
    world.restart("b")
    world.run(600)

    assert.deepStrictEqual(heard, ["1002 a gone"])
  })
  it("runs a trial of it, which fails with a trace that fails again", () => {
    const trial: Simulation.Trial<typeof pinger> = {
      world: { ...pingAdapter, faults: { ...Simulation.allFaults, stops: 0 } },
      programme: () => [
        ...["a", "b", "c"].map((node): Simulation.Step<PingEvent> => ({ at: 0, what: { _tag: "Start", node, events: [] } })),
        ...["b", "c", "b", "c"].map((to, i): Simulation.Step<PingEvent> => ({ at: i * 1_000, what: { _tag: "Connect", from: "a", to } }))
      ],
      lastsMs: 20_000,
      oracle: () => ({
        watch: ({ actions, node }) => {
          if (!actions.some((action) => action._tag === "Verdict" && action.is === "gone")) return
          throw new Simulation.Violation("nobody goes", `${node} finds its peer gone`)
        }
      })
    }

    const failure = failureOf(() => Simulation.run(trial, 3))

    assert.strictEqual(failure.law, "nobody goes")
    assert.isBelow(failure.shrunk.length, 5)
    assert.throws(() => Simulation.replay(trial, failure.shrunk as ReadonlyArray<Simulation.Step<PingEvent>>), Simulation.Violation)
  })
})

const failureOf = (run: () => unknown): Simulation.Failure => {
  try {
    run()
  } catch (error) {
    if (error instanceof Simulation.Failure) return error
    throw error
  }
  throw new Error("it should have failed")
}

// ---- one machine of the core by itself -------------------------------------------------------------

describe("a world of federations alone", () => {
  const adapter: Simulation.Adapter<typeof Federation> = {
    machine: Federation,
    config: () => ({}),
    event: (news) => {
      switch (news._tag) {
        case "Incoming":
        case "Dialled": return { _tag: "LinkUp", link: news.link }
        case "Received": return { _tag: "Turn", link: news.link, items: (news.data as unknown as { readonly items: ReadonlyArray<Item.Item> }).items }
        case "Lost": return { _tag: "LinkDown", link: news.link }
        default: return undefined
      }
    },
    order: (action) => action._tag === "Fault" ? { _tag: "Close", link: action.link }
      : action.link === "local" ? { _tag: "Deliver", what: action.items }
      : { _tag: "Write", link: action.link, data: { _tag: "Turn", items: action.items } as { readonly _tag: string } }
  }
  it("carries a fact along a line of three, and takes it back when the line breaks", () => {
    const heard: Array<string> = []
    const world = Simulation.of({
      ...adapter,
      faults: { latencyMs: [5, 5] },
      heard: ({ at, node, what }) => heard.push(...(what as ReadonlyArray<Item.Item>).map(({ _tag }) => `${at} ${node} ${_tag}`))
    })
    const local = (...items: ReadonlyArray<Item.Item>): Federation.Event => ({ _tag: "Turn", link: "local", items })
    for (const node of ["a", "b", "c"]) world.start(node, { _tag: "LinkUp", link: "local" })
    world.connect("a", "b")
    world.connect("c", "b")
    world.run(100)

    world.tell("a", local({ _tag: "Assert", endpoint: 1, pattern: Pattern.record("f", Pattern.bind()) }))
    world.run(100)
    world.tell("c", local({ _tag: "Add", endpoint: 1, captures: Encoded.encodedOf([7]) }))
    world.run(100)
    world.lose("c", "b")
    world.run(100)

    assert.deepStrictEqual(heard, ["105 b Assert", "110 c Assert", "210 a Add", "305 c Clear", "310 a Del"])
  })
})

// ---- whole nodes -----------------------------------------------------------------------------------

/** A run of one seed, turn by turn, with every byte. */
const logOf = (seed: number, steps?: ReadonlyArray<Simulation.Step<Node.Event>>) => {
  const log: Array<string> = []
  const plain = Simulation.fuzzTrial()
  let world: Simulation.World<Simulation.NodeMachine> | undefined
  const trial: Simulation.Trial<Simulation.NodeMachine> = {
    ...plain,
    oracle: () => {
      const { rest, watch } = plain.oracle()
      return {
        rest: rest!,
        watch: (turn, of) => {
          world = of
          log.push(JSON.stringify(turn, (_, value) => value instanceof Uint8Array ? [...value] : typeof value === "symbol" ? String(value) : value))
          watch!(turn, of)
        }
      }
    }
  }
  const report = steps === undefined ? Simulation.run(trial, seed) : Simulation.replay(trial, steps)
  return { log, report, steps: world!.steps }
}

/** A node whose actions pass through `change`, which knows how many of a kind went before. */
const flawed = (change: (action: Node.Action, count: () => number) => ReadonlyArray<Node.Action>): Simulation.NodeMachine => {
  const inner = Node.of({})
  const pass = ([state, actions]: Machine.Step<Node.State, Node.Action>, before: number) => {
    let n = before
    const changed = actions.flatMap((action) => change(action, () => ++n))
    return [{ ...state, n }, changed] as const // an oracle sees a node's state
  }
  return {
    initial: (config) => pass(inner.initial(config), 0),
    transition: ({ n, ...state }, event) => pass(inner.transition(state, event), n)
  }
}
const firstFailure = (machine: Simulation.NodeMachine) => {
  const trial = Simulation.fuzzTrial({ machine })
  for (let seed = 1; seed <= 40; seed++) {
    try {
      Simulation.run(trial, seed)
    } catch (error) {
      if (error instanceof Simulation.Failure) return { trial, failure: error as Simulation.Failure<Node.Event> }
      throw error
    }
  }
  throw new Error("nothing was found")
}

describe("a world of nodes", () => {
  it("joins two scopes and lets facts go with a stop and come with a restart", () => {
    const heard: Array<string> = []
    const world = Simulation.nodes({
      heard: ({ node, what }) => {
        const action = what as Node.Action
        if (action._tag === "Deliver") heard.push(...action.events.map(({ _tag }) => `${node} ${_tag}`))
      }
    })
    world.start("a", ...Simulation.act("s", "me", Process.observe("f", Pattern.record("f", Pattern.discard))))
    world.start("b", ...Simulation.uplink("s", "a"), ...Simulation.act("s", "me", Process.assert(1, Value.record("f", 1))))
    world.run(1_000)
    assert.deepStrictEqual(heard, ["a Added"])

    world.stop("b")
    world.run(1_000)
    assert.deepStrictEqual([heard, world.up()], [["a Added", "a Removed"], ["a"]])

    world.restart("b")
    world.run(1_000)
    assert.deepStrictEqual(heard, ["a Added", "a Removed", "a Added"])
  })
  it("finds a peer in the dark by its heartbeat, and no sooner", () => {
    const removed: Array<number> = []
    const world = Simulation.nodes({
      watch: ({ actions, at, node }) => {
        const events = actions.flatMap((action) => node === "a" && action._tag === "Deliver" ? action.events : [])
        if (events.some(({ _tag }) => _tag === "Removed")) removed.push(at)
      }
    })
    world.start("a", ...Simulation.act("s", "me", Process.observe("f", Pattern.record("f", Pattern.discard))))
    world.start("b", ...Simulation.uplink("s", "a"), ...Simulation.act("s", "me", Process.assert(1, Value.record("f", 1))))
    world.run(5_000)
    world.crash("b", { dark: true })
    world.run(60_000)

    assert.strictEqual(removed.length, 1)
    assert.isAtLeast(removed[0]!, 30_000)
    assert.isAtMost(removed[0]!, 36_000)
  })
  it("runs alike for one seed, and otherwise for another", () => {
    const { log, report, steps } = logOf(11)

    assert.isAbove(log.length, 500)
    assert.deepStrictEqual(logOf(11), { log, report, steps })
    assert.notDeepEqual(logOf(12).log, log)
  })
  it("runs alike from what it recorded, without chance", () => {
    const { log, steps } = logOf(13)

    assert.isTrue(["Crash", "Delay", "Lose", "Silence", "Start", "Tell"].every((tag) => steps.some(({ what }) => what._tag === tag)))
    assert.deepStrictEqual(logOf(0, steps).log, log)
  })
  it(`keeps what federation promises for ${seeds} seeds, whatever goes wrong`, { timeout: 60_000 }, () => {
    const reports = Array.from({ length: seeds }, (_, i) => Simulation.fuzz(1_000 + i))

    assert.isAbove(reports.reduce((sum, { turns }) => sum + turns, 0), seeds * 500)
  })
})

describe("a world of nodes whose uplinks close cycles", () => {
  it(`comes to rest as a tree of each part for ${graphs} seeds`, { timeout: 60_000 }, () => {
    const reports = Array.from({ length: graphs }, (_, i) => Simulation.fuzz(2_000 + i, { chords: 1 + i % 4 }))

    assert.isAbove(reports.reduce((sum, { turns }) => sum + turns, 0), graphs * 500)
  })
})

describe("a fault in a node", () => {
  const isTimer = (action: Node.Action, timer: string): boolean => action._tag === "SetTimer" && action.timer.startsWith(timer)
  const flaws: ReadonlyArray<readonly [string, Simulation.NodeMachine]> = [
    ["every third end that is not told", flawed((action, count) => action._tag !== "Deliver" ? [action]
      : [{ ...action, events: action.events.filter((event) => event._tag !== "Removed" || count() % 3 !== 0) }])],
    ["a message that is told twice", flawed((action, count) => action._tag !== "Deliver" ? [action]
      : [{ ...action, events: action.events.flatMap((event) => event._tag === "Received" && count() % 5 === 0 ? [event, event] : [event]) }])],
    ["a retry that is forgotten", flawed((action, count) => isTimer(action, "retry") && count() % 4 === 0 ? [] : [action])],
    ["a heartbeat that is not watched", flawed((action) => isTimer(action, "giveUp") ? [] : [action])]
  ]
  for (const [name, machine] of flaws) {
    it(`is found and shown by few steps: ${name}`, { timeout: 60_000 }, () => {
      const { failure, trial } = firstFailure(machine)

      assert.include(failure.message, `npm run sim -- --seed ${failure.seed}\n`)
      assert.isBelow(failure.shrunk.length, 16)
      assert.isBelow(failure.shrunk.length * 5, failure.steps.length)
      assert.strictEqual(failure.message.split("\n").length, 3 + failure.shrunk.length)
      assert.throws(() => Simulation.replay(trial, failure.shrunk), Simulation.Violation, failure.message.split("\n")[0]!)
      assert.strictEqual(failureOf(() => Simulation.run(trial, failure.seed)).message, failure.message)
    })
  }
})

// ---- the command -----------------------------------------------------------------------------------

interface Told {
  readonly command: string
  readonly trace: ReadonlyArray<string>
}

describe("sim", () => {
  const runs = (args: ReadonlyArray<string>, machine?: Simulation.NodeMachine) => {
    const out: Array<string> = []
    const err: Array<string> = []
    let clock = 0
    const status = command(args, {
      trial: (config) => trialOf({ ...config, ...machine === undefined ? {} : { machine } }),
      out: (text) => out.push(text),
      err: (text) => err.push(text),
      now: () => clock += 1_000,
      anySeed: () => 4_294_967_295
    })
    return { status, out: out.join(""), err: err.join("") }
  }
  it("runs the seeds that it is asked for, and says how far it is", () => {
    const { err, out, status } = runs(["--seed", "5", "--runs", "3"])

    assert.strictEqual(status, 0)
    assert.match(out, /^3 runs, 5\.\d virtual minutes, \d+ events; no failure\n$/)
    assert.match(err, /^from seed 5\n1 runs, .*in \d s\n/)
  })
  it("runs networks of a shape and a size", () => {
    const { out, status } = runs(["--shape", "ring", "--nodes", "7", "--seed", "5"])
    assert.strictEqual(status, 0)
    assert.match(out, /^1 runs, .* no failure\n$/)

    const failed = runs(["--seed", "1", "--shape", "any", "--nodes", "5"], flawed((action) => action._tag === "Deliver" ? [] : [action])).out
    assert.match(failed, /1 failure: npm run sim -- --seed 1 --shape any --nodes 5\n$/)
  })
  it("draws a seed, says which, and ends with its minutes", () => {
    const { err, out, status } = runs(["--minutes", "0.1", "--json"])

    assert.strictEqual(status, 0)
    assert.match(err, /^from seed 4294967295\n/)
    const { failures, runs: count, seed } = JSON.parse(out) as { readonly failures: unknown; readonly runs: number; readonly seed: number }
    assert.deepStrictEqual({ failures, seed }, { failures: [], seed: 4_294_967_295 })
    assert.isAtLeast(count, 2)
  })
  it("ends with status 1 and the line to paste when a trial fails", () => {
    const deaf = flawed((action) => action._tag === "Deliver" ? [] : [action])
    const { out, status } = runs(["--seed", "1", "--runs", "9"], deaf)

    assert.strictEqual(status, 1)
    assert.match(out, /^seed 1: .*\nto see it again: npm run sim -- --seed 1\n/)
    assert.match(out, /1 failure: npm run sim -- --seed 1\n$/)

    const { failures: [failure] } = JSON.parse(runs(["--seed", "1", "--json"], deaf).out) as { readonly failures: ReadonlyArray<Told> }
    assert.strictEqual(failure!.command, "npm run sim -- --seed 1")
    assert.isAbove(failure!.trace.length, 0)
  })
  it("says what is wrong with its arguments", () => {
    for (const [args, said] of [
      [["--seed", "x"], /^--seed takes a whole number/],
      [["--minutes", "0"], /^--minutes takes a number/],
      [["--runs", "1", "--minutes", "1"], /^--runs and --minutes/],
      [["--shape", "star"], /^--shape takes one of ring, /],
      [["--nodes", "4"], /^--nodes takes a whole number from 5/],
      [["--nodes", "9", "--chords", "1"], /^--chords are for small trees/],
      [["--sed", "1"], /--sed/],
      [["7"], /7/]
    ] as const) {
      const { err, status } = runs(args)
      assert.strictEqual(status, 2)
      assert.match(err, said)
    }
    assert.match(runs(["--seed", "1", "--chords", "2"], flawed(() => [])).out, /1 failure: npm run sim -- --seed 1 --chords 2\n$/)
    assert.match(runs(["--help"]).out, /^npm run sim -- \[--seed N\]/)
  })
  it("is a program", { timeout: 30_000 }, () => {
    const path = fileURLToPath(new URL("../src/sim.ts", import.meta.url))

    const out = execFileSync(process.execPath, [path, "--seed", "3", "--runs", "2"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })

    assert.match(out, /^2 runs, .* no failure\n$/)
  })
})
