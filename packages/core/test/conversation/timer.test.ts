/** Timers by plain messages, on a ground. */
import { assert, it } from "@effect/vitest"
import { Ground, type Machine, Process, Text, Timer, Value } from "../../src/index.ts"

const ground = Ground.of({
  driver: Timer.driver,
  /** Asks twice, and for what is no time; ends at the second answer. */
  asker: {
    initial: (_, self) => [0, [Timer.observe("time", self), Timer.set(self, "b", 20), Timer.set(self, "a", 9.5), Process.send(Value.record("set-timer", 1, 2, 3))]],
    transition: (n: number, event): Machine.Step<number, Process.Action> => [n + 1, [Process.send(Value.record("event", "log", event.captures)), ...n === 1 ? [Process.quit()] : []]]
  },
  logger: { initial: () => [0, [Process.observe(0, { _tag: "Record", label: Symbol.for("event"), fields: [{ _tag: "Literal", value: "log" }, { _tag: "Bind", pattern: { _tag: "Discard" } }] })]], transition: (n, event) => [[...(n === 0 ? [] : n), Text.print(event.captures)], []] }
})
const boot = ["driver", "logger", "asker"].map((name) => ({ name, process: { behaviour: name, config: 0 } }))
const waits = (actions: ReadonlyArray<Ground.Action>) => actions.flatMap((action) => action._tag === "Wait" || action._tag === "Unwait" ? [`${action._tag} ${Text.print(action.source)}`] : [])

it("a driver asks the world for what processes ask of it, and tells them, each once", () => {
  const [state, first] = ground.initial({ boot })
  assert.deepStrictEqual(waits(first), ['Wait "log"', "Wait <timer [1 1] relative 20>", "Wait <timer [1 2] relative 10>"])

  const fire = (state: Ground.State, text: string, now: number) => ground.transition(state, { _tag: "Fired", source: Text.read(text) as Value.Value, value: now })
  const [second, afterA] = fire(state, "<timer [1 2] relative 10>", 10)
  const [third, again] = fire(second, "<timer [1 2] relative 10>", 11)
  const [last, afterB] = fire(third, "<timer [1 1] relative 20>", 20)

  assert.deepStrictEqual([waits(afterA), waits(again), waits(afterB)], [["Unwait <timer [1 2] relative 10>"], [], ["Unwait <timer [1 1] relative 20>"]])
  assert.deepStrictEqual(last.inner.processes.get(2)!.state, ['[["a" 10]]', '[["b" 20]]'])
})
