/**
 * The conformance rows of presence, topics and messages (K01-K19), by their names. A script's `start` is
 * one turn; what the rows do in one batch and would cancel out in an atomic turn is done in several.
 */
import { assert, describe, it } from "@effect/vitest"
import { Conversation, Topic } from "../../src/index.ts"
import { everything, f, heard, m, observer, P, S, script, stepwise, world } from "./script.ts"

const del = Conversation.withdraw

describe("C1: presence, topics, messages", () => {
  it("K01 presence is mutual, refined", () => {
    const { log } = world(script("A", [S("a", "[x _]")]), script("B", [P("b", "[_ y]")]))

    assert.deepStrictEqual(log, ["A.a +P [x y]", "B.b +S [x y]"])
  })
  it("K02 message filter", () => {
    const { go, log } = world(script("A", [S("a", "[x _]")]), stepwise("B", [P("b", "[_ y]")], { 1: [m("[x y]"), m("[z y]"), m("[x q]"), f("[x y]")] }))
    log.length = 0
    go("B")

    assert.deepStrictEqual(heard(log), ["A.a !P [x y]", "A.a !P [x q]", "B.b !S [x y]"])
  })
  it("K03 delete notifies both", () => {
    const { go, log } = world(script("A", [S("a", "[x _]")]), stepwise("B", [P("b", "[_ y]")], { 1: [del("b", "why")] }))
    log.length = 0
    go("B")

    assert.deepStrictEqual(heard(log), ['A.a -P [x y] ("why")', 'B.b -S [x y] ("why")'])
  })
  it("K04 no intersection, no event", () => {
    assert.deepStrictEqual(world(script("A", [S("a", "[x 1]")]), script("B", [P("b", "[x 2]")])).log, [])
  })
  it("K05 same orientation never meets", () => {
    const { log } = world(script("A", [S("a", "_")]), script("B", [S("b", "_"), m("7")]))

    assert.deepStrictEqual(log, ["A.a !P 7", "B.b !P 7"])
  })
  it("K06 repeated variable", () => {
    const { log } = world(script("A", [S("a", "[_ b _ _]")]), script("B", [P("b", "[?v _ ?v ?v]")]))

    assert.deepStrictEqual(log, ["A.a +P [_0 b _0 _0]", "B.b +S [_0 b _0 _0]"])
  })
  it("K07 occurs check", () => {
    assert.deepStrictEqual(world(script("A", [S("a", "[?v ?v]")]), script("B", [P("b", "[?w <f ?w>]")])).log, [])
  })
  it("K08 canonical numbering", () => {
    const { log } = world(script("A", [S("a", "[_ k _]")]), script("B", [P("b", "[_ _ _]")]))

    assert.deepStrictEqual(log, ["A.a +P [_0 k _1]", "B.b +S [_0 k _1]"])
  })

  const matrix = [
    script("M", [P("p", "t"), P("o", "t", observer), P("e", "t", everything)]),
    stepwise("N", [S("p", "t"), S("o", "t", observer), S("e", "t", everything)], { 1: [m("t"), f("t")] })
  ]
  it("K09 visibility matrix", () => {
    const { log } = world(...matrix)

    assert.deepStrictEqual([...log].sort(), [
      "M.e +S t", "M.e +Se t", "M.e +So t", "M.o +S t", "M.p +S t",
      "N.e +P t", "N.e +Pe t", "N.e +Po t", "N.o +P t", "N.p +P t"
    ])
  })
  it("K10 messages ignore interest", () => {
    const { go, log } = world(...matrix)
    log.length = 0
    go("N")

    assert.deepStrictEqual(heard(log), ["N.p !P t", "N.o !P t", "N.e !P t", "M.p !S t", "M.o !S t", "M.e !S t"])
  })
  it("K11 self matching", () => {
    const { go, log } = world(stepwise("M", [S("s", "[x _]"), P("p", "[_ y]"), m("[x y]"), f("[x y]")], { 1: [del("p", "r")] }))
    go("M")

    assert.deepStrictEqual(heard(log), ["M.s +P [x y]", "M.p +S [x y]", "M.s !P [x y]", "M.p !S [x y]", 'M.s -P [x y] ("r")', 'M.p -S [x y] ("r")'])
  })
  it("K12 two endpoints in one process, one message", () => {
    const { log } = world(script("A", [S("a", "[x _]"), S("b", "[_ 1]")]), script("B", [m("[x 1]")]))

    assert.deepStrictEqual(log, ["A.a !P [x 1]", "A.b !P [x 1]"])
  })

  const twoSubscribers = (presence: "each" | "set") => {
    const run = world(
      script("P", [P("p", "[x _]", { presence })]), stepwise("S1", [S("s", "[x 1]")], { 1: [del("s", "r")] }), stepwise("S2", [S("s", "[x 1]")], { 1: [del("s", "r")] })
    )
    run.go("S2")
    return run
  }
  it("K13 per-pair presence, no aggregation", () => {
    const { log } = twoSubscribers("each")

    assert.deepStrictEqual(log.filter((one) => one.startsWith("P")), ["P.p +S [x 1]", "P.p +S [x 1]", 'P.p -S [x 1] ("r")'])
    assert.deepStrictEqual(log.filter((one) => one.startsWith("S1")), ["S1.s +P [x 1]"])
    assert.deepStrictEqual(heard(log).filter((one) => one.startsWith("S2")), ["S2.s +P [x 1]", 'S2.s -P [x 1] ("r")'])
  })
  it("K13 as a set: absence is of the last one", () => {
    const { go, log } = twoSubscribers("set")
    assert.deepStrictEqual(log.filter((one) => one.startsWith("P")), ["P.p +S [x 1]"])
    go("S1")

    assert.deepStrictEqual(log.filter((one) => one.startsWith("P")), ["P.p +S [x 1]", 'P.p -S [x 1] ("r")'])
  })
  it("K14 update handler silently", () => {
    const { go, log } = world(
      script("P", [P("p", "[x _]")]), stepwise("A", [S("e", "[x _]", { handler: "old" })], { 1: [S("e", "[x _]", { handler: "new" }), m("[x 1]")] })
    )
    go("A")

    assert.deepStrictEqual(heard(log), ["P.p +S [x _0]", "A.old:e +P [x _0]", "A.new:e !P [x 1]"])
  })
  it("K15 update with different role: the process ends, nobody else", () => {
    const { log } = world(script("A", [S("e", "x"), P("e", "x")]), script("B", [S("b", "y"), m("y")]))

    assert.deepStrictEqual([...log].sort(), ["B.b !P y", 'exit "A" <role-mismatch "e">'])
  })
  it("K16 update must be alpha-equal", () => {
    const renamed = world(script("A", [S("e", "[?v ?v]"), S("e", "[?w ?w]")]))
    const { log } = world(script("A", [S("e", "[?v ?v]"), S("e", "[_ _]")]))

    assert.deepStrictEqual([renamed.log, log], [[], ['exit "A" <role-mismatch "e">']])
  })
  it("K17 unknown delete, unknown kill", () => {
    const { log } = world(script("A", [del("zz"), Conversation.kill(999, "r"), S("a", "here"), m("here")]))

    assert.deepStrictEqual(log, ["A.a !P here"])
  })
  it("K18 wildcard in a message body: rejected, and whoever says it gets the error", () => {
    assert.throws(() => m("[q _]"), Conversation.Unfit, "not-ground")
    const byHand: Conversation.Action = { ...m("1"), body: [Symbol.for("q"), Topic.wild] } as never
    const { log } = world(script("A", [S("a", "[q 1]")]), script("B", [byHand]))

    assert.deepStrictEqual(log, ['exit "B" <not-ground <arr [<lit q> <var 0>]>>'])
  })
  it("K19 no subscriber: messages are not stored", () => {
    const { log } = world(script("B", [m("1")]), script("A", [S("a", "1")]))

    assert.deepStrictEqual(log, [])
  })
})
