/**
 * One federated scope of a node: its dataspace, and the machines that join it to the same scope
 * elsewhere. The table below is the picture:
 *
 *     peers' sessions <-> Topology: which links are edges of the tree; it alone says what is up or down
 *                             v
 *     peers' sessions <-- Federation <-> Local <-> Dataspace <-> processes
 */
import * as Dataspace from "../dataspace/Dataspace.ts"
import type * as Process from "../dataspace/Process.ts"
import * as Federation from "../federation/Federation.ts"
import type { Item, LinkId } from "../federation/Item.ts"
import { assert } from "../machine/assert.ts"
import type * as Machine from "../machine/Machine.ts"
import * as Wiring from "../machine/Wiring.ts"
import * as Topology from "../topology/Topology.ts"
import type { Value } from "../value/Value.ts"
import * as LocalLink from "./LocalLink.ts"

/** What `initial` of a scope is given; `Operator.openScope` makes it. */
export interface Config {
  readonly self: Topology.Config["self"]
  readonly leaf: boolean
  /** Whether what is observed here is asked for on the links. */
  readonly asks: boolean
  /** What is kept for one link; those left out are as in `Federation.defaultConfig`. */
  readonly limits: Federation.Config
  /** As `Topology.Config` has them; so `graceMs`. */
  readonly priority?: number
  readonly graceMs?: number
}

/** The local link, as the federation knows it; no peer's link is called so. */
export const local: LinkId = "local"
/** The local link, as the dataspace knows it. */
export const localPid = "$federation"

/** What leaves a scope: orders for one link's session, and news of local external processes. */
export type Action =
  | Exclude<Topology.Action, { _tag: "Forget" | "Trust" | "Turn" | "TellNext" }>
  /** For the peer of a link that is an edge. */
  | { readonly _tag: "Turn"; readonly link: LinkId; readonly items: ReadonlyArray<Item> }
  /** The peer of the link broke a rule of federation, and the link has left the scope. */
  | { readonly _tag: "Fault"; readonly link: LinkId; readonly error: Federation.Fault }
  | { readonly _tag: "Deliver"; readonly pid: string; readonly events: ReadonlyArray<Process.Event> }
  | { readonly _tag: "Exited"; readonly pid: string; readonly name: string; readonly reason: Value }
  | { readonly _tag: "Continue" }

/** The machine of a scope whose dataspace can run these behaviours. */
export const of = (behaviours: Process.Behaviours) => {
  const wired = Wiring.wire<Members, Action>({ Topology, Federation, Local: LocalLink, Dataspace: Dataspace.of(behaviours) }, {
    Topology: {
      Offer: out,
      Accept: out,
      Refuse: out,
      Tell: out,
      // a turn that an edge's coming makes must not stand behind the word that it has gone
      TellNext: (action) => [inside("Topology", { ...action, _tag: "TellDue" })],
      Joined: out,
      Parted: out,
      Confirm: out,
      Assure: out,
      SetGrace: out,
      CancelGrace: out,
      EdgeUp: (action) => [toShell(action), toFederation({ _tag: "LinkUp", link: action.edge })],
      EdgeDown: (action) => [toFederation({ _tag: "LinkDown", link: action.edge, linger: action.linger }), toShell(action)],
      Forget: ({ edge }) => [toFederation({ _tag: "LinkDown", link: edge })],
      Trust: ({ edge }) => [toFederation({ _tag: "Trust", link: edge })],
      Turn: ({ edge, items }) => [toFederation({ _tag: "Turn", link: edge, items })]
    },
    Federation: {
      Turn: ({ items, link }) => link === local ? [inside("Local", { _tag: "Turn", items })] : [toShell({ _tag: "Turn", link: Topology.linkOf(link), items })],
      Fault: ({ error, link: edge }) => {
        assert(edge !== local, `the local link keeps the rules: ${error.message}`)
        const link = Topology.linkOf(edge)
        return [toShell({ _tag: "Fault", link, error }), inside("Topology", { _tag: "LinkLost", link, farewell: true })]
      }
    },
    Local: {
      Join: () => [toFederation({ _tag: "LinkUp", link: local, own: true })],
      Part: () => [toFederation({ _tag: "LinkDown", link: local })],
      Enter: ({ actions }) => [inside("Dataspace", { _tag: "Enter", pid: localPid, name: "federation", foreign: true, actions })],
      Perform: ({ actions }) => [inside("Dataspace", { _tag: "Perform", pid: localPid, actions })],
      Supply: (action) => [inside("Dataspace", action)],
      Turn: ({ items }) => [toFederation({ _tag: "Turn", link: local, items })]
    },
    Dataspace: {
      Deliver: (action) => action.pid === localPid ? [inside("Local", { _tag: "Delivered", events: action.events })] : [toShell(action)],
      Exited: (action) => {
        assert(action.pid !== localPid, "the local link lives as long as its scope")
        return [toShell(action)]
      },
      Continue: out
    }
  })
  const initial = ({ asks, graceMs = Topology.defaultGraceMs, leaf, limits, priority = Topology.defaultPriority, self }: Config): Machine.Step<State, Action> => {
    // processes of one scope have numbers of their own wherever they run: those of a node's life begin with its name
    const within = `${self.node}@${self.incarnation}`
    return wired.initial({ Topology: { self, leaf, priority, graceMs }, Federation: { ...limits, origin: originOf(within) }, Local: { asks }, Dataspace: { within } })
  }
  const transition = (state: State, event: Event): Machine.Step<State, Action> => {
    if (state.Local.hasJoined || event._tag !== "Dataspace" || event.event._tag !== "Enter") return wired.transition(state, event)
    const [joined, first] = wired.transition(state, { _tag: "Local", event: { _tag: "Needed" } })
    const [next, then] = wired.transition(joined, event)
    return [next, [...first, ...then]]
  }
  return { initial, transition }
}

type Members = {
  readonly Topology: typeof Topology
  readonly Federation: typeof Federation
  readonly Local: typeof LocalLink
  readonly Dataspace: ReturnType<typeof Dataspace.of>
}
/** The states of a scope's four members, by name. */
export type State = Wiring.States<Members>
/** An event for one of the four members: `{ _tag: "Dataspace", event }`. */
export type Event = Wiring.Addressed<Members>
type Route = Wiring.Route<Members, Action>

const toShell = (action: Action): Route => ({ to: "shell", action })
const out = (action: Action): ReadonlyArray<Route> => [toShell(action)]
// a member's name with what that member is told: one of the union, which no type says of each
const inside = <N extends keyof Members>(_tag: N, event: Machine.Event<Members[N]>): Route => ({ to: "inside", event: { _tag, event } as Event })
const toFederation = (event: Federation.Event): Route => inside("Federation", event)

/** Names a life of a node in a number: FNV-1a, twice, of which 53 bits stay. Two of 10,000 nodes share one in 1 of 10^8 networks. */
const originOf = (name: string): number => {
  let low = 0x811c9dc5
  let high = 0x01000193
  for (let i = 0; i < name.length; i++) {
    low = Math.imul(low ^ name.charCodeAt(i), 0x01000193)
    high = Math.imul(high ^ name.charCodeAt(i) ^ i, 0x85ebca6b)
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0) + 1
}

/** Whether nothing holds the scope open: no link, and no process but the local link's. */
export const isEmpty = (state: State): boolean => Topology.isAlone(state.Topology) && Dataspace.population(state.Dataspace) <= 1

/** How much the scope holds, for people. */
export const counts = ({ Dataspace: dataspace, Topology: topology }: State) => ({
  links: Topology.degree(topology),
  edges: Topology.edges(topology).length,
  processes: Dataspace.population(dataspace) - 1,
  ...Dataspace.counts(dataspace)
})
