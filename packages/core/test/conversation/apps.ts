/**
 * Applications for the rows of drivers and patterns: whoever listens at a port, the sessions of those
 * who connect, and scripts on the ground. All write into one log.
 */
import { Conversation, Text, Value } from "../../src/index.ts"
import * as Tcp from "../../src/conversation/driver/Tcp.ts"
import { line, type Script } from "./script.ts"

export const textOf = (bytes: Value.Value): string => new TextDecoder().decode(bytes as Uint8Array)
export const bytesOf = (text: string): Value.Value => new TextEncoder().encode(text)

/** What a session does: what it says to the connection at once, and in answer to data. */
export interface Plan {
  readonly control?: ReadonlyArray<Value.Value>
  readonly say?: ReadonlyArray<Value.Value>
  /** The credit that each piece of data is answered with, in turn. */
  readonly credits?: ReadonlyArray<number>
  /** What the echo of each piece begins with; without, there is none. */
  readonly echo?: string
}
interface Session extends Plan {
  readonly them: Value.Value
  readonly us: Value.Value
}

const session = (log: Array<string>): Conversation.Program<Session, Session> => {
  const onData = (state: Session, event: Conversation.Event): Conversation.Turn<Session> => {
    if (event._tag === "Presence") log.push("presence")
    if (event._tag === "Absence") {
      log.push("absence")
      return [state, [Conversation.quit()]]
    }
    if (event._tag !== "Message") return [state, []]
    const { credits = [], echo, them, us } = state
    const data = (event.body as Value.Record).fields[2]!
    log.push(data instanceof Uint8Array ? `in ${textOf(data)}` : Text.print(data))
    if (!(data instanceof Uint8Array)) return [state, echo === undefined ? [] : [Conversation.send(Tcp.packet(us, them, data))]]
    const [credit, ...rest] = credits
    return [{ ...state, credits: rest }, [
      ...credit === undefined ? [] : [Conversation.feedback(Tcp.packet(them, us, Tcp.credit(credit)))],
      ...echo === undefined ? [] : [Conversation.send(Tcp.packet(us, them, bytesOf(echo + textOf(data))))]
    ]]
  }
  const onWritten = (state: Session, event: Conversation.Event): Conversation.Turn<Session> => {
    if (event._tag === "Message") log.push(`out ${Text.print((event.body as Value.Record).fields[2]!)}`)
    return [state, []]
  }
  return {
    boot: (config) => [config, [
      Conversation.publisher("out", Tcp.flow(config.us, config.them), "onWritten"),
      Conversation.subscriber("in", Tcp.flow(config.them, config.us), "onData"),
      ...(config.control ?? []).map((packet) => Conversation.feedback(Tcp.packet(config.them, config.us, packet))),
      ...(config.say ?? []).map((packet) => Conversation.send(Tcp.packet(config.us, config.them, packet)))
    ]],
    handlers: { onData, onWritten }
  }
}

/** Waits for connections at a port until it is told to stop: by the event `stop`. */
const acceptor: Conversation.Program<{ readonly port: number; readonly plan: Plan }, Plan> = {
  boot: ({ plan, port }) => [plan, [
    Conversation.observePublishers("clients", Tcp.flow(Tcp.anyAddress, Tcp.listener(port)), "onClient"),
    Conversation.subscriber("stop", Value.record("event", Value.symbol("stop"), true), "onStop")
  ]],
  handlers: {
    onClient: (plan, event) => {
      if (event._tag !== "Presence") return [plan, []]
      const [them, us] = (event.role.topic as Value.Record).fields
      return [plan, [Conversation.spawn("session", { behaviour: "session", config: { ...plan, them, us } })]]
    },
    onStop: (plan, event) => [plan, event._tag === "Message" ? [Conversation.quit()] : []]
  }
}
export const accept = (plan: Plan, port = 80) => ({ name: "acceptor", process: { behaviour: "acceptor", config: { port, plan } } })

const scripted = (log: Array<string>): Conversation.Program<Script, Script> => ({
  boot: (config) => [config, config.start],
  handlers: {
    log: (script, event) => {
      const text = line(event)
      log.push(`${script.name}.${text}`)
      const found = Object.keys(script.on ?? {}).find((start) => text.startsWith(start))
      return [script, found === undefined ? [] : script.on![found]!]
    }
  }
})

export const apps = (log: Array<string>): { readonly [name: string]: Conversation.Program } =>
  ({ acceptor, script: scripted(log), session: session(log) })
