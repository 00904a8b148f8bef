/** An invariant of ours did not hold: a bug here, never a peer's or a user's fault. */
export class InvariantBroken extends Error {
  readonly _tag = "InvariantBroken"
}

/** States a belief. Kept on in production: it ends the turn and leaves the old state standing. */
export function assert(belief: boolean, what: string): asserts belief {
  if (!belief) throw new InvariantBroken(what)
}
