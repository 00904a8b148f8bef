/**
 * A node beside nats-server: each relays messages of 128 bytes, 100 at a time, between two raw clients,
 * in turns within one run. What counts is the processor time of the server process a message, from the
 * operating system's books (so Linux), and messages a second. Without a nats-server the node runs alone.
 *
 *     NATS_SERVER=/usr/sbin/nats-server npm run bench -- nats
 */
import { figure, median, report } from "../../../.config/bench/Harness.ts"
import type { Row } from "../../../.config/bench/Result.ts"
import * as Colloquy from "./raw/colloquy.ts"
import * as Nats from "./raw/nats.ts"
import { pump, type Server } from "./raw/server.ts"

const rounds = 9
const perTurn = 100
const turns = 4_000
const messages = turns * perTurn

interface Relay {
  readonly name: string
  readonly server: Server
  readonly run: () => Promise<void>
  readonly cpu: Array<number>
  readonly rate: Array<number>
}
const node = async (): Promise<Relay> => {
  const server = await Colloquy.startNode()
  const { from, to, turn } = await Colloquy.pair(server.port, perTurn)
  return { name: "node", server, run: () => pump(from, to, turn, turn.length, turns), cpu: [], rate: [] }
}
const nats = async (name: string): Promise<Relay> => {
  const server = await Nats.startNats()
  const { bytesOut, from, to, turn } = await Nats.pair(server.port, perTurn, 128)
  return { name, server, run: () => pump(from, to, turn, bytesOut, turns), cpu: [], rate: [] }
}

const version = Nats.version()
const relays = [...version === undefined ? [] : [await nats(version)], await node()]
for (let round = -1; round < rounds; round++) {
  for (const { cpu, rate, run, server } of relays) {
    const [cpuBefore, before] = [server.cpu(), performance.now()]
    await run()
    const ms = performance.now() - before
    if (round < 0) continue // warm-up
    cpu.push((server.cpu() - cpuBefore) / messages)
    rate.push(messages / ms * 1_000)
  }
}
const [base] = relays
const rowsOf = (group: string, unit: string, of: (relay: Relay) => ReadonlyArray<number>, more: Partial<Row>): ReadonlyArray<Row> =>
  relays.map((relay) => figure(relay.name, unit, of(relay), { group, ratio: median(of(relay)) / median(of(base!)), ...more }))
report([
  ...rowsOf("processor time of the server for a message of 128 bytes, 100 at a time", "ns", ({ cpu }) => cpu, {}),
  ...rowsOf("messages between two raw clients", "a second", ({ rate }) => rate, { more: true })
], { notes: version === undefined ? ["nats-server was skipped: it is not installed (NATS_SERVER names it, or it is on the PATH)."] : [] })
for (const { server } of relays) server.stop()
process.exit()
