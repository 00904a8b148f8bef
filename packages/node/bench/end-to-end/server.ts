/** A node, as `colloquy serve` runs one, that tells the bench where it listens. With `echo`, a program in it answers pings. */
import { Pattern, Value } from "@colloquy/core"
import { Effect, Logger, Stream } from "effect"
import * as NodeLayers from "../../src/Node.ts"
import * as Space from "../../src/space/Space.ts"
import * as Transports from "../../src/transport/index.ts"
import { given, serve } from "./helper.ts"

const { echo = false, id, listen, uplinks = [] } = given()

const echoes = Effect.gen(function*() {
  const space = yield* Space.make("bench", "echo")
  yield* Effect.forkScoped(Stream.runForEach(space.observe(Pattern.record("ping-node", Pattern.bind())), ({ captures }) =>
    space.send(Value.record("pong-node", captures[0]!))))
})

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const addresses: Array<string> = []
  for (const address of listen) addresses.push(yield* NodeLayers.listenAt(address, false))
  for (const address of uplinks) yield* NodeLayers.uplink("bench", address)
  if (echo) yield* echoes
  serve({ addresses: () => addresses })
  yield* Effect.never
}).pipe(Effect.provide(NodeLayers.layerNoTransport({ id })), Effect.provide(Transports.layer), Effect.provide(Logger.layer([])))))
