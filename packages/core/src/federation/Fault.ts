/** The rules that a link may break. */
export interface Fault {
  readonly code:
    /** A `Clear`, `Add`, `Del`, `Msg` or `End` under a name that nobody asked with, or that has ended. */
    | "UnknownEndpoint"
    /** An `Assert` whose name is not greater than the last one. */
    | "ReusedEndpoint"
    /** An `End` of what was not cleared. */
    | "OpenEndpoint"
    /** An `Assert` of a pattern that the link holds already. */
    | "DuplicatePattern"
    /** An `Add` of captures that stand already under this name. */
    | "DuplicateCaptures"
    /** A `Del` of captures that do not. */
    | "AbsentCaptures"
    /** Captures that are more or fewer than the pattern makes. */
    | "WrongArity"
    /** More is asked for, supplied, or would have to be told than `Config` allows: so `TooManyCaptures` and `TooManyBytes`. */
    | "TooManyEndpoints"
    | "TooManyCaptures"
    | "TooManyBytes"
    /** More than `closingMax` of our `Clear`s are without their `End`. */
    | "Unanswered"
  /** Which item of the link's turn, from 0; `undefined` when it is no single one. */
  readonly index: number | undefined
  readonly message: string
}

/** What is wrong with an item. */
export type Breach = Omit<Fault, "index">
export type Wrong = Breach | undefined
export const wrong = (code: Fault["code"], message: string): Breach => ({ code, message })
