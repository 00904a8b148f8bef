/**
 * The yardsticks: plain sockets with length-prefixed frames, and nothing else. A source and a sink of
 * frames through a forwarder, an echo, and round trips over it.
 */
import { Framing } from "@colloquy/core"
import * as net from "node:net"
import { clock, serve } from "./helper.ts"

const connect = ({ path, port }: { readonly port?: number; readonly path?: string }): Promise<net.Socket> => new Promise((resolve, reject) => {
  const socket = path === undefined ? net.connect(port!, "127.0.0.1") : net.connect(path)
  socket.setNoDelay(true)
  socket.once("connect", () => resolve(socket)).once("error", reject)
})
const payload = new Uint8Array(128)
let socket: net.Socket | undefined
let target = 0
let got = 0
let done: (at: number) => void = () => {}
let arrived: Promise<number> | undefined

/** Parses each frame, as whoever reads it must. */
const sink = async ({ port }: { port: number }) => {
  socket = await connect({ port })
  let state = Framing.initial
  socket.on("data", (chunk) => {
    const split = Framing.split(state, chunk, 1 << 20)
    state = split.state
    got += split.frames.length
    if (got === target) done(clock())
  })
}
const source = async ({ port }: { port: number }) => {
  socket = await connect({ port })
}
const publish = async ({ messages, perTurn }: { messages: number; perTurn: number }) => {
  const began = clock()
  for (let sent = 0; sent < messages; sent += perTurn) {
    const bytes = Buffer.allocUnsafe(perTurn * (4 + payload.length))
    for (let i = 0, at = 0; i < perTurn; i++, at += payload.length) {
      at = bytes.writeUInt32BE(payload.length, at)
      bytes.set(payload, at)
    }
    if (!socket!.write(bytes)) await new Promise((resolve) => { socket!.once("drain", resolve) })
  }
  return began
}

const echo = ({ path }: { path?: string }) => new Promise<number>((resolve) => {
  const server = net.createServer((peer) => {
    peer.setNoDelay(true)
    peer.on("data", (chunk) => peer.write(chunk)).on("error", () => {})
  })
  if (path === undefined) server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port))
  else server.listen(path, () => resolve(0))
})
/** A process between: what it gets of either side it hands to the other. */
const between = (to: { path?: string; port?: number }) => new Promise<number>((resolve) => {
  const server = net.createServer((peer) => {
    peer.setNoDelay(true).on("error", () => {})
    void connect(to).then((far) => {
      peer.on("data", (chunk) => far.write(chunk)).once("close", () => far.destroy())
      far.on("data", (chunk) => peer.write(chunk)).on("error", () => {})
    })
  })
  server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port))
})
const ping = async ({ path, port, times }: { port?: number; path?: string; times: number }) => {
  const to = await connect(path === undefined ? { port: port! } : { path })
  const took: Array<number> = []
  await new Promise<void>((resolve) => {
    let at = 0
    let bytes = 0
    const once = () => {
      at = performance.now()
      to.write(payload)
    }
    to.on("data", (chunk) => {
      bytes += chunk.length
      if (bytes < payload.length) return
      bytes = 0
      took.push((performance.now() - at) * 1000)
      if (took.length < times) once()
      else resolve()
    })
    once()
  })
  to.destroy()
  return took
}

serve({
  sink, source, publish, echo, between, ping,
  expect: ({ n }) => {
    got = 0
    target = n
    arrived = new Promise((resolve) => { done = resolve })
  },
  arrived: () => arrived
})
