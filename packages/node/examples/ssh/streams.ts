/** ssh2's streams as effects, with the back-pressure that the library leaves to its user. */
import { Effect } from "effect"
import type { Socket } from "node:net"
import type { Readable, Writable } from "node:stream"
import type ssh2 from "ssh2"

/** Up to `max` bytes as soon as there are some; `null` at the end. What is not taken stays with the client, beyond ssh2's window of 2 MiB. */
export const take = (stream: Readable, max: number): Effect.Effect<Buffer | null> => Effect.callback((resume) => {
  const forgetUs = () => void stream.off("readable", look).off("end", look)
  const look = () => {
    const data = stream.read(Math.min(max, stream.readableLength)) as Buffer | null
    if (data === null && !stream.readableEnded) return
    forgetUs()
    resume(Effect.succeed(data))
  }
  stream.on("readable", look).on("end", look)
  look()
  return Effect.sync(forgetUs)
})

/** Completes when the client's window had room for all of it. */
export const put = (stream: Writable, data: string | Uint8Array): Effect.Effect<void> =>
  Effect.callback((resume) => void stream.write(data, () => resume(Effect.void)))

/** ssh2 writes to the socket without asking whether that has room. */
export const drained = (socket: Socket): Effect.Effect<void> => Effect.callback((resume) => {
  if (!socket.writableNeedDrain) return resume(Effect.void)
  const done = () => resume(Effect.void)
  socket.once("drain", done)
  return Effect.sync(() => void socket.off("drain", done))
})

/**
 * ssh2 1.17 keeps what it last wrote in parts for want of room, and would write it once more when next
 * the *other* stream of the channel (stdout, stderr) has to wait. Since one write follows the other here,
 * it can forget it.
 */
export const forget = (stream: ssh2.ServerChannel): void =>
  void Object.assign(stream, { _chunk: undefined, _chunkcb: undefined, _chunkErr: undefined, _chunkcbErr: undefined })
