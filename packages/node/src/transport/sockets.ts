/** TCP and Unix sockets are the same thing to Node: this is what both transports share. */
import { Effect, type Scope } from "effect"
import * as net from "node:net"
import { type Address, print } from "./Address.ts"
import { apart, plain } from "./bytes.ts"
import { type Connection, DialError, dialTimeoutMs, lingerMs, ListenError, type Listener, reasonOf } from "./Transport.ts"

/** A connection over a socket that is open. */
export const connectionOf = (socket: net.Socket, remote: string): Connection => {
  socket.setNoDelay(true)
  let lost: string | undefined
  let report: ((reason: string) => void) | undefined
  // listened to from the start: an error nobody listens to would end the process
  socket.on("error", (error) => { lost ??= reasonOf(error) })
  socket.on("close", () => {
    lost ??= "the peer closed the connection"
    report?.(lost)
  })
  return {
    stream: true,
    remote,
    start: ({ onChunk, onLost }) => {
      report = onLost
      if (socket.destroyed) return onLost(lost ?? "the connection is closed")
      socket.on("data", (chunk) => onChunk(plain(chunk)))
    },
    write: (bytes, onTaken) => {
      if (!socket.destroyed) socket.write(socket.writableLength > 0 ? apart(bytes) : bytes, () => onTaken())
    },
    cork: () => socket.cork(),
    uncork: () => socket.uncork(),
    close: () => {
      lost ??= "closed here"
      socket.end()
      const linger = setTimeout(() => socket.destroy(), lingerMs)
      socket.once("close", () => clearTimeout(linger))
    },
    abort: () => {
      lost ??= "closed here"
      socket.destroy()
    }
  }
}

/** Opens a socket, or says why not. */
export const dial = (address: Address, options: net.NetConnectOpts): Effect.Effect<Connection, DialError> =>
  Effect.callback<Connection, DialError>((resume) => {
    const text = print(address)
    const socket = net.connect(options)
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })), dialTimeoutMs)
    const onError = (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      resume(Effect.fail(new DialError({ address: text, reason: reasonOf(error) })))
    }
    socket.once("error", onError)
    socket.once("connect", () => {
      clearTimeout(timer)
      socket.off("error", onError)
      resume(Effect.succeed(connectionOf(socket, text)))
    })
    return Effect.sync(() => {
      clearTimeout(timer)
      socket.destroy()
    })
  })

/** Listens until the scope closes. */
export const listen = (
  address: Address,
  options: net.ListenOptions,
  accept: (connection: Connection) => void,
  around: (listen: () => void) => void = (listen) => listen()
): Effect.Effect<Listener, ListenError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<net.Server, ListenError>((resume) => {
      const server = net.createServer((socket) => accept(connectionOf(socket, remoteOf(address, socket))))
      server.once("error", (error) => resume(Effect.fail(new ListenError({ address: print(address), reason: reasonOf(error) }))))
      around(() => server.listen(options, () => resume(Effect.succeed(server))))
    }),
    // connections outlive the listener: the host says farewell on them
    (server) => Effect.sync(() => void server.close())
  ).pipe(Effect.map((server): Listener => {
    server.removeAllListeners("error").on("error", () => {}) // a failed accept concerns nobody who is here
    const bound = server.address()
    return { address: address._tag === "unix" || bound === null || typeof bound === "string" ? address : { ...address, port: bound.port } }
  }))

const remoteOf = (address: Address, socket: net.Socket): string =>
  address._tag === "unix" ? print(address) : print({ _tag: "tcp", host: socket.remoteAddress ?? "?", port: socket.remotePort ?? 0 })
