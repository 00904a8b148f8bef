/** The laws, over the machines that core exports, and over machines that break one law each. */
import { assert, describe, it } from "@effect/vitest"
import { Dataspace, Encoded, Federation, type Item, type Machine, Node, Pattern, Process, Rng, Topology, Value } from "@colloquy/core"
import * as Laws from "../src/Laws.ts"
import { Network } from "../src/Network.ts"

const runs = 60
const drawer = (seed: number) => {
  let rng = Rng.initial(seed)
  const below = (n: number): number => {
    const [value, next] = Rng.below(rng, n)
    rng = next
    return value
  }
  return { below, pick: <A>(list: ReadonlyArray<A>): A => list[below(list.length)]! }
}
const links = ["L1", "L2", "L3"]
const patterns = [Pattern.record("p", Pattern.bind()), Pattern.record("q", Pattern.discard), Pattern.bind()]

/** Any event in any state: most of them are wrong. */
const federationEvent = ({ below, pick }: ReturnType<typeof drawer>): Federation.Event => {
  const link = pick(links)
  const item = (): Item.Item => {
    const endpoint = 1 + below(6)
    const captures = Encoded.encodedOf(below(6) === 0 ? 7 : Array.from({ length: below(3) }, () => below(2)))
    switch (below(6)) {
      case 0:
      case 1: return { _tag: "Assert", endpoint: endpoint + below(30), pattern: pick(patterns) }
      case 2: return { _tag: pick(["Clear", "End"] as const), endpoint }
      default: return { _tag: pick(["Add", "Add", "Del", "Msg"] as const), endpoint, captures }
    }
  }
  switch (below(5)) {
    case 0: return { _tag: "LinkUp", link }
    case 1: return below(3) === 0 ? { _tag: "LinkDown", link } : { _tag: "LinkUp", link }
    default: return { _tag: "Turn", link, items: Array.from({ length: 1 + below(2) }, item) }
  }
}
const topologyEvent = ({ below, pick }: ReturnType<typeof drawer>): Topology.Event => {
  const link = pick(links)
  const nodes = () => Array.from({ length: below(3) }, () => pick(["a", "b", "c", "m"]))
  const peer = { node: pick(["a", "b", "c", "m"]), incarnation: below(3), leaf: below(4) === 0 }
  switch (below(5)) {
    case 0: return { _tag: "Greeted", link, peer }
    case 1: return { _tag: "Offered", link, peer, reach: nodes() }
    case 2: return { _tag: "Accepted", link, reach: nodes() }
    case 3: return { _tag: "Reached", link, added: nodes(), removed: nodes() }
    default: return { _tag: "LinkLost", link }
  }
}
const dataspaceEvent = ({ below, pick }: ReturnType<typeof drawer>): Dataspace.Event => {
  const pid = pick(["a", "b", "link"])
  const action = (): Process.Action => {
    const handle = below(3)
    switch (below(5)) {
      case 0: return Process.retract(handle)
      case 1: return Process.observe(handle, pick(patterns))
      case 2: return Process.send(Value.record("p", below(3)))
      case 3: return below(8) === 0 ? pick([Process.quit(), { _tag: "Fly" } as never, Process.assert(handle, undefined as never)]) : Process.retract(handle)
      default: return Process.assert(handle, pick([Value.record("p", below(3)), Value.record("q", 1), below(2)]))
    }
  }
  const actions = Array.from({ length: 1 + below(3) }, action)
  switch (below(6)) {
    case 0: return { _tag: "Enter", pid, name: pid, actions, foreign: pid === "link" }
    case 1: return { _tag: "Leave", pid }
    case 2: return { _tag: "Supply", items: [{ _tag: pick(["Add", "Del", "Msg"] as const), pattern: patterns[0]!, captures: [below(3)] }] }
    case 3: return { _tag: "Continue" }
    default: return { _tag: "Perform", pid, actions }
  }
}

describe("laws", () => {
  const cases: ReadonlyArray<readonly [string, Machine.Any, unknown, (draw: ReturnType<typeof drawer>) => unknown]> = [
    ["Federation", Federation, {}, federationEvent],
    ["Topology", Topology, { self: { node: "m", incarnation: 1 }, leaf: false }, topologyEvent],
    ["Dataspace", Dataspace.of({}), {}, dataspaceEvent]
  ]
  for (const [name, machine, config, event] of cases) {
    it(`hold for ${name}`, { timeout: 60_000 }, () => {
      for (let seed = 1; seed <= runs; seed++) {
        const draw = drawer(seed)
        Laws.check(machine, machine.initial(config)[0], Array.from({ length: 40 }, () => event(draw)), event(draw))
      }
    })
  }
  it("hold for a whole node, whatever a peer sends", { timeout: 60_000 }, () => {
    const network = new Network()
    const told: Array<Node.Event> = []
    const tell = network.tell.bind(network)
    network.tell = (node, event) => {
      if (node === "b") told.push(event)
      tell(node, event)
    }
    network.start("a")
    network.start("b")
    network.act("b", "s", "p", Process.assert(1, Value.record("p", 1)), Process.observe(2, patterns[0]!))
    network.act("a", "s", "p", Process.observe(1, patterns[2]!), Process.assert(2, Value.record("p", 2)))
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

  it("are broken by machines that break them", () => {
    let calls = 0
    const broken: ReadonlyArray<readonly [string, (state: { n: number }) => readonly [unknown, ReadonlyArray<never>]]> = [
      ["the same state and event give the same step", () => [{ n: ++calls }, []]],
      ["a step leaves the old state as it was", (state) => {
        state.n++
        return [{ n: 0 }, []]
      }],
      ["states and actions are plain data, and hold no function", () => [{ n: () => 1 }, []]]
    ]
    for (const [law, transition] of broken) assert.throws(() => Laws.check({ initial: () => [{ n: 0 }, []], transition } as Machine.Any, { n: 0 }, [{ _tag: "Go" }]), Laws.BrokenLaw, law)
  })
})
