/**
 * Who holds a subscription, and under which of its own endpoints. Most have one or two holders and
 * some have thousands, so: a list up to eight, a `VersionedMap` beyond.
 *
 * Promises: no question and no change costs more for many holders than for eight.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import type { Endpoint, LinkId } from "./Item.ts"

export type Holders = ReadonlyArray<Holder> | VersionedMap<LinkId, Endpoint>
interface Holder {
  readonly link: LinkId
  readonly endpoint: Endpoint
}

const smallMax = 8 // as in KeySet

export const none: Holders = []

export const size = (holders: Holders): number => holders instanceof VersionedMap ? holders.size : holders.length

export const endpointOf = (holders: Holders, link: LinkId): Endpoint | undefined =>
  holders instanceof VersionedMap ? holders.get(link) : holders.find((holder) => holder.link === link)?.endpoint

/** The holders with one more, which must not be among them. */
export const add = (holders: Holders, link: LinkId, endpoint: Endpoint): Holders => {
  if (holders instanceof VersionedMap) return holders.set(link, endpoint)
  if (holders.length < smallMax) return [...holders, { link, endpoint }]
  let map = VersionedMap.empty<LinkId, Endpoint>()
  for (const holder of holders) map = map.set(holder.link, holder.endpoint)
  return map.set(link, endpoint)
}

export const remove = (holders: Holders, link: LinkId): Holders =>
  holders instanceof VersionedMap ? holders.delete(link) : holders.filter((holder) => holder.link !== link)

/** One of them, when there is any: the only one, where there is one. */
export const first = (holders: Holders): LinkId | undefined => {
  if (!(holders instanceof VersionedMap)) return holders[0]?.link
  for (const link of holders.keys()) return link
  return undefined
}

/** Visits all, in no order that means anything; they must not change meanwhile. */
export const forEach = (holders: Holders, visit: (link: LinkId, endpoint: Endpoint) => void): void => {
  if (holders instanceof VersionedMap) for (const [link, endpoint] of holders) visit(link, endpoint)
  else for (const { endpoint, link } of holders) visit(link, endpoint)
}
