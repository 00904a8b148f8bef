/**
 * The yardstick for facts of a peer: plain sockets, frames and a Map, and no more than the work itself.
 * A mirror between keeps what each peer said and passes it on; when one is gone, it takes all of that back.
 */
import { Framing } from "@colloquy/core"
import * as net from "node:net"
import { clock, given, serve } from "./helper.ts"

const { id = "" } = given()
const [came, gone] = [1, 0]
const framed = (_tag: number, names: Iterable<string>): Buffer => {
  const pieces: Array<Buffer> = []
  for (const name of names) {
    const head = Buffer.allocUnsafe(5)
    head.writeUInt32BE(1 + name.length)
    head[4] = _tag
    pieces.push(head, Buffer.from(name, "latin1"))
  }
  return Buffer.concat(pieces)
}
/** Tells of all the frames that a chunk completes. */
const reading = (socket: net.Socket, hear: (_tag: number, name: string) => void): void => {
  let state = Framing.initial
  socket.setNoDelay(true).on("error", () => {}).on("data", (chunk) => {
    const split = Framing.split(state, chunk, 1 << 20)
    state = split.state
    for (const frame of split.frames) hear(frame[0]!, String.fromCharCode(...frame.subarray(1)))
  })
}
const connect = (port: number): Promise<net.Socket> => new Promise((resolve, reject) => {
  const socket = net.connect(port, "127.0.0.1", () => resolve(socket)).on("error", reject)
})

const mirror = () => new Promise<number>((resolve) => {
  const peers = new Set<net.Socket>()
  const pass = (from: net.Socket, _tag: number, names: Iterable<string>): void => {
    const bytes = framed(_tag, names)
    for (const peer of peers) if (peer !== from && bytes.length > 0) peer.write(bytes)
  }
  const server = net.createServer((peer) => {
    const held = new Set<string>()
    let news: Array<string> = []
    peers.add(peer)
    reading(peer, (_tag, name) => {
      held.add(name)
      if (news.push(name) === 1) queueMicrotask(() => {
        pass(peer, came, news)
        news = []
      })
    })
    peer.once("close", () => {
      peers.delete(peer)
      pass(peer, gone, held)
    })
  }).listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port))
})

const stands = new Set<string>()
let wanted: { readonly n: number; readonly resolve: (at: number) => void } | undefined
const look = (): void => {
  if (wanted?.n !== stands.size) return
  wanted.resolve(clock())
  wanted = undefined
}
const watch = async ({ port }: { port: number }) => reading(await connect(port), (_tag, name) => {
  if (_tag === came) stands.add(name)
  else stands.delete(name)
  look()
})
const standing = ({ n }: { n: number }) => new Promise<number>((resolve) => {
  wanted = { n, resolve }
  look()
})

let link: net.Socket | undefined
const join = async ({ facts, port }: { facts: number; port: number }) => {
  const names = Array.from({ length: facts }, (_, n) => `fact ${n} of ${id}`)
  const began = clock()
  link = await connect(port)
  reading(link, () => {})
  link.write(framed(came, names))
  return began
}
const part = () => {
  const began = clock()
  link!.end()
  return began
}

serve({ mirror, watch, standing, join, part })
