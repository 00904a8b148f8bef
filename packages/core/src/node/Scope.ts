/**
 * One federated scope of a node: its dataspace, and the machines that join it to the same scope
 * elsewhere. The table below is the picture:
 *
 *     peers' sessions <-> Topology: which links form the tree; LinkUp and LinkDown come from it alone
 *                             v
 *     peers' sessions <-> Federation <-> Local <-> Dataspace <-> processes
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

export interface Config {
  readonly self: Topology.Config["self"]
  readonly leaf: boolean
  /** Whether what is observed here is asked for on the links. */
  readonly asks: boolean
  readonly limits: Federation.Config
  /** Nodes that the scope may reach. */
  readonly reachMax?: number
}

/** The local link, as the federation knows it; no peer's link is called so. */
export const local: LinkId = "local"
/** The local link, as the dataspace knows it. */
export const localPid = "$federation"

/** What leaves a scope: orders for one link's session, and news of local external processes. */
export type Action =
  | Exclude<Topology.Action, { _tag: "LinkUp" | "LinkDown" }>
  | { readonly _tag: "Joined"; readonly link: LinkId; readonly peer: Topology.Peer }
  | { readonly _tag: "Parted"; readonly link: LinkId }
  | { readonly _tag: "Turn"; readonly link: LinkId; readonly items: ReadonlyArray<Item> }
  | { readonly _tag: "Fault"; readonly link: LinkId; readonly error: Federation.Fault }
  | { readonly _tag: "Deliver"; readonly pid: string; readonly events: ReadonlyArray<Process.Event> }
  | { readonly _tag: "Exited"; readonly pid: string; readonly name: string; readonly reason: Value }
  | { readonly _tag: "Continue" }

export const of = (behaviours: Process.Behaviours) => {
  const wired = Wiring.wire<Members, Action>({ Topology, Federation, Local: LocalLink, Dataspace: Dataspace.of(behaviours) }, {
    Topology: {
      Offer: out,
      Accept: out,
      Refuse: out,
      Announce: out,
      // the peer must read that it is joined before the turn that joining it makes
      LinkUp: ({ link, peer }) => [toShell({ _tag: "Joined", link, peer }), toFederation({ _tag: "LinkUp", link })],
      LinkDown: ({ link }) => [toFederation({ _tag: "LinkDown", link }), toShell({ _tag: "Parted", link })]
    },
    Federation: {
      Turn: ({ items, link }) => link === local ? [inside("Local", { _tag: "Turn", items })] : [toShell({ _tag: "Turn", link, items })],
      Fault: (action) => {
        assert(action.link !== local, `the local link keeps the rules: ${action.error.message}`)
        return [toShell(action), inside("Topology", { _tag: "LinkLost", link: action.link })]
      }
    },
    Local: {
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
  const initial = ({ asks, leaf, limits, reachMax = Topology.defaultReachMax, self }: Config): Machine.Step<State, Action> => {
    // processes of one scope have numbers of their own wherever they run: those of a node's life begin with its name
    const within = `${self.node}@${self.incarnation}`
    const [state, actions] = wired.initial({ Topology: { self, leaf, reachMax }, Federation: limits, Local: { asks }, Dataspace: { within } })
    const [joined, more] = wired.transition(state, { _tag: "Federation", event: { _tag: "LinkUp", link: local, own: true } })
    return [joined, [...actions, ...more]]
  }
  return { initial, transition: wired.transition }
}

type Members = {
  readonly Topology: typeof Topology
  readonly Federation: typeof Federation
  readonly Local: typeof LocalLink
  readonly Dataspace: ReturnType<typeof Dataspace.of>
}
export type State = Wiring.States<Members>
export type Event = Wiring.Addressed<Members>
type Route = Wiring.Route<Members, Action>

const toShell = (action: Action): Route => ({ to: "shell", action })
const out = (action: Action): ReadonlyArray<Route> => [toShell(action)]
const inside = <N extends keyof Members>(_tag: N, event: Machine.Event<Members[N]>): Route => ({ to: "inside", event: { _tag, event } as Event })
const toFederation = (event: Federation.Event): Route => inside("Federation", event)

/** Whether nothing holds the scope open: no link, and no process but the local link's. */
export const isEmpty = (state: State): boolean => Topology.isAlone(state.Topology) && Dataspace.population(state.Dataspace) <= 1

/** How much the scope holds, for people. */
export const counts = ({ Dataspace: dataspace, Topology: topology }: State) => ({
  links: Topology.degree(topology),
  processes: Dataspace.population(dataspace) - 1,
  ...Dataspace.counts(dataspace)
})
