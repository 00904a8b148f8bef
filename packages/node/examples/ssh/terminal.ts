/** What an application, two dataspaces deep, reads and writes: the driver's words as lines of text. */
import { Pattern, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import { Effect, Fiber, Stream } from "effect"

/** Said two dataspaces further out, and heard from there. */
export const toGround = (value: Value.Value): Value.Value => Value.record("outbound", Value.record("outbound", value))
export const fromGround = (pattern: Pattern.Pattern): Pattern.Pattern => Pattern.record("inbound", Pattern.record("inbound", pattern))

export interface Terminal {
  /** Lines of the input, as they are asked for. */
  readonly lines: Stream.Stream<string>
  /** Done when the client has taken it: a program is not faster than whoever reads it. */
  readonly print: (text: string) => Effect.Effect<void>
  readonly printError: (text: string) => Effect.Effect<void>
}

export const terminal = Effect.fnUntraced(function*(channel: string) {
  const space = yield* Space.Space
  const of = (label: string, ...fields: ReadonlyArray<Pattern.Pattern>) => fromGround(Pattern.record(label, Pattern.literal(channel), ...fields))
  /** The ear comes before the word, or the answer might be missed. */
  const call = (order: Value.Value, answer: Pattern.Pattern) => Effect.scoped(Effect.gen(function*() {
    const answered = yield* Effect.forkScoped(space.waitFor(answer), { startImmediately: true })
    yield* space.send(toGround(order))
    return yield* Fiber.join(answered)
  }))
  let written = 0
  const printTo = (stream: string) => (text: string) => Effect.suspend(() => {
    const n = ++written
    return Effect.asVoid(call(Value.record("ssh-out", channel, Value.symbol(stream), n, text), of("ssh-written", Pattern.literal(n))))
  })
  const read = Effect.map(call(Value.record("ssh-read", channel, 4_096), of("ssh-in", Pattern.bind())), ([data]) => data)
  const io: Terminal = {
    lines: Stream.fromEffectRepeat(read).pipe(Stream.takeWhile((data) => data instanceof Uint8Array), Stream.decodeText(), Stream.splitLines),
    print: printTo("stdout"),
    printError: printTo("stderr")
  }
  return io
})
