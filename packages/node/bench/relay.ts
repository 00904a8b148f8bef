/**
 * What it costs to relay messages of 128 bytes, 100 at a time, between raw clients: nodes, beside
 * nats-server where it is installed and a plain forwarder of frames, in turns within one run. What counts
 * is the processor time of the servers for each message that is heard, from the operating system's books
 * (so Linux); messages a second depend on the clients as well, which share the machine.
 *
 * What dominates (a processor profile of the node): copying the captures into the turns that go out,
 * the system's own write, and making an object for each item that comes in; no value is decoded.
 *
 *     NATS_SERVER=/usr/sbin/nats-server npm run bench -- relay
 */
import { figure, median, report } from "../../../.config/bench/Harness.ts"
import type { Row } from "../../../.config/bench/Result.ts"
import type { Broker, Subscriptions, Talk } from "./raw/Broker.ts"
import { colloquy } from "./raw/colloquy.ts"
import { forwarder } from "./raw/forwarder.ts"
import { nats, version } from "./raw/nats.ts"
import { pump, type Traffic } from "./raw/server.ts"

const rounds = 7
const perTurn = 100
const found = version()

interface Running {
  readonly broker: Broker
  readonly traffic: Traffic & { readonly subscribeMs: number }
  readonly memory: number
  readonly cpu: Array<number>
  readonly rate: Array<number>
}
/** All of it in turns; `heard` says how many hear each message. */
const measure = async (work: string, brokers: ReadonlyArray<Promise<Broker>>, wanted: Omit<Subscriptions, "perTurn">, turns: number, heard = 1): Promise<ReadonlyArray<Row>> => {
  const all: Array<Running> = []
  for (const broker of await Promise.all(brokers)) {
    const before = memoryOf(broker)
    const traffic = await broker.traffic({ ...wanted, perTurn })
    all.push({ broker, traffic, memory: memoryOf(broker) - before, cpu: [], rate: [] })
  }
  const messages = turns * perTurn * heard
  for (let round = -1; round < rounds; round++) {
    for (const { broker, cpu, rate, traffic } of all) {
      const [cpuBefore, before] = [cpuOf(broker), performance.now()]
      await pump(traffic, turns)
      const ms = performance.now() - before
      if (round < 0) continue // warm-up
      cpu.push((cpuOf(broker) - cpuBefore) / messages)
      rate.push(messages / ms * 1_000)
    }
  }
  for (const { broker } of all) broker.stop()
  const rowsOf = (group: string, unit: string, of: (one: Running) => ReadonlyArray<number>, more: Partial<Row> = {}): ReadonlyArray<Row> =>
    all.map((one) => figure(one.broker.name, unit, of(one), { group: `${work}: ${group}`, ratio: median(of(one)) / median(of(all[0]!)), ...more }))
  const subscribed = wanted.topics < 1_000 ? [] : [
    ...rowsOf("memory of the server for one", "bytes", ({ memory }) => [memory / wanted.topics]),
    ...rowsOf("made", "a second", ({ traffic }) => [wanted.topics / traffic.subscribeMs * 1_000], { more: true })
  ]
  return [
    ...rowsOf("processor time of the servers, each delivery", "ns", ({ cpu }) => cpu),
    ...rowsOf("deliveries", "a second", ({ rate }) => rate, { more: true }), ...subscribed
  ]
}
const cpuOf = ({ servers }: Broker): number => servers.reduce((sum, { cpu }) => sum + cpu(), 0)
const memoryOf = ({ servers }: Broker): number => servers.reduce((sum, { memory }) => sum + memory(), 0)

/** One message in flight, and its answer: the time of a round trip. */
const trips = async (brokers: ReadonlyArray<Promise<Broker>>): Promise<ReadonlyArray<Row>> => {
  const all = await Promise.all((await Promise.all(brokers)).map(async (broker) => ({ broker, talk: await broker.talk(), p50: [] as Array<number>, p99: [] as Array<number>, cpu: [] as Array<number> })))
  for (let round = -1; round < rounds; round++) {
    for (const { broker, cpu, p50, p99, talk } of all) {
      const before = cpuOf(broker)
      const us = (await timesOf(talk)).toSorted((a, b) => a - b)
      if (round < 0) continue // warm-up
      p50.push(us[us.length >> 1]!)
      p99.push(us[Math.floor(us.length * 0.99)]!)
      cpu.push((cpuOf(broker) - before) / us.length / 1_000)
    }
  }
  for (const { broker } of all) broker.stop()
  return (["p50", "p99", "cpu"] as const).flatMap((what) => all.map(({ broker: { name }, [what]: us }) =>
    figure(name, "µs", us, { group: `a round trip: ${what === "cpu" ? "processor time of the server" : what}`, ratio: median(us) / median(all[0]![what]) })))
}
const timesOf = ({ answer, answering, asking, bytesOut, question }: Talk): Promise<ReadonlyArray<number>> =>
  new Promise((resolve) => {
    const us: Array<number> = []
    let began = 0
    const ask = () => {
      began = performance.now()
      asking.write(question)
    }
    // who is asked whether he lives gets less
    const onQuestion = (data: Buffer) => { if (data.length >= bytesOut) answering.write(answer) }
    const onAnswer = (data: Buffer) => {
      if (data.length < bytesOut) return
      us.push((performance.now() - began) * 1_000)
      if (us.length < 5_000) return ask()
      answering.off("data", onQuestion)
      asking.off("data", onAnswer)
      resolve(us)
    }
    answering.on("data", onQuestion)
    asking.on("data", onAnswer)
    ask()
  })

const one = { topics: 1, connections: 1 }
const both = (count: 1 | 2): ReadonlyArray<Promise<Broker>> => [...found === undefined ? [] : [nats(count)], colloquy(count)]
report([
  ...await measure("one to one", [forwarder(), ...both(1)], one, 4_000),
  ...await measure("one to 100 connections", both(1), { topics: 1, connections: 100 }, 100, 100),
  ...await measure("100,000 subscriptions on 10 connections", both(1), { topics: 100_000, connections: 10 }, 2_000),
  ...await trips(both(1)),
  ...await measure("over a pair", both(2), one, 4_000),
  ...await measure("over a chain of three", [colloquy(3)], one, 4_000)
], { notes: [found === undefined ? "nats-server was skipped: it is not installed (NATS_SERVER names it, or it is on the PATH)." : `${found}; its pair is a cluster of two.`] })
process.exit()
