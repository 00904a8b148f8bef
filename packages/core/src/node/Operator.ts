/**
 * Runs a node's links: dials the uplinks that somebody asks for in the management dataspace, says
 * which scope a session belongs to, and asserts what is so, for anybody there to observe:
 *
 *     <uplink local address remote>                      asked for; by whom is none of our business
 *     <uplink local address remote cost>                 the same, and what its link costs
 *     <uplink-connected local address remote link>       it is up
 *     <uplink-waiting local address remote tries reason> it is not, and why; the next try is due
 *     <link link scope role node address>                one link of a scope
 *     <edge link scope role>                             it is part of the scope's tree: to a parent, a child or a leaf
 *     <peer node incarnation leaf>                       one peer, however many its links
 *     <scope name>                                       peers have joined it
 *
 * `<listener address>`, which the host asserts, is copied to readers of the status.
 *
 * Promises: an uplink that is asked for is tried for ever, with exponential back-off and jitter; a
 * facts' copy in the status scope of each peer that asks for it can be read and never written.
 */
import * as Process from "../dataspace/Process.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import type * as Federation from "../federation/Federation.ts"
import type { LinkId } from "../federation/Item.ts"
import type * as Link from "../link/Link.ts"
import { type Step, still } from "../machine/Machine.ts"
import * as Rng from "../machine/Rng.ts"
import type * as Topology from "../topology/Topology.ts"
import * as Pattern from "../value/Pattern.ts"
import { record, type Value } from "../value/Value.ts"
import type * as Scope from "./Scope.ts"

/** What the operator is given; `Node.of` makes it of the node's configuration. */
export interface Config {
  readonly self: { readonly node: string; readonly incarnation: number; readonly leaf: boolean }
  /** Of the jitter of reconnection. */
  readonly seed: number
  /** What every link is opened with. */
  readonly link: Pick<Link.Config, "limits" | "timing" | "slowPeer">
  /** What every scope keeps to; without `origin`, which a scope makes of the node's name and life. */
  readonly federation: Federation.Config
  /** Links at one time; who comes later is turned away. */
  readonly linksMax: number
  readonly backoff: Backoff
  /** How far from being the root of its trees the node is, and how long what a lost link brought stays. */
  readonly tree: { readonly priority?: number; readonly graceMs?: number }
}
/** How long an uplink waits after its n-th failure: half to all of `leastMs` * 2^(n-1), or of `mostMs` when that is less. */
export interface Backoff {
  readonly leastMs: number
  readonly mostMs: number
}

/** The state of the operator: sessions, uplinks, and what it says about them. */
export interface State {
  readonly config: Config
  readonly rng: Rng.State
  /** Numbers the links that we dial. */
  readonly next: number
  readonly links: VersionedMap<LinkId, Session>
  readonly uplinks: VersionedMap<string, Uplink>
  /** What we assert in the management dataspace, by handle; each status scope holds a copy. */
  readonly facts: VersionedMap<string, Value>
  readonly statusScopes: VersionedMap<string, true>
  readonly stopping: boolean
}

interface Session {
  readonly address: string
  readonly role: "dialer" | "acceptor"
  /** Which uplink dialled it. */
  readonly uplink: string | undefined
  /** The scope here that it is for; an acceptor learns it from the peer. */
  readonly scope: string | undefined
  readonly phase: "dialling" | "open" | "joined"
  readonly peer: Topology.Peer | undefined
}

interface Uplink {
  readonly local: string
  readonly address: string
  readonly remote: string
  readonly cost: number | undefined
  readonly tries: number
  readonly link: LinkId | undefined
}

/** What the operator is told, by the node's other members and by the host. */
export type Event =
  /** What the management dataspace says of uplinks and listeners. */
  | { readonly _tag: "Requested"; readonly events: ReadonlyArray<Process.Event> }
  | { readonly _tag: "Incoming"; readonly link: LinkId; readonly from: string; readonly stream: boolean }
  | { readonly _tag: "Dialled"; readonly link: LinkId; readonly stream: boolean }
  | { readonly _tag: "DialFailed"; readonly link: LinkId; readonly reason: string }
  /** The timer of `SetRetry` fired. */
  | { readonly _tag: "RetryDue"; readonly uplink: string }
  /** A link's session has news. */
  | { readonly _tag: "Session"; readonly link: LinkId; readonly news: SessionNews }
  /** The topology of the link's scope says that it is of use; so `Parted`, `EdgeUp`, `EdgeDown`. */
  | { readonly _tag: "Joined"; readonly link: LinkId; readonly peer: Topology.Peer }
  | { readonly _tag: "Parted"; readonly link: LinkId }
  | { readonly _tag: "EdgeUp"; readonly link: LinkId; readonly role: "parent" | "child" | "leaf" }
  | { readonly _tag: "EdgeDown"; readonly link: LinkId }
  /** Topology wants to know when the peer has answered. */
  | { readonly _tag: "Confirm"; readonly link: LinkId }
  | { readonly _tag: "Assure"; readonly link: LinkId }
  /** The grace of an edge is over. */
  | { readonly _tag: "GraceOver"; readonly scope: string; readonly edge: Topology.EdgeId }
  /** The next step of our end, when what the one before began has been carried out. */
  | { readonly _tag: "Ending"; readonly step: "depart" | "farewell" }
  /** What was begun before has been carried out. */
  | { readonly _tag: "Settled"; readonly link: LinkId; readonly n: number; readonly ours: boolean }
  /** The answer to `Count`. */
  | { readonly _tag: "Counted"; readonly scope: string; readonly facts: ReadonlyArray<Value> }
  /** Say farewell on every link, and dial no more. */
  | { readonly _tag: "Stop" }

/** What a session says to its node, rather than to its transport. */
export type SessionNews = Extract<
  Link.Action,
  { readonly _tag: "Greeted" | "Offered" | "Accepted" | "Settled" | "Measured" | "Received" | "SyncRequested" | "Synced" | "Dropped" | "Ended" }
>

/** What the operator asks of the node's other members and of the host. */
export type Action =
  /** A link is open: say hello on it. So `TellSession` and `CloseSession`, of one that was opened. */
  | { readonly _tag: "OpenSession"; readonly link: LinkId; readonly config: Link.Config }
  | { readonly _tag: "TellSession"; readonly link: LinkId; readonly event: Link.Event }
  | { readonly _tag: "CloseSession"; readonly link: LinkId }
  /** A scope is needed; nothing when it is open. */
  | { readonly _tag: "OpenScope"; readonly scope: string; readonly config: Scope.Config }
  | { readonly _tag: "TellTopology"; readonly scope: string; readonly event: Topology.Event }
  /** What our own processes hold in a scope is over, for everybody else. */
  | { readonly _tag: "Retire"; readonly scope: string }
  /** Come back with `Ending` when what this turn began has been carried out. */
  | { readonly _tag: "Proceed"; readonly step: "depart" | "farewell" }
  /** Our process enters this scope's dataspace with its facts; `null` is the management dataspace. */
  | { readonly _tag: "Introduce"; readonly scope: string | null; readonly actions: ReadonlyArray<Process.Action> }
  /** It changes what it says there. */
  | { readonly _tag: "Publish"; readonly scope: string | null; readonly actions: ReadonlyArray<Process.Action> }
  /** A scope that may have become empty. */
  | { readonly _tag: "Sweep"; readonly scope: string }
  /** A status scope, whose reader has gone. */
  | { readonly _tag: "CloseScope"; readonly scope: string }
  /** Count what the node holds, and say so with `Counted`. */
  | { readonly _tag: "Count"; readonly scope: string }
  /** Come back with `Settled` when what the turns before began has been carried out. `ours` is a sync that we asked for. */
  | { readonly _tag: "Settle"; readonly link: LinkId; readonly n: number; readonly ours: boolean }
  | { readonly _tag: "Dial"; readonly link: LinkId; readonly address: string }
  | { readonly _tag: "Close"; readonly link: LinkId }
  /** Come back with `RetryDue` of this uplink in so many ms. */
  | { readonly _tag: "SetRetry"; readonly uplink: string; readonly afterMs: number }
  | { readonly _tag: "CancelRetry"; readonly uplink: string }
  | { readonly _tag: "Synced"; readonly link: LinkId; readonly n: number }
  /** So many messages were not sent: the peer of the link reads too slowly. */
  | { readonly _tag: "Dropped"; readonly link: LinkId; readonly messages: number }
  | { readonly _tag: "Log"; readonly level: LogLevel; readonly message: string; readonly fields: LogFields }
  /** No link is left after a `Stop`. */
  | { readonly _tag: "Stopped" }
/** How much a line of the log matters. */
export type LogLevel = "Debug" | "Info" | "Warn" | "Error"
/** What a line of the log says besides its message. */
export type LogFields = { readonly [name: string]: string | number | boolean }

/** Our process in the management dataspace and in each status scope. */
export const pid = "$operator"
/** The scope under which a peer reads what the node says about itself. */
export const statusScope = "@status"
/**
 * Scopes that start so are the node's own.
 *
 * isReserved("@status")   // => true
 */
export const isReserved = (scope: string): boolean => scope.startsWith("@")

/** Observes, in the management dataspace, what it is asked for, and says there which node this is. */
export const initial = (config: Config): Step<State, Action> => {
  const self = record("node", config.self.node, config.self.incarnation)
  const state: State = {
    config,
    rng: Rng.initial(config.seed),
    next: 1,
    links: VersionedMap.empty(),
    uplinks: VersionedMap.empty(),
    facts: VersionedMap.empty<string, Value>().set("node", self),
    statusScopes: VersionedMap.empty(),
    stopping: false
  }
  const wanted = [3, 4].map((fields) => Process.observe(`uplink ${fields}`, Pattern.record("uplink", ...Array.from({ length: fields }, () => Pattern.bind()))))
  return [state, [{ _tag: "Introduce", scope: null, actions: [Process.assert("node", self), ...wanted, Process.observe("listener", Pattern.record("listener", Pattern.bind()))] }]]
}

/** One event. News of a link that is not known any more changes nothing. */
export const transition = (state: State, event: Event): Step<State, Action> => {
  switch (event._tag) {
    case "Requested": return onRequested(state, event.events)
    case "Incoming": return onIncoming(state, event)
    case "Dialled": return onDialled(state, event)
    case "DialFailed": return onDialFailed(state, event)
    case "RetryDue": return onRetryDue(state, event.uplink)
    case "Session": return onSession(state, event.link, event.news)
    case "Joined": return onJoined(state, event)
    case "Parted": return onParted(state, event.link)
    case "EdgeUp": return onEdgeUp(state, event.link, event.role)
    case "EdgeDown": return onEdgeDown(state, event.link)
    case "Assure": return [state, [{ _tag: "Settle", link: event.link, n: confirmation, ours: false }]]
    case "Confirm": return [state, [{ _tag: "TellSession", link: event.link, event: { _tag: "Sync", n: confirmation } }]]
    case "GraceOver": return [state, [topology(event.scope, { _tag: "GraceOver", edge: event.edge }), { _tag: "Sweep", scope: event.scope }]]
    case "Ending": return onEnding(state, event.step)
    case "Settled": return onSettled(state, event)
    case "Counted": return onCounted(state, event)
    case "Stop": return onStop(state)
  }
}

// ---- uplinks ------------------------------------------------------------------------------------

const onRequested = (state: State, events: ReadonlyArray<Process.Event>): Step<State, Action> => {
  const actions: Array<Action> = []
  for (const event of events) {
    if (event._tag === "Received") continue // a message that looks like a request is none
    if (event.handle === "listener") {
      const [next, more] = onListener(state, event)
      state = next
      actions.push(...more)
      continue
    }
    const [local, address, remote, cost] = event.captures
    if (typeof local !== "string" || typeof address !== "string" || typeof remote !== "string" || isReserved(local) || !isCost(cost)) {
      if (event._tag === "Added") actions.push(log("Warn", "an uplink was asked for that is none: <uplink local-scope address remote-scope> takes three strings, and a cost from 1 to 1,000,000 or none", {}))
      continue
    }
    const key = JSON.stringify(event.captures)
    const [next, more] = event._tag === "Added" ? dial(state, key, { local, address, remote, cost, tries: 0, link: undefined }) : withdraw(state, key)
    state = next
    actions.push(...more)
  }
  return [state, actions]
}

const isCost = (cost: Value | undefined): cost is number | undefined =>
  cost === undefined || typeof cost === "number" && Number.isInteger(cost) && cost >= 1 && cost <= 1_000_000

/** Listeners are the host's to assert; readers of the status see a copy. */
const onListener = (state: State, { _tag, captures: [address] }: Process.Event): Step<State, Action> => {
  const handle = `listener/${String(address)}`
  const fact = record("listener", address!)
  const facts = _tag === "Added" ? state.facts.set(handle, fact) : state.facts.delete(handle)
  const action = _tag === "Added" ? Process.assert(handle, fact) : Process.retract(handle)
  return [{ ...state, facts }, sortedKeys(state.statusScopes).map((scope): Action => ({ _tag: "Publish", scope, actions: [action] }))]
}

const dial = (state: State, key: string, uplink: Uplink): Step<State, Action> => {
  if (state.stopping) return still(state)
  const link = `out:${state.next}`
  const session: Session = { address: uplink.address, role: "dialer", uplink: key, scope: uplink.local, phase: "dialling", peer: undefined }
  return [
    { ...state, next: state.next + 1, uplinks: state.uplinks.set(key, { ...uplink, link }), links: state.links.set(link, session) },
    [{ _tag: "Dial", link, address: uplink.address }]
  ]
}

const withdraw = (state: State, key: string): Step<State, Action> => {
  const uplink = state.uplinks.get(key)
  if (uplink === undefined) return still(state)
  const without = { ...state, uplinks: state.uplinks.delete(key) }
  const [next, said] = say(without, uplinkHandle(key), undefined)
  if (uplink.link === undefined) return [next, [...said, { _tag: "CancelRetry", uplink: key }]]
  if (state.links.get(uplink.link)?.phase === "dialling") {
    return [{ ...next, links: next.links.delete(uplink.link) }, [...said, { _tag: "Close", link: uplink.link }]]
  }
  return [next, [...said, farewell(uplink.link, "the uplink is no longer asked for")]]
}

const onDialled = (state: State, { link, stream }: { readonly link: LinkId; readonly stream: boolean }): Step<State, Action> => {
  const session = state.links.get(link)
  // withdrawn while the connection was being made
  const scope = session?.uplink === undefined ? undefined : state.uplinks.get(session.uplink)?.remote
  if (session === undefined || scope === undefined) return [state, [{ _tag: "Close", link }]]
  return [
    { ...state, links: state.links.set(link, { ...session, phase: "open" }) },
    [{ _tag: "OpenSession", link, config: { link, role: "dialer", self: state.config.self, scope, stream, ...state.config.link } }]
  ]
}

const onDialFailed = (state: State, { link, reason }: { readonly link: LinkId; readonly reason: string }): Step<State, Action> => {
  const session = state.links.get(link)
  return session === undefined ? still(state) : retryLater({ ...state, links: state.links.delete(link) }, session, reason)
}

/** Full jitter would also dial at once; half of the delay stays, so that a crowd never comes back together. */
const retryLater = (state: State, session: Session, reason: string): Step<State, Action> => {
  const uplink = session.uplink === undefined ? undefined : state.uplinks.get(session.uplink)
  if (uplink === undefined || session.uplink === undefined || state.stopping) return still(state)
  const key = session.uplink
  const tries = session.phase === "joined" ? 1 : uplink.tries + 1
  const { leastMs, mostMs } = state.config.backoff
  const ceiling = Math.min(mostMs, leastMs * 2 ** Math.min(tries - 1, 30))
  const [fraction, rng] = Rng.float(state.rng)
  const waiting = { ...state, rng, uplinks: state.uplinks.set(key, { ...uplink, tries, link: undefined }) }
  const [next, said] = say(waiting, uplinkHandle(key), record("uplink-waiting", uplink.local, uplink.address, uplink.remote, tries, reason))
  return [next, [
    ...said,
    log("Warn", "uplink down", { scope: uplink.local, address: uplink.address, tries, reason }),
    { _tag: "SetRetry", uplink: key, afterMs: Math.round(ceiling / 2 + fraction * ceiling / 2) }
  ]]
}

const onRetryDue = (state: State, key: string): Step<State, Action> => {
  const uplink = state.uplinks.get(key)
  return uplink === undefined || uplink.link !== undefined ? still(state) : dial(state, key, uplink)
}

// ---- sessions -----------------------------------------------------------------------------------

const onIncoming = (state: State, { from, link, stream }: { readonly link: LinkId; readonly from: string; readonly stream: boolean }): Step<State, Action> => {
  if (state.stopping || state.links.size >= state.config.linksMax) {
    return [state, [log("Warn", "a peer was turned away: too many links", { from, linksMax: state.config.linksMax }), { _tag: "Close", link }]]
  }
  const session: Session = { address: from, role: "acceptor", uplink: undefined, scope: undefined, phase: "open", peer: undefined }
  return [
    { ...state, links: state.links.set(link, session) },
    [{ _tag: "OpenSession", link, config: { link, role: "acceptor", self: state.config.self, stream, ...state.config.link } }]
  ]
}

const onSession = (state: State, link: LinkId, news: SessionNews): Step<State, Action> => {
  const session = state.links.get(link)
  if (session === undefined) return still(state)
  const { scope } = session
  switch (news._tag) {
    case "Offered": return onOffered(state, link, session, news)
    case "Greeted": return scope === undefined ? still(state) : [state, [openScope(state.config, scope), topology(scope, { _tag: "Greeted", link, peer: news.peer, cost: costOf(state, session) })]]
    case "Accepted": return scope === undefined ? still(state) : [state, [topology(scope, { _tag: "Accepted", link })]]
    case "Received": return scope === undefined ? still(state) : [state, [topology(scope, { _tag: "Turn", link, items: news.items })]]
    case "Settled": return scope === undefined ? still(state) : [state, [topology(scope, { _tag: "Told", link, tree: news.tree })]]
    case "Measured": return scope === undefined ? still(state) : [state, [topology(scope, { _tag: "Measured", link, rttMs: news.rttMs })]]
    case "SyncRequested":
      if (news.n === confirmation && scope !== undefined) return [state, [topology(scope, { _tag: "Doubted", link })]]
      return [state, [{ _tag: "Settle", link, n: news.n, ours: false }]]
    case "Synced":
      if (news.n === confirmation) return scope === undefined ? still(state) : [state, [topology(scope, { _tag: "Confirmed", link })]]
      return [state, [{ _tag: "Settle", link, n: news.n, ours: true }]]
    case "Dropped": return [state, [{ _tag: "Dropped", link, messages: news.messages }]]
    case "Ended": return onEnded(state, link, session, news)
  }
}

const costOf = ({ uplinks }: State, { uplink }: Session): number | undefined => uplink === undefined ? undefined : uplinks.get(uplink)?.cost

type News<Tag extends SessionNews["_tag"]> = Extract<SessionNews, { readonly _tag: Tag }>

const onOffered = (state: State, link: LinkId, session: Session, { peer, scope }: News<"Offered">): Step<State, Action> => {
  const offered = (key: string) => topology(key, { _tag: "Offered", link, peer })
  const known = (key: string) => ({ ...state, links: state.links.set(link, { ...session, scope: key, peer }) })
  if (!isReserved(scope)) return [known(scope), [openScope(state.config, scope), offered(scope)]]
  if (scope !== statusScope) {
    const error = { code: "UnknownScope", message: `scopes that start with @ are the node's own; of them only ${statusScope} can be joined` }
    return [state, [{ _tag: "TellSession", link, event: { _tag: "Refuse", error } }]]
  }
  // one scope a peer: two readers in one scope could answer each other's observations
  const key = `${statusScope} ${link}`
  const facts = sortedKeys(state.facts).map((handle) => Process.assert(handle, state.facts.get(handle)!))
  return [
    { ...known(key), statusScopes: state.statusScopes.set(key, true) },
    [openScope(state.config, key, false), { _tag: "Introduce", scope: key, actions: facts }, { _tag: "Count", scope: key }, offered(key)]
  ]
}

const onCounted = (state: State, { facts, scope }: { readonly scope: string; readonly facts: ReadonlyArray<Value> }): Step<State, Action> =>
  [state, [{ _tag: "Publish", scope, actions: facts.map((fact, i) => Process.assert(`count/${i}`, fact)) }]]

/** A turn takes one hop to its scope, and this took one as well: so what it caused is ahead of what is said now. */
const onSettled = (state: State, { link, n, ours }: Extract<Event, { readonly _tag: "Settled" }>): Step<State, Action> =>
  [state, [ours ? { _tag: "Synced", link, n } : { _tag: "TellSession", link, event: { _tag: "Synced", n } }]]

const onEnded = (state: State, link: LinkId, session: Session, { farewell, reason }: News<"Ended">): Step<State, Action> => {
  const { scope } = session
  const actions: Array<Action> = [{ _tag: "CloseSession", link }]
  let next: State = { ...state, links: state.links.delete(link) }
  if (scope !== undefined) {
    actions.push(topology(scope, { _tag: "LinkLost", link, farewell }))
    if (state.statusScopes.has(scope)) {
      next = { ...next, statusScopes: next.statusScopes.delete(scope) }
      actions.push({ _tag: "CloseScope", scope })
    } else actions.push({ _tag: "Sweep", scope })
  }
  const why = `${reason.code}: ${reason.message}`
  const level = reason.by === "us" && reason.code !== "Bye" ? "Warn" : "Info"
  actions.push(log(level, "link down", { link, address: session.address, by: reason.by, reason: why }))
  const [after, more] = retryLater(next, session, why)
  actions.push(...more)
  if (after.stopping && after.links.size === 0) actions.push({ _tag: "Stopped" })
  return [after, actions]
}

// ---- what scopes say ----------------------------------------------------------------------------

const onJoined = (state: State, { link, peer }: { readonly link: LinkId; readonly peer: Topology.Peer }): Step<State, Action> => {
  const session = state.links.get(link)
  if (session === undefined || session.scope === undefined || state.statusScopes.has(session.scope)) return still(state)
  const { address, role, scope, uplink } = session
  const facts: Array<readonly [string, Value]> = [
    [`link/${link}`, record("link", link, scope, role, peer.node, address)],
    [`peer/${link}`, record("peer", peer.node, peer.incarnation, peer.leaf)],
    [`scope/${link}`, record("scope", scope)]
  ]
  let next: State = { ...state, links: state.links.set(link, { ...session, peer, phase: "joined" }) }
  const asked = uplink === undefined ? undefined : state.uplinks.get(uplink)
  if (uplink !== undefined && asked !== undefined) {
    next = { ...next, uplinks: next.uplinks.set(uplink, { ...asked, tries: 0 }) }
    facts.push([uplinkHandle(uplink), record("uplink-connected", asked.local, asked.address, asked.remote, link)])
  }
  const [after, said] = sayAll(next, facts)
  return [after, [...said, log("Info", "link up", { link, scope, role, peer: peer.node, address })]]
}

const onParted = (state: State, link: LinkId): Step<State, Action> =>
  sayAll(state, [[`link/${link}`, undefined], [`peer/${link}`, undefined], [`scope/${link}`, undefined]])

const onEdgeUp = (state: State, link: LinkId, role: "parent" | "child" | "leaf"): Step<State, Action> => {
  const scope = state.links.get(link)?.scope
  if (scope === undefined || state.statusScopes.has(scope)) return still(state)
  return say(state, `edge/${link}`, record("edge", link, scope, role))
}
/** Its session may be gone already. */
const onEdgeDown = (state: State, link: LinkId): Step<State, Action> => say(state, `edge/${link}`, undefined)

// ---- the end ------------------------------------------------------------------------------------

const onStop = (state: State): Step<State, Action> => {
  const actions: Array<Action> = sortedKeys(state.uplinks).map((uplink) => ({ _tag: "CancelRetry", uplink }))
  let links = state.links
  for (const link of sortedKeys(state.links)) {
    if (links.get(link)!.phase === "dialling") {
      links = links.delete(link)
      actions.push({ _tag: "Close", link })
    }
  }
  const next = { ...state, links, stopping: true }
  if (links.size === 0) return [next, [...actions, { _tag: "Stopped" }]]
  return [next, [...actions, ...scopesOf(next).map((scope): Action => ({ _tag: "Retire", scope })), { _tag: "Proceed", step: "depart" }]]
}

/** Our own facts go first, at once; then the others, to whom we were the way, look for another; then we are gone. */
const onEnding = (state: State, step: "depart" | "farewell"): Step<State, Action> =>
  step === "depart"
    ? [state, [...scopesOf(state).map((scope) => topology(scope, { _tag: "Depart" })), { _tag: "Proceed", step: "farewell" }]]
    : [state, sortedKeys(state.links).map((link) => farewell(link, "the node stops"))]

const scopesOf = ({ links }: State): ReadonlyArray<string> =>
  [...new Set([...links.values()].flatMap(({ scope }) => scope === undefined ? [] : [scope]))].sort()

// ---- helpers ------------------------------------------------------------------------------------

/** A map's keys in their own order: its own one tells of its history. */
const sortedKeys = (map: VersionedMap<string, unknown>): ReadonlyArray<string> => [...map.keys()].sort()
/** The number of the syncs that are topology's; those of others count from 1. */
const confirmation = 0
const uplinkHandle = (key: string): string => `uplink/${key}`
type Tagged<Tag extends Action["_tag"]> = Extract<Action, { readonly _tag: Tag }>
/** Opens a scope; one that is open already stays as it is. */
export const openScope = ({ federation, self, tree }: Config, scope: string, asks = true): Tagged<"OpenScope"> =>
  ({ _tag: "OpenScope", scope, config: { self, leaf: self.leaf, asks, limits: federation, ...tree } })
const topology = (scope: string, event: Topology.Event): Action => ({ _tag: "TellTopology", scope, event })
const farewell = (link: LinkId, reason: string): Action => ({ _tag: "TellSession", link, event: { _tag: "Bye", reason } })
const log = (level: LogLevel, message: string, fields: LogFields): Action => ({ _tag: "Log", level, message, fields })

/** Asserts a fact under a handle everywhere that our facts are held, or retracts it. */
const say = (state: State, handle: string, fact: Value | undefined): Step<State, Action> => sayAll(state, [[handle, fact]])

const sayAll = (state: State, changes: ReadonlyArray<readonly [string, Value | undefined]>): Step<State, Action> => {
  const actions: Array<Process.Action> = []
  let facts = state.facts
  for (const [handle, fact] of changes) {
    if (fact === undefined && !facts.has(handle)) continue
    facts = fact === undefined ? facts.delete(handle) : facts.set(handle, fact)
    actions.push(fact === undefined ? Process.retract(handle) : Process.assert(handle, fact))
  }
  if (actions.length === 0) return still(state)
  const scopes: ReadonlyArray<string | null> = [null, ...sortedKeys(state.statusScopes)]
  return [{ ...state, facts }, scopes.map((scope): Action => ({ _tag: "Publish", scope, actions }))]
}

/** Why a peer's turn was refused, for the log. */
export const faultFields = (link: LinkId, { code, index, message }: Federation.Fault): LogFields =>
  index === undefined ? { link, code, message } : { link, code, index, message }

/** The links that have joined a scope, in their order. */
export const linksOf = ({ links }: State, scope: string): ReadonlyArray<LinkId> =>
  [...links].filter(([, session]) => session.scope === scope && session.phase === "joined").map(([link]) => link).sort()
