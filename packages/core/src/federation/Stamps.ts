/**
 * Which turns with messages came here before. On a tree each comes once; while the tree changes, one that
 * is under way may meet the new tree and come again.
 *
 * Promises: of what one node says, nothing is let through twice, and nothing older behind something
 * newer; what is kept is bounded: the origins that were not heard of for long are forgotten.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import type { LinkId, Stamp } from "./Item.ts"

export interface State {
  /** How many turns with messages began here. */
  readonly sent: number
  /** By origin; those heard of lately, and those not since they were lately. */
  readonly seen: VersionedMap<number, Seen>
  readonly before: VersionedMap<number, Seen>
}
interface Seen {
  readonly n: number
  /** The link that brought it. A turn that was too large for its sender's peer comes as several, under one stamp. */
  readonly link: LinkId
}

export const initial: State = { sent: 0, seen: VersionedMap.empty(), before: VersionedMap.empty() }

const lately = 32_768 // origins: half of what a scope of 65,536 nodes needs

/**
 * Under which stamp messages go on that come from a link under `stamp`; `null` when they came before.
 * What has none begins here, at `origin`.
 */
export const pass = (state: State, origin: number, stamp: Stamp | undefined, link: LinkId): readonly [State, Stamp | null] => {
  if (stamp === undefined) {
    const n = state.sent + 1
    return [{ ...state, sent: n }, { _tag: "Stamp", origin, n }]
  }
  const known = state.seen.get(stamp.origin) ?? state.before.get(stamp.origin)
  const isNew = stamp.origin !== origin && (known === undefined || stamp.n > known.n)
  if (!isNew) return [state, stamp.origin !== origin && stamp.n === known!.n && link === known!.link ? stamp : null]
  const seen = { n: stamp.n, link }
  const isFull = state.seen.size >= lately
  return [{ ...state, seen: (isFull ? VersionedMap.empty<number, Seen>() : state.seen).set(stamp.origin, seen), before: isFull ? state.seen : state.before }, stamp]
}
