/** Why bytes or text were refused. A plain value: returned, never thrown. */
export class DecodeError {
  readonly _tag = "DecodeError"
  readonly kind: Kind
  /** Of the byte (or, in text, of the UTF-16 unit) where it went wrong. */
  readonly offset: number
  /** For people, without the offset. */
  readonly message: string
  constructor(kind: Kind, offset: number, message: string) {
    this.kind = kind
    this.offset = offset
    this.message = message
  }
}

/** What is wrong, for programs; the message is for people. */
export type Kind =
  /** No continuation could make it a value. */
  | "Malformed"
  /** It ends too early: more input might make it a value. */
  | "Short"
  | "TooDeep"
  | "TooLarge"
  /** A value, but not in its canonical form. */
  | "NotCanonical"
  /** Something follows the value. */
  | "Trailing"

/** Carries a refusal out of a reader's recursion; `refusable` catches it. */
export class Refusal {
  readonly reason: DecodeError
  constructor(reason: DecodeError) {
    this.reason = reason
  }
}

/** What `body` returns, or why it refused. */
export const refusable = <A>(body: () => A): A | DecodeError => {
  try {
    return body()
  } catch (error) {
    if (error instanceof Refusal) return error.reason
    throw error
  }
}

/** What a reader takes; what is deeper or longer is `TooDeep` or `TooLarge`. */
export interface Limits {
  /** Compounds within compounds. */
  readonly depthMax: number
  /** Bytes of input (UTF-16 units, for text). */
  readonly bytesMax: number
}

/** What readers keep to that are told nothing else: 128 levels, 16 MiB. */
export const defaultLimits: Limits = {
  depthMax: 128, // a guess: deeper than any fact that people write, shallow enough for any stack
  bytesMax: 16 * 1024 * 1024 // a guess
}
