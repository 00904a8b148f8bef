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
import { Encoded, Framing, type Item, Packet, Pattern } from "@colloquy/core"
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import * as net from "node:net"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const rounds = 7
const turns = 4_000
const perTurn = 100
const windowTurns = 32

const start = async (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] })
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /listening on (?:tcp:\/\/127.0.0.1:)?(\d+)/.exec(line)?.[1]
    if (port !== undefined) return { child, port: Number(port) }
  }
  throw new Error(`${args[0]} did not start`)
}
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** User and system time of a process, in microseconds. The kernel counts in hundredths of a second. */
const cpu = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

const connect = (port: number): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => resolve(socket))
    socket.setNoDelay(true)
    socket.once("error", reject)
  })

/** Sends `turns` chunks, at most a window of bytes ahead of what the other end got; resolves when all of it is there. */
const pump = (from: net.Socket, to: net.Socket, chunk: Uint8Array, bytesOut: number): Promise<void> =>
  new Promise((resolve) => {
    let sent = 0
    let got = 0
    const send = () => {
      while (sent < turns && sent * bytesOut - got < windowTurns * bytesOut) {
        from.write(chunk)
        sent++
      }
    }
    const onData = (data: Buffer) => {
      got += data.length
      if (got >= turns * bytesOut) {
        to.off("data", onData)
        resolve()
      } else send()
    }
    to.on("data", onData)
    send()
  })

const captures = Encoded.encodedOf([new Uint8Array(124)]) // 128 bytes with its sequence's marks and length
const items = (endpoint: number): ReadonlyArray<Item.Item> => Array.from({ length: perTurn }, () => ({ _tag: "Msg", endpoint, captures }))

/** A raw peer: says hello and joins; `wait` resolves with the first packet that is asked for. */
const peer = async (port: number, node: string) => {
  const socket = await connect(port)
  let state = Framing.initial
  const packets: Array<Packet.Packet> = []
  let wake: () => void = () => {}
  const onData = (chunk: Buffer) => {
    const split = Framing.split(state, chunk, 1 << 24)
    state = split.state
    for (const frame of split.frames) {
      const packet = Packet.parse(frame, { depthMax: 128, bytesMax: 1 << 24, turnItemsMax: 1 << 20 })
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

const relay = await start(file("../src/cli/main.ts"), "serve", "--id", "relay", "--listen", "tcp://127.0.0.1:0")
const subscriber = await peer(relay.port, "subscriber")
subscriber.send({ _tag: "Turn", items: [{ _tag: "Assert", endpoint: 1, pattern: Pattern.record("m", Pattern.bind()) }], more: false })
const publisher = await peer(relay.port, "publisher")
const asked = (await publisher.wait("Turn")).items[0]!
subscriber.quiet()
publisher.quiet()
publisher.socket.resume()
if (asked._tag !== "Assert") throw new Error("the relay asks for what the subscriber wants")
const turn = Packet.encode({ _tag: "Turn", items: items(asked.endpoint), more: false }, true)

const forwarder = await start(file("forwarder.ts"))
const sink = await connect(forwarder.port)
await new Promise((resolve) => { setImmediate(resolve) })
const source = await connect(forwarder.port)
const frame = Buffer.concat([Buffer.from([0, 0, 0, 128]), Buffer.alloc(128)])
const frames = Buffer.concat(Array.from({ length: perTurn }, () => frame))

const measure = async (pid: number, run: () => Promise<void>) => {
  const [cpuBefore, before] = [cpu(pid), performance.now()]
  await run()
  return { cpu: (cpu(pid) - cpuBefore) / (turns * perTurn), rate: (turns * perTurn) / (performance.now() - before) * 1000 }
}
const median = (numbers: ReadonlyArray<number>): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!

const ours: Array<{ cpu: number; rate: number }> = []
const theirs: Array<{ cpu: number; rate: number }> = []
for (let round = 0; round <= rounds; round++) {
  const one = await measure(relay.child.pid!, () => pump(publisher.socket, subscriber.socket, turn, turn.length))
  const two = await measure(forwarder.child.pid!, () => pump(source, sink, frames, frames.length))
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
relay.child.kill("SIGKILL")
forwarder.child.kill("SIGKILL")
