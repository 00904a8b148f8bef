/**
 * A node: the wiring of everything else. Sessions speak to peers, scopes hold what is federated, the
 * management dataspace holds what the node says about itself and what it is asked to do, and the
 * operator connects them.
 *
 *     transports <-> Sessions <-> Operator <-> Scopes <-> processes
 *                                    ^
 *                                    v
 *                                Management <-> processes
 *
 * Promises: a node is a machine like its parts, so that a host, a test and a simulation run it alike;
 * what a peer sends reaches the management dataspace by no path, and the status scope shows only a
 * copy of what is in it.
 */
import * as Dataspace from "../dataspace/Dataspace.ts"
import type * as Process from "../dataspace/Process.ts"
import * as Federation from "../federation/Federation.ts"
import type { LinkId } from "../federation/Item.ts"
import * as Link from "../link/Link.ts"
import * as Family from "../machine/Family.ts"
import type * as Machine from "../machine/Machine.ts"
import * as Wiring from "../machine/Wiring.ts"
import { record, type Value } from "../value/Value.ts"
import * as Operator from "./Operator.ts"
import * as Scope from "./Scope.ts"

/** A scope's name, or `null` for the management dataspace. */
export type Space = string | null

/** What `initial` of a node is given; the host adds `incarnation` and `seed`. */
export interface Config {
  /** Names the node among its peers: unique, and the same from one life to the next. */
  readonly node: string
  /** Counts its lives: greater each time that the node starts. The host's clock will do. */
  readonly incarnation: number
  /** Seeds the jitter of reconnection. */
  readonly seed: number
  /** A leaf forwards for nobody: a client. */
  readonly leaf?: boolean
  /** The less, the rather is it the root of its scopes' trees; 100. Give it to nodes that stay. */
  readonly priority?: number
  /** What becomes of messages for a peer that is too slow for them: the oldest are dropped, or its link closes. */
  readonly slowPeer?: "drop" | "close"
  /** Of links and scopes; those left out are as in `Link.defaultLimits`, `Federation.defaultConfig` and `defaultLinksMax`. */
  readonly limits?: Partial<Limits>
  /** Those left out are as in `Link.defaultTiming`, `defaultBackoff` and `Topology.defaultGraceMs`. */
  readonly timing?: Partial<Timing>
}

/** What each link may cost (`Link.Limits`), what is kept for it in a scope (`Federation.Config`), and how many links there may be. */
export type Limits = Link.Limits & Required<Omit<Federation.Config, "origin">> & { readonly linksMax: number }
/** When links are pinged and given up (`Link.Timing`), and when they are dialled again. All in ms. */
export type Timing = Link.Timing & {
  /** Between two tries of an uplink. */
  readonly backoff: Operator.Backoff
  /** How long what came over a link stays when it is lost without a farewell; 0 for not at all. */
  readonly graceMs: number
}

/** Links at one time; who comes later is turned away. */
export const defaultLinksMax = 10_000 // a guess: what one process serves before its sockets run out
/** Between two tries of an uplink, ms. */
export const defaultBackoff: Operator.Backoff = { leastMs: 200, mostMs: 10_000 } // guesses

/** What a host tells its node. `at` is its monotonic clock, in ms. */
export type Event =
  /** A transport accepted a connection; the host named the link. */
  | { readonly _tag: "Incoming"; readonly link: LinkId; readonly from: string; readonly stream: boolean; readonly at: number }
  /** The connection that `Dial` asked for is open. */
  | { readonly _tag: "Dialled"; readonly link: LinkId; readonly stream: boolean; readonly at: number }
  /** The connection that `Dial` asked for cannot be had, and why, for people. */
  | { readonly _tag: "DialFailed"; readonly link: LinkId; readonly reason: string; readonly at: number }
  /** A chunk of the stream, or one message. Nobody may write to these bytes any more. */
  | { readonly _tag: "Received"; readonly link: LinkId; readonly bytes: Uint8Array; readonly at: number }
  /** The transport took this many of the bytes that we wrote. */
  | { readonly _tag: "Written"; readonly link: LinkId; readonly bytes: number }
  /** The connection is gone, closed by whomever. */
  | { readonly _tag: "Lost"; readonly link: LinkId; readonly reason: string; readonly at: number }
  /** A timer that `SetTimer` asked for. */
  | { readonly _tag: "TimerFired"; readonly timer: string; readonly at: number }
  /** For a dataspace of this node: external processes come, act and go. A scope opens when it is first told something. */
  | { readonly _tag: "Tell"; readonly space: Space; readonly event: Dataspace.Event }
  /** Ask the peer of a link to say when it has dealt with everything sent so far. */
  | { readonly _tag: "Sync"; readonly link: LinkId; readonly n: number }
  /** Say farewell on every link. */
  | { readonly _tag: "Stop"; readonly at: number }

/** What a node asks of its host, in the order in which it is to be done. */
export type Action =
  /** Connect to this address; the answer is `Dialled` or `DialFailed`. A `Close` of the link before that gives it up. */
  | { readonly _tag: "Dial"; readonly link: LinkId; readonly address: string }
  /** Send these bytes, and say `Written` when the transport took them. */
  | { readonly _tag: "Write"; readonly link: LinkId; readonly bytes: Uint8Array }
  /** Let the connection go once it took what was written. */
  | { readonly _tag: "Close"; readonly link: LinkId }
  /** Fire once, in so many ms; a timer of this name that runs already starts anew. */
  | { readonly _tag: "SetTimer"; readonly timer: string; readonly afterMs: number }
  | { readonly _tag: "CancelTimer"; readonly timer: string }
  /** Events for an external process that a `Tell` entered. */
  | { readonly _tag: "Deliver"; readonly space: Space; readonly pid: string; readonly events: ReadonlyArray<Process.Event> }
  /** An external process has ended here, and why. Nothing more is delivered to it. */
  | { readonly _tag: "Exited"; readonly space: Space; readonly pid: string; readonly name: string; readonly reason: Value }
  /** A dataspace has more to do: tell it `Continue` when others had their turn. */
  | { readonly _tag: "Continue"; readonly space: Space }
  /** The peer has dealt with everything that was sent before the `Sync` of this number. */
  | { readonly _tag: "Synced"; readonly link: LinkId; readonly n: number }
  /** So many messages were not sent: the peer of the link reads too slowly. */
  | { readonly _tag: "Dropped"; readonly link: LinkId; readonly messages: number }
  /** A line for whoever runs the node. */
  | { readonly _tag: "Log"; readonly level: Operator.LogLevel; readonly message: string; readonly fields: Operator.LogFields }
  /** Every farewell is written, and no link is left. */
  | { readonly _tag: "Stopped" }

/** What only the node as a whole can answer, because it asks for the state of its members. */
type Question = Extract<Operator.Action, { readonly _tag: "Count" | "Sweep" }>

/** The machine of a node whose dataspaces can run these behaviours. */
export const of = (behaviours: Process.Behaviours) => {
  const management = Dataspace.of(behaviours)
  const scopes = Family.of(Scope.of(behaviours))
  const sessions = Family.of(Link)
  const wired = Wiring.wire<Members, Action | Question>({ Operator, Sessions: sessions, Scopes: scopes, Management: management }, routes)

  const initial = (config: Config): Machine.Step<State, Action> => {
    const operator = operatorConfig(config)
    const [members, actions] = wired.initial({ Operator: operator, Sessions: {}, Scopes: {}, Management: {} })
    return answer({ config: operator, members }, actions)
  }

  /** Answers the members' questions about each other, and takes what follows from it into the same turn. */
  const answer = (state: State, actions: ReadonlyArray<Action | Question>): Machine.Step<State, Action> => {
    if (hasNoQuestion(actions)) return [state, actions]
    const out: Array<Action> = []
    for (const action of actions) {
      if (!isQuestion(action)) {
        out.push(action)
        continue
      }
      const event = action._tag === "Count" ? inside("Operator", { _tag: "Counted", scope: action.scope, facts: counts(state) }) : sweep(state, action.scope)
      if (event === undefined) continue
      const [next, more] = tell(state, event)
      state = next
      out.push(...more)
    }
    return [state, out]
  }

  const tell = (state: State, event: Addressed): Machine.Step<State, Action> => {
    const [members, actions] = wired.transition(state.members, event)
    return answer({ config: state.config, members }, actions)
  }

  const tellScope = (state: State, scope: string, event: Dataspace.Event): Machine.Step<State, Action> => {
    const [open, first] = state.members.Scopes.has(scope) ? [state, []] as const : tell(state, inside("Scopes", { _tag: "Open", key: scope, config: Operator.openScope(state.config, scope).config }))
    const [next, then] = tell(open, scoped(scope, { _tag: "Dataspace", event }))
    // a scope that its last process left is swept like one that its last link left
    const swept = event._tag === "Leave" ? sweep(next, scope) : undefined
    const [last, more] = swept === undefined ? [next, []] as const : tell(next, swept)
    return [last, [...first, ...then, ...more]]
  }

  const transition = (state: State, event: Event): Machine.Step<State, Action> => {
    switch (event._tag) {
      case "Received": return tell(state, session(event.link, { _tag: "Received", bytes: event.bytes, at: event.at }))
      case "Written": return tell(state, session(event.link, { _tag: "Written", bytes: event.bytes }))
      case "Lost": return tell(state, session(event.link, { _tag: "Lost", reason: event.reason }))
      case "Sync": return tell(state, session(event.link, { _tag: "Sync", n: event.n }))
      case "TimerFired": return tell(state, timerFired(event.timer, event.at))
      case "Tell": return event.space === null ? tell(state, inside("Management", event.event)) : tellScope(state, event.space, event.event)
      case "Incoming":
      case "Dialled":
      case "DialFailed":
      case "Stop": return tell(state, inside("Operator", event))
    }
  }
  return { initial, transition }
}

const operatorConfig = ({ incarnation, leaf = false, limits = {}, node, priority, seed, slowPeer = "drop", timing = {} }: Config): Operator.Config => {
  const { origin: _, ...federationLimits } = Federation.defaultConfig
  const all = { ...federationLimits, linksMax: defaultLinksMax, ...limits }
  const { captureBytesMax, capturesMax, closingMax, endpointBytesMax, endpointsMax, linksMax, ...link } = all
  const { backoff = defaultBackoff, graceMs, ...session } = timing
  const tree = { ...(priority === undefined ? {} : { priority }), ...(graceMs === undefined ? {} : { graceMs }) }
  const federation = { captureBytesMax, capturesMax, closingMax, endpointBytesMax, endpointsMax }
  return { self: { node, incarnation, leaf }, seed, link: { limits: link, timing: session, slowPeer }, federation, linksMax, backoff, tree }
}

type Members = {
  readonly Operator: typeof Operator
  readonly Sessions: Sessions
  readonly Scopes: Scopes
  readonly Management: Management
}
type Sessions = ReturnType<typeof Family.of<typeof Link>>
type Scopes = ReturnType<typeof Family.of<ReturnType<typeof Scope.of>>>
type Management = ReturnType<typeof Dataspace.of>

/** The state of a node: the operator's configuration, and each member's state by name. */
export interface State {
  readonly config: Operator.Config
  readonly members: Wiring.States<Members>
}

type Addressed = Wiring.Addressed<Members>
type Route = Wiring.Route<Members, Action | Question>

// a member's name with what that member is told: one of the union, which no type says of each
const inside = <N extends keyof Members>(_tag: N, event: Machine.Event<Members[N]>): Addressed => ({ _tag, event }) as Addressed
const session = (link: LinkId, event: Link.Event): Addressed => inside("Sessions", { _tag: "Tell", key: link, event })
const scoped = (scope: string, event: Scope.Event): Addressed => inside("Scopes", { _tag: "Tell", key: scope, event })

const within = (event: Addressed): Route => ({ to: "inside", event })
const toOperator = (event: Operator.Event): ReadonlyArray<Route> => [within(inside("Operator", event))]
const toScope = (scope: string, event: Scope.Event): ReadonlyArray<Route> => [within(scoped(scope, event))]
const toSession = (link: LinkId, event: Link.Event): ReadonlyArray<Route> => [within(session(link, event))]
const dataspace = (space: Space, event: Dataspace.Event): ReadonlyArray<Route> =>
  space === null ? [within(inside("Management", event))] : toScope(space, { _tag: "Dataspace", event })
const out = (action: Action | Question): ReadonlyArray<Route> => [{ to: "shell", action }]

const routes: Wiring.Routes<Members, Action | Question> = {
  Operator: {
    OpenSession: ({ config, link }) => [within(inside("Sessions", { _tag: "Open", key: link, config }))],
    TellSession: ({ event, link }) => toSession(link, event),
    CloseSession: ({ link }) => [within(inside("Sessions", { _tag: "Close", key: link }))],
    OpenScope: ({ config, scope }) => [within(inside("Scopes", { _tag: "Open", key: scope, config }))],
    TellTopology: ({ event, scope }) => toScope(scope, { _tag: "Topology", event }),
    Retire: ({ scope }) => toScope(scope, { _tag: "Local", event: { _tag: "Retire" } }),
    Proceed: ({ step }) => toOperator({ _tag: "Ending", step }),
    Introduce: ({ actions, scope }) => dataspace(scope, { _tag: "Enter", pid: Operator.pid, name: "operator", actions }),
    Publish: ({ actions, scope }) => dataspace(scope, { _tag: "Perform", pid: Operator.pid, actions }),
    CloseScope: ({ scope }) => [within(inside("Scopes", { _tag: "Close", key: scope }))],
    Settle: (action) => toOperator({ ...action, _tag: "Settled" }),
    SetRetry: ({ afterMs, uplink }) => out({ _tag: "SetTimer", timer: retryTimer(uplink), afterMs }),
    CancelRetry: ({ uplink }) => out({ _tag: "CancelTimer", timer: retryTimer(uplink) }),
    Sweep: out, Count: out, Dial: out, Close: out, Synced: out, Dropped: out, Log: out, Stopped: out
  },
  Sessions: { Member: ({ action, key }) => sessionRoutes(key, action) },
  Scopes: { Member: ({ action, key }) => scopeRoutes(key, action) },
  Management: {
    Deliver: (action) => action.pid === Operator.pid
      ? toOperator({ _tag: "Requested", events: action.events })
      : out({ ...action, space: null }),
    Exited: (action) => out({ ...action, space: null }),
    Continue: (action) => out({ ...action, space: null })
  }
}

const sessionRoutes = (link: LinkId, action: Link.Action): ReadonlyArray<Route> => {
  switch (action._tag) {
    case "Write":
    case "Close": return out({ ...action, link })
    case "SetTimer": return out({ _tag: "SetTimer", timer: sessionTimer(link, action.timer), afterMs: action.afterMs })
    case "CancelTimer": return out({ _tag: "CancelTimer", timer: sessionTimer(link, action.timer) })
    default: return toOperator({ _tag: "Session", link, news: action })
  }
}

const scopeRoutes = (scope: string, action: Scope.Action): ReadonlyArray<Route> => {
  switch (action._tag) {
    case "Offer":
    case "Accept": return toSession(action.link, { _tag: action._tag })
    case "Refuse": return toSession(action.link, { _tag: "Refuse", error: action.error })
    case "Tell": return toSession(action.link, { _tag: "Settle", tree: action.tree })
    case "SetGrace": return out({ _tag: "SetTimer", timer: graceTimer(scope, action.edge), afterMs: action.afterMs })
    case "CancelGrace": return out({ _tag: "CancelTimer", timer: graceTimer(scope, action.edge) })
    case "Turn": return toSession(action.link, { _tag: "Turn", items: action.items })
    case "Fault": return toSession(action.link, { _tag: "Fault", error: action.error })
    case "Joined":
    case "Parted":
    case "EdgeUp":
    case "EdgeDown":
    case "Assure":
    case "Confirm": return toOperator(action)
    case "Deliver":
    case "Exited": return action.pid === Operator.pid ? [] : out({ ...action, space: scope })
    case "Continue": return out({ _tag: "Continue", space: scope })
  }
}

// Timers are named for the host, which knows nothing of their meaning: the prefix tells us whose one is.
const sessionTimer = (link: LinkId, timer: Link.Timer): string => `${timer} ${link}`
const retryTimer = (uplink: string): string => `retry ${uplink}`
const graceTimer = (scope: string, edge: string): string => `grace ${edge.length} ${edge}${scope}`
const timerFired = (name: string, at: number): Addressed => {
  const space = name.indexOf(" ")
  const timer = name.slice(0, space)
  const subject = name.slice(space + 1)
  if (timer === "grace") {
    const from = subject.indexOf(" ") + 1
    const to = from + Number(subject.slice(0, from))
    return inside("Operator", { _tag: "GraceOver", edge: subject.slice(from, to), scope: subject.slice(to) })
  }
  return timer === "retry"
    ? inside("Operator", { _tag: "RetryDue", uplink: subject })
    : session(subject, { _tag: "TimerFired", timer: timer as Link.Timer, at })
}

const isQuestion = (action: Action | Question): action is Question => action._tag === "Count" || action._tag === "Sweep"
const hasNoQuestion = (actions: ReadonlyArray<Action | Question>): actions is ReadonlyArray<Action> => !actions.some(isQuestion)

/** Closes a scope that nothing holds open any more; its name costs nothing then. */
const sweep = (state: State, scope: string): Addressed | undefined => {
  const found = state.members.Scopes.get(scope)
  return found !== undefined && Scope.isEmpty(found) ? inside("Scopes", { _tag: "Close", key: scope }) : undefined
}

/** `<count scope what n>` for what a person asks first: how much is held, and by how many. */
const counts = ({ members }: State): ReadonlyArray<Value> =>
  [...members.Scopes.entries()]
    .filter(([name]) => !Operator.isReserved(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, scope]) => Object.entries(Scope.counts(scope)).map(([what, n]) => record("count", name, what, n)))
