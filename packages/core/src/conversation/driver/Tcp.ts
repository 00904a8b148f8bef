/**
 * The TCP driver: starts a process for each port and each connection that somebody wants, and starts
 * none while the one before is still there.
 *
 * - Somebody *observes* the flows of `<tcp-listener port>`: the port is listened to (`TcpListener.ts`).
 *   The observer learns of a connection by the presence of its publisher.
 * - Somebody *publishes or subscribes to* a flow between `<tcp-handle id>` and an address: it is connected
 *   (`TcpConnection.ts`). When that fails there is a message `<tcp-failed local remote reason>`, and it
 *   is tried again when another endpoint asks.
 *
 * The driver watches what it started, because who comes while the process for the one before is about
 * to end would otherwise be served by nobody.
 */
import { VersionedMap } from "../../data/VersionedMap.ts"
import { still } from "../../machine/Machine.ts"
import { key as keyOf } from "../../value/canonical.ts"
import type { Value } from "../../value/Value.ts"
import * as Conversation from "../Conversation.ts"
import * as Topic from "../Topic.ts"
import * as TcpConnection from "./TcpConnection.ts"
import * as TcpListener from "./TcpListener.ts"
import * as Words from "./TcpWords.ts"

export * from "./TcpWords.ts"

/** What the driver is spawned with; `control` is "credit" unless said. */
export interface Config {
  readonly control?: Words.Control
}
/** The state of the driver. */
export interface State {
  readonly control: Words.Control
  /** By the key of a listener, or of `[local remote]`. */
  readonly wanted: VersionedMap<string, Wanted>
}
interface Wanted {
  readonly demand: number
  /** `leaving`: it ends for want of demand; `again`: and somebody came since. */
  readonly process: "none" | "running" | "leaving" | "again"
}
type Turn = Conversation.Turn<State>

const boot = ({ control = "credit" }: Config): Turn => {
  const { anyAddress, anyHandle, anyListener, flow } = Words
  return [{ control, wanted: VersionedMap.empty() }, [
    Conversation.observePublishers("serving", Words.serving(Topic.wild), "onServing"),
    Conversation.observeSubscribers("to listener", flow(anyAddress, anyListener), "onObserver", { interest: "everything" }),
    Conversation.observePublishers("from listener", flow(anyListener, anyAddress), "onObserver", { interest: "everything" }),
    Conversation.observeSubscribers("to handle", flow(anyAddress, anyHandle), "onParticipant"),
    Conversation.observePublishers("from handle", flow(anyHandle, anyAddress), "onParticipant")
  ]]
}

type Change = Extract<Conversation.Event, { readonly _tag: "Presence" | "Absence" }>
/** This end and the other, of the flow that is wanted. */
const endsOf = ({ endpoint, role }: Change): readonly [Topic.Topic, Topic.Topic] => {
  const [source, target] = (role.topic as Topic.OpenRecord).fields
  return String(endpoint).startsWith("from") ? [source!, target!] : [target!, source!]
}

const onObserver = (state: State, event: Conversation.Event): Turn => {
  if (event._tag !== "Presence" && event._tag !== "Absence" || event.role.interest !== "observer") return still(state)
  const [local] = endsOf(event)
  if (!Topic.isGround(local)) return still(state)
  return event._tag === "Presence" ? come(state, local) : gone(state, local, (demand) => demand === 0)
}

const onParticipant = (state: State, event: Conversation.Event): Turn => {
  if (event._tag !== "Presence" && event._tag !== "Absence") return still(state)
  const ends = endsOf(event)
  if (!Topic.isGround(ends)) return still(state)
  // a connection ends when any of those leaves who use it
  return event._tag === "Presence" ? come(state, ends) : gone(state, ends, () => true)
}

const none: Wanted = { demand: 0, process: "none" }
const become = (state: State, subject: Value, wanted: Wanted): State => {
  const key = keyOf(subject)
  return { ...state, wanted: wanted.demand === 0 && wanted.process === "none" ? state.wanted.delete(key) : state.wanted.set(key, wanted) }
}

const come = (state: State, subject: Value): Turn => {
  const { demand, process } = state.wanted.get(keyOf(subject)) ?? none
  if (process === "none") return [become(state, subject, { demand: demand + 1, process: "running" }), [start(state, subject)]]
  return [become(state, subject, { demand: demand + 1, process: process === "leaving" ? "again" : process }), []]
}

const gone = (state: State, subject: Value, isEnd: (demand: number) => boolean): Turn => {
  const { demand, process } = state.wanted.get(keyOf(subject)) ?? none
  return [become(state, subject, { demand: demand - 1, process: process !== "none" && isEnd(demand - 1) ? "leaving" : process }), []]
}

/** A process that we started is gone. */
const onServing = (state: State, event: Conversation.Event): Turn => {
  if (event._tag !== "Absence") return still(state)
  const subject = (event.role.topic as Topic.OpenRecord).fields[0] as Value
  const { demand, process } = state.wanted.get(keyOf(subject)) ?? none
  if (process === "again") return [become(state, subject, { demand, process: "running" }), [start(state, subject)]]
  return [become(state, subject, { demand, process: "none" }), []]
}

const start = ({ control }: State, subject: Value): Conversation.Action => {
  if (!Array.isArray(subject)) {
    const config: TcpListener.Config = { local: subject, control }
    return Conversation.spawn("tcp listener", { behaviour: "tcp-listener", config })
  }
  const [local, remote] = subject
  const config: TcpConnection.Config = { local, remote, control }
  return Conversation.spawn("tcp connection", { behaviour: "tcp-connection", config })
}

/** What a dataspace must know to run the driver. */
export const programs: { readonly [name: string]: Conversation.Program } = {
  "tcp": { boot, handlers: { onObserver, onParticipant, onServing } },
  "tcp-connection": TcpConnection.program,
  "tcp-listener": TcpListener.program
}
/** The driver itself, as a process to start. */
export const driver = (config: Config = {}) => ({ name: "tcp driver", process: { behaviour: "tcp", config } })
