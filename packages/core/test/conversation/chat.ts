/**
 * A chat, as two programs that know nothing of each other but TCP.
 *
 * The server is a nested dataspace: inside, those who are here say `<says user text>` to each other, and
 * each of them converses outside with the connection of its user. The client is three processes: what
 * is shown, what is typed, and the connection.
 */
import { Conversation, Topic, Value } from "../../src/index.ts"
import * as Request from "../../src/conversation/driver/Request.ts"
import * as Tcp from "../../src/conversation/driver/Tcp.ts"
import { bytesOf, textOf } from "./apps.ts"

type Handler<State> = (state: State, event: Conversation.Event) => Conversation.Turn<State>
const packetOf = ({ body }: Extract<Conversation.Event, { readonly _tag: "Message" }>): Value.Value => (body as Value.Record).fields.at(-1)!

// ---- server -------------------------------------------------------------------------------------

/** Lets in whoever connects, and calls them u1, u2, … */
const door: Conversation.Program<{ readonly port: number }, number> = {
  boot: ({ port }) => [0, [Conversation.atMeta(Conversation.observePublishers("clients", Tcp.flow(Tcp.anyAddress, Tcp.listener(port)), "onClient"))]],
  handlers: {
    onClient: (users, event) => {
      if (event._tag !== "Presence") return [users, []]
      const [them, us] = (event.role.topic as Value.Record).fields
      return [users + 1, [Conversation.spawn("user", { behaviour: "user", config: { them, us, user: Value.symbol(`u${users + 1}`) } })]]
    }
  }
}

interface User {
  readonly them: Value.Value
  readonly us: Value.Value
  readonly user: symbol
}
const says = (user: Topic.Topic) => Topic.record("says", user, Topic.wild)
const tell = ({ them, us }: User, text: string) => Conversation.atMeta(Conversation.send(Tcp.packet(us, them, text)))

const onLine: Handler<User> = (state, event) => {
  if (event._tag === "Absence") return [state, [Conversation.quit()]]
  const text = event._tag === "Message" ? packetOf(event) : undefined
  return [state, text instanceof Uint8Array ? [Conversation.send(Value.record("says", state.user, textOf(text)))] : []]
}
const onOther: Handler<User> = (state, event) => {
  if (event._tag === "Message") {
    const [who, text] = (event.body as Value.Record).fields
    return [state, [tell(state, `${Symbol.keyFor(who as symbol)}: ${text as string}`)]]
  }
  if (event._tag !== "Presence" && event._tag !== "Absence") return [state, []]
  const who = (event.role.topic as Topic.OpenRecord).fields[0] as symbol
  return [state, who === state.user ? [] : [tell(state, `${Symbol.keyFor(who)} ${event._tag === "Presence" ? "arrived" : "departed"}.\n`)]]
}
const user: Conversation.Program<User, User> = {
  boot: (config) => [config, [
    Conversation.atMeta(Conversation.subscriber("in", Tcp.flow(config.them, config.us), "onLine")),
    Conversation.publisher("voice", says(config.user), "onNothing"),
    tell(config, `You are ${Symbol.keyFor(config.user)}.\n`),
    Conversation.atMeta(Conversation.publisher("out", Tcp.flow(config.us, config.them), "onNothing")),
    Conversation.subscriber("others", says(Topic.wild), "onOther")
  ]],
  handlers: { onLine, onNothing: (state) => [state, []], onOther }
}

export const server = (port: number) =>
  ({ name: "chat", process: Conversation.nested([{ name: "door", process: { behaviour: "door", config: { port } } }]) })

// ---- client -------------------------------------------------------------------------------------

const output = Topic.record("console-output", Topic.wild)
const input = Topic.record("console-input", Topic.wild)
const show = (text: string) => Conversation.send(Value.record("console-output", text))

/** Shows what is said, until there is nobody to say anything. The state counts. */
const screen: Conversation.Program<null, number> = {
  boot: () => [0, [Conversation.subscriber("output", output, "onOutput")]],
  handlers: {
    onOutput: (n, event) => {
      if (event._tag === "Absence" && event.present === 0) return [n, [Conversation.quit()]]
      return event._tag === "Message" ? [n + 1, [Request.open(n + 1, Value.record("console-write", n + 1, packetOf(event)), "onShown")]] : [n, []]
    },
    onShown: (n, event) => [n, event._tag === "Message" ? [Conversation.withdraw(event.endpoint)] : []]
  }
}

/** Says what is typed, to the one who wants to know. One fact, the end of their talk, tells it both that it stopped and that they went. */
const keys: Conversation.Program<null, number> = {
  boot: () => [1, [
    Conversation.publisher("screen", output, "onNothing"),
    Conversation.publisher("relay", input, "onRelay"),
    Request.open(1, Value.record("console-read", 1), "onTyped")
  ]],
  handlers: {
    onNothing: (n) => [n, []],
    onRelay: (n, event) => [n, event._tag === "Absence" ? [show("Connection terminated."), Conversation.quit()] : []],
    onTyped: (n, event) => {
      const text = Request.answer(event)
      if (text === undefined) return [n, []]
      if (text === Tcp.eof) return [n, [Conversation.withdraw(n), show("Terminating on local EOF."), Conversation.withdraw("relay")]]
      const next = Request.open(n + 1, Value.record("console-read", n + 1), "onTyped")
      return [n + 1, [Conversation.withdraw(n), next, Conversation.send(Value.record("console-input", text))]]
    }
  }
}

interface Client {
  readonly us: Value.Value
  readonly them: Value.Value
}
const client: Conversation.Program<Client, Client> = {
  boot: (config) => [config, [
    Conversation.publisher("screen", output, "onNothing"),
    Conversation.subscriber("input", input, "onInput"),
    Conversation.publisher("out", Tcp.flow(config.us, config.them), "onNothing"),
    Conversation.subscriber("in", Tcp.flow(config.them, config.us), "onData")
  ]],
  handlers: {
    onNothing: (state) => [state, []],
    onInput: (state, event) => {
      if (event._tag === "Absence") return [state, [Conversation.quit()]]
      return [state, event._tag === "Message" ? [Conversation.send(Tcp.packet(state.us, state.them, bytesOf(`${packetOf(event) as string}\n`)))] : []]
    },
    onData: (state, event) => {
      if (event._tag === "Absence") return [state, [Conversation.quit()]]
      const data = event._tag === "Message" ? packetOf(event) : undefined
      return [state, data instanceof Uint8Array ? [show(textOf(data))] : []]
    }
  }
}

export const clients = (host: string, port: number) => [
  { name: "screen", process: { behaviour: "screen", config: null } },
  { name: "keys", process: { behaviour: "keys", config: null } },
  { name: "client", process: { behaviour: "client", config: { us: Tcp.handle("chat"), them: Tcp.address(host, port) } } }
]

export const programs: { readonly [name: string]: Conversation.Program } = { client, door, keys, screen, user }
