/** The yardstick of `relay.ts`: forwards length-prefixed frames from its first connection to its second, all of a chunk in one write. */
import { Framing } from "@colloquy/core"
import * as net from "node:net"

let to: net.Socket | undefined
const server = net.createServer((socket) => {
  socket.setNoDelay(true)
  socket.on("error", () => {})
  if (to === undefined) {
    to = socket
    return
  }
  const out = to
  let state = Framing.initial
  socket.on("data", (chunk) => {
    const { frames, state: next } = Framing.split(state, chunk, 1 << 20)
    state = next
    const bytes = Buffer.allocUnsafe(frames.reduce((n, frame) => n + 4 + frame.length, 0))
    let at = 0
    for (const frame of frames) {
      at = bytes.writeUInt32BE(frame.length, at)
      bytes.set(frame, at)
      at += frame.length
    }
    if (!out.write(bytes)) {
      socket.pause()
      out.once("drain", () => socket.resume())
    }
  })
})
server.listen(0, "127.0.0.1", () => console.log(`listening on ${(server.address() as net.AddressInfo).port}`))
