/** The guard against routing loops, beside turns that are long because much is said in them. */
import { assert, describe, it } from "@effect/vitest"
import { type Machine, Wiring } from "../../src/index.ts"

/** Answers an event with as many actions as it says. */
const Fan = {
  initial: (_: {}): Machine.Step<number, Spread> => [0, []],
  transition: (heard: number, { spread }: { readonly _tag: "Go"; readonly spread: ReadonlyArray<number> }): Machine.Step<number, Spread> => {
    const [width = 0, ...rest] = spread
    return [heard + 1, Array.from({ length: width }, () => ({ _tag: "Spread", spread: rest }))]
  }
}
type Spread = { readonly _tag: "Spread"; readonly spread: ReadonlyArray<number> }
type Members = { readonly Fan: typeof Fan }
const go = (spread: ReadonlyArray<number>): Wiring.Addressed<Members> => ({ _tag: "Fan", event: { _tag: "Go", spread } })

const wired = Wiring.wire<Members, never>({ Fan }, { Fan: { Spread: ({ spread }) => [{ to: "inside", event: go(spread) }] } })
/** As if the table sent everything round for ever. */
const looping = (width: number) => Wiring.wire<Members, never>({ Fan }, { Fan: { Spread: () => [{ to: "inside", event: go([width]) }] } })

describe("a turn of a wired machine", () => {
  it("takes as long as what was said in it needs: thousands of packets, each for hundreds of links, in one chunk", () => {
    const [{ Fan: heard }] = wired.transition({ Fan: 0 }, go([2_000, 1, 300, 1]))

    assert.strictEqual(heard, 1 + 2_000 + 2_000 + 2 * 600_000)
  })
  it("is a loop when it goes round, or when one event has too many consequences", () => {
    assert.throws(() => looping(1).transition({ Fan: 0 }, go([1])), "10000 deep; the last was for Fan")
    assert.throws(() => looping(2).transition({ Fan: 0 }, go([1])), /it has routed 1000000 events, \d+ deep; the last was for Fan/)
  })
})
