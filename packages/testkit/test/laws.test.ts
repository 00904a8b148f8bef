/** The laws, over every machine that core exports, over every library process, and over machines that break one law each. */
import { assert, describe, it } from "@effect/vitest"
import * as Core from "@colloquy/core"
import { Conversation, Dataspace, Demand, Family, Federation, Ground, Handoff, Link, Machine, Nested, Node, Operator, Packet, Pattern, Process, Scope, Supervisor, Topic, Topology, Value } from "@colloquy/core"
import * as fc from "fast-check"
import * as Arbitrary from "../src/Arbitrary.ts"
import * as Laws from "../src/Laws.ts"
import { Network } from "../src/Network.ts"
import * as Programs from "../src/Programs.ts"

const runs = 60
const self = { node: "m", incarnation: 1 }
const link = fc.constantFrom("L1", "L2", "L3")
const peer = fc.record({ node: fc.constantFrom("a", "b", "m"), incarnation: fc.nat(2), leaf: fc.boolean() })
const scope = fc.constantFrom("s", "@status")

const session = { link: "L", self: { ...self, leaf: false }, stream: true }
const received = (packet: Packet.Packet): Link.Event => ({ _tag: "Received", bytes: Packet.encode(packet, true), at: 0 })
const hello = received({ _tag: "Hello", peer: { node: "a", incarnation: 1, leaf: false }, takes: Packet.leastCapacity })

const news = fc.oneof(
  fc.record({ _tag: fc.constant("Greeted" as const), peer }),
  fc.record({ _tag: fc.constant("Offered" as const), scope, peer }),
  fc.record({ _tag: fc.constant("Accepted" as const) }),
  fc.record({ _tag: fc.constant("Settled" as const), tree: fc.constant({ _tag: "Attached" }) }),
  fc.record({ _tag: fc.constant("Measured" as const), rttMs: fc.nat(9) }),
  fc.record({ _tag: fc.constant("Dropped" as const), messages: fc.nat(9) }),
  fc.record({ _tag: fc.constant("Ended" as const), reason: fc.constant("gone") }),
  fc.record({ _tag: fc.constant("SyncRequested" as const), n: fc.nat(3) }),
  fc.record({ _tag: fc.constant("Synced" as const), n: fc.nat(3) })
) as fc.Arbitrary<Operator.SessionNews>
const wish = fc.record({ handle: fc.constant("uplink 3"), _tag: fc.constantFrom("Added" as const, "Removed" as const, "Received" as const), captures: fc.tuple(fc.constantFrom("s", "t"), fc.constantFrom("x:1", "x:2"), fc.constant("s")) })
const operatorEvent: fc.Arbitrary<Operator.Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Requested" as const), events: fc.array(wish, { maxLength: 2 }) }) },
  fc.record({ _tag: fc.constant("Incoming" as const), link, from: fc.constant("x:3"), stream: fc.boolean() }),
  fc.record({ _tag: fc.constant("Dialled" as const), link: fc.constantFrom("out:1", "out:2"), stream: fc.boolean() }),
  fc.record({ _tag: fc.constant("DialFailed" as const), link: fc.constantFrom("out:1", "out:2"), reason: fc.constant("refused") }),
  fc.record({ _tag: fc.constant("RetryDue" as const), uplink: fc.constantFrom("1", "s x:1 s") }),
  { weight: 6, arbitrary: fc.record({ _tag: fc.constant("Session" as const), link: fc.constantFrom("L1", "L2", "out:1", "out:2"), news }) },
  fc.record({ _tag: fc.constant("Joined" as const), link, peer }),
  fc.record({ _tag: fc.constantFrom("Parted" as const, "EdgeDown" as const, "Confirm" as const), link }),
  fc.record({ _tag: fc.constant("EdgeUp" as const), link, role: fc.constantFrom("parent" as const, "child" as const, "leaf" as const) }),
  fc.record({ _tag: fc.constant("GraceOver" as const), scope, edge: fc.constant("L1/1") }),
  fc.record({ _tag: fc.constant("Settled" as const), link, n: fc.nat(3), ours: fc.boolean() }),
  fc.record({ _tag: fc.constant("Counted" as const), scope, facts: fc.constant([Value.record("count", "s", "links", 1)]) }),
  { weight: 0, arbitrary: fc.constant<Operator.Event>({ _tag: "Stop" }) }
)
const operator: Operator.Config = {
  self: { ...self, leaf: false }, seed: 1, link: { limits: {}, timing: {} }, federation: Federation.defaultConfig, linksMax: 3, backoff: Node.defaultBackoff, tree: {}
}

const hearing: { [name: string]: Process.Behaviour } = {
  waits: { initial: () => [0, [Process.observe(0, Pattern.record("event", Pattern.literal(1), Pattern.bind()))]], transition: (n, { captures }) => [n + 1, n < 3 ? [Process.send(captures[0]!)] : [Process.quit()]] }
}

type Case = readonly [name: string, machine: Machine.Any, config: unknown, event: fc.Arbitrary<Machine.Tagged>, opening?: ReadonlyArray<Machine.Tagged>]
const cases: { readonly [module: string]: ReadonlyArray<Case> } = {
  Federation: [["of three links", Federation, {}, Arbitrary.federationEvent()]],
  Topology: [["of a node", Topology, { self, leaf: false }, Arbitrary.topologyEvent()], ["of a leaf", Topology, { self, leaf: true }, Arbitrary.topologyEvent()]],
  Link: [
    ["of a dialer", Link, { ...session, role: "dialer", scope: "s" }, Arbitrary.linkEvent(), [hello, { _tag: "Offer" } as Link.Event, received({ _tag: "Joined" })]],
    ["of an acceptor", Link, { ...session, role: "acceptor" }, Arbitrary.linkEvent(), [hello, received({ _tag: "Join", scope: "s" }), { _tag: "Accept" } as Link.Event]]
  ],
  Operator: [["of a node", Operator, operator, operatorEvent]],
  Dataspace: [["of external processes", Dataspace.of({}), {}, Arbitrary.dataspaceEvent()]],
  Ground: [["of a program", Ground.of(hearing), { boot: [{ name: "a", process: { behaviour: "waits", config: 0 } }, { name: "b", process: { behaviour: "waits", config: 0 } }] },
    fc.oneof(fc.record({ _tag: fc.constant("Fired" as const), source: fc.nat(2), value: fc.nat(2) }), fc.constant({ _tag: "Continue" as const }))]],
  Scope: [["of a node", Scope.of({}), { self, leaf: false, asks: true, limits: Federation.defaultConfig }, fc.oneof(
    Arbitrary.topologyEvent().map((event) => ({ _tag: "Topology" as const, event })),
    Arbitrary.dataspaceEvent().filter((event) => !("pid" in event) || event.pid !== "link").map((event) => ({ _tag: "Dataspace" as const, event })),
    Arbitrary.federationEvent().filter(({ _tag }) => _tag === "Turn").map((event) => ({ _tag: "Topology" as const, event: event as Topology.Event }))
  )]],
  Family: [["of topologies", Family.of(Topology), {}, fc.oneof(
    fc.record({ _tag: fc.constant("Open" as const), key: link, config: fc.constant({ self, leaf: false }) }),
    fc.record({ _tag: fc.constant("Tell" as const), key: link, event: Arbitrary.topologyEvent() }),
    fc.record({ _tag: fc.constant("Close" as const), key: link })
  )]]
}

describe("laws hold for", () => {
  for (const [module, list] of Object.entries(cases)) {
    for (const [name, machine, config, event, opening = []] of list) {
      it(`${module} ${name}`, { timeout: 60_000 }, () => {
        const lives = fc.sample(fc.tuple(fc.nat(opening.length), fc.array(event, { minLength: 5, maxLength: 40, size: "max" }), event), { numRuns: runs, seed: 1 })
        for (const [opened, events, abandoned] of lives) Laws.check(machine, machine.initial(config)[0], [...opening.slice(0, opened), ...events], abandoned)
      })
    }
  }
  it("Node, a whole one, whatever a peer sends", { timeout: 60_000 }, () => {
    const network = new Network()
    const told: Array<Node.Event> = []
    const tell = network.tell.bind(network)
    network.tell = (node, event) => {
      if (node === "b") told.push(event)
      tell(node, event)
    }
    network.start("a")
    network.start("b")
    network.act("b", "s", "p", Process.assert(1, Value.record("p", 1)), Process.observe(2, Pattern.record("p", Pattern.bind())))
    network.act("a", "s", "p", Process.observe(1, Pattern.bind()), Process.assert(2, Value.record("p", 2)))
    network.uplink("a", "s", "b")
    network.settle()
    network.act("a", "s", "p", Process.send(Value.record("p", 3)), Process.retract(2))
    network.settle()
    network.tell("a", { _tag: "Stop", at: 1 })
    network.settle()
    const machine = Node.of({})
    const start = machine.initial({ node: "b", incarnation: 2, seed: 2 })[0]
    assert.isAbove(told.length, 8)

    Laws.check(machine, start, told, { _tag: "Received", link: "in:1", bytes: Uint8Array.of(0, 0, 0, 1, 0x84), at: 1 })
  })
  it("nothing less: every machine that core exports is here", () => {
    const machines = Object.entries(Core).filter(([name, module]) => "initial" in module && "transition" in module || "of" in module && name !== "Nested").map(([name]) => name)

    assert.deepStrictEqual(machines.sort(), [...Object.keys(cases), "Node"].sort())
  })
})

/** What a process was and what it was told, for each that lived. */
interface Life {
  readonly name: string
  readonly behaviour: Process.Behaviour
  readonly config: unknown
  readonly self: Process.Pid
  readonly events: Array<Process.Event>
}
const recorded = (behaviours: Process.Behaviours, lives: Array<Life>): Process.Behaviours =>
  Object.fromEntries(Object.entries(behaviours).map(([name, behaviour]): [string, Process.Behaviour] => [name, {
    initial: (config, of) => {
      const life: Life = { name, behaviour, config, self: of, events: [] }
      lives.push(life)
      const [state, actions] = behaviour.initial(config, of)
      return [{ life: lives.length - 1, state }, actions]
    },
    transition: ({ life, state }: { readonly life: number; readonly state: unknown }, event) => {
      lives[life]!.events.push(event)
      const [next, actions] = behaviour.transition(state, event)
      return [{ life, state: next }, actions]
    }
  }]))

const speaker: Conversation.Program<number, number> = {
  boot: (n) => [n, [
    Conversation.publisher("p", Topic.record("says", n, Topic.wild), "heard"), Conversation.subscriber("s", Topic.record("says", Topic.wild, Topic.wild), "heard", { presence: "set" })
  ]],
  handlers: { heard: (n, event) => [n + 1, n > 6 ? [Conversation.withdraw("p"), Conversation.yieldTo("heard")] : event._tag === "Presence" ? [Conversation.send(Value.record("says", n, "hello")), Conversation.feedback(1)] : []] }
}
const library: Process.Behaviours = {
  ...Conversation.behaviours({ speaker }),
  demand: Demand.behaviour, matcher: Demand.matcher, supervisor: Supervisor.behaviour, child: Supervisor.child, handoff: Handoff.behaviour,
  task: Handoff.whileWanted(Programs.behaviours(Nested.nested, () => {})["script"]!)
}
const task: Process.Process = { behaviour: "task", config: { start: [Process.observe(0, Pattern.record("f", Pattern.bind()))], reactions: [[], [Process.quit("broken")]] } }
const boot: NonNullable<Dataspace.Config["boot"]> = [
  { name: "ann", process: { behaviour: "speaker", config: 1 } },
  { name: "space", process: Conversation.nested([{ name: "bob", process: { behaviour: "speaker", config: 2 } }, { name: "cy", process: { behaviour: "speaker", config: 5 } }]) },
  { name: "demand", process: { behaviour: "demand", config: { demand: Pattern.record("want", Pattern.bind()), task, backoff: { leastMs: 10, mostMs: 100 } } satisfies Demand.Config } },
  { name: "matcher", process: { behaviour: "matcher", config: { demand: Pattern.record("want", Pattern.bind()), supply: Pattern.record("f", Pattern.bind()), task } satisfies Demand.MatcherConfig } },
  { name: "supervisor", process: { behaviour: "supervisor", config: { strategy: "rest-for-one", intensity: { restartsMax: 3, withinMs: 1_000 }, children: [{ name: "a", process: task, restart: "permanent" }, { name: "b", process: task, restart: "transient" }] } satisfies Supervisor.Config } }
]

describe("library processes", () => {
  it("keep the laws, each in what it was told in its life", { timeout: 60_000 }, () => {
    const lived = new Set<string>()
    for (let seed = 1; seed <= 40; seed++) {
      const lives: Array<Life> = []
      const machine = Dataspace.of(recorded(library, lives))
      const events = fc.sample(Arbitrary.dataspaceEvent(), { numRuns: 25, seed })
      const wants: Dataspace.Event = { _tag: "Enter", pid: "w", name: "w", actions: [Process.assert(0, Value.record("want", 1)), Process.assert(1, Value.record("f", 1)), Process.assert(2, Value.record("f", 2))] }
      Machine.fold(machine, machine.initial({ boot })[0], [wants, ...events, { _tag: "Leave", pid: "w" }])
      for (const { behaviour, config, events: told, name, self: of } of lives) {
        if (told.length > 0) lived.add(name)
        Laws.check(behaviour as Machine.Any, behaviour.initial(config, of)[0], told, ...told.slice(0, 1))
      }
    }

    assert.deepStrictEqual([...lived].sort(), ["demand", "matcher", "nested", "speaker", "supervisor", "task"])
  })
})

describe("laws", () => {
  it("are broken by machines that break them", () => {
    let calls = 0
    const leaky = new Map<string, number>()
    const broken: ReadonlyArray<readonly [RegExp, (state: { n: number }, event: Machine.Tagged) => readonly [unknown, ReadonlyArray<Machine.Tagged>]]> = [
      [/every event in every state returns/, () => { throw new Error("no") }],
      [/the same state and event give the same step/, () => [{ n: ++calls }, []]],
      [/every event in every state returns|a step leaves the old state/, (state) => {
        state.n++
        return [{ n: 0 }, []]
      }],
      [/hold no function/, () => [{ n: () => 1 }, []]],
      [/hold no Date/, () => [{ n: new Date(0) }, []]],
      [/leaves no trace/, ({ n }, { _tag }) => {
        if (_tag === "Idle") leaky.set("idle", 1)
        return [{ n: n + 1 }, [{ _tag: `said ${leaky.size}` }]]
      }]
    ]
    for (const [law, transition] of broken) {
      const machine = { initial: () => [{ n: 0 }, []], transition } as Machine.Any
      assert.throws(() => Laws.check(machine, { n: 0 }, [{ _tag: "Go" }], { _tag: "Idle" }), law)
    }
  })
})
