/** Raw clients of nats-server, where it is installed: NATS_SERVER names it, or it is on the PATH. */
import { spawnSync } from "node:child_process"
import type { Socket } from "node:net"
import { connect, start } from "./server.ts"

const command = process.env["NATS_SERVER"] ?? "nats-server"

/** What it says that it is; nothing when there is none. */
export const version = (): string | undefined => {
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}
export const startNats = () => start(command, ["-a", "127.0.0.1", "-p", "-1"], /Listening for client connections on 127.0.0.1:(\d+)/)

/** Two clients, the second subscribed to what the first publishes. `turn` is so many messages of `bytes` at once, and `bytesOut` what they are at the other end. */
export const pair = async (port: number, perTurn: number, bytes: number) => {
  const [from, to] = [await client(port), await client(port)]
  await said(to, "SUB m 1\r\nPING\r\n")
  const message = Buffer.concat([Buffer.from(`PUB m ${bytes}\r\n`), Buffer.alloc(bytes, "x"), Buffer.from("\r\n")])
  return { from, to, turn: Buffer.concat(Array.from({ length: perTurn }, () => message)), bytesOut: perTurn * (`MSG m 1 ${bytes}\r\n`.length + bytes + 2) }
}
const client = async (port: number): Promise<Socket> => {
  const socket = await connect(port)
  await said(socket, 'CONNECT {"verbose":false,"pedantic":false,"lang":"raw","version":"0","protocol":0}\r\nPING\r\n')
  // it asks now and then whether we are there; a benchmark is over before it matters
  socket.resume()
  return socket
}
/** Resolves with the answer to the ping at the end of what is said. */
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
    socket.write(text)
  })
