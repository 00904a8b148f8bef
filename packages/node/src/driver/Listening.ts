/**
 * A server that listens, until it is told to stop; what it has accepted lives on.
 *
 * It keeps one descriptor free: a system that has none left closes who connects without a word, so
 * whoever would take the last one is closed here, and counted. Of the file system nothing is removed but
 * sockets: one that a dead process left behind, which nobody answers at, and its own.
 */
import type { Value } from "@colloquy/core"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as net from "node:net"
import { devNull } from "node:os"
import type { Endpoint } from "./Endpoint.ts"
import * as Reason from "./Reason.ts"

export interface ServerNews {
  readonly listening: () => void
  readonly failed: (reason: Value.Value) => void
  readonly dropped: () => void
}

/** Listens. Whoever listens to the server's connections after this sees those that were dropped as destroyed. */
export const serve = (server: net.Server, endpoint: Endpoint, connectionsMax: number, { dropped, failed, listening }: ServerNews): () => void => {
  let isWanted = true
  let own: fs.Stats | undefined
  bound(server, connectionsMax, dropped)
  listen(server, endpoint, () => isWanted, () => {
    // from now on an error is a connection that could not be accepted
    server.on("error", dropped)
    if ("path" in endpoint) own = seen(endpoint.path)
    listening()
  }, (error) => failed(Reason.ofError(error)))
  return () => {
    isWanted = false
    if ("path" in endpoint) closeAt(endpoint.path, own, server)
    else server.close()
  }
}

/** Lets no more in than so many, and nobody who takes the last descriptor. */
export const bound = (server: net.Server, connectionsMax: number, dropped: () => void): void => {
  server.maxConnections = connectionsMax
  server.on("drop", dropped)
  server.on("connection", (socket: net.Socket) => {
    if (hasSpare()) return
    socket.on("error", () => {}).destroy()
    dropped()
  })
}
const hasSpare = (): boolean => {
  try {
    fs.closeSync(fs.openSync(devNull, "r"))
    return true
  } catch {
    return false
  }
}

/**
 * Listens, or says why not. A Unix socket is made for its owner alone, and takes the place of one that
 * nobody answers at.
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
      // a link to a socket is none
      const isStale = answer.code === "ECONNREFUSED" && seen(endpoint.path)?.isSocket() === true
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
const seen = (path: string): fs.Stats | undefined => {
  try {
    return fs.lstatSync(path)
  } catch {
    return undefined
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
/** Closing removes whatever has the socket's name. What took it meanwhile has another name while that happens. */
const closeAt = (path: string, own: fs.Stats | undefined, server: net.Server): void => {
  const now = seen(path)
  const isOthers = own !== undefined && now !== undefined && (now.ino !== own.ino || now.dev !== own.dev)
  const aside = `${path}.${randomUUID()}`
  const isAside = isOthers && isRenamed(path, aside)
  server.close()
  if (isAside) isRenamed(aside, path)
}
const isRenamed = (from: string, to: string): boolean => {
  try {
    fs.renameSync(from, to)
    return true
  } catch {
    return false // where nothing may be renamed, nothing is removed either
  }
}
