/** Servers that do as a test says, and clients, on real sockets: what the DNS proxy talks to. */
import * as dns from "dns-packet"
import { Effect, type Scope } from "effect"
import * as dgram from "node:dgram"
import * as net from "node:net"

/** Things that come, and whoever waits for so many of them. */
class Inbox<A> {
  readonly all: Array<A> = []
  readonly #waiting = new Set<() => void>()
  put(one: A): void {
    this.all.push(one)
    for (const wake of [...this.#waiting]) wake()
  }
  /** The n-th that came, the first being 1, when it has. */
  nth(n: number): Effect.Effect<A> {
    return Effect.callback((resume) => {
      const wake = () => {
        if (this.all.length < n) return
        this.#waiting.delete(wake)
        resume(Effect.succeed(this.all[n - 1]!))
      }
      this.#waiting.add(wake)
      wake()
      return Effect.sync(() => void this.#waiting.delete(wake))
    })
  }
}

/** One question that a server was asked. */
export interface Asked {
  readonly id: number
  readonly name: string
  readonly over: "udp" | "tcp"
  readonly port: number
  readonly packet: dns.DecodedPacket
  readonly reply: (packet?: dns.Packet) => void
  readonly send: (bytes: Uint8Array) => void
}
export interface Upstream {
  readonly server: { readonly _tag: "server"; readonly host: string; readonly port: number }
  readonly asked: ReadonlyArray<Asked>
  readonly nth: (n: number) => Effect.Effect<Asked>
}

/** A server at a free port, for UDP and, unless `tcp` is false, TCP. */
export const upstream = (behave: (asked: Asked) => void = () => {}, tcp = true) => Effect.gen(function*() {
  const inbox = new Inbox<Asked>()
  const hear = (bytes: Buffer, over: Asked["over"], port: number, send: (bytes: Uint8Array) => void) => {
    const packet = dns.decode(bytes)
    const one: Asked = {
      id: packet.id!, name: packet.questions![0]!.name, over, port, packet, send,
      reply: (said = {}) => send(dns.encode({ id: packet.id!, type: "response", questions: packet.questions, ...said }))
    }
    inbox.put(one)
    behave(one)
  }
  const listener = net.createServer((socket) => {
    packets(socket, (bytes) => hear(bytes, "tcp", socket.remotePort!, (reply) => socket.write(framed(reply))))
    socket.on("error", () => {})
    connections.add(socket)
  })
  const connections = new Set<net.Socket>()
  const port = yield* bothAt(listener, tcp)
  yield* Effect.addFinalizer(() => Effect.sync(() => {
    for (const socket of connections) socket.destroy()
  }))
  port.socket.on("message", (bytes, from) => hear(bytes, "udp", from.port, (reply) => port.socket.send(reply, from.port, from.address)))
  const server: Upstream["server"] = { _tag: "server", host: "127.0.0.1", port: port.number }
  return { server, asked: inbox.all, nth: (n) => inbox.nth(n) } satisfies Upstream
})

/** A UDP socket and a listener at one port, or no listener there. */
const bothAt = (listener: net.Server, tcp: boolean) => Effect.acquireRelease(
  Effect.callback<{ readonly number: number; readonly socket: dgram.Socket }>((resume) => {
    const attempt = () => {
      listener.listen(0, "127.0.0.1", () => {
        const { port } = listener.address() as net.AddressInfo
        const socket = dgram.createSocket("udp4")
        socket.once("error", () => listener.close(attempt))
        socket.bind({ address: "127.0.0.1", port, exclusive: true }, () => {
          const done = () => resume(Effect.succeed({ number: port, socket }))
          if (tcp) done()
          else listener.close(done)
        })
      })
    }
    attempt()
  }),
  ({ socket }) => Effect.sync(() => {
    socket.close()
    listener.close()
  })
)

/** A listener for TCP alone, which says nothing: its port. */
export const listener = Effect.map(Effect.acquireRelease(
  Effect.callback<net.Server>((resume) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
), (server) => (server.address() as net.AddressInfo).port)

const framed = (bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}
/** Calls back with each packet after its length. */
const packets = (socket: net.Socket, hear: (bytes: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0)
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk as Buffer])
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
      const end = 2 + rest.readUInt16BE()
      hear(rest.subarray(2, end))
      rest = rest.subarray(end)
    }
  })
}

export const question = (name: string, type: dns.RecordType = "A") => ({ name, type, class: "IN" as const })
export const query = (id: number, name: string, type: dns.RecordType = "A", more: dns.Packet = {}): Buffer =>
  dns.encode({ id, type: "query", flags: dns.RECURSION_DESIRED, questions: [question(name, type)], ...more })
export const opt = (udpPayloadSize: number, ednsVersion = 0): dns.OptAnswer =>
  ({ type: "OPT", name: ".", udpPayloadSize, extendedRcode: 0, ednsVersion, flags: 0, flag_do: false, options: [] })
export const a = (name: string, data: string, ttl = 60): dns.StringAnswer => ({ type: "A", class: "IN", name, ttl, data })
export const soa = (name: string, ttl: number, minimum: number): dns.SoaAnswer =>
  ({ type: "SOA", class: "IN", name, ttl, data: { mname: `ns.${name}`, rname: `root.${name}`, serial: 1, refresh: 1, retry: 1, expire: 1, minimum } })
export const rcodeOf = ({ flags = 0 }: dns.Packet): number => flags & 15
export const serverFailure = 2
export const nameError = 3
export const refused = 5

/** Answers every question for an address with this one. */
export const addresses = (data = "10.0.0.1", ttl = 60) => (asked: Asked): void => asked.reply({ answers: [a(asked.name, data, ttl)] })

export interface Client {
  readonly port: number
  readonly send: (bytes: Uint8Array, to?: number) => void
  readonly all: ReadonlyArray<dns.DecodedPacket>
  readonly nth: (n: number) => Effect.Effect<dns.DecodedPacket>
}
const inboxOf = () => {
  const inbox = new Inbox<dns.DecodedPacket>()
  return { hear: (bytes: Buffer) => inbox.put(dns.decode(bytes)), all: inbox.all, nth: (n: number) => inbox.nth(n) }
}
/** A client of its own, with a UDP socket. */
export const overUdp = (to: number): Effect.Effect<Client, never, Scope.Scope> => Effect.gen(function*() {
  const { hear, ...inbox } = inboxOf()
  const socket = yield* Effect.acquireRelease(Effect.sync(() => dgram.createSocket("udp4")), (it) => Effect.sync(() => it.close()))
  socket.on("message", hear)
  yield* Effect.callback<void>((resume) => void socket.bind(0, "127.0.0.1", () => resume(Effect.void)))
  return { ...inbox, port: socket.address().port, send: (bytes, other = to) => socket.send(bytes, other, "127.0.0.1") }
})
/** A client of its own, with a TCP connection; `ended` when the proxy has closed its side. */
export const overTcp = (to: number) => Effect.gen(function*() {
  const { hear, ...inbox } = inboxOf()
  const socket = yield* Effect.acquireRelease(Effect.sync(() => net.connect(to, "127.0.0.1")), (it) => Effect.sync(() => it.destroy()))
  const end = new Promise<void>((resolve) => socket.once("close", () => resolve()))
  socket.on("error", () => {})
  packets(socket, hear)
  yield* Effect.callback<void>((resume) => void socket.once("connect", () => resume(Effect.void)))
  return {
    ...inbox, port: socket.localPort!,
    send: (bytes: Uint8Array) => void socket.write(framed(bytes)),
    /** Several packets in one write. */
    sendAll: (all: ReadonlyArray<Uint8Array>) => void socket.write(Buffer.concat(all.map(framed))),
    end: () => void socket.end(),
    ended: Effect.promise(() => end)
  }
})
