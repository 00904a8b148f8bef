/** Raw peers of a node: they speak the link protocol and nothing else, so that what is measured is the node. */
import { Encoded, Framing, type Item, Packet, Pattern } from "@colloquy/core"
import { fileURLToPath } from "node:url"
import { connect, start } from "./server.ts"

const limits = { depthMax: 128, bytesMax: 1 << 24, turnItemsMax: 1 << 20 }
export const startNode = () =>
  start(process.execPath, [fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url)), "serve", "--id", "relay", "--listen", "tcp://127.0.0.1:0"], /listening on tcp:\/\/127.0.0.1:(\d+)/)

/** Two of them, joined: the second observes what the first says. `turn` is a packet of so many messages of 128 bytes. */
export const pair = async (port: number, perTurn: number) => {
  const subscriber = await peer(port, "subscriber")
  subscriber.send({ _tag: "Turn", items: [{ _tag: "Assert", endpoint: 1, pattern: Pattern.record("m", Pattern.bind()) }], more: false })
  const publisher = await peer(port, "publisher")
  const turn = await publisher.wait("Turn")
  const asked = turn.items[0]
  if (asked?._tag !== "Assert") throw new Error("the node asks for what the subscriber wants")
  subscriber.quiet()
  publisher.quiet()
  publisher.socket.resume()
  const captures = Encoded.encodedOf([new Uint8Array(124)]) // 128 bytes with its sequence's marks and length
  const items = Array.from({ length: perTurn }, (): Item.Item => ({ _tag: "Msg", endpoint: asked.endpoint, captures }))
  return { from: publisher.socket, to: subscriber.socket, turn: Packet.encode({ _tag: "Turn", items, more: false }, true) }
}

/** Says hello and joins; `wait` resolves with the first packet of a kind. */
const peer = async (port: number, node: string) => {
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
  const send = (packet: Packet.Packet) => socket.write(Packet.encode(packet, true))
  const wait = async <Tag extends Packet.Packet["_tag"]>(tag: Tag) => {
    for (;;) {
      const found = packets.find((packet) => packet._tag === tag)
      if (found !== undefined) return found as Extract<Packet.Packet, { readonly _tag: Tag }>
      await new Promise<void>((resolve) => { wake = resolve })
    }
  }
  send({ _tag: "Hello", peer: { node, incarnation: 1, leaf: true }, takes: { ...Packet.leastCapacity, packetBytesMax: 1 << 24, turnBytesMax: 1 << 26, turnItemsMax: 1 << 20 } })
  await wait("Hello")
  send({ _tag: "Join", scope: "bench" })
  await wait("Joined")
  return { socket, send, wait, quiet: () => socket.off("data", onData) }
}
