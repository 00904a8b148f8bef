import { assert, describe, it } from "@effect/vitest"
import { Text, Value } from "@colloquy/core"
import { Effect, Layer } from "effect"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Http from "../../src/driver/Http.ts"
import { type Entry, fields, type Program, program, record, space, symbol } from "./world.ts"

const world = (config: Partial<Http.Config> = {}) => Layer.provideMerge(Http.layerConfig({ allowFiles: () => true, ...config }), space)
const folder = realpathSync(mkdtempSync(join(tmpdir(), "colloquy-")))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

const dictionary = (entries: { readonly [name: string]: Value.Value } = {}) => new Value.Dictionary(Object.entries(entries))
const any = symbol("_")
const more = symbol("...")
const respond = (id: Value.Value, status: Value.Value, body: Value.Value, headers: Value.Value = dictionary()) =>
  record("http-response", id, status, headers, body)

/** A port of its own. */
const listening = Effect.fnUntraced(function*(me: Program) {
  me.observe("http-listening", 3)
  me.observe("http-ended", 2)
  me.observe("http-failed", 2)
  const demand = me.assert(record("http-listen", "127.0.0.1", 0))
  const port = fields(yield* me.reads(/^\+ <http-listening "127.0.0.1" 0 \d+>$/))[2] as number
  return { port, demand, url: `http://127.0.0.1:${port}` }
})
const isRequest = ({ sign, value }: Entry, at = "+") => sign === at && Value.isRecord(value, "http-request", 7)
/** Does something with each request that comes. */
const onRequest = (me: Program, handle: (id: Value.Value, path: ReadonlyArray<Value.Value>, entry: Entry) => void) => {
  me.onEntry = (entry) => { if (isRequest(entry)) handle(fields(entry)[0]!, fields(entry)[3] as ReadonlyArray<Value.Value>, entry) }
  me.observe("http-request", 7)
}
const get = (url: string, init: RequestInit = {}) => Effect.promise(() => fetch(url, init))
const textOf = (response: Response) => Effect.promise(() => response.text())
const answer = (url: string, init: RequestInit = {}) =>
  Effect.flatMap(get(url, init), (response) => Effect.map(textOf(response), (text) => [response.status, text]))
/** All that a server says to this, until it closes the connection. */
const raw = (port: number, text: string) => Effect.callback<string>((resume) => {
  let said = ""
  const socket = net.connect(port, "127.0.0.1", () => socket.write(text)).setEncoding("latin1")
  socket.on("data", (more) => { said += more }).on("error", () => {}).on("close", () => resume(Effect.succeed(said)))
  return Effect.sync(() => socket.destroy())
})
const ended = (me: Program) => me.diary.filter(({ value }) => Value.isRecord(value, "http-ended", 2)).map((entry) => Text.print(fields(entry)[1]!))

describe("an HTTP port", () => {
  it.live("is open as long as it is asked for", () => Effect.gen(function*() {
    const me = yield* program
    const { demand, port, url } = yield* listening(me)
    assert.strictEqual((yield* get(url)).status, 404)
    const again = me.assert(record("http-listen", "127.0.0.1", port))
    yield* me.reads(`+ <http-failed <http-listen "127.0.0.1" ${port}> in-use>`)
    again.retract()
    yield* me.reads(`- <http-failed <http-listen "127.0.0.1" ${port}> in-use>`)

    demand.retract()
    yield* me.reads(`- <http-listening "127.0.0.1" 0 ${port}>`)
    const refused = yield* Effect.promise(() => fetch(url).catch((error: { cause?: { code?: string } }) => error.cause?.code))

    assert.strictEqual(refused, "ECONNREFUSED")
  }).pipe(Effect.provide(world())), 20_000)

  it.live("is refused when there are too many", () => Effect.gen(function*() {
    const me = yield* program
    const { demand } = yield* listening(me)
    const second = me.assert(record("http-listen", "127.0.0.2", 0))
    yield* me.reads('+ <http-failed <http-listen "127.0.0.2" 0> too-many>')
    second.retract()
    demand.retract()
    me.assert(record("http-listen", "127.0.0.2", 0))
    yield* me.reads(/^\+ <http-listening "127.0.0.2"/)
  }).pipe(Effect.provide(world({ portsMax: 1 }))), 20_000)

  it.live("is refused for a reason when the demand makes no sense", () => Effect.gen(function*() {
    const me = yield* program
    me.observe("http-failed", 2)
    const misused = (fact: Value.Value, text: string) => {
      me.assert(fact)
      return me.reads(`+ <http-failed ${Text.print(fact)} <error "misused" "${text}">>`)
    }
    yield* misused(record("http-listen", 7, 0), "a host is a name or an address")
    yield* misused(record("http-listen", "127.0.0.1", 65_536), "a port is a number from 0 to 65535")
    yield* misused(record("http-route", 0, "GET", []), "a port is a number from 1 to 65535")
    yield* misused(record("http-route", 80, "get", []), "a method is a string of capitals, or _")
    yield* misused(record("http-route", 80, "GET", "/x"), "a path is a sequence of strings")
    yield* misused(record("http-route", 80, "GET", [more, "x"]), "a path's segments are strings, _, or a last ...")
    yield* misused(record("http-route", 80, "GET", [], symbol("whole")), "a body can be asked for as stream")
    yield* misused(record("http-files", 80, [], "relative"), "a folder is an absolute path, without . and ..")
    yield* misused(record("http-files", 80, [], "/srv/../etc"), "a folder is an absolute path, without . and ..")
    yield* misused(record("http-files", 80, "x", "/"), "a prefix is a sequence of strings")
    me.assert(record("http-files", 80, [], "/etc"))
    yield* me.reads('+ <http-failed <http-files 80 [] "/etc"> denied>')
    symlinkSync("/etc", join(folder, "etc"))
    me.assert(record("http-files", 80, [], join(folder, "etc")))
    yield* me.reads(/^\+ <http-failed <http-files 80 .*colloquy-.* denied>$/)
  }).pipe(Effect.provide(world({ allowFiles: (path) => realpathSync("/etc") !== path }))), 20_000)
})

describe("an HTTP request", () => {
  it.live("is a fact until it is answered", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    onRequest(me, (id) => me.send(respond(id, 201, "made: ü", dictionary({ "X-Made": "yes", "Set-Cookie": ["a=1", "b=2"] }))))
    const response = yield* get(`${url}/caf%C3%A9/a%2Fb/?x=1&y=%26&x=2`, { method: "POST", body: Uint8Array.of(0, 255), headers: { "X-One": "1" } })
    const body = yield* textOf(response)
    const entry = me.diary.find((entry) => isRequest(entry))!
    const [, at, method, path, query, headers, bytes] = fields(entry)
    yield* me.until((diary) => diary.some((entry) => isRequest(entry, "-")))

    assert.deepStrictEqual([at, method, path, Text.print(query!), bytes],
      [port, "POST", ["café", "a/b", ""], '{"x": ["1" "2"] "y": ["&"]}', Uint8Array.of(0, 255)])
    const sent = new Map((headers as Value.Dictionary).entries)
    assert.deepStrictEqual([sent.get("x-one"), sent.get("host")], ["1", `127.0.0.1:${port}`])
    const seen = [response.status, body, response.headers.get("content-type"), response.headers.get("x-made"), response.headers.getSetCookie()]
    assert.deepStrictEqual(seen, [201, "made: ü", "text/plain; charset=utf-8", "yes", ["a=1", "b=2"]])
    const end = me.diary.slice(2).map(({ reason, sign, value }) => [sign, Text.print((value as Value.Record).label), reason])
    assert.deepStrictEqual(end, [["!", "http-ended", undefined], ["-", "http-request", symbol("answered")]])
    assert.deepStrictEqual(fields(me.diary[2]!), [fields(entry)[0]!, symbol("answered")])
  }).pipe(Effect.provide(world())), 20_000)

  it.live("is refused at once when nobody would answer it", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    assert.deepStrictEqual(yield* answer(`${url}/x`), [404, "nobody answers this\n"])

    // somebody observes other requests: of another path, of another port, or facts at large
    const observe = (port: number, path: Value.Value) => me.assert(record("Observe", record("rec", symbol("http-request"),
      [record("_"), record("lit", port), record("_"), path, record("_"), record("_"), record("lit", "none")])))
    observe(port + 1, record("_"))
    observe(port, record("arr", [record("lit", "users"), record("bind", record("_"))]))
    me.assert(record("Observe", record("bind", record("_"))))
    assert.strictEqual((yield* answer(`${url}/users`))[0], 404)
    assert.strictEqual((yield* answer(`${url}/users/ann/x`))[0], 404)
    me.assert(record("http-route", port, "POST", ["only", any]))
    me.assert(record("http-route", port, "PUT", ["only", "this"]))
    const other = yield* get(`${url}/only/this`)
    assert.deepStrictEqual([other.status, other.headers.get("allow"), yield* textOf(other)], [405, "POST, PUT", "not by GET\n"])

    onRequest(me, (id, path) => me.send(respond(id, 200, path.join(" "))))
    assert.deepStrictEqual(yield* answer(`${url}/users/ann`), [200, "users ann"])
    for (const line of ["GET /%zz HTTP/1.1", "GET http://evil/ HTTP/1.1", "OPTIONS * HTTP/1.1", "nonsense"]) {
      assert.match(yield* raw(port, `${line}\r\nHost: a\r\nConnection: close\r\n\r\n`), /^HTTP\/1.1 400 /, line)
    }
  }).pipe(Effect.provide(world())), 20_000)

  it.live("is handled by who observes it, in a nested dataspace too, and by no other", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    const rest = [record("_"), record("_"), record("_"), record("lit", "a body that nobody sends")]
    const asked = record("rec", symbol("http-request"), [record("_"), record("lit", port), record("lit", "GET"), ...rest])
    const nested = record("Observe", record("bind", asked))
    me.assert(nested).retract()
    assert.strictEqual((yield* answer(url))[0], 404)
    me.assert(nested)
    assert.deepStrictEqual(yield* answer(url), [504, "no answer came in time\n"])
    assert.strictEqual((yield* answer(url, { method: "DELETE" }))[0], 404)
    assert.deepStrictEqual(ended(me), ["late"])
  }).pipe(Effect.provide(world({ answerMs: 30 }))), 20_000)

  it.live("is refused when its routes go, and not when others do", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    const one = me.assert(record("http-route", port, "GET", ["a", more]))
    const two = me.assert(record("http-route", port, any, ["a", any, "c"]))
    onRequest(me, () => {})
    const waiting = fetch(`${url}/a/b/c`)
    const other = fetch(`${url}/routed-by-nobody`)
    yield* me.until((diary) => diary.filter((entry) => isRequest(entry)).length === 2)
    two.retract()
    assert.isFalse(me.diary.some((entry) => isRequest(entry, "-")))

    one.retract()
    yield* me.until((diary) => diary.some((entry) => isRequest(entry, "-")))
    const response = yield* Effect.promise(() => waiting)

    assert.deepStrictEqual([response.status, yield* textOf(response)], [503, "nobody answers any more\n"])
    assert.deepStrictEqual(ended(me), ["unhandled"])
    for (const entry of me.diary.filter((entry) => isRequest(entry))) me.send(respond(fields(entry)[0]!, 200, ""))
    assert.strictEqual((yield* Effect.promise(() => other)).status, 200)
  }).pipe(Effect.provide(world())), 20_000)

  it.live("takes the first answer, as a message or as a fact, and says when it is none", () => Effect.gen(function*() {
    const me = yield* program
    const { url } = yield* listening(me)
    const bad: { readonly [path: string]: (id: Value.Value) => Value.Value } = {
      status: (id) => respond(id, 99, ""),
      headers: (id) => respond(id, 200, "", "none"),
      name: (id) => respond(id, 200, "", dictionary({ "a b": "x" })),
      split: (id) => respond(id, 200, "", dictionary({ a: "x\r\nSet-Cookie: b=1" })),
      body: (id) => respond(id, 200, 7)
    }
    onRequest(me, (id, [which]) => {
      const headers = dictionary({ "content-length": "7", "Content-Type": "text/x", connection: "x", "Transfer-Encoding": "chunked" })
      if (which === "fact") me.assert(respond(id, 200, Uint8Array.of(104, 105), headers))
      else if (which === "empty") me.send(respond(id, 204, "not told"), respond(id, 99, "second"))
      else me.send(bad[which as string]!(id))
    })
    const fact = yield* get(`${url}/fact`)
    const seen = [fact.status, yield* textOf(fact), fact.headers.get("content-type"), fact.headers.get("content-length")]
    assert.deepStrictEqual(seen, [200, "hi", "text/x", "2"])
    assert.deepStrictEqual(yield* answer(`${url}/empty`), [204, ""])
    for (const name of Object.keys(bad)) assert.deepStrictEqual(yield* answer(`${url}/${name}`), [500, "the answer that was given is none\n"], name)
    yield* me.until(() => ended(me).length === 7)
    assert.deepStrictEqual(ended(me), [
      "answered", "answered", '<bad "a status is a number from 200 to 599">',
      '<bad "headers are a dictionary">', '<bad "a header\'s name is a token">',
      '<bad "the header a is a line of text, or a sequence of them">', '<bad "a body is a string or bytes">'
    ])
  }).pipe(Effect.provide(world())), 20_000)

  it.live("goes with its client", () => Effect.gen(function*() {
    const me = yield* program
    const { url } = yield* listening(me)
    onRequest(me, () => {})
    const abort = new AbortController()
    const left = fetch(url, { signal: abort.signal }).catch(() => "aborted")
    yield* me.until((diary) => diary.some((entry) => isRequest(entry)))
    abort.abort()
    yield* me.until((diary) => diary.some((entry) => isRequest(entry, "-") && entry.reason === symbol("left")))
    assert.strictEqual(yield* Effect.promise(() => left), "aborted")
    assert.deepStrictEqual(ended(me), ["left"])
  }).pipe(Effect.provide(world())), 20_000)

  it.live("takes HEAD where there is a route for GET", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    me.assert(record("http-route", port, "GET", []))
    onRequest(me, (id, _, entry) => me.send(respond(id, 200, `by ${String(fields(entry)[2])}`)))
    const response = yield* get(url, { method: "HEAD" })

    assert.deepStrictEqual([response.status, response.headers.get("content-length"), yield* textOf(response)], [200, "7", ""])
  }).pipe(Effect.provide(world())), 20_000)

  it.live("ends with its port", () => Effect.gen(function*() {
    const me = yield* program
    const { demand, url } = yield* listening(me)
    onRequest(me, (id, [path]) => { if (path === "events") me.assert(record("http-stream", id)) })
    const waiting = fetch(`${url}/waits`)
    const events = yield* get(`${url}/events`)
    yield* me.until((diary) => diary.filter((entry) => isRequest(entry)).length === 2)
    demand.retract()
    const response = yield* Effect.promise(() => waiting)

    assert.deepStrictEqual([response.status, yield* textOf(response), yield* textOf(events)], [503, "this server stops\n", ""])
    assert.deepStrictEqual(ended(me), ["closed", "closed"])
  }).pipe(Effect.provide(world())), 20_000)
})

describe("the body of an HTTP request", () => {
  it.live("is bounded, one by itself and all together", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    onRequest(me, (id, path, entry) => { if (path[0] !== "wait") me.send(respond(id, 200, String((fields(entry)[6] as Uint8Array).length))) })
    const chunked = (size: number) => ({ duplex: "half" as const, body: new Blob([new Uint8Array(size)]).stream() })

    /** Posts something, and waits until all that was told of is over: then there is room again. */
    const post = (init: RequestInit) => Effect.gen(function*() {
      const result = yield* answer(url, { method: "POST", ...init })
      yield* me.until((diary) => diary.filter((entry) => isRequest(entry) && !isWaiting(entry)).length === ended(me).length)
      return result
    })
    const isWaiting = (entry: Entry) => isRequest(entry) && (fields(entry)[3] as ReadonlyArray<Value.Value>)[0] === "wait"

    assert.deepStrictEqual(yield* post({ body: new Uint8Array(100) }), [200, "100"])
    assert.deepStrictEqual(yield* post({ body: new Uint8Array(101) }), [413, "more than 100 bytes\n"])
    assert.deepStrictEqual(yield* post(chunked(100)), [200, "100"])
    assert.deepStrictEqual(yield* post(chunked(300_000)), [413, "more than 100 bytes\n"])
    // told before it is sent, when the client asks first
    const asking = yield* raw(port, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9999\r\nExpect: 100-continue\r\n\r\n")
    assert.match(asking, /^HTTP\/1.1 413 /)
    const waiting = fetch(`${url}/wait`, { method: "POST", body: new Uint8Array(100) })
    yield* me.until((diary) => diary.some(isWaiting))
    assert.deepStrictEqual(yield* post({ body: new Uint8Array(60) }), [503, "too many bodies wait\n"])
    assert.deepStrictEqual(yield* post({ body: new Uint8Array(50) }), [200, "50"])
    me.send(respond(fields(me.diary.find(isWaiting)!)[0]!, 200, ""))
    assert.strictEqual((yield* Effect.promise(() => waiting)).status, 200)
    yield* me.until((diary) => diary.filter((entry) => isRequest(entry)).length === ended(me).length)
    assert.deepStrictEqual(yield* answer(url, { method: "POST", body: new Uint8Array(100) }), [200, "100"])
  }).pipe(Effect.provide(world({ bodyMax: 100, bodiesMax: 150 }))), 20_000)

  it.live("costs what it has, also when it comes in pieces of a byte", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    me.assert(record("http-route", port, "POST", []))
    onRequest(me, (id) => me.send(respond(id, 200, "")))
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => net.connect(port, "127.0.0.1").on("error", () => {})),
      (one) => Effect.sync(() => one.destroy())
    )
    const write = (text: string) => Effect.promise(() => new Promise<void>((resolve) => { socket.write(text, () => resolve()) }))
    collect()
    const before = process.memoryUsage().heapUsed
    yield* write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    for (let i = 0; i < 100; i++) yield* write("1\r\nx\r\n".repeat(2_000))
    // all of it has come when there is no room for another one
    while ((yield* answer(url, { method: "POST", body: "x" }))[0] !== 503);
    collect()
    const cost = process.memoryUsage().heapUsed - before
    yield* write("0\r\n\r\n")
    const size = (entry: Entry) => isRequest(entry) ? (fields(entry)[6] as Uint8Array).length : 0
    yield* me.until((diary) => diary.some((entry) => size(entry) === 200_000))

    assert.isBelow(cost, 10_000_000)
  }).pipe(Effect.scoped, Effect.provide(world({ bodiesMax: 200_000 }))), 20_000)

  it.live("waits in no more than so many requests", () => Effect.gen(function*() {
    const me = yield* program
    const { url } = yield* listening(me)
    onRequest(me, () => {})
    const abort = new AbortController()
    const waiting = [1, 2].map(() => fetch(url, { signal: abort.signal }).catch(() => undefined))
    yield* me.until((diary) => diary.filter((entry) => isRequest(entry)).length === 2)
    const third = yield* get(url)
    assert.deepStrictEqual([third.status, third.headers.get("retry-after"), yield* textOf(third)], [503, "1", "too many requests wait\n"])
    abort.abort()
    yield* Effect.promise(() => Promise.all(waiting))
    yield* me.until(() => ended(me).length === 2)
    me.onEntry = (entry) => { if (isRequest(entry)) me.send(respond(fields(entry)[0]!, 200, "in")) }
    assert.deepStrictEqual(yield* answer(url), [200, "in"])
  }).pipe(Effect.provide(world({ waitingMax: 2 }))), 20_000)

  it.live("comes by credit, when that is asked for", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    me.observe("http-body", 2)
    const size = 3_000_000
    const route = me.assert(record("http-route", port, "PUT", ["big"], symbol("stream")))
    onRequest(me, (id) => me.send(record("http-credit", id, 0), record("http-credit", id, "all"), record("http-credit", id, 10)))
    const sent = fetch(`${url}/big`, { method: "PUT", body: Uint8Array.from({ length: size }, (_, i) => i & 255) })
    const got = () => me.diary.flatMap((entry) => Value.isRecord(entry.value, "http-body", 2) ? [fields(entry)[1]] : [])
    const bytes = () => Buffer.concat(got().filter((data) => data instanceof Uint8Array))
    yield* me.until(() => bytes().length >= 10)
    const [id, body] = [fields(me.diary.find((entry) => isRequest(entry))!)[0]!, fields(me.diary.find((entry) => isRequest(entry))!)[6]]
    assert.deepStrictEqual([body, [...bytes()]], [symbol("stream"), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])

    me.send(record("http-credit", id, size - 10))
    yield* me.until(() => got().includes(symbol("eof")))
    me.send(respond(id, 200, "thanks"))
    const response = yield* Effect.promise(() => sent)

    assert.deepStrictEqual([response.status, yield* textOf(response)], [200, "thanks"])
    assert.strictEqual(got().at(-1), symbol("eof"))
    assert.isTrue(bytes().equals(Buffer.from(Uint8Array.from({ length: size }, (_, i) => i & 255))))
    route.retract()
  }).pipe(Effect.provide(world())), 20_000)

  it.live("need not be read to be answered", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    me.assert(record("http-route", port, "PUT", [], symbol("stream")))
    onRequest(me, (id) => me.send(respond(id, 403, "no")))
    assert.deepStrictEqual(yield* answer(url, { method: "PUT", body: new Uint8Array(500_000) }), [403, "no"])
    yield* me.until(() => ended(me).length === 1)
    assert.deepStrictEqual(ended(me), ["answered"])
  }).pipe(Effect.provide(world())), 20_000)
})

describe("files over HTTP", () => {
  const root = join(folder, "site")
  mkdirSync(join(root, "sub", ".hidden"), { recursive: true })
  writeFileSync(join(folder, "secret.txt"), "secret")
  writeFileSync(join(root, "index.html"), "<h1>home</h1>")
  writeFileSync(join(root, "sub", "index.html"), "sub")
  writeFileSync(join(root, "a b.css"), "x".repeat(200_000))
  writeFileSync(join(root, "empty"), "")
  writeFileSync(join(root, ".env"), "secret")
  writeFileSync(join(root, "sub", ".hidden", "x.txt"), "secret")
  symlinkSync(join(folder, "secret.txt"), join(root, "out.txt"))
  symlinkSync(join(root, ".env"), join(root, "shown.txt"))
  symlinkSync(join(root, "index.html"), join(root, "link.html"))

  it.live("are what a folder holds, with their types", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    const shown = me.assert(record("http-files", port, ["site"], root))
    const see = (path: string, init: RequestInit = {}) => Effect.flatMap(get(`${url}${path}`, { redirect: "manual", ...init }), (response) =>
      Effect.map(textOf(response), (text) => [response.status, response.headers.get("content-type"), text.length]))

    assert.deepStrictEqual(yield* see("/site"), [200, "text/html; charset=utf-8", 13])
    assert.deepStrictEqual(yield* see("/site/"), [200, "text/html; charset=utf-8", 13])
    assert.deepStrictEqual(yield* see("/site/link.html"), [200, "text/html; charset=utf-8", 13])
    assert.deepStrictEqual(yield* see("/site/a%20b.css?v=1"), [200, "text/css; charset=utf-8", 200_000])
    assert.deepStrictEqual(yield* see("/site/empty"), [200, "application/octet-stream", 0])
    assert.deepStrictEqual(yield* see("/site/sub"), [301, null, 0])
    assert.deepStrictEqual(yield* answer(`${url}/site/sub`), [200, "sub"])
    assert.deepStrictEqual((yield* see("/other"))[0], 404)
    assert.deepStrictEqual((yield* see("/site/index.html", { method: "POST" }))[0], 404)
    const head = yield* get(`${url}/site/a%20b.css`, { method: "HEAD" })
    assert.deepStrictEqual([head.status, head.headers.get("content-length"), yield* textOf(head)], [200, "200000", ""])

    me.assert(record("http-route", port, "GET", ["site", "empty"]))
    onRequest(me, (id) => me.send(respond(id, 200, "from a route")))
    assert.deepStrictEqual(yield* answer(`${url}/site/empty`), [200, "from a route"])
    assert.deepStrictEqual(yield* answer(`${url}/site/sub/`), [200, "sub"])
    assert.deepStrictEqual(yield* answer(`${url}/site/no`), [200, "from a route"]) // who observes requests is asked last
    shown.retract()
    assert.deepStrictEqual(yield* answer(`${url}/site/sub/`), [200, "from a route"])
  }).pipe(Effect.provide(world())), 20_000)

  it.live("are not sent again to who has them", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    me.assert(record("http-files", port, [], root))
    const first = yield* get(`${url}/index.html`)
    const tag = first.headers.get("etag")!
    const again = (known: string) => Effect.gen(function*() {
      const response = yield* get(`${url}/index.html`, { headers: { "If-None-Match": known } })
      return [response.status, (yield* textOf(response)).length]
    })

    assert.deepStrictEqual(yield* again(tag), [304, 0])
    assert.deepStrictEqual(yield* again(`"x", ${tag.slice(2)}`), [304, 0])
    assert.deepStrictEqual(yield* again("*"), [304, 0])
    assert.deepStrictEqual(yield* again('"x"'), [200, 13])
    utimesSync(join(root, "index.html"), 1, 1)
    assert.deepStrictEqual(yield* again(tag), [200, 13])
    assert.strictEqual((yield* get(`${url}/index.html`)).headers.get("last-modified"), "Thu, 01 Jan 1970 00:00:01 GMT")
  }).pipe(Effect.provide(world())), 20_000)

  it.live("are not sent again to who has them since a time, unless a tag says otherwise", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    me.assert(record("http-files", port, [], root))
    const modified = (yield* get(`${url}/a%20b.css`)).headers.get("last-modified")!
    const again = (headers: Record<string, string>) => Effect.map(get(`${url}/a%20b.css`, { method: "HEAD", headers }), ({ status }) => status)

    assert.strictEqual(yield* again({ "If-Modified-Since": modified }), 304)
    assert.strictEqual(yield* again({ "If-Modified-Since": new Date(Date.parse(modified) - 1000).toUTCString() }), 200)
    assert.strictEqual(yield* again({ "If-Modified-Since": modified, "If-None-Match": '"x"' }), 200)
    assert.strictEqual(yield* again({ "If-Modified-Since": "yesterday" }), 200)
  }).pipe(Effect.provide(world())), 20_000)

  it.live("are sent in part, when one part is asked for", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    me.assert(record("http-files", port, [], root))
    const part = (range: string, path = "index.html", more: Record<string, string> = {}) =>
      Effect.flatMap(get(`${url}/${path}`, { headers: { Range: range, ...more } }), (response) =>
        Effect.map(textOf(response), (text) => [response.status, response.headers.get("content-range"), text]))
    const whole = [200, null, "<h1>home</h1>"]

    assert.deepStrictEqual(yield* part("bytes=4-7"), [206, "bytes 4-7/13", "home"])
    assert.deepStrictEqual(yield* part("bytes=8-"), [206, "bytes 8-12/13", "</h1>"])
    assert.deepStrictEqual(yield* part("bytes=8-99"), [206, "bytes 8-12/13", "</h1>"])
    assert.deepStrictEqual(yield* part("bytes=-5"), [206, "bytes 8-12/13", "</h1>"])
    assert.deepStrictEqual(yield* part("bytes=-99"), [206, "bytes 0-12/13", "<h1>home</h1>"])
    assert.deepStrictEqual(yield* part("bytes=13-"), [416, "bytes */13", ""])
    assert.deepStrictEqual(yield* part("bytes=-0"), [416, "bytes */13", ""])
    assert.deepStrictEqual(yield* part("bytes=0-", "empty"), [416, "bytes */0", ""])
    for (const odd of ["bytes=0-1,3-4", "bytes=5-4", "bytes=-", "lines=1-2", "bytes=x-"]) assert.deepStrictEqual(yield* part(odd), whole, odd)
    const tag = (yield* get(`${url}/index.html`)).headers.get("etag")!
    assert.deepStrictEqual(yield* part("bytes=4-7", "index.html", { "If-Range": tag }), whole) // a weak tag proves too little
  }).pipe(Effect.provide(world())), 20_000)

  it.live("are none outside the folder, and none that hide", () => Effect.gen(function*() {
    const me = yield* program
    const { port } = yield* listening(me)
    me.assert(record("http-files", port, [], root))
    const paths = [
      "/../secret.txt", "/sub/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/sub%2f..%2f..%2fsecret.txt",
      "/..\\secret.txt", "/%2e%2e%5csecret.txt",
      `//${join(folder, "secret.txt")}`, `/%2f${join(folder, "secret.txt")}`, "/out.txt", "/.env", "/shown.txt",
      "/sub/.hidden/x.txt", "/index.html%00.txt", "/index.html/", "/./index.html", "//index.html"
    ]
    for (const path of paths) {
      const said = yield* raw(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      assert.match(said, /^HTTP\/1.1 404 /, path)
      assert.notInclude(said, "secret\r\n", path)
    }
    assert.match(yield* raw(port, "GET /index.html HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), /^HTTP\/1.1 200 /)
  }).pipe(Effect.provide(world())), 20_000)
})

describe("server-sent events", () => {
  it.live("are the answer as long as the stream is held", () => Effect.gen(function*() {
    const me = yield* program
    const { url } = yield* listening(me)
    let stream: { readonly retract: () => void } | undefined
    onRequest(me, (id) => {
      me.send(record("http-event", id, "", "too early"))
      stream = me.assert(record("http-stream", id, dictionary({ "x-a": "b" })))
      me.send(record("http-event", id, "greeting", "hello\nthere\r\n"), record("http-event", id, "", "plain"))
      me.send(record("http-event", id, "a\nb", ""), record("http-event", id, 7, "no"))
    })
    const response = yield* get(`${url}/events`)
    const id = fields(me.diary.find((entry) => isRequest(entry))!)[0]!
    const burst = Array.from({ length: 5_000 }, (_, i) => String(i))
    me.send(...burst.map((n) => record("http-event", id, "", n)))
    stream!.retract()
    me.send(record("http-event", id, "", "too late"), respond(id, 200, "too late"))
    const text = yield* textOf(response)
    yield* me.until(() => ended(me).length === 1)

    assert.deepStrictEqual(["content-type", "cache-control", "x-a"].map((name) => response.headers.get(name)), ["text/event-stream", "no-store", "b"])
    const greeting = "event: greeting\ndata: hello\ndata: there\ndata: \n\ndata: plain\n\nevent: a b\ndata: \n\n"
    assert.strictEqual(text, `${greeting}${burst.map((n) => `data: ${n}\n\n`).join("")}`)
    assert.deepStrictEqual(ended(me), ["answered"])
  }).pipe(Effect.provide(world())), 20_000)

  it.live("have ids, which are one line too, and are none where only the head is asked for", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    onRequest(me, (id) => {
      const stream = me.assert(record("http-stream", id))
      me.send(record("http-event", id, "", "a", "7"), record("http-event", id, "n", "b", "8\n\0data: c"))
      stream.retract()
    })
    assert.deepStrictEqual(yield* answer(`${url}/`), [200, "id: 7\ndata: a\n\nevent: n\nid: 8 data: c\ndata: b\n\n"])
    me.onEntry = (entry) => { if (isRequest(entry)) me.assert(record("http-stream", fields(entry)[0]!)) }
    // the stream is held, and yet the connection answers what comes next
    const both = yield* raw(port, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert.deepStrictEqual(both.match(/HTTP\/1.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 400"])
  }).pipe(Effect.provide(world())), 20_000)

  it.live("stop when the reader goes", () => Effect.gen(function*() {
    const me = yield* program
    const { url } = yield* listening(me)
    onRequest(me, (id) => me.assert(record("http-stream", id)))
    const abort = new AbortController()
    const response = yield* get(url, { signal: abort.signal })
    const reader = response.body!.getReader()
    const beat = yield* Effect.promise(() => reader.read())
    abort.abort()
    yield* me.until((diary) => diary.some((entry) => isRequest(entry, "-")))

    assert.strictEqual(new TextDecoder().decode(beat.value as Uint8Array), ":\n\n")
    assert.deepStrictEqual(ended(me), ["left"])
  }).pipe(Effect.provide(world({ heartbeatMs: 10 }))), 20_000)

  it.live("cut off a reader that does not keep up, and no other", () => Effect.gen(function*() {
    const me = yield* program
    const { port, url } = yield* listening(me)
    onRequest(me, (id) => me.assert(record("http-stream", id)))
    const idle = yield* Effect.acquireRelease(
      Effect.callback<net.Socket>((resume) => {
        const socket = net.connect(port, "127.0.0.1", () => {
          socket.pause().write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
          resume(Effect.succeed(socket))
        }).on("error", () => {})
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
    yield* me.until((diary) => diary.some((entry) => isRequest(entry)))
    const abort = new AbortController()
    const other = yield* get(`${url}/other`, { signal: abort.signal })
    const slow = fields(me.diary.find((entry) => isRequest(entry) && (fields(entry)[3] as ReadonlyArray<string>)[0] === "slow")!)[0]!
    const fast = fields(me.diary.find((entry) => isRequest(entry) && (fields(entry)[3] as ReadonlyArray<string>)[0] === "other")!)[0]!
    const large = "x".repeat(100_000)
    for (let i = 0; i < 1_000 && ended(me).length === 0; i++) {
      me.send(record("http-event", slow, "", large))
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    yield* me.until(() => ended(me).length === 1)
    me.send(record("http-event", fast, "", "still here"))
    const said = yield* Effect.promise(() => other.body!.getReader().read())
    abort.abort()

    assert.deepStrictEqual(ended(me).slice(0, 1), ["slow"])
    assert.strictEqual(new TextDecoder().decode(said.value as Uint8Array), "data: still here\n\n")
    assert.isFalse(idle.destroyed)
  }).pipe(Effect.scoped, Effect.provide(world())), 20_000)
})
