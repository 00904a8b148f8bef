/** The kernel against its oracle: the same facts and the same events, to the order, in whole programs of processes. */
import { assert, it } from "@effect/vitest"
import { Canonical, Dataspace, Nested, Text } from "@colloquy/core"
import * as Oracle from "../src/Oracle.ts"
import * as Programs from "../src/Programs.ts"

const programs = 10_000

const lines = (actions: ReadonlyArray<Dataspace.Action>): ReadonlyArray<string> => actions.flatMap((action) => {
  switch (action._tag) {
    case "Deliver": return [`deliver ${action.pid}: ${action.events.map(Programs.shown).join("; ")}`]
    case "Exited": return [`exited ${action.pid} ${Text.print(action.reason).replace(/<crash "[^"]*">/g, "<crash>")}`]
    case "Continue": return ["continue"]
  }
})

/** What stands, inside nested dataspaces as well, as sorted keys. */
const factsOf = (state: Dataspace.State, path = ""): ReadonlyArray<string> => [
  ...[...state.index.values.keys()].map((key) => path + key),
  ...[...state.processes.values()].flatMap(({ pid, state: inner }) => isNested(inner) ? factsOf(inner.inner, `${pid} `) : [])
].sort()
const isNested = (state: unknown): state is Nested.State => typeof state === "object" && state !== null && "inner" in state
const factsOfOracle = (oracle: Oracle.Oracle, path = ""): ReadonlyArray<string> => [
  ...oracle.facts().map((value) => path + Canonical.key(value)),
  ...[...oracle.processes.values()].flatMap(({ pid, state }) => isRelay(state) ? factsOfOracle(state.inside, `${pid} `) : [])
].sort()
const isRelay = (state: unknown): state is Oracle.Nested => typeof state === "object" && state !== null && "inside" in state

const play = (seed: number): number => {
  const { boot, turns } = Programs.program(seed)
  const got: Array<string> = []
  const machine = Dataspace.of(Programs.behaviours(Nested.nested, (line) => got.push(line)))
  const wanted: Array<string> = []
  const oracle = new Oracle.Oracle(Programs.behaviours(Oracle.nested, (line) => wanted.push(line)))

  let [state, first] = machine.initial({ boot })
  got.push(...lines(first))
  wanted.push(...lines(oracle.start(boot)))
  // whoever yielded goes on when the world has had its turn; a program that yields for ever is left
  const all = turns.flatMap((turn) => [turn, { _tag: "Continue" } as const, { _tag: "Continue" } as const])
  for (const [i, turn] of all.entries()) {
    got.push(`-- turn ${i}: ${turn._tag}`)
    wanted.push(`-- turn ${i}: ${turn._tag}`)
    const [next, actions] = machine.transition(state, turn)
    state = next
    got.push(...lines(actions), ...factsOf(state))
    wanted.push(...lines(oracle.transition(turn)), ...factsOfOracle(oracle))
  }
  if (got.join("\n") !== wanted.join("\n")) assert.deepStrictEqual(got, wanted, `seed ${seed}`)
  return got.length
}

it(`does what its oracle does, in ${programs} random programs that nest three deep`, { timeout: 120_000 }, () => {
  let lively = 0
  for (let seed = 1; seed <= programs; seed++) lively += Number(play(seed) > 50)

  assert.isAbove(lively, programs / 2)
})
