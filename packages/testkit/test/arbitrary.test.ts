/** The arbitraries give what they say, and machines live with what they give. */
import { assert, describe, it } from "@effect/vitest"
import { Binary, Canonical, Dataspace, Federation, Link, Machine, Order, Packet, Pattern, Text, Topology, Value } from "@colloquy/core"
import * as fc from "fast-check"
import * as Arbitrary from "../src/Arbitrary.ts"

describe("values", () => {
  it("come back from both codecs as they were", () => {
    fc.assert(fc.property(Arbitrary.value(), (value) => {
      const [binary, text] = [Binary.decode(Canonical.encode(value)), Text.read(Text.print(value))] as [Value.Value, Value.Value]

      assert.isTrue(Order.equals(binary, value), Text.print(value))
      assert.isTrue(Order.equals(text, value), Text.print(value))
      assert.strictEqual(Value.kindOf(binary), Value.kindOf(value))
      assert.strictEqual(typeof text, typeof value)
    }), { numRuns: 2_000 })
  })
  it("are of all eleven kinds, and no deeper than was asked for", () => {
    const values = fc.sample(Arbitrary.value(), { numRuns: 1_000, seed: 1 })
    const flat = fc.sample(Arbitrary.value({ maxDepth: 0 }), { numRuns: 300, seed: 1 })

    assert.deepStrictEqual([...new Set(values.map(Value.kindOf))].sort(), [...Value.kinds].sort())
    assert.deepStrictEqual(flat.filter((value) => ["Record", "Sequence", "Set", "Dictionary", "Embedded"].includes(Value.kindOf(value)!)), [])
    assert.isAbove(values.filter((value) => value instanceof Value.Double && Number.isNaN(value.value)).length, 3)
  })
})

describe("patterns", () => {
  it("are in normal form: their values stand for the same patterns", () => {
    fc.assert(fc.property(Arbitrary.pattern(), (pattern) => {
      assert.strictEqual(Pattern.key(Pattern.fromValue(Pattern.toValue(pattern))!), Pattern.key(pattern))
    }))
    const tags = fc.sample(Arbitrary.pattern(), { numRuns: 300, seed: 1 }).map(({ _tag }) => _tag)
    assert.deepStrictEqual([...new Set(tags)].sort(), ["Bind", "Dictionary", "Discard", "Literal", "Record", "Sequence"])
  })
  it("match what is made to match them, and capture as much as they say", () => {
    const both = Arbitrary.pattern().chain((pattern) => fc.tuple(fc.constant(pattern), Arbitrary.matching(pattern)))
    fc.assert(fc.property(both, ([pattern, value]) => {
      const shown = `${Text.print(Pattern.toValue(pattern))} ${Text.print(value)}`
      assert.strictEqual(Pattern.captures(pattern, value)?.length, Pattern.arity(pattern), shown)
    }), { numRuns: 1_000 })
  })
  it("are matched by dictionaries with more keys than they name, and never with one key twice", () => {
    const pattern = Pattern.dictionary([[true, Pattern.literal(1)], [false, Pattern.bind(Pattern.literal(2))]])
    const values = fc.sample(Arbitrary.matching(pattern), { numRuns: 500, seed: 1 }) as ReadonlyArray<Value.Dictionary>

    const keys = ({ entries }: Value.Dictionary) => new Set(entries.map(([key]) => Canonical.key(key)))
    assert.deepStrictEqual(values.filter((value) => !Pattern.matches(pattern, value) || keys(value).size < value.entries.length), [])
    assert.isAbove(values.filter(({ entries }) => entries.length > 2).length, 100)
  })
})

describe("every event in a random state of its machine returns:", () => {
  const self = { node: "m", incarnation: 1 }
  const session = { link: "L", self: { ...self, leaf: false }, stream: true }
  const cases: ReadonlyArray<readonly [string, Machine.Any, unknown, fc.Arbitrary<Machine.Tagged>]> = [
    ["a dataspace", Dataspace.of({}), {}, Arbitrary.dataspaceEvent()],
    ["a federated scope", Federation, {}, Arbitrary.federationEvent()],
    ["a topology", Topology, { self, leaf: false }, Arbitrary.topologyEvent()],
    ["a topology of a leaf", Topology, { self, leaf: true }, Arbitrary.topologyEvent()],
    ["a dialer's session", Link, { ...session, role: "dialer", scope: "s" }, Arbitrary.linkEvent()],
    ["an acceptor's session", Link, { ...session, role: "acceptor" }, Arbitrary.linkEvent()]
  ]
  const received = (packet: Packet.Packet): Link.Event => ({ _tag: "Received", bytes: Packet.encode(packet, true), at: 0 })
  const hello = received({ _tag: "Hello", peer: { node: "a", incarnation: 1, leaf: false }, takes: Packet.leastCapacity })
  /** Sessions begin with a part of the right opening, or few would come far. */
  const openings: { readonly [name: string]: ReadonlyArray<Link.Event> } = {
    "a dialer's session": [hello, { _tag: "Offer" }, received({ _tag: "Joined" })],
    "an acceptor's session": [hello, received({ _tag: "Join", scope: "s" }), { _tag: "Accept" }]
  }
  for (const [name, machine, config, event] of cases) {
    it(name, () => {
      const actions = new Set<string>()
      fc.assert(fc.property(fc.nat(3), fc.array(event, { maxLength: 30, size: "max" }), (opened, events) => {
        const [state, said] = Machine.fold(machine, machine.initial(config)[0], [...openings[name]?.slice(0, opened) ?? [], ...events])
        for (const { _tag } of said as ReadonlyArray<Machine.Tagged>) actions.add(_tag)
        assert.isDefined(state)
      }), { numRuns: 500, seed: 1 })
      assert.includeMembers([...actions], expected[name]!)
    })
  }
})
/** What the events must be able to bring about, or they would test little. */
const expected: { readonly [name: string]: Array<string> } = {
  "a dataspace": ["Deliver", "Exited"],
  "a federated scope": ["Turn", "Fault"],
  "a topology": ["Offer", "Accept", "Refuse", "TellNext", "Joined", "Parted", "EdgeUp", "EdgeDown", "SetGrace"],
  "a topology of a leaf": ["Offer", "Refuse", "EdgeUp", "EdgeDown"],
  "a dialer's session": ["Greeted", "Accepted", "Received", "SyncRequested", "Write", "Ended"],
  "an acceptor's session": ["Offered", "Received", "Settled", "SyncRequested", "Write", "Ended"]
}
