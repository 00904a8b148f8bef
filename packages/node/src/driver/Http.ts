/**
 * HTTP. A fact asks for a port; a client that waits for an answer is a fact, and goes with the client.
 *
 * | word | | means |
 * | --- | --- | --- |
 * | `<http-listen host port>` | fact, you | listen while this is held; port 0 is any |
 * | `<http-listening host port actual>` | fact | the port is open, as `actual` |
 * | `<http-failed demand reason>` | fact | a demand of yours cannot be met; it stands as long as that does |
 * | `<http-dropped host port n>` | fact | n connections in all were one too many: for `connectionsMax`, or for the system |
 * | `<http-route port method path>` | fact, you | I answer these (`HttpRoutes.ts` has what routes say); `port` is the actual one |
 * | `<http-route port method path stream>` | fact, you | the same, and I take the body by credit |
 * | `<http-request id port method path query headers body>` | fact | a client waits |
 * | `<http-response id status headers body>` | message, or fact until `http-ended`, you | the answer; the first one counts |
 * | `<http-credit id n>` | message, you | of a body that comes by credit: send me n more bytes |
 * | `<http-body id data>` | message | bytes of it, and then `eof`, which needs no credit |
 * | `<http-stream id>`, `<http-stream id headers>` | fact, you | the answer is server-sent events, as long as this is held |
 * | `<http-event id name data>`, `<http-event id name data event-id>` | message, you | one of them; the name may be empty |
 * | `<http-ended id reason>` | message | the request is gone; also the reason of its absence |
 * | `<http-files port prefix folder>` | fact, you | what is asked for below `prefix`, a sequence of strings, is read from the folder |
 *
 * A request's `path` is the sequence of its decoded segments, `query` is {string: [string …]}, `headers`
 * {string: string} in lower case, and `body` bytes, or `stream`. An answer's headers are
 * {string: string or [string …]}, its body a string or bytes. `id` is a string that nobody else has.
 *
 * Who answers: those who hold a route, then files, then those who observe an `<http-request …>` like
 * this one. When nobody does, the client hears so at once: 404, or 405 when there is a route of another
 * method. The reasons of `http-ended`: `answered`; `left`, the client went; `late`, no answer came in
 * `answerMs` (504); `unhandled`, its routes went (503); `closed`, the port closes (503); `slow`, the
 * client does not read; `<bad text>`, the answer is none (500). `Reason.ts` has those of `http-failed`.
 *
 * Files answer conditional requests, and requests for one range of bytes. A browser that comes back for
 * server-sent events says the last event's id in the header `last-event-id`.
 *
 * What strangers can cost is bounded by the configuration. `<http-files …>` shows a folder to the world
 * for whoever can assert it, which in a federated scope is every peer: say with `allowFiles` which, if any.
 */
import { Pattern, Value } from "@colloquy/core"
import { Effect, Layer, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import { realpathSync } from "node:fs"
import type { Space } from "../space/Space.ts"
import * as Demands from "./Demands.ts"
import { requestOf } from "./HttpAsked.ts"
import { folders } from "./HttpFolders.ts"
import * as Port from "./Port.ts"
import * as Reason from "./Reason.ts"
import * as Routes from "./HttpRoutes.ts"
import { type Limits, listen, type Shared } from "./HttpServer.ts"
import * as Tally from "./Tally.ts"

/** What the driver keeps to: what strangers may cost, and what may be shown to them. */
export interface Config extends Limits {
  /** At one time; a demand for more fails with `too-many`. */
  readonly portsMax: number
  /** Which folders may be shown. */
  readonly allowFiles: (folder: string) => boolean
}
/** What `layer` keeps to: no folder is shown. */
export const defaults: Config = {
  allowFiles: () => false,
  portsMax: 256, // a guess
  connectionsMax: 1_000, // at each port; a guess
  waitingMax: 1_000, // requests; a guess
  bodyMax: 1024 * 1024, // a quarter of what a fact may be
  bodiesMax: 64 * 1024 * 1024, // of all that wait; a guess
  headersMs: 15_000, // a guess
  requestMs: 300_000, // Node's own
  idleMs: 5_000, // Node's own
  answerMs: 30_000, // a guess: what proxies grant
  sendMs: 30_000, // without any progress; a guess
  eventsMax: 256 * 1024, // bytes that wait for a reader; a guess
  heartbeatMs: 15_000 // the HTML standard's advice
}

/** Answers for the dataspace. */
export const layerConfig = (config: Partial<Config>): Layer.Layer<never, never, Space> => Layer.effectDiscard(driver({ ...defaults, ...config }))
/** `layerConfig`, with the defaults. */
export const layer: Layer.Layer<never, never, Space> = Layer.suspend(() => layerConfig({}))

const word = (label: string, fields: number) => Pattern.record(label, ...Array.from({ length: fields }, () => Pattern.bind()))

const driver = ({ allowFiles: allow, portsMax, ...asked }: Config): Effect.Effect<void, never, Space | Scope.Scope> => Effect.gen(function*() {
  const allowFiles = Port.sure(allow)
  const limits = { ...asked, bodyMax: Math.min(asked.bodyMax, Port.dataBytesMax) }
  const port = yield* Port.make("http")
  const routes = Routes.routes()
  const observers = Routes.observers()
  const shown = folders()
  const exchanges: Shared["exchanges"] = new Map()
  const life = randomBytes(9).toString("base64url")
  let count = 0
  let ports = 0
  const shared: Shared = {
    limits, port, exchanges,
    budget: { used: 0 },
    count: { waiting: 0 },
    freshId: () => `${life}.${++count}`, // nobody else's, whoever else serves in this dataspace
    find: (at, { method, path }) => routes.find(at, method, path),
    isObserved: (id, at, asked) => observers.hasOne(requestOf(id, at, asked, "")),
    foldersOf: shown.of
  }
  const exchangeOf = (id: Value.Value | undefined) => typeof id === "string" ? exchanges.get(id)?.exchange : undefined
  const respond = (id?: Value.Value, ...answer: ReadonlyArray<Value.Value>) => exchangeOf(id)?.respond(answer)
  port.hear(word("http-response", 4), { added: respond, received: respond })
  port.hear(word("http-credit", 2), { received: (id, n) => exchangeOf(id)?.grant(n!) })
  for (const fields of [3, 4]) {
    port.hear(word("http-event", fields), { received: (id, name, data, event) => exchangeOf(id)?.event(name!, data!, event) })
  }
  for (const pattern of Routes.observations) port.hear(pattern, { added: observers.add, removed: observers.remove })

  const stream: Begin = ([id, headers = new Value.Dictionary([])]) => {
    const exchange = exchangeOf(id)
    exchange?.open(headers)
    return () => exchange?.end()
  }
  const route: Begin = (demand) => {
    const read = Routes.readRoute(demand)
    if (typeof read === "string") return failed("http-route", demand, read)
    routes.add(demand, ...read)
    return () => {
      routes.remove(demand, read[0])
      for (const { exchange, isRouted } of exchanges.values()) {
        if (isRouted && shared.find(exchange.of.port, exchange.of.asked)._tag !== "Route") exchange.unhandled()
      }
    }
  }
  const files: Begin = (demand) => {
    const [at, prefix, folder] = demand
    if (!Routes.isPort(at)) return failed("http-files", demand, "a port is a number from 1 to 65535")
    const isPath = Array.isArray(prefix) && prefix.every((segment) => typeof segment === "string")
    if (!isPath) return failed("http-files", demand, "a prefix is a sequence of strings")
    const isFolder = typeof folder === "string" && Port.isPlainPath(folder)
    if (!isFolder) return failed("http-files", demand, "a folder is an absolute path, without . and ..")
    if (!allowFiles(folder) || !allowFiles(leadsTo(folder))) return failed("http-files", demand, Reason.of("denied"))
    return shown.add(at, prefix, folder)
  }
  const listener: Begin = (demand) => {
    const [host, at] = demand
    if (typeof host !== "string" || host === "" || host.includes("\0")) return failed("http-listen", demand, "a host is a name or an address")
    if (at !== 0 && !Routes.isPort(at)) return failed("http-listen", demand, "a port is a number from 0 to 65535")
    if (ports >= portsMax) return failed("http-listen", demand, Reason.of("too-many"))
    ports++
    const outcome = port.hold()
    const drops = Tally.make(port, (n) => Value.record("http-dropped", host, at, n))
    const close = listen(host, at, shared, {
      onDropped: drops.count,
      onOpen: (actual) => outcome.become(Value.record("http-listening", host, at, actual)),
      onFailed: (error) => outcome.become(failure("http-listen", demand, Reason.ofError(error)))
    })
    return () => {
      ports--
      outcome.release()
      close()
      drops.stop()
    }
  }
  const failed = (label: string, demand: ReadonlyArray<Value.Value>, reason: Value.Value) => {
    const held = port.hold(failure(label, demand, typeof reason === "string" ? Reason.failure("misused", reason) : reason))
    return () => held.release()
  }
  for (const fields of [1, 2]) yield* Demands.serve(port, word("http-stream", fields), stream)
  for (const fields of [3, 4]) yield* Demands.serve(port, word("http-route", fields), route)
  yield* Demands.serve(port, word("http-files", 3), files)
  yield* Demands.serve(port, word("http-listen", 2), listener)
})
const failure = (label: string, demand: ReadonlyArray<Value.Value>, reason: Value.Value) =>
  Value.record("http-failed", Value.record(label, ...demand), reason)
/** Where links lead, when there is such a folder now. */
const leadsTo = (folder: string): string => {
  try {
    return realpathSync.native(folder)
  } catch {
    return folder
  }
}
type Begin = (demand: ReadonlyArray<Value.Value>) => () => void
