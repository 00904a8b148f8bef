/**
 * What can be asked of a dataspace: a pattern, whose captures are values, or a typed question (core's
 * `Assertion`); and several at once, by names of the asker's own.
 */
import { type Assertion, type Pattern, type Process, Value } from "@colloquy/core"
import { Result } from "effect"

/** A typed question, such as `Present.with({ room: "lobby" })`: its answers are of type A. */
export type Question<A> = Assertion.Question<A>
/** What can be asked: a pattern, answered by its captures, or a typed question. Captures that are not of its types are no answer. */
export type What = Pattern.Pattern | Question<unknown>
/** What the answers are. */
export type Asked<W extends What> = W extends Question<infer A> ? A : Process.Captures

/** What an observation is told. */
export type Change<A = Process.Captures> =
  /** A fact that matches is there; once, however many hold it up. */
  | { readonly _tag: "Added"; readonly captures: A }
  /** `reason` is what its holder gave when it withdrew it or ended; it does not cross links. */
  | { readonly _tag: "Removed"; readonly captures: A; readonly reason: Value.Value | undefined }
  /** A message matched. */
  | { readonly _tag: "Received"; readonly captures: A }

/** Several questions, each with a name. */
export type Questions = { readonly [name: string]: What }
/** What an observation of several is told: `question` says which of them it answers, and so what the captures are. */
export type ChangeOf<Q extends Questions> = { readonly [K in keyof Q & string]: Change<Asked<Q[K]>> & { readonly question: K } }[keyof Q & string]

const isQuestion = (what: What | Questions): what is Question<unknown> => {
  if (typeof what !== "object" || what === null) throw new Value.InvalidValue("no pattern and no question")
  return "decode" in what && typeof what.decode === "function"
}
/** One question, and not several: those may be called `decode` or `_tag`, and are objects there. */
export const isOne = (what: What | Questions): what is What => isQuestion(what) || ("_tag" in what && typeof what._tag === "string")
export const patternOf = (what: What): Pattern.Pattern => isQuestion(what) ? what.pattern : what

/**
 * The answer that captures are, or the message of what they are instead. Others may assert what fits a
 * pattern and not its types: that is no answer, and no reason to fail either.
 */
export const read = <W extends What>(what: W, captures: Process.Captures): Result.Result<Asked<W>, Assertion.Mismatch> =>
  isQuestion(what) ? what.decode(captures) as Result.Result<Asked<W>, Assertion.Mismatch> : Result.succeed(captures as Asked<W>)
