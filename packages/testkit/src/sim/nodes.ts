/** Whole nodes in a simulated world: a node's address is its name, and a link is a stream of bytes. */
import { type Machine, Node, Pattern, Process, Text, Value } from "@colloquy/core"
import type { Adapter, News, Order } from "./Adapter.ts"

/** Any machine with a node's events and actions, such as one that is wrapped around it. */
export type NodeMachine = Machine.Machine<Node.Config, any, Node.Event, Node.Action>

export const adapter = (machine: NodeMachine = Node.of({}), config: Partial<Node.Config> = {}): Adapter<NodeMachine> => ({
  machine,
  config: (life) => ({ ...life, ...config }),
  event: eventOf,
  order: orderOf
})

const eventOf = (news: News): Node.Event => {
  switch (news._tag) {
    case "Incoming":
    case "Dialled": return { ...news, stream: true }
    case "Received": return { _tag: "Received", link: news.link, bytes: news.data as Uint8Array, at: news.at }
    case "Written": return { _tag: "Written", link: news.link, bytes: news.size }
    case "DialFailed":
    case "Lost":
    case "TimerFired":
    case "Stop": return news
  }
}

const orderOf = (action: Node.Action): Order<Node.Event> | undefined => {
  switch (action._tag) {
    case "Dial": return { _tag: "Dial", link: action.link, to: action.address }
    case "Write": return { _tag: "Write", link: action.link, data: action.bytes }
    case "Close":
    case "SetTimer":
    case "CancelTimer": return action
    case "Deliver":
    case "Exited":
    case "Synced": return { _tag: "Deliver", what: action }
    case "Continue": return { _tag: "Again", event: { _tag: "Tell", space: action.space, event: { _tag: "Continue" } } }
    case "Stopped": return { _tag: "Halt" }
    case "Dropped":
    case "Log": return undefined
  }
}

/** A turn of an external process, which enters with its first. */
export const act = (space: Node.Space, pid: string, ...actions: ReadonlyArray<Process.Action>): ReadonlyArray<Node.Event> => [
  { _tag: "Tell", space, event: { _tag: "Enter", pid, name: pid, actions: [] } },
  { _tag: "Tell", space, event: { _tag: "Perform", pid, actions } }
]
export const uplinkHandle = (scope: string, to: string): string => `uplink ${scope} ${to}`
/** Asks for an uplink of a scope to the same scope of another node. */
export const uplink = (scope: string, to: string): ReadonlyArray<Node.Event> =>
  act(null, "boot", Process.assert(uplinkHandle(scope, to), Value.record("uplink", scope, to, scope)))
export const noUplink = (scope: string, to: string): ReadonlyArray<Node.Event> => act(null, "boot", Process.retract(uplinkHandle(scope, to)))

/** A node's event in a line; nothing for a process that merely enters. */
export const describe = (event: Node.Event): string => {
  if (event._tag !== "Tell") return "link" in event ? `${event._tag} ${event.link}` : event._tag
  const where = event.space === null ? "" : ` in ${event.space}`
  switch (event.event._tag) {
    case "Enter": return event.event.actions.length === 0 ? "" : `${event.event.pid} enters, ${describeAll(event.event.actions)}${where}`
    case "Leave": return `${event.event.pid} leaves${where}`
    case "Perform": return `${event.event.pid} ${describeAll(event.event.actions)}${where}`
    default: return `${event.event._tag}${where}`
  }
}

const describeAll = (actions: ReadonlyArray<Process.Action>): string => actions.map(describeAction).join(", ")
const describeAction = (action: Process.Action): string => {
  switch (action._tag) {
    case "Assert": {
      const pattern = Process.observed(action.assertion)
      if (pattern === undefined) return `asserts ${Text.print(action.assertion)} as ${action.handle}`
      return `observes ${Text.print(Pattern.toValue(pattern))} as ${action.handle}`
    }
    case "Retract": return `retracts ${action.handle}`
    case "Send": return `sends ${Text.print(action.body)}`
    default: return action._tag
  }
}
