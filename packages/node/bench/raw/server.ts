/** A server of another process: started, asked what it spent of the processor, and killed. Linux, for the books of /proc. */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import * as net from "node:net"
import { createInterface } from "node:readline"

export interface Server {
  readonly port: number
  /** User and system time of all its threads so far, in ns. The kernel counts in hundredths of a second. */
  readonly cpu: () => number
  readonly stop: () => void
}

/** Resolves when the server says, on either stream, at which port it listens: `port` finds it in a line. */
export const start = async (command: string, args: ReadonlyArray<string>, port: RegExp): Promise<Server> => {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] })
  const failed = new Promise<never>((_, reject) => {
    child.once("error", reject)
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}`)))
  })
  failed.catch(() => {}) // it is stopped in the end
  const listening = new Promise<number>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        const found = port.exec(line)?.[1]
        if (found !== undefined) resolve(Number(found))
      })
    }
  })
  return {
    port: await Promise.race([listening, failed]),
    cpu: () => {
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]!.split(" ")
      return (Number(fields[11]) + Number(fields[12])) * 10_000_000
    },
    stop: () => child.kill("SIGKILL")
  }
}

export const connect = (port: number): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => resolve(socket))
    socket.setNoDelay(true)
    socket.once("error", reject)
  })

/** Writes `chunk` so many times, at most `windowChunks` ahead of what came out at the other end, `bytesOut` for each; resolves when all is there. */
export const pump = (from: net.Socket, to: net.Socket, chunk: Uint8Array, bytesOut: number, times: number, windowChunks = 32): Promise<void> =>
  new Promise((resolve) => {
    let sent = 0
    let got = 0
    const send = () => {
      while (sent < times && (sent - windowChunks) * bytesOut < got) {
        from.write(chunk)
        sent++
      }
    }
    const onData = (data: Buffer) => {
      got += data.length
      send()
      if (got < times * bytesOut) return
      to.off("data", onData)
      resolve()
    }
    to.on("data", onData)
    send()
  })
