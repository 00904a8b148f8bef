/**
 * The SSH server as a command:
 *
 *     node packages/node/examples/ssh/main.ts --port 2222 ann=$HOME/.ssh/id_ed25519.pub
 *     ssh -p 2222 ann@127.0.0.1 chat
 *
 * NAME=FILE lets whoever has a key of the file (as `~/.ssh/authorized_keys`, without options) log in as NAME.
 */
import { Node } from "@colloquy/node"
import { Console, Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import ssh2 from "ssh2"
import { main } from "../main.ts"
import * as Ssh from "./driver.ts"
import { serve } from "./server.ts"

/** The keys in a file, a line each. */
const keysOf = (user: string, file: string) => readFileSync(file, "utf8").split("\n").flatMap((line, i) => {
  if (/^\s*(#|$)/.test(line)) return []
  const key = ssh2.utils.parseKey(line)
  if (key instanceof Error) throw new Error(`${file}:${i + 1} is not a public key`)
  return [{ user, key: new Uint8Array(key.getPublicSSH()) }]
})

/** How `ssh` shows it when it asks whether this is the right server. */
const fingerprint = (hostKey: string): string => {
  const key = ssh2.utils.parseKey(hostKey)
  if (key instanceof Error) throw new Error("the host key is not a private key, or has a passphrase")
  return `SHA256:${createHash("sha256").update(key.getPublicSSH()).digest("base64").replace(/=+$/, "")}`
}

main(import.meta, Effect.fnUntraced(function*(words) {
  const { hostKey, keys, known, values } = yield* Effect.try({
    try: () => {
      const { positionals, values } = parseArgs({
        args: [...words],
        allowPositionals: true,
        options: { host: { type: "string", default: "127.0.0.1" }, port: { type: "string", default: "2222" }, "host-key": { type: "string" } }
      })
      const keys = positionals.flatMap((it) => keysOf(it.slice(0, it.indexOf("=")), it.slice(it.indexOf("=") + 1)))
      // without a host key one is made for this run: clients that know the last one will complain
      const file = values["host-key"]
      const hostKey = file === undefined ? ssh2.utils.generateKeyPairSync("ed25519").private : readFileSync(file, "utf8")
      return { keys, values, hostKey, known: fingerprint(hostKey) }
    },
    catch: (error) => error as Error
  })
  yield* Effect.gen(function*() {
    const port = yield* serve({ host: values.host, port: Number(values.port), keys })
    yield* Console.log(`listening on ${values.host} port ${port}, ${keys.length} keys may log in; host key ${known}`)
    return yield* Effect.never
  }).pipe(Effect.scoped, Effect.provide(Ssh.layer({ hostKey }).pipe(Layer.provideMerge(Node.scope("ssh")), Layer.provide(Node.layer()))))
}))
