/** Why facts are gone, as a value: `true`, `<failed text>`, `<interrupted>` or `<crash text>`. */
import { Value } from "@colloquy/core"
import { Cause, Exit } from "effect"

export const of = (exit: Exit.Exit<unknown, unknown>): Value.Value => {
  if (Exit.isSuccess(exit)) return true
  if (Cause.hasInterruptsOnly(exit.cause)) return Value.record("interrupted")
  return Value.record(Cause.hasFails(exit.cause) ? "failed" : "crash", textOf(Cause.squash(exit.cause)))
}

/** Whatever a program failed with has a text: it may be anything, and its own may throw. */
const textOf = (error: unknown): string => {
  let text = "it cannot be shown"
  try {
    text = String(error instanceof Error ? error.message || error.name : error)
  } catch { /* then not */ }
  return text.slice(0, 1_000).replace(/\p{Surrogate}/gu, "\ufffd") // a lone surrogate is no text
}
