/**
 * Time, for those who converse: the message `<set-timer label ms kind>` is answered by the message
 * `<timer-expired label now>`. `kind` is `relative` (so many milliseconds from now) or `absolute` (at
 * that time of the shell's clock); what is of another kind, or no number, is ignored. Labels need not
 * differ: two requests are two answers. There is no cancelling.
 *
 * A request that is made while no driver is here is lost, as every message is: whoever cannot do
 * without waits for the presence of the subscriber.
 *
 * The shell's part: `<timer n kind ms>` fires once, with its clock's time in milliseconds, when it is
 * due, and at once when it was due before. Of several that are due, the earliest is first, and of
 * those that are due at one time the one that was asked for first.
 */
import { VersionedMap } from "../../data/VersionedMap.ts"
import type { Pid } from "../../dataspace/Process.ts"
import { still } from "../../machine/Machine.ts"
import { Record, record, symbol, type Value } from "../../value/Value.ts"
import * as Conversation from "../Conversation.ts"
import * as Topic from "../Topic.ts"
import * as Request from "./Request.ts"

/** The state of the driver. */
export interface State {
  readonly self: Pid
  /** Numbers requests. */
  readonly next: number
  /** What whoever asked calls the timer, by the number of ours. */
  readonly labels: VersionedMap<number, Value>
}

const isKind = (kind: Value): boolean => kind === symbol("relative") || kind === symbol("absolute")

const onSet = (state: State, event: Conversation.Event): Conversation.Turn<State> => {
  if (event._tag !== "Message") return still(state)
  const [label, ms, kind] = (event.body as Record).fields
  if (typeof ms !== "number" || !isKind(kind!)) return still(state)
  const { labels, next, self } = state
  return [{ ...state, next: next + 1, labels: labels.set(next, label!) }, [Request.open(next, record("timer", [self, next], kind!, ms), "onExpired")]]
}

const onExpired = (state: State, event: Conversation.Event): Conversation.Turn<State> => {
  const now = Request.answer(event)
  if (now === undefined || event._tag !== "Message") return still(state)
  const n = event.endpoint as number
  const expired = record("timer-expired", state.labels.get(n)!, now)
  return [{ ...state, labels: state.labels.delete(n) }, [Conversation.withdraw(n), Conversation.send(expired)]]
}

/** Spawn one on the ground, with any configuration; two would answer twice. */
export const program: Conversation.Program<unknown, State> = {
  boot: (_, self) => [
    { self, next: 1, labels: VersionedMap.empty() },
    [Conversation.subscriber("requests", Topic.record("set-timer", Topic.wild, Topic.wild, Topic.wild), "onSet")]
  ],
  handlers: { onSet, onExpired }
}
