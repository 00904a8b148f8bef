/** `colloquy serve`: runs a node until a signal, as the file, the environment and the flags say (NodeConfig.ts). */
import { Effect, Logger, Option, Result } from "effect"
import { Command, Flag } from "effect/cli"
import * as NodeLayers from "../Node.ts"
import * as NodeConfig from "../NodeConfig.ts"
import * as Recorder from "../Recorder.ts"
import * as Transports from "../transport/index.ts"
import { Failure, json } from "./client.ts"
import { line } from "./output.ts"

/** A node without any configuration: on this machine only. */
export const defaultListen = ["tcp://127.0.0.1:7600", "ws://127.0.0.1:7601"]

const wrong = <A, E extends { readonly message: string }, R>(self: Effect.Effect<A, E, R>) =>
  Effect.mapError(self, ({ message }) => new Failure({ message }))

export const serve = Command.make("serve", {
  listen: Flag.String("listen").pipe(Flag.withDescription(`where to accept links (default: ${defaultListen.join(" and ")})`), Flag.atLeast(0)),
  uplink: Flag.String("uplink").pipe(Flag.withDescription("LOCALSCOPE=URL: join a scope of ours to one elsewhere"), Flag.atLeast(0)),
  id: Flag.optional(Flag.String("id").pipe(Flag.withDescription("the node's name among its peers; keep it between restarts"))),
  config: Flag.optional(Flag.String("config").pipe(
    Flag.withDescription("a JSON file: {\"id\", \"listen\": [], \"uplinks\": {\"scope\": []}, …}; the environment (COLLOQUY_…) wins over it, and flags over that")
  )),
  set: Flag.String("set").pipe(Flag.withDescription("SETTING=VALUE: any setting, as limits.linksMax=100; --print-config lists them"), Flag.atLeast(0)),
  insecure: Flag.optional(Flag.Boolean("insecure").pipe(
    Flag.withDescription("listen at addresses that other machines reach, although links carry no authentication")
  )),
  record: Flag.optional(Flag.String("record").pipe(
    Flag.withDescription("write every step to this new file, for colloquy replay; it holds all that the node is told")
  )),
  printConfig: Flag.Boolean("print-config").pipe(Flag.withDescription("print the settings in force as JSON, and run nothing"), Flag.withDefault(false)),
  json
}, (flags) => Effect.gen(function*() {
  const said = yield* wrong(Effect.fromResult(saidBy(flags)))
  const settings = yield* wrong(NodeConfig.load({ file: Option.getOrUndefined(flags.config), flags: said }))
  const { id = NodeLayers.freshId(), insecure = false, listen = defaultListen, uplinks = {}, ...config } = settings
  if (flags.printConfig) return yield* line(JSON.stringify({ listen, ...NodeConfig.inForce(settings) }, undefined, 2))
  const record = Option.isSome(flags.record) ? yield* recorder(flags.record.value) : undefined
  const say = (event: string, text: string, fields: object) => line(flags.json ? JSON.stringify({ event, ...fields }) : text)
  yield* Effect.gen(function*() {
    for (const address of listen) {
      const bound = yield* NodeLayers.listenAt(address, insecure)
      yield* say("listening", `listening on ${bound}`, { address: bound })
    }
    for (const [scope, urls] of Object.entries(uplinks)) {
      for (const url of urls) yield* NodeLayers.uplink(scope, url)
    }
    yield* say("ready", `node ${id} is ready`, { node: id })
    yield* Effect.never
  }).pipe(
    Effect.provide(NodeLayers.layerNoTransport({ ...config, id, ...record === undefined ? {} : { record } })),
    wrong,
    Effect.scoped,
    Effect.provide(Transports.layer),
    Effect.provide(Logger.layer([flags.json ? Logger.withConsoleError(Logger.formatJson) : Logger.withConsoleError(Logger.formatLogFmt)]))
  )
}).pipe(Effect.scoped)).pipe(Command.withDescription("run a node until a signal"))

/** What the flags say of settings; those of their own win over `--set`. */
const saidBy = ({ id, insecure, listen, set, uplink }: {
  readonly id: Option.Option<string>
  readonly insecure: Option.Option<boolean>
  readonly listen: ReadonlyArray<string>
  readonly set: ReadonlyArray<string>
  readonly uplink: ReadonlyArray<string>
}): Result.Result<ReadonlyArray<NodeConfig.Said>, NodeConfig.BadSetting> => Result.gen(function*() {
  const said: Array<NodeConfig.Said> = []
  for (const one of set) {
    const at = one.indexOf("=")
    const problem = `"${one}" is no setting: write SETTING=VALUE, such as limits.linksMax=100`
    if (at <= 0) return yield* Result.fail(new NodeConfig.BadSetting({ setting: "", problem, from: "--set" }))
    said.push(...yield* NodeConfig.ofText(one.slice(0, at), one.slice(at + 1), "--set"))
  }
  if (Option.isSome(id)) said.push({ path: ["id"], value: id.value, from: "--id" })
  if (listen.length > 0) said.push({ path: ["listen"], value: listen, from: "--listen" })
  if (Option.isSome(insecure)) said.push({ path: ["insecure"], value: insecure.value, from: "--insecure" })
  return [...said, ...yield* NodeConfig.ofUplinks(uplink, "--uplink")]
})

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
