/**
 * Demand: what a fact starts, its withdrawal ends, and so does the end of the driver. A demand that is made
 * again is answered anew, after the answer to the one before has gone; until that turn it can still be seen.
 */
import { Canonical, type Pattern, type Value } from "@colloquy/core"
import { Effect, type Scope } from "effect"
import { isName, type Port } from "./Port.ts"

/**
 * Calls `begin` with each match, and what it returned when the match goes, or the Scope closes. What is
 * too large to be spoken of is no demand.
 */
export const serve = (
  port: Port,
  pattern: Pattern.Pattern,
  begin: (captures: ReadonlyArray<Value.Value>) => () => void
): Effect.Effect<void, never, Scope.Scope> => Effect.gen(function*() {
  const begun = new Map<string, () => void>()
  yield* Effect.addFinalizer(() => Effect.sync(() => {
    for (const end of begun.values()) end()
    begun.clear()
  }))
  port.hear(pattern, {
    added: (...captures) => {
      if (isName(captures)) begun.set(Canonical.key(captures), begin(captures))
      else port.log("a demand is too large")
    },
    removed: (...captures) => {
      if (!isName(captures)) return
      const key = Canonical.key(captures)
      const end = begun.get(key)
      begun.delete(key)
      end?.()
    }
  })
})
