/**
 * A make-believe network, under the contract of `driver/TcpWords.ts`: sockets are arrays of bytes, and
 * the test plays the other end of each. What breaks the contract throws.
 */
import { assert } from "@effect/vitest"
import { Text, Value } from "../../src/index.ts"
import type { Device, Firing } from "./world.ts"

const symbol = Value.symbol
const record = Value.record

interface Socket {
  readonly id: Value.Value
  /** What arrived and was not taken; how much of that was handed over already. */
  inbox: ReadonlyArray<number>
  offered: number | undefined
  reads: number
  read: { readonly source: Value.Value; readonly mode: string; readonly credit: number; isDone: boolean } | undefined
  end: { readonly source: Value.Value; readonly reads: number; isDone: boolean } | undefined
  hasEnded: boolean
  broke: string | undefined
  outbox: ReadonlyArray<number>
  writes: number
  /** Whether somebody waits for the socket: not yet, now, or not any more. */
  wanted: "not yet" | "now" | "over"
}

/** The other end of a connection. */
export interface Remote {
  readonly send: (text: string) => void
  readonly close: () => void
  readonly break: (reason: string) => void
  /** All that was written to it so far. */
  readonly received: () => string
  /** Whether this end has closed. */
  readonly isClosed: () => boolean
}

export const network = (changed: () => void) => {
  const sockets = new Map<string, Socket>()
  const ports = new Map<number, { readonly source: Value.Value; readonly accepted: Array<Socket> }>()
  const servers = new Map<string, Array<Remote>>()
  const answers: Array<Firing> = []
  let accepted = 0

  const socketOf = (id: Value.Value): Socket => {
    const key = Text.print(id)
    const known = sockets.get(key)
    if (known !== undefined) return known
    const socket: Socket = {
      id, inbox: [], offered: undefined, reads: 0, read: undefined, end: undefined,
      hasEnded: false, broke: undefined, outbox: [], writes: 0, wanted: "not yet"
    }
    sockets.set(key, socket)
    return socket
  }
  const remoteOf = (socket: Socket): Remote => {
    const after = (change: () => void) => {
      change()
      changed()
    }
    return {
      send: (text) => after(() => socket.inbox = [...socket.inbox, ...new TextEncoder().encode(text)]),
      close: () => after(() => socket.hasEnded = true),
      break: (reason) => after(() => socket.broke = reason),
      received: () => new TextDecoder().decode(new Uint8Array(socket.outbox)),
      isClosed: () => socket.wanted === "over"
    }
  }

  /** `reads` were taken: of what was handed over for the last of them nothing is left. */
  const taken = (socket: Socket, reads: number): void => {
    if (reads === socket.reads) return
    assert.deepStrictEqual([reads, socket.offered === undefined], [socket.reads + 1, false], "a read is taken once, after it was answered")
    socket.inbox = socket.inbox.slice(socket.offered)
    socket.offered = undefined
    socket.reads = reads
  }
  const connect = (source: Value.Value, [id, host, port]: ReadonlyArray<Value.Value>): void => {
    const server = servers.get(`${host as string}:${port as number}`)
    server?.push(remoteOf(socketOf(id!)))
    answers.push({ source, value: server === undefined ? record("failed", "refused") : symbol("connected") })
  }

  const begin: Device["begin"] = (source) => {
    const { fields, label } = source
    const [first, second, third] = fields
    switch (Symbol.keyFor(label as symbol)) {
      case "tcp-listen": return void ports.set(first as number, { source, accepted: [] })
      case "tcp-connect": return connect(source, fields)
      case "tcp-socket": return void (socketOf(first!).wanted = "now")
      case "tcp-eof": {
        const socket = socketOf(first!)
        taken(socket, second as number)
        socket.end = { source, reads: second as number, isDone: false }
        return
      }
      case "tcp-read": {
        const socket = socketOf(first!)
        taken(socket, second as number)
        socket.offered = undefined
        socket.read = { source, mode: Symbol.keyFor(third as symbol)!, credit: fields[3] as number, isDone: false }
        return
      }
      case "tcp-write": {
        const socket = socketOf(first!)
        assert.strictEqual(second, ++socket.writes, "writes come in order")
        socket.outbox = [...socket.outbox, ...third as Uint8Array]
        answers.push({ source, value: record("written", (third as Uint8Array).length) })
        return
      }
      default: throw new Error(`no such request: ${Text.print(source)}`)
    }
  }
  const end: Device["end"] = ({ fields: [first], label }, source) => {
    if (label === symbol("tcp-listen")) {
      for (const socket of ports.get(first as number)!.accepted) if (socket.wanted === "not yet") socket.wanted = "over"
      ports.delete(first as number)
    }
    const socket = sockets.get(Text.print(first!))
    if (socket === undefined) return
    if (label === symbol("tcp-socket")) socket.wanted = "over"
    if (label === symbol("tcp-read") && socket.read?.source === source) socket.read = undefined
    if (label === symbol("tcp-eof") && socket.end?.source === source) socket.end = undefined
  }

  const nextOf = (socket: Socket): Firing | undefined => {
    if (socket.wanted !== "now") return undefined
    if (socket.broke !== undefined) return { source: record("tcp-socket", socket.id), value: record("closed", socket.broke) }
    const { end, inbox, read } = socket
    if (read !== undefined && !read.isDone) {
      const found = cut(inbox, read.mode, read.credit, socket.hasEnded)
      if (found !== undefined) {
        read.isDone = true
        socket.offered = found.length
        return { source: read.source, value: new Uint8Array(found.bytes) }
      }
    }
    if (end !== undefined && !end.isDone && socket.hasEnded && inbox.length === 0) {
      end.isDone = true
      return { source: end.source, value: true }
    }
    return undefined
  }
  const next = (): Firing | undefined => {
    if (answers.length > 0) return answers.shift()
    for (const socket of sockets.values()) {
      const found = nextOf(socket)
      if (found === undefined) continue
      if (socket.broke !== undefined) socket.wanted = "over"
      return found
    }
    return undefined
  }

  /** Somebody connects to a port of ours, and has sent something before we know; `undefined` when nobody listens. */
  const dial = (port: number, sent = ""): Remote | undefined => {
    const listening = ports.get(port)
    if (listening === undefined) return undefined
    const socket = socketOf(++accepted)
    socket.inbox = [...new TextEncoder().encode(sent)]
    listening.accepted.push(socket)
    answers.push({ source: listening.source, value: record("accepted", socket.id, "far", 50_000 + accepted) })
    changed()
    return remoteOf(socket)
  }
  /** Somebody listens elsewhere: those who connected, as they come. */
  const serve = (host: string, port: number): ReadonlyArray<Remote> => {
    const connected: Array<Remote> = []
    servers.set(`${host}:${port}`, connected)
    return connected
  }
  return { device: { begin, end, next } satisfies Device, dial, serve, isOpen: (port: number) => ports.has(port) }
}

/** What a read can have of `inbox`: the bytes, and how many it uses up. */
const cut = (inbox: ReadonlyArray<number>, mode: string, credit: number, hasEnded: boolean) => {
  if (mode !== "lines") {
    const enough = hasEnded || mode === "some" ? 1 : credit
    return inbox.length < enough ? undefined : { bytes: inbox.slice(0, credit), length: Math.min(credit, inbox.length) }
  }
  const [cr, lf] = [13, 10]
  const at = inbox.findIndex((byte) => byte === cr || byte === lf)
  if (at < 0) return hasEnded && inbox.length > 0 ? { bytes: inbox, length: inbox.length } : undefined
  // after CR, LF may be on its way
  if (inbox[at] === cr && at + 1 === inbox.length && !hasEnded) return undefined
  return { bytes: inbox.slice(0, at), length: at + (inbox[at] === cr && inbox[at + 1] === lf ? 2 : 1) }
}
