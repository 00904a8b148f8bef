/**
 * A driver of one's own: SSH in the words of a dataspace. The `ssh2` library speaks the protocol; what
 * people may do, and what runs for them, is for other programs to say.
 *
 * | who | what | | means |
 * | --- | --- | --- | --- |
 * | you | `<authorized-key user key>` | fact | who has this key (its bytes) may log in as user; withdrawn: their connections close |
 * | you | `<ssh-listen host port>` | fact | listen; withdrawn: stop, and close every connection |
 * | driver | `<ssh-listening host port actual>` | fact | it does |
 * | driver | `<ssh-failed <ssh-listen host port> text>` | fact | it cannot |
 * | driver | `<ssh-connection id user>` | fact | somebody has logged in; the removal's reason tells why it ended |
 * | you | `<ssh-handle id>` | fact | I deal with this connection; withdrawn, or not there in time: it is closed |
 * | driver | `<ssh-channel connection id command>` | fact | a program is to run; command is "" for a shell |
 * | you | `<ssh-read id n>` | message | give me up to n bytes; nothing is read that nobody asked for |
 * | driver | `<ssh-in id data>` | message | one for each `ssh-read`: bytes, or `eof` |
 * | you | `<ssh-out id stream n data>` | message | write a string or bytes to `stdout` or `stderr`; n is your number for it |
 * | driver | `<ssh-written id n>` | message | the client had room for it; wait for this before you write more, or exit |
 * | you | `<ssh-exit id status>` | message | the program has ended: a number, or the signal that ended it, as "TERM" |
 *
 * Only public keys can log in. Terminals (pty), subsystems and forwarding are refused.
 * One driver serves a dataspace, and the dataspace is not federated: `ssh-…` is for this process.
 */
import { Pattern, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import { Data, Deferred, Effect, Fiber, FiberSet, Layer, Option, type Scope, Stream } from "effect"
import { createServer, type Socket } from "node:net"
import ssh2 from "ssh2"
import { drained, forget, put, take } from "./streams.ts"

export interface Config {
  /** The private key that clients know this server by, in a format of OpenSSH. */
  readonly hostKey: string
  /** To log in, and for somebody to deal with who has. */
  readonly graceMs?: number
}
const graceMsDefault = 20_000 // a guess: a person may have to unlock a key
const lingerMs = 2_000 // a guess: to be told of the end
const connectionsMax = 100 // a guess
const channelsMax = 10 // of a connection, as sshd's MaxSessions
const attemptsMax = 6 // as sshd's MaxAuthTries
const commandMax = 4_096 // a guess: characters
const chunkMax = 65_536

/** Nothing of its text: it is a secret. */
export class BadHostKey extends Data.TaggedError("BadHostKey") {
  override readonly message = "the host key is not a private key, or has a passphrase"
}
export const hostKeyOf = (text: string): Effect.Effect<ssh2.ParsedKey, BadHostKey> => {
  const key = ssh2.utils.parseKey(text)
  return key instanceof Error || !key.isPrivateKey() ? Effect.fail(new BadHostKey()) : Effect.succeed(key)
}
/** A new pair of keys. Of those that ssh2 1.17 makes, one in 256 lacks a zero at its beginning, and cannot be read. */
export const newKeys = (): { readonly private: string; readonly public: string } => {
  const pair = ssh2.utils.generateKeyPairSync("ed25519")
  return ssh2.utils.parseKey(pair.private) instanceof Error ? newKeys() : pair
}

/** A process of its own, so that all it says goes when it ends. */
export const layer = (config: Config): Layer.Layer<never, BadHostKey, Space.Space> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const space = yield* Space.Space
    yield* hostKeyOf(config.hostKey)
    yield* space.fork("ssh", drive(config))
  }))

const drive = Effect.fnUntraced(function*(config: Config) {
  const space = yield* Space.Space
  let connections = 0
  yield* space.during(Pattern.record("ssh-listen", Pattern.bind(), Pattern.bind()), ([host, port]) =>
    listen(host as string, port as number, (socket) => connection(socket, String(++connections), config)))
  yield* Effect.never
})

type Serve = (socket: Socket) => Effect.Effect<void, Ended, Space.Space | Scope.Scope>

/** Accepts connections while the Scope is open; they close with it. */
const listen = Effect.fnUntraced(function*(host: string, port: number, serve: Serve) {
  const space = yield* Space.Space
  const run = yield* FiberSet.makeRuntime<Space.Space>()
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {}) // "close" follows
    run(Effect.ignore(Effect.scoped(serve(socket))))
  })
  server.maxConnections = connectionsMax
  yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
  const failure = yield* Effect.callback<string | undefined>((resume) => {
    server.on("error", ({ message }) => resume(Effect.succeed(message)))
    try {
      server.listen(port, host, () => resume(Effect.undefined))
    } catch (error) { // no port at all
      resume(Effect.succeed((error as Error).message))
    }
  })
  const bound = server.address()
  yield* space.assert(failure === undefined && bound !== null && typeof bound === "object"
    ? Value.record("ssh-listening", host, port, bound.port)
    : Value.record("ssh-failed", Value.record("ssh-listen", host, port), failure ?? "closed"))
})

/** Why a connection is over. */
class Ended extends Data.TaggedError("Ended")<{ readonly message: string }> {}

/** One client. All that belongs to it is in the Scope of this effect. */
const connection = Effect.fnUntraced(function*(socket: Socket, id: string, { graceMs = graceMsDefault, hostKey }: Config) {
  const space = yield* Space.Space
  const run = yield* FiberSet.makeRuntime<Space.Space>()
  const login = yield* Deferred.make<{ readonly user: string; readonly key: Uint8Array }>()
  const over = yield* Deferred.make<never, Ended>()
  let client: ssh2.Connection | undefined
  let attempts = 0
  let channels = 0
  const end = (message: string) => void Deferred.doneUnsafe(over, Effect.fail(new Ended({ message })))

  const decide = Effect.fnUntraced(function*(context: ssh2.AuthContext) {
    if (context.method === "publickey" && (yield* isAuthorized(space, context))) {
      context.accept() // without a signature the client only asks whether it is worth to sign
      if (context.signature !== undefined) Deferred.doneUnsafe(login, Effect.succeed({ user: context.username, key: context.key.data }))
    } else {
      context.reject(["publickey"])
      if (context.method !== "none" && ++attempts >= attemptsMax) end("too many attempts to log in")
    }
  })
  const open = (stream: ssh2.ServerChannel | undefined, command: string, closed: Effect.Effect<void>) => {
    if (stream === undefined) return // a second program for one session
    run(Effect.scoped(channel(socket, stream, closed, { within: id, id: `${id}.${++channels}`, command })))
  }

  // a server for each socket: whatever ssh2 tells us is then of this client
  new ssh2.Server({ hostKeys: [hostKey] }, (it) => {
    client = it
    let sessions = 0
    it.on("error", ({ message }) => end(message))
    it.on("authentication", (context) => run(decide(context)))
    it.on("session", (accept, reject) => {
      if (sessions >= channelsMax) return reject()
      sessions++
      const session = accept()
      const closed = Deferred.makeUnsafe<void>()
      session.on("close", () => {
        sessions--
        Deferred.doneUnsafe(closed, Effect.void)
      })
      session.on("shell", (acceptShell) => open(acceptShell(), "", Deferred.await(closed)))
      session.on("exec", (acceptExec, rejectExec, { command }) =>
        command.length > commandMax ? rejectExec?.() : open(acceptExec(), command, Deferred.await(closed)))
    })
  }).injectSocket(socket)
  // as sshd: who does not take our answers is not heard either
  socket.on("data", () => {
    if (!socket.writableNeedDrain) return
    socket.pause()
    socket.once("drain", () => socket.resume())
  })
  socket.on("close", () => end("the client has gone"))
  yield* Effect.addFinalizer(() => Effect.sync(() => {
    client?.end()
    socket.pause() // or a client that talks on would put off the timeout
    socket.setTimeout(lingerMs, () => socket.destroy())
    socket.destroySoon()
  }))

  const stay = Effect.gen(function*() {
    const late = () => new Ended({ message: "nobody logged in" })
    const { key, user } = yield* Deferred.await(login).pipe(Effect.timeoutOrElse({ duration: graceMs, orElse: late }))
    yield* space.assert(Value.record("ssh-connection", id, user))
    yield* Effect.raceFirst(
      Effect.andThen(gone(space, authorizedKey(user, key), graceMs), new Ended({ message: "the key is not authorized any more" })),
      Effect.andThen(gone(space, Value.record("ssh-handle", id), graceMs), new Ended({ message: "nobody deals with it" }))
    )
  })
  yield* Effect.raceFirst(stay, Deferred.await(over))
})

const authorizedKey = (user: string, key: Uint8Array): Value.Value => Value.record("authorized-key", user, new Uint8Array(key))

/** Whether the dataspace knows the key, and the client has it (when it has signed). */
const isAuthorized = Effect.fnUntraced(function*(space: Space.Interface, { blob, hashAlgo, key, signature, username }: ssh2.PublicKeyAuthContext) {
  const parsed = ssh2.utils.parseKey(key.data)
  if (parsed instanceof Error || key.data.length > chunkMax) return false
  const known = yield* space.query(Pattern.literal(authorizedKey(username, key.data)))
  if (known.length === 0) return false
  // `verify` answers with an Error too
  return signature === undefined || (blob !== undefined && parsed.verify(blob, signature, hashAlgo) === true)
})

/** Completes when a fact has gone, or has not come within `graceMs`. */
const gone = (space: Space.Interface, fact: Value.Value, graceMs: number) => Effect.scoped(Effect.gen(function*() {
  const came = yield* Deferred.make<void>()
  const went = yield* Deferred.make<void>()
  yield* space.during(Pattern.literal(fact), () =>
    Effect.acquireRelease(Deferred.succeed(came, undefined), () => Deferred.succeed(went, undefined)))
  if (Option.isSome(yield* Effect.timeoutOption(Deferred.await(came), graceMs))) yield* Deferred.await(went)
}))

interface What {
  readonly within: string
  readonly id: string
  readonly command: string
}
/** One program's input and output. */
const channel = Effect.fnUntraced(function*(socket: Socket, stream: ssh2.ServerChannel, closed: Effect.Effect<void>, what: What) {
  const { command, id, within } = what
  const space = yield* Space.Space
  yield* Effect.addFinalizer(() => Effect.sync(() => stream.end()))
  for (const one of [stream, stream.stderr]) one.on("error", () => {}) // the session's "close" follows
  // what is asked for is done one after the other
  const obey = (label: string, fields: number, order: (captures: ReadonlyArray<Value.Value>) => Effect.Effect<void>) =>
    Effect.forkScoped(Stream.runForEach(
      space.observe(Pattern.record(label, Pattern.literal(id), ...Array.from({ length: fields }, () => Pattern.bind()))),
      ({ _tag, captures }) => _tag === "Received" ? order(captures) : Effect.void
    ), { startImmediately: true })

  yield* obey("ssh-read", 1, ([n]) => typeof n !== "number" || n < 1 ? Effect.void : Effect.gen(function*() {
    const data = yield* take(stream, Math.min(n, chunkMax))
    yield* space.send(Value.record("ssh-in", id, data === null ? Value.symbol("eof") : new Uint8Array(data)))
  }))
  yield* obey("ssh-out", 3, ([target, n, data]) => typeof data !== "string" && !(data instanceof Uint8Array) ? Effect.void : Effect.gen(function*() {
    yield* put(target === Value.symbol("stderr") ? stream.stderr : stream, data)
    forget(stream)
    yield* drained(socket)
    yield* space.send(Value.record("ssh-written", id, n!))
  }))
  const exit = yield* Effect.forkScoped(space.waitFor(Pattern.record("ssh-exit", Pattern.literal(id), Pattern.bind())), { startImmediately: true })
  yield* space.assert(Value.record("ssh-channel", within, id, command))
  yield* Effect.raceFirst(closed, Effect.map(Fiber.join(exit), ([status]) => {
    if (typeof status === "string") stream.exit(status)
    else stream.exit(typeof status === "number" ? status & 0xff : 255)
  }))
})
