/** Runs a driver in a process that may open few files, for a test: prints the diary, and who may connect where. */
import { Effect, Layer } from "effect"
import * as Http from "../../src/driver/Http.ts"
import * as Tcp from "../../src/driver/Tcp.ts"
import { print, program, record, space } from "./world.ts"

const tcp = { layer: Tcp.layerConfig({ unhandledMs: 100 }), demand: record("tcp-listen", record("tcp", "127.0.0.1", 0)) }
const http = { layer: Http.layerConfig({ headersMs: 100 }), demand: record("http-listen", "127.0.0.1", 0) }
const { demand, layer } = process.argv[2] === "http" ? http : tcp

await Effect.runPromise(Effect.gen(function*() {
  const me = yield* program
  me.onEntry = (entry) => process.stdout.write(`${print(entry)}\n`)
  const words = { "tcp-listening": 2, "tcp-connection": 3, "tcp-dropped": 2, "http-listening": 3, "http-dropped": 3 }
  for (const [label, fields] of Object.entries(words)) me.observe(label, fields)
  me.assert(demand)
  yield* Effect.never
}).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(layer, space))))
