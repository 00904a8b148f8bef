/** A step in the making: the state so far, and what goes out to whom. */
import type { VersionedMap } from "../data/VersionedMap.ts"
import type { Breach, Fault } from "./Fault.ts"
import type { Endpoint, Item, LinkId, Stamp } from "./Item.ts"
import type { Config } from "./Limits.ts"
import { isLingering } from "./Lingering.ts"
import type * as Stamps from "./Stamps.ts"
import type { Echo, Link, State, Subscription } from "./State.ts"

export interface Draft {
  readonly config: Required<Config>
  links: VersionedMap<LinkId, Link>
  subscriptions: VersionedMap<string, Subscription>
  names: VersionedMap<Endpoint, string>
  next: Endpoint
  lingering: VersionedMap<LinkId, number>
  echoes: VersionedMap<string, Echo>
  age: number
  stamps: Stamps.State
  /** Under which stamp the turn's messages go out: `undefined` before the first, `null` when they came before. */
  stamp: Stamp | null | undefined
  readonly out: Map<LinkId, Outgoing>
  /** The links for which too much is kept by now, and of what. */
  readonly over: Map<LinkId, Breach>
  /** The links that had to go for it. */
  readonly faults: Array<{ readonly _tag: "Fault"; readonly link: LinkId; readonly error: Fault }>
}
interface Outgoing {
  readonly items: Array<Item>
  /** That under which its last message is. */
  stamp: Stamp | undefined
}

export const begin = (state: State): Draft => ({
  config: state.config, links: state.links, subscriptions: state.subscriptions, names: state.names, next: state.next, lingering: state.lingering,
  echoes: state.echoes, age: state.age, stamps: state.stamps, stamp: undefined, out: new Map(), over: new Map(), faults: []
})

/** The state that has come of it: the same one when nothing has. */
export const stateOf = (before: State, { age, config, echoes, lingering, links, names, next, stamps, subscriptions }: Draft): State => {
  const isSame = links === before.links && subscriptions === before.subscriptions && stamps === before.stamps && lingering === before.lingering && echoes === before.echoes
  return isSame ? before : { config, links, subscriptions, names, next, lingering, echoes, age, stamps }
}

/** Adds to what a link is told; one that lingers is told nothing. */
export const say = (draft: Draft, link: LinkId, item: Item): void => {
  if (!isLingering(draft, link)) to(draft, link).items.push(item)
}

export const to = ({ out }: Draft, link: LinkId): Outgoing => {
  const known = out.get(link)
  if (known !== undefined) return known
  const outgoing: Outgoing = { items: [], stamp: undefined }
  out.set(link, outgoing)
  return outgoing
}

export const alter = (draft: Draft, link: LinkId, change: Partial<Link>): void => {
  draft.links = draft.links.set(link, { ...draft.links.get(link)!, ...change })
}
