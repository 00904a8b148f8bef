/** Links over TCP: `tcp://host:port`. */
import { Context, Layer } from "effect"
import type { Address } from "./Address.ts"
import * as sockets from "./sockets.ts"
import type { Transport } from "./Transport.ts"

const place = (address: Address) => address._tag === "unix" ? { path: address.path } : { host: address.host, port: address.port }

/** Links over TCP, for addresses such as `tcp://127.0.0.1:7600`. They are neither encrypted nor authenticated. */
export class Tcp extends Context.Service<Tcp, Transport>()("@colloquy/node/transport/Tcp") {
  static readonly layer = Layer.succeed(Tcp, {
    listen: (address, accept) => sockets.listen(address, place(address), accept),
    dial: (address) => sockets.dial(address, place(address))
  })
}
