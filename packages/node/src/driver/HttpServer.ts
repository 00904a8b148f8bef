/** A port, and who gets the requests that come in at it: whoever holds a route, files, whoever observes requests, or nobody. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { type Asked, hasBody, readAsked, refuse } from "./HttpAsked.ts"
import { type Budget, isTooLarge, readWhole } from "./HttpBody.ts"
import { Exchange, type Limits as ExchangeLimits } from "./HttpExchange.ts"
import * as Files from "./HttpFiles.ts"
import type { Found } from "./HttpRoutes.ts"
import * as Listening from "./Listening.ts"
import type { Port } from "./Port.ts"

/** What strangers may cost at the ports of one driver, beside `HttpExchange.Limits`. */
export interface Limits extends ExchangeLimits {
  /** At each port; more are dropped, and counted in `<http-dropped …>`. */
  readonly connectionsMax: number
  /** Requests that wait for an answer, at all ports together; more are answered 503. */
  readonly waitingMax: number
  /** Bytes of one body that comes whole; more are answered 413. */
  readonly bodyMax: number
  /** Bytes of all bodies that wait; more are answered 503. */
  readonly bodiesMax: number
  /** How long a client may take to send the headers. */
  readonly headersMs: number
  /** How long a client may take to send all of a request. */
  readonly requestMs: number
  /** How long a connection may be silent between two requests. */
  readonly idleMs: number
}
/** What the ports of a driver share. */
export interface Shared {
  readonly limits: Limits
  readonly port: Port
  readonly budget: Budget
  readonly exchanges: Map<string, { readonly exchange: Exchange; readonly isRouted: boolean }>
  /** How many requests wait, or are being read. */
  readonly count: { waiting: number }
  readonly freshId: () => string
  readonly find: (port: number, asked: Asked) => Found
  readonly isObserved: (id: string, port: number, asked: Asked) => boolean
  /** Folders with files for a path, and the segments below; the closest first. */
  readonly foldersOf: (port: number, path: ReadonlyArray<string>) => ReadonlyArray<readonly [folder: string, below: ReadonlyArray<string>]>
}
export interface News {
  readonly onOpen: (port: number) => void
  readonly onDropped: () => void
  readonly onFailed: (error: NodeJS.ErrnoException) => void
}

/** Listens, until the function returned is called: then what waits is refused, and the connections close. */
export const listen = (host: string, asked: number, shared: Shared, { onDropped, onFailed, onOpen }: News): () => void => {
  const { limits } = shared
  const here = new Set<Exchange>()
  let port = asked
  let isClosed = false
  const server = createServer({
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: 1_000
  })
  Listening.bound(server, limits.connectionsMax, onDropped)

  /** Reads the body and says that a client waits. */
  const admit = (of: Admitted): void => {
    const { id, isRouted, isStreamed, request, response } = of
    const present = (body: Uint8Array | undefined): void => {
      if (isClosed) return refuse(request, response, 503, "this server stops")
      const exchange = new Exchange({ ...of, port }, body, shared.port, limits, () => {
        here.delete(exchange)
        shared.exchanges.delete(id)
      })
      here.add(exchange)
      shared.exchanges.set(id, { exchange, isRouted })
      exchange.announce()
    }
    if (shared.count.waiting >= limits.waitingMax) return refuse(request, response, 503, "too many requests wait", { "retry-after": "1" })
    if (!isStreamed && isTooLarge(request, limits)) return refuse(request, response, 413, `more than ${limits.bodyMax} bytes`)
    shared.count.waiting++
    response.once("close", () => shared.count.waiting--)
    if (of.expects) response.writeContinue()
    if (isStreamed) return present(undefined)
    if (!hasBody(request)) return present(new Uint8Array())
    const giveBack = readWhole(request, shared.budget, limits, (body) => {
      if (body._tag === "Whole") present(body.bytes)
      else if (body._tag === "TooLarge") refuse(request, response, 413, `more than ${limits.bodyMax} bytes`)
      else refuse(request, response, 503, "too many bodies wait", { "retry-after": "1" })
    })
    response.once("close", giveBack)
  }

  const onRequest = async (request: IncomingMessage, response: ServerResponse, expects: boolean): Promise<void> => {
    response.on("error", () => {}) // the client has gone: its close is told
    request.on("error", () => {})
    const asked = readAsked(request)
    if (asked === undefined) return refuse(request, response, 400, "this is no path")
    const of = { id: shared.freshId(), asked, request, response, expects }
    const found = shared.find(port, asked)
    if (found._tag === "Route") return admit({ ...of, isRouted: true, isStreamed: found.isStreamed })
    if (request.method === "GET" || request.method === "HEAD") {
      for (const [folder, below] of shared.foldersOf(port, asked.path)) {
        if (await Files.serve(folder, below, request, response, limits.sendMs)) return
      }
      if (response.closed) return
    }
    if (shared.isObserved(of.id, port, asked)) return admit({ ...of, isRouted: false, isStreamed: false })
    if (found._tag === "OtherMethods") return refuse(request, response, 405, `not by ${asked.method}`, { allow: found.methods.join(", ") })
    refuse(request, response, 404, "nobody answers this")
  }
  const answer = (expects: boolean) => (request: IncomingMessage, response: ServerResponse): void => {
    onRequest(request, response, expects).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else refuse(request, response, Files.isShort(error as NodeJS.ErrnoException) ? 503 : 500, "this did not work", { "retry-after": "1" })
    })
  }
  server.on("request", answer(false)).on("checkContinue", answer(true))
  server.once("error", onFailed)
  server.listen({ host, port: asked }, () => {
    if (isClosed) return
    server.off("error", onFailed).on("error", onDropped)
    port = (server.address() as AddressInfo).port
    onOpen(port)
  })
  return () => {
    isClosed = true
    server.close()
    for (const exchange of here) exchange.close()
    server.closeIdleConnections()
    // answers that are on their way may arrive
    const force = setTimeout(() => server.closeAllConnections(), lingerMs)
    server.once("close", () => clearTimeout(force))
  }
}
const lingerMs = 1_000 // a guess

interface Admitted {
  readonly id: string
  readonly asked: Asked
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Whether the client waits for a word before it sends the body. */
  readonly expects: boolean
  readonly isRouted: boolean
  readonly isStreamed: boolean
}
