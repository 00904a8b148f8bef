/** What can be asked of a dataspace: a pattern, whose captures are values, or a typed question (core's `Assertion`). */
import type { Assertion, Pattern, Process, Value } from "@colloquy/core"
import { Result } from "effect"

export type Question<A> = Assertion.Question<A>
export type What = Pattern.Pattern | Question<unknown>
/** What the answers are. */
export type Asked<W extends What> = W extends Question<infer A> ? A : Process.Captures

/** What an observation is told. */
export type Change<A = Process.Captures> =
  | { readonly _tag: "Added"; readonly captures: A }
  /** `reason` is what its holder gave when it withdrew it or ended; it does not cross links. */
  | { readonly _tag: "Removed"; readonly captures: A; readonly reason: Value.Value | undefined }
  | { readonly _tag: "Received"; readonly captures: A }

const isQuestion = (what: What): what is Question<unknown> => "decode" in what
export const patternOf = (what: What): Pattern.Pattern => isQuestion(what) ? what.pattern : what

/**
 * The answer that captures are, or the message of what they are instead. Others may assert what fits a
 * pattern and not its types: that is no answer, and no reason to fail either.
 */
export const read = <W extends What>(what: W, captures: Process.Captures): Result.Result<Asked<W>, Assertion.Mismatch> =>
  isQuestion(what) ? what.decode(captures) as Result.Result<Asked<W>, Assertion.Mismatch> : Result.succeed(captures as Asked<W>)
