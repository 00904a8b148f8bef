/**
 * What a node can be told, in one schema, from three places: a JSON file, the environment (any
 * `ConfigProvider`, `COLLOQUY_…`) and the flags of `colloquy serve`. A flag wins over the environment,
 * and that over the file; a list that wins replaces the other one, and each scope's uplinks are a list.
 *
 * Promises: what is wrong is said in one line that names the setting, what it should be, what it is and
 * where it was said; a setting that does not exist is refused, with the one that comes nearest, and one
 * that a file says twice is, too. The page of this package lists them all.
 */
import { Federation, Link, Node, Operator, Packet, Topology } from "@colloquy/core"
import { ConfigProvider, Effect, Result, Schema, SchemaAST, SchemaIssue } from "effect"
import { readFileSync, statSync } from "node:fs"
import * as Json from "./Json.ts"
import * as Address from "./transport/Address.ts"

// ---- the schema ---------------------------------------------------------------------------------

const whole = (least: number, most = Number.MAX_SAFE_INTEGER) => {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  const isInRange = Schema.makeFilter((n: number) => (Number.isSafeInteger(n) && n >= least && n <= most) || `Expected a whole number ${range}`)
  return Schema.optionalKey(Schema.Number.annotate({ message: "Expected a number" }).check(isInRange))
}
const count = whole(0)
const bytes = (least = 1) => whole(least)
const ms = whole(1, 2 ** 31 - 1) // a timer for longer than this fires at once
const yesOrNo = Schema.optionalKey(Schema.Boolean.annotate({ message: "Expected true or false" }))
const text = Schema.String.annotate({ message: "Expected a text" })
const address = text.check(Schema.makeFilter((given: string) => {
  const located = Address.parse(given)
  return located instanceof Address.BadAddress ? located.message : undefined
}))
const addresses = Schema.Array(address).annotate({ message: "Expected a list of addresses" })
const listen = addresses.check(Schema.makeFilter((given: ReadonlyArray<string>) => {
  const twice = given.find((one, i) => given.indexOf(one) < i && !/:0(\/|$)/.test(one))
  return twice === undefined || `"${twice}" is there twice`
}))
const uplinks = Schema.Record(Schema.String, addresses).annotate({ message: "Expected an object with a list of addresses for each scope" }).check(
  Schema.makeFilter((given) => {
    const wrong = Object.keys(given).find((scope) => scope === "" || Operator.isReserved(scope))
    return wrong === undefined || `"${wrong}" is not a scope's name: one is not empty, and does not start with @`
  })
)
const group = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.optionalKey(Schema.Struct(fields).annotate({ message: "Expected an object of settings" }))

const limits = {
  packetBytesMax: bytes(Packet.leastCapacity.packetBytesMax),
  turnBytesMax: bytes(Packet.leastCapacity.turnBytesMax),
  turnItemsMax: bytes(Packet.leastCapacity.turnItemsMax),
  depthMax: whole(1, Link.defaultLimits.depthMax), // no more is taken, whatever is said
  windowBytes: count, // 0 for no credit
  unsentBytesMax: bytes(),
  messagesMax: count,
  messageBytesMax: count,
  queueBytesMax: bytes(),
  endpointsMax: count,
  endpointBytesMax: count,
  capturesMax: count,
  captureBytesMax: count,
  closingMax: count,
  linksMax: count
} satisfies Record<keyof Node.Limits, unknown>
const backoff = { leastMs: ms, mostMs: ms } satisfies Record<keyof Operator.Backoff, unknown>
const timing = { pingMs: ms, giveUpMs: ms, helloMs: ms, graceMs: whole(0, 2 ** 31 - 1), backoff: group(backoff) } satisfies Record<keyof Node.Timing, unknown>

/** The schema of all settings. */
export const Settings = Schema.Struct({
  id: Schema.optionalKey(text.check(Schema.makeFilter((id: string) => id !== "" || "Expected a name, which is not empty"))),
  listen: Schema.optionalKey(listen),
  /** Addresses of uplinks, by the scope here. One that names no scope means the same one there. */
  uplinks: Schema.optionalKey(uplinks),
  insecure: yesOrNo,
  leaf: yesOrNo,
  priority: whole(0, 1_000_000),
  slowPeer: Schema.optionalKey(Schema.Literals(["drop", "close"]).annotate({ message: "Expected drop or close" })),
  limits: group(limits),
  timing: group(timing)
}).annotate({ message: "Expected an object of settings" })
/**
 * What a node can be told, as `load` returns it and `Node.layer` takes it. Nothing of it must be said; `inForce` has the defaults.
 * Numbers are bytes, ms or counts, as their names end.
 */
export type Settings = Omit<typeof Settings.Type, "timing"> & { readonly timing?: Partial<Node.Timing> }

/** A pause that is not set has its default: the node takes both or none. */
const withPauses = ({ timing, ...settings }: typeof Settings.Type): Settings =>
  timing === undefined ? settings : { ...settings, timing: { ...timing, backoff: { ...Node.defaultBackoff, ...timing.backoff } } }

/** What a node does that was told nothing else; `id` and `listen` have no default that holds for every node. */
export const inForce = (settings: Settings) => {
  const limits: Node.Limits = { ...Link.defaultLimits, ...Federation.defaultConfig, linksMax: Node.defaultLinksMax, ...settings.limits }
  const timing: Node.Timing = { ...Link.defaultTiming, backoff: Node.defaultBackoff, graceMs: Topology.defaultGraceMs, ...settings.timing }
  const { insecure = false, leaf = false, priority = Topology.defaultPriority, slowPeer = "drop", uplinks = {} } = settings
  return { ...settings, uplinks, insecure, leaf, priority, slowPeer, limits, timing }
}

type Path = ReadonlyArray<string>
type Kind = "text" | "list" | "uplinks" | "yes or no" | "number"
interface Setting {
  readonly path: Path
  readonly name: string
  readonly env: string
  readonly kind: Kind
}

const kinds: { readonly [tag: string]: Kind } = { Number: "number", Boolean: "yes or no", Arrays: "list", Objects: "uplinks" }
const envOf = (path: Path): string => inCapitals(path).join("_")
const inCapitals = (path: Path): Path => ["COLLOQUY", ...path.map((part) => part.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase())]
const membersOf = (ast: SchemaAST.AST) => SchemaAST.isObjects(ast) ? ast.propertySignatures : []
const settingsIn = (ast: SchemaAST.AST, path: Path): ReadonlyArray<Setting> =>
  membersOf(ast).length === 0
    ? [{ path, name: path.join("."), env: envOf(path), kind: kinds[ast._tag] ?? "text" }]
    : membersOf(ast).flatMap(({ name, type }) => settingsIn(type, [...path, String(name)]))

/** Every setting, in the order of the table. */
export const all: ReadonlyArray<Setting> = settingsIn(Settings.ast, [])
const groups: ReadonlySet<string> = new Set(all.flatMap(({ path }) => path.slice(0, -1).map((_, i) => path.slice(0, i + 1).join("."))))
/** Names the file. */
export const fileEnv = "COLLOQUY_CONFIG"

/** Something about the configuration that whoever wrote it can mend, in one line. */
export class BadSetting extends Schema.TaggedError<BadSetting>()("BadSetting", {
  /** With dots, such as `timing.pingMs`; empty when no single one is at fault. */
  setting: Schema.String,
  /** What it should be, and what it is. */
  problem: Schema.String,
  /** The file and line, the variable or the flag. */
  from: Schema.String
}) {
  override get message() {
    return `${this.setting === "" ? "" : `${this.setting}: `}${this.problem} (${this.from})`
  }
}

/** What comes besides the environment. */
export interface Given {
  /** A path; it wins over `COLLOQUY_CONFIG`. */
  readonly file?: string | undefined
  /** Of these, what comes later wins; all of them win over the environment. */
  readonly flags?: ReadonlyArray<Said>
}
/** Something that was said, and where. */
export interface Said {
  /** Of the setting: `["timing", "pingMs"]`. */
  readonly path: Path
  readonly value: unknown
  /** As a `BadSetting` should name it: "--set", "node.json, line 3". */
  readonly from: string
}

// ---- where it is said ---------------------------------------------------------------------------

/** A setting as text, from the environment or a flag. */
export const ofText = (name: string, given: string, from: string): Result.Result<ReadonlyArray<Said>, BadSetting> => {
  const setting = all.find((one) => one.name === name || one.env === name)
  if (setting === undefined) {
    const uplinksOf = /^uplinks\.(.+)$/s.exec(name)?.[1]
    if (uplinksOf === undefined) return Result.fail(unknown(name, from))
    return Result.succeed([{ path: ["uplinks", uplinksOf], value: listOf(given), from }])
  }
  const said = (value: unknown) => Result.succeed([{ path: setting.path, value, from }])
  switch (setting.kind) {
    case "text": return said(given)
    case "list": return said(listOf(given))
    case "uplinks": return ofUplinks(listOf(given), from)
    case "number": return said(given.trim() === "" || !Number.isFinite(Number(given)) ? given : Number(given))
    case "yes or no": return said(answers.get(given.trim().toLowerCase()) ?? given)
  }
}
const answers = new Map([["true", true], ["yes", true], ["on", true], ["1", true], ["false", false], ["no", false], ["off", false], ["0", false]])
const listOf = (given: string): ReadonlyArray<string> => given.split(",").map((part) => part.trim()).filter((part) => part !== "")

/** Uplinks, each as `LOCALSCOPE=URL`. */
export const ofUplinks = (given: ReadonlyArray<string>, from: string): Result.Result<ReadonlyArray<Said>, BadSetting> => {
  const found = new Map<string, Array<string>>()
  for (const one of given) {
    const at = one.indexOf("=")
    if (at <= 0 || at === one.length - 1) {
      const problem = `"${one}" is not an uplink: write LOCALSCOPE=URL, such as lobby=tcp://10.0.0.7:7600/lobby`
      return Result.fail(new BadSetting({ setting: "uplinks", problem, from }))
    }
    const scope = one.slice(0, at)
    found.set(scope, [...found.get(scope) ?? [], one.slice(at + 1)])
  }
  return Result.succeed([...found].map(([scope, value]) => ({ path: ["uplinks", scope], value, from })))
}

/** What a JSON file says. */
const ofFile = (file: string): Result.Result<ReadonlyArray<Said>, BadSetting> => {
  const wrong = (problem: string) => Result.fail(new BadSetting({ setting: "", problem, from: file }))
  try {
    if (statSync(file).size > fileBytesMax) return wrong(`cannot read ${file}: it has more than ${fileBytesMax} bytes`)
    const { lineOf, value } = Json.read(readFileSync(file, "utf8"))
    return ofTree(value, [], (path) => `${file}, line ${lineOf(path)}`)
  } catch (error) {
    if (error instanceof Json.BadJson) {
      const { line, path, problem } = error
      return Result.fail(new BadSetting({ setting: path.join("."), problem, from: `${file}, line ${line}` }))
    }
    const { code = "", message } = error as NodeJS.ErrnoException
    return wrong(`cannot read ${file}: ${unreadable.get(code) ?? message}`)
  }
}
const fileBytesMax = 1024 * 1024 // a guess: nobody writes that much by hand
const unreadable = new Map([["ENOENT", "there is no such file"], ["EISDIR", "it is a folder"], ["EACCES", "it is not for us to read"]])

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value)
const ofTree = (value: unknown, path: Path, from: (path: Path) => string): Result.Result<ReadonlyArray<Said>, BadSetting> => {
  const name = path.join(".")
  const isGroup = path.length === 0 || groups.has(name) || name === "uplinks"
  const isKnown = isGroup || path[0] === "uplinks" || all.some((setting) => setting.name === name)
  if (!isKnown) return Result.fail(unknown(name, from(path)))
  if (!isGroup || !isObject(value)) return Result.succeed([{ path, value, from: from(path) }])
  const inner = Object.entries(value).map(([key, of]) => of === undefined ? Result.succeed([]) : ofTree(of, [...path, key], from))
  return Result.map(Result.all(inner), (found) => found.flat())
}

/** What the environment says, and nothing that it says to no setting. */
const ofEnvironment = Effect.gen(function*() {
  const provider = yield* ConfigProvider.ConfigProvider
  const said: Array<Said> = []
  for (const { env, path } of all) {
    const given = yield* textAt(provider, env, inCapitals(path))
    if (given !== undefined) said.push(...yield* Effect.fromResult(ofText(env, given, env)))
  }
  const names = (yield* provider.load([]))?._tag === "Record" ? yield* namesUnder(provider, []) : []
  const strange = names.find((name) => name !== fileEnv && !isOfKubernetes(name) && all.every(({ env }) => env !== name))
  if (strange !== undefined) return yield* unknown(strange, "the environment")
  return { said, file: yield* textAt(provider, fileEnv, fileEnv.split("_")) }
}).pipe(Effect.catchTag("SourceError", ({ message }) => Effect.fail(new BadSetting({ setting: "", problem: message, from: "the environment" }))))

/** Under its whole name or, in a provider that is a tree, part by part. A list may have its items there. */
const textAt = (provider: ConfigProvider.ConfigProvider, name: string, parts: Path) => Effect.gen(function*() {
  for (const path of [[name], parts]) {
    const node = yield* provider.load(path)
    if (node?.value !== undefined) return node.value
    if (node?._tag !== "Array") continue
    const items = yield* Effect.forEach(Array.from({ length: Math.min(node.length, itemsMax) }), (_, i) => provider.load([...path, i]))
    return items.map((item) => item?.value ?? "").join(",")
  }
  return undefined
})
/** `COLLOQUY_LISTEN_999999999` is no reason to count so far. */
const itemsMax = 1_000
const namesUnder = (provider: ConfigProvider.ConfigProvider, path: Path): Effect.Effect<ReadonlyArray<string>, ConfigProvider.SourceError> =>
  Effect.gen(function*() {
    const node = yield* provider.load(path)
    const name = path.join("_")
    if (node === undefined) return []
    if (node._tag === "Array") return [all.some(({ env, kind }) => env === name && kind === "list") || node.value !== undefined ? name : `${name}_0`]
    const own = node.value === undefined ? [] : [name]
    if (node._tag === "Value") return own
    const keys = [...node.keys].filter((key) => path.length > 0 || /^COLLOQUY(_|$)/.test(key)).sort()
    return [...own, ...(yield* Effect.forEach(keys, (key) => namesUnder(provider, [...path, key]))).flat()]
  })
/** A service that is called colloquy there puts these into every pod's environment. */
const isOfKubernetes = (name: string): boolean => /^COLLOQUY_(SERVICE_(HOST|PORT.*)|PORT(_\d+.*)?)$/.test(name)

// ---- what comes of it ---------------------------------------------------------------------------

/**
 * The settings, from the file, the environment and the flags that are given.
 *
 *     Node.layerConfig(NodeConfig.load({ file: "node.json" }))
 */
export const load = Effect.fnUntraced(function*({ file, flags = [] }: Given = {}) {
  const environment = yield* ofEnvironment
  const read = file ?? environment.file
  return yield* Effect.fromResult(settled([...read === undefined ? [] : yield* Effect.fromResult(ofFile(read)), ...environment.said, ...flags]))
})

/** What a program says of a node, by the same rules. Its addresses and scopes have errors of their own. */
export const check = ({ id, limits, priority, slowPeer, timing }: Settings): Result.Result<unknown, BadSetting> =>
  Result.flatMap(ofTree({ id, limits, priority, slowPeer, timing }, [], () => "the program"), settled)

/** All of it, and of what was said more than once the last. */
const settled = (said: ReadonlyArray<Said>): Result.Result<Settings, BadSetting> => {
  const wrong = said.map(checked).find(Result.isFailure)
  if (wrong !== undefined) return Result.fail(wrong.failure)
  const last = [...new Map(said.map((one) => [JSON.stringify(one.path), one])).values()]
  // each was checked on its own: what is left to go wrong is our own bug
  return fitting(withPauses(Result.getOrThrow(decode(last.reduce<unknown>(withSaid, {})))), last)
}

const decode = Schema.decodeUnknownResult(Settings)
const withSaid = (tree: unknown, { path: [key, ...rest], value }: Pick<Said, "path" | "value">): unknown => {
  if (key === undefined) return value
  const members = new Map(isObject(tree) ? Object.entries(tree) : [])
  return Object.fromEntries(members.set(key, withSaid(members.get(key), { path: rest, value })))
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()
const checked = (said: Said): Result.Result<unknown, BadSetting> => {
  const tree = withSaid({}, said)
  return Result.mapError(decode(tree), ({ issue }) => {
    const { message, path: steps = [] } = format(issue).issues[0]! // an issue has something to say
    const path = steps.map((step) => String(typeof step === "object" ? step.key : step))
    const value = path.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], tree)
    const problem = message.startsWith("Expected") ? `e${message.slice(1)}, got ${shown(value)}` : message
    return new BadSetting({ setting: path.join("."), problem, from: said.from })
  })
}
const shown = (value: unknown): string => {
  return Json.cut(typeof value === "number" ? String(value) : JSON.stringify(value))
}

/** What two settings are together. */
const fitting = (settings: Settings, said: ReadonlyArray<Said>): Result.Result<Settings, BadSetting> => {
  const { backoff: { leastMs, mostMs }, giveUpMs, pingMs } = inForce(settings).timing
  const wrong = (setting: string, problem: string, other: string) => {
    const from = [setting, other].flatMap((name) => said.filter(({ path }) => path.join(".") === name)).map((one) => one.from)
    return Result.fail(new BadSetting({ setting, problem, from: [...new Set(from)].join(", ") }))
  }
  if (giveUpMs <= pingMs) return wrong("timing.giveUpMs", `expected more than timing.pingMs, which is ${pingMs}, got ${giveUpMs}`, "timing.pingMs")
  if (mostMs < leastMs) {
    return wrong("timing.backoff.mostMs", `expected timing.backoff.leastMs, which is ${leastMs}, or more, got ${mostMs}`, "timing.backoff.leastMs")
  }
  return Result.succeed(settings)
}

/** There is no such setting; the nearest is one that goes on from there, or else takes the fewest changes, as a whole or in its last part. */
const unknown = (name: string, from: string): BadSetting => {
  const member = groups.has(name) ? all.find((setting) => setting.name.startsWith(`${name}.`)) : undefined
  if (member !== undefined) return new BadSetting({ setting: name, problem: `it is a group of settings, such as ${member.name}`, from })
  const isEnv = name.startsWith("COLLOQUY")
  const tail = (of: string) => of.slice(of.lastIndexOf(".") + 1)
  const group = name.slice(0, name.lastIndexOf(".") + 1)
  const isInGroup = groups.has(group.slice(0, -1))
  const known = isEnv ? [...all.map(({ env }) => env), fileEnv]
    : [...groups, ...all.map((setting) => setting.name)].filter((other) => other !== name && (!isInGroup || other.startsWith(group)))
  const apart = (a: string, b: string) => distance(a.toLowerCase(), b.toLowerCase())
  const far = (other: string) => other.startsWith(name) ? 1 : Math.min(apart(name, other), apart(tail(name), tail(other)))
  const nearest = known.reduce((best, other) => far(other) < far(best) ? other : best)
  return new BadSetting({ setting: name, problem: `there is no such setting; the nearest is ${nearest}`, from })
}

/** Levenshtein's: how many letters to add, drop or replace. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
