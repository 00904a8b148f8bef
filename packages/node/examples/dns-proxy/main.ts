/**
 * A caching DNS proxy for UDP and TCP, at an address, for servers; without `--server` for the system's.
 *
 *     node packages/node/examples/dns-proxy/main.ts --server 9.9.9.9 --server 1.1.1.1
 *     dig @127.0.0.1 -p 5353 example.com
 */
import { Console, Data, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as dns from "node:dns"
import { isIP, SocketAddress } from "node:net"
import { main } from "../main.ts"
import { layer, proxy } from "./proxy.ts"

interface Address {
  readonly host: string
  readonly port: number
}
/** `1.2.3.4`, `1.2.3.4:53`, `::1` or `[::1]:53`, as the system writes it: or who answers would not be known again. */
const addressOf = (text: string): Option.Option<Address> => {
  const [, v6, v4, port = "53"] = /^(?:\[(.+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = v6 ?? v4 ?? text
  if (isIP(host) === 0 || Number(port) > 65_535) return Option.none()
  const { address } = new SocketAddress({ address: host, family: isIP(host) === 6 ? "ipv6" : "ipv4" })
  return Option.some({ host: host.includes("%") ? host : address, port: Number(port) })
}
const print = ({ host, port }: Address) => `${host.includes(":") ? `[${host}]` : host}:${port}`

const address = (name: string) =>
  Flag.String(name).pipe(Flag.filterMap(addressOf, () => "an address: 127.0.0.1, 127.0.0.1:53, ::1 or [::1]:53"))
const flags = {
  listen: address("listen").pipe(
    Flag.withDescription("where to answer: 127.0.0.1:5353, unless you say another"),
    Flag.withDefault({ host: "127.0.0.1", port: 5353 })
  ),
  server: address("server").pipe(Flag.withDescription("whom to ask, in this order: the system's, unless you say others"), Flag.atLeast(0))
}

const serve = Effect.fnUntraced(function*({ listen: { host, port }, server }: { readonly listen: Address; readonly server: ReadonlyArray<Address> }) {
  const servers = server.length > 0 ? server : dns.getServers().flatMap((text) => Option.toArray(addressOf(text)))
  if (servers.length === 0) return yield* new NobodyToAsk()
  const bound = yield* proxy({ host, port, servers: servers.map((one) => ({ _tag: "server", ...one })) })
  yield* Console.log(`answering at ${print({ host, port: bound })}, asking ${servers.map(print).join(", ")}`)
  return yield* Effect.never
}, Effect.scoped, Effect.provide(layer))
class NobodyToAsk extends Data.TaggedError("NobodyToAsk") {
  override readonly message = "the system knows no server: name one, as --server 9.9.9.9"
}

main(import.meta, Command.make("dns-proxy/main.ts", flags, serve).pipe(Command.withDescription("a caching DNS proxy, for UDP and TCP")))
