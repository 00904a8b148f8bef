/**
 * What a federated scope knows of its links, and of who asks what. Plain data.
 *
 * Whom we ask is no data, but follows from who asks us: `asked` in Interest.ts. Nor does it take a name for each
 * link: an endpoint of ours stands for one subscription wherever that was asked for when it began, so that what 100,000 ask
 * for on one link costs nothing on the hundred others.
 */
import type * as KeySet from "../data/KeySet.ts"
import type { VersionedMap } from "../data/VersionedMap.ts"
import type * as Pattern from "../value/Pattern.ts"
import type * as Holders from "./Holders.ts"
import type { Endpoint, LinkId, Stamp } from "./Item.ts"
import type { Config, Load } from "./Limits.ts"
import type * as Stamps from "./Stamps.ts"

/** Everything that a scope knows. */
export interface State {
  readonly config: Required<Config>
  readonly links: VersionedMap<LinkId, Link>
  /** By the pattern's key. A subscription lives as long as somebody holds it. */
  readonly subscriptions: VersionedMap<string, Subscription>
  /** The keys of the subscriptions that our endpoints stand for. */
  readonly names: VersionedMap<Endpoint, string>
  /** Our next endpoint, on whatever link: on each they increase. */
  readonly next: Endpoint
  /** The links that linger, and when they were lost. */
  readonly lingering: VersionedMap<LinkId, number>
  /** What links that were lost were told of and has gone since, by pattern and captures. */
  readonly echoes: VersionedMap<string, Echo>
  /** Counts what happens to links, so that these can be told by age. */
  readonly age: number
  readonly stamps: Stamps.State
}

export interface Link {
  /** When it came. */
  readonly age: number
  /** What its peer says of the messages that come next. */
  readonly stamp: Stamp | undefined
  /** Our own dataspace's. */
  readonly own: boolean
  /** Their endpoints, and the subscription that each holds. */
  readonly holds: VersionedMap<Endpoint, string>
  /** Bytes of their patterns. */
  readonly askBytes: number
  /** The greatest endpoint they ever used. */
  readonly last: Endpoint
  /** Our endpoints here that are not the subscription's own, since it was asked for later or again; by subscription. */
  readonly renamed: VersionedMap<string, Endpoint>
  /** Our endpoints between their `Clear` and their `End`. */
  readonly closing: VersionedMap<Endpoint, true>
  /** Keys of the captures that it supplies, by subscription; only where there are some. */
  readonly supplies: VersionedMap<string, VersionedMap<string, true>>
  /** The captures that it supplies, and those that it was told of (not counted for our own). */
  readonly supplied: Load
  readonly told: Load
}

export interface Subscription {
  readonly key: string
  readonly pattern: Pattern.Pattern
  readonly arity: number
  /** Our name for it where it was asked for when it began, or when the link came. */
  readonly endpoint: Endpoint
  readonly holders: Holders.Holders
  /**
   * By the captures' key, which has their bytes in it, who supplies them. Which links, not how many: who asks hears of
   * what others supply, and of nothing else.
   */
  readonly matches: VersionedMap<string, KeySet.KeySet>
}

export interface Echo {
  readonly key: string
  readonly captures: string
  /** The links behind which it may still be believed, and when the first of them was lost. */
  readonly behind: ReadonlyArray<LinkId>
  readonly lost: number
}

/** What the two predicates ask for. */
export type Bonds = Pick<State, "links" | "subscriptions" | "lingering" | "echoes">
