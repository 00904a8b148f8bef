/** A step in the making: the state so far, and the actions. Handlers change it in place; `finish` makes the step of it. */
import type { VersionedMap } from "../data/VersionedMap.ts"
import type { LinkId } from "../federation/Item.ts"
import type { Step } from "../machine/Machine.ts"
import type { Action } from "./Action.ts"
import type { Link, Neighbour, Peer, State } from "./State.ts"
import type { Tree } from "./Tree.ts"

export type Draft = { -readonly [K in keyof State]: State[K] } & { readonly out: Array<Action> }

export const begin = (state: State): Draft => ({ ...state, out: [] })
export const finish = ({ out, ...next }: Draft): Step<State, Action> => [next, out]

export const set = (draft: Draft, link: LinkId, change: Partial<Neighbour>): void => {
  draft.neighbours = draft.neighbours.set(link, { ...draft.neighbours.get(link)!, ...change })
}
export const tell = (draft: Draft, link: LinkId, tree: Tree): void => void draft.out.push({ _tag: "TellNext", link, tree })
export const linkTo = ({ byNode, links }: Draft, { node }: Peer): Link | undefined => {
  const link = byNode.get(node)
  return link === undefined ? undefined : links.get(link)
}
export const sorted = <A>(map: VersionedMap<string, A>): ReadonlyArray<readonly [string, A]> => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
