/**
 * A network of scopes in one thread, for thousands of them. What is simulated of a node is all that its scope
 * is: topology, federation, local link and dataspace. What is not: sessions and bytes. A packet is the action
 * that made it, arrives after its link's latency, whole and in order; hello and join take their round trips and
 * are not counted; a lost link is noticed by both ends at once.
 *
 * Promises: equal calls have equal results; nothing here waits; who broke the protocol is thrown.
 */
import { type Federation, type Item, type Process, Scope, type Topology } from "@colloquy/core"
import { Clock, type Due } from "../src/Clock.ts"

const machine = Scope.of({})
type Role = "parent" | "child" | "leaf"
type Side = 0 | 1

export interface Wire {
  readonly id: string
  /** Who dialled, and who was dialled. */
  readonly ends: readonly [Member, Member]
  readonly latencyMs: number
  isUp: boolean
  /** What each end takes it for in the tree. */
  readonly roles: [Role | undefined, Role | undefined]
}
export interface Member {
  readonly name: string
  readonly index: number
  /** Counts its lives; it is down between two of them. */
  life: number
  state: Scope.State | undefined
  readonly wires: Map<string, Wire>
}

/** What was sent since the last `count`. */
export interface Traffic {
  /** Turns of federation, and the assertions, captures and messages in them. */
  turns: number
  items: number
  /** What neighbours say of the tree. */
  tree: number
  /** Questions whether all that was asked has been answered, and the answers. */
  syncs: number
  /** Turns of those above that were sent when a grace period had ended. */
  late: number
  /** When the last packet arrived, but for those after a grace period. */
  settledAt: number
}

type Told =
  | { readonly _tag: "Event"; readonly wire: Wire; readonly side: Side; readonly event: Topology.Event; readonly isPacket: boolean }
  | { readonly _tag: "Sync" | "Synced"; readonly wire: Wire; readonly side: Side }
  | { readonly _tag: "Grace"; readonly member: Member; readonly life: number; readonly edge: string }

/** What a process of a node is told. */
export type Hear = (member: Member, pid: string, events: ReadonlyArray<Process.Event>) => void

export class Network {
  readonly members = new Map<string, Member>()
  readonly wires = new Map<string, Wire>()
  traffic: Traffic = nothing(0)
  readonly #clock = new Clock<Told>()
  readonly #graces = new Map<string, Due<Told>>()
  readonly #hear: Hear
  #isLate = false
  #links = 0
  #pending = 0

  constructor(hear: Hear) {
    this.#hear = hear
  }
  get now(): number {
    return this.#clock.now
  }

  start(name: string): Member {
    const member = this.members.get(name) ?? { name, index: this.members.size, life: 0, state: undefined, wires: new Map() }
    this.members.set(name, member)
    member.life++
    const [state, actions] = machine.initial({ self: { node: name, incarnation: member.life }, leaf: false, asks: true, limits: noLimits })
    member.state = state
    this.#carryOut(member, actions)
    return member
  }
  crash(name: string): void {
    const member = this.members.get(name)!
    member.state = undefined
    for (const wire of [...member.wires.values()]) this.lose(wire)
  }

  /** The hello of the other end arrives first; then the dialer asks to join. */
  connect(from: string, to: string, latencyMs: number): Wire {
    const ends = [this.members.get(from)!, this.members.get(to)!] as const
    const wire: Wire = { id: `l${this.#links++}`, ends, latencyMs, isUp: true, roles: [undefined, undefined] }
    this.wires.set(wire.id, wire)
    for (const end of ends) end.wires.set(wire.id, wire)
    this.#expect(wire, 0, { _tag: "Greeted", link: wire.id, peer: peerOf(ends[1]) })
    return wire
  }
  lose(wire: Wire): void {
    if (!wire.isUp) return
    wire.isUp = false
    this.wires.delete(wire.id)
    for (const end of wire.ends) end.wires.delete(wire.id)
    for (const end of wire.ends) if (end.state !== undefined) this.#topology(end, { _tag: "LinkLost", link: wire.id })
  }
  enter(name: string, pid: string, ...actions: ReadonlyArray<Process.Action>): void {
    this.#tell(this.members.get(name)!, { _tag: "Dataspace", event: { _tag: "Enter", pid, name: pid, actions } })
  }
  perform(name: string, pid: string, ...actions: ReadonlyArray<Process.Action>): void {
    this.#tell(this.members.get(name)!, { _tag: "Dataspace", event: { _tag: "Perform", pid, actions } })
  }
  leave(name: string, pid: string): void {
    this.#tell(this.members.get(name)!, { _tag: "Dataspace", event: { _tag: "Leave", pid } })
  }

  /** Counts from here. */
  count(): void {
    this.traffic = nothing(this.now)
    this.#isLate = false
  }
  /** Until nothing is under way, and no grace period runs; `each` is called now and then. */
  settle(each: () => void = () => {}): void {
    let steps = 0
    while (this.#pending > 0) {
      this.#pending--
      this.#arrive(this.#clock.next(Infinity)!)
      if ((++steps & 0xfff) === 0) each()
    }
  }

  #arrive(told: Told): void {
    if (told._tag === "Grace") {
      this.#graces.delete(`${told.member.name}@${told.life} ${told.edge}`)
      if (told.member.life !== told.life || told.member.state === undefined) return
      this.#isLate = true
      return this.#topology(told.member, { _tag: "GraceOver", edge: told.edge })
    }
    const { side, wire } = told
    if (!wire.isUp) return
    if (told._tag !== "Event" || told.isPacket) this.#arrived()
    switch (told._tag) {
      case "Sync": return this.#topology(wire.ends[side], { _tag: "Doubted", link: wire.id })
      case "Synced": return this.#topology(wire.ends[side], { _tag: "Confirmed", link: wire.id })
      case "Event":
        this.#topology(wire.ends[side], told.event)
        if (told.event._tag === "Accepted") this.#measure(wire, side)
    }
  }
  #arrived(): void {
    if (!this.#isLate) this.traffic.settledAt = this.now
  }

  #topology(member: Member, event: Topology.Event): void {
    this.#tell(member, { _tag: "Topology", event })
  }
  #tell(member: Member, event: Scope.Event): void {
    const [state, actions] = machine.transition(member.state!, event)
    member.state = state
    this.#carryOut(member, actions)
  }
  #carryOut(member: Member, actions: ReadonlyArray<Scope.Action>): void {
    const syncs: Array<readonly [link: string, "Sync" | "Synced"]> = []
    for (const action of actions) {
      switch (action._tag) {
        case "Offer": this.#from(member, action.link, { _tag: "Offered", link: action.link, peer: peerOf(member) }); break
        case "Accept":
          this.#from(member, action.link, { _tag: "Accepted", link: action.link })
          this.#at(member, action.link, (wire, side) => this.#measure(wire, side))
          break
        case "Tell":
          this.traffic.tree++
          this.#from(member, action.link, { _tag: "Told", link: action.link, tree: action.tree }, true)
          break
        case "Turn":
          this.traffic.turns++
          this.traffic.items += action.items.length
          this.#from(member, action.link, { _tag: "Turn", link: action.link, items: action.items as ReadonlyArray<Item.Item> }, true)
          break
        case "Confirm": syncs.push([action.link, "Sync"]); break
        case "Assure": syncs.push([action.link, "Synced"]); break
        case "SetGrace": this.#setGrace(member, action.edge, action.afterMs); break
        case "CancelGrace": this.#cancelGrace(member, action.edge); break
        case "EdgeUp": this.#at(member, action.link, (wire, side) => { wire.roles[side] = action.role }); break
        case "EdgeDown": this.#at(member, action.link, (wire, side) => { wire.roles[side] = undefined }); break
        case "Deliver": this.#hear(member, action.pid, action.events); break
        case "Refuse":
        case "Fault": throw new Error(`${member.name} would not have ${action.link}: ${action.error.code}, ${action.error.message}`)
        case "Continue": throw new Error(`${member.name} has more to do: nothing here runs behaviours`)
        case "Joined":
        case "Parted":
        case "Exited": break
      }
    }
    // behind the turns that began with it, as in a node
    for (const [link, tag] of syncs) this.#at(member, link, (wire, side) => this.#sync(wire, other(side), tag))
  }

  #at(member: Member, link: string, body: (wire: Wire, side: Side) => void): void {
    const wire = member.wires.get(link)
    if (wire !== undefined) body(wire, wire.ends[0] === member ? 0 : 1)
  }
  #from(member: Member, link: string, event: Topology.Event, isPacket = false): void {
    if (isPacket && this.#isLate) this.traffic.late++
    this.#at(member, link, (wire, side) => this.#expect(wire, other(side), event, isPacket))
  }
  #expect(wire: Wire, side: Side, event: Topology.Event, isPacket = false): void {
    this.#later(wire.latencyMs, { _tag: "Event", wire, side, event, isPacket })
  }
  #sync(wire: Wire, to: Side, _tag: "Sync" | "Synced"): void {
    this.traffic.syncs++
    if (this.#isLate) this.traffic.late++
    this.#later(wire.latencyMs, { _tag, wire, side: to })
  }
  /** A ping follows the join, and its answer says how far the peer is. */
  #measure(wire: Wire, side: Side): void {
    const rttMs = 2 * wire.latencyMs
    this.#later(rttMs, { _tag: "Event", wire, side, event: { _tag: "Measured", link: wire.id, rttMs }, isPacket: false })
  }
  #setGrace(member: Member, edge: string, afterMs: number): void {
    this.#graces.set(graceKey(member, edge), this.#later(afterMs, { _tag: "Grace", member, life: member.life, edge }))
  }
  #cancelGrace(member: Member, edge: string): void {
    const due = this.#graces.get(graceKey(member, edge))
    if (due === undefined) return
    this.#graces.delete(graceKey(member, edge))
    this.#clock.cancel(due)
    this.#pending--
  }
  #later(afterMs: number, told: Told): Due<Told> {
    this.#pending++
    return this.#clock.set(this.now + afterMs, told)
  }
}

const noLimits: Federation.Config = {
  endpointsMax: Infinity, endpointBytesMax: Infinity, capturesMax: Infinity, captureBytesMax: Infinity, closingMax: Infinity
}
const peerOf = ({ life, name }: Member): Topology.Peer => ({ node: name, incarnation: life, leaf: false })
const other = (side: Side): Side => side === 0 ? 1 : 0
const graceKey = ({ life, name }: Member, edge: string): string => `${name}@${life} ${edge}`
const nothing = (at: number): Traffic => ({ turns: 0, items: 0, tree: 0, syncs: 0, late: 0, settledAt: at })

/** Whether both ends take it for an edge of the tree. */
export const isEdge = ({ isUp, roles }: Wire): boolean => isUp && roles[0] !== undefined && roles[1] !== undefined
