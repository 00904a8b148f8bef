/**
 * Questions about links that were lost and linger. What such a link asked for and supplied counts for
 * those that were there when it was lost, and for no other.
 */
import * as Holders from "./Holders.ts"
import type { LinkId } from "./Item.ts"
import type { Bonds, Echo, State } from "./State.ts"

export type Lost = Pick<State, "lingering">

/** Whether no link lingers and nothing may be an echo: all but always. */
export const isCalm = ({ echoes, lingering }: Pick<State, "echoes" | "lingering">): boolean => lingering.size === 0 && echoes.size === 0

export const isLingering = ({ lingering }: Lost, link: LinkId): boolean => lingering.size > 0 && lingering.has(link)

export const hasLingering = ({ lingering }: Lost, holders: Holders.Holders): boolean => {
  if (lingering.size === 0) return false
  for (const link of lingering.keys()) if (Holders.endpointOf(holders, link) !== undefined) return true
  return false
}

/** Whether what one link asks for or supplies concerns another: it does not linger, or the other was there when it was lost. */
export const counts = ({ lingering, links }: Pick<State, "lingering" | "links">, link: LinkId, other: LinkId): boolean => {
  const lost = lingering.get(link)
  return lost === undefined || (links.get(other)?.age ?? 0) < lost
}

export const echoId = (key: string, captures: string): string => `${key.length} ${key}${captures}`
export const echoOf = ({ echoes }: Pick<State, "echoes">, key: string, captures: string): Echo | undefined =>
  echoes.size === 0 ? undefined : echoes.get(echoId(key, captures))

/** Whether what a supplier says is what somebody behind it may still believe of a link that was lost. */
export const isEcho = ({ links }: Bonds, supplier: LinkId, echo: Echo | undefined): boolean => {
  if (echo === undefined) return false
  const link = links.get(supplier)
  return link !== undefined && !link.own && link.age > echo.lost
}
