/** All transports, and which of them an address needs. */
import { Effect, Layer, Option } from "effect"
import type { Address } from "./Address.ts"
import { Memory } from "./Memory.ts"
import { Tcp } from "./Tcp.ts"
import type { Transport } from "./Transport.ts"
import { Unix } from "./Unix.ts"
import { WebSocket } from "./WebSocket.ts"

export { layerOf as layerMemoryOf, Memory, type Network, network } from "./Memory.ts"
export { Tcp } from "./Tcp.ts"
export { Unix } from "./Unix.ts"
export { WebSocket } from "./WebSocket.ts"

/** Those that reach other processes. */
export const layer = Layer.mergeAll(Tcp.layer, Unix.layer, WebSocket.layer)

/** The transports that are provided, by the scheme of their addresses. */
export const provided: Effect.Effect<(address: Address) => Transport | undefined> = Effect.gen(function*() {
  const found = {
    memory: Option.getOrUndefined(yield* Effect.serviceOption(Memory)),
    tcp: Option.getOrUndefined(yield* Effect.serviceOption(Tcp)),
    unix: Option.getOrUndefined(yield* Effect.serviceOption(Unix)),
    ws: Option.getOrUndefined(yield* Effect.serviceOption(WebSocket))
  }
  return (address: Address) => found[address._tag]
})
