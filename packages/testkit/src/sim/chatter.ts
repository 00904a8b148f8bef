/** What processes say in a trial: they assert and retract facts, observe them in four ways, and send messages. */
import { type Node, Pattern, Process, type Rng, Value } from "@colloquy/core"
import { act } from "./nodes.ts"

/** Where they do. */
export const scope = "s"

const patterns: ReadonlyArray<readonly [handle: string, pattern: Pattern.Pattern]> = [
  ["any", Pattern.record("f", Pattern.bind())],
  ["some", Pattern.record("f", Pattern.discard)],
  ["one", Pattern.record("f", Pattern.literal(1))],
  ["whole", Pattern.bind(Pattern.record("f", Pattern.bind()))]
]

/** Draws what one process does next; no two messages are alike. */
export const chatter = (below: Rng.Draw): () => ReadonlyArray<Node.Event> => {
  let message = 100
  /** A pattern under its own handle, or in the place of another. */
  const observe = (handle: string, pattern: Pattern.Pattern): Process.Action =>
    below(5) === 0 ? Process.observe("any", pattern) : Process.observe(handle, pattern)
  return () => {
    const n = below(3)
    const [handle, pattern] = patterns[below(patterns.length)]!
    switch (below(8)) {
      case 0:
      case 1: return act(scope, "asserter", Process.assert(n, Value.record("f", below(4))))
      case 2: return act(scope, "asserter", Process.retract(n))
      case 3:
      case 4: return act(scope, "observer", ...below(4) === 0 ? [Process.retract(handle)] : [], observe(handle, pattern))
      case 5: return act(scope, "observer", Process.retract(handle))
      default: return act(scope, "speaker", Process.send(Value.record("f", message++)))
    }
  }
}
