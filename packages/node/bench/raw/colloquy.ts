/** Raw peers of nodes: they speak the link protocol and nothing else, so that what is measured is the node. */
import { Encoded, type Item, Packet, Pattern } from "@colloquy/core"
import { fileURLToPath } from "node:url"
import { type Broker, heardBy, topicsOf, turnsOf } from "./Broker.ts"
import { peer } from "./peer.ts"
import { type Server, start } from "./server.ts"

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
      const { connections, topics } = work
      const subscribers = await Promise.all(Array.from({ length: connections }, (_, i) => joined(last.port, `subscriber-${i}`)))
      const before = performance.now()
      for (const [i, { send }] of subscribers.entries()) {
        send({ _tag: "Turn", more: false, items: topicsOf(work, i).map((topic, n): Item.Item =>
          ({ _tag: "Assert", endpoint: endpointOf(n), pattern: Pattern.record("m", Pattern.literal(topic), Pattern.bind()) })) })
      }
      const publisher = await joined(first.port, "publisher")
      const endpoints = await publisher.asked(topics)
      const subscribeMs = performance.now() - before
      for (const { quiet } of [...subscribers, publisher]) quiet()
      publisher.socket.resume()
      const item = (topic: number): Item.Item => ({ _tag: "Msg", endpoint: endpoints.get(topic)!, captures })
      const chunks = turnsOf(work).map((turn) => Packet.encode({ _tag: "Turn", more: false, items: turn.map(item) }, true))
      const out = Packet.encode({ _tag: "Turn", more: false, items: Array.from({ length: heardBy(work) }, () => ({ _tag: "Msg" as const, endpoint: endpointOf(0), captures })) }, true)
      return { from: publisher.socket, to: subscribers.map(({ socket }) => socket), chunks, bytesOut: out.length * connections, subscribeMs }
    },
    async talk() {
      const all = await Promise.all([0, 1].map((own) => joined(first.port, `talker-${own}`)))
      for (const [own, { send }] of all.entries()) {
        send({ _tag: "Turn", more: false, items: [{ _tag: "Assert", endpoint: endpointOf(0), pattern: Pattern.record("m", Pattern.literal(own), Pattern.bind()) }] })
      }
      const said = (endpoint: number) => Packet.encode({ _tag: "Turn", more: false, items: [{ _tag: "Msg", endpoint, captures }] }, true)
      const [question, answer] = await Promise.all(all.map(async ({ asked }, own) => said((await asked(1)).get(1 - own)!)))
      for (const { quiet } of all) quiet()
      return { asking: all[0]!.socket, answering: all[1]!.socket, question: question!, answer: answer!, bytesOut: said(endpointOf(0)).length }
    },
    stop: () => servers.forEach((server) => server.stop())
  }
}
/** 128 bytes with its sequence's marks and length. */
const captures = Encoded.encodedOf([new Uint8Array(124)])
/** Numbers of three bytes, so that all messages are as long. */
const endpointOf = (n: number): number => 40_000 + n

/** A raw peer, and the node's endpoints by the topics that it asks for, when it has asked for so many. */
const joined = async (port: number, node: string) => {
  const one = await peer(port, node)
  const endpoints = new Map<number, number>()
  const asked = (count: number) => one.until(`it asked for ${count} topics`, () => {
    for (const packet of one.packets.splice(0)) {
      if (packet._tag === "Error") throw new Error(`${packet.code}: ${packet.message}`)
      if (packet._tag === "Turn") for (const item of packet.items) if (item._tag === "Assert") endpoints.set(topicOf(item.pattern), item.endpoint)
    }
    return endpoints.size < count ? undefined : endpoints
  })
  // who only hears is asked whether it lives, and nobody looks any more
  setInterval(() => one.send({ _tag: "Pong" }), 2_000).unref()
  return { ...one, asked }
}

const topicOf = (pattern: Pattern.Pattern): number => {
  const topic = pattern._tag === "Record" ? pattern.fields[0] : undefined
  if (topic?._tag !== "Literal") throw new Error("the node asks for what the subscribers want")
  return Number(topic.value)
}
