/** Where sockets listen and connect, as values: `<tcp host port>` and `<unix path>`. */
import { Value } from "@colloquy/core"
import type * as net from "node:net"

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
