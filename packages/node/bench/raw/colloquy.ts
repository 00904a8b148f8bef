/** Raw peers of nodes: they speak the link protocol and nothing else, so that what is measured is the node. */
import { Encoded, Framing, type Item, Packet, Pattern } from "@colloquy/core"
import { fileURLToPath } from "node:url"
import { type Broker, turnsOf } from "./Broker.ts"
import { connect, type Server, start } from "./server.ts"

const limits = { depthMax: 128, bytesMax: 1 << 24, turnItemsMax: 1 << 20 }
const startNode = (id: string, ...args: ReadonlyArray<string>): Promise<Server> =>
  start(process.execPath, [fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url)), "serve", "--id", id, "--listen", "tcp://127.0.0.1:0", ...args], /listening on tcp:\/\/127.0.0.1:(\d+)/)

/** So many nodes in a row. */
export const colloquy = async (count: number): Promise<Broker> => {
  const servers: Array<Server> = []
  for (let i = 0; i < count; i++) {
    const uplink = i === 0 ? [] : ["--uplink", `bench=tcp://127.0.0.1:${servers[i - 1]!.port}/bench`]
    servers.push(await startNode(`node-${i}`, ...uplink))
  }
  const [first, last] = [servers[0]!, servers.at(-1)!]
  return {
    name: "node", servers,
    async traffic(work) {
      const { connections, perTurn, topics } = work
      const isShared = topics === 1
      const each = isShared ? 1 : topics / connections
      const subscribers = await Promise.all(Array.from({ length: connections }, (_, i) => peer(last.port, `subscriber-${i}`)))
      const before = performance.now()
      for (const [i, { send }] of subscribers.entries()) {
        send({ _tag: "Turn", more: false, items: Array.from({ length: each }, (_, n): Item.Item =>
          ({ _tag: "Assert", endpoint: endpointOf(n), pattern: Pattern.record("m", Pattern.literal(isShared ? 0 : i * each + n), Pattern.bind()) })) })
      }
      const publisher = await peer(first.port, "publisher")
      const endpoints = await publisher.asked(topics)
      const subscribeMs = performance.now() - before
      for (const { quiet } of [...subscribers, publisher]) quiet()
      publisher.socket.resume()
      const item = (topic: number): Item.Item => ({ _tag: "Msg", endpoint: endpoints.get(topic)!, captures })
      const chunks = turnsOf(work).map((turn) => Packet.encode({ _tag: "Turn", more: false, items: turn.map(item) }, true))
      const heardBy = isShared ? perTurn : perTurn / connections
      const out = Packet.encode({ _tag: "Turn", more: false, items: Array.from({ length: heardBy }, () => ({ _tag: "Msg" as const, endpoint: endpointOf(0), captures })) }, true)
      return { from: publisher.socket, to: subscribers.map(({ socket }) => socket), chunks, bytesOut: out.length * connections, subscribeMs }
    },
    stop: () => servers.forEach((server) => server.stop())
  }
}
/** 128 bytes with its sequence's marks and length. */
const captures = Encoded.encodedOf([new Uint8Array(124)])
/** Numbers of three bytes, so that all messages are as long. */
const endpointOf = (n: number): number => 40_000 + n

/** Says hello and joins. */
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
      if (packet._tag === "Error") throw new Error(`${packet.code}: ${packet.message}`)
      packets.push(packet)
    }
    wake()
  }
  socket.on("data", onData)
  const send = (packet: Packet.Packet) => socket.write(Packet.encode(packet, true))
  const until = async <A>(look: () => A | undefined): Promise<A> => {
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      await new Promise<void>((resolve) => { wake = resolve })
    }
  }
  const endpoints = new Map<number, number>()
  const first = (tag: Packet.Packet["_tag"]) => until(() => packets.find((packet) => packet._tag === tag))
  send({ _tag: "Hello", peer: { node, incarnation: 1, leaf: true }, takes: { ...Packet.leastCapacity, packetBytesMax: 1 << 24, turnBytesMax: 1 << 26, turnItemsMax: 1 << 20 } })
  await first("Hello")
  send({ _tag: "Join", scope: "bench" })
  await first("Joined")
  // who only hears is asked whether it lives, and nobody looks any more
  setInterval(() => send({ _tag: "Pong" }), 2_000).unref()
  return {
    socket, send,
    /** The node's endpoints by the topics that it asks for, when it has asked for so many. */
    asked: (count: number) => until(() => {
      const asked = packets.splice(0).flatMap((packet) => packet._tag === "Turn" ? packet.items : [])
      for (const item of asked) if (item._tag === "Assert") endpoints.set(topicOf(item.pattern), item.endpoint)
      return endpoints.size < count ? undefined : endpoints
    }),
    quiet: () => socket.off("data", onData)
  }
}

const topicOf = (pattern: Pattern.Pattern): number => {
  const topic = pattern._tag === "Record" ? pattern.fields[0] : undefined
  if (topic?._tag !== "Literal") throw new Error("the node asks for what the subscribers want")
  return Number(topic.value)
}
