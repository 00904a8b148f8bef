/**
 * TCP and Unix sockets. Facts ask for listeners and connections, which live as long as the facts do;
 * what comes in is read by credit, and what goes out is acknowledged.
 *
 * | word | | means |
 * | --- | --- | --- |
 * | `<tcp-listen address>` | fact, you | listen; `address` is `<tcp host port>` or `<unix path>` |
 * | `<tcp-listening address bound>` | fact | it does; `bound` has the real port |
 * | `<tcp-connection id address remote>` | fact | accepted there; it is gone with the connection |
 * | `<tcp-handle id>` | fact, you | I deal with it. When the last one goes, it is closed |
 * | `<tcp-connect id address>` | fact, you | connect; `id` is yours to choose; withdrawn: close |
 * | `<tcp-connected id local remote>` | fact | it is; it is gone with the connection |
 * | `<tcp-failed demand reason>` | fact | neither: while the demand stands, and after a connection was lost |
 * | `<tcp-dropped address n>` | fact | n connections in all were one too many: for `connectionsMax`, or for the system |
 * | `<tcp-mode id mode>` | message, you | `bytes` (at first), `lines`, `raw-lines`, `packets`, `<packets n>` (`Intake.ts`); forgets all credit |
 * | `<tcp-credit id n>` | message, you | so many more bytes, lines or packets |
 * | `<tcp-in id data>` | message | these: text in `lines`, otherwise bytes |
 * | `<tcp-eof id>` | message | that was all; needs no credit |
 * | `<tcp-out id data>` | message, you | write bytes, or a string as UTF-8; with its length before it in `packets` |
 * | `<tcp-written id n>` | message | one was: its n bytes are with the system |
 * | `<tcp-end id>` | message, you | half-close, when all is written |
 *
 * Who takes part observes first, then says that it does. Facts go with a reason: `eof` when both sides
 * have ended (`truncated` in the middle of a packet), `closed` when those here left, `reset`, `timeout`, …
 * (`Reason.ts` has them all).
 *
 * Whoever withdraws a demand and makes it again at once may still see the answer to the one before. It
 * goes before the new one comes: take answers as facts that go, not the first one as the last word.
 *
 * Nothing that a remote does costs more than its bounds: a line or packet that is too long ends the
 * connection, as does a writer here that does not wait for acknowledgements; one that nobody handles is
 * closed; a slow reader fills what one connection may write, and a fast sender fills nothing.
 */
import { Effect, Layer, type Scope } from "effect"
import * as net from "node:net"
import type { Space } from "../space/Space.ts"
import * as Clients from "./Clients.ts"
import * as Conversations from "./Conversations.ts"
import * as Endpoint from "./Endpoint.ts"
import { modeOf } from "./Intake.ts"
import * as Listeners from "./Listeners.ts"
import * as Listening from "./Listening.ts"
import * as Port from "./Port.ts"
import * as TcpWire from "./TcpWire.ts"
import * as Wire from "./Wire.ts"

/** What the driver keeps to. A line or packet is never longer than a fact may be, whatever is said. */
export interface Config extends TcpWire.Limits, Listeners.Limits, Clients.Limits {}
/** What `layer` keeps to. */
export const defaults: Config = {
  ...Wire.limits,
  ...Listeners.limits,
  ...Clients.limits,
  lineBytesMax: 64 * 1024, // a guess: nobody types longer ones
  packetBytesMax: 1024 * 1024 // a guess; less than a fact may have
}

/** Listens and connects for the dataspace. */
export const layerConfig = (config: Partial<Config>): Layer.Layer<never, never, Space> =>
  Layer.effectDiscard(Effect.suspend(() => driver({ ...defaults, ...config })))
/** `layerConfig`, with the defaults. */
export const layer: Layer.Layer<never, never, Space> = layerConfig({})

const driver = (asked: Config): Effect.Effect<void, never, Space | Scope.Scope> => Effect.gen(function*() {
  const config = {
    ...asked,
    lineBytesMax: Math.min(asked.lineBytesMax, Port.textBytesMax),
    packetBytesMax: Math.min(asked.packetBytesMax, Port.dataBytesMax)
  }
  const conversations = yield* Conversations.make<TcpWire.TcpWire>("tcp")
  conversations.onWord("tcp-mode", 1, (wire, mode) => {
    const known = modeOf(mode!)
    if (known !== undefined) wire.setMode(known)
    return known !== undefined
  })
  conversations.onWord("tcp-end", 0, (wire) => {
    wire.end()
    return true
  })
  Listeners.serve(conversations, listen(config), config)
  Clients.connect(conversations, connect(config), config)
})

const listen = (config: Config): Listeners.Listen<TcpWire.TcpWire> => (endpoint, address, news) => {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
  const stop = Listening.serve(server, endpoint, config.connectionsMax, {
    ...news,
    listening: () => news.listening(Endpoint.boundOf(server, address))
  })
  server.on("connection", (socket) => {
    if (socket.destroyed) return
    keep(socket, config)
    news.accepted([Endpoint.remoteOf(socket)], (of) => TcpWire.make(socket, config, of))
  })
  return stop
}

const connect = (config: Config): Clients.Connect<TcpWire.TcpWire> => (target) => {
  const endpoint = Endpoint.parse(target)
  return endpoint && ((news) => {
    const socket = net.connect({ ...endpoint, allowHalfOpen: true }).pause() // nothing is read before it begins
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })), config.connectMs)
    socket.once("close", () => clearTimeout(timer))
    socket.once("connect", () => {
      clearTimeout(timer)
      keep(socket, config)
      news.connected([Endpoint.localOf(socket), Endpoint.remoteOf(socket)])
    })
    return TcpWire.make(socket, config, news)
  })
}

const keep = (socket: net.Socket, { keepAliveMs }: Config): void => {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, keepAliveMs)
}
