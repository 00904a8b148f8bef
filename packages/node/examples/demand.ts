/** How a driver is asked for something, and what it answers: all of it is facts. */
import { Pattern, Text, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import { Data, Effect } from "effect"

/** The driver cannot do what was asked of it. */
export class Failed extends Data.TaggedError("Failed")<{ readonly demand: Value.Value; readonly reason: Value.Value }> {
  override get message() {
    return `cannot have ${Text.print(this.demand)}: ${Text.print(this.reason)}`
  }
}

/** Asks for it while the Scope is open, and holds a conversation about it, unless the driver says that it cannot be. */
export const demand = <A, E, R>(driver: string, wanted: Value.Value, conversation: Effect.Effect<A, E, R>) => Effect.gen(function*() {
  const space = yield* Space.Space
  yield* space.assert(wanted)
  const failed = space.waitFor(Pattern.record(`${driver}-failed`, Pattern.literal(wanted), Pattern.bind()))
  return yield* Effect.raceFirst(conversation, Effect.flatMap(failed, ([reason]) => Effect.fail(new Failed({ demand: wanted, reason: reason! }))))
})

/** An address of this machine. */
export const here = (port: number): Value.Value => Value.record("tcp", "127.0.0.1", port)

/** Listens until the Scope closes, and gives the port; 0 asks for any that is free. */
export const listen = Effect.fnUntraced(function*(port: number) {
  const space = yield* Space.Space
  const bound = Pattern.record("tcp", Pattern.discard, Pattern.bind())
  const listening = space.waitFor(Pattern.record("tcp-listening", Pattern.literal(here(port)), bound))
  const [actual] = yield* demand("tcp", Value.record("tcp-listen", here(port)), listening)
  return actual as number
})
