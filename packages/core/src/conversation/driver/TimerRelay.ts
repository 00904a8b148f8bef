/**
 * Carries requests for time from inside a nested dataspace to a timer driver outside, and the answers
 * back. Outside, a label is `[id n]`: the relay's own id, and the number of the request; so labels of
 * different spaces never meet, and what was not asked for here is ignored.
 *
 * Inside, somebody subscribes to `<set-timer …>` exactly while somebody does outside: whoever waits for
 * that presence waits for the real one.
 */
import { VersionedMap } from "../../data/VersionedMap.ts"
import { still } from "../../machine/Machine.ts"
import { Record, record, type Value } from "../../value/Value.ts"
import * as Conversation from "../Conversation.ts"
import * as Topic from "../Topic.ts"

/** What the relay is spawned with. */
export interface Config {
  /** A value that no other relay is called. */
  readonly id: Value
}
/** The state of the relay. */
export interface State {
  readonly id: Value
  readonly next: number
  /** What those inside call their timers, by our numbers. */
  readonly labels: VersionedMap<number, Value>
}

const setTimer = (label: Topic.Topic): Topic.Topic => Topic.record("set-timer", label, Topic.wild, Topic.wild)

const onDriver = (state: State, event: Conversation.Event): Conversation.Turn<State> => {
  switch (event._tag) {
    case "Presence": return [state, [Conversation.subscriber("requests", setTimer(Topic.wild), "onSet")]]
    case "Absence": return event.present === 0 ? [state, [Conversation.withdraw("requests", event.reason)]] : still(state)
    default: return still(state)
  }
}

const onSet = (state: State, event: Conversation.Event): Conversation.Turn<State> => {
  if (event._tag !== "Message") return still(state)
  const { id, labels, next } = state
  const [label, ms, kind] = (event.body as Record).fields
  const outside = Conversation.send(record("set-timer", [id, next], ms!, kind!))
  return [{ ...state, next: next + 1, labels: labels.set(next, label!) }, [Conversation.atMeta(outside)]]
}

const onExpired = (state: State, event: Conversation.Event): Conversation.Turn<State> => {
  if (event._tag !== "Message") return still(state)
  const [ours, now] = (event.body as Record).fields
  const n = (ours as ReadonlyArray<Value>)[1] as number
  const label = state.labels.get(n)
  if (label === undefined) return still(state)
  return [{ ...state, labels: state.labels.delete(n) }, [Conversation.send(record("timer-expired", label, now!))]]
}

/** Spawn it inside a nested dataspace whose surroundings have a timer driver or another relay. */
export const program: Conversation.Program<Config, State> = {
  boot: ({ id }) => [
    { id, next: 0, labels: VersionedMap.empty() },
    [
      Conversation.atMeta(Conversation.subscriber("answers", Topic.record("timer-expired", [id, Topic.wild], Topic.wild), "onExpired")),
      Conversation.atMeta(Conversation.publisher("driver", setTimer([id, Topic.wild]), "onDriver"))
    ]
  ],
  handlers: { onDriver, onSet, onExpired }
}
