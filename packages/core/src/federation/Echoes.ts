/**
 * Facts while links linger. What a link that was lost was told of, and has gone since, is still believed behind it:
 * when a link that came later tells of that, it is an echo, and not heard until that link is trusted again.
 */
import * as KeySet from "../data/KeySet.ts"
import { ofKey } from "../value/encoded.ts"
import type { Encoded } from "../value/Value.ts"
import type { Draft } from "./Draft.ts"
import * as Holders from "./Holders.ts"
import type { LinkId } from "./Item.ts"
import { echoId, echoOf } from "./Lingering.ts"
import type { Echo } from "./State.ts"
import { isSupplied } from "./Suppliers.ts"
import { type Fact, inform } from "./Telling.ts"

/** A link comes beside, or leaves, the suppliers `others`. */
export const tellWhileUncalm = (
  draft: Draft, key: string, captures: string, others: KeySet.KeySet, link: LinkId, _tag: Fact["_tag"], encoded: Encoded, why: "gone" | "not known" | undefined
): void => {
  const all = KeySet.add(others, link)
  const echo = echoAfter(draft, key, captures, all, others, _tag === "Add" && draft.links.get(link)!.own ? "ours" : why)
  return _tag === "Add" ? tellAnew(draft, key, captures, others, all, encoded, echo) : tellAnew(draft, key, captures, all, others, encoded, echo)
}

/** Our own word of it is none of an echo; and what goes while somebody who was told of it is out of reach may become one. */
const echoAfter = (draft: Draft, key: string, captures: string, all: KeySet.KeySet, others: KeySet.KeySet, why: "ours" | "gone" | "not known" | undefined): Echo | undefined => {
  const known = echoOf(draft, key, captures)
  if (why === "ours") return undefined
  if (why !== "gone" || !KeySet.isEmpty(others)) return known
  const { holders } = draft.subscriptions.get(key)!
  let echo = known
  for (const [link, lost] of draft.lingering) {
    const isMissed = Holders.endpointOf(holders, link) !== undefined && isSupplied(draft, all, link, known)
    if (isMissed && echo?.behind.includes(link) !== true) echo = { key, captures, behind: [...echo?.behind ?? [], link], lost: Math.min(echo?.lost ?? lost, lost) }
  }
  return echo
}

/** The same where links linger, holder by holder: from what is supplied by `before` to what is by `after`. */
const tellAnew = (draft: Draft, key: string, captures: string, before: KeySet.KeySet, after: KeySet.KeySet, encoded: Encoded, echo: Echo | undefined): void => {
  const { holders } = draft.subscriptions.get(key)!
  const old = echoOf(draft, key, captures)
  if (echo !== old) draft.echoes = echo === undefined ? draft.echoes.delete(echoId(key, captures)) : draft.echoes.set(echoId(key, captures), echo)
  Holders.forEach(holders, (holder, endpoint) => {
    const was = isSupplied(draft, before, holder, old)
    const is = isSupplied(draft, after, holder, echo)
    if (was !== is) inform(draft, holder, is ? "Add" : "Del", endpoint, encoded)
  })
}

/** Nobody behind a link believes any more what it was told. */
export const trust = (draft: Draft, link: LinkId): void => {
  const heard = [...draft.echoes].filter(([, { behind }]) => behind.includes(link)).sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [id, echo] of heard) {
    const behind = echo.behind.filter((other) => other !== link)
    draft.echoes = behind.length > 0 ? draft.echoes.set(id, { ...echo, behind }) : draft.echoes.delete(id)
    if (behind.length > 0) continue
    const subscription = draft.subscriptions.get(echo.key)
    const suppliers = subscription?.matches.get(echo.captures)
    if (subscription === undefined || suppliers === undefined) continue
    Holders.forEach(subscription.holders, (holder, endpoint) => {
      if (!isSupplied(draft, suppliers, holder, echo) && isSupplied(draft, suppliers, holder, undefined)) inform(draft, holder, "Add", endpoint, ofKey(echo.captures))
    })
  }
}
