/**
 * A node from Layers: `layer` runs one, `layerMemory` one without sockets, `layerConfig` one as it is
 * configured; `scope` joins a program to one of its scopes.
 *
 * Promises: nodes of one process share nothing but the process. Each has its own id, scopes and
 * links, and its lines in the log name it. A layer that fails or is interrupted while it is built has
 * closed whatever it had opened.
 */
import { Operator, Process, Value } from "@colloquy/core"
import { Effect, Layer, References, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import * as HostModule from "./Host.ts"
import * as NodeConfig from "./NodeConfig.ts"
import { Space } from "./space/Space.ts"
import * as Address from "./transport/Address.ts"
import { ListenError } from "./transport/Transport.ts"
import * as Transports from "./transport/index.ts"

const { Host } = HostModule

/** What a node is told. Nothing of it must be said; `NodeConfig` has the same for files and the environment. */
export interface Config extends Omit<HostModule.Config, "node"> {
  /** Names the node among its peers. Give one to a node that others should know again after a restart. */
  readonly id?: string
  /** Addresses to accept links at. Without `insecure` only this machine's own: links carry no authentication yet. */
  readonly listen?: ReadonlyArray<string>
  /** Addresses of uplinks, by the scope here. One that names no scope means the same one there. */
  readonly uplinks?: { readonly [scope: string]: ReadonlyArray<string> }
  /** Allows to listen where other machines can connect, though anybody who does can read and write. Left out: no. */
  readonly insecure?: boolean
}

/** An address that others can reach was to be listened at, and nobody said that this is meant. */
export class Insecure extends Schema.TaggedError<Insecure>()("Insecure", { address: Schema.String }) {
  override get message() {
    return `${this.address} can be reached from other machines, and links carry no authentication: anybody could read and write. `
      + "Listen on loopback, or say that you mean it: --insecure, or insecure in the configuration"
  }
}

/** A scope that no program may be in: it has no name, or is the node's own. */
export class BadScope extends Schema.TaggedError<BadScope>()("BadScope", { scope: Schema.String }) {
  override get message() {
    return `"${this.scope}" is not a scope's name: one is not empty, and does not start with @`
  }
}

/** A node id that nobody else has: for nodes whose identity nobody keeps. */
export const freshId = (prefix = hostname()): string => `${prefix}-${randomBytes(4).toString("hex")}`

/** A running node, with the transports that are provided. It accepts links once the layer is built. */
export const layerNoTransport = ({ insecure = false, listen = [], uplinks = {}, ...config }: Config) =>
  Layer.unwrap(Effect.gen(function*() {
    yield* Effect.fromResult(NodeConfig.check(config))
    const { id = freshId(), ...rest } = config // one for each node that is built of this layer
    return Layer.effectDiscard(Effect.gen(function*() {
      for (const text of listen) yield* listenAt(text, insecure)
      for (const [scope, texts] of Object.entries(uplinks)) {
        for (const text of texts) yield* uplink(yield* named(scope), text)
      }
    })).pipe(
      Layer.provideMerge(Host.layer({ ...rest, node: id })),
      Layer.provide(namedInLog(id))
    )
  }))

/** With several nodes in one process, a line in the log is to say whose it is. */
const namedInLog = (node: string) =>
  Layer.effect(References.CurrentLogAnnotations, Effect.map(References.CurrentLogAnnotations, (annotations) => ({ ...annotations, node })))

/** As `layerNoTransport`, over TCP, Unix sockets and WebSocket. */
export const layer = (config: Config = {}) => Layer.provide(layerNoTransport(config), Transports.layer)

/**
 * As `layerNoTransport`, over links in memory alone: addresses are `memory:NAME`, and nodes of this
 * process find each other by them. On a network of its own, when one is given.
 */
export const layerMemory = (config: Config = {}, network?: Transports.Network) =>
  Layer.provide(layerNoTransport(config), network === undefined ? Transports.Memory.layer : Transports.layerMemoryOf(network))

/**
 * As `layer`, as it is configured: by `COLLOQUY_…` in the environment and the file that `COLLOQUY_CONFIG`
 * names, as NodeConfig.ts lists it, or by any effect that yields a configuration, such as a `Config`.
 */
export function layerConfig(): ReturnType<typeof configured<NodeConfig.BadSetting, never>>
export function layerConfig<E, R>(config: Effect.Effect<Config, E, R>): ReturnType<typeof configured<E, R>>
export function layerConfig<E, R>(config?: Effect.Effect<Config, E, R>) {
  return configured<E | NodeConfig.BadSetting, R>(config ?? NodeConfig.load())
}
const configured = <E, R>(config: Effect.Effect<Config, E, R>) => Layer.unwrap(Effect.map(config, layer))

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
  const { address, cost, scope: remote = scope } = located
  const wanted = Value.record("uplink", scope, Address.print(address), remote, ...cost === undefined ? [] : [cost])
  yield* Effect.acquireRelease(
    Effect.sync(() => host.enter(null, pid, { deliver: () => {}, exited: () => {} }, [Process.assert("uplink", wanted)])),
    () => Effect.sync(() => host.tell({ _tag: "Tell", space: null, event: { _tag: "Leave", pid } }))
  )
})

/** A program's place in a scope of the node, and the uplinks that join the scope to others. */
export const scope = (name: string, { uplinks = [] }: { readonly uplinks?: ReadonlyArray<string> } = {}) =>
  Layer.unwrap(Effect.map(named(name), (it) =>
    Layer.merge(Space.layer(it), Layer.effectDiscard(Effect.forEach(uplinks, (address) => uplink(it, address), { discard: true })))))

const named = (scope: string): Effect.Effect<string, BadScope> =>
  scope === "" || Operator.isReserved(scope) ? Effect.fail(new BadScope({ scope })) : Effect.succeed(scope)
