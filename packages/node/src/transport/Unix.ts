/** Links over a Unix socket: `unix:/path`. Only the socket's owner may connect. */
import { Context, Effect, Layer } from "effect"
import * as fs from "node:fs"
import type { Address } from "./Address.ts"
import * as sockets from "./sockets.ts"
import { ListenError, type Transport } from "./Transport.ts"

const pathOf = (address: Address): string => {
  if (address._tag !== "unix") throw new TypeError("a unix transport takes unix addresses")
  return address.path
}

/** The file is made with mode 0600, not changed to it later; for this call alone, since the mask is the whole process's. */
const withMask = (listen: () => void): void => {
  const mask = process.umask(0o177)
  try {
    listen()
  } finally {
    process.umask(mask)
  }
}

/** Removes a socket that a dead process left behind: one that nobody answers at. */
const removeStale = (address: Address) =>
  sockets.dial(address, { path: pathOf(address) }).pipe(
    Effect.map((connection) => connection.abort()),
    Effect.catchTag("DialError", ({ reason }) => Effect.sync(() => {
      // refused by a socket: what is no socket, or not ours to remove, stays and is reported by listen
      if (reason.includes("ECONNREFUSED") && fs.statSync(pathOf(address), { throwIfNoEntry: false })?.isSocket() === true) fs.rmSync(pathOf(address), { force: true })
    }))
  )

/** Links over Unix sockets, for addresses such as `unix:/run/colloquy.sock`; a file that a dead process left there is replaced. */
export class Unix extends Context.Service<Unix, Transport>()("@colloquy/node/transport/Unix") {
  static readonly layer = Layer.succeed(Unix, {
    listen: (address, accept) => removeStale(address).pipe(
      Effect.andThen(sockets.listen(address, { path: pathOf(address) }, accept, withMask)),
      Effect.catchDefect((cause) => Effect.fail(new ListenError({ address: pathOf(address), reason: String(cause) })))
    ),
    dial: (address) => sockets.dial(address, { path: pathOf(address) })
  })
}
