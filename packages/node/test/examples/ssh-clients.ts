/** Two SSH clients with one face: OpenSSH's, where it is installed, and ssh2's own. */
import { Data, Effect, type Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { text } from "node:stream/consumers"
import ssh2 from "ssh2"
import { newKeys } from "../../examples/ssh/driver.ts"

/** Where the server is, and how it is known. */
export interface Place {
  readonly port: number
  readonly hostKey: string
  readonly folder: string
}
export interface Login {
  readonly user: string
  /** A file with a private key. */
  readonly key: string
}
export class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

/** A program that runs at the server. */
export interface Session {
  readonly stdin: Writable
  readonly stdout: Readable
  /** All of it, once it has ended. */
  readonly stderr: Promise<string>
  /** Its status; or the signal that ended it, if the client tells. */
  readonly exit: Promise<number | string>
  /** Gives it up, and keeps the connection. */
  readonly close: Effect.Effect<void>
}
/** One connection, in which several programs can run. */
export interface Connection {
  readonly open: (command: string) => Effect.Effect<Session, never, Scope.Scope>
  /** The client is gone, without a farewell. */
  readonly drop: Effect.Effect<void>
}
export interface Client {
  readonly name: string
  readonly connect: (place: Place, login: Login) => Effect.Effect<Connection, Refused, Scope.Scope>
  /** A connection for this one program. */
  readonly run: (place: Place, login: Login, command: string, input?: string) => Effect.Effect<Outcome, Refused>
}
export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly exit: number | string
}

/** All that a program says once its input is `input`. */
export const outcome = (session: Session, input = ""): Effect.Effect<Outcome> => Effect.promise(async () => {
  session.stdin.end(input)
  const [stdout, stderr, exit] = await Promise.all([text(session.stdout), session.stderr, session.exit])
  return { stdout, stderr, exit }
})
/** Its output, line by line. */
export const lines = (session: Session): { readonly next: Effect.Effect<string> } => {
  const all = createInterface(session.stdout)[Symbol.asyncIterator]()
  return { next: Effect.promise(async () => String((await all.next()).value)) }
}

/** A folder for keys and sockets, gone with the Scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "colloquy-ssh-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
export const hasOpenSsh = spawnSync("ssh", ["-V"]).status === 0 && spawnSync("ssh-keygen", ["-?"]).error === undefined

/** A new key: the file of the private one, beside which the public one is, and the bytes that the server is told. */
export const newKey = (inFolder: string, name: string): { readonly file: string; readonly bytes: Uint8Array } => {
  const file = join(inFolder, name)
  if (hasOpenSsh) spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file])
  else {
    const pair = newKeys()
    writeFileSync(file, pair.private, { mode: 0o600 })
    writeFileSync(`${file}.pub`, `${pair.public}\n`)
  }
  return { file, bytes: publicBytes(readFileSync(`${file}.pub`, "utf8")) }
}
const publicBytes = (key: string): Uint8Array => {
  const parsed = ssh2.utils.parseKey(key)
  if (parsed instanceof Error) throw parsed
  return new Uint8Array(parsed.getPublicSSH())
}

/** A child of ours, ended with the Scope. */
const child = (args: ReadonlyArray<string>) => Effect.acquireRelease(
  Effect.sync(() => spawn("ssh", ["-F", "none", ...args], { env: { PATH: process.env.PATH } })),
  (it) => Effect.sync(() => void it.kill("SIGKILL"))
)
const sessionOf = (it: Effect.Success<ReturnType<typeof child>>): Session => {
  it.stdin.on("error", () => {}) // it may end before it has read all
  return {
    stdin: it.stdin, stdout: it.stdout, stderr: text(it.stderr),
    exit: once(it, "close").then(([code, signal]) => (code ?? signal) as number | string),
    close: Effect.sync(() => void it.kill())
  }
}

const options = ({ folder: inFolder, hostKey, port }: Place, { key, user }: Login): ReadonlyArray<string> => {
  // the client knows the server, as it should: an unknown host key would be refused
  const known = join(inFolder, `known_hosts_${port}`)
  writeFileSync(known, `[127.0.0.1]:${port} ssh-ed25519 ${Buffer.from(publicBytes(hostKey)).toString("base64")}\n`)
  const said = {
    BatchMode: "yes", ConnectTimeout: "20", GlobalKnownHostsFile: "none", IdentitiesOnly: "yes", IdentityAgent: "none", IdentityFile: key,
    StrictHostKeyChecking: "yes", UserKnownHostsFile: known
  }
  return [...Object.entries(said).flatMap(([name, value]) => ["-o", `${name}=${value}`]), "-p", String(port), "-l", user]
}

let sockets = 0
const openSsh: Client = {
  name: "OpenSSH",
  connect: Effect.fnUntraced(function*(place, login) {
    const path = join(place.folder, `c${++sockets}`)
    const telling = ["-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo up"]
    const master = yield* child([...options(place, login), ...telling, "-M", "-N", "-S", path, "127.0.0.1"])
    const { exit, stderr, stdin, stdout } = sessionOf(master)
    stdin.end()
    const first = yield* Effect.promise(() => Promise.race([once(stdout, "data").then(() => "up"), stderr]))
    if (first !== "up") return yield* new Refused({ message: first })
    return {
      open: (command) => Effect.map(child(["-S", path, "127.0.0.1", command]), sessionOf),
      drop: Effect.promise(() => {
        master.kill("SIGKILL")
        return exit
      })
    }
  }),
  run: (place, login, command, input) => Effect.scoped(Effect.gen(function*() {
    const result = yield* outcome(sessionOf(yield* child([...options(place, login), "127.0.0.1", command])), input)
    return result.exit === 255 ? yield* new Refused({ message: result.stderr }) : result
  }))
}

const library: Client = {
  name: "ssh2",
  connect: Effect.fnUntraced(function*({ hostKey, port }, { key, user }) {
    const client = yield* Effect.acquireRelease(Effect.sync(() => new ssh2.Client()), (it) => Effect.sync(() => void it.destroy()))
    yield* Effect.callback<void, Refused>((resume) => {
      client.on("error", ({ message }) => resume(new Refused({ message }))).on("ready", () => resume(Effect.void))
      client.on("close", () => resume(new Refused({ message: "closed" })))
      const expected = Buffer.from(publicBytes(hostKey))
      client.connect({ host: "127.0.0.1", port, username: user, privateKey: readFileSync(key), hostVerifier: (it: Buffer) => it.equals(expected) })
    })
    return {
      open: (command) => Effect.callback((resume) => {
        client.exec(command, (error, stream) => {
          if (error !== undefined) return resume(Effect.die(error))
          stream.on("error", () => {})
          const exit = new Promise<number | string>((told) => {
            stream.on("exit", (code: number | null, signal?: string) => told(code ?? signal ?? -1)).on("close", () => told(-1))
          })
          resume(Effect.succeed({ stdin: stream, stdout: stream, stderr: text(stream.stderr), exit, close: Effect.sync(() => stream.close()) }))
        })
      }),
      drop: Effect.sync(() => void client.destroy())
    }
  }),
  run: (place, login, command, input) => Effect.scoped(Effect.gen(function*() {
    const connection = yield* library.connect(place, login)
    return yield* outcome(yield* connection.open(command), input)
  }))
}

export const clients: ReadonlyArray<Client> = hasOpenSsh ? [openSsh, library] : [library]
