/** Servers of other processes: started, asked what they spent, and killed; and what raw clients of them have in common. Linux, for the books of /proc. */
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import * as net from "node:net"
import { createInterface } from "node:readline"

export interface Server {
  readonly port: number
  /** User and system time of all its threads so far, in ns. The kernel counts in hundredths of a second. */
  readonly cpu: () => number
  /** Resident memory, in bytes. */
  readonly memory: () => number
  readonly stop: () => void
}

/** Resolves when the server says, on either stream, at which port it listens: `port` finds it in a line. */
export const start = async (command: string, args: ReadonlyArray<string>, port: RegExp): Promise<Server> => {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] })
  running.add(child)
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
    memory: () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))![1]) * 1024,
    stop: () => {
      running.delete(child)
      child.kill("SIGKILL")
    }
  }
}
const running = new Set<ChildProcess>()
process.once("exit", () => { for (const child of running) child.kill("SIGKILL") })

export const connect = (port: number): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => resolve(socket))
    socket.setNoDelay(true)
    socket.once("error", reject)
  })

/** What is said at one end, in chunks that come again and again, and how many bytes come out at the others for each (a node adds some 15 for each turn, the stamp of its messages). */
export interface Traffic {
  readonly from: net.Socket
  readonly to: ReadonlyArray<net.Socket>
  readonly chunks: ReadonlyArray<Uint8Array>
  readonly bytesOut: number
}

/** Writes so many chunks, at most `windowChunks` ahead of what came out at the other ends; resolves when all is there. */
export const pump = ({ bytesOut, chunks, from, to }: Traffic, times: number, windowChunks = 32): Promise<void> =>
  new Promise((resolve) => {
    let sent = 0
    let got = 0
    const send = () => {
      while (sent < times && (sent - windowChunks) * bytesOut < got) from.write(chunks[sent++ % chunks.length]!)
    }
    const onData = (data: Buffer) => {
      got += data.length
      send()
      if (got < times * bytesOut) return
      for (const socket of to) socket.off("data", onData)
      resolve()
    }
    for (const socket of to) socket.on("data", onData)
    send()
  })
