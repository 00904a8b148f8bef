/** Nodes in this process, spoken to as drivers do: no program's API is in between. */
import { Process } from "@colloquy/core"
import { Context, Effect, Layer, References, type Scope } from "effect"
import * as net from "node:net"
import { Host } from "../../src/Host.ts"
import * as Node from "../../src/Node.ts"
import * as HostPlace from "../../src/space/HostPlace.ts"

export const scope = "bench"

/** Runs a body that makes nodes, which log nothing; they stop when it is over. */
export const withNodes = (body: (build: (layer: Layer.Layer<Host, unknown>) => Promise<Host["Service"]>) => Promise<void>): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const context = yield* Effect.context<Scope.Scope>()
    yield* Effect.promise(() => body((layer) =>
      Effect.runPromise(Effect.provideContext(Layer.build(layer), context)).then((built) => Context.get(built, Host))))
  })).pipe(Effect.provideService(References.MinimumLogLevel, "None")))

/** A process outside, in the scope of a node. */
export const enter = (host: Host["Service"], deliver: (events: ReadonlyArray<Process.Event>) => void, space = scope) => {
  const place = HostPlace.make(host, space)
  const pid = place.enter("bench", { deliver, exited: () => {} })
  return (...actions: ReadonlyArray<Process.Action>): void => place.perform(pid, actions)
}
export const node = (config: Node.Config, transports: "memory" | "sockets", network?: Parameters<typeof Node.layerMemory>[1]): Layer.Layer<Host, unknown> =>
  transports === "memory" ? Node.layerMemory(config, network) : Node.layer(config)

/** Resolves when something holds that others are at work for. */
export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 5) })
}
export const freePort = (): Promise<number> => new Promise((resolve) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as net.AddressInfo
    server.close(() => resolve(port))
  })
})
