/** A raw peer of a node: over TCP, it speaks the link protocol and nothing else. */
import { Framing, Packet } from "@colloquy/core"
import { connect } from "./server.ts"

const limits = { depthMax: 128, bytesMax: 1 << 24, turnItemsMax: 1 << 20 }
const roomy: Packet.Capacity = { packetBytesMax: 1 << 24, turnBytesMax: 1 << 26, turnItemsMax: 1 << 20, windowBytes: 0 }

/** Says hello as a leaf and joins. `packets` is all that came; `until` looks at it until something is found, `wait` for the first of a kind; both fail when the node goes. */
export const peer = async (port: number, node: string, { scope = "bench", takes = {} }: { readonly scope?: string; readonly takes?: Partial<Packet.Capacity> } = {}) => {
  const socket = await connect(port)
  let state = Framing.initial
  const packets: Array<Packet.Packet> = []
  let wake: () => void = () => {}
  const onData = (chunk: Buffer) => {
    const split = Framing.split(state, chunk, limits.bytesMax)
    state = split.state
    for (const frame of split.frames) {
      const packet = Packet.parse(frame, limits)
      if (packet._tag === "PacketError") throw new Error(packet.message)
      packets.push(packet)
    }
    wake()
  }
  socket.on("data", onData)
  socket.on("error", () => {}).once("close", () => wake())
  const send = (packet: Packet.Packet) => socket.write(Packet.encode(packet, true))
  const until = async <A>(what: string, look: () => A | undefined): Promise<A> => {
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      if (socket.destroyed) throw new Error(`the node went before ${what}`)
      await new Promise<void>((resolve) => { wake = resolve })
    }
  }
  const isA = <Tag extends Packet.Packet["_tag"]>(tag: Tag) => (packet: Packet.Packet): packet is Extract<Packet.Packet, { readonly _tag: Tag }> => packet._tag === tag
  const wait = <Tag extends Packet.Packet["_tag"]>(tag: Tag) => until(`a ${tag}`, () => packets.find(isA(tag)))
  send({ _tag: "Hello", peer: { node, incarnation: 1, leaf: true }, takes: { ...roomy, ...takes } })
  await wait("Hello")
  send({ _tag: "Join", scope })
  await wait("Joined")
  return { socket, packets, send, until, wait, quiet: () => socket.off("data", onData) }
}
