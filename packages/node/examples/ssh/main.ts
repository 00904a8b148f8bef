/**
 * The SSH server as a command:
 *
 *     node packages/node/examples/ssh/main.ts ann=$HOME/.ssh/id_ed25519.pub
 *     ssh -p 2222 ann@127.0.0.1 help
 */
import { Node } from "@colloquy/node"
import { Console, Effect, FileSystem, Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { createHash } from "node:crypto"
import ssh2 from "ssh2"
import { main, Port } from "../main.ts"
import * as Ssh from "./driver.ts"
import { serve } from "./server.ts"

/** The keys in a file, a line each. */
const loginsOf = Effect.fnUntraced(function*({ file, user }: Entry) {
  const fs = yield* FileSystem.FileSystem
  const lines = (yield* fs.readFileString(file)).split("\n").map((line, i) => ({ line, place: `${file}, line ${i + 1}` }))
  return yield* Effect.forEach(lines.filter(({ line }) => !/^\s*(#|$)/.test(line)), ({ line, place }) => {
    const key = ssh2.utils.parseKey(line)
    if (key instanceof Error) return Effect.fail(new Error(`${place}: ${key.message}`))
    return Effect.succeed({ user, key: new Uint8Array(key.getPublicSSH()) })
  })
})
interface Entry {
  readonly user: string
  readonly file: string
}
const entryOf = (text: string): Option.Option<Entry> => {
  const [, user, file] = /^([^=]+)=(.+)$/.exec(text) ?? []
  return user === undefined || file === undefined ? Option.none() : Option.some({ user, file })
}

const flags = {
  host: Flag.String("host").pipe(
    Flag.withDescription("an address of this machine: 127.0.0.1, unless you say another"),
    Flag.withDefault("127.0.0.1")
  ),
  port: Flag.Int("port").pipe(
    Flag.withSchema(Port),
    Flag.withDescription("where to listen: 2222, unless you say another; 0 is any that is free"),
    Flag.withDefault(2222)
  ),
  hostKey: Flag.FileText("host-key").pipe(
    Flag.withDescription("the server's private key; without one, a key is made for this run, and clients that know the last one complain"),
    Flag.withDefault(Effect.sync(() => Ssh.newKeys().private))
  ),
  entries: Argument.String("NAME=FILE").pipe(
    Argument.withDescription("whoever has a key of the file, which is as ~/.ssh/authorized_keys without options, can log in as NAME"),
    Argument.filterMap(entryOf, () => "NAME=FILE, such as ann=$HOME/.ssh/id_ed25519.pub"),
    Argument.atLeast(1)
  )
}

main(import.meta, Command.make("ssh/main.ts", flags, Effect.fnUntraced(function*({ entries, host, hostKey, port }) {
  const keys = (yield* Effect.forEach(entries, loginsOf)).flat()
  // how `ssh` shows it when it asks whether this is the right server
  const known = createHash("sha256").update((yield* Ssh.hostKeyOf(hostKey)).getPublicSSH()).digest("base64").replace(/=+$/, "")
  const layer = Ssh.layer({ hostKey }).pipe(Layer.provideMerge(Node.scope("ssh")), Layer.provide(Node.layer()))
  yield* Effect.gen(function*() {
    const bound = yield* serve({ host, port, keys })
    yield* Console.log(`listening on ${host} port ${bound}; host key SHA256:${known}`)
    return yield* Effect.never
  }).pipe(Effect.scoped, Effect.provide(layer))
})).pipe(Command.withDescription("an SSH server for programs of its own: help lists them")))
