/**
 * What a node costs between two raw peers that relay 128-byte messages through it, 100 a turn: its
 * processor time a message, from the operating system's books (/proc, so Linux), beside that of a
 * plain TCP forwarder of length-prefixed frames. The two take turns within one run, because a
 * machine's speed drifts; the medians and their ratio are printed.
 *
 * What dominates (a processor profile of the node): copying the captures into the turns that go out,
 * the system's own write, and making an object for each item that comes in; no value is decoded.
 *
 *     npm run bench -- relay
 */
import { Encoded, type Item, Packet, Pattern } from "@colloquy/core"
import type * as net from "node:net"
import { fileURLToPath } from "node:url"
import { median } from "../../../.config/bench/Harness.ts"
import { peer } from "./raw/peer.ts"
import { connect, type Server, start } from "./raw/server.ts"

const rounds = 7
const turns = 4_000
const perTurn = 100
const windowTurns = 32

const run = (file: string, ...args: ReadonlyArray<string>): Promise<Server> =>
  start(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], /listening on (?:tcp:\/\/127.0.0.1:)?(\d+)/)

/** Sends `turns` chunks, at most a window of bytes ahead of what the other end got; resolves when all of it is there. */
const pump = (from: net.Socket, to: net.Socket, chunk: Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    let sent = 0
    let got = 0
    const send = () => {
      for (; sent < turns && (sent - windowTurns) * chunk.length < got; sent++) from.write(chunk)
    }
    const onData = (data: Buffer) => {
      got += data.length
      send()
      if (got < turns * chunk.length) return
      to.off("data", onData)
      resolve()
    }
    to.on("data", onData)
    send()
  })

const captures = Encoded.encodedOf([new Uint8Array(124)]) // 128 bytes with its sequence's marks and length
const items = (endpoint: number): ReadonlyArray<Item.Item> => Array.from({ length: perTurn }, () => ({ _tag: "Msg", endpoint, captures }))

const relay = await run("../src/cli/main.ts", "serve", "--id", "relay", "--listen", "tcp://127.0.0.1:0")
const subscriber = await peer(relay.port, "subscriber")
subscriber.send({ _tag: "Turn", items: [{ _tag: "Assert", endpoint: 1, pattern: Pattern.record("m", Pattern.bind()) }], more: false })
const publisher = await peer(relay.port, "publisher")
const asked = (await publisher.wait("Turn")).items[0]!
subscriber.quiet()
publisher.quiet()
publisher.socket.resume()
if (asked._tag !== "Assert") throw new Error("the relay asks for what the subscriber wants")
const turn = Packet.encode({ _tag: "Turn", items: items(asked.endpoint), more: false }, true)

const forwarder = await run("forwarder.ts")
const sink = await connect(forwarder.port)
await new Promise((resolve) => { setImmediate(resolve) })
const source = await connect(forwarder.port)
const frame = Buffer.concat([Buffer.from([0, 0, 0, 128]), Buffer.alloc(128)])
const frames = Buffer.concat(Array.from({ length: perTurn }, () => frame))

const measure = async ({ cpu }: Server, work: () => Promise<void>) => {
  const [cpuBefore, before] = [cpu(), performance.now()]
  await work()
  return { cpu: (cpu() - cpuBefore) / 1_000 / (turns * perTurn), rate: (turns * perTurn) / (performance.now() - before) * 1000 }
}

const ours: Array<{ cpu: number; rate: number }> = []
const theirs: Array<{ cpu: number; rate: number }> = []
for (let round = 0; round <= rounds; round++) {
  const one = await measure(relay, () => pump(publisher.socket, subscriber.socket, turn))
  const two = await measure(forwarder, () => pump(source, sink, frames))
  if (round === 0) continue // warm-up
  ours.push(one)
  theirs.push(two)
}
const result = {
  messages: turns * perTurn, rounds,
  node: { cpuUs: median(ours.map((o) => o.cpu)), messagesPerSecond: Math.round(median(ours.map((o) => o.rate))) },
  forwarder: { cpuUs: median(theirs.map((o) => o.cpu)), messagesPerSecond: Math.round(median(theirs.map((o) => o.rate))) }
}
const ratio = result.node.cpuUs / result.forwarder.cpuUs
if (process.argv.includes("--json")) console.log(JSON.stringify({ ...result, ratio }))
else {
  console.log(`relay of 128-byte messages, ${perTurn} a turn, medians of ${rounds} rounds of ${result.messages} messages`)
  console.log(`  node       ${result.node.cpuUs.toFixed(3)} µs of processor time a message, ${result.node.messagesPerSecond} messages a second`)
  console.log(`  forwarder  ${result.forwarder.cpuUs.toFixed(3)} µs, ${result.forwarder.messagesPerSecond} a second`)
  console.log(`  ratio      ${ratio.toFixed(2)} (must not exceed 4 µs for the node)`)
}
for (const socket of [publisher.socket, subscriber.socket, sink, source]) socket.destroy()
relay.stop()
forwarder.stop()
