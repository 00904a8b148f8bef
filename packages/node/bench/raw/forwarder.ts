/** The yardstick: a process that forwards frames of 128 bytes, and does nothing else. */
import { fileURLToPath } from "node:url"
import type { Broker } from "./Broker.ts"
import { connect, start } from "./server.ts"

export const forwarder = async (): Promise<Broker> => {
  const server = await start(process.execPath, [fileURLToPath(new URL("../forwarder.ts", import.meta.url))], /listening on (\d+)/)
  return {
    name: "forwarder", servers: [server],
    async traffic({ perTurn }) {
      const to = await connect(server.port)
      await new Promise((resolve) => { setImmediate(resolve) }) // its first connection is the one that hears
      const from = await connect(server.port)
      const frame = Buffer.concat([Buffer.from([0, 0, 0, 128]), Buffer.alloc(128)])
      const chunk = Buffer.concat(Array.from({ length: perTurn }, () => frame))
      return { from, to: [to], chunks: [chunk], bytesOut: chunk.length, subscribeMs: 0 }
    },
    talk: () => Promise.reject(new Error("it forwards one way")),
    stop: server.stop
  }
}
