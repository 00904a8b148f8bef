/**
 * Where a node listens, and where a scope of one is reached:
 *
 *     tcp://127.0.0.1:7600/lobby    unix:/run/colloquy.sock#lobby    ws://127.0.0.1:7601/lobby
 *
 * What follows the host is the scope, percent-decoded. Listeners name none; a dialer that names none
 * means `main`. Within one process there is also `memory:NAME/lobby` (Memory.ts). `?cost=20` at the end says
 * what a link there costs, in ms or in whatever its network counts; else its round trip is measured.
 */
import { Schema } from "effect"

/** Where a transport listens or connects; `_tag` is the scheme. */
export type Address =
  /** In memory, `host` is the name, and the port is 0: a name there has only one. */
  | { readonly _tag: "tcp" | "ws" | "memory"; readonly host: string; readonly port: number }
  /** `path` is the socket's file. */
  | { readonly _tag: "unix"; readonly path: string }

/** An address, with what else its text says. */
export interface Located {
  readonly address: Address
  /** `undefined` when it names none. */
  readonly scope: string | undefined
  /** A whole number from 1 to `costMax`, or `undefined`: then round trips are measured. */
  readonly cost: number | undefined
}
/** The greatest cost that an address may name. */
export const costMax = 1_000_000 // a guess: a quarter of an hour

/** What a dialer means that names no scope. */
export const defaultScope = "main"

/** A text that is no address. The message says what one looks like. */
export class BadAddress extends Schema.TaggedError<BadAddress>()("BadAddress", { text: Schema.String, why: Schema.String }) {
  override get message() {
    return `"${this.text}" is not an address: ${this.why}. Write tcp://HOST:PORT/SCOPE, ws://HOST:PORT/SCOPE or unix:/PATH#SCOPE`
  }
}

/**
 * Reads an address and the scope behind it.
 *
 * parse("tcp://127.0.0.1:7600/lobby").scope   // => "lobby"
 */
export const parse = (text: string): Located | BadAddress => {
  const [, place = text, said] = /^(.*)\?cost=([^?]*)$/s.exec(text) ?? []
  const cost = said === undefined ? undefined : Number(said)
  if (cost !== undefined && !(/^\d+$/.test(said!) && cost >= 1 && cost <= costMax)) return new BadAddress({ text, why: `a cost is a whole number from 1 to ${costMax}` })
  const found = parsePlace(place, (why) => new BadAddress({ text, why }))
  return found instanceof BadAddress ? found : { ...found, cost }
}

type Place = Omit<Located, "cost">
const parsePlace = (text: string, wrong: (why: string) => BadAddress): Place | BadAddress => {
  if (text.startsWith("unix:")) {
    const [path, scope] = split(text.slice(5), "#")
    if (!path.startsWith("/")) return wrong("a unix socket has an absolute path")
    if (new TextEncoder().encode(path).length > 107) return wrong("the path of a unix socket has at most 107 bytes") // sun_path of Linux, less its NUL
    return located({ _tag: "unix", path }, scope, wrong)
  }
  if (text.startsWith("memory:")) {
    const [host, scope] = split(text.slice(7), "/")
    if (!/^[^\s?#]+$/.test(host)) return wrong("in memory, a name is needed, as in memory:NAME/SCOPE")
    return located({ _tag: "memory", host, port: 0 }, scope, wrong)
  }
  const match = /^(tcp|ws):\/\/(\[[0-9a-fA-F:.%]+\]|[^/:[\]\s]+):(\d{1,5})(?:\/(.*))?$/.exec(text)
  if (match === null) return wrong(/^\w+:/.test(text) && !/^(tcp|ws):/.test(text) ? "its scheme is not tcp, ws or unix" : "a host and a port are needed")
  const port = Number(match[3])
  if (port > 65535) return wrong("ports end at 65535")
  return located({ _tag: match[1] as "tcp" | "ws", host: match[2]!.replace(/^\[|\]$/g, ""), port }, match[4], wrong)
}

const located = (address: Address, scope: string | undefined, wrong: (why: string) => BadAddress): Place | BadAddress => {
  try {
    return { address, scope: scope === undefined || scope === "" ? undefined : decodeURIComponent(scope) }
  } catch {
    return wrong("its scope is not percent-encoded properly")
  }
}

const split = (text: string, at: string): readonly [string, string | undefined] => {
  const i = text.indexOf(at)
  return i < 0 ? [text, undefined] : [text.slice(0, i), text.slice(i + 1)]
}

/**
 * The address as text, with the scope when there is one.
 *
 * print({ _tag: "tcp", host: "::1", port: 7600 }, "lobby")   // => "tcp://[::1]:7600/lobby"
 */
export const print = (address: Address, scope?: string): string => {
  const tail = scope === undefined ? "" : encodeURIComponent(scope)
  if (address._tag === "unix") return `unix:${address.path}${tail && `#${tail}`}`
  if (address._tag === "memory") return `memory:${address.host}${tail && `/${tail}`}`
  const host = address.host.includes(":") ? `[${address.host}]` : address.host
  return `${address._tag}://${host}:${address.port}${tail && `/${tail}`}`
}

/** Whether only this machine can reach the address. A name is looked up later, so of names only `localhost` counts. */
export const isLoopback = (address: Address): boolean =>
  address._tag === "unix" || address._tag === "memory" ||
  address.host === "localhost" || address.host === "::1" || /^127(\.\d{1,3}){3}$/.test(address.host)
