/** Raw clients of nats-server, where it is installed: NATS_SERVER names it, or it is on the PATH. */
import { spawnSync } from "node:child_process"
import type { Socket } from "node:net"
import { freePort } from "./nodes.ts"
import { type Broker, heardBy, topicsOf, turnsOf } from "./Broker.ts"
import { connect, type Server, start } from "./server.ts"

const command = process.env["NATS_SERVER"] ?? "nats-server"

/** What it says that it is; nothing when there is none. */
export const version = (): string | undefined => {
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

/** So many servers, clustered when they are several: each speaks to each, so they are at most two here. */
export const nats = async (count: 1 | 2): Promise<Broker> => {
  const routes = count === 1 ? undefined : await freePort()
  const cluster = (i: number) => routes === undefined ? [] : ["--cluster_name", "bench", "--cluster", i === 0 ? `nats://127.0.0.1:${routes}` : "nats://127.0.0.1:-1", ...i === 0 ? [] : ["--routes", `nats://127.0.0.1:${routes}`]]
  const servers: Array<Server> = []
  for (let i = 0; i < count; i++) servers.push(await start(command, ["-a", "127.0.0.1", "-p", "-1", ...cluster(i)], /Listening for client connections on 127.0.0.1:(\d+)/))
  return {
    name: "nats-server", servers,
    async traffic(work) {
      const subscribers = await Promise.all(Array.from({ length: work.connections }, () => client(servers.at(-1)!.port)))
      const before = performance.now()
      await Promise.all(subscribers.map((socket, i) => said(socket, topicsOf(work, i).map((topic, n) => `SUB ${subject(topic)} ${sid(n)}\r\n`).join(""))))
      const subscribeMs = performance.now() - before
      const from = await client(servers[0]!.port)
      const chunks = turnsOf(work).map((turn) => Buffer.concat(turn.map(publish)))
      return { from, to: subscribers, chunks, bytesOut: outBytes * heardBy(work) * work.connections, subscribeMs }
    },
    async talk() {
      const [asking, answering] = [await client(servers[0]!.port), await client(servers[0]!.port)]
      await Promise.all([said(asking, `SUB ${subject(0)} ${sid(0)}\r\n`), said(answering, `SUB ${subject(1)} ${sid(0)}\r\n`)])
      return { asking, answering, question: publish(1), answer: publish(0), bytesOut: outBytes }
    },
    stop: () => servers.forEach((server) => server.stop())
  }
}
const bytes = 128
// as long for every topic, so that all messages are
const subject = (topic: number): string => `m.${String(topic).padStart(6, "0")}`
const sid = (n: number): string => String(10_000 + n)
const publish = (topic: number) => Buffer.concat([Buffer.from(`PUB ${subject(topic)} ${bytes}\r\n`), Buffer.alloc(bytes, "x"), Buffer.from("\r\n")])
const outBytes = `MSG ${subject(0)} ${sid(0)} ${bytes}\r\n`.length + bytes + 2

const client = async (port: number): Promise<Socket> => {
  const socket = await connect(port)
  await said(socket, 'CONNECT {"verbose":false,"pedantic":false,"lang":"raw","version":"0","protocol":0}\r\n')
  // it asks now and then whether we are there; a benchmark is over before it matters
  socket.resume()
  return socket
}
/** Resolves with the answer to a ping behind what is said. */
const said = (socket: Socket, text: string): Promise<void> =>
  new Promise((resolve) => {
    let got = ""
    const onData = (data: Buffer) => {
      got += data.toString("latin1")
      if (!got.includes("PONG\r\n")) return
      socket.off("data", onData)
      resolve()
    }
    socket.on("data", onData)
    socket.write(`${text}PING\r\n`)
  })
