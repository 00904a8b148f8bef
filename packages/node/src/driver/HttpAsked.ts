/** What a request asks for, as values; and what an answer says, from values. */
import { Value } from "@colloquy/core"
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http"

export interface Asked {
  readonly method: string
  /** Decoded segments: `/` has none, and `/a/` has `a` and an empty one. */
  readonly path: ReadonlyArray<string>
  readonly query: Value.Dictionary
  readonly headers: Value.Dictionary
}

/** `undefined` when it asks for nothing that we understand. */
export const readAsked = ({ headers, method = "", url = "" }: IncomingMessage): Asked | undefined => {
  const at = url.indexOf("?")
  const path = segmentsOf(at < 0 ? url : url.slice(0, at))
  if (path === undefined) return undefined
  return {
    method,
    path,
    query: queryOf(at < 0 ? "" : url.slice(at + 1)),
    headers: new Value.Dictionary(Object.entries(headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]))
  }
}
const segmentsOf = (path: string): ReadonlyArray<string> | undefined => {
  if (!path.startsWith("/")) return undefined
  try {
    return path === "/" ? [] : path.slice(1).split("/").map(decodeURIComponent)
  } catch {
    return undefined // what is encoded is no UTF-8
  }
}
const queryOf = (text: string): Value.Dictionary => {
  const values = new Map<string, Array<string>>()
  for (const [name, value] of new URLSearchParams(text)) {
    const known = values.get(name)
    if (known === undefined) values.set(name, [value])
    else known.push(value)
  }
  return new Value.Dictionary([...values])
}

export const requestOf = (id: string, port: number, { headers, method, path, query }: Asked, body: Value.Value): Value.Value =>
  Value.record("http-request", id, port, method, path, query, headers, body)

/** Whether a body comes, or may still be coming. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] !== undefined && headers["content-length"] !== "0")

export interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Uint8Array
}

/** What is wrong with headers, or what they say. The driver frames messages itself. */
export const readHeaders = (headers: Value.Value): OutgoingHttpHeaders | string => {
  if (!(headers instanceof Value.Dictionary)) return "headers are a dictionary"
  const read: OutgoingHttpHeaders = Object.create(null)
  for (const [key, value] of headers.entries) {
    const name = typeof key === "symbol" ? Symbol.keyFor(key) : key
    if (typeof name !== "string" || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return "a header's name is a token"
    const values: ReadonlyArray<Value.Value> = Array.isArray(value) ? value : [value]
    // anything else would end the header, and begin another one
    if (!values.every(isLine)) return `the header ${name} is a line of text, or a sequence of them`
    if (!framing.has(name.toLowerCase())) read[name.toLowerCase()] = Array.isArray(value) ? value as Array<string> : value as string
  }
  return read
}
const isLine = (value: Value.Value): boolean => typeof value === "string" && /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
const framing = new Set(["connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "trailer"])

/** The answer, or what is wrong with it. */
export const readAnswer = ([status, headers, body]: ReadonlyArray<Value.Value>): Answer | string => {
  if (typeof status !== "number" || !Number.isInteger(status) || status < 200 || status > 599) return "a status is a number from 200 to 599"
  const read = readHeaders(headers!)
  if (typeof read === "string") return read
  if (typeof body !== "string" && !(body instanceof Uint8Array)) return "a body is a string or bytes"
  const type = typeof body === "string" ? "text/plain; charset=utf-8" : "application/octet-stream"
  return { status, headers: body.length === 0 ? read : { "content-type": type, ...read }, body: typeof body === "string" ? Buffer.from(body) : body }
}

const lingerMs = 1_000 // a guess: as long as most clients need to notice that there is an answer
const isBare = (status: number): boolean => status === 204 || status === 304

/**
 * Sends an answer. What the client still sends is read for a moment and thrown away: cut off at once,
 * it might not see the answer.
 */
export const send = (request: IncomingMessage, response: ServerResponse, { body, headers, status }: Answer): void => {
  const framed = isBare(status) ? headers : { ...headers, "content-length": body.length }
  if (request.complete || !hasBody(request)) {
    response.writeHead(status, framed)
    return void response.end(body)
  }
  response.writeHead(status, { ...framed, connection: "close" })
  if (body.length > 0) response.write(body)
  else response.flushHeaders()
  const end = () => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, lingerMs)
  request.once("end", end).once("close", end).resume()
}

/** Refuses a request in words. */
export const refuse = (request: IncomingMessage, response: ServerResponse, status: number, text: string, headers: OutgoingHttpHeaders = {}): void =>
  send(request, response, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers }, body: Buffer.from(`${text}\n`) })
