/**
 * What was said is not of the schema it was said under: a value that came in and does not decode, or
 * a fact, or a literal of a question, that does not encode. It names the place in the words of the
 * schema (`from.user`, `tags.2`), and never holds what was found there, which may be a secret.
 *
 * It is an Effect: `yield* mismatch` fails with it, and `Effect.catchTag("Mismatch", …)` sees it.
 *
 * new Mismatch({ path: ["from", "user"], reason: "Expected string" }).message   // => "Expected string at from.user"
 */
import { Cause, Result, Schema, SchemaIssue } from "effect"
import type { InvalidValue } from "../value/Value.ts"

/** From the whole inwards: names of fields, and places in lists from 0. */
export type Path = ReadonlyArray<string | number>

/**
 * What does not fit its schema. Constructors, `with` and `record` throw it, since their caller erred;
 * `encode`, `decode` and the `decode` of a question return it in a `Result`.
 */
export class Mismatch extends Schema.TaggedError<Mismatch>()("Mismatch", {
  /** From the whole to the culprit; empty when the whole is at fault. */
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  /** What should be there, for people: "Expected string". */
  reason: Schema.String
}) {
  override get message(): string {
    return this.path.length === 0 ? this.reason : `${this.reason} at ${this.path.join(".")}`
  }
}

/** A mismatch on its way out: most of them are looked at by nobody, and an Error costs microseconds. */
export class Flaw {
  readonly path: Path
  readonly reason: string
  constructor(reason: string, path: Path = []) {
    this.path = path
    this.reason = reason
  }
}
export const flaw = (reason: string, path?: Path): Flaw => new Flaw(reason, path)

/** The outcome of what may throw: somebody's transformation or getter, or a circle. */
export const guarded = <A>(run: () => A): A | Flaw => {
  try {
    return run()
  } catch (thrown) {
    return fromThrown(thrown)
  }
}

/** The same, seen from one level further out. */
export const under = (step: string | number, { path, reason }: Flaw): Flaw => flaw(reason, [step, ...path])

/** As people outside read it. */
export const toResult = <A>(outcome: A | Flaw): Result.Result<A, Mismatch> =>
  outcome instanceof Flaw ? Result.fail(new Mismatch(outcome)) : Result.succeed(outcome)
export const orThrow = <A>(outcome: A | Flaw): A => {
  if (outcome instanceof Flaw) throw new Mismatch(outcome)
  return outcome
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The first thing that a schema complains of. */
export const fromIssue = (issue: SchemaIssue.Issue): Flaw => {
  const [first] = format(issue).issues
  return flaw(first?.message ?? "Expected a valid value", first?.path?.map(step) ?? [])
}

const step = (segment: unknown): string | number => {
  const key = typeof segment === "object" && segment !== null && "key" in segment ? segment.key : segment
  return typeof key === "number" ? key : typeof key === "symbol" ? Symbol.keyFor(key) ?? String(key) : String(key)
}

export const fromInvalid = ({ message, path }: InvalidValue): Flaw =>
  flaw(message.slice(0, message.length - (path.length === 0 ? 0 : ` at ${path.join(".")}`.length)), path)

/** What a transformation threw: its author's mistake, but a stranger's value found it. A circle exhausts the stack. */
export const fromThrown = (thrown: unknown): Flaw => {
  const cause = thrown instanceof Error ? thrown.cause : undefined
  if (SchemaIssue.isIssue(cause)) return fromIssue(cause)
  const error = Cause.isCause(cause) ? Cause.squash(cause) : thrown
  if (error instanceof RangeError && error.message.includes("call stack")) return flaw("Expected no circle, and less depth")
  return flaw(`Expected a schema that answers, but it threw: ${textOf(error)}`)
}
const textOf = (error: unknown): string => {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return "what cannot be shown"
  }
}
