/** `colloquy send`: says something once, to those who observe it now. */
import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { Host } from "../Host.ts"
import * as Client from "./client.ts"

export const send = Command.make("send", {
  at: Client.at,
  values: Argument.variadic(Argument.String("value").pipe(Argument.withDescription("Preserves text")), { min: 1 })
}, ({ at, values }) => Effect.gen(function*() {
  const bodies = yield* Effect.forEach(values, Client.valueOf)
  // joined means that the node has told us who listens; before that nobody would be sent anything
  const { link, space } = yield* Client.join(at)
  for (const body of bodies) yield* space.send(body)
  yield* (yield* Host).sync(link) // the node has it, and has passed it on
}).pipe(Effect.scoped, Effect.provide(Client.layer))).pipe(Command.withDescription("send messages to whoever observes them now"))
