/** `colloquy watch`: what comes, goes and is said, a line each. */
import { Text } from "@colloquy/core"
import { Effect, Stream } from "effect"
import { Argument, Command } from "effect/cli"
import type { Change } from "../space/Space.ts"
import * as Client from "./client.ts"
import { jsonOf, line } from "./output.ts"

const sign = { Added: "+", Removed: "-", Received: "!" } as const
const event = { Added: "added", Removed: "removed", Received: "message" } as const

export const watch = Command.make("watch", {
  at: Client.at,
  json: Client.json,
  pattern: Argument.String("pattern").pipe(Argument.withDescription("Preserves text; _ discards, $name captures: '<present \"lobby\" $who>'"))
}, ({ at, json, pattern: text }) => Effect.gen(function*() {
  const { names, pattern } = yield* Client.patternOf(text)
  const { space } = yield* Client.join(at)
  const show = ({ _tag, captures }: Change) => json
    ? JSON.stringify({ event: event[_tag], captures: captures.map(jsonOf), names })
    : `${sign[_tag]} ${Text.print(captures)}`
  yield* Stream.runForEach(space.observe(pattern), (change) => line(show(change)))
}).pipe(Effect.scoped, Effect.provide(Client.layer))).pipe(
  Command.withDescription("print matches as they appear (+) and go (-), and messages (!)")
)
