/** The matchers and the told machine, on both sides: when they pass, and what they say when they fail. */
import { assert, describe, expect, it } from "@effect/vitest"
import { Dataspace, Encoded, Machine, Process, Value, VersionedMap } from "@colloquy/core"
import * as Laws from "../src/Laws.ts"
import * as Matchers from "../src/Matchers.ts"

expect.extend(Matchers.matchers)

type State = { readonly n: number; readonly seen: VersionedMap.VersionedMap<string, true> }
type Event = { readonly _tag: "Add"; readonly by: number }
type Action = { readonly _tag: "Said"; readonly n: number; readonly what?: Value.Encoded }
const counter: Machine.Machine<{}, State, Event, Action> = {
  initial: () => [{ n: 0, seen: VersionedMap.VersionedMap.empty() }, [said(0)]],
  transition: (state, { by }) => by === 0 ? Machine.still(state) : [{ n: state.n + by, seen: state.seen.set(String(by), true) }, [said(state.n + by)]]
}
const said = (n: number): Action => ({ _tag: "Said", n })
const add = (by: number): Event => ({ _tag: "Add", by })
const failure = (body: () => void): string => {
  try {
    body()
  } catch (error) {
    return (error as Error).message
  }
  return assert.fail("it did not fail")
}

describe("toYield", () => {
  const [start] = counter.initial({})

  it("compares all actions of a step, in their order", () => {
    expect(counter.transition(start, add(2))).toYield(said(2))
    expect(Machine.fold(counter, start, [add(1), add(1)])).toYield(said(1), said(2))
    expect(counter.transition(start, add(2))).not.toYield()
    expect(counter.transition(start, add(2))).not.toYield(said(2), said(2))
    expect([start, [{ ...said(1), what: Encoded.encodedOf([1]) }]]).toYield({ ...said(1), what: Encoded.encodedOf([1]) })
  })
  it("says what differs, in the words of the machine", () => {
    assert.strictEqual(failure(() => expect(Machine.fold(counter, start, [add(1), add(1)])).toYield(said(1), said(3))), [
      "it does not do what is expected: yields 2 actions (- expected, + actual)", "      Said n=1", "    - Said n=3", "    + Said n=2"
    ].join("\n"))
    const negated = failure(() => expect(counter.transition(start, add(1))).not.toYield(said(1)))
    assert.strictEqual(negated, "it yields 1 action, and should not:\n    Said n=1")
    assert.match(failure(() => expect({ n: 1 }).toYield()), /toYield is for a step, \[state, actions\], and not for \{n: 1\}/)
  })
})

describe("toStayStill", () => {
  const [start] = counter.initial({})

  it("wants no action, and the very state when it is given", () => {
    expect(counter.transition(start, add(0))).toStayStill()
    expect(counter.transition(start, add(0))).toStayStill(start)
    expect(counter.transition(start, add(1))).not.toStayStill()
    expect([{ ...start }, []]).not.toStayStill(start)
  })
  it("says what moved", () => {
    assert.match(failure(() => expect(counter.transition(start, add(1))).toStayStill()), /stays still \(- expected, \+ actual\)\n {4}\+ Said n=1$/)
    assert.strictEqual(failure(() => expect(counter.transition(start, add(1))).toStayStill(start)).split("\n").slice(1).join("\n"), [
      "    - n: 0", "    - seen: {}", "    + n: 1", "    + seen: {1: true}", "    + Said n=1"
    ].join("\n"))
    assert.match(failure(() => expect([{ ...start }, []]).toStayStill(start)), /the state is an equal one, and not the very same/)
  })
})

describe("toHaveFacts", () => {
  const [state] = Dataspace.of({}).transition(Dataspace.of({}).initial({})[0], { _tag: "Enter", pid: "a", name: "a", actions: [
    Process.assert(1, Value.record("present", "lobby", "ann")), Process.assert(2, new Value.Set([2, 1])), Process.observe(3, { _tag: "Discard" })
  ] })

  it("compares the facts that stand, in any order, and no observations", () => {
    expect(state).toHaveFacts("#{1 2}", '<present "lobby" "ann">')
    expect(state).toHaveFacts('<present "lobby" "ann">', "#{2 1}")
    expect(state).not.toHaveFacts('<present "lobby" "ann">')
    expect(Dataspace.of({}).initial({})[0]).toHaveFacts()
  })
  it("says which is missing and which too many", () => {
    assert.strictEqual(failure(() => expect(state).toHaveFacts('<present "lobby" "bob">', "#{1 2}")), [
      "it does not do what is expected: has 2 facts (- expected, + actual)",
      '    - <present "lobby" "bob">', '    + <present "lobby" "ann">', "      #{1 2}"
    ].join("\n"))
    assert.match(failure(() => expect(state).toHaveFacts("<")), /< is no value/)
    assert.match(failure(() => expect(7).toHaveFacts()), /toHaveFacts is for the state of a dataspace, and not for 7/)
  })
})

describe("itMachine", () => {
  Matchers.itMachine("tells a machine events, and keeps its state and its actions", counter, {}, (t) => {
    expect(t.tell(add(2))).toYield(said(2))
    assert.deepStrictEqual(t.actions(), [said(0), said(2)])
    const before = t.state
    expect(t.tell(add(0))).toStayStill(before)
    assert.deepStrictEqual(t.actions(), [])
    assert.strictEqual(t.state.n, 2)
  })
  it("fails where the body fails, and where a law is broken by what was told", () => {
    let calls = 0
    const moody: Machine.Machine<{}, { readonly n: number }, Event, Action> = {
      initial: () => [{ n: 0 }, []],
      transition: () => [{ n: ++calls }, []]
    }

    assert.throws(() => Matchers.drive(counter, {}, () => assert.fail("the body's own")), /the body's own/)
    assert.throws(() => Matchers.drive(moody, {}, (t) => void t.tell(add(1))), Laws.BrokenLaw, "the same state and event give the same step")
    Matchers.drive(moody, {}, () => {})
  })
})
