/** A node, peers that are no nodes but say what a test says, and what the node answers them. */
import { Node, Packet, Process } from "../../src/index.ts"

const limits = { depthMax: 128, bytesMax: 1 << 25, turnItemsMax: 1 << 21 }
export const least: Packet.Capacity = Packet.leastCapacity
const ample: Packet.Capacity = { ...least, packetBytesMax: 1 << 24, turnBytesMax: 1 << 26, turnItemsMax: 1 << 20 }

type Item = Extract<Packet.Packet, { readonly _tag: "Turn" }>["items"][number]

export class Hub {
  readonly machine = Node.of({})
  state: Node.State
  readonly actions: Array<Node.Action> = []
  constructor(config: Partial<Node.Config> = {}) {
    const [state, actions] = this.machine.initial({ node: "hub", incarnation: 1, seed: 1, ...config })
    this.state = state
    this.actions.push(...actions)
  }
  tell(event: Node.Event): ReadonlyArray<Node.Action> {
    const [state, actions] = this.machine.transition(this.state, event)
    this.state = state
    for (const action of actions) this.actions.push(action)
    return actions
  }
  /** A local process acts, and comes if it is not here. */
  act(space: Node.Space, pid: string, ...actions: ReadonlyArray<Process.Action>): void {
    this.tell({ _tag: "Tell", space, event: { _tag: "Enter", pid, name: pid, actions: [] } })
    this.tell({ _tag: "Tell", space, event: { _tag: "Perform", pid, actions } })
  }
  leave(space: Node.Space, pid: string): void {
    this.tell({ _tag: "Tell", space, event: { _tag: "Leave", pid } })
  }
  /** What a local process was told. */
  heard(pid: string): ReadonlyArray<Process.Event> {
    return this.actions.flatMap((action) => (action._tag === "Deliver" && action.pid === pid ? action.events : []))
  }
  links(): ReadonlyArray<string> {
    return [...this.state.members.Sessions.keys()].sort()
  }
  peer(name: string, takes = ample, scope = "s"): Peer {
    return new Peer(this, name, takes, scope)
  }
}

/** A leaf that joined a scope. */
export class Peer {
  readonly hub: Hub
  readonly link: string
  constructor(hub: Hub, name: string, takes: Packet.Capacity, scope: string) {
    this.hub = hub
    this.link = name
    hub.tell({ _tag: "Incoming", link: name, from: name, stream: true, at: 0 })
    this.say({ _tag: "Hello", peer: { node: name, incarnation: 1, leaf: true }, takes }, { _tag: "Join", scope })
  }
  say(...packets: ReadonlyArray<Packet.Packet>): void {
    for (const packet of packets) this.send(Packet.encode(packet, true))
  }
  turn(...items: ReadonlyArray<Item>): void {
    this.say({ _tag: "Turn", items, more: false })
  }
  send(bytes: Uint8Array): void {
    this.hub.tell({ _tag: "Received", link: this.link, bytes, at: 0 })
  }
  /** The packets that it was sent. */
  packets(): ReadonlyArray<Packet.Packet> {
    return this.hub.actions.flatMap((action) => (action._tag === "Write" && action.link === this.link ? read(action.bytes) : []))
  }
  turns(): ReadonlyArray<ReadonlyArray<Item>> {
    return this.packets().flatMap((packet) => (packet._tag === "Turn" ? [packet.items] : []))
  }
  /** Why its link ended, when it did: the code of the error it was sent. */
  error(): string | undefined {
    return this.packets().flatMap((packet) => (packet._tag === "Error" ? [packet.code] : []))[0]
  }
}

const read = (stream: Uint8Array): ReadonlyArray<Packet.Packet> => {
  const packets: Array<Packet.Packet> = []
  for (let at = 0; at < stream.length;) {
    const end = at + 4 + new DataView(stream.buffer, stream.byteOffset + at).getUint32(0)
    const packet = Packet.parse(stream.subarray(at + 4, end), limits)
    if (packet._tag === "PacketError") throw new Error(packet.message)
    packets.push(packet)
    at = end
  }
  return packets
}
