/** The SSH server on a real socket, with OpenSSH's client where there is one, and with ssh2's own. */
import { assert, describe, it } from "@effect/vitest"
import { Pattern, Text, Value } from "@colloquy/core"
import { Node, Space } from "@colloquy/node"
import { Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import ssh2 from "ssh2"
import { type Application, applications as standard } from "../../examples/ssh/applications.ts"
import * as Ssh from "../../examples/ssh/driver.ts"
import { serve } from "../../examples/ssh/server.ts"
import { fromGround, toGround } from "../../examples/ssh/terminal.ts"
import { Program } from "./program.ts"
import { clients, type Connection, folder, hasOpenSsh, lines, newKey, outcome } from "./ssh-clients.ts"

if (!hasOpenSsh) console.info("there is no OpenSSH here: the SSH server is tested with ssh2's client alone")

const hostKey = Ssh.newKeys().private
const layer = (graceMs = 20_000) =>
  Ssh.layer({ hostKey, graceMs }).pipe(Layer.provideMerge(Node.scope("ssh")), Layer.provide(Node.layer()))

/** Applications that go wrong, or do much, for the tests. */
const more: { readonly [name: string]: Application } = {
  status: ({ args }) => Effect.succeed(Number(args[0])),
  fail: () => Effect.fail(new Error("no luck today")),
  crash: () => Effect.die(new Error("a bug")),
  /** Takes a line, and the rest only when it is told to. */
  sip: ({ lines: input, print }) => Effect.gen(function*() {
    const space = yield* Space.Space
    let size = 0
    yield* Stream.runForEach(input, (line) => size > 0 ? Effect.sync(() => void (size += line.length)) : Effect.gen(function*() {
      size = line.length
      yield* print("sipped\n")
      yield* space.waitFor(fromGround(Pattern.literal(Value.record("go"))))
    }))
    yield* print(`${size}\n`)
    return 0
  }),
  flood: ({ args, print }) => Effect.gen(function*() {
    for (let i = 0; i < Number(args[0]); i++) yield* print("x".repeat(65_536))
    return 0
  }),
  both: ({ print, printError }) => Effect.gen(function*() {
    for (const [say, letter] of [[print, "o"], [printError, "e"], [print, "O"], [printError, "E"]] as const) {
      yield* say(letter.repeat(3 * 1024 * 1024))
    }
    return 0
  }),
  /** Does not read, and so does not notice the end of its input. */
  stay: () => Effect.gen(function*() {
    const space = yield* Space.Space
    yield* space.assert(toGround(Value.record("staying")))
    return yield* Effect.never
  }),
  hide: ({ lines: input, print }) => Effect.gen(function*() {
    const space = yield* Space.Space
    yield* space.assert(Value.record("secret"))
    yield* print("hidden\n")
    yield* Stream.runDrain(input)
    return 0
  }),
  seek: ({ print }) => Effect.gen(function*() {
    const space = yield* Space.Space
    const secret = Pattern.literal(Value.record("secret"))
    const found = yield* Effect.forEach([secret, Pattern.record("inbound", secret), fromGround(secret)], (one) => space.query(one))
    yield* print(`${found.flat().length}\n`)
    return 0
  })
}

/** The server, with Ann's and Bob's keys. */
const server = Effect.gen(function*() {
  const inFolder = yield* folder
  const [ann, bob, eve] = ["ann", "bob", "eve"].map((user) => ({ user, ...newKey(inFolder, user) })) as [Key, Key, Key]
  const keys = [ann, bob].map(({ bytes, user }) => ({ user, key: bytes }))
  const port = yield* serve({ host: "127.0.0.1", port: 0, applications: { ...standard, ...more }, keys })
  const login = ({ file, user }: Key) => ({ user, key: file })
  return { place: { port, hostKey, folder: inFolder }, folder: inFolder, ann: login(ann), bob: login(bob), eve: login(eve) }
})
interface Key {
  readonly user: string
  readonly file: string
  readonly bytes: Uint8Array
}
const collect = Effect.fnUntraced(function*(pattern: Pattern.Pattern) {
  const space = yield* Space.Space
  const all: Array<Space.Change> = []
  const listening = Stream.runForEach(space.observe(pattern), (change) => Effect.sync(() => void all.push(change)))
  yield* Effect.forkScoped(listening, { startImmediately: true })
  return all
})

/** What `ps` lists, without the channels. */
const commands = (list: string): ReadonlyArray<string> => list.trimEnd().split("\n").map((line) => line.replace(/^\S+ /, "")).sort()

/** What a number is once several round trips did not change it. */
const standsStill = Effect.fnUntraced(function*(read: () => number, connection: Connection) {
  let last = 0
  for (let quiet = 0; quiet < 5;) {
    yield* outcome(yield* connection.open("whoami"))
    quiet = last > 0 && read() === last ? quiet + 1 : 0
    last = read()
  }
  return last
})

type Signer = (offered: ssh2.ParsedKey) => ssh2.ParsedKey
/** Offers keys one after the other, each signed for with what `signer` gives for it. */
const logIn = (port: number, keys: ReadonlyArray<ssh2.ParsedKey>, signer: Signer) => Effect.callback<string>((resume) => {
  class Agent extends ssh2.BaseAgent {
    override getIdentities(told: (error: undefined, all: Array<ssh2.ParsedKey>) => void): void {
      told(undefined, [...keys])
    }
    override sign(offered: ssh2.ParsedKey, data: Buffer, options: unknown, done?: (error: undefined, signature: Buffer) => void): void {
      const told = done ?? options as NonNullable<typeof done>
      told(undefined, signer(keys.find((one) => one.equals(offered))!).sign(data))
    }
  }
  const client = new ssh2.Client()
  const told = (outcome: string) => resume(Effect.succeed(outcome))
  client.on("ready", () => told("in")).on("error", ({ message }) => told(message)).on("close", () => told("closed"))
  client.connect({ host: "127.0.0.1", port, username: "ann", agent: new Agent() })
  return Effect.sync(() => void client.destroy())
}).pipe(Effect.timeout(20_000))

describe.each(clients)("an SSH server, asked by $name", (client) => {
  it.live("runs a program, and passes on its output, its errors and its status", () => Effect.gen(function*() {
    const { ann, place } = yield* server
    const run = (command: string, input?: string) => client.run(place, ann, command, input)

    assert.deepStrictEqual(yield* run("whoami"), { stdout: "ann\n", stderr: "", exit: 0 })
    assert.deepStrictEqual(yield* run("status 7"), { stdout: "", stderr: "", exit: 7 })
    assert.deepStrictEqual(yield* run("constructor"), { stdout: "", stderr: "constructor: no such application\n", exit: 127 })
    assert.deepStrictEqual(yield* run("fail"), { stdout: "", stderr: "fail: no luck today\n", exit: 1 })
    assert.deepStrictEqual(yield* run("crash"), { stdout: "", stderr: "crash: a bug\n", exit: 1 })
    assert.deepStrictEqual(yield* run("calc", "1 + 2\nwhat?\n6*-7"), {
      stdout: "3\n-42\n", stderr: "calc: write two numbers with + - * or / between them\n", exit: 1
    })
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("lets in who has a key that is a fact of the dataspace, as the user it is for, and nobody else", () => Effect.gen(function*() {
    const { ann, eve, folder: inFolder, place } = yield* server
    const space = yield* Space.Space
    const connections = yield* collect(Pattern.record("ssh-connection", Pattern.discard, Pattern.bind()))
    const strangers = [eve, { ...ann, user: "bob" }, { ...eve, user: "ann" }, { ...ann, user: "" }]
    const refused = yield* Effect.forEach(strangers, (one) => Effect.flip(client.run(place, one, "whoami")))
    const seen = connections.length
    const carol = newKey(inFolder, "carol")
    const scope = yield* Scope.make()
    yield* Scope.provide(space.assert(Value.record("authorized-key", "carol", carol.bytes)), scope)
    const login = { user: "carol", key: carol.file }
    const session = yield* (yield* client.connect(place, login)).open("calc")
    const calc = lines(session)
    session.stdin.write("1 + 1\n")
    const answer = yield* calc.next
    yield* Scope.close(scope, Exit.void)
    yield* Effect.promise(() => session.exit)
    const afterwards = yield* Effect.flip(client.run(place, login, "whoami"))

    for (const { message } of [...refused, afterwards]) assert.match(message, /permission denied|authentication methods failed/i)
    assert.strictEqual(seen, 0)
    assert.strictEqual(answer, "2")
    assert.deepStrictEqual(
      connections.map((one) => [one._tag, one.captures[0], one._tag === "Removed" && one.reason !== undefined ? Text.print(one.reason) : undefined]),
      [["Added", "carol", undefined], ["Removed", "carol", '<failed "the key is not authorized any more">']]
    )
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("runs two programs in one connection; one is killed, another crashes, and the rest lives", () => Effect.gen(function*() {
    const { ann, bob, place } = yield* server
    const mine = yield* client.connect(place, ann)
    const other = yield* client.connect(place, bob)
    const [calc, victim, bystander] = [yield* mine.open("calc"), yield* mine.open("chat"), yield* other.open("calc")]
    const [answers, news, others] = [lines(calc), lines(victim), lines(bystander)]
    const ask = (session: typeof calc, from: typeof answers, line: string) => Effect.suspend(() => {
      session.stdin.write(`${line}\n`)
      return from.next
    })
    assert.deepStrictEqual([yield* ask(calc, answers, "1 + 1"), yield* news.next, yield* ask(bystander, others, "2 + 2")], ["2", "* ann came", "4"])
    const list = (yield* outcome(yield* mine.open("ps"))).stdout
    const channel = /^(\S+) chat$/m.exec(list)![1]!
    const crashed = yield* outcome(yield* mine.open("crash"))
    const stranger = yield* outcome(yield* other.open(`kill ${channel}`))
    const killed = yield* outcome(yield* mine.open(`kill ${channel}`))
    const end = yield* Effect.promise(() => victim.exit)

    assert.deepStrictEqual(commands(list), ["calc", "chat", "ps"])
    assert.deepStrictEqual([crashed.exit, stranger.exit, killed.exit], [1, 1, 0])
    assert.strictEqual(end, client.name === "ssh2" ? "SIGTERM" : 255) // OpenSSH's client does not tell signals
    assert.deepStrictEqual(commands((yield* outcome(yield* mine.open("ps"))).stdout), ["calc", "ps"])
    assert.deepStrictEqual([yield* ask(calc, answers, "3 * 3"), yield* ask(bystander, others, "4 * 4")], ["9", "16"])
    calc.stdin.end()
    assert.strictEqual(yield* Effect.promise(() => calc.exit), 0)
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("ends a program whose user has closed it, and the connection lives on", () => Effect.gen(function*() {
    const { ann, bob, place } = yield* server
    const [hers, his] = [yield* client.connect(place, ann), yield* client.connect(place, bob)]
    const heard = lines(yield* hers.open("chat"))
    const first = yield* heard.next
    const chatting = yield* his.open("chat")
    const second = yield* heard.next
    yield* chatting.close
    yield* outcome(yield* his.open("whoami")) // OpenSSH's client would pass the end on when it next wakes up, 15 s later

    assert.deepStrictEqual([first, second, yield* heard.next], ["* ann came", "* bob came", "* bob left"])
    assert.deepStrictEqual(commands((yield* outcome(yield* his.open("ps"))).stdout), ["ps"])
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("ends the dataspaces of a client that is gone, and those alone", () => Effect.gen(function*() {
    const { ann, bob, place } = yield* server
    const exits = yield* collect(Pattern.record("exited", Pattern.bind(), Pattern.discard, Pattern.discard))
    const [hers, his] = [yield* client.connect(place, ann), yield* client.connect(place, bob)]
    const annChats = yield* hers.open("chat")
    const heard = lines(annChats)
    const first = yield* heard.next
    const bobChats = yield* his.open("chat")
    const alsoHeard = [yield* heard.next]
    bobChats.stdin.write("hello\n")
    alsoHeard.push(yield* heard.next)
    yield* his.drop
    alsoHeard.push(yield* heard.next)
    annChats.stdin.write("alone?\n")
    alsoHeard.push(yield* heard.next)
    const space = yield* Space.Space

    assert.deepStrictEqual([first, ...alsoHeard], ["* ann came", "* bob came", "bob: hello", "* bob left", "ann: alone?"])
    assert.deepStrictEqual(yield* space.query(Pattern.record("ssh-connection", Pattern.discard, Pattern.bind())), [["ann"]])
    assert.deepStrictEqual(yield* space.query(Pattern.record("ssh-channel", Pattern.bind(), Pattern.discard, Pattern.bind())), [["1", "chat"]])
    assert.deepStrictEqual(exits.map(({ captures: [name] }) => name), ["connection 2"])
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("keeps what an application holds for itself from all others", () => Effect.gen(function*() {
    const { ann, place } = yield* server
    const connection = yield* client.connect(place, ann)
    const hiding = yield* connection.open("hide")
    assert.strictEqual(yield* lines(hiding).next, "hidden")

    assert.strictEqual((yield* outcome(yield* connection.open("seek"))).stdout, "0\n")
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("reads no more than an application asks for", () => Effect.gen(function*() {
    const { ann, place } = yield* server
    const space = yield* Space.Space
    const told = yield* collect(Pattern.record("ssh-in", Pattern.discard, Pattern.bind()))
    const size = () => told.reduce((n, { captures: [data] }) => n + (data instanceof Uint8Array ? data.length : 0), 0)
    const session = yield* (yield* client.connect(place, ann)).open("sip")
    const input = `${"y".repeat(99)}\n`.repeat(50_000)
    session.stdin.end(input)
    const output = lines(session)
    const first = yield* output.next
    const early = size()
    yield* space.send(Value.record("go"))

    assert.deepStrictEqual([first, yield* output.next], ["sipped", String(99 * 50_000)])
    assert.isAtMost(early, 4_096)
    assert.strictEqual(size(), input.length)
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("writes no more than a client takes", () => Effect.gen(function*() {
    const { ann, place } = yield* server
    const written = yield* collect(Pattern.record("ssh-written", Pattern.literal("1.1"), Pattern.bind()))
    const connection = yield* client.connect(place, ann)
    const session = yield* connection.open("flood 256")
    const halted = yield* standsStill(() => written.length, connection)
    const { exit, stdout } = yield* outcome(session)

    assert.isBelow(halted, 128)
    assert.deepStrictEqual([stdout === "x".repeat(65_536 * 256), exit], [true, 0])
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("sends each byte of both outputs once, however often they wait for room", () => Effect.gen(function*() {
    const { ann, place } = yield* server
    const { exit, stderr, stdout } = yield* client.run(place, ann, "both")
    const size = 3 * 1024 * 1024

    assert.deepStrictEqual([stdout.length, stderr.length], [2 * size, 2 * size])
    assert.deepStrictEqual([stdout === "o".repeat(size) + "O".repeat(size), stderr === "e".repeat(size) + "E".repeat(size), exit], [true, true, 0])
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("is a command that says where it listens, and ends at SIGTERM", () => Effect.gen(function*() {
    const inFolder = yield* folder
    const { file } = newKey(inFolder, "ann")
    const hostFile = newKey(inFolder, "host").file
    const program = yield* Effect.acquireRelease(
      Effect.sync(() => new Program("ssh/main.ts", "--port", "0", "--host-key", hostFile, `ann=${file}.pub`)),
      (it) => Effect.promise(() => it[Symbol.asyncDispose]())
    )
    const [, port] = yield* Effect.promise(() => program.sees(/^listening on 127\.0\.0\.1 port (\d+); host key SHA256:\S+$/))
    const place = { port: Number(port), folder: inFolder, hostKey: readFileSync(hostFile, "utf8") }
    const { stdout } = yield* client.run(place, { user: "ann", key: file }, "whoami")

    assert.strictEqual(stdout, "ann\n")
    assert.strictEqual(yield* Effect.promise(() => program.stop()), 0)
    assert.deepStrictEqual([program.lines.length, program.errors], [1, []])
  }), 60_000)
})

/** What ssh2 does not let its clients do. */
interface Insides {
  readonly _protocol: { readonly channelWindowAdjust: (id: number, n: number) => void }
  readonly _sock: Socket
}

describe("the SSH driver", () => {
  it("makes keys that can all be read, which those of the library cannot", () => {
    const keys = Array.from({ length: 2_000 }, () => ssh2.utils.parseKey(Ssh.newKeys().private))

    assert.deepStrictEqual(keys.filter((key) => key instanceof Error), [])
  })

  it.live("believes nobody who cannot sign for the key that is offered, nor tries keys without end", () => Effect.gen(function*() {
    const { ann, eve, place } = yield* server
    const [good, evil] = [ann, eve].map(({ key }) => ssh2.utils.parseKey(readFileSync(key, "utf8"))) as [ssh2.ParsedKey, ssh2.ParsedKey]
    const fresh = Array.from({ length: 7 }, () => ssh2.utils.parseKey(Ssh.newKeys().private) as ssh2.ParsedKey)
    const honest = yield* logIn(place.port, [evil, good], (key) => key)
    const forged = yield* logIn(place.port, [good], () => evil)
    const several = yield* logIn(place.port, [...fresh.slice(0, 5), good], (key) => key)
    const many = yield* logIn(place.port, [...fresh, good], (key) => key)

    assert.deepStrictEqual([honest, several], ["in", "in"])
    assert.match(forged, /authentication methods failed/)
    assert.notStrictEqual(many, "in")
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("waits for a client that takes nothing off the line, whatever it promises to take", () => Effect.gen(function*() {
    const { ann, place } = yield* server
    const written = yield* collect(Pattern.record("ssh-written", Pattern.literal("1.1"), Pattern.bind()))
    const client = yield* Effect.acquireRelease(Effect.sync(() => new ssh2.Client()), (it) => Effect.sync(() => void it.destroy()))
    yield* Effect.callback<void>((resume) => {
      client.on("error", () => {}).on("ready", () => client.exec("flood 2000", (_, stream) => {
        const { _protocol, _sock } = client as unknown as Insides
        _protocol.channelWindowAdjust((stream as unknown as { readonly outgoing: { readonly id: number } }).outgoing.id, 2 ** 30)
        _sock.pause()
        resume(Effect.void)
      })).connect({ host: "127.0.0.1", port: place.port, username: ann.user, privateKey: readFileSync(ann.key) })
    })
    const halted = yield* standsStill(() => written.length, yield* clients.at(-1)!.connect(place, ann))

    assert.isBelow(halted, 1_000, "64 MiB, which no system keeps for a socket unasked")
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("withdraws a channel that is closed, although nobody reads it: what ran for it is interrupted", () => Effect.gen(function*() {
    const { ann, place } = yield* server
    const space = yield* Space.Space
    const staying = Pattern.literal(Value.record("staying"))
    const untilGone = Stream.takeUntil(space.observe(staying), ({ _tag }) => _tag === "Removed")
    const last = yield* Effect.forkScoped(Stream.runLast(untilGone), { startImmediately: true })
    const session = yield* (yield* clients.at(-1)!.connect(place, ann)).open("stay")
    yield* space.waitFor(staying)
    session.stdin.write("nobody reads this")
    yield* session.close

    assert.deepStrictEqual(Option.getOrThrow(yield* Fiber.join(last)), { _tag: "Removed", captures: [], reason: Value.record("interrupted") })
  }).pipe(Effect.provide(layer())), 60_000)

  it.live("closes a connection in which nobody logs in, and one that nobody deals with", () => Effect.gen(function*() {
    const inFolder = yield* folder
    const space = yield* Space.Space
    const { bytes, file } = newKey(inFolder, "ann")
    const gone = yield* collect(Pattern.record("ssh-connection", Pattern.discard, Pattern.bind()))
    yield* space.assert(Value.record("authorized-key", "ann", bytes))
    yield* space.assert(Value.record("ssh-listen", "127.0.0.1", 0))
    const [port] = yield* space.waitFor(Pattern.record("ssh-listening", Pattern.discard, Pattern.discard, Pattern.bind()))
    const silent = connect(Number(port), "127.0.0.1").resume()
    yield* Effect.promise(() => once(silent, "close"))
    const place = { port: Number(port), hostKey, folder: inFolder }
    const session = yield* (yield* clients.at(-1)!.connect(place, { user: "ann", key: file })).open("whoami")

    assert.deepStrictEqual(yield* outcome(session), { stdout: "", stderr: "", exit: -1 })
    assert.deepStrictEqual(
      gone.map((one) => one._tag === "Removed" && one.reason !== undefined ? Text.print(one.reason) : one._tag),
      ["Added", '<failed "nobody deals with it">']
    )
  }).pipe(Effect.provide(layer(1_000))), 60_000)

  it.live("says so when it cannot listen, stops with the demand, and closes what was open", () => Effect.gen(function*() {
    const taken = createServer().listen(0, "127.0.0.1")
    yield* Effect.promise(() => once(taken, "listening"))
    const port = (taken.address() as { readonly port: number }).port
    const failed = yield* Effect.flip(serve({ host: "127.0.0.1", port, keys: [] }))
    const keyless = yield* Effect.forEach(["my secret", Ssh.newKeys().public], (secret) =>
      Effect.flip(Effect.scoped(Layer.build(Layer.provide(Ssh.layer({ hostKey: secret }), layer())))))
    const wrong = yield* Effect.flip(serve({ host: "127.0.0.1", port: 70_000, keys: [] }))
    taken.close()
    const scope = yield* Scope.make()
    const { ann, place } = yield* Scope.provide(server, scope)
    const session = yield* (yield* clients.at(-1)!.connect(place, ann)).open("calc")
    yield* Scope.close(scope, Exit.void)
    yield* outcome(session)
    const refused = connect(place.port, "127.0.0.1")
    const [error] = (yield* Effect.promise(() => once(refused, "error"))) as [NodeJS.ErrnoException]

    assert.match(failed.message, /EADDRINUSE/)
    assert.match(wrong.message, /port/)
    assert.deepStrictEqual(keyless.map(({ message }) => message), Array(2).fill("the host key is not a private key, or has a passphrase"))
    assert.strictEqual(error.code, "ECONNREFUSED")
  }).pipe(Effect.provide(layer())), 60_000)
})
