/** To listen is a fact; what comes of it is one too. */
import { Pattern, Text, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import { Data, Effect } from "effect"

export class CannotListen extends Data.TaggedError("CannotListen")<{ readonly port: number; readonly reason: Value.Value }> {
  override get message() {
    return `cannot listen at port ${this.port}: ${Text.print(this.reason)}`
  }
}

/** An address of this machine. */
export const here = (port: number): Value.Value => Value.record("tcp", "127.0.0.1", port)

/** Listens until the Scope closes, and gives the port; 0 asks for any that is free. */
export const listen = (port: number) => Effect.gen(function*() {
  const space = yield* Space.Space
  const demand = Value.record("tcp-listen", here(port))
  yield* space.assert(demand)
  const bound = Pattern.record("tcp", Pattern.discard, Pattern.bind())
  return yield* Effect.raceFirst(
    Effect.map(space.waitFor(Pattern.record("tcp-listening", Pattern.literal(here(port)), bound)), ([actual]) => actual as number),
    Effect.flatMap(space.waitFor(Pattern.record("tcp-failed", Pattern.literal(demand), Pattern.bind())), ([reason]) =>
      Effect.fail(new CannotListen({ port, reason: reason! })))
  )
})
