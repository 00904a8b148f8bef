/**
 * UDP. A fact asks for a socket, which is open as long as it stands. Datagrams come by credit; without,
 * a few of them wait, and of what comes then the newest are dropped, and counted: nobody can be told to wait.
 *
 * | word | | means |
 * | --- | --- | --- |
 * | `<udp-bind id host port>` | fact, you | open a socket there; `id` is yours to choose |
 * | `<udp-bound id host port>` | fact | it is open; with the real port |
 * | `<udp-failed <udp-bind id host port> reason>` | fact | it is not, or not any more |
 * | `<udp-credit id n>` | message, you | so many more datagrams |
 * | `<udp-in id host port bytes>` | message | one came from there |
 * | `<udp-dropped id n>` | fact | n in all were dropped |
 * | `<udp-out id host port data>` | message, you | send bytes, or a string as UTF-8 |
 * | `<udp-sent id n>` | message | one with n bytes left |
 * | `<udp-undelivered id host port reason>` | message | one could not leave |
 *
 * Credit that is no number, and what is said about an id that is not bound, is ignored.
 */
import { Canonical, Pattern, Value } from "@colloquy/core"
import { Effect, Layer, type Scope } from "effect"
import * as dgram from "node:dgram"
import * as net from "node:net"
import type { Space } from "../space/Space.ts"
import { isPort } from "./Endpoint.ts"
import * as Port from "./Port.ts"
import * as Reason from "./Reason.ts"
import * as Tally from "./Tally.ts"

/** What the driver keeps to, for each socket but for `socketsMax`. */
export interface Config {
  /** What waits for credit. */
  readonly waitingMax: number
  /** And their bytes: of what comes then the newest are dropped. */
  readonly waitingBytesMax: number
  /** What waits to leave. */
  readonly sendingMax: number
  /** Sockets at one time; a demand for more fails with `too-many`. */
  readonly socketsMax: number
}
/** What `layer` keeps to. */
export const defaults: Config = {
  waitingMax: 256, // a guess: a burst of answers
  waitingBytesMax: 1024 * 1024, // a guess: sixteen of the largest
  sendingMax: 1_024, // a guess: most leave at once, unless a name must be looked up
  socketsMax: 1_000 // a guess
}

/** Binds sockets for the dataspace. */
export const layerConfig = (config: Partial<Config>): Layer.Layer<never, never, Space> =>
  Layer.effectDiscard(Effect.suspend(() => driver({ ...defaults, ...config })))
/** `layerConfig`, with the defaults. */
export const layer: Layer.Layer<never, never, Space> = layerConfig({})

interface Bound {
  readonly credit: (n: number) => void
  readonly send: (host: Value.Value, port: Value.Value, data: Value.Value) => void
  readonly close: () => void
}

const driver = (config: Config): Effect.Effect<void, never, Space | Scope.Scope> => Effect.gen(function*() {
  /** By the demand; and who has an id. */
  const demands = new Map<string, () => void>()
  const sockets = new Map<string, Bound>()
  // before the port, so that it runs after it: what goes, goes because the driver stops
  yield* Effect.addFinalizer(() => Effect.sync(() => { for (const socket of sockets.values()) socket.close() }))
  const port = yield* Port.make("udp driver")

  const begin = (demand: Value.Record): () => void => {
    const [id, host, at] = demand.fields
    const key = Canonical.key(id!)
    const failure = port.hold()
    const failed = (reason: Value.Value): void => failure.become(Value.record("udp-failed", demand, reason))
    let socket: Bound | undefined
    if (!isHost(host!) || !isPort(at!)) failed(Reason.of("misused"))
    else if (sockets.has(key)) failed(Reason.of("id-in-use"))
    else if (sockets.size >= config.socketsMax) failed(Reason.of("too-many"))
    else {
      socket = bind(port, config, id!, host, at, (reason) => {
        sockets.delete(key)
        failed(reason)
      })
      sockets.set(key, socket)
    }
    return () => {
      failure.release()
      if (socket === undefined || sockets.get(key) !== socket) return
      sockets.delete(key)
      socket.close()
    }
  }
  const whole = Pattern.bind(Pattern.record("udp-bind", Pattern.discard, Pattern.discard, Pattern.discard))
  port.hear(whole, {
    added: (demand) => {
      if (Port.isName(demand!)) demands.set(Canonical.key(demand!), begin(demand as Value.Record))
      else port.log("a demand is too large", { word: "udp-bind" })
    },
    removed: (demand) => {
      const key = Canonical.key(demand!)
      demands.get(key)?.()
      demands.delete(key)
    }
  })
  const socketOf = (id: Value.Value | undefined) => sockets.get(Canonical.key(id!))
  port.hear(Pattern.record("udp-credit", Pattern.bind(), Pattern.bind()), {
    received: (id, n) => { if (typeof n === "number" && Number.isSafeInteger(n) && n > 0) socketOf(id)?.credit(n) }
  })
  port.hear(Pattern.record("udp-out", Pattern.bind(), Pattern.bind(), Pattern.bind(), Pattern.bind()), {
    received: (id, host, at, data) => socketOf(id)?.send(host!, at!, data!)
  })
})

const isHost = (host: Value.Value): host is string => typeof host === "string" && host !== "" && !host.includes("\0")

const bind = (port: Port.Port, config: Config, id: Value.Value, host: string, at: number, onFailed: (reason: Value.Value) => void): Bound => {
  const socket = dgram.createSocket(net.isIPv6(host) ? "udp6" : "udp4")
  const queue = waitingRoom(config)
  const drops = Tally.make(port, (n) => Value.record("udp-dropped", id, n))
  const fact = port.hold()
  let credit = 0
  let sending = 0
  let isBound = false
  let isOver = false

  const close = (reason: Value.Value): void => {
    if (isOver) return
    isOver = true
    socket.close()
    drops.stop()
    fact.release(reason)
  }
  const granted = () => {
    const next = !isOver && credit > 0 ? queue.take() : undefined
    if (next !== undefined) credit--
    return next
  }
  /** What is told may bring more credit, or the end, while it is told. */
  const drain = (): void => {
    for (let next = granted(); next !== undefined; next = granted()) port.say(next.message)
  }
  socket.on("message", (bytes, { address, port: from }) => {
    const message = Value.record("udp-in", id, address, from, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length))
    if (queue.put({ message, bytes: bytes.length })) drain()
    else drops.count()
  })
  socket.on("error", (error) => {
    close(Reason.ofError(error))
    onFailed(Reason.ofError(error))
  })
  socket.bind({ address: host, port: at, exclusive: true }, () => {
    if (isOver) return
    isBound = true
    fact.become(Value.record("udp-bound", id, host, socket.address().port))
  })
  return {
    close: () => close(Reason.of("closed")),
    credit: (n) => {
      credit = Math.min(credit + n, Number.MAX_SAFE_INTEGER)
      drain()
    },
    send: (to, toPort, data) => {
      const undelivered = (reason: Value.Value) => port.say(Value.record("udp-undelivered", id, to, toPort, reason))
      if (!Port.isName([to, toPort])) return port.log("a datagram's address is too large")
      const isTo = isHost(to) && isPort(toPort) && toPort > 0
      if (!isTo || (typeof data !== "string" && !(data instanceof Uint8Array))) return undelivered(Reason.of("misused"))
      if (!isBound) return undelivered(Reason.of("closed"))
      if (sending >= config.sendingMax) return undelivered(Reason.of("write-overflow"))
      sending++
      socket.send(data, toPort, to, (error, n) => {
        sending--
        if (isOver) return
        if (error) undelivered(Reason.ofError(error))
        else port.say(Value.record("udp-sent", id, n))
      })
    }
  }
}

/** What came and nobody granted credit for. */
const waitingRoom = ({ waitingBytesMax, waitingMax }: Config) => {
  const waiting: Array<{ readonly message: Value.Value; readonly bytes: number }> = []
  let bytes = 0
  return {
    /** Says whether there was room. */
    put: (one: { readonly message: Value.Value; readonly bytes: number }): boolean => {
      if (waiting.length >= waitingMax || bytes + one.bytes > waitingBytesMax) return false
      waiting.push(one)
      bytes += one.bytes
      return true
    },
    take: () => {
      const next = waiting.shift() // of few
      if (next !== undefined) bytes -= next.bytes
      return next
    }
  }
}
