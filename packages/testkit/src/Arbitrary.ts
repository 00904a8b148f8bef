/**
 * Anything, for properties with fast-check: values and patterns with their edge cases, and events for
 * machines. Names, handles and facts come from small pools, so that the events of one run meet; most
 * of them are wrong where they come, which is what a machine has to live with.
 */
import { Canonical, type Dataspace, Encoded, type Federation, type Item, type Link } from "@colloquy/core"
import { Order, Packet, Pattern, Process, type Topology, Value } from "@colloquy/core"
import * as fc from "fast-check"

// ---- values and patterns ----------------------------------------------------------------------------

/** How deep what is drawn may nest. */
export interface Depth {
  /** Compounds within compounds. */
  readonly maxDepth?: number
}

const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: "grapheme", maxLength: 8 }) },
  fc.constantFrom("", " ", '"', "'", "\\", "\u0000", "\n\r\t\b\f", "\u2028", "\u007f", "\ufffd", "\u{1F600}", "é"),
  fc.constantFrom("#t", "1", "1.0", "_", "$", "$who", "a b") // as symbols these need quotes
)
const integer = fc.oneof(
  fc.integer({ min: -3, max: 300 }),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 72n), max: 2n ** 72n }),
  fc.constantFrom(2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 127n, 128n, -128n, -129n, 0n)
).map((n): Value.Value => Number.isSafeInteger(Number(n)) ? Number(n) || 0 : BigInt(n))
const double = fc.oneof(
  fc.double().map((d): Value.Value => Number.isInteger(d) || !Number.isFinite(d) ? new Value.Double(d) : d),
  fc.constantFrom(0, -0, 1, -1, 1e21, Infinity, -Infinity, 5e-324, Number.MAX_VALUE).map((d): Value.Value => d === 5e-324 ? d : new Value.Double(d)),
  fc.constantFrom(0x7ff8000000000000n, 0x7ff8000000000001n, 0xfff8000000000000n, 0xffffffffffffffffn)
    .map((bits): Value.Value => new Value.Double(Number.NaN, bits))
)
const atom: fc.Arbitrary<Value.Value> = fc.oneof(fc.boolean(), integer, double, text, fc.uint8Array({ maxLength: 8 }), text.map(Value.symbol))
const byKey = { selector: Canonical.key }

/** Any value: all eleven kinds, in the form in which readers give them. */
export const value = ({ maxDepth = 4 }: Depth = {}): fc.Arbitrary<Value.Value> => fc.letrec<{ value: Value.Value }>((tie) => {
  const some = fc.array(tie("value"), { maxLength: 4 })
  const distinct = fc.uniqueArray(tie("value"), { maxLength: 4, ...byKey })
  return {
    value: fc.oneof(
      { maxDepth, withCrossShrink: true },
      { weight: 3, arbitrary: atom },
      some,
      fc.tuple(fc.oneof({ weight: 3, arbitrary: text.map(Value.symbol) }, tie("value")), some)
        .map(([label, fields]) => new Value.Record(label, fields)),
      distinct.map((items) => new Value.Set(items)),
      fc.tuple(distinct, fc.array(tie("value"), { minLength: 4, maxLength: 4 }))
        .map(([keys, values]) => new Value.Dictionary(keys.map((key, i) => [key, values[i]!]))),
      tie("value").map((inner) => new Value.Embedded(inner))
    )
  }
}).value

/** Any pattern, built by the constructors, and so in normal form. */
export const pattern = ({ maxDepth = 3 }: Depth = {}): fc.Arbitrary<Pattern.Pattern> => fc.letrec<{ pattern: Pattern.Pattern }>((tie) => {
  const some = fc.array(tie("pattern"), { maxLength: 3 })
  const small = value({ maxDepth: 1 })
  return {
    pattern: fc.oneof(
      { maxDepth, withCrossShrink: true },
      fc.constant(Pattern.discard),
      small.map(Pattern.literal),
      tie("pattern").map(Pattern.bind),
      fc.tuple(fc.oneof({ weight: 3, arbitrary: text.map(Value.symbol) }, small), some).map(([label, fields]) => Pattern.recordOf(label, fields)),
      some.map(Pattern.sequence),
      fc.tuple(fc.uniqueArray(small, { maxLength: 3, ...byKey }), fc.array(tie("pattern"), { minLength: 3, maxLength: 3 }))
        .map(([keys, patterns]) => Pattern.dictionary(keys.map((key, i) => [key, patterns[i]!])))
    )
  }
}).pattern

/** A value that a pattern matches: anything where it discards, and more keys than it names where it is a dictionary. */
export const matching = (pattern: Pattern.Pattern): fc.Arbitrary<Value.Value> => {
  switch (pattern._tag) {
    case "Discard": return value({ maxDepth: 1 })
    case "Bind": return matching(pattern.pattern)
    case "Literal": return fc.constant(pattern.value)
    case "Record": return all(pattern.fields).map((fields) => new Value.Record(pattern.label, fields))
    case "Sequence": return all(pattern.items)
    case "Dictionary": {
      const more = fc.uniqueArray(value({ maxDepth: 1 }), { maxLength: 2, ...byKey })
      return fc.tuple(all(pattern.entries.map(([, inner]) => inner)), more).map(([values, others]) => {
        const named = pattern.entries.map(([key], i) => [key, values[i]!] as const)
        const unnamed = others.filter((key) => !named.some(([name]) => Order.equals(name, key)))
        return new Value.Dictionary([...unnamed.map((key) => [key, true] as const), ...named])
      })
    }
  }
}
const all = (patterns: ReadonlyArray<Pattern.Pattern>): fc.Arbitrary<ReadonlyArray<Value.Value>> => fc.tuple(...patterns.map(matching))

// ---- events ------------------------------------------------------------------------------------------

const asked = [
  Pattern.record("p", Pattern.bind()), Pattern.record("p", Pattern.discard), Pattern.bind(), Pattern.record("q", Pattern.literal(1), Pattern.bind())
] as const
const question = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...asked) }, pattern({ maxDepth: 2 }))
const fact = fc.oneof(
  { weight: 6, arbitrary: fc.nat(2).map((n): Value.Value => Value.record("p", n)) },
  { weight: 2, arbitrary: fc.nat(2).map((n): Value.Value => Value.record("q", 1, n)) },
  value({ maxDepth: 2 })
)
const handle = fc.oneof(fc.nat(2), fc.constantFrom("x", "y"))

const reasoned = fc.option(fact.map((reason) => ({ reason })), { nil: {} })

/** What a process does. It spawns what nobody knows, so that the child ends at once. */
export const processAction = (): fc.Arbitrary<Process.Action> => fc.oneof(
  { weight: 4, arbitrary: fc.tuple(handle, fact).map(([handle, fact]) => Process.assert(handle, fact)) },
  { weight: 4, arbitrary: fc.tuple(handle, question).map(([handle, pattern]) => Process.observe(handle, pattern)) },
  { weight: 3, arbitrary: fc.tuple(handle, reasoned).map(([handle, reason]): Process.Action => ({ _tag: "Retract", handle, ...reason })) },
  { weight: 2, arbitrary: fact.map(Process.send) },
  { weight: 1, arbitrary: reasoned.map((reason): Process.Action => ({ _tag: "Quit", ...reason })) },
  { weight: 1, arbitrary: handle.map((handle): Process.Action => ({ _tag: "Yield", handle })) },
  { weight: 1, arbitrary: fc.option(handle, { nil: undefined }).map((handle): Process.Action =>
    ({ _tag: "Spawn", name: "child", process: { behaviour: "unknown", config: undefined }, ...(handle === undefined ? {} : { handle }) })) }
)

/** For a dataspace: two external processes and a local link come, act and go. */
export const dataspaceEvent = (): fc.Arbitrary<Dataspace.Event> => {
  const pid = fc.constantFrom("a", "b", "link")
  const actions = fc.array(processAction(), { maxLength: 4 })
  const entering = fc.tuple(pid, actions)
    .map(([pid, actions]): Dataspace.Event => ({ _tag: "Enter", pid, name: pid, actions, foreign: pid === "link" }))
  const matched = question.chain((pattern) => fc.tuple(fc.constant(pattern), matching(pattern)))
  const supplied = fc.oneof(
    fc.tuple(fc.constantFrom("Add" as const, "Del" as const, "Msg" as const), matched)
      .map(([_tag, [pattern, value]]): Dataspace.Supplied => ({ _tag, pattern, captures: Pattern.captures(pattern, value)! })),
    question.map((pattern): Dataspace.Supplied => ({ _tag: "Reset", pattern }))
  )
  return fc.oneof(
    { weight: 3, arbitrary: entering },
    { weight: 6, arbitrary: fc.record({ _tag: fc.constant("Perform" as const), pid, actions }) },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Leave" as const), pid }) },
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Supply" as const), items: fc.array(supplied, { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.constant<Dataspace.Event>({ _tag: "Continue" }) }
  )
}

const endpoint = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 6 }) },
  fc.integer({ min: 1, max: 40 }),
  fc.maxSafeInteger().map((n) => Math.abs(n) || 1)
)
const captures = fc.oneof(
  { weight: 8, arbitrary: fc.array(fc.nat(2), { maxLength: 2 }) },
  fc.array(value({ maxDepth: 1 }), { maxLength: 2 })
).map(Encoded.encodedOf)
const item: fc.Arbitrary<Item.Item> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ _tag: fc.constant("Assert" as const), endpoint, pattern: question }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constantFrom("Clear" as const, "End" as const), endpoint }) },
  { weight: 5, arbitrary: fc.record({ _tag: fc.constantFrom("Add" as const, "Add" as const, "Del" as const, "Msg" as const), endpoint, captures }) },
  fc.record({ _tag: fc.constant("Stamp" as const), origin: fc.integer({ min: 1, max: 3 }), n: fc.integer({ min: 1, max: 4 }) })
)
const link = fc.constantFrom("L1", "L2", "L3")

/** For a federated scope of three links. */
export const federationEvent = (): fc.Arbitrary<Federation.Event> => fc.oneof(
  { weight: 3, arbitrary: fc.record({ _tag: fc.constant("LinkUp" as const), link }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("LinkDown" as const), link, linger: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ _tag: fc.constant("Turn" as const), link, items: fc.array(item, { maxLength: 3 }) }) }
)

const node = fc.constantFrom("a", "b", "c", "m")
const peer: fc.Arbitrary<Topology.Peer> = fc.record({ node, incarnation: fc.nat(2), leaf: fc.nat(3).map((n) => n === 0) })

const way: fc.Arbitrary<Topology.Path> = fc.record({ seq: fc.nat(3), priority: fc.constantFrom(100, 100, 50), root: node, distance: fc.nat(5) })
const tree: fc.Arbitrary<Topology.Tree> = fc.oneof(
  { weight: 4, arbitrary: way.map((path) => ({ _tag: "Path" as const, path })) },
  { weight: 3, arbitrary: way.map((feasible) => ({ _tag: "Attach" as const, feasible })) },
  { weight: 3, arbitrary: fc.constant({ _tag: "Attached" as const }) },
  fc.nat(4).map((seq) => ({ _tag: "Seek" as const, seq })),
  fc.constantFrom({ _tag: "Pathless" as const }, { _tag: "Detach" as const }, { _tag: "Detached" as const })
)

/** For the topology of a scope: three links, four nodes, of which `m` may be the one under test. */
export const topologyEvent = (): fc.Arbitrary<Topology.Event> => fc.oneof(
  { weight: 3, arbitrary: fc.record({ _tag: fc.constantFrom("Greeted" as const, "Offered" as const), link, peer }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Accepted" as const), link }) },
  { weight: 8, arbitrary: fc.record({ _tag: fc.constant("Told" as const), link, tree }) },
  fc.record({ _tag: fc.constant("LinkLost" as const), link, farewell: fc.boolean() }),
  fc.record({ _tag: fc.constant("Measured" as const), link, rttMs: fc.double({ min: 0, max: 400, noNaN: true }) }),
  fc.record({ _tag: fc.constant("Confirmed" as const), link }),
  { weight: 2, arbitrary: link.map((link) => ({ _tag: "GraceOver" as const, edge: `${link}/1` })) }
)

const reason = fc.constantFrom("", "done", "\ud800")
const packet: fc.Arbitrary<Packet.Packet> = fc.oneof(
  { weight: 4, arbitrary: peer.map((peer): Packet.Packet => ({ _tag: "Hello", peer, takes: Packet.leastCapacity })) },
  { weight: 6, arbitrary: fc.constantFrom<Packet.Packet>({ _tag: "Join", scope: "s" }, { _tag: "Joined" }) },
  tree,
  { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Turn" as const), items: fc.array(item, { maxLength: 3 }), more: fc.boolean() }) },
  fc.constantFrom<Packet.Packet>({ _tag: "Ping" }, { _tag: "Pong" }),
  fc.record({ _tag: fc.constantFrom("Sync" as const, "Synced" as const), n: fc.nat(2) }),
  reason.map((reason): Packet.Packet => ({ _tag: "Bye", reason })),
  fc.record({ _tag: fc.constant("Error" as const), code: fc.constant("Fault"), message: reason, index: fc.option(fc.nat(3), { nil: undefined }) })
)
/** Packets, whole, joined or cut anywhere, and bytes that are none. */
const bytes = fc.oneof(
  { weight: 8, arbitrary: packet.map((packet) => Packet.encode(packet, true)) },
  { weight: 1, arbitrary: fc.tuple(packet, packet, fc.double({ min: 0, max: 1, noNaN: true })).map(([a, b, part]) => {
    const both = Uint8Array.of(...Packet.encode(a, true), ...Packet.encode(b, true))
    return both.subarray(0, Math.floor(both.length * part))
  }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 24 }) }
)
const at = fc.nat(60_000)
const error = fc.record({ code: fc.constant("Fault"), message: reason, index: fc.nat(3) })

/** What ends a session stands apart: it is rare, or no session would come far. */
const ending: fc.Arbitrary<Link.Event> = fc.oneof(
  fc.record({ _tag: fc.constant("Lost" as const), reason }),
  fc.record({ _tag: fc.constantFrom("Refuse" as const, "Fault" as const), error }),
  fc.record({ _tag: fc.constant("Bye" as const), reason }),
  fc.record({ _tag: fc.constant("TimerFired" as const), timer: fc.constantFrom("hello" as const, "giveUp" as const), at })
)

/** For one link's session, of either role, over a stream of bytes. Few that are random from the start are ever joined: begin with an opening. */
export const linkEvent = (): fc.Arbitrary<Link.Event> => fc.oneof(
  { weight: 10, arbitrary: fc.record({ _tag: fc.constant("Received" as const), bytes, at }) },
  { weight: 6, arbitrary: fc.record({ _tag: fc.constantFrom("Offer" as const, "Accept" as const) }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Turn" as const), items: fc.array(item, { maxLength: 3 }) }) },
  tree.map((tree) => ({ _tag: "Settle" as const, tree })),
  fc.record({ _tag: fc.constantFrom("Sync" as const, "Synced" as const), n: fc.nat(2) }),
  fc.record({ _tag: fc.constant("Written" as const), bytes: fc.nat(200) }),
  fc.record({ _tag: fc.constant("TimerFired" as const), timer: fc.constant("ping" as const), at }),
  ending
)
