/**
 * What a network of nodes must be seen to do, worked out from what its processes said, and (but for
 * trees, and what nodes keep at rest) nothing that is inside of a node.
 *
 * On the way: an observation is told of captures once until they are gone, and of their end only after
 * their beginning; messages are heard as MessageWatch says, and trees have no cycles (TreeWatch); no
 * node accuses another of breaking the protocol. At rest: the edges are a tree of each part of the
 * network, every observation holds exactly what is asserted in its part, and a message reaches every
 * observation of the part, once; no node keeps an endpoint that was cleared. Parts are what the uplinks
 * asked for join, between nodes that are up and that no partition keeps from each other.
 */
import { Canonical, type Node, type Operator, Process, Text, Topology, Value } from "@colloquy/core"
import { capturesOf, type Listener, MessageWatch } from "./MessageWatch.ts"
import { act, type NodeMachine } from "./nodes.ts"
import { scopesOf, TreeWatch } from "./TreeWatch.ts"
import { type Oracle, Violation } from "./Trial.ts"
import type * as Sim from "./World.ts"

interface Holding {
  readonly space: Node.Space
  readonly pid: string
  readonly handle: Process.Handle
  readonly assertion: Value.Value
  /** When it is an observation. */
  readonly seen: Seen | undefined
}
interface Seen extends Listener {
  /** The captures that it was told of and that are not gone. */
  readonly holds: Set<string>
}
type Held = Map<string, Holding>
type World = Sim.World<NodeMachine>

export interface Config {
  /** How long the network may take to settle once it is whole. */
  readonly settleMs: number
  /** How long a message may take then. */
  readonly reachMs: number
  /** How long a node may take to notice that a peer is gone; long enough for all, unless it is said here. */
  readonly noticeMs?: number
  /** How many nodes try at rest whether messages arrive: all, unless it is said here. */
  readonly sendersMax?: number
}

export class NodeOracle implements Oracle<NodeMachine> {
  readonly #config: Required<Config>
  /** What is held on each node that is up, or was when it was last heard of. */
  readonly #held = new Map<string, Held>()
  readonly #trees = new TreeWatch()
  readonly #messages: MessageWatch
  /** How many of the world's steps were looked at. */
  #steps = 0
  #looks = 0

  constructor(config: Config) {
    this.#config = { noticeMs: config.settleMs, sendersMax: Number.POSITIVE_INFINITY, ...config }
    this.#messages = new MessageWatch(config.reachMs)
  }
  /** Messages on the way that had to be heard, and were. */
  get heard(): number {
    return this.#messages.heard
  }

  readonly watch = ({ actions, at, event, node }: Sim.Turn<NodeMachine>, world: World): void => {
    this.#watchFaults(world)
    if (this.#trees.look(node, world)) this.#messages.onChange(at)
    this.#messages.look(at)
    if (event === undefined) this.#held.set(node, new Map())
    const held = this.#held.get(node)!
    if (event?._tag === "Tell" && event.event._tag === "Perform") this.#onPerform(node, held, event.space, event.event.pid, event.event.actions, world)
    for (const action of actions) {
      if (action._tag === "Log") this.#onLog(node, action.fields)
      if (action._tag !== "Deliver") continue
      for (const told of action.events) this.#onTold(node, held.get(holdingKey(action.space, action.pid, told.handle)), told)
    }
  }

  readonly rest = (world: World): void => {
    world.run(this.#config.settleMs)
    this.look(world)
  }
  /** The world is at rest: looks whether all is as it should be, which takes as long as a message may take. */
  readonly look = (world: World): void => {
    const parts = this.#parts(world)
    this.#checkTrees(world, parts)
    this.#checkViews(world.up(), parts)
    this.#checkReach(world, parts)
    this.#checkNothingKept(world)
  }

  // ---- on the way -------------------------------------------------------------------------------

  /** After a fault nobody knows for some time which ways still lead anywhere. */
  #watchFaults({ now, steps }: World): void {
    for (; this.#steps < steps.length; this.#steps++) if (faults.has(steps[this.#steps]!.what._tag)) this.#messages.onChange(now + this.#config.noticeMs)
  }

  #onPerform(node: string, held: Held, space: Node.Space, pid: string, actions: ReadonlyArray<Process.Action>, world: World): void {
    const before = new Map(held)
    for (const action of actions) {
      if (action._tag === "Send") this.#onSent(node, space, action.body, world)
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
      held.set(key, { space, pid, handle, assertion, seen: pattern && { space, pattern, since: world.now, holds: new Set(), messages: new Map() } })
    }
  }
  #onSent(node: string, space: Node.Space, body: Value.Value, world: World): void {
    this.#messages.onSent(space, body)
    if (space === null || !this.#messages.isAtRest(world.now)) return
    const parts = this.#parts(world)
    for (const { holding, key, node: other } of this.#observations(world.up())) {
      const held = this.#held.get(other)!
      if (holding.space !== space || !isTogether(parts, node, other, space)) continue
      this.#messages.expect(world.now, body, whoIs(other, holding), holding.seen, () => this.#held.get(other) === held && held.get(key)?.seen === holding.seen)
    }
  }

  #onTold(node: string, holding: Holding | undefined, { _tag, captures, handle }: Process.Event): void {
    const text = Text.print(captures)
    if (holding?.seen === undefined) throw new Violation("who observes nothing is told nothing", `${node} ${handle} is told of ${text} and observes nothing`)
    const who = whoIs(node, holding)
    const { holds } = holding.seen
    if (_tag === "Received") return this.#messages.onHeard(who, holding.seen, text)
    if (_tag === "Added") {
      if (holds.has(text)) throw new Violation("what holds is told once", `${who} is told again of ${text}, which holds`)
      holds.add(text)
    } else if (!holds.delete(text)) throw new Violation("an end comes after a beginning", `${who} is told of the end of ${text}, which did not hold`)
  }

  /** A link that is closed for what the peer did would be opened again, so nobody else would notice. */
  #onLog(node: string, { reason }: Operator.LogFields): void {
    const [, code] = typeof reason === "string" ? /^([A-Z][A-Za-z]+): /.exec(reason) ?? [] : []
    if (code !== undefined && !innocent.has(code)) throw new Violation("honest nodes keep the protocol", `${node} ends a link: ${reason}`)
  }

  // ---- at rest ----------------------------------------------------------------------------------

  /** The scopes that uplinks join, each as the set of its places (a scope of a node). */
  #parts(world: World): ReadonlyMap<string, ReadonlySet<string>> {
    const up = new Set(world.up())
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
        if (!up.has(to!) || world.isParted(node, to!)) continue
        const theirs = partOf(placeOf(to!, remote!))
        const [more, less] = mine.size < theirs.size ? [theirs, mine] : [mine, theirs]
        if (more !== less) for (const place of less) parts.set(place, more.add(place))
      }
    }
    return parts
  }
  #checkTrees(world: World, parts: ReadonlyMap<string, ReadonlySet<string>>): void {
    for (const part of new Set(parts.values())) {
      const [, scope] = JSON.parse([...part][0]!) as [string, string]
      const inPart = world.up().filter((node) => part.has(placeOf(node, scope)))
      const ends = inPart.flatMap((node) => edgesOf(world, node, scope).map(({ node: other, role }) => `${role} of ${node}: ${other}`))
      if (ends.length === 2 * (part.size - 1)) continue
      throw new Violation("edges are a tree of each part", `${ends.length} ends of edges where a tree of ${part.size} nodes has ${2 * (part.size - 1)}: ${ends.sort().join("; ")}`)
    }
  }
  #checkViews(up: ReadonlyArray<string>, parts: ReadonlyMap<string, ReadonlySet<string>>): void {
    for (const { holding, node } of this.#observations(up)) {
      const { seen, space } = holding
      const facts = up.filter((other) => isTogether(parts, node, other, space)).flatMap((other) => [...this.#held.get(other)!.values()])
        .filter((fact) => fact.space === space && fact.seen === undefined)
      const shown = new Set(facts.map(({ assertion }) => capturesOf(seen.pattern, assertion)))
      shown.delete(undefined)
      const wanted = [...shown].sort().join(" ")
      const found = [...seen.holds].sort().join(" ")
      if (found === wanted) continue
      const message = `${whoIs(node, holding)} holds ${found || "nothing"}, and should hold ${wanted || "nothing"}`
      throw new Violation("at rest an observation holds what its part asserts", message)
    }
  }
  #checkReach(world: World, parts: ReadonlyMap<string, ReadonlySet<string>>): void {
    const observations = this.#observations(world.up())
    const spaces = [...new Set(observations.map(({ holding: { space } }) => space))].sort()
    const before = observations.map(({ holding: { seen } }) => new Map(seen.messages))
    const wanted = observations.map(() => new Map<string, number>())
    const senders = some(world.up(), this.#config.sendersMax)
    for (const space of spaces) {
      for (const from of senders) {
        const body = Value.record("f", 1_000_000 + this.#looks++)
        for (const [i, { holding, node }] of observations.entries()) {
          const text = holding.space === space && isTogether(parts, node, from, space) ? capturesOf(holding.seen.pattern, body) : undefined
          if (text !== undefined) wanted[i]!.set(text, (wanted[i]!.get(text) ?? 0) + 1)
        }
        world.ask(from, ...act(space, "oracle", Process.send(body)))
      }
    }
    world.run(this.#config.reachMs)
    for (const [i, { holding, node }] of observations.entries()) {
      const { messages } = holding.seen
      for (const text of new Set([...messages.keys(), ...wanted[i]!.keys()])) {
        const heard = (messages.get(text) ?? 0) - (before[i]!.get(text) ?? 0)
        const times = wanted[i]!.get(text) ?? 0
        if (heard === times) continue
        if (times === 0) throw new Violation("at rest a message reaches its part only", `${whoIs(node, holding)} hears ${text} where it should not be heard`)
        throw new Violation("at rest a message reaches its part", `${whoIs(node, holding)} hears ${text} ${heard} times, and should hear it ${times} times`)
      }
    }
  }
  #checkNothingKept(world: World): void {
    for (const node of world.up()) {
      for (const [scope, { Federation: { links } }] of scopesOf(world, node)) {
        for (const [link, { closing }] of links) if (closing.size > 0) throw new Violation("what was cleared is forgotten", `${node} waits for the end of ${closing.size} endpoints of ${link} in ${scope}`)
      }
    }
  }

  #observations(up: ReadonlyArray<string>): ReadonlyArray<{ readonly node: string; readonly key: string; readonly holding: Holding & { readonly seen: Seen } }> {
    return up.flatMap((node) => [...this.#held.get(node)!].flatMap(([key, holding]) => {
      const { seen, space } = holding
      return seen === undefined || space === null ? [] : [{ node, key, holding: { ...holding, seen } }]
    }))
  }
}

const edgesOf = (world: World, node: string, scope: string): ReturnType<typeof Topology.edges> => {
  const found = scopesOf(world, node).get(scope)
  return found === undefined ? [] : Topology.edges(found.Topology)
}
/** Evenly taken out of all. */
const some = <A>(all: ReadonlyArray<A>, most: number): ReadonlyArray<A> =>
  all.length <= most ? all : Array.from({ length: most }, (_, i) => all[Math.floor(i * all.length / most)]!)

const faults: ReadonlySet<string> = new Set(["Start", "Crash", "Stop", "Lose", "Silence", "Partition", "Heal"])
/** How the links of honest nodes end. */
const innocent: ReadonlySet<string> = new Set(["Bye", "Lost", "Silent", "HelloTimeout", "Replaced", "Duplicate", "Stale", "Self"])
const whoIs = (node: string, { handle, pid }: Holding): string => `${node} ${pid} ${handle}`
const holdingKey = (space: Node.Space, pid: string, handle: Process.Handle): string => JSON.stringify([space, pid, handle])
const placeOf = (node: string, scope: string): string => JSON.stringify([node, scope])
const isTogether = (parts: ReadonlyMap<string, ReadonlySet<string>>, a: string, b: string, space: Node.Space): boolean =>
  a === b || parts.get(placeOf(a, space!))?.has(placeOf(b, space!)) === true
