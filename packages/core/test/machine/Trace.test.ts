import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Dataspace, Machine, Pattern, Process, Trace, Value, VersionedMap } from "../../src/index.ts"

type Add = { readonly _tag: "Add"; readonly by: number }
type Said = { readonly _tag: "Said"; readonly n: number }
/** Adds up, and says so. */
const Counter = {
  initial: (start: number): Machine.Step<number, Said> => [start, []],
  transition: (n: number, { by }: Add): Machine.Step<number, Said> => [n + by, [{ _tag: "Said", n: n + by }]]
}
const adds = (...all: ReadonlyArray<number>): ReadonlyArray<Add> => all.map((by) => ({ _tag: "Add", by }))

describe("Trace", () => {
  it("keeps the events of a run with what came of them", () => {
    assert.deepStrictEqual(Trace.run(Counter, 10, adds(1, 2)), {
      config: 10,
      boot: [],
      steps: [
        { event: { _tag: "Add", by: 1 }, actions: [{ _tag: "Said", n: 11 }] },
        { event: { _tag: "Add", by: 2 }, actions: [{ _tag: "Said", n: 13 }] }
      ]
    })
  })
  it("gives the state after any number of events", () => {
    const trace = Trace.run(Counter, 10, adds(1, 2, 3))

    assert.deepStrictEqual(Trace.states(Counter, trace), [10, 11, 13, 16])
    assert.deepStrictEqual([0, 2, 3].map((n) => Trace.stateAt(Counter, trace, n)), [10, 13, 16])
  })
  it("names the first step that diverges, with both sides", () => {
    const trace = Trace.run(Counter, 0, adds(1, 1, 1))
    const capped = { ...Counter, transition: (n: number, { by }: Add) => Counter.transition(0, { _tag: "Add", by: Math.min(1, n + by) }) }
    const eager = { ...Counter, initial: (start: number): Machine.Step<number, Said> => [start, [{ _tag: "Said", n: start }]] }

    assert.strictEqual(Trace.replay(Counter, trace), undefined)
    assert.deepStrictEqual(Trace.replay(capped, trace), { step: 2, recorded: [{ _tag: "Said", n: 2 }], replayed: [{ _tag: "Said", n: 1 }] })
    assert.deepStrictEqual(Trace.replay(eager, trace), { step: 0, recorded: [], replayed: [{ _tag: "Said", n: 0 }] })
  })
})

describe("the trace of a dataspace", () => {
  const machine = Dataspace.of({})
  const pid = fc.constantFrom("a", "b", "c")
  const handle = fc.integer({ min: 0, max: 3 })
  const value: fc.Arbitrary<Value.Value> = fc.constantFrom(Value.record("f", 1), Value.record("f", 2), "x", [1, [2]])
  const pattern = fc.constantFrom(Pattern.record("f", Pattern.bind()), Pattern.bind(), Pattern.discard, Pattern.literal("x"))
  const action: fc.Arbitrary<Process.Action> = fc.oneof(
    fc.tuple(handle, value).map(([h, v]) => Process.assert(h, v)),
    fc.tuple(handle, pattern).map(([h, p]) => Process.observe(h, p)),
    handle.map((h) => Process.retract(h)),
    value.map((v) => Process.send(v))
  )
  const actions = fc.array(action, { maxLength: 4 })
  const supplied: fc.Arbitrary<Dataspace.Supplied> = fc.record({
    _tag: fc.constantFrom("Add" as const, "Del" as const),
    pattern: fc.constant(Pattern.record("f", Pattern.bind())),
    captures: fc.tuple(fc.integer({ min: 0, max: 2 }))
  })
  const event: fc.Arbitrary<Dataspace.Event> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Enter" as const), pid, name: pid, actions }) },
    { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Perform" as const), pid, actions }) },
    fc.record({ _tag: fc.constant("Leave" as const), pid }),
    fc.record({ _tag: fc.constant("Supply" as const), items: fc.array(supplied, { maxLength: 2 }) })
  )

  it("never diverges, and goes back to any state as it was", () => {
    fc.assert(fc.property(fc.array(event, { maxLength: 40 }), fc.nat(), (events, back) => {
      const trace = Trace.run(machine, {}, events)
      const all = Trace.states(machine, trace)
      const n = back % all.length

      assert.strictEqual(Trace.replay(machine, trace), undefined)
      // an old state that later ones were made of is what a run up to it gives
      assert.isTrue(Trace.same(all[n], Trace.stateAt(machine, trace, n)))
      // and a step from it is the step that was taken then
      if (n < events.length) assert.isTrue(Trace.same(machine.transition(all[n]!, events[n]!)[1], trace.steps[n]!.actions))
    }), { numRuns: 300 })
  })
  it("tells exactly the steps that change nothing from those that do", () => {
    fc.assert(fc.property(fc.array(event, { maxLength: 20 }), (events) => {
      const all = Trace.states(machine, Trace.run(machine, {}, events))
      for (const [i, after] of all.entries()) {
        const before = all[Math.max(0, i - 1)]
        const { found } = Trace.diff(before, after)

        assert.strictEqual(found.length === 0, Trace.same(before, after))
        assert.strictEqual(found.length === 0, Trace.digest(before) === Trace.digest(after))
      }
    }), { numRuns: 100 })
  })
})

describe("differences", () => {
  const map = (...entries: ReadonlyArray<readonly [string, unknown]>) =>
    entries.reduce((m, [k, v]) => m.set(k, v), VersionedMap.VersionedMap.empty<string, unknown>())

  it("are found within maps, by key, in the order of the keys", () => {
    const before = { scopes: map(["lobby", { local: map(["x", 1], ["y", 1]), n: 1 }]), same: map(["z", 1]) }
    const after = { scopes: map(["lobby", { local: map(["y", 2], ["a", new Map([[1, "b"]])]), n: 1 }]), same: before.same.set("q", 2).delete("q") }

    assert.deepStrictEqual(Trace.diff(before, after), {
      found: [
        { path: 'scopes["lobby"].local["a"]', after: '{1: "b"}' },
        { path: 'scopes["lobby"].local["x"]', before: "1" },
        { path: 'scopes["lobby"].local["y"]', before: "1", after: "2" }
      ],
      more: 0
    })
  })
  it("are one where the case is another, and of lists those places that are new or gone", () => {
    const before = { phase: { _tag: "Open", at: 1 }, queue: [{ n: 1 }, { n: 2 }, { n: 3 }], bytes: Uint8Array.of(1), gone: 1, never: undefined }
    const after = { phase: { _tag: "Shut" }, queue: [{ n: 2 }, { n: 3 }, { n: 4 }, { n: 5 }], bytes: Uint8Array.of(2), come: -0 }

    assert.deepStrictEqual(Trace.diff(before, after).found, [
      { path: "phase", before: "Open {at: 1}", after: "Shut" },
      { path: "queue[0]", before: "{n: 1}" },
      { path: "queue[1]", before: "{n: 2}" },
      { path: "queue[2]", before: "{n: 3}" },
      { path: "queue[0]", after: "{n: 2}" },
      { path: "queue[1]", after: "{n: 3}" },
      { path: "queue[2]", after: "{n: 4}" },
      { path: "queue[3]", after: "{n: 5}" },
      { path: "bytes", before: "1 bytes", after: "1 bytes" },
      { path: "gone", before: "1" },
      { path: "come", after: "-0" }
    ])
    assert.deepStrictEqual(Trace.diff({ queue: [1, 2, 3] }, { queue: [1, 2, 3, 4] }).found, [{ path: "queue[3]", after: "4" }])
    assert.deepStrictEqual(Trace.diff({ queue: [1, 2, 3] }, { queue: [2, 3] }).found, [{ path: "queue[0]", before: "1" }])
  })
  it("are written as the caller knows better, passed over where it says so, and never too many or too long", () => {
    const before = { a: Value.symbol("x"), index: 1, list: Array.from({ length: 1000 }, (_, i) => i) }
    const after = { a: Value.symbol("y"), index: 2, list: Array.from({ length: 1000 }, (_, i) => -i - 1) }
    const show = (data: unknown) => typeof data === "symbol" ? `'${Symbol.keyFor(data)}` : undefined

    assert.deepStrictEqual(Trace.diff(before, after, { show, ignore: (path) => path === "index", most: 2 }), {
      found: [{ path: "a", before: "'x", after: "'y" }, { path: "list[0]", before: "0", after: "-1" }],
      more: 999
    })
    assert.isBelow(Trace.shown(before, { widthMax: 50 }).length, 52)
    assert.isBelow(Trace.shown(map(["k".repeat(1e6), "v".repeat(1e6)]), { widthMax: 50 }).length, 52)
    assert.deepStrictEqual(Trace.leaves(before, { show, most: 1 }), { found: [{ path: "a", after: "'x" }], more: 1001 })
  })
  it("let no text that somebody else chose drive the terminal", () => {
    assert.strictEqual(Trace.shown({ "\u001b[2J": "\u009b2J\n" }), '{"\\u001b[2J": "\\u009b2J\\n"}')
  })
})
