/** Links over WebSocket: `ws://host:port`, one packet a binary message. The path is free: the scope is asked for in the link. */
import { Context, Effect, Layer } from "effect"
import * as http from "node:http"
import * as ws from "ws"
import { type Address, print } from "./Address.ts"
import { apart, plain } from "./bytes.ts"
import { type Connection, DialError, dialTimeoutMs, lingerMs, ListenError, type Listener, reasonOf, type Transport } from "./Transport.ts"

/** The library refuses longer messages before it keeps them; as the link's own default. */
const maxPayload = 16 * 1024 * 1024
const options = { maxPayload, perMessageDeflate: false } as const

const connectionOf = (socket: ws.WebSocket, remote: string): Connection => {
  let lost: string | undefined
  let report: ((reason: string) => void) | undefined
  socket.on("error", (error) => { lost ??= reasonOf(error) })
  socket.on("close", (code) => {
    lost ??= `the peer closed the connection (${code})`
    report?.(lost)
  })
  return {
    stream: false,
    remote,
    start: ({ onChunk, onLost }) => {
      report = onLost
      if (socket.readyState >= ws.WebSocket.CLOSING) return onLost(lost ?? "the connection is closed")
      socket.on("message", (data, isBinary) => {
        if (!isBinary) return socket.close(1003, "binary messages only")
        onChunk(plain(data as Buffer))
      })
      socket.resume()
    },
    write: (bytes, onTaken) => {
      if (socket.readyState === ws.WebSocket.OPEN) socket.send(socket.bufferedAmount > 0 ? apart(bytes) : bytes, { binary: true }, () => onTaken())
    },
    cork: () => {},
    uncork: () => {},
    close: () => {
      lost ??= "closed here"
      socket.close(1000)
      const linger = setTimeout(() => socket.terminate(), lingerMs)
      socket.once("close", () => clearTimeout(linger))
    },
    abort: () => {
      lost ??= "closed here"
      socket.terminate()
    }
  }
}

const hostPort = (address: Address) => {
  if (address._tag === "unix") throw new TypeError("a websocket transport takes ws addresses")
  return address
}

const dial = (address: Address): Effect.Effect<Connection, DialError> =>
  Effect.callback((resume) => {
    const text = print(address)
    const socket = new ws.WebSocket(print({ ...hostPort(address), _tag: "ws" }), { ...options, handshakeTimeout: dialTimeoutMs })
    const onError = (error: Error) => resume(Effect.fail(new DialError({ address: text, reason: reasonOf(error) })))
    socket.once("error", onError)
    socket.once("open", () => {
      socket.pause() // until the host reads
      socket.off("error", onError)
      resume(Effect.succeed(connectionOf(socket, text)))
    })
    return Effect.sync(() => socket.terminate())
  })

const listen = (address: Address, accept: (connection: Connection) => void) =>
  Effect.acquireRelease(
    Effect.callback<http.Server, ListenError>((resume) => {
      const { host, port } = hostPort(address)
      const server = http.createServer((_, response) => response.writeHead(426, { connection: "close" }).end("WebSocket only\n"))
      const upgraded = new ws.WebSocketServer({ server, ...options })
      server.once("error", (error) => resume(Effect.fail(new ListenError({ address: print(address), reason: reasonOf(error) }))))
      server.listen(port, host, () => resume(Effect.succeed(server)))
      upgraded.on("error", () => {}) // the server's own, told above
      upgraded.on("connection", (socket, request) => {
        socket.pause()
        accept(connectionOf(socket, print({ _tag: "ws", host: request.socket.remoteAddress ?? "?", port: request.socket.remotePort ?? 0 })))
      })
    }),
    (server) => Effect.sync(() => {
      server.close()
      server.closeAllConnections() // those that never became a WebSocket; the others have their owners
    })
  ).pipe(Effect.map((server): Listener => {
    server.removeAllListeners("error").on("error", () => {})
    const bound = server.address()
    return { address: bound === null || typeof bound === "string" ? address : { ...hostPort(address), port: bound.port } }
  }))

/** Links over WebSocket, for addresses such as `ws://127.0.0.1:7601`: browsers can dial them, and listen to none. */
export class WebSocket extends Context.Service<WebSocket, Transport>()("@colloquy/node/transport/WebSocket") {
  static readonly layer = Layer.succeed(WebSocket, { listen, dial })
}
