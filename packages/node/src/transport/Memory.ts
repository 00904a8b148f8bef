/**
 * Links within one process: `memory:NAME`, on a network that is a map of names. For tests, and for
 * several nodes in one program; no socket is opened.
 *
 * Promises what the others do: a stream of bytes, in order; nothing is delivered within the call that
 * wrote it, and everything in the next round of the event loop, so that timers and sockets get their
 * turns between two nodes that never fall silent; a close comes after what was written before it, and
 * an abort waits for nobody. `onTaken` says more than a socket's: the other side has dealt with the bytes.
 *
 * `Memory.layer` is on the process's own network, where a name is taken once, as a port of a machine.
 * `layerOf(network())` is on one of its own: names there are unknown elsewhere.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { type Address, print } from "./Address.ts"
import { type Connection, DialError, lingerMs, ListenError, type Listener, reasonOf, type Transport } from "./Transport.ts"

type Handlers = Parameters<Connection["start"]>[0]
type Accept = (connection: Connection) => void

/** Who listens, by name. */
export interface Network {
  readonly names: Map<string, Accept>
}
/** One without listeners. Nodes that are given the same one find each other. */
export const network = (): Network => ({ names: new Map() })

/** What one end sends the other. */
type Sent =
  | { readonly _tag: "Chunk"; readonly bytes: Uint8Array; readonly onTaken: () => void }
  | { readonly _tag: "Fin" }
  | { readonly _tag: "Reset" }

/** One end of a connection. What comes waits in `inbox` until somebody reads. */
class End {
  peer: End | undefined
  connection: Connection
  #inbox: Array<Sent> = []
  #handlers: Handlers | undefined
  #closing = false
  #over = false
  #lost: string | undefined
  #linger: NodeJS.Timeout | undefined

  constructor(remote: string) {
    this.connection = {
      stream: true,
      remote,
      start: (handlers) => this.#start(handlers),
      // the bytes stay the writer's; a socket copies them as well
      write: (bytes, onTaken) => { if (!this.#closing) this.#send({ _tag: "Chunk", bytes: new Uint8Array(bytes), onTaken }) },
      cork: () => {},
      uncork: () => {},
      close: () => this.#close(),
      abort: () => this.#abort()
    }
  }

  /** The event loop runs immediates in the order in which they were asked for: this is all the order there is. */
  #send(sent: Sent): void {
    setImmediate(() => this.peer?.receive(sent))
  }
  receive(sent: Sent): void {
    if (this.#over) return
    if (sent._tag === "Reset") return this.#end("the connection was reset")
    this.#inbox.push(sent)
    this.#drain()
  }
  #start(handlers: Handlers): void {
    if (this.#over) return handlers.onLost(this.#lost ?? "the connection is closed")
    this.#handlers = handlers
    setImmediate(() => this.#drain())
  }
  #drain(): void {
    const handlers = this.#handlers
    if (handlers === undefined) return
    // a handler may abort, which empties the inbox
    for (let sent = this.#inbox.shift(); sent !== undefined; sent = this.#inbox.shift()) {
      if (sent._tag !== "Chunk") {
        this.#send({ _tag: "Fin" }) // behind what we wrote: the other side has all of it before it ends
        this.#end("the peer closed the connection")
        return
      }
      handlers.onChunk(sent.bytes)
      sent.onTaken()
    }
  }
  #close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#lost = "closed here"
    this.#send({ _tag: "Fin" })
    this.#linger = setTimeout(() => this.#abort(), lingerMs)
  }
  #abort(): void {
    if (this.#over) return
    this.#send({ _tag: "Reset" })
    this.#lost = "closed here"
    this.#end(this.#lost)
  }
  #end(reason: string): void {
    this.#over = true
    this.#closing = true
    this.#lost ??= reason
    this.#inbox = []
    clearTimeout(this.#linger)
    const lost = this.#lost
    setImmediate(() => this.#handlers?.onLost(lost))
  }
}

/** A connection, from both sides. */
const pair = (address: Address): readonly [near: Connection, far: Connection] => {
  const [near, far] = [new End(print(address)), new End(print(address))]
  near.peer = far
  far.peer = near
  return [near.connection, far.connection]
}

const nameOf = (address: Address): string => {
  if (address._tag !== "memory") throw new TypeError("a memory transport takes memory addresses")
  return address.host
}
const because = (code: string): string => reasonOf(Object.assign(new Error(), { code }))

const dial = ({ names }: Network, address: Address): Effect.Effect<Connection, DialError> =>
  Effect.callback((resume) => {
    const soon = setImmediate(() => {
      const accept = names.get(nameOf(address))
      if (accept === undefined) return resume(Effect.fail(new DialError({ address: print(address), reason: because("ECONNREFUSED") })))
      const [near, far] = pair(address)
      accept(far)
      resume(Effect.succeed(near))
    })
    return Effect.sync(() => clearImmediate(soon))
  })

const listen = ({ names }: Network, address: Address, accept: Accept): Effect.Effect<Listener, ListenError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const name = nameOf(address)
      if (names.has(name)) return Effect.fail(new ListenError({ address: print(address), reason: because("EADDRINUSE") }))
      names.set(name, accept)
      return Effect.succeed<Listener>({ address })
    }),
    () => Effect.sync(() => void names.delete(nameOf(address)))
  )

const over = (on: Network): Transport => ({
  listen: (address, accept) => listen(on, address, accept),
  dial: (address) => dial(on, address)
})

/** Links within this process, for nodes whose addresses are `memory:NAME`. */
export class Memory extends Context.Service<Memory, Transport>()("@colloquy/node/transport/Memory") {
  static readonly layer = Layer.succeed(Memory, over(network()))
}

/** On this network alone. */
export const layerOf = (on: Network): Layer.Layer<Memory> => Layer.succeed(Memory, over(on))
