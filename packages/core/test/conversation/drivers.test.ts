/** The conformance rows of timers, relays and the chat (P01-P06, P17, P18), by their names, in the make-believe world of `world.ts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Tcp from "../../src/conversation/driver/Tcp.ts"
import { Conversation, Value } from "../../src/index.ts"
import * as Chat from "./chat.ts"
import { m, nest, observer, P, S, script } from "./script.ts"
import { fuels, leaver, start } from "./start.ts"
import type { Options } from "./world.ts"

const bare = Tcp.driver({ control: "bare" })
const timer = { name: "timer driver", process: { behaviour: "timer", config: null } }
const timerRelay = (id: Value.Value) => ({ name: "timer relay", process: { behaviour: "timer-relay", config: { id } } })
const eventRelay = { name: "event relay", process: { behaviour: "event-relay", config: null } }
const messages = (log: ReadonlyArray<string>) => log.filter((one) => one.includes(" !"))
const labels = (log: ReadonlyArray<string>) => messages(log).map((one) => /<timer-expired (\S+)/.exec(one)![1])
const roles = [S("expired", "<timer-expired _ _>"), P("set", "<set-timer _ _ _>")]
/** Asks for timers as soon as there is a driver. */
const asker = (...requests: ReadonlyArray<string>) => script("A", roles, { "set +S": requests.map((request) => m(`<set-timer ${request}>`)) })

describe("C4: timers", () => {
  it("P01 timer order", () => {
    const { advance, log, waits } = start([asker("c 60 relative", "a 20 relative", "a 20 relative", "neg -5 relative", "last 100 relative"), timer])

    assert.deepStrictEqual(messages(log), ["A.expired !P <timer-expired neg 1000>"])
    advance(100)
    assert.deepStrictEqual(labels(log), ["neg", "a", "a", "c", "last"])
    assert.deepStrictEqual(messages(log).at(-2), "A.expired !P <timer-expired c 1060>")
    assert.deepStrictEqual(waits(), [])
  })
  it("P02 timer before driver", () => {
    const { advance, isOver, log } = start([script("A", [...roles, m("<set-timer x 10 relative>")]), timer])
    advance(1_000)

    assert.deepStrictEqual(log, ["A.set +S <set-timer _0 _1 _2>"])
    assert.isTrue(isOver(), "a driver without a timer keeps no program alive")
  })
  it("P03 absolute and unknown kind", () => {
    const { advance, log } = start([asker("x 1 bogus", "y 300 relative", "z 1200 absolute", 'w "soon" relative'), timer])
    advance(1_000)

    assert.deepStrictEqual(messages(log), ["A.expired !P <timer-expired z 1200>", "A.expired !P <timer-expired y 1300>"])
  })
  it("P04 timer relay", () => {
    const inner = script("I", roles, { "set +S": [m("<set-timer inner 30 relative>")] })
    const { advance, fire, log } = start([
      script("O", [S("set", "<set-timer _ _ _>"), S("repeat", "<event repeat _>")], {
        "set !P": [m("<timer-expired [relay 7] 1>"), m("<timer-expired [other 0] 1>")],
        "repeat !P": [m("<timer-expired [relay 0] 1>")]
      }),
      nest("vm", timerRelay(Value.symbol("relay")), inner),
      timer
    ])

    assert.deepStrictEqual(messages(log), ["O.set !P <set-timer [relay 0] 30 relative>"])
    advance(100)
    fire("repeat")
    assert.deepStrictEqual(messages(log).slice(1), ["I.expired !P <timer-expired inner 1030>", "O.repeat !P <event repeat #t>"])
  })
  it("a timer relay is there exactly while a driver is", () => {
    const inner = script("I", [P("set", "<set-timer _ _ _>")])
    const stay = script("stay", [S("e", "<event never _>")])
    const { fire, log } = start([leaver("D", S("d", "<set-timer _ _ _>")), nest("vm", timerRelay(1), inner), stay])
    fire("leave")

    assert.deepStrictEqual(log.filter((one) => one.startsWith("I.")), ["I.set +S <set-timer _0 _1 _2>", "I.set -S <set-timer _0 _1 _2> (#t)"])
  })
})

describe("C4: event relay", () => {
  const once = (name: string, value: string) =>
    script(name, [S("e", `<event evt ${value}>`), S("leave", `<event [leave ${name}] _>`)], { "leave !P": [Conversation.quit()] })

  it("P05 event relay", () => {
    const { fire, log, requests } = start([nest("vm", eventRelay, once("I", "_"))])
    fire("evt", 7)
    fire("[leave I]")

    assert.deepStrictEqual(messages(log), ["I.e !P <event evt 7>", "I.leave !P <event [leave I] #t>"])
    assert.deepStrictEqual(requests, ["Wait evt", "Wait [leave I]", "Unwait evt", "Unwait [leave I]"])
  })
  it("P06 event relay, two inner subscribers", () => {
    const { fire, log, requests } = start([nest("vm", eventRelay, once("I", "_"), once("J", "8"))])
    fire("[leave I]")
    fire("evt", 8)
    fire("[leave J]")

    assert.deepStrictEqual(messages(log), ["I.leave !P <event [leave I] #t>", "J.e !P <event evt 8>", "J.leave !P <event [leave J] #t>"])
    assert.deepStrictEqual(requests.filter((one) => one.endsWith(" evt")), ["Wait evt", "Unwait evt"])
  })
  it("carries a request out of two levels, by a relay in each, and waits for nobody who observes or names no source", () => {
    const watcher = script("W", [S("e", "<event other _>", observer), S("all", "<event _ 5>")])
    const { fire, log, waits } = start([nest("vm", eventRelay, nest("inner", eventRelay, watcher, script("I", [S("e", "<event evt _>")])))])
    fire("evt")

    assert.deepStrictEqual([waits(), messages(log)], [["evt"], ["I.e !P <event evt #t>"]])
  })
})

describe("C4: chat", () => {
  it("P17 chat", () => {
    for (const fuel of fuels) {
      const { dial } = start([bare, Chat.server(5999)], fuel)
      const a = dial(5999)!
      assert.strictEqual(a.received(), "You are u1.\n")
      const b = dial(5999)!
      assert.deepStrictEqual([a.received(), b.received()], ["You are u1.\nu2 arrived.\n", "You are u2.\nu1 arrived.\n"])
      a.send("hello\n")
      b.close()

      assert.strictEqual(a.received(), "You are u1.\nu2 arrived.\nu1: hello\nu2 departed.\n")
      assert.strictEqual(b.received(), "You are u2.\nu1 arrived.\nu1: hello\n")
      assert.deepStrictEqual([a.isClosed(), b.isClosed()], [false, true])
    }
  })
  it("P18 chat client EOF", () => {
    for (const fuel of fuels) {
      const { alive, isOver, serve, shown, type } = talk(fuel)
      type(Tcp.eof)

      assert.deepStrictEqual(shown, ["welcome", "Terminating on local EOF.", "Connection terminated."])
      assert.deepStrictEqual([alive(), isOver()], [["tcp driver"], true])
      assert.deepStrictEqual(serve.map((remote) => [remote.received(), remote.isClosed()]), [["hello\n", true]])
    }
  })
  it("a chat client whose server goes says so, and ends", () => {
    const { alive, isOver, serve, shown } = talk({})
    serve[0]!.close()

    assert.deepStrictEqual(shown, ["welcome", "Connection terminated."])
    assert.deepStrictEqual([alive(), isOver()], [["tcp driver"], true])
  })

  /** A client that is connected, was welcomed and has said hello. */
  const talk = (options: Options) => {
    const clients = Chat.clients("there", 5999).map(({ name, process }) => Conversation.spawn(name, process))
    const run = start([bare, script("go", [S("go", "<event go _>")], { "go !P": [...clients, Conversation.quit()] })], options)
    const serve = run.serve("there", 5999)
    run.fire("go")
    serve[0]!.send("welcome")
    run.type("hello")
    return { ...run, serve }
  }
})
