/**
 * One port that is listened to: as long as somebody observes who connects to it, and not a moment
 * longer. Each connection that is accepted becomes a process of its own, which outlives this one.
 */
import { still } from "../../machine/Machine.ts"
import { isRecord, Record, record, type Value } from "../../value/Value.ts"
import * as Conversation from "../Conversation.ts"
import * as Request from "./Request.ts"
import type * as TcpConnection from "./TcpConnection.ts"
import * as Tcp from "./TcpWords.ts"

export interface Config {
  readonly local: Value
  readonly control: Tcp.Control
}
export interface State extends Config {
  readonly observers: number
}
type Turn = Conversation.Turn<State>

const boot = (config: Config): Turn => [{ ...config, observers: 0 }, [
  Request.open("port", record("tcp-listen", (config.local as Record).fields[0]!), "onPort"),
  Conversation.observeSubscribers("in", Tcp.flow(Tcp.anyAddress, config.local), "onObserver", { interest: "everything" }),
  Conversation.observePublishers("out", Tcp.flow(config.local, Tcp.anyAddress), "onObserver", { interest: "everything" }),
  Conversation.publisher("serving", Tcp.serving(config.local), "onNothing"),
  Conversation.yieldTo("onSettled")
]]

const onObserver = (state: State, event: Conversation.Event): Turn => {
  if (event._tag !== "Presence" && event._tag !== "Absence" || event.role.interest !== "observer") return still(state)
  const observers = state.observers + (event._tag === "Presence" ? 1 : -1)
  return [{ ...state, observers }, observers === 0 ? [Conversation.quit()] : []]
}

/** Whoever wanted the port may have left before we came. */
const onSettled = (state: State): Turn => state.observers === 0 ? [state, [Conversation.quit()]] : still(state)

const onPort = (state: State, event: Conversation.Event): Turn => {
  const news = Request.answer(event)
  if (isRecord(news, "failed", 1)) return [state, [Conversation.send(Tcp.failed(state.local, false, news.fields[0]!)), Conversation.quit(news)]]
  if (!isRecord(news, "accepted", 3)) return still(state)
  const [accepted, host, port] = news.fields
  const { control, local } = state
  const config: TcpConnection.Config = { local, remote: record("tcp-address", host!, port!), control, accepted: accepted! }
  return [state, [Conversation.spawn("tcp connection", { behaviour: "tcp-connection", config })]]
}

export const program: Conversation.Program<Config, State> = { boot, handlers: { onNothing: still, onObserver, onPort, onSettled } }
