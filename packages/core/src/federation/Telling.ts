/** Tells holders of facts, and counts of how many each has been told. */
import type { Encoded } from "../value/Value.ts"
import { alter, type Draft, to } from "./Draft.ts"
import type { Endpoint, Item, LinkId } from "./Item.ts"
import { excess, laden, type Load } from "./Limits.ts"
import { isLingering } from "./Lingering.ts"

export type Fact = Extract<Item, { readonly _tag: "Add" | "Del" }>
export const isFact = (item: Item): item is Fact => item._tag === "Add" || item._tag === "Del"

/** A holder that is told several facts: its count is put back once. */
export interface Hearer {
  readonly link: LinkId
  readonly endpoint: Endpoint
  readonly own: boolean
  told: Load
  items: Array<Item> | undefined
}
export const hearer = ({ links }: Draft, link: LinkId, endpoint: Endpoint): Hearer => {
  const { own, told } = links.get(link)!
  return { link, endpoint, own, told, items: undefined }
}

export const hear = (draft: Draft, one: Hearer, _tag: Fact["_tag"], captures: Encoded): void => {
  if (!one.own) {
    one.told = laden(one.told, _tag === "Add" ? 1 : -1, captures.end - captures.start)
    const tooMuch = _tag === "Add" ? excess(draft.config, one.told, "for") : undefined
    if (tooMuch !== undefined) draft.over.set(one.link, tooMuch)
  }
  one.items ??= to(draft, one.link).items
  one.items.push({ _tag, endpoint: one.endpoint, captures })
}

export const settle = (draft: Draft, { link, told }: Hearer): void => {
  if (draft.links.get(link)!.told !== told) alter(draft, link, { told })
}

/** Tells one holder one fact, unless it lingers. */
export const inform = (draft: Draft, holder: LinkId, _tag: Fact["_tag"], endpoint: Endpoint, captures: Encoded): void => {
  if (isLingering(draft, holder)) return
  const one = hearer(draft, holder, endpoint)
  hear(draft, one, _tag, captures)
  settle(draft, one)
}
