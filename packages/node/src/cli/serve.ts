/** `colloquy serve`: runs a node until a signal. */
import { Effect, Logger, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { readFileSync } from "node:fs"
import * as NodeLayers from "../Node.ts"
import * as Recorder from "../Recorder.ts"
import * as Transports from "../transport/index.ts"
import { Failure, json } from "./client.ts"
import { line } from "./output.ts"

/** What `--config FILE` may say, in JSON. */
export const ConfigFile = Schema.Struct({
  id: Schema.optionalKey(Schema.NonEmptyString),
  listen: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Addresses of uplinks, by the scope here. */
  uplinks: Schema.optionalKey(Schema.Record(Schema.String, Schema.Array(Schema.String))),
  insecure: Schema.optionalKey(Schema.Boolean)
})
type ConfigFile = typeof ConfigFile.Type

/** A node without any configuration: on this machine only. */
export const defaultListen = ["tcp://127.0.0.1:7600", "ws://127.0.0.1:7601"]

const decodeConfig = Schema.decodeUnknownEffect(Schema.fromJsonString(ConfigFile))

const readConfig = (file: string): Effect.Effect<ConfigFile, Failure> =>
  Effect.try({ try: () => readFileSync(file, "utf8"), catch: (cause) => new Failure({ message: `cannot read ${file}: ${(cause as Error).message}` }) }).pipe(
    Effect.flatMap((text) => decodeConfig(text, { onExcessProperty: "error" }).pipe(
      Effect.mapError((error) => new Failure({ message: `${file} is not a configuration: ${error.message.replace(/\s+/g, " ")}` }))
    ))
  )

export const serve = Command.make("serve", {
  listen: Flag.String("listen").pipe(Flag.withDescription(`where to accept links (default: ${defaultListen.join(" and ")})`), Flag.atLeast(0)),
  uplink: Flag.String("uplink").pipe(Flag.withDescription("LOCALSCOPE=URL: join a scope of ours to one elsewhere"), Flag.atLeast(0)),
  id: Flag.optional(Flag.String("id").pipe(Flag.withDescription("the node's name among its peers; keep it between restarts"))),
  config: Flag.optional(Flag.String("config").pipe(Flag.withDescription("a JSON file: {\"id\", \"listen\": [], \"uplinks\": {\"scope\": []}}; flags win"))),
  insecure: Flag.Boolean("insecure").pipe(Flag.withDescription("listen at addresses that other machines reach, although links carry no authentication"), Flag.withDefault(false)),
  record: Flag.optional(Flag.String("record").pipe(
    Flag.withDescription("write every step to this new file, for colloquy replay; it holds all that the node is told")
  )),
  json
}, (flags) => Effect.gen(function*() {
  const file = Option.isSome(flags.config) ? yield* readConfig(flags.config.value) : {}
  const asked = flags.listen.length > 0 ? flags.listen : file.listen
  const uplinks = [...yield* Effect.forEach(flags.uplink, uplinkOf), ...Object.entries(file.uplinks ?? {}).flatMap(([scope, urls]) => urls.map((url) => ({ scope, url })))]
  const id = Option.getOrUndefined(flags.id) ?? file.id ?? NodeLayers.freshId()
  const insecure = flags.insecure || file.insecure === true
  const record = Option.isSome(flags.record) ? yield* recorder(flags.record.value) : undefined
  const say = (event: string, text: string, fields: object) => line(flags.json ? JSON.stringify({ event, ...fields }) : text)
  yield* Effect.gen(function*() {
    for (const address of asked ?? defaultListen) {
      const bound = yield* NodeLayers.listenAt(address, insecure)
      yield* say("listening", `listening on ${bound}`, { address: bound })
    }
    for (const { scope, url } of uplinks) yield* NodeLayers.uplink(scope, url)
    yield* say("ready", `node ${id} is ready`, { node: id })
    yield* Effect.never
  }).pipe(
    Effect.catchTag(["BadAddress", "Insecure", "ListenError"], (error) => Effect.fail(new Failure({ message: error.message }))),
    Effect.scoped,
    Effect.provide(NodeLayers.layerNoTransport(record === undefined ? { id } : { id, record })),
    Effect.provide(Transports.layer),
    Effect.provide(Logger.layer([flags.json ? Logger.withConsoleError(Logger.formatJson) : Logger.withConsoleError(Logger.formatLogFmt)]))
  )
}).pipe(Effect.scoped)).pipe(Command.withDescription("run a node until a signal"))

/** A recorder that is closed after the node has said its farewells. */
const recorder = (file: string) => Effect.acquireRelease(
  Effect.try({
    try: () => Recorder.open(file),
    catch: (cause) => new Failure({
      message: (cause as NodeJS.ErrnoException).code === "EEXIST"
        ? `${file} is there already: a recording is never written over`
        : `cannot record to ${file}: ${(cause as Error).message}`
    })
  }),
  ({ close }) => Effect.sync(close)
)

const uplinkOf = (text: string): Effect.Effect<{ readonly scope: string; readonly url: string }, Failure> => {
  const at = text.indexOf("=")
  return at > 0 && at < text.length - 1
    ? Effect.succeed({ scope: text.slice(0, at), url: text.slice(at + 1) })
    : Effect.fail(new Failure({ message: `"${text}" is not an uplink: write LOCALSCOPE=URL, such as lobby=tcp://10.0.0.7:7600/lobby` }))
}

