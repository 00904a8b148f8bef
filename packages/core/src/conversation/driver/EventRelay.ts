/**
 * Lets those inside a nested dataspace wait for the world as those outside do: while a participant
 * inside subscribes to `<event source _>`, the relay does so outside, and says inside what it hears.
 * A relay in each level carries requests to any depth.
 *
 * A source is asked for when the first inside wants it, and let go when the last one is gone.
 */
import { VersionedMap } from "../../data/VersionedMap.ts"
import { still } from "../../machine/Machine.ts"
import { key as keyOf } from "../../value/canonical.ts"
import * as Conversation from "../Conversation.ts"
import * as Topic from "../Topic.ts"
import * as Request from "./Request.ts"

/** How many inside want each source, by its key. */
export type State = VersionedMap<string, number>

const onDemand = (state: State, event: Conversation.Event): Conversation.Turn<State> => {
  if (event._tag !== "Presence" && event._tag !== "Absence") return still(state)
  const source = (event.role.topic as Topic.OpenRecord).fields[0]!
  // whoever does not name the source does not wait for it
  if (!Topic.isGround(source)) return still(state)
  const id = keyOf(source)
  const before = state.get(id) ?? 0
  const after = before + (event._tag === "Presence" ? 1 : -1)
  const next = after === 0 ? state.delete(id) : state.set(id, after)
  if (before === 0) return [next, [Conversation.atMeta(Request.open(id, source, "onFired"))]]
  return after === 0 ? [next, [Conversation.atMeta(Conversation.withdraw(id))]] : [next, []]
}

const onFired = (state: State, event: Conversation.Event): Conversation.Turn<State> =>
  event._tag === "Message" ? [state, [Conversation.send(event.body)]] : still(state)

/** Spawn it inside a nested dataspace, with any configuration; one for each level. */
export const program: Conversation.Program<unknown, State> = {
  boot: () => [VersionedMap.empty(), [Conversation.observeSubscribers("demand", Topic.record("event", Topic.wild, Topic.wild), "onDemand")]],
  handlers: { onDemand, onFired }
}
