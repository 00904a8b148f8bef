/**
 * What a running node costs one process: what is said in it passes the host, the node's machine and the
 * kernel of the scope. The yardstick is an EventEmitter. And what a link to a peer takes of the heap, both ends together.
 */
import { Pattern, Process, Value } from "@colloquy/core"
import { EventEmitter } from "node:events"
import { compare, heap, report } from "../../../.config/bench/Harness.ts"
import type { Row } from "../../../.config/bench/Result.ts"
import * as Transports from "../src/transport/index.ts"
import { enter, freePort, node, until, withNodes } from "./raw/nodes.ts"

const perTurn = 100
const links = 200
const text = "x".repeat(100)
const said = (i: number): Value.Value => Value.record("said", i, text)

const rows: Array<Row> = []
await withNodes(async (build) => {
  let heard = 0
  const host = await build(node({ id: "one" }, "memory"))
  const observe = enter(host, (events) => { heard += events.length })
  observe(Process.observe(0, Pattern.record("said", Pattern.bind(), Pattern.bind())))
  const speak = enter(host, () => {})
  const emitter = new EventEmitter().on("said", () => { heard++ })
  const hearing = (count: number, run: (i: number) => void) => (i: number): void => {
    const before = heard
    run(i)
    if (heard !== before + count) throw new Error(`${heard - before} were heard where ${count} should be`)
  }
  rows.push(...await compare("in one node, heard by one", [
    { name: "an EventEmitter's event", run: hearing(1, (i) => emitter.emit("said", said(i))) },
    { name: "a message", run: hearing(1, (i) => speak(Process.send(said(i)))) },
    { name: `a message, ${perTurn} a turn`, run: hearing(perTurn, (i) => speak(...Array.from({ length: perTurn }, (_, n) => Process.send(said(i + n))))), per: perTurn },
    {
      name: "a fact that comes and goes",
      run: hearing(2, (i) => {
        speak(Process.assert(0, said(i)))
        speak(Process.retract(0))
      })
    }
  ]))
})

/** Two nodes that share so many scopes, linked in each. */
const weighLinks = (transports: "memory" | "sockets", address: string) => withNodes(async (build) => {
  const network = Transports.network()
  const acceptor = await build(node({ id: "acceptor", listen: [address] }, transports, network))
  const dialer = await build(node({ id: "dialer", uplinks: { first: [address] } }, transports, network))
  await until(() => acceptor.linksOf("first").length === 1)
  const scopes = Array.from({ length: links }, (_, n) => `scope ${n}`)
  const before = heap()
  const another = await build(node({ id: "another", uplinks: Object.fromEntries(scopes.map((scope) => [scope, [address]])) }, transports, network))
  await until(() => scopes.every((scope) => acceptor.linksOf(scope).length === 1 && another.linksOf(scope).length === 1))
  const bytes = (heap() - before) / links
  if (dialer.linksOf("first").length !== 1) throw new Error("the first link is there")
  rows.push({ group: "a scope with a link, both ends", name: transports === "memory" ? "in memory" : "over TCP", unit: "bytes", median: bytes, bytes })
})
await weighLinks("memory", "memory:acceptor")
await weighLinks("sockets", `tcp://127.0.0.1:${await freePort()}`)
report(rows)
process.exit()
