/** `colloquy chat`: who is here, who came, who left, what they say. Facts `<present room name>`, messages `<says room name text>`. */
import { Pattern, Value } from "@colloquy/core"
import { Effect, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { createInterface } from "node:readline"
import * as Client from "./client.ts"
import { line } from "./output.ts"

export const chat = Command.make("chat", {
  at: Client.at,
  name: Flag.String("name").pipe(Flag.withDescription("what you are called")),
  room: Flag.String("room").pipe(Flag.withDescription("where you talk"), Flag.withDefault("lobby"))
}, ({ at, name, room }) => Effect.gen(function*() {
  const { space } = yield* Client.join(at)
  const here = (who: Pattern.Pattern) => Pattern.record("present", Pattern.literal(room), who)
  yield* Effect.forkScoped(Stream.runForEach(space.observe(here(Pattern.bind())), ({ _tag, captures: [who] }) =>
    line(_tag === "Added" ? `* ${shown(who)} is here` : `* ${shown(who)} left`)), { startImmediately: true })
  yield* Effect.forkScoped(Stream.runForEach(space.observe(Pattern.record("says", Pattern.literal(room), Pattern.bind(), Pattern.bind())), ({ captures: [who, text] }) =>
    line(`${shown(who)}: ${shown(text)}`)), { startImmediately: true })
  yield* space.assert(Value.record("present", room, name))
  yield* Stream.runForEach(typed, (text) => text.trim() === "" ? Effect.void : space.send(Value.record("says", room, name, text)))
}).pipe(Effect.scoped, Effect.provide(Client.layer))).pipe(Command.withDescription("talk with whoever is in the same room"))

/** What others call themselves or say must not drive our terminal. */
const shown = (value: Value.Value | undefined): string => (typeof value === "string" ? value : "?").replace(/[\u0000-\u001f\u007f-\u009f]/g, " ")

/** Lines of standard input, to its end. */
const typed: Stream.Stream<string> = Stream.unwrap(Effect.sync(() => {
  const lines = createInterface({ input: process.stdin, terminal: false })
  return Stream.fromAsyncIterable(lines, (cause) => cause).pipe(Stream.orDie, Stream.ensuring(Effect.sync(() => lines.close())))
}))

