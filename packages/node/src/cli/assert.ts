/** `colloquy assert`: holds facts up for as long as the command runs. */
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import * as Client from "./client.ts"

export const assert = Command.make("assert", {
  at: Client.at,
  values: Argument.variadic(Argument.String("value").pipe(Argument.withDescription("Preserves text, such as '<present \"lobby\" \"ann\">'")), { min: 1 })
}, ({ at, values }) => Effect.gen(function*() {
  const facts = yield* Effect.forEach(values, Client.valueOf)
  const { space } = yield* Client.join(at)
  for (const fact of facts) yield* space.assert(fact)
  yield* Client.untilEnd
}).pipe(Effect.scoped, Effect.provide(Client.layer))).pipe(
  Command.withDescription("hold facts until the end of standard input, or a signal")
)
