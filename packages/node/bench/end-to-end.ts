/**
 * Whole nodes, end to end: client, node, client, each a process, on loopback. The clients use the Effect
 * API, the node is an ordinary one. Each figure is a median of rounds, with what every process spent of the
 * processor, and its ratio to a yardstick that took turns with it in the same run: frames through a plain
 * forwarder for rates, a bare ping-pong for round trips. On a machine of two cores, shared with others,
 * the ratio and the processor's time say more than the rate.
 *
 *     npm run bench -- end-to-end [--only=TEXT] [--rounds=N]
 *
 * `--only` takes the works whose name has the text.
 */
import { spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { figure, median, report } from "../../../.config/bench/Harness.ts"
import type { Row } from "../../../.config/bench/Result.ts"
import { clock, Helper, type Usage } from "./end-to-end/helper.ts"

const option = (name: string): string | undefined => process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
const rounds = Number(option("rounds") ?? 5)
const only = option("only") ?? ""
const socketOf = (name: string) => join(tmpdir(), `colloquy-bench-${process.pid}-${name}.sock`)

const rows: Array<Row> = []
/** Our figures beside the yardstick's, and what every process spent on one of what is counted. */
interface More {
  /** µs of processor time, by process. */
  readonly cpuUs?: { readonly [process: string]: number }
  /** As many figures as ours. */
  readonly yardstick?: { readonly what: string; readonly values: ReadonlyArray<number> }
  readonly wanted?: string
  readonly more?: boolean
}
const add = (group: string, name: string, values: ReadonlyArray<number>, unit: string, { cpuUs = {}, more = false, wanted, yardstick }: More = {}): void => {
  const rest = { group, ...more ? { more } : {} }
  if (yardstick !== undefined) rows.push(figure(yardstick.what, unit, yardstick.values, { ...rest, ratio: 1 }))
  const ratio = yardstick === undefined ? {} : { ratio: ratioOf(values, yardstick.values) }
  rows.push(figure(name, unit, values, { ...rest, ...ratio, ...wanted === undefined ? {} : { wanted } }))
  for (const [process, us] of Object.entries(cpuUs)) rows.push(figure(process, "µs", [us], { group: `${group}: processor time each` }))
}
/** The median of the rounds' ratios: what was measured in one round was measured at one speed of the machine. */
const ratioOf = (values: ReadonlyArray<number>, base: ReadonlyArray<number>): number => median(values.map((value, i) => value / base[i]!))
/** The value that so many of the others are below. */
const at = (numbers: ReadonlyArray<number>, part: number): number => numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))]!

type Named = { readonly [process: string]: Helper }
const usages = async (of: Named): Promise<{ readonly [process: string]: Usage }> =>
  Object.fromEntries(await Promise.all(Object.entries(of).map(async ([name, helper]) => [name, await helper.usage()] as const)))
interface Round {
  readonly rate: number
  readonly cpuUs: { readonly [process: string]: number }
}
/** One round: how many of `n` a second, and what each of them cost whom. */
const measure = async (of: Named, n: number, run: () => Promise<readonly [began: number, ended: number]>): Promise<Round> => {
  const before = await usages(of)
  const [began, ended] = await run()
  return { rate: n / (ended - began) * 1e6, cpuUs: await since(before, of, n) }
}
const since = async (before: { readonly [process: string]: Usage }, of: Named, n: number): Promise<Round["cpuUs"]> => {
  const after = await usages(of)
  return Object.fromEntries(Object.keys(of).map((name) => [name, (after[name]!.cpuUs - before[name]!.cpuUs) / n]))
}
const mediansOf = (all: ReadonlyArray<Pick<Round, "cpuUs">>): Round["cpuUs"] =>
  Object.fromEntries(Object.keys(all[0]!.cpuUs).map((name) => [name, median(all.map(({ cpuUs }) => cpuUs[name]!))]))

/** Takes turns; the first of each is warm-up. */
const taking = async <A>(turns: ReadonlyArray<() => Promise<A>>, times = rounds): Promise<ReadonlyArray<ReadonlyArray<A>>> => {
  const found: ReadonlyArray<Array<A>> = turns.map(() => [])
  for (let round = 0; round <= times; round++) {
    for (const [i, turn] of turns.entries()) {
      const one = await turn()
      if (round > 0) found[i]!.push(one)
    }
  }
  return found
}

const server = async (about: object) => {
  const helper = new Helper("server.ts", about)
  const addresses = await helper.ask<ReadonlyArray<string>>("addresses")
  return { helper, addresses }
}
const client = (id: string, address: string): Helper => new Helper("client.ts", { id, url: `${address}${address.startsWith("unix:") ? "#" : "/"}bench` })
const expecting = async (who: Helper, n: number, publish: () => Promise<number>): Promise<readonly [number, number]> => {
  await who.ask("expect", { n })
  const began = await publish()
  return [began, await who.ask<number>("arrived")]
}

// ---- rates ----------------------------------------------------------------------------------------

const forwarded = async () => {
  const forwarder = spawn(process.execPath, [fileURLToPath(new URL("forwarder.ts", import.meta.url))], { stdio: ["ignore", "pipe", "ignore"] })
  let port = 0
  for await (const line of createInterface({ input: forwarder.stdout })) {
    port = Number(line.split(" ").at(-1))
    break
  }
  const [sink, source] = [new Helper("raw.ts"), new Helper("raw.ts")]
  await sink.ask("sink", { port })
  await source.ask("source", { port })
  const round = (messages: number) => measure({ source, sink }, messages, () => expecting(sink, messages, () => source.ask("publish", { messages, perTurn: 100 })))
  const end = async () => {
    await Promise.all([sink.end(), source.end()])
    forwarder.kill("SIGKILL")
  }
  return { round, end }
}

interface Rate {
  readonly work: string
  readonly messages: number
  readonly perTurn: number
  readonly leaves?: number
  readonly observers?: number
  readonly wanted?: string
}
/** A publisher at the first node and a subscriber at the last. */
const rate = async ({ leaves = 1, messages, observers = 1, perTurn, wanted, work }: Rate, from: string, to: string, nodes: Named, kind: "m" | "p" = "m"): Promise<void> => {
  const yardstick = await forwarded()
  const [publisher, subscriber] = [client(`publisher-${work}`, from), client(`subscriber-${work}`, to)]
  const window = observers * leaves > 1 ? 4_000 : 8_000
  const subscribed = subscriber.ask("subscribe", { leaves, observers, what: kind, ackEvery: kind === "p" ? 400 : 1_000 })
  await publisher.ask("publisher", { leaves })
  await subscribed
  const heard = messages * leaves * observers
  const ours = () => measure({ publisher, ...nodes, subscriber }, heard, () => expecting(subscriber, heard, () => kind === "m"
    ? publisher.ask("publish", { messages, perTurn, window })
    : publisher.ask("churn", { batches: messages / 2 / perTurn, perTurn })))
  const [mine, base] = await taking([ours, () => yardstick.round(messages)])
  const yardstickValues = base!.map((one) => one.rate)
  add(work, kind === "m" ? "messages" : "changes", mine!.map((one) => one.rate), "a second",
    { cpuUs: mediansOf(mine!), yardstick: { what: "frames through the forwarder", values: yardstickValues }, more: true, ...wanted === undefined ? {} : { wanted } })
  await Promise.all([publisher.end(), subscriber.end(), yardstick.end()])
}

// ---- round trips ----------------------------------------------------------------------------------

/** Client to client is twice the way of a bare ping-pong: a bare one through a process between shows what that alone makes. */
const trips = async (name: string, address: string, node: Helper, path?: string): Promise<void> => {
  const [asking, answering] = [client(`ping-${name}`, address), client(`pong-${name}`, address)]
  const [raw, echo, between] = [new Helper("raw.ts"), new Helper("raw.ts"), new Helper("raw.ts")]
  await answering.ask("pong")
  const port = await echo.ask<number>("echo", path === undefined ? {} : { path })
  const where = path === undefined ? { port } : { path }
  const far = await between.ask<number>("between", where)
  const times = 2_000
  const round = async (who: Named, run: () => Promise<ReadonlyArray<number>>) => {
    const before = await usages(who)
    const took = await run()
    return { took, cpuUs: await since(before, who, times) }
  }
  const [client2, direct, bare, through] = await taking([
    () => round({ asking, node, answering }, () => asking.ask("ping", { times, to: "client" })),
    () => round({ asking, node }, () => asking.ask("ping", { times, to: "node" })),
    () => round({ raw, echo }, () => raw.ask("ping", { times, ...where })),
    () => round({ raw, between, echo }, () => raw.ask("ping", { times, port: far }))
  ])
  const what = `bare ping-pong over ${path === undefined ? "TCP" : "Unix sockets"}`
  for (const [part, p] of [[0.5, "p50"], [0.99, "p99"]] as const) {
    const group = `a round trip ${name}, ${p}`
    const [ours, near, base, far] = [client2!, direct!, bare!, through!].map((all) => all.map(({ took }) => at(took, part)))
    rows.push(figure(what, "µs", base!, { group, ratio: 1 }))
    for (const [label, took] of [["the same through a process between", far!], ["client to node", near!], ["client to client", ours!]] as const) {
      rows.push(figure(label, "µs", took, { group, ratio: ratioOf(took, base!), ...took !== far && p === "p50" ? { wanted: "at most 2 times" } : {} }))
    }
    // three processes wait for each other on however many cores there are: what is ours is what is more than this
    rows.push(figure("client to client, to what goes through a process between", "times", ours!.map((us, i) => us / far![i]!), { group }))
  }
  for (const [all, label] of [[client2!, "client to client"], [direct!, "client to node"], [through!, "bare, a process between"]] as const) {
    for (const [process, us] of Object.entries(mediansOf(all))) rows.push(figure(`${label}: ${process}`, "µs", [us], { group: `a round trip ${name}: processor time each` }))
  }
  await Promise.all([asking.end(), answering.end(), raw.end(), echo.end(), between.end()])
}

// ---- facts of a peer ------------------------------------------------------------------------------

const facts = 10_000
/** Who takes part: a watcher of all facts, and peers that hold some, at what is between them. */
interface Cast {
  readonly between: Helper
  readonly watcher: Helper
  readonly peer: (id: string) => Promise<Helper>
  readonly join: object
}
const ours = async (address: string, between: Helper): Promise<Cast> => {
  const watcher = client("watcher", address)
  await watcher.ask("watch")
  const peer = async (id: string) => {
    const one = client(id, address)
    await one.ask("hold", { facts })
    return one
  }
  return { between, watcher, peer, join: {} }
}
const bare = async (): Promise<Cast> => {
  const [between, watcher] = [new Helper("facts.ts"), new Helper("facts.ts")]
  const port = await between.ask<number>("mirror")
  await watcher.ask("watch", { port })
  return { between, watcher, peer: async (id) => new Helper("facts.ts", { id }), join: { facts, port } }
}
interface Took extends Pick<Round, "cpuUs"> {
  readonly ms: number
}
/** How long it takes the watcher to see so many, since `go` says that it began. */
const until = async ({ between, watcher }: Cast, more: Named, n: number, go: () => Promise<number>): Promise<Took> => {
  const who = { ...more, node: between, watcher }
  const before = await usages(who)
  const seen = watcher.ask<number>("standing", { n })
  const began = await go()
  return { ms: (await seen - began) / 1000, cpuUs: await since(before, who, facts) }
}
const joining = (cast: Cast, holder: Helper) => until(cast, { holder }, facts, () => holder.ask("join", cast.join))
const parting = (cast: Cast, holder: Helper) => until(cast, { holder }, 0, () => holder.ask("part"))
const killing = async (cast: Cast, id: string): Promise<Took> => {
  const victim = await cast.peer(id)
  await joining(cast, victim)
  return until(cast, {}, 0, async () => {
    const killed = clock()
    await victim.end("SIGKILL")
    return killed
  })
}

const resync = async (address: string, node: Helper): Promise<void> => {
  const casts = [await ours(address, node), await bare()] as const
  const line = (work: string, [mine, base]: ReadonlyArray<ReadonlyArray<Took>>, wanted?: string): void => {
    const yardstick = { what: "bare sockets and a Map", values: base!.map(({ ms }) => ms) }
    add(work, "a node", mine!.map(({ ms }) => ms), "ms", { cpuUs: mediansOf(mine!), yardstick, ...wanted === undefined ? {} : { wanted } })
  }
  const holders = await Promise.all(casts.map((cast) => cast.peer("holder")))
  const stays = await taking(casts.map((cast, i) => async () => [await joining(cast, holders[i]!), await parting(cast, holders[i]!)] as const))
  line(`${facts} facts of a peer that joins, seen`, stays.map((all) => all.map(([joined]) => joined)), "under 100 ms")
  line(`${facts} facts of a peer that parts, gone`, stays.map((all) => all.map(([, parted]) => parted)))
  await Promise.all(holders.map((holder) => holder.end()))

  let victims = 0
  const kills = await taking(casts.map((cast) => () => killing(cast, `victim-${++victims}`)))
  line(`${facts} facts of a peer that is killed, gone`, kills, "under 40 ms")
  await Promise.all([casts[0].watcher.end(), casts[1].watcher.end(), casts[1].between.end()])
}

// ---- start and memory -----------------------------------------------------------------------------

const cold = async (): Promise<void> => {
  const time = async (args: ReadonlyArray<string>, line: RegExp): Promise<number> => {
    const began = performance.now()
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] })
    for await (const said of createInterface({ input: child.stdout })) if (line.test(said)) break
    const took = performance.now() - began
    child.kill("SIGKILL")
    return took
  }
  const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url))
  const [ours, bare] = await taking([
    () => time([main, "serve", "--listen", "tcp://127.0.0.1:0"], /is ready$/),
    () => time(["-e", "console.log('ready')"], /ready/)
  ])
  add("cold start, spawned to ready", "colloquy serve", ours!, "ms", { yardstick: { what: "Node alone", values: bare! } })
}

const works: ReadonlyArray<readonly [name: string, run: () => Promise<void>]> = [
  ["one to one, in batches of 100", () => alone((tcp, node) =>
    rate({ work: "one to one, in batches of 100", messages: 200_000, perTurn: 100, wanted: "300,000 or more" }, tcp, tcp, { node }))],
  ["one to one, each by itself", () => alone((tcp, node) =>
    rate({ work: "one to one, each by itself", messages: 50_000, perTurn: 1 }, tcp, tcp, { node }))],
  ["fan-out to 100 observers over 10 links", () => alone((tcp, node) =>
    rate({ work: "fan-out to 100 observers over 10 links", messages: 10_000, perTurn: 100, leaves: 10, observers: 10, wanted: "1,000,000 or more" }, tcp, tcp, { node }))],
  ["presence: changes seen remotely", () => alone((tcp, node) =>
    rate({ work: "presence: changes seen remotely", messages: 100_000, perTurn: 100, wanted: "100,000 or more" }, tcp, tcp, { node }, "p"))],
  ["over a pair of nodes", () => overRow("over a pair of nodes", ["first", "last"])],
  ["over a chain of three nodes", () => overRow("over a chain of three nodes", ["first", "middle", "last"])],
  ["one to one over WebSocket", () => alone((url, node) => rate({ work: "one to one over WebSocket", messages: 100_000, perTurn: 100 }, url, url, { node }), "ws://127.0.0.1:0")],
  ["one to one over a Unix socket", () => alone((url, node) => rate({ work: "one to one over a Unix socket", messages: 100_000, perTurn: 100 }, url, url, { node }), `unix:${socketOf("rate")}`)],
  ["round trip", async () => {
    await alone((tcp, node) => trips("over TCP", tcp, node))
    await alone((ws, node) => trips("over WebSocket", ws, node), "ws://127.0.0.1:0")
    const path = socketOf("echo")
    await alone((unix, node) => trips("over a Unix socket", unix, node, path), `unix:${socketOf("ping")}`)
    rmSync(path, { force: true })
  }],
  ["facts of a peer", () => alone(resync)],
  ["cold start", cold]
]

/** Nodes in a row, the publisher at the first and the subscriber at the last. */
const overRow = async (work: string, names: ReadonlyArray<string>): Promise<void> => {
  const nodes: Array<Awaited<ReturnType<typeof server>>> = []
  for (const id of names) nodes.push(await server({ id, listen: ["tcp://127.0.0.1:0"], uplinks: nodes.at(-1)?.addresses ?? [] }))
  await rate({ work, messages: 100_000, perTurn: 100 }, nodes[0]!.addresses[0]!, nodes.at(-1)!.addresses[0]!, Object.fromEntries(nodes.map(({ helper }, i) => [names[i]!, helper])))
  await Promise.all(nodes.map(({ helper }) => helper.end()))
}

const memories: Array<number> = []
/** A node of its own for a work, and what it weighs afterwards. */
const alone = async (work: (address: string, node: Helper) => Promise<void>, listen = "tcp://127.0.0.1:0"): Promise<void> => {
  const { addresses, helper } = await server({ id: "node", listen: [listen], echo: true })
  await work(addresses[0]!, helper)
  await helper.ask("collect")
  memories.push((await helper.usage()).rss / 2 ** 20)
  await helper.end()
}

for (const [name, work] of works) {
  if (!name.includes(only)) continue
  process.stderr.write(`${name} …\n`)
  await work()
}
if (memories.length > 0) add("memory of a node after a work", "resident", memories, "MiB")
report(rows)
process.exit(0)
