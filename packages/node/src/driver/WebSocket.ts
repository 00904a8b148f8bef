/**
 * WebSocket, both ends of it. As `Tcp.ts`, with messages for bytes.
 *
 * | word | | means |
 * | --- | --- | --- |
 * | `<ws-listen address>` | fact, you | listen; `address` is `<tcp host port>` or `<unix path>` |
 * | `<ws-listening address bound>` | fact | it does; `bound` has the real port |
 * | `<ws-connection id address path remote>` | fact | accepted there; `path` is what the client asked for, with its query |
 * | `<ws-handle id>` | fact, you | I deal with it. When the last one goes, it is closed |
 * | `<ws-connect id url>` | fact, you | connect; `id` is yours to choose; withdrawn: close |
 * | `<ws-connected id url>` | fact | it is |
 * | `<ws-failed demand reason>` | fact | neither: while the demand stands, and after a connection was lost |
 * | `<ws-dropped address n>` | fact | n connections in all were one too many: for `connectionsMax`, or for the system |
 * | `<ws-credit id n>` | message, you | so many more messages |
 * | `<ws-in id data>` | message | one: a string, or bytes when it was binary |
 * | `<ws-out id data>` | message, you | send a string as text, or bytes as binary |
 * | `<ws-written id n>` | message | one was written: its n bytes are with the system |
 * | `<ws-close id code text>` | message, you | the closing handshake, when all is written: 1000, or 3000 to 4999 |
 *
 * What ended goes with the reason `<closed code text>` (RFC 6455, 7.4: 1006 when there was no farewell), or one
 * of `Reason.ts`. Messages that are too long end the connection, as 1009; they are not kept.
 */
import { Value } from "@colloquy/core"
import { Effect, Layer, type Scope } from "effect"
import * as http from "node:http"
import * as ws from "ws"
import type { Space } from "../space/Space.ts"
import * as Clients from "./Clients.ts"
import * as Conversations from "./Conversations.ts"
import * as Endpoint from "./Endpoint.ts"
import * as Listeners from "./Listeners.ts"
import * as Listening from "./Listening.ts"
import { dataBytesMax } from "./Port.ts"
import * as Reason from "./Reason.ts"
import * as WebSocketWire from "./WebSocketWire.ts"
import * as Wire from "./Wire.ts"

/** What the driver keeps to. A message is never longer than a fact may be, whatever is said. */
export interface Config extends WebSocketWire.Limits, Listeners.Limits, Clients.Limits {}
/** What `layer` keeps to. */
export const defaults: Config = {
  ...Wire.limits,
  ...Listeners.limits,
  ...Clients.limits,
  messageBytesMax: 1024 * 1024 // a guess; less than a fact may have
}

/** Listens and connects for the dataspace. */
export const layerConfig = (config: Partial<Config>): Layer.Layer<never, never, Space> =>
  Layer.effectDiscard(Effect.suspend(() => driver({ ...defaults, ...config })))
/** `layerConfig`, with the defaults. */
export const layer: Layer.Layer<never, never, Space> = layerConfig({})

const driver = (asked: Config): Effect.Effect<void, never, Space | Scope.Scope> => Effect.gen(function*() {
  const config = { ...asked, messageBytesMax: Math.min(asked.messageBytesMax, dataBytesMax) }
  const conversations = yield* Conversations.make<WebSocketWire.WebSocketWire>("ws")
  conversations.onWord("ws-close", 2, (wire, code, text) => typeof code === "number" && typeof text === "string" && wire.leave(code, text))
  Listeners.serve(conversations, listen(config), config)
  Clients.connect(conversations, connect(config), config)
})

const optionsOf = ({ messageBytesMax }: Config) => ({ maxPayload: messageBytesMax, perMessageDeflate: false }) as const

const listen = (config: Config): Listeners.Listen<WebSocketWire.WebSocketWire> => (endpoint, address, news) => {
  const upgrades = new ws.WebSocketServer({ noServer: true, ...optionsOf(config) })
  // who connects and asks for nothing, or slowly, is closed by the server
  const timeouts = { headersTimeout: config.connectMs, requestTimeout: config.connectMs, connectionsCheckingInterval: config.connectMs / 2 }
  const server = http.createServer({ ...timeouts, keepAlive: true, keepAliveInitialDelay: config.keepAliveMs, noDelay: true }, (_, response) => {
    response.writeHead(426, { connection: "close", "content-type": "text/plain" }).end("this is a WebSocket\n")
  })
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {}) // before it is one: there is nobody to tell
    upgrades.handleUpgrade(request, socket, head, (accepted) => {
      accepted.pause()
      news.accepted([request.url ?? "/", Endpoint.remoteOf(request.socket)], (of) => WebSocketWire.make(accepted, config, of))
    })
  })
  const stop = Listening.serve(server, endpoint, config.connectionsMax, {
    ...news,
    listening: () => news.listening(Endpoint.boundOf(server, address))
  })
  return () => {
    stop()
    server.closeAllConnections() // those that are no WebSocket yet
  }
}

const connect = (config: Config): Clients.Connect<WebSocketWire.WebSocketWire> => (url) => {
  if (typeof url !== "string" || !/^wss?:$/.test(URL.parse(url)?.protocol ?? "") || url.includes("#")) return undefined
  return (news) => {
    const socket = new ws.WebSocket(url, optionsOf(config))
    let answer: Value.Value | undefined
    // the library's own would not say what it is
    const timer = setTimeout(() => {
      answer = Reason.of("timeout")
      socket.terminate()
    }, config.connectMs)
    socket.once("open", () => clearTimeout(timer)).once("close", () => clearTimeout(timer))
    socket.once("upgrade", (response) => response.socket.setKeepAlive(true, config.keepAliveMs))
    socket.once("unexpected-response", (_, response) => {
      answer = Reason.failure(String(response.statusCode), response.statusMessage ?? "")
      socket.terminate()
    })
    const wire = WebSocketWire.make(socket, config, { ...news, ended: (reason) => news.ended(answer ?? reason) })
    socket.once("open", () => news.connected([url]))
    return wire
  }
}
