import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Node, Pattern, Process, Recording } from "../../src/index.ts"
import { value } from "../codec/arbitrary.ts"

const header: Recording.Header = {
  config: { node: "solo", incarnation: 1, seed: 2, timing: { pingMs: 5, backoff: { leastMs: 1, mostMs: 2 } } },
  behaviours: ["clock"],
  at: 31.5
}
const time = fc.double({ min: 0, max: 1e9, noNaN: true })
const action: fc.Arbitrary<Process.Action> = fc.oneof(value.map((v) => Process.assert(1, v)), value.map(Process.send))
const event: fc.Arbitrary<Node.Event> = fc.oneof(
  fc.record({ _tag: fc.constant("Incoming" as const), link: fc.string(), from: fc.string(), stream: fc.boolean(), at: time }),
  fc.record({ _tag: fc.constant("Received" as const), link: fc.string(), bytes: fc.uint8Array(), at: time }),
  fc.record({ _tag: fc.constant("Lost" as const), link: fc.string(), reason: fc.string(), at: time }),
  fc.record({ _tag: fc.constant("Tell" as const), space: fc.option(fc.string()), event: fc.oneof(
    fc.record({ _tag: fc.constant("Perform" as const), pid: fc.string(), actions: fc.array(action, { maxLength: 3 }) }),
    fc.constant({ _tag: "Continue" } as const)
  ) })
)
const actions: ReadonlyArray<Node.Action> = [
  { _tag: "Write", link: "in:1", bytes: Uint8Array.of(1) },
  { _tag: "Write", link: "in:2", bytes: Uint8Array.of(2) },
  { _tag: "Stopped" }
]

describe("Recording", () => {
  it("gives back the header and every step, a line each", () => {
    assert.deepStrictEqual(Recording.readStart(Recording.start(header, actions)), { _tag: "Start", ...header, did: Recording.did(actions) })
    fc.assert(fc.property(event, time, (told, at) => {
      const read = Recording.readStep(Recording.step(7, at, told, actions), 8)

      assert.deepStrictEqual(read, { _tag: "Step", n: 7, at, event: told, did: Recording.did(actions) })
    }), { numRuns: 500 })
    const stop: Node.Event = { _tag: "Stop", at: 2 }
    assert.deepStrictEqual(Recording.readStep(Recording.step(1, 2, stop, undefined), 2), { _tag: "Step", n: 1, at: 2, event: stop, did: "failed" })
    assert.deepStrictEqual(Recording.readStep(Recording.stopped("no room"), 3), { _tag: "Stopped", reason: "no room" })
  })
  it("counts the actions by their kind, and tells others from them", () => {
    const did = Recording.did(actions)

    assert.deepInclude(did as object, { counts: { Write: 2, Stopped: 1 } })
    assert.isTrue(Recording.agree(did, Recording.did([...actions])))
    assert.isFalse(Recording.agree(did, Recording.did(actions.toReversed())))
    assert.isFalse(Recording.agree(did, Recording.did(undefined)))
  })
  it("says what is wrong with a first line", () => {
    const cases: ReadonlyArray<readonly [string, RegExp]> = [
      ["", /not the beginning of a recording/],
      ["garbage", /not the beginning/],
      ["<colloquy-recording 2 {}>", /its format is 2; this program reads format 1/],
      ["<colloquy-recording>", /its format is unknown/],
      ["<colloquy-recording 1 {} {} \"00\">", /header is damaged/],
      [Recording.start(header, actions).replace('"solo"', "7"), /header is damaged/],
      [Recording.start(header, actions).replace("seed: 2", "seed: <number 1>"), /header is damaged/]
    ]
    for (const [line, message] of cases) {
      const read = Recording.readStart(line)

      assert.strictEqual(read._tag, "RecordingError", line)
      assert.deepInclude(read, { line: 1 })
      assert.match((read as Recording.RecordingError).message, message)
    }
  })
  it("takes nothing for a step that is none, whatever is damaged", () => {
    const line = Recording.step(4, 1.5, { _tag: "Received", link: "in:1", bytes: Uint8Array.of(1, 2), at: 1 }, actions)
    const cases: ReadonlyArray<readonly [string, RegExp]> = [
      ["", /ends|inside/],
      [line.slice(0, -1), /inside a value/],
      [line.replace("<step 4", "<step 5"), /step 4 should be here/],
      [line.replace('"Received"', '"Toldya"'), /no event/],
      [line.replace('link: "in:1"', "link: 7"), /no event/],
      [line.replace(/bytes: #x"0102"/, "bytes: {length: 1000000000000}"), /no event/],
      [line.replace("{Write: 2", '{Write: "2"'), /damaged/],
      ["<step>", /should be here/],
      ["<step 4>", /damaged/],
      ["<stopped 7>", /why/],
      ["<says hello>", /not a step/],
      ['<step 4 1.5 {_tag: "Tell" space: <null> event: {_tag: "Perform" pid: "a" actions: 7}} {} "00">', /no event/],
      ['<step 4 1.5 <map 7> {} "00">', /cannot be meant|pairs/]
    ]
    for (const [damaged, message] of cases) {
      const read = Recording.readStep(damaged, 5)

      assert.strictEqual(read._tag, "RecordingError", damaged)
      assert.strictEqual((read as Recording.RecordingError).line, 5)
      assert.match((read as Recording.RecordingError).message, message, damaged)
    }
  })
  it("survives the change of any one character", () => {
    const observe = Process.observe(1, Pattern.record("f", Pattern.bind()))
    const line = Recording.step(4, 1.5, { _tag: "Tell", space: null, event: { _tag: "Enter", pid: "a", name: "a", actions: [observe] } }, actions)
    const machine = Node.of({})
    const [state] = machine.initial({ node: "solo", incarnation: 1, seed: 2 })
    let refused = 0
    for (let i = 0; i < line.length; i++) {
      for (const other of ['"', "<", "7", "{", "\u0000"]) {
        const read = Recording.readStep(line.slice(0, i) + other + line.slice(i + 1), 5)
        if (read._tag === "RecordingError") refused++
        // what is read all the same is shaped like an event, and a node takes it
        else if (read._tag === "Step") assert.isArray(machine.transition(state, read.event)[1])
      }
    }
    assert.isAbove(refused, line.length)
  })
})
