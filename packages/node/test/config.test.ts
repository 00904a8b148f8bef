/** What a node is told: by a file, by the environment, by flags; and what is said to who says it wrong. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, type Layer, Result } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Address, Host, Node, type Transport } from "../src/index.ts"
import { defaultListen } from "../src/cli/serve.ts"
import * as NodeConfig from "../src/NodeConfig.ts"

const folder = mkdtempSync(join(tmpdir(), "colloquy-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
let files = 0
const fileOf = (content: unknown): string => {
  const file = join(folder, `${++files}.json`)
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content))
  return file
}
const environment = (env: Record<string, string>) => Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

const load = (env: Record<string, string>, given: Parameters<typeof NodeConfig.load>[0] = {}) => NodeConfig.load(given).pipe(environment(env))
const flag = (name: string, value: string) => Result.getOrThrow(NodeConfig.ofText(name, value, "--set"))

const wrong = (env: Record<string, string>, file?: unknown) =>
  Effect.map(Effect.flip(load(env, file === undefined ? {} : { file: fileOf(file) })), (error) => {
    assert.instanceOf(error, NodeConfig.BadSetting)
    assert.notInclude(error.message, "\n")
    return error.message.replaceAll(/\/\S+\/\d+\.json/g, "FILE")
  })

describe("the settings", () => {
  it("are listed on the page of the package, with their variables and defaults", () => {
    const page = readFileSync(fileURLToPath(new URL("../README.md", import.meta.url)), "utf8")
    const rows = [...page.matchAll(/^\| `([^`]+)` \| `(COLLOQUY_[^`]+)` \| [^|]+ \| ([^|]+) \|$/gm)]
      .map(([, name, env, unless]) => ({ name, env, unless }))
    const defaults = NodeConfig.inForce({})
    const at = (path: ReadonlyArray<string>): unknown => path.reduce<unknown>((tree, key) => (tree as Record<string, unknown>)[key], defaults)

    assert.deepStrictEqual(rows.map(({ env, name }) => [name, env]), NodeConfig.all.map(({ env, name }) => [name, env]))
    for (const { name, path } of NodeConfig.all.filter(({ kind }) => kind === "number" || kind === "yes or no")) {
      assert.strictEqual(String(at(path)), rows.find((row) => row.name === name)!.unless, name)
    }
    const listen = rows.find(({ name }) => name === "listen")!.unless!
    assert.strictEqual(NodeConfig.all.length, 28)
    assert.deepStrictEqual([...listen.matchAll(/`([^`]+:[^`]+)`/g)].map(([, address]) => address), defaultListen)
  })

  it.effect("come from the file, from the environment before it, and from flags before that", () => Effect.gen(function*() {
    const file = fileOf({
      id: "file", listen: ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"],
      uplinks: { lobby: ["memory:file"], chat: ["memory:file"], hall: ["memory:file"] },
      limits: { linksMax: 1, endpointsMax: 1, capturesMax: 1 }, timing: { backoff: { mostMs: 3_000 } }
    })
    const env = {
      COLLOQUY_LISTEN: "tcp://127.0.0.1:3, unix:/run/x.sock", COLLOQUY_UPLINKS: "chat=memory:env,chat=memory:env2,hall=memory:env",
      COLLOQUY_INSECURE: " Yes ", COLLOQUY_LIMITS_ENDPOINTS_MAX: "2", COLLOQUY_LIMITS_CAPTURES_MAX: "2", COLLOQUY_ID: "",
      PATH: "/bin", COLLOQUY_SERVICE_PORT: "x", COLLOQUY_PORT_7600_TCP_ADDR: "x"
    }
    const flags = [...flag("limits.capturesMax", "3"), ...flag("uplinks.hall", "memory:flag"), ...flag("leaf", "on")]

    assert.deepStrictEqual(yield* load(env, { file, flags }), {
      id: "file", listen: ["tcp://127.0.0.1:3", "unix:/run/x.sock"], insecure: true, leaf: true,
      uplinks: { lobby: ["memory:file"], chat: ["memory:env", "memory:env2"], hall: ["memory:flag"] },
      limits: { linksMax: 1, endpointsMax: 2, capturesMax: 3 }, timing: { backoff: { leastMs: 200, mostMs: 3_000 } }
    })
    assert.deepStrictEqual(yield* load({ COLLOQUY_CONFIG: file, COLLOQUY_ID: "env" }), { ...yield* load({}, { file }), id: "env" })
    assert.deepStrictEqual(yield* load({}), {})
  }))

  it.effect("are read from any provider", () => Effect.gen(function*() {
    const provider = ConfigProvider.fromUnknown({ COLLOQUY_LISTEN: ["memory:a", "memory:b"], COLLOQUY_LIMITS_LINKS_MAX: 7, other: { COLLOQUY: 1 } })
    const tree = ConfigProvider.fromUnknown({ COLLOQUY: { LISTEN: ["memory:a", "memory:b"], LIMITS: { QUEUE_BYTES_MAX: 7 } } })
    const lines = ["APP_COLLOQUY_LEAF=true", "APP_COLLOQUY_LISTEN_0=memory:a", "APP_COLLOQUY_LISTEN_1=memory:b", "APP_OTHER=1"]
    const dotted = ConfigProvider.fromDotEnvContents(lines.join("\n")).pipe(ConfigProvider.nested("APP"))
    const from = (one: ConfigProvider.ConfigProvider) => NodeConfig.load().pipe(Effect.provide(ConfigProvider.layer(one)))

    assert.deepStrictEqual(yield* from(provider), { listen: ["memory:a", "memory:b"], limits: { linksMax: 7 } })
    assert.deepStrictEqual(yield* from(tree), { listen: ["memory:a", "memory:b"], limits: { queueBytesMax: 7 } })
    assert.deepStrictEqual(yield* from(dotted), { listen: ["memory:a", "memory:b"], leaf: true })
  }))

  it.effect("say in one line what is wrong with which, and where it was said", () => Effect.gen(function*() {
    const bad = '"tcp://h" is not an address: a host and a port are needed. Write tcp://HOST:PORT/SCOPE, ws://HOST:PORT/SCOPE or unix:/PATH#SCOPE'
    const said = yield* Effect.all([
      wrong({ COLLOQUY_LIMITS_QUEUE_BYTES_MAX: "many" }),
      wrong({ COLLOQUY_LIMITS_LINKS_MAX: "-1" }),
      wrong({ COLLOQUY_TIMING_PING_MS: "1.5" }),
      wrong({ COLLOQUY_LIMITS_LINKS_MAX: "1e400" }),
      wrong({ COLLOQUY_LEAF: "perhaps" }),
      wrong({ COLLOQUY_LISTEN: "tcp://127.0.0.1:1,tcp://h" }),
      wrong({ COLLOQUY_UPLINKS: "lobby" }),
      wrong({ COLLOQUY_UPLINKS: "lobby=tcp://h" }),
      wrong({}, { limits: { queueBytesMax: "many" } }),
      wrong({}, { limits: { depthMax: 101, linksMax: 1 } }),
      wrong({}, { limits: 3 }),
      wrong({}, { listen: "tcp://127.0.0.1:1" }),
      wrong({}, { uplinks: { "@status": [] } }),
      wrong({}, { uplinks: { lobby: [7] } }),
      wrong({}, { id: "" }),
      wrong({}, [1]),
      wrong({}, "{ \"id\":\n"),
      wrong({ COLLOQUY_TIMING_PING_MS: "50" }, { timing: { giveUpMs: 20 } }),
      wrong({}, { timing: { backoff: { mostMs: 20 } } })
    ])

    assert.deepStrictEqual(said, [
      'limits.queueBytesMax: expected a number, got "many" (COLLOQUY_LIMITS_QUEUE_BYTES_MAX)',
      "limits.linksMax: expected a whole number of at least 0, got -1 (COLLOQUY_LIMITS_LINKS_MAX)",
      "timing.pingMs: expected a whole number from 1 to 2147483647, got 1.5 (COLLOQUY_TIMING_PING_MS)",
      'limits.linksMax: expected a number, got "1e400" (COLLOQUY_LIMITS_LINKS_MAX)',
      'leaf: expected true or false, got "perhaps" (COLLOQUY_LEAF)',
      `listen.1: ${bad} (COLLOQUY_LISTEN)`,
      'uplinks: "lobby" is not an uplink: write LOCALSCOPE=URL, such as lobby=tcp://10.0.0.7:7600/lobby (COLLOQUY_UPLINKS)',
      `uplinks.lobby.0: ${bad} (COLLOQUY_UPLINKS)`,
      'limits.queueBytesMax: expected a number, got "many" (FILE, line 1)',
      "limits.depthMax: expected a whole number from 1 to 100, got 101 (FILE, line 1)",
      "limits: expected an object of settings, got 3 (FILE, line 1)",
      'listen: expected a list of addresses, got "tcp://127.0.0.1:1" (FILE, line 1)',
      'uplinks: "@status" is not a scope\'s name: one is not empty, and does not start with @ (FILE, line 1)',
      "uplinks.lobby.0: expected a text, got 7 (FILE, line 1)",
      'id: expected a name, which is not empty, got "" (FILE, line 1)',
      "expected an object of settings, got [1] (FILE, line 1)",
      "it is not JSON: expected a value, got the end (FILE, line 2)",
      "timing.giveUpMs: expected more than timing.pingMs, which is 50, got 20 (FILE, line 1, COLLOQUY_TIMING_PING_MS)",
      "timing.backoff.mostMs: expected timing.backoff.leastMs, which is 200, or more, got 20 (FILE, line 1)"
    ])
  }))

  it.effect("are read from a file that says which line is wrong, and where the same is said twice", () => Effect.gen(function*() {
    const lines = (...all: ReadonlyArray<string>) => wrong({}, all.join("\n"))
    const said = yield* Effect.all([
      lines('{ "id": "a",', '  "listen": []', '  "leaf": true }'),
      lines('{ "id": "a",', "}"),
      lines("{", '  // the name', '  "id": "a" }'),
      lines('{ "id": \'a\' }'),
      lines('{ "id": "a', 'b" }'),
      lines("{ limits: {} }"),
      lines('{ "leaf": true } }'),
      lines('{ "leaf"', "  true }"),
      lines(""),
      lines('{ "id": "a",', '  "leaf": true,', '  "id": "b" }'),
      lines('{ "limits": { "linksMax": 1,', '    "linksMax": 2 } }'),
      lines('{ "uplinks": {', '    "a": [],', '    "a": [] } }'),
      lines('{ "limits":', '  { "linksMax": 1,', '    "depthMax": 0 } }'),
      lines('{ "limits":', '  { "linkMax": 1 } }'),
      lines('{ "limits": { "linksMax": 1e400 } }'),
      lines('{ "listen": ["tcp://127.0.0.1:1", "tcp://127.0.0.1:1"] }'),
      lines("[".repeat(1_000_000)),
      lines(`{ "uplinks": ${'{ "a": '.repeat(100_000)}`),
      lines(" ".repeat(1024 * 1024 + 1))
    ])

    assert.deepStrictEqual(said, [
      'it is not JSON: expected a comma, got "leaf" (FILE, line 3)',
      "it is not JSON: expected a key in double quotes, got } (FILE, line 2)",
      "it is not JSON: expected a key in double quotes, got // (FILE, line 2)",
      "it is not JSON: expected a value, got 'a' (FILE, line 1)",
      'it is not JSON: expected a value, got "a b" (FILE, line 2)',
      "it is not JSON: expected a key in double quotes, got limits (FILE, line 1)",
      "it is not JSON: expected the end, got } (FILE, line 1)",
      "it is not JSON: expected a colon, got true (FILE, line 2)",
      "it is not JSON: expected a value, got the end (FILE, line 1)",
      "id: it is there twice (FILE, line 3)",
      "limits.linksMax: it is there twice (FILE, line 2)",
      "uplinks.a: it is there twice (FILE, line 3)",
      "limits.depthMax: expected a whole number from 1 to 100, got 0 (FILE, line 3)",
      "limits.linkMax: there is no such setting; the nearest is limits.linksMax (FILE, line 2)",
      "limits.linksMax: expected a whole number of at least 0, got Infinity (FILE, line 1)",
      'listen: "tcp://127.0.0.1:1" is there twice (FILE, line 1)',
      "it is nested too deep (FILE, line 1)",
      "it is nested too deep (FILE, line 1)",
      "cannot read FILE: it has more than 1048576 bytes (FILE)"
    ])
  }))

  it.effect("are read as JSON.parse reads them, whatever the text", () => Effect.gen(function*() {
    const text = '\uFEFF{ "uplinks": { "__proto__": ["memory:a"], "\\u0061 \\"b\\\\": [] }, ' +
      '"listen": ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0"],\r\n\t"leaf":false}\n'

    assert.deepStrictEqual(yield* load({}, { file: fileOf(text) }), JSON.parse(text.slice(1)))
    assert.strictEqual((yield* Effect.flip(load({}, { file: folder }))).message, `cannot read ${folder}: it is a folder (${folder})`)
    assert.strictEqual((yield* Effect.flip(load({ COLLOQUY_CONFIG: "/nowhere" }))).message, "cannot read /nowhere: there is no such file (/nowhere)")
  }))

  it.effect("refuse what is no setting, and name the nearest", () => Effect.gen(function*() {
    const nearest = <A>(self: Effect.Effect<string, A>) => Effect.map(self,
      (message) => /^(\S+): there is no such setting; the nearest is (\S+) \(/.exec(message)?.slice(1) ?? [message])
    const unknown = (name: string) => nearest(Effect.succeed(Result.match(NodeConfig.ofText(name, "1", "--set"),
      { onSuccess: () => "known", onFailure: ({ message }) => message })))

    assert.deepStrictEqual(yield* Effect.all([
      nearest(wrong({ COLLOQUY_LIMIT_QUEUE_BYTES_MAX: "1" })),
      nearest(wrong({ COLLOQUY_UPLINKS_LOBBY: "memory:a" })),
      nearest(wrong({ COLLOQUY_LISTENS_0: "memory:a" })),
      nearest(wrong({ COLLOQUY_CONFIGURATION: "x" })),
      nearest(wrong({}, { limit: {} })),
      nearest(wrong({}, { LISTEN: [] })),
      nearest(wrong({}, { limits: { constructor: 1 } })),
      nearest(wrong({}, { pingMs: 1 })),
      nearest(wrong({}, { limits: { queueBytes: 1 } })),
      nearest(wrong({}, JSON.parse('{ "__proto__": { "id": "x" } }'))),
      unknown("limits.packetBytesMx"),
      unknown("limits.linksMax")
    ]), [
      ["COLLOQUY_LIMIT_QUEUE_BYTES_MAX", "COLLOQUY_LIMITS_QUEUE_BYTES_MAX"],
      ["COLLOQUY_UPLINKS_LOBBY", "COLLOQUY_UPLINKS"],
      ["COLLOQUY_LISTENS_0", "COLLOQUY_LISTEN"],
      ["COLLOQUY_CONFIGURATION", "COLLOQUY_CONFIG"],
      ["limit", "limits"],
      ["LISTEN", "listen"],
      ["limits.constructor", "limits.windowBytes"],
      ["pingMs", "timing.pingMs"],
      ["limits.queueBytes", "limits.queueBytesMax"],
      ["__proto__", "priority"],
      ["limits.packetBytesMx", "limits.packetBytesMax"],
      ["known"]
    ])
    assert.match(Result.match(NodeConfig.ofText("limits", "1", "--set"), { onSuccess: () => "", onFailure: ({ message }) => message }),
      /^limits: it is a group of settings, such as limits.packetBytesMax/)
  }))
})

describe("Node.layerConfig", () => {
  const told = Effect.map(Host.Host, (host) => {
    const { linksMax, link, self } = host.state().config
    return { node: self.node, leaf: self.leaf, linksMax, pingMs: link.timing?.pingMs }
  })

  it.effect("runs a node as the environment says", () => Effect.gen(function*() {
    const env = { COLLOQUY_ID: "ann", COLLOQUY_LISTEN: "tcp://127.0.0.1:0", COLLOQUY_LEAF: "1", COLLOQUY_LIMITS_LINKS_MAX: "5",
      COLLOQUY_TIMING_PING_MS: "77" }

    assert.deepStrictEqual(yield* told.pipe(Effect.provide(Node.layerConfig()), environment(env)),
      { node: "ann", leaf: true, linksMax: 5, pingMs: 77 })

    const error = yield* Effect.flip(told.pipe(Effect.provide(Node.layerConfig()), environment({ COLLOQUY_LISTEN: "tcp://0.0.0.0:0" })))
    assert.strictEqual(error._tag, "Insecure")
  }))

  it.effect("runs one as any Config says", () => Effect.gen(function*() {
    const config = Config.all({ id: Config.String("NAME"), limits: Config.all({ linksMax: Config.Int("LINKS") }) })

    assert.deepStrictEqual(yield* told.pipe(Effect.provide(Node.layerConfig(config)), environment({ NAME: "bob", LINKS: "3" })),
      { node: "bob", leaf: false, linksMax: 3, pingMs: undefined })
  }))

  it("says in its type what can go wrong", () => {
    type Wrong = Address.BadAddress | Node.BadScope | Node.Insecure | NodeConfig.BadSetting | Transport.ListenError

    expectTypeOf(Node.layerConfig()).toEqualTypeOf<Layer.Layer<Host.Host, Wrong>>()
    expectTypeOf(Node.layerConfig(Config.all({ id: Config.String("NAME") }))).toEqualTypeOf<Layer.Layer<Host.Host, Wrong | Config.ConfigError>>()
  })
})

describe("colloquy serve", () => {
  const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url))
  const serve = (env: Record<string, string>, ...args: ReadonlyArray<string>) =>
    new Promise<{ readonly out: string; readonly error: string }>((resolve) => {
      execFile(process.execPath, [main, "serve", "--print-config", ...args], { env }, (_, out, error) => resolve({ out, error }))
    })

  it("prints the settings in force: flags before the environment, before the file", { timeout: 60_000 }, async () => {
    const file = fileOf({ id: "file", insecure: true, limits: { linksMax: 1 },
      uplinks: { lobby: ["tcp://127.0.0.1:1"], hall: ["tcp://127.0.0.1:1"] } })
    const env = { COLLOQUY_CONFIG: "/nowhere.json", COLLOQUY_LISTEN: "ws://127.0.0.1:0", COLLOQUY_LIMITS_LINKS_MAX: "2",
      COLLOQUY_LIMITS_CLOSING_MAX: "2" }

    const { error, out } = await serve(env, "--config", file, "--id", "flag", "--no-insecure", "--set", "limits.linksMax=3", "--uplink",
      "lobby=tcp://127.0.0.1:2", "--uplink", "lobby=tcp://127.0.0.1:3")

    const defaults = NodeConfig.inForce({})
    assert.strictEqual(error, "")
    assert.deepStrictEqual(JSON.parse(out), {
      ...defaults, id: "flag", listen: ["ws://127.0.0.1:0"], insecure: false, limits: { ...defaults.limits, linksMax: 3, closingMax: 2 },
      uplinks: { lobby: ["tcp://127.0.0.1:2", "tcp://127.0.0.1:3"], hall: ["tcp://127.0.0.1:1"] }
    })
  })

  it("ends with one line when a setting is wrong", { timeout: 60_000 }, async () => {
    const all = await Promise.all([
      serve({ COLLOQUY_LIMITS_QUEUE_BYTES_MAX: "many" }), serve({}, "--set", "limits.queue=1"), serve({}, "--set", "leaf"), serve({},
        "--listen", "nowhere")
    ])

    assert.deepStrictEqual(all.map(({ error }) => error.trimEnd()), [
      'colloquy: limits.queueBytesMax: expected a number, got "many" (COLLOQUY_LIMITS_QUEUE_BYTES_MAX)',
      "colloquy: limits.queue: there is no such setting; the nearest is limits.queueBytesMax (--set)",
      'colloquy: "leaf" is no setting: write SETTING=VALUE, such as limits.linksMax=100 (--set)',
      'colloquy: listen.0: "nowhere" is not an address: a host and a port are needed. ' +
      "Write tcp://HOST:PORT/SCOPE, ws://HOST:PORT/SCOPE or unix:/PATH#SCOPE (--listen)"
    ])
  })
})
