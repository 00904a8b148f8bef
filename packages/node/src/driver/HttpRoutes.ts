/**
 * Who handles which requests: those who hold a route, and those who observe requests.
 *
 * A route's path is a sequence: a string stands for itself, `_` for any one segment, and `...`, which
 * comes last, for any number of them. Of its method, `GET` takes `HEAD` too, and `_` takes all.
 */
import { Canonical, Pattern, Value } from "@colloquy/core"

export interface Route {
  readonly method: string | undefined
  /** `undefined` takes any segment. */
  readonly path: ReadonlyArray<string | undefined>
  /** Whether more segments may follow. */
  readonly isOpen: boolean
  readonly isStreamed: boolean
}
/** Who would take a request. */
export type Found =
  | { readonly _tag: "Route"; readonly isStreamed: boolean }
  /** There are handlers, of other methods. */
  | { readonly _tag: "OtherMethods"; readonly methods: ReadonlyArray<string> }
  | { readonly _tag: "Nobody" }

const any = Value.symbol("_")
const more = Value.symbol("...")

/** The port and route of `<http-route port method path [stream]>`, or what is wrong with it. */
export const readRoute = ([port, method, path, body]: ReadonlyArray<Value.Value>): readonly [port: number, route: Route] | string => {
  if (!isPort(port)) return "a port is a number from 1 to 65535"
  if (method !== any && (typeof method !== "string" || !/^[A-Z-]+$/.test(method))) return "a method is a string of capitals, or _"
  if (body !== undefined && body !== Value.symbol("stream")) return "a body can be asked for as stream"
  if (!Array.isArray(path)) return "a path is a sequence of strings"
  const isOpen = path.at(-1) === more
  const segments: ReadonlyArray<Value.Value> = isOpen ? path.slice(0, -1) : path
  if (!segments.every((segment) => segment === any || typeof segment === "string")) return "a path's segments are strings, _, or a last ..."
  const known = segments.map((segment) => typeof segment === "string" ? segment : undefined)
  return [port, { method: typeof method === "string" ? method : undefined, path: known, isOpen, isStreamed: body !== undefined }]
}
export const isPort = (port: unknown): port is number => typeof port === "number" && Number.isInteger(port) && port > 0 && port < 65536

const takesPath = ({ isOpen, path }: Route, segments: ReadonlyArray<string>): boolean =>
  (isOpen ? segments.length >= path.length : segments.length === path.length) &&
  path.every((segment, i) => segment === undefined || segment === segments[i])
const takesMethod = ({ method }: Route, asked: string): boolean => method === undefined || method === asked || (method === "GET" && asked === "HEAD")

/** The routes of all ports, by what they were asserted as. */
export const routes = () => {
  const ports = new Map<number, Map<string, Route>>()
  const keyOf = (captures: ReadonlyArray<Value.Value>): string => Canonical.key(captures)
  return {
    add: (captures: ReadonlyArray<Value.Value>, port: number, route: Route): void => {
      const there = ports.get(port) ?? new Map<string, Route>()
      ports.set(port, there.set(keyOf(captures), route))
    },
    remove: (captures: ReadonlyArray<Value.Value>, port: number): void => {
      const there = ports.get(port)
      if (there?.delete(keyOf(captures)) && there.size === 0) ports.delete(port)
    },
    find: (port: number, method: string, segments: ReadonlyArray<string>): Found => {
      const here = [...ports.get(port)?.values() ?? []].filter((route) => takesPath(route, segments))
      if (here.length === 0) return { _tag: "Nobody" }
      const taking = here.filter((route) => takesMethod(route, method))
      // who can do without the whole body says so; who cannot gets it
      if (taking.length > 0) return { _tag: "Route", isStreamed: taking.every(({ isStreamed }) => isStreamed) }
      return { _tag: "OtherMethods", methods: [...new Set(here.map((route) => route.method!))].sort() }
    }
  }
}

const request = Pattern.record("rec", Pattern.literal(Value.symbol("http-request")), Pattern.bind())
/** What an observation of requests looks like; a nested dataspace's stands in a bind. */
export const observations: ReadonlyArray<Pattern.Pattern> = [request, Pattern.record("bind", request)]
  .map((pattern) => Pattern.record("Observe", pattern))

const bodyAt = 6

/** Those who observe requests, by the patterns of a request's fields. */
export const observers = () => {
  const patterns = new Map<string, { readonly pattern: Pattern.Pattern; count: number }>()
  return {
    add: (fields?: Value.Value): void => {
      if (!Array.isArray(fields) || fields.length !== bodyAt + 1) return
      const key = Canonical.key(fields)
      const known = patterns.get(key)
      if (known !== undefined) return void known.count++
      // a request is judged before its body has come
      const pattern = Pattern.fromValue(Value.record("rec", Value.symbol("http-request"), fields.with(bodyAt, Value.record("_"))))
      if (pattern !== undefined) patterns.set(key, { pattern, count: 1 })
    },
    remove: (fields?: Value.Value): void => {
      if (!Array.isArray(fields)) return
      const key = Canonical.key(fields)
      const known = patterns.get(key)
      if (known !== undefined && --known.count === 0) patterns.delete(key)
    },
    hasOne: (request: Value.Value): boolean => [...patterns.values()].some(({ pattern }) => Pattern.matches(pattern, request))
  }
}
