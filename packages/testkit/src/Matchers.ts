/**
 * What makes a user's test of a machine shorter: three matchers for vitest's `expect`, and a test that
 * tells a machine events and checks the laws on them when it ends.
 *
 *     expect.extend(Matchers.matchers)                                    // once, in a setup file or above the tests
 *
 *     expect(Counter.transition({ n: 1 }, add(2))).toYield({ _tag: "Said", n: 3 })
 *     expect(Counter.transition(state, add(0))).toStayStill(state)
 *     expect(space).toHaveFacts('<present "lobby" "ann">')
 *
 *     Matchers.itMachine("counts", Counter, {}, (t) => { expect(t.tell(add(2))).toYield(said(2)) })
 */
import { type Dataspace, type Machine, Text, VersionedMap } from "@colloquy/core"
import { it } from "vitest"
import * as Laws from "./Laws.ts"
import { value } from "./Scenario.ts"
import * as Show from "./Show.ts"

interface Result {
  readonly pass: boolean
  readonly message: () => string
}

const result = (pass: boolean, claim: string, expected: ReadonlyArray<string>, actual: ReadonlyArray<string>): Result => ({
  pass,
  message: () => pass
    ? `it ${claim}, and should not:\n${indented(actual)}`
    : `it does not do what is expected: ${claim} (- expected, + actual)\n${indented(Show.diff(expected, actual))}`
})
const counted = (list: ReadonlyArray<unknown>, what: string): string => `${list.length} ${what}${list.length === 1 ? "" : "s"}`
const indented = (lines: ReadonlyArray<string>): string => (lines.length === 0 ? ["nothing"] : lines).map((line) => `    ${line}`).join("\n")

type Equals = { readonly equals: (a: unknown, b: unknown, testers?: [], strict?: boolean) => boolean }
const same = ({ equals }: Equals, a: unknown, b: unknown): boolean => equals(Laws.snapshot(a), Laws.snapshot(b), [], true)

const stepOf = (received: unknown, matcher: string): Machine.Step<unknown, unknown> => {
  if (Array.isArray(received) && received.length === 2 && Array.isArray(received[1])) return received as [unknown, Array<unknown>]
  throw new TypeError(`${matcher} is for a step, [state, actions], and not for ${Show.show(received)}`)
}

/** For `expect.extend`. */
export const matchers = {
  /** A step has these actions, no more, in this order. */
  toYield(this: Equals, received: unknown, ...expected: ReadonlyArray<unknown>): Result {
    const [, actions] = stepOf(received, "toYield")
    return result(same(this, actions, expected), `yields ${counted(expected, "action")}`, expected.map(Show.show), actions.map(Show.show))
  },
  /** A step has no actions and, given the state from which it was taken, is that very state. */
  toStayStill(this: Equals, received: unknown, ...from: readonly [state?: unknown]): Result {
    const [state, actions] = stepOf(received, "toStayStill")
    const moved = from.length === 1 && state !== from[0]
    const expected = moved ? Show.tree(from[0]).split("\n") : []
    const actual = moved ? Show.tree(state).split("\n") : []
    const copied = moved && expected.join("\n") === actual.join("\n") ? ["the state is an equal one, and not the very same"] : []
    return result(!moved && actions.length === 0, "stays still", expected, [...actual, ...copied, ...actions.map(Show.show)])
  },
  /** These facts stand in a dataspace's state, and no others, in whatever order; observations do not count. */
  toHaveFacts(this: Equals, received: unknown, ...expected: ReadonlyArray<string>): Result {
    const { index } = (received ?? {}) as { readonly index?: { readonly kinds?: unknown } }
    if (!(index?.kinds instanceof VersionedMap.VersionedMap)) {
      throw new TypeError(`toHaveFacts is for the state of a dataspace, and not for ${Show.show(received)}`)
    }
    const facts = Show.facts(received as Dataspace.State)
    const wanted = Show.inOrder(expected.map(value)).map(Text.print)
    return result(facts.join("\n") === wanted.join("\n"), `has ${counted(expected, "fact")}`, wanted, facts)
  }
}

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /** A step has these actions, no more, in this order. */
    toYield: (...actions: T extends readonly [unknown, ReadonlyArray<infer Action>] ? ReadonlyArray<Action> : ReadonlyArray<unknown>) => R
    /** A step has no actions and, given the state from which it was taken, is that very state. */
    toStayStill: (from?: unknown) => R
    /** These facts, in Preserves text, stand in a dataspace's state, and no others; observations do not count. */
    toHaveFacts: (...facts: ReadonlyArray<string>) => R
  }
}

/** A machine under test. */
export interface Told<State, Event, Action> {
  readonly state: State
  /** Tells it, and returns the step. */
  readonly tell: (event: Event) => Machine.Step<State, Action>
  /** The actions since the beginning, those of `initial` among them, or since they were last asked for. */
  readonly actions: () => ReadonlyArray<Action>
}

/** Drives a machine through `body`; then the laws are checked along the events that it was told. */
export const drive = <Config, State, Event extends Machine.Tagged, Action extends Machine.Tagged>(
  machine: Machine.Machine<Config, State, Event, Action>, config: NoInfer<Config>, body: (t: Told<State, Event, Action>) => void
): void => {
  const [start, first] = machine.initial(config)
  const events: Array<Event> = []
  let state = start
  let unasked = first
  body({
    get state() {
      return state
    },
    tell: (event) => {
      const step = machine.transition(state, event)
      events.push(event)
      state = step[0]
      unasked = [...unasked, ...step[1]]
      return step
    },
    actions: () => {
      const asked = unasked
      unasked = []
      return asked
    }
  })
  Laws.check(machine, start, events)
}

/** A test that drives a machine, and checks the laws on what it was told. */
export const itMachine = <Config, State, Event extends Machine.Tagged, Action extends Machine.Tagged>(
  name: string, machine: Machine.Machine<Config, State, Event, Action>, config: NoInfer<Config>, body: (t: Told<State, Event, Action>) => void
): void => it(name, () => drive(machine, config, body))
