/**
 * The kernel against a naive model: assertions are a list of tuples, and after every turn all that
 * each observation sees is computed anew.
 */
import { assert, it } from "@effect/vitest"
import { Dataspace, Pattern, Process, Rng, Text, Value } from "../../src/index.ts"
import { p } from "./script.ts"

const machine = Dataspace.of({})
const values = ["<f 1>", "<f 2>", "<f 1 a>", "<f 2 a>", "[1 2]", "[1 [2 3]]", "7", "<g {a: 1 b: 2}>"].map((text) => Text.read(text) as Value.Value)
const patterns = ["<f $>", "<f _>", "<f 1>", "$", "<f $ a>", "<f 1 $>", "[$ _]", "[1 [$ $]]", "<g $>", "_", "7"].map(p)
  .concat([Pattern.record("g", Pattern.dictionary([[Value.symbol("a"), Pattern.bind()]])), Pattern.bind(Pattern.record("f", Pattern.bind()))])

interface Tuple {
  readonly pid: string
  readonly handle: number
  readonly value: Value.Value
}
const isForeign = (pid: string): boolean => pid === "link"

class Model {
  tuples: ReadonlyArray<Tuple> = []
  supplied = new Map<string, Set<string>>()
  pids = new Set<string>()

  views(): Map<string, { readonly pid: string; readonly pattern: Pattern.Pattern; readonly sees: ReadonlySet<string> }> {
    const views = new Map<string, { readonly pid: string; readonly pattern: Pattern.Pattern; readonly sees: ReadonlySet<string> }>()
    for (const { handle, pid, value } of this.tuples) {
      const pattern = Process.observed(value)
      if (pattern === undefined) continue
      const standing = this.tuples.filter((tuple) => !isForeign(pid) || !isForeign(tuple.pid)).flatMap((tuple) => {
        const captures = Pattern.captures(pattern, tuple.value)
        return captures === undefined ? [] : [Text.print(captures)]
      })
      const more = isForeign(pid) ? [] : [...this.supplied.get(Pattern.key(pattern)) ?? []]
      views.set(`${pid} ${handle} ${Text.print(value)}`, { pid, pattern, sees: new Set([...standing, ...more]) })
    }
    return views
  }
  /** What supply is for: patterns that an ordinary process observes. */
  isObserved(key: string): boolean {
    return this.tuples.some(({ pid, value }) => {
      const pattern = Process.observed(value)
      return !isForeign(pid) && pattern !== undefined && Pattern.key(pattern) === key
    })
  }
  forget(): void {
    for (const key of this.supplied.keys()) if (!this.isObserved(key)) this.supplied.delete(key)
  }
}

/** What each observation must be told by a turn, as sorted lines; and messages after additions, before removals. */
const expected = (before: ReturnType<Model["views"]>, after: ReturnType<Model["views"]>, messages: ReadonlyArray<Value.Value>, told: (pid: string, key: string) => ReadonlyArray<string>) => {
  const lines: Array<string> = []
  for (const [key, { pattern, pid, sees }] of after) {
    const old = before.get(key)?.sees ?? new Set()
    for (const captures of sees) if (!old.has(captures)) lines.push(`${key} 1Added ${captures}`)
    for (const captures of old) if (!sees.has(captures)) lines.push(`${key} 3Removed ${captures}`)
    for (const message of messages) {
      const captures = Pattern.captures(pattern, message)
      if (captures !== undefined) lines.push(`${key} 2Received ${Text.print(captures)}`)
    }
    for (const captures of told(pid, Pattern.key(pattern))) lines.push(`${key} 2Received ${captures}`)
  }
  return lines.sort()
}
const rank = { Added: 1, Received: 2, Removed: 3, Resumed: 4, Spawned: 0 } as const

const play = (seed: number): void => {
  const below = Rng.drawing(seed)
  const pick = <A>(list: ReadonlyArray<A>): A => list[below(list.length)]!
  let [state] = machine.initial({})
  const model = new Model()
  const history: Array<readonly [Dataspace.State, Dataspace.Event]> = []

  for (let turn = 0; turn < 40; turn++) {
    const pid = pick(["a", "b", "c", "link"])
    const before = model.views()
    const messages: Array<Value.Value> = []
    let told: (pid: string, key: string) => ReadonlyArray<string> = () => []
    let event: Dataspace.Event
    const actions = (): ReadonlyArray<Process.Action> => Array.from({ length: 1 + below(4) }, () => {
      const handle = below(4)
      const drop = () => { model.tuples = model.tuples.filter((tuple) => tuple.pid !== pid || tuple.handle !== handle) }
      switch (isForeign(pid) ? below(3) : below(6)) {
        case 0: drop(); return Process.retract(handle)
        case 1:
        case 2: {
          const value = Process.observation(pick(patterns))
          drop()
          model.tuples = [...model.tuples, { pid, handle, value }]
          return Process.assert(handle, value)
        }
        case 3: {
          const body = pick(values)
          messages.push(body)
          return Process.send(body)
        }
        default: {
          const value = pick(values)
          drop()
          model.tuples = [...model.tuples, { pid, handle, value }]
          return Process.assert(handle, value)
        }
      }
    })
    if (!model.pids.has(pid)) {
      model.pids.add(pid)
      event = { _tag: "Enter", pid, name: pid, foreign: isForeign(pid), actions: actions() }
    } else if (below(12) === 0) {
      model.pids.delete(pid)
      model.tuples = model.tuples.filter((tuple) => tuple.pid !== pid)
      event = { _tag: "Leave", pid }
    } else if (below(4) === 0) {
      const pattern = pick(patterns)
      const key = Pattern.key(pattern)
      const captures = Pattern.arity(pattern) === 0 ? [] : Array.from({ length: Pattern.arity(pattern) }, () => below(3))
      const _tag = pick(["Add", "Add", "Del", "Msg"] as const)
      if (model.isObserved(key)) {
        const set = model.supplied.get(key) ?? new Set()
        model.supplied.set(key, set)
        if (_tag === "Add") set.add(Text.print(captures))
        else if (_tag === "Del") set.delete(Text.print(captures))
        else told = (to, of) => (of === key && !isForeign(to) ? [Text.print(captures)] : [])
      }
      event = { _tag: "Supply", items: [{ _tag, pattern, captures }] }
    } else event = { _tag: "Perform", pid, actions: actions() }
    model.forget()

    history.push([state, event])
    const [next, out] = machine.transition(state, event)
    state = next

    const got: Array<string> = []
    for (const action of out) {
      if (action._tag !== "Deliver") continue
      const ranks = action.events.map(({ _tag }) => rank[_tag])
      assert.deepStrictEqual(ranks, ranks.toSorted(), "additions, then messages, then removals")
      for (const { _tag, captures, handle } of action.events) {
        const tuple = model.tuples.find((one) => one.pid === action.pid && one.handle === handle)!
        got.push(`${action.pid} ${handle} ${Text.print(tuple.value)} ${rank[_tag]}${_tag} ${Text.print(captures)}`)
      }
    }
    assert.deepStrictEqual(got.sort(), expected(before, model.views(), messages.concat(event._tag === "Leave" ? [Value.record("exited", pid, pid, true)] : []), told), `seed ${seed}, turn ${turn}`)
  }

  // old states stay: any of them, branched from, gives what it gave
  const at = below(history.length)
  const [old, event] = history[at]!
  const branch = machine.transition(old, event)
  const [again] = history[at + 1] === undefined ? [state] : [history[at + 1]![0]]
  assert.strictEqual(Dataspace.population(branch[0]), Dataspace.population(again))
  const standing = (state: Dataspace.State) => [...Dataspace.standing(state).keys()].sort().map((key) => [key, state.copies.get(key)])
  assert.deepStrictEqual(standing(branch[0]), standing(again))
}

it("does what the naive model does, in 1,500 random programs", { timeout: 60_000 }, () => {
  for (let seed = 1; seed <= 1_500; seed++) play(seed)
})
