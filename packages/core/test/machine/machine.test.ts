import { assert, describe, it } from "@effect/vitest"
import { Family, Machine, Rng, Wiring } from "../../src/index.ts"

/** Counts, and says so at every second. */
const Counter = {
  initial: (start: number): Machine.Step<number, CounterAction> => [start, []],
  transition: (n: number, event: { readonly _tag: "Inc"; readonly by: number }): Machine.Step<number, CounterAction> =>
    (n + event.by) % 2 === 0 ? [n + event.by, [{ _tag: "Even", n: n + event.by }]] : [n + event.by, []]
}
type CounterAction = { readonly _tag: "Even"; readonly n: number }
const Log = {
  initial: (_config: {}): Machine.Step<ReadonlyArray<number>, { readonly _tag: "Full" }> => [[], []],
  transition: (log: ReadonlyArray<number>, { n }: { readonly _tag: "Append"; readonly n: number }): Machine.Step<ReadonlyArray<number>, { readonly _tag: "Full" }> =>
    [[...log, n], log.length === 1 ? [{ _tag: "Full" }] : []]
}
type Members = { readonly Counter: typeof Counter; readonly Log: typeof Log }

describe("Wiring", () => {
  const wired = Wiring.wire<Members, { readonly _tag: "Done" }>({ Counter, Log }, {
    Counter: { Even: ({ n }) => [{ to: "inside", event: { _tag: "Log", event: { _tag: "Append", n } } }] },
    Log: { Full: () => [{ to: "shell", action: { _tag: "Done" } }] }
  })

  it("takes an action to a sibling, and on to the shell, within one turn", () => {
    const [start] = wired.initial({ Counter: 1, Log: {} })
    const [state, actions] = Machine.fold(wired, start, [1, 1, 1].map((by) => ({ _tag: "Counter", event: { _tag: "Inc", by } }) as const))

    assert.deepStrictEqual(state, { Counter: 4, Log: [2, 4] })
    assert.deepStrictEqual(actions, [{ _tag: "Done" }])
    assert.deepStrictEqual(start, { Counter: 1, Log: [] })
  })
  it("does not compile when an action is forgotten", () => {
    // @ts-expect-error: where Full goes is not said
    const forgotten: Wiring.Routes<Members, never> = { Counter: { Even: () => [] }, Log: {} }
    assert.isDefined(forgotten)
  })
  it("names a loop rather than running it for ever", () => {
    const loop = Wiring.wire<{ readonly Counter: typeof Counter }, never>({ Counter }, {
      Counter: { Even: () => [{ to: "inside", event: { _tag: "Counter", event: { _tag: "Inc", by: 2 } } }] }
    })
    assert.throws(() => loop.transition({ Counter: 0 }, { _tag: "Counter", event: { _tag: "Inc", by: 0 } }), "the last was for Counter")
  })
})

describe("Family", () => {
  const family = Family.of(Counter)
  it("keeps members apart, and says whose an action is", () => {
    const [none] = family.initial({})
    const [state, actions] = Machine.fold(family, none, [
      { _tag: "Open", key: "a", config: 1 },
      { _tag: "Open", key: "b", config: 2 },
      { _tag: "Tell", key: "a", event: { _tag: "Inc", by: 1 } },
      { _tag: "Close", key: "b" }
    ])

    assert.deepStrictEqual([...state], [["a", 2]])
    assert.deepStrictEqual(actions, [{ _tag: "Member", key: "a", action: { _tag: "Even", n: 2 } }])
    assert.strictEqual(none.size, 0)
  })
  it("leaves alone what has just come, or just gone", () => {
    const [one] = family.transition(family.initial({})[0], { _tag: "Open", key: "a", config: 1 })

    assert.strictEqual(family.transition(one, { _tag: "Open", key: "a", config: 7 })[0], one)
    assert.strictEqual(family.transition(one, { _tag: "Tell", key: "b", event: { _tag: "Inc", by: 1 } })[0], one)
    assert.strictEqual(family.transition(one, { _tag: "Close", key: "b" })[0], one)
  })
})

describe("Rng", () => {
  it("repeats itself from its seed, and spreads evenly", () => {
    const draw = (seed: number) => {
      const counts = [0, 0, 0, 0]
      let rng = Rng.initial(seed)
      for (let i = 0; i < 4000; i++) {
        const [n, next] = Rng.below(rng, 4)
        counts[n]!++
        rng = next
      }
      return counts
    }

    assert.deepStrictEqual(draw(1), draw(1))
    assert.notDeepEqual(draw(1), draw(2))
    for (const count of draw(3)) assert.approximately(count, 1000, 120)
  })
})
