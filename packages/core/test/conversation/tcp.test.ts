/** The conformance rows of the TCP driver (P07-P16), by their names, in the make-believe world of `world.ts`; the fixed variants. */
import { assert, describe, it } from "@effect/vitest"
import * as Tcp from "../../src/conversation/driver/Tcp.ts"
import { Conversation } from "../../src/index.ts"
import { accept, bytesOf } from "./apps.ts"
import { f, m, observer, P, S, script, type Script, v } from "./script.ts"
import { fuels, leaver, start } from "./start.ts"

const { credit, driver, mode } = Tcp
/** Wants to know who connects to port 80. */
const observing = S("clients", "<tcp-channel _ <tcp-listener 80> _>", observer)
const bare = driver({ control: "bare" })

describe("C4: tcp", () => {
  it("P07 tcp echo, bare", () => {
    for (const fuel of fuels) {
      const { alive, dial, log, waits } = start([bare, accept({ echo: "" })], fuel)
      const remote = dial(80)!
      remote.send("ab")

      assert.deepStrictEqual([log, remote.received()], [["presence", "in ab"], "ab"])
      remote.close()
      assert.deepStrictEqual(log.slice(2), ["eof", "absence"])
      assert.deepStrictEqual(alive(), ["acceptor", "tcp driver", "tcp listener"])
      assert.isTrue(remote.isClosed())
      assert.deepStrictEqual(waits(), ["stop", "<tcp-listen 80>"])
    }
  })
  it("P08 lines + credit", () => {
    for (const fuel of fuels) {
      const { dial, log } = start([driver(), accept({ control: [mode("lines"), credit(1)], credits: [1, 1, 1], echo: "You said: " })], fuel)
      const remote = dial(80)!
      remote.send("hello\nwor")
      remote.send("ld\npartial")
      remote.close()

      assert.deepStrictEqual(log.filter((one) => !one.startsWith("out")), ["presence", "in hello", "in world", "in partial", "eof", "absence"])
      assert.deepStrictEqual(log.filter((one) => one.startsWith("out")), ["out <tcp-credit 15>", "out <tcp-credit 15>", "out <tcp-credit 17>"])
      assert.strictEqual(remote.received(), "You said: helloYou said: worldYou said: partial")
      assert.isTrue(remote.isClosed())
    }
  })
  it("P08 each write is acknowledged by its length", () => {
    const { dial, log } = start([driver(), accept({ say: [bytesOf("abc"), bytesOf(""), bytesOf("é")] })])
    const remote = dial(80)!

    assert.deepStrictEqual(log, ["presence", "out <tcp-credit 3>", "out <tcp-credit 0>", "out <tcp-credit 2>"])
    assert.strictEqual(remote.received(), "abcé")
  })
  it("P09 credit before mode", () => {
    for (const fuel of fuels) {
      const { dial, log, waits } = start([driver(), accept({ control: [credit(5), mode("lines")] })], fuel)
      const remote = dial(80)!
      remote.send("hello\nworld\n")

      assert.deepStrictEqual(log, ["presence"])
      assert.deepStrictEqual(waits().filter((one) => one.includes("tcp-read")), [])
      assert.isFalse(remote.isClosed())
    }
  })
  it("P09 what was read on credit that the mode took back is read again", () => {
    for (const fuel of fuels) {
      const { dial, log } = start([driver(), accept({ control: [credit(7), mode("lines"), credit(2)] })], fuel)
      dial(80, "hello\nworld\n!")

      assert.deepStrictEqual(log, ["presence", "in hello", "in world"])
    }
  })
  it("P10 bytes mode", () => {
    for (const fuel of fuels) {
      const { dial, log } = start([driver(), accept({ control: [credit(3)], credits: [3, 2] })], fuel)
      const remote = dial(80)!
      remote.send("abcdefgh")
      remote.close()

      assert.deepStrictEqual(log, ["presence", "in abc", "in def", "in gh", "eof", "absence"])
    }
  })
  it("P10 credit adds up, and of the last bytes there may be fewer", () => {
    const { dial, log } = start([driver(), accept({ control: [credit(3), credit(2)], credits: [9] })])
    const remote = dial(80)!
    remote.send("abcd")
    assert.deepStrictEqual(log, ["presence"])
    remote.send("efg")
    remote.close()

    assert.deepStrictEqual(log, ["presence", "in abcde", "in fg", "eof", "absence"])
  })
  it("P10 credit beyond all measure is as much as can be said", () => {
    const { dial, log, waits } = start([driver(), accept({ control: [credit(Number.MAX_SAFE_INTEGER), credit(Number.MAX_SAFE_INTEGER)] })])
    const remote = dial(80)!
    assert.isTrue(waits().some((one) => one.startsWith("<tcp-read ") && one.endsWith(` ${Number.MAX_SAFE_INTEGER}>`)))
    remote.send("abc")
    remote.close()

    assert.deepStrictEqual(log, ["presence", "in abc", "eof", "absence"])
  })
  it("P11 eof with zero credit", () => {
    for (const fuel of fuels) {
      const { dial, log } = start([driver(), accept({})], fuel)
      dial(80)!.close()

      assert.deepStrictEqual(log, ["presence", "eof", "absence"])
    }
  })
  it("P12 eof behind unread data", () => {
    for (const fuel of fuels) {
      const { alive, dial, log } = start([driver(), accept({})], fuel)
      const remote = dial(80)!
      remote.send("zzz")
      remote.close()

      assert.deepStrictEqual(log, ["presence"])
      assert.include(alive(), "tcp connection")
      assert.isFalse(remote.isClosed())
    }
  })
  it("P13 string on credit driver", () => {
    const { alive, dial, log } = start([driver(), accept({ say: ["text"] })])
    const remote = dial(80)!

    assert.deepStrictEqual(log, ["presence", "absence"])
    assert.deepStrictEqual(alive(), ["acceptor", "tcp driver", "tcp listener"])
    assert.deepStrictEqual([remote.received(), remote.isClosed()], ["", true])
  })
  it("P13 what is not for the connection ends it, and says so", () => {
    const misuses = ["<tcp-credit -1>", "<tcp-credit 1.5>", '<tcp-credit "all">', "<tcp-credit>", "<tcp-mode words>", "nonsense"].map(v)
    for (const misuse of misuses) {
      const { dial, log } = start([driver(), accept({ control: [misuse] })])
      assert.deepStrictEqual([dial(80)!.isClosed(), log], [true, ["presence", "absence"]])
    }
    const wrong = f('<tcp-channel <tcp-address "far" 50001> <tcp-listener 80> <tcp-credit -1>>')
    const { dial, log } = start([driver(), script("A", [observing, S("in", "<tcp-channel _ <tcp-listener 80> _>")], { "in +P": [wrong] })])
    dial(80)
    assert.strictEqual(log.at(-1), 'A.in -P <tcp-channel <tcp-address "far" 50001> <tcp-listener 80> _0> (<misused <tcp-credit -1>>)')
  })
  it("P14 any peer's absence closes", () => {
    const logger = leaver("L", S("all", "<tcp-channel _ <tcp-listener _> _>"))
    const { alive, dial, fire, log } = start([driver(), logger, accept({})])
    const remote = dial(80)!
    fire("leave")

    assert.deepStrictEqual(log.filter((one) => !one.startsWith("L.")), ["presence", "absence"])
    assert.deepStrictEqual(alive(), ["acceptor", "tcp driver", "tcp listener"])
    assert.isTrue(remote.isClosed())
  })
  it("P15 listener teardown", () => {
    for (const control of ["credit", "bare"] as const) {
      const { alive, dial, fire, log, waits } = start([driver({ control }), accept({ echo: "" }), leaver("B", observing)])
      const remote = dial(80)!
      fire("stop")
      assert.isDefined(dial(80), "one observer is left")
      fire("leave")

      assert.strictEqual(dial(80), undefined)
      assert.deepStrictEqual(waits().filter((one) => one.includes("listen")), [])
      // who is connected stays so
      assert.isFalse(remote.isClosed())
      remote.send("x")
      assert.deepStrictEqual(log.includes("in x"), control === "bare")
      remote.close()
      assert.deepStrictEqual(alive().filter((one) => one !== "tcp connection" && one !== "session"), ["tcp driver"])
    }
  })
  it("P15 what was accepted and taken by nobody is closed when nobody is left to take it", () => {
    const undecided = script("A", [observing, S("leave", "<event leave _>")], { "leave !P": [Conversation.withdraw("clients")] })
    const { alive, dial, fire } = start([driver(), undecided])
    const remote = dial(80)!
    assert.isFalse(remote.isClosed())
    fire("leave")

    assert.deepStrictEqual([remote.isClosed(), dial(80), alive()], [true, undefined, ["A", "tcp driver"]])
  })

  const out = '<tcp-channel <tcp-handle h> <tcp-address "far" 7> _>'
  const back = '<tcp-channel <tcp-address "far" 7> <tcp-handle h> _>'
  const failures = S("failures", "<tcp-failed <tcp-handle h> _ _>")
  const client = script("A", [failures, P("out", out), S("in", back), S("again", "<event again _>"), S("leave", "<event leave _>")], {
    "again !P": [Conversation.withdraw("out"), Conversation.yieldTo("log")],
    "resumed": [P("out", out)],
    "leave !P": [Conversation.quit()]
  })
  const failed = 'A.failures !P <tcp-failed <tcp-handle h> <tcp-address "far" 7> "refused">'
  const connected = (log: ReadonlyArray<string>) => log.filter((one) => /^A.(in|out|failures !)/.test(one))

  it("P16 connect refused", () => {
    for (const fuel of fuels) {
      const { alive, fire, log, serve, waits } = start([driver(), client], fuel)
      assert.deepStrictEqual(connected(log), [failed])
      assert.deepStrictEqual([alive(), waits().filter((one) => one.startsWith("<tcp"))], [["A", "tcp driver"], []])
      fire("again")
      assert.deepStrictEqual(connected(log), [failed, failed])
      const remotes = serve("far", 7)
      fire("again")

      assert.deepStrictEqual(connected(log).slice(2), [
        'A.in +P <tcp-channel <tcp-address "far" 7> <tcp-handle h> _0>', 'A.out +S <tcp-channel <tcp-handle h> <tcp-address "far" 7> _0>'
      ])
      assert.strictEqual(remotes.length, 1)
      fire("leave")
      assert.isTrue(remotes[0]!.isClosed())
      assert.deepStrictEqual([alive(), waits()], [["tcp driver"], []])
    }
  })
  it("connects again when another endpoint asks, and closes the connection before", () => {
    for (const fuel of fuels) {
      const world = start([driver(), script("wait", [S("go", "<event go _>")], { "go !P": [Conversation.spawn("A", client.process)] })], fuel)
      const remotes = world.serve("far", 7)
      world.fire("go")
      world.fire("again")

      assert.deepStrictEqual(remotes.map(({ isClosed }) => isClosed()), [true, false])
      remotes[1]!.break("reset")
      const last = world.log.findLast((one) => one.startsWith("A.in -P"))
      assert.strictEqual(last, 'A.in -P <tcp-channel <tcp-address "far" 7> <tcp-handle h> _0> (<closed "reset">)')
      assert.deepStrictEqual(world.waits().filter((one) => one.startsWith("<tcp")), [])
    }
  })
  it("asks for nothing any more when whoever wanted it left at once", () => {
    for (const fuel of fuels) {
      const { alive, waits } = start([driver(), script("A", [P("out", out), observing, Conversation.yieldTo("log")], {
        "resumed": [Conversation.withdraw("out"), Conversation.withdraw("clients")]
      })], fuel)

      assert.deepStrictEqual([alive(), waits()], [["A", "tcp driver"], []])
    }
  })
  it("lets go of the socket and of what was asked of it, whoever ends the connection", () => {
    const killer = script("K", [S("kill", "<event kill _>")], { "kill !P": [Conversation.kill(5, "enough")] })
    const { alive, dial, fire, log, waits } = start([driver(), accept({ control: [credit(1)] }), killer])
    const remote = dial(80)!
    assert.include(alive(), "tcp connection")
    assert.deepStrictEqual(waits().filter((one) => one.includes("tcp-read")), ["<tcp-read 1 0 bytes 1>"])
    fire("kill")

    assert.deepStrictEqual([log, remote.isClosed()], [["presence", "K.kill !P <event kill #t>", "absence"], true])
    assert.deepStrictEqual(waits(), ["stop", "kill", "<tcp-listen 80>"])
    assert.deepStrictEqual(alive(), ["K", "acceptor", "tcp driver", "tcp listener"])
  })
  /** A does `first`, and then `second` before anybody notices the first. */
  const flicker = (begin: Script["start"], first: Script["start"], second: Script["start"], third: Script["start"] = []) => [
    driver(),
    script("A", [...begin, S("do", "<do _>"), S("third", "<event third _>")], { "do !P <do 1>": first, "do !P <do 2>": second, "third !P": third }),
    script("B", [S("go", "<event go _>")], { "go !P": [m("<do 1>"), m("<do 2>")] })
  ]
  it("starts nothing that lasts for demand that is gone before it is noticed", () => {
    for (const fuel of fuels) {
      const boot = flicker([], [P("out", out), observing], [Conversation.withdraw("out"), Conversation.withdraw("clients")])
      const { alive, fire, requests, serve, waits } = start(boot, fuel)
      const remotes = serve("far", 7)
      fire("go")

      assert.deepStrictEqual([alive(), waits()], [["A", "B", "tcp driver"], ["third", "go"]])
      assert.deepStrictEqual(remotes.map(({ isClosed }) => isClosed()), [true])
      assert.include(requests, "Wait <tcp-listen 80>")
    }
  })
  it("connects anew, once, when demand is gone and back before the connection ends", () => {
    for (const fuel of fuels) {
      const world = start(flicker([P("out", out), S("in", back)], [Conversation.withdraw("out")], [P("out", out)], [P("more", out)]), fuel)
      // the attempts so far were refused
      const remotes = world.serve("far", 7)
      world.fire("go")
      assert.deepStrictEqual(remotes.map(({ isClosed }) => isClosed()), [false])
      world.fire("go")
      assert.deepStrictEqual(remotes.map(({ isClosed }) => isClosed()), [true, false])
      world.fire("third")
      assert.deepStrictEqual(remotes.map(({ isClosed }) => isClosed()), [true, false])
    }
  })
  it("listens again when its observer is gone and back", () => {
    for (const fuel of fuels) {
      const { dial, fire } = start(flicker([observing], [Conversation.withdraw("clients")], [observing]), fuel)
      fire("go")

      assert.isDefined(dial(80))
    }
  })
  it("tells why a connection broke", () => {
    const { dial, log } = start([driver(), script("A", [observing, S("in", "<tcp-channel _ <tcp-listener 80> _>")])])
    dial(80)!.break("reset")

    assert.strictEqual(log.at(-2), 'A.clients -P <tcp-channel <tcp-address "far" 50001> <tcp-listener 80> _0> (<closed "reset">)')
    assert.strictEqual(log.at(-1), 'A.in -P <tcp-channel <tcp-address "far" 50001> <tcp-listener 80> _0> (<closed "reset">)')
  })
  it("reads lines whatever their end, and not a byte that nobody asked for", () => {
    const { dial, log, waits } = start([driver(), accept({ control: [mode("lines"), credit(4)], credits: [] })])
    const remote = dial(80)!
    remote.send("a\rb\r")
    remote.send("\nc\n\nd\n")

    assert.deepStrictEqual(log, ["presence", "in a", "in b", "in c", "in "])
    assert.deepStrictEqual(waits().filter((one) => one.includes("tcp-read")), [])
  })
  it("P16 a port that cannot be listened to is a failure as well", () => {
    const { fire, log, waits } = start([driver(), script("A", [S("failures", "<tcp-failed _ _ _>"), observing])])
    fire("<tcp-listen 80>", v('<failed "in use">'))

    assert.deepStrictEqual(log, ['A.failures !P <tcp-failed <tcp-listener 80> #f "in use">'])
    assert.deepStrictEqual(waits(), [])
  })
})
