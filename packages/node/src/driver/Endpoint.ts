/** Where sockets listen and connect, as values: `<tcp host port>` and `<unix path>`. */
import { Value } from "@colloquy/core"
import * as fs from "node:fs"
import * as net from "node:net"
import * as Reason from "./Reason.ts"

export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string }

/**
 * Reads an address; `undefined` when the value is none.
 *
 * parse(Value.record("tcp", "127.0.0.1", 80))   // => ({ host: "127.0.0.1", port: 80 })
 */
export const parse = (value: Value.Value): Endpoint | undefined => {
  if (Value.isRecord(value, "tcp", 2)) {
    const [host, port] = value.fields
    return typeof host === "string" && host !== "" && !host.includes("\0") && isPort(port!) ? { host, port } : undefined
  }
  if (!Value.isRecord(value, "unix", 1)) return undefined
  const [path] = value.fields
  // longer ones would be cut off by the system, and mean another file
  return typeof path === "string" && path.startsWith("/") && !path.includes("\0") && Buffer.byteLength(path) <= pathBytesMax ? { path } : undefined
}
const pathBytesMax = 107 // sun_path of Linux, less its NUL
export const isPort = (port: Value.Value): port is number => typeof port === "number" && Number.isInteger(port) && port >= 0 && port <= 65535

export const remoteOf = (socket: net.Socket): Value.Value => socket.remoteAddress === undefined
  ? Value.record("unix", "") // a client of a Unix socket has no name
  : Value.record("tcp", socket.remoteAddress, socket.remotePort ?? 0)
export const localOf = (socket: net.Socket): Value.Value => socket.localAddress === undefined
  ? Value.record("unix", "")
  : Value.record("tcp", socket.localAddress, socket.localPort ?? 0)

/** Where a server listens really; `asked` when that says it all. */
export const boundOf = (server: net.Server, asked: Value.Value): Value.Value => {
  const bound = server.address()
  return bound === null || typeof bound === "string" ? asked : Value.record("tcp", (asked as Value.Record).fields[0]!, bound.port)
}

export interface ServerNews {
  readonly listening: () => void
  readonly failed: (reason: Value.Value) => void
  readonly dropped: () => void
}

/** Listens with a server until it is told to stop; what it has accepted lives on. */
export const serve = (server: net.Server, endpoint: Endpoint, connectionsMax: number, { dropped, failed, listening }: ServerNews): () => void => {
  let isWanted = true
  server.maxConnections = connectionsMax
  server.on("drop", dropped)
  listen(server, endpoint, () => isWanted, () => {
    // from now on an error is a connection that could not be accepted, for want of descriptors
    server.on("error", dropped)
    listening()
  }, (error) => failed(Reason.ofError(error)))
  return () => {
    isWanted = false
    server.close()
  }
}

/**
 * Listens, or says why not. A Unix socket is made for its owner alone, and takes the place of one that
 * a dead process left behind: one that nobody answers at.
 */
const listen = (server: net.Server, endpoint: Endpoint, isWanted: () => boolean, onListening: () => void, onFailed: (error: Error) => void): void => {
  const failed = (error: Error): void => {
    if (isWanted()) onFailed(error)
  }
  attempt(server, endpoint, onListening, (error) => {
    if (error.code !== "EADDRINUSE" || !("path" in endpoint)) return failed(error)
    const probe = net.connect(endpoint)
    probe.once("connect", () => {
      probe.destroy()
      failed(error)
    })
    probe.once("error", (answer: NodeJS.ErrnoException) => {
      if (!isWanted()) return
      const isStale = answer.code === "ECONNREFUSED" && fs.statSync(endpoint.path, { throwIfNoEntry: false })?.isSocket() === true
      if (!isStale || !isRemoved(endpoint.path)) return failed(error)
      attempt(server, endpoint, onListening, failed)
    })
  })
}
const attempt = (server: net.Server, endpoint: Endpoint, onListening: () => void, onFailed: (error: NodeJS.ErrnoException) => void): void => {
  const listening = () => {
    server.off("error", refused)
    onListening()
  }
  const refused = (error: Error) => {
    server.off("listening", listening)
    onFailed(error)
  }
  server.once("error", refused)
  server.once("listening", listening)
  const mask = "path" in endpoint ? process.umask(0o177) : undefined // the file is made with mode 0600, not changed to it later
  try {
    server.listen(endpoint)
  } finally {
    if (mask !== undefined) process.umask(mask)
  }
}
const isRemoved = (path: string): boolean => {
  try {
    fs.rmSync(path, { force: true })
    return true
  } catch {
    return false
  }
}
