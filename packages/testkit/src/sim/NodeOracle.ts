/**
 * What a network of nodes must be seen to do, worked out from what its processes said, and (but for
 * what nodes keep at rest) nothing that is inside of a node.
 *
 * On the way: an observation is told of captures once until they are gone, of their end only after
 * their beginning, and of a message no more often than it was sent; no node accuses another of
 * breaking the protocol; and at no instant do the edges of a scope's tree form a cycle, an edge being
 * one as soon, and as long, as either end takes it for one. At rest: the edges are a tree of each part of the network, every observation
 * holds exactly what is asserted in its part, and a message reaches every observation of the part,
 * once; no node keeps an endpoint that was cleared. Parts are what the uplinks asked for join.
 */
import { Canonical, type Node, type Operator, Pattern, Process, Text, Topology, Value } from "@colloquy/core"
import { act, type NodeMachine } from "./nodes.ts"
import { type Oracle, Violation } from "./Trial.ts"
import type { Turn, World } from "./World.ts"

interface Holding {
  readonly space: Node.Space
  readonly pid: string
  readonly handle: Process.Handle
  readonly assertion: Value.Value
  /** The pattern and what it was told of, when it is an observation. */
  readonly seen: Seen | undefined
}
interface Seen {
  readonly pattern: Pattern.Pattern
  readonly holds: Set<string>
  readonly messages: Map<string, number>
}
type Held = Map<string, Holding>

export interface Config {
  /** How long the network may take to settle once it is whole. */
  readonly settleMs: number
  /** How long a message may take then. */
  readonly reachMs: number
}

export class NodeOracle implements Oracle<NodeMachine> {
  readonly #config: Config
  /** What is held on each node that is up, or was when it was last heard of. */
  readonly #held = new Map<string, Held>()
  readonly #sent: Array<{ readonly space: Node.Space; readonly body: Value.Value }> = []
  /** What each place last knew of its scope's tree. */
  readonly #trees = new Map<string, unknown>()

  constructor(config: Config) {
    this.#config = config
  }

  readonly watch = ({ actions, event, node }: Turn<NodeMachine>, world: World<NodeMachine>): void => {
    this.#watchTrees(node, world)
    if (event === undefined) this.#held.set(node, new Map())
    const held = this.#held.get(node)!
    if (event?._tag === "Tell" && event.event._tag === "Perform") this.#onPerform(held, event.space, event.event.pid, event.event.actions)
    for (const action of actions) {
      if (action._tag === "Log") this.#onLog(node, action.fields)
      if (action._tag !== "Deliver") continue
      for (const told of action.events) this.#onTold(node, held.get(holdingKey(action.space, action.pid, told.handle)), told)
    }
  }

  readonly rest = (world: World<NodeMachine>): void => {
    world.run(this.#config.settleMs)
    const parts = this.#parts(world.up())
    this.#checkTrees(world, parts)
    this.#checkViews(world.up(), parts)
    this.#checkReach(world, parts)
    this.#checkNothingKept(world)
  }

  // ---- on the way -------------------------------------------------------------------------------

  #onPerform(held: Held, space: Node.Space, pid: string, actions: ReadonlyArray<Process.Action>): void {
    const before = new Map(held)
    for (const action of actions) {
      if (action._tag === "Send") this.#sent.push({ space, body: action.body })
      if (action._tag === "Retract") held.delete(holdingKey(space, pid, action.handle))
      if (action._tag !== "Assert") continue
      const { assertion, handle } = action
      const key = holdingKey(space, pid, handle)
      const old = before.get(key)
      // what is withdrawn and comes back in one turn was never gone, and is told nothing again
      if (old !== undefined && Canonical.key(old.assertion) === Canonical.key(assertion)) {
        held.set(key, old)
        continue
      }
      const pattern = Process.observed(assertion)
      held.set(key, { space, pid, handle, assertion, seen: pattern && { pattern, holds: new Set(), messages: new Map() } })
    }
  }

  #onTold(node: string, holding: Holding | undefined, { _tag, captures, handle }: Process.Event): void {
    const text = Text.print(captures)
    const who = `${node} ${holding?.pid ?? ""} ${handle}`
    if (holding?.seen === undefined) throw new Violation("who observes nothing is told nothing", `${who} is told of ${text} and observes nothing`)
    const { holds, messages, pattern } = holding.seen
    if (_tag === "Added") {
      if (holds.has(text)) throw new Violation("what holds is told once", `${who} is told again of ${text}, which holds`)
      holds.add(text)
    } else if (_tag === "Removed") {
      if (!holds.delete(text)) throw new Violation("an end comes after a beginning", `${who} is told of the end of ${text}, which did not hold`)
    } else {
      const times = (messages.get(text) ?? 0) + 1
      messages.set(text, times)
      const sent = this.#sent.filter(({ body, space }) => space === holding.space && capturesOf(pattern, body) === text).length
      if (times <= sent) return
      throw new Violation("a message is heard once", `${who} hears ${text} ${times} times, and it was sent ${sent} times`)
    }
  }

  /** A link that is closed for what the peer did would be opened again, so nobody else would notice. */
  #onLog(node: string, { reason }: Operator.LogFields): void {
    const [, code] = typeof reason === "string" ? /^([A-Z][A-Za-z]+): /.exec(reason) ?? [] : []
    if (code !== undefined && !innocent.has(code)) throw new Violation("honest nodes keep the protocol", `${node} ends a link: ${reason}`)
  }

  // ---- at rest ----------------------------------------------------------------------------------

  /** The scopes that uplinks join, each as the set of its places (a scope of a node). */
  #parts(up: ReadonlyArray<string>): ReadonlyMap<string, ReadonlySet<string>> {
    const parts = new Map<string, Set<string>>()
    const partOf = (place: string): Set<string> => {
      const part = parts.get(place) ?? new Set([place])
      parts.set(place, part)
      return part
    }
    for (const node of up) {
      for (const { assertion, space } of this.#held.get(node)!.values()) {
        if (space !== null) partOf(placeOf(node, space))
        if (space !== null || !Value.isRecord(assertion, "uplink", 3)) continue
        const [local, to, remote] = assertion.fields as ReadonlyArray<string>
        const mine = partOf(placeOf(node, local!))
        if (!up.includes(to!)) continue
        const theirs = partOf(placeOf(to!, remote!))
        for (const place of theirs) parts.set(place, mine.add(place))
      }
    }
    return parts
  }
  #checkTrees(world: World<NodeMachine>, parts: ReadonlyMap<string, ReadonlySet<string>>): void {
    for (const part of new Set(parts.values())) {
      const [, scope] = JSON.parse([...part][0]!) as [string, string]
      const ends = world.up().flatMap((node) => (edgesOf(world, node, scope)).map(({ node: other, role }) => `${role} of ${node}: ${other}`))
      const inPart = world.up().filter((node) => part.has(placeOf(node, scope)))
      const found = inPart.reduce((sum, node) => sum + edgesOf(world, node, scope).length, 0)
      if (found === 2 * (part.size - 1)) continue
      throw new Violation("edges are a tree of each part", `${found} ends of edges where a tree of ${part.size} nodes has ${2 * (part.size - 1)}: ${ends.sort().join("; ")}`)
    }
  }
  /** Looks when what a node knows of a tree has changed. */
  #watchTrees(node: string, world: World<NodeMachine>): void {
    for (const [scope, { Topology: tree }] of world.state(node)!.members.Scopes as Iterable<[string, Scope]>) {
      const place = placeOf(node, scope)
      if (this.#trees.get(place) === tree.links) continue
      this.#trees.set(place, tree.links)
      const cycle = cycleIn(world, scope)
      if (cycle !== undefined) throw new Violation("edges form no cycle", `the edges of ${scope} join ${cycle} in a cycle`)
    }
  }
  #checkViews(up: ReadonlyArray<string>, parts: ReadonlyMap<string, ReadonlySet<string>>): void {
    for (const { holding: { handle, pid, seen, space }, node } of this.#observations(up)) {
      const facts = up.filter((other) => isTogether(parts, node, other, space)).flatMap((other) => [...this.#held.get(other)!.values()])
        .filter((fact) => fact.space === space && fact.seen === undefined)
      const shown = new Set(facts.map(({ assertion }) => capturesOf(seen.pattern, assertion)))
      shown.delete(undefined)
      const wanted = [...shown].sort().join(" ")
      const found = [...seen.holds].sort().join(" ")
      if (found === wanted) continue
      const message = `${node} ${pid} ${handle} holds ${found || "nothing"}, and should hold ${wanted || "nothing"}`
      throw new Violation("at rest an observation holds what its part asserts", message)
    }
  }
  #checkReach(world: World<NodeMachine>, parts: ReadonlyMap<string, ReadonlySet<string>>): void {
    const spaces = [...new Set(this.#observations(world.up()).map(({ holding: { space } }) => space))].sort()
    const wanted = new Map<string, number>()
    const key = (node: string, { handle, pid, space }: Holding, text: string) => `${node} ${pid} ${handle} in ${space}: ${text}`
    const before = this.#heard(world.up(), key)
    for (const space of spaces) {
      for (const [i, from] of world.up().entries()) {
        const body = Value.record("f", 1_000_000 + i)
        for (const { holding, node } of this.#observations(world.up())) {
          const text = holding.space === space && isTogether(parts, node, from, space) ? capturesOf(holding.seen.pattern, body) : undefined
          if (text !== undefined) wanted.set(key(node, holding, text), (wanted.get(key(node, holding, text)) ?? 0) + 1)
        }
        world.tell(from, ...act(space, "oracle", Process.send(body)))
      }
    }
    world.run(this.#config.reachMs)
    const after = this.#heard(world.up(), key)
    for (const [one, times] of wanted) {
      const heard = (after.get(one) ?? 0) - (before.get(one) ?? 0)
      if (heard !== times) throw new Violation("at rest a message reaches its part", `${one} is heard ${heard} times, and should be ${times} times`)
    }
    for (const [one, times] of after) {
      if (times === (before.get(one) ?? 0) || wanted.has(one)) continue
      throw new Violation("at rest a message reaches its part only", `${one} is heard where it should not be`)
    }
  }
  #checkNothingKept(world: World<NodeMachine>): void {
    for (const node of world.up()) {
      for (const [scope, { Federation: { links } }] of world.state(node)!.members.Scopes) {
        for (const [link, { closing }] of links) if (closing > 0) throw new Violation("what was cleared is forgotten", `${node} waits for the end of ${closing} endpoints of ${link} in ${scope}`)
      }
    }
  }
  #heard(up: ReadonlyArray<string>, key: (node: string, holding: Holding, text: string) => string): ReadonlyMap<string, number> {
    return new Map(this.#observations(up).flatMap(({ holding, node }) =>
      [...holding.seen.messages].map(([text, times]) => [key(node, holding, text), times] as const)))
  }

  #observations(up: ReadonlyArray<string>): ReadonlyArray<{ readonly node: string; readonly holding: Holding & { readonly seen: Seen } }> {
    return up.flatMap((node) => [...this.#held.get(node)!.values()].flatMap((holding) => {
      const { seen, space } = holding
      return seen === undefined || space === null ? [] : [{ node, holding: { ...holding, seen } }]
    }))
  }
}

interface Scope {
  readonly Topology: Topology.State
}
const edgesOf = (world: World<NodeMachine>, node: string, scope: string): ReturnType<typeof Topology.edges> => {
  const found = (world.state(node)?.members.Scopes as ReadonlyMap<string, Scope> | undefined)?.get(scope)
  return found === undefined ? [] : Topology.edges(found.Topology)
}
/** The first two nodes that are joined twice, by the connections that either end takes for an edge. */
const cycleIn = (world: World<NodeMachine>, scope: string): string | undefined => {
  const live = new Set(world.up().flatMap((node) => edgesOf(world, node, scope).map(({ link }) => `${node} ${link}`)))
  const parts = new Map<string, string>()
  const partOf = (node: string): string => {
    const next = parts.get(node)
    return next === undefined ? node : partOf(next)
  }
  for (const [a, b] of world.links()) {
    if (!live.has(`${a.node} ${a.link}`) && !live.has(`${b.node} ${b.link}`)) continue
    const [one, other] = [partOf(a.node), partOf(b.node)]
    if (one === other) return `${a.node} and ${b.node}`
    parts.set(one, other)
  }
  return undefined
}

/** How the links of honest nodes end. */
const innocent: ReadonlySet<string> = new Set(["Bye", "Lost", "Silent", "HelloTimeout", "Replaced", "Duplicate", "Stale", "Self"])
const holdingKey = (space: Node.Space, pid: string, handle: Process.Handle): string => JSON.stringify([space, pid, handle])
const placeOf = (node: string, scope: string): string => JSON.stringify([node, scope])
const isTogether = (parts: ReadonlyMap<string, ReadonlySet<string>>, a: string, b: string, space: Node.Space): boolean =>
  a === b || parts.get(placeOf(a, space!))?.has(placeOf(b, space!)) === true
const capturesOf = (pattern: Pattern.Pattern, value: Value.Value): string | undefined => {
  const captures = Pattern.captures(pattern, value)
  return captures === undefined ? undefined : Text.print(captures)
}
