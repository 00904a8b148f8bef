/**
 * Whole nodes, end to end: client, node, client, each a process, on loopback. The clients use the Effect
 * API, the node is an ordinary one. Each line is a median of rounds, with what every process spent of the
 * processor, and its ratio to a yardstick that took turns with it in the same run: frames through a plain
 * forwarder for rates, a bare ping-pong for round trips. On a machine of two cores, shared with others,
 * the ratio and the processor's time say more than the rate.
 *
 * What was to be reached stands in the last column; nothing is asserted of it. `--json` prints one object,
 * `--only=TEXT` takes the works whose name has the text.
 *
 *     npm run bench -- end-to-end [--json] [--only=TEXT] [--rounds=N]
 */
import { spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { clock, Helper, type Usage } from "./end-to-end/helper.ts"

const option = (name: string): string | undefined => process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
const rounds = Number(option("rounds") ?? 5)
const only = option("only") ?? ""
const socketOf = (name: string) => join(tmpdir(), `colloquy-bench-${process.pid}-${name}.sock`)

interface Line {
  readonly work: string
  readonly value: number
  readonly unit: string
  readonly least: number
  readonly most: number
  /** µs of processor time a message, or whatever is counted, by process. */
  readonly cpuUs?: { readonly [process: string]: number }
  readonly yardstick?: { readonly what: string; readonly value: number; readonly ratio: number }
  readonly wanted?: string
}
const lines: Array<Line> = []
const sorted = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => numbers.toSorted((a, b) => a - b)
const at = (numbers: ReadonlyArray<number>, part: number): number => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))]!
const median = (numbers: ReadonlyArray<number>): number => at(numbers, 0.5)

const shown = (value: number): string => value >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3)
const print = ({ cpuUs, least, most, unit, value, wanted, work, yardstick }: Line): void => {
  const cpu = cpuUs === undefined ? "" : `  cpu µs ${Object.entries(cpuUs).map(([name, us]) => `${name} ${us.toFixed(2)}`).join(", ")}`
  const ratio = yardstick === undefined ? "" : `  ${yardstick.ratio.toFixed(2)} of ${yardstick.what} (${shown(yardstick.value)})`
  console.log(`${work.padEnd(46)} ${shown(value).padStart(10)} ${unit.padEnd(6)} (${shown(least)}-${shown(most)})${cpu}${ratio}${wanted === undefined ? "" : `  [wanted: ${wanted}]`}`)
}
const add = (work: string, values: ReadonlyArray<number>, unit: string, more: Pick<Line, "cpuUs" | "yardstick" | "wanted"> = {}): void => {
  const line: Line = { work, value: median(values), unit, least: Math.min(...values), most: Math.max(...values), ...more }
  lines.push(line)
  if (!process.argv.includes("--json")) print(line)
}

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
  const theirs = median(base!.map((one) => one.rate))
  const ratio = median(mine!.map((one, i) => one.rate / base![i]!.rate))
  add(work, mine!.map((one) => one.rate), "/s", { cpuUs: mediansOf(mine!), yardstick: { what: "forwarder", value: theirs, ratio }, ...wanted === undefined ? {} : { wanted } })
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
  for (const [all, label] of [[client2!, "client to client"], [direct!, "client to node"], [through!, "bare, a process between"]] as const) {
    for (const [part, p] of [[0.5, "p50"], [0.99, "p99"]] as const) {
      const values = all.map(({ took }) => at(took, part))
      const base = bare!.map(({ took }) => at(took, part))
      add(`round trip ${name} ${label} ${p}`, values, "µs", {
        yardstick: { what, value: median(base), ratio: median(values.map((value, j) => value / base[j]!)) },
        ...p === "p50" ? { cpuUs: mediansOf(all) } : {},
        ...p === "p50" && all !== through ? { wanted: "2 times, at most" } : {}
      })
    }
  }
  // three processes wait for each other on however many cores there are: what is ours is what is more than this
  const [mine, base] = [client2!, through!].map((all) => all.map(({ took }) => at(took, 0.5)))
  add(`round trip ${name} client to client p50`, mine!, "µs", {
    yardstick: { what: "bare, a process between", value: median(base!), ratio: median(mine!.map((value, j) => value / base![j]!)) }
  })
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
    const ratio = median(mine!.map(({ ms }, i) => ms / base![i]!.ms))
    const yardstick = { what: "bare sockets and a Map, ms", value: median(base!.map(({ ms }) => ms)), ratio }
    add(work, mine!.map(({ ms }) => ms), "ms", { cpuUs: mediansOf(mine!), yardstick, ...wanted === undefined ? {} : { wanted } })
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
  add("cold start, spawned to ready", ours!, "ms", { yardstick: { what: "node alone", value: median(bare!), ratio: median(ours!.map((took, i) => took / bare![i]!)) } })
}

const works: ReadonlyArray<readonly [name: string, run: () => Promise<void>]> = [
  ["one to one, in batches of 100", () => alone((tcp, node) =>
    rate({ work: "one to one, in batches of 100", messages: 200_000, perTurn: 100, wanted: "300,000" }, tcp, tcp, { node }))],
  ["one to one, each by itself", () => alone((tcp, node) =>
    rate({ work: "one to one, each by itself", messages: 50_000, perTurn: 1 }, tcp, tcp, { node }))],
  ["fan-out to 100 observers over 10 links", () => alone((tcp, node) =>
    rate({ work: "fan-out to 100 observers over 10 links", messages: 10_000, perTurn: 100, leaves: 10, observers: 10, wanted: "1,000,000" }, tcp, tcp, { node }))],
  ["presence: changes seen remotely", () => alone((tcp, node) =>
    rate({ work: "presence: changes seen remotely", messages: 100_000, perTurn: 100, wanted: "100,000" }, tcp, tcp, { node }, "p"))],
  ["over a chain of three nodes", async () => {
    const first = await server({ id: "first", listen: ["tcp://127.0.0.1:0"] })
    const second = await server({ id: "second", listen: ["tcp://127.0.0.1:0"], uplinks: first.addresses })
    const third = await server({ id: "third", listen: ["tcp://127.0.0.1:0"], uplinks: second.addresses })
    await rate({ work: "over a chain of three nodes", messages: 100_000, perTurn: 100 }, first.addresses[0]!, third.addresses[0]!,
      { first: first.helper, second: second.helper, third: third.helper })
    await Promise.all([first.helper.end(), second.helper.end(), third.helper.end()])
  }],
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

const memories: Array<number> = []
/** A node of its own for a work, and what it weighs afterwards. */
const alone = async (work: (address: string, node: Helper) => Promise<void>, listen = "tcp://127.0.0.1:0"): Promise<void> => {
  const { addresses, helper } = await server({ id: "node", listen: [listen], echo: true })
  await work(addresses[0]!, helper)
  await helper.ask("collect")
  const { heap, rss } = await helper.usage()
  memories.push(rss / 2 ** 20)
  if (!process.argv.includes("--json")) console.log(`${"".padEnd(46)} node afterwards: ${(rss / 2 ** 20).toFixed(0)} MiB resident, ${(heap / 2 ** 20).toFixed(0)} MiB heap`)
  await helper.end()
}

for (const [name, work] of works) if (name.includes(only)) await work()
if (memories.length > 0) add("memory of a node after a work", memories, "MiB")
if (process.argv.includes("--json")) console.log(JSON.stringify({ rounds, lines }))
process.exit(0)
