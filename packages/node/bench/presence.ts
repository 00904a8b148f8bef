/**
 * How soon and at what cost a node learns what comes and goes at another: two nodes in this process, over
 * each transport. The yardstick is as many trips of a bare TCP connection in this process.
 */
import { Pattern, Process, Value } from "@colloquy/core"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { compare, report, type Work } from "../../../.config/bench/Harness.ts"
import * as Transports from "../src/transport/index.ts"
import { enter, freePort, node, scope, until, withNodes } from "./raw/nodes.ts"

const many = 1_000
const present = (name: string): Value.Value => Value.record("present", "lobby", name)

/** A connection to a server here that sends back what comes; resolves with what it is to wait for. */
const echo = async () => {
  const server = net.createServer((socket) => socket.setNoDelay(true).pipe(socket)).listen(0, "127.0.0.1")
  await new Promise((resolve) => { server.once("listening", resolve) })
  const socket = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1").setNoDelay(true)
  await new Promise((resolve) => { socket.once("connect", resolve) })
  const message = Buffer.alloc(64)
  return () => new Promise<void>((resolve) => {
    socket.once("data", () => resolve())
    socket.write(message)
  })
}

await withNodes(async (build) => {
  /** What is said at one of two nodes, and waited for at the other. */
  const pair = async (name: string, transports: "memory" | "sockets", address: string) => {
    const network = Transports.network()
    const there = await build(node({ id: `${name} there`, listen: [address] }, transports, network))
    const here = await build(node({ id: `${name} here`, uplinks: { [scope]: [address] } }, transports, network))
    await until(() => here.linksOf(scope).length === 1)
    let awaited = 0
    let seen: () => void = () => {}
    const observe = enter(here, (events) => {
      awaited -= events.length
      if (awaited === 0) seen()
    })
    observe(Process.observe(0, Pattern.record("present", Pattern.literal("lobby"), Pattern.bind())))
    const speak = enter(there, () => {})
    const say = (...actions: ReadonlyArray<Process.Action>) => new Promise<void>((resolve) => {
      awaited = actions.length
      seen = resolve
      speak(...actions)
    })
    await say(Process.assert("first", present("first"))) // the question has come there
    return say
  }
  const ping = await echo()
  const pairs = [
    ["memory", await pair("memory", "memory", "memory:there")],
    ["Unix socket", await pair("unix", "sockets", `unix:${join(tmpdir(), `colloquy-bench-${process.pid}.sock`)}`)],
    ["TCP", await pair("tcp", "sockets", `tcp://127.0.0.1:${await freePort()}`)],
    ["WebSocket", await pair("ws", "sockets", `ws://127.0.0.1:${await freePort()}`)]
  ] as const
  const names = Array.from({ length: many }, (_, n) => `member ${n}`)
  const all: ReadonlyArray<Work> = pairs.map(([name, say]) => ({
    name, per: 2 * many,
    run: async () => {
      await say(...names.map((member, n) => Process.assert(n, present(member))))
      await say(...names.map((_, n) => Process.retract(n)))
    }
  }))
  report([
    ...await compare("a fact comes, is seen at the other node, goes, and is seen to be gone", [
      { name: "a TCP round trip", run: ping },
      ...pairs.map(([name, say]) => ({
        name,
        run: async (i: number) => {
          await say(Process.assert(0, present(`ann ${i}`)))
          await say(Process.retract(0))
        }
      }))
    ], { isAsync: true }),
    ...await compare(`one of ${many} facts that come in a turn and go in another, seen by the other node`, [
      { name: "a TCP round trip", run: ping },
      ...all
    ], { isAsync: true })
  ])
})
process.exit()
