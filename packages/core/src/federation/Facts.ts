/** What a link says of the facts that it was asked for. */
import { VersionedMap } from "../data/VersionedMap.ts"
import { elements, keyOf } from "../value/encoded.ts"
import type { Draft } from "./Draft.ts"
import { type Wrong, wrong } from "./Fault.ts"
import { meaning, unasked, wrongArity } from "./Interest.ts"
import type { Item, LinkId } from "./Item.ts"
import { excess, laden } from "./Limits.ts"
import { Run } from "./Run.ts"
import { type Fact, isFact } from "./Telling.ts"

/** Facts of one endpoint, one after the other, up to what is none; and where that is, or behind the one that is wrong. */
export const onFacts = (draft: Draft, link: LinkId, items: ReadonlyArray<Item>, from: number): readonly [next: number, Wrong] => {
  const { endpoint } = items[from] as Fact
  const asked = meaning(draft, link, endpoint)
  if (asked === undefined) return [from + 1, unasked(endpoint)]
  if (asked === "closing") return [from + 1, undefined] // said before they heard our Clear
  const supplier = draft.links.get(link)!
  const run = new Run(draft, link, asked.key)
  let supplies = supplier.supplies.get(asked.key) ?? VersionedMap.empty<string, true>()
  let load = supplier.supplied
  let next = from
  while (next < items.length && draft.over.size === 0) {
    const item = items[next]!
    if (!isFact(item) || item.endpoint !== endpoint) break
    next++
    if (elements(item.captures) !== run.subscription.arity) return [next, wrongArity(endpoint, run.subscription)]
    const key = keyOf(item.captures)
    if (item._tag === "Add") {
      if (!run.add(key, item.captures)) return [next, wrong("DuplicateCaptures", `endpoint ${endpoint} is told twice of the same captures`)]
      load = laden(load, 1, key.length)
      const tooMuch = supplier.own ? undefined : excess(draft.config, load, "from")
      if (tooMuch !== undefined) return [next, tooMuch]
      supplies = supplies.set(key, true)
    } else {
      if (!run.remove(key, "gone", item.captures)) return [next, wrong("AbsentCaptures", `endpoint ${endpoint} is told of the end of captures that it was not told of`)]
      load = laden(load, -1, key.length)
      supplies = supplies.delete(key)
    }
  }
  run.end()
  // it may have been told something meanwhile
  const now = draft.links.get(link)!
  draft.links = draft.links.set(link, { ...now, supplied: load, supplies: supplies.size === 0 ? now.supplies.delete(asked.key) : now.supplies.set(asked.key, supplies) })
  return [next, undefined]
}
