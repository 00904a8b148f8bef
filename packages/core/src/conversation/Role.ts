/**
 * What an endpoint is, as a fact, and which other endpoints it sees. An endpoint stands in the
 * dataspace as
 *
 *     <endpoint orientation interest head first second topic who>
 *
 * where `head`, `first` and `second` are the places of the topic in the index (`[value]`, or `[]` where
 * it is open) and `who` is `[pid number]`, which no other endpoint has. A process that is no conversation's
 * can take part by asserting such a fact and sending `<message orientation body>`.
 */
import * as Process from "../dataspace/Process.ts"
import { fits } from "../dataspace/Turn.ts"
import * as Pattern from "../value/Pattern.ts"
import { record, symbol, type Value } from "../value/Value.ts"
import * as Topic from "./Topic.ts"

/** Messages flow from publishers to subscribers, feedback from subscribers to publishers. */
export type Orientation = "publisher" | "subscriber"
/**
 * - `participant`: converses.
 * - `observer`: sees participants come and go without being seen by them, to supply what they demand.
 * - `everything`: sees observers as well, to supply what *they* demand.
 */
export type Interest = "participant" | "observer" | "everything"

/** What an endpoint is: which way it speaks, whom it sees, and of what. */
export interface Role {
  readonly orientation: Orientation
  readonly interest: Interest
  /** What it speaks or hears of; only endpoints whose topics intersect meet. */
  readonly topic: Topic.Topic
}

/** Who an endpoint is: the process, and a number of its own that it uses once. */
export type Who = readonly [pid: Process.Pid, endpoint: number]

/**
 * Who hears what this side says.
 *
 * opposite("publisher")   // => "subscriber"
 */
export const opposite = (orientation: Orientation): Orientation => orientation === "publisher" ? "subscriber" : "publisher"

const known = (value: Value | undefined): Value => value === undefined ? [] : [value]

/** The assertion that an endpoint is: `<endpoint …>`, as above. The topic should be canonical (`Topic.canonical`). */
export const fact = ({ interest, orientation, topic }: Role, who: Who): Value => {
  const { first, head, second } = Topic.placeOf(topic)
  return record("endpoint", symbol(orientation), symbol(interest), known(head), known(first), known(second), Topic.toValue(topic), who)
}

/**
 * The patterns that together find each counterpart that the role sees, and each once. Whoever is no
 * participant is seen by `everything` alone. The captures are interest, topic and who.
 */
export const counterparts = ({ interest, orientation, topic }: Role): ReadonlyArray<Pattern.Pattern> => {
  const { first, head, second } = Topic.placeOf(topic)
  const seen = interest === "everything" ? Pattern.bind() : Pattern.bind(Pattern.literal(symbol("participant")))
  const at = (...places: ReadonlyArray<Pattern.Pattern>) =>
    Pattern.record("endpoint", Pattern.literal(symbol(opposite(orientation))), seen, ...places, Pattern.bind(), Pattern.bind())
  if (head === undefined) return [at(Pattern.discard, Pattern.discard, Pattern.discard)]
  const sameHead = Pattern.literal([head])
  return [...theirs(first).flatMap((one) => theirs(second).map((two) => at(sameHead, one, two))), at(open, open, open)]
}
const open = Pattern.literal([])
/** What stands at the other's place: the same or nothing fixed, or anything where our own is open. */
const theirs = (mine: Value | undefined): ReadonlyArray<Pattern.Pattern> => mine === undefined ? [Pattern.discard] : [Pattern.literal([mine]), open]

/** A counterpart as the captures tell of it, with the topic that it shares with `role`; `undefined` when they share none. */
export const meet = (role: Role, [interest, topic]: Process.Captures): Role | undefined => {
  const other = Topic.fromValue(topic!)
  const which = interests.find((one) => symbol(one) === interest)
  const shared = other === undefined || which === undefined ? undefined : Topic.unify(role.topic, other)
  // strangers' topics: what two share may be deeper than either
  return shared === undefined || !fits(Topic.toValue(shared)) ? undefined : { orientation: opposite(role.orientation), interest: which!, topic: shared }
}
const interests: ReadonlyArray<Interest> = ["participant", "observer", "everything"]

/** `<message orientation body>`; `orientation` is the sender's. */
export const message = (orientation: Orientation, body: Value): Value => record("message", symbol(orientation), body)

/** Finds what is said to a role, and maybe more: `Topic.accepts` decides where the topic is not exact. The capture is the body. */
export const heard = ({ orientation, topic }: Role): Pattern.Pattern =>
  Pattern.record("message", Pattern.literal(symbol(opposite(orientation))), Pattern.bind(Topic.pattern(topic)))

/** Equal for roles that differ in the names of variables alone. */
export const key = ({ interest, orientation, topic }: Role): string => `${orientation} ${interest} ${Topic.key(topic)}`
