/** A node from Layers: `layer` runs one, `scope` joins a program to one of its scopes. */
import { Process, Value } from "@colloquy/core"
import { Effect, Layer, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import * as HostModule from "./Host.ts"
import { Space } from "./space/Space.ts"
import * as Address from "./transport/Address.ts"
import { ListenError } from "./transport/Transport.ts"
import * as Transports from "./transport/index.ts"

const { Host } = HostModule

export interface Config extends Omit<HostModule.Config, "node"> {
  /** Names the node among its peers. Give one to a node that others should know again after a restart. */
  readonly id?: string
  /** Addresses to accept links at. Without `insecure` only this machine's own: links carry no authentication yet. */
  readonly listen?: ReadonlyArray<string>
  readonly insecure?: boolean
}

/** An address that others can reach was to be listened at, and nobody said that this is meant. */
export class Insecure extends Schema.TaggedError<Insecure>()("Insecure", { address: Schema.String }) {
  override get message() {
    return `${this.address} can be reached from other machines, and links carry no authentication: anybody could read and write. Listen on loopback, or say that you mean it with --insecure`
  }
}

/** A node id that nobody else has: for nodes whose identity nobody keeps. */
export const freshId = (prefix = hostname()): string => `${prefix}-${randomBytes(4).toString("hex")}`

/** A running node, with the transports that are provided. It accepts links once the layer is built. */
export const layerNoTransport = ({ id = freshId(), insecure = false, listen = [], ...config }: Config) =>
  Layer.effectDiscard(Effect.forEach(listen, (text) => listenAt(text, insecure), { discard: true })).pipe(
    Layer.provideMerge(Host.layer({ ...config, node: id }))
  )

/** As `layerNoTransport`, over TCP, Unix sockets and WebSocket. */
export const layer = (config: Config = {}) => Layer.provide(layerNoTransport(config), Transports.layer)

/** Accepts links at an address until the scope closes; `<listener address>` in the management dataspace says so. */
export const listenAt = Effect.fnUntraced(function*(text: string, insecure: boolean) {
  const host = yield* HostModule.Host
  const located = Address.parse(text)
  if (located instanceof Address.BadAddress) return yield* located
  const { address } = located
  if (!insecure && !Address.isLoopback(address)) return yield* new Insecure({ address: text })
  const transport = (yield* Transports.provided)(address)
  if (transport === undefined) return yield* new ListenError({ address: text, reason: "no transport for it is provided" })
  const listener = yield* transport.listen(address, host.accept)
  const bound = Address.print(listener.address)
  const pid = host.freshPid("listener")
  yield* Effect.acquireRelease(
    Effect.sync(() => host.enter(null, pid, { deliver: () => {}, exited: () => {} }, [Process.assert("listener", Value.record("listener", bound))])),
    () => Effect.sync(() => host.tell({ _tag: "Tell", space: null, event: { _tag: "Leave", pid } }))
  )
  return bound
})

/** Keeps uplinks of a scope to these addresses while the scope of the effect is open. An address that names no scope means the same one. */
export const uplink = Effect.fnUntraced(function*(scope: string, text: string) {
  const host = yield* HostModule.Host
  const located = Address.parse(text)
  if (located instanceof Address.BadAddress) return yield* located
  const pid = host.freshPid("uplink")
  const wanted = Value.record("uplink", scope, Address.print(located.address), located.scope ?? scope)
  yield* Effect.acquireRelease(
    Effect.sync(() => host.enter(null, pid, { deliver: () => {}, exited: () => {} }, [Process.assert("uplink", wanted)])),
    () => Effect.sync(() => host.tell({ _tag: "Tell", space: null, event: { _tag: "Leave", pid } }))
  )
})

/** A program's place in a scope of the node, and the uplinks that join the scope to others. */
export const scope = (name: string, { uplinks = [] }: { readonly uplinks?: ReadonlyArray<string> } = {}) =>
  Layer.merge(Space.layer(name), Layer.effectDiscard(Effect.forEach(uplinks, (address) => uplink(name, address), { discard: true })))
