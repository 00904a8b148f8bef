/** Supply: which links must have been told of which captures. */
import type * as KeySet from "../data/KeySet.ts"
import { VersionedMap } from "../data/VersionedMap.ts"
import * as Holders from "./Holders.ts"
import type { LinkId } from "./Item.ts"
import { counts, echoOf, isCalm, isEcho } from "./Lingering.ts"
import type { Bonds, Echo } from "./State.ts"

/** Whether a link must have been told of captures: it holds the subscription, and another link supplies them. */
export const told = (state: Bonds, key: string, captures: string, link: LinkId): boolean => {
  const subscription = state.subscriptions.get(key)
  const suppliers = subscription?.matches.get(captures)
  return suppliers !== undefined && Holders.endpointOf(subscription!.holders, link) !== undefined && isSuppliedToOther(state, key, captures, suppliers, link)
}

export const isSuppliedToOther = (state: Bonds, key: string, captures: string, suppliers: KeySet.KeySet, link: LinkId): boolean => {
  if (!isCalm(state)) return isSupplied(state, suppliers, link, echoOf(state, key, captures))
  const sole = soleOf(suppliers)
  return sole === undefined || sole !== link
}

/** The same where a supplier may linger, or be an echo. */
export const isSupplied = (state: Bonds, suppliers: KeySet.KeySet, link: LinkId, echo: Echo | undefined): boolean => {
  for (const supplier of suppliers instanceof VersionedMap ? suppliers.keys() : suppliers) {
    if (supplier !== link && counts(state, supplier, link) && !isEcho(state, supplier, echo)) return true
  }
  return false
}

/** The only one of a set, which is never empty; `undefined` when there are more. */
export const soleOf = (links: KeySet.KeySet): LinkId | undefined => {
  if (!(links instanceof VersionedMap)) return links.length === 1 ? links[0] : undefined
  if (links.size > 1) return undefined
  for (const link of links.keys()) return link
  return undefined
}
