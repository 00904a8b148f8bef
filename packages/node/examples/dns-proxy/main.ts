#!/usr/bin/env node
/**
 * A caching DNS proxy for UDP and TCP, at an address, for servers; without `--server` for the system's.
 *
 *     node packages/node/examples/dns-proxy/main.ts --listen 127.0.0.1:5353 --server 9.9.9.9 --server 1.1.1.1
 *     dig @127.0.0.1 -p 5353 example.com
 */
import { Driver, Node } from "@colloquy/node"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Console, Effect, Exit, Layer } from "effect"
import * as dns from "node:dns"
import { SocketAddress } from "node:net"
import { parseArgs } from "node:util"
import { proxy } from "./proxy.ts"
import { Failed } from "./words.ts"

const { values: { listen, server } } = parseArgs({
  options: { listen: { type: "string", default: "127.0.0.1:5353" }, server: { type: "string", multiple: true, default: dns.getServers() } }
})
/** `1.2.3.4`, `1.2.3.4:53`, `::1` or `[::1]:53`. */
const addressOf = (text: string) => {
  const found = SocketAddress.parse(text) ?? SocketAddress.parse(`[${text}]`)
  if (found !== undefined) return { host: found.address, port: found.port }
  console.error(`${text} is no address: write 127.0.0.1:53 or [::1]:53`)
  return process.exit(1)
}
const print = ({ host, port }: { readonly host: string; readonly port: number }) => `${host.includes(":") ? `[${host}]` : host}:${port}`
const servers = server.map(addressOf).map(({ host, port }) => ({ _tag: "server" as const, host, port: port || 53 }))
const at = addressOf(listen)

// a node that is linked to no other: its dataspace, the drivers in it, and the proxy
const Place = Layer.merge(Driver.Tcp.layer, Driver.Udp.layer).pipe(Layer.provideMerge(Node.scope("dns")), Layer.provide(Node.layer()))

const main = Effect.gen(function*() {
  const port = yield* proxy({ ...at, servers })
  yield* Console.log(`answering at ${print({ ...at, port })}, asking ${servers.map(print).join(", ")}`)
  yield* Effect.never
}).pipe(Effect.catchTag("Failed", ({ message }: Failed) => Effect.andThen(Console.error(message), Effect.sync(() => { process.exitCode = 1 }))))

main.pipe(
  Effect.scoped,
  Effect.provide(Place),
  // a signal is how it is meant to end
  NodeRuntime.runMain({
    teardown: (exit, end) => end(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? Number(process.exitCode ?? 0) : 1)
  })
)
