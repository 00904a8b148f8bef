/** What one link says of one subscription's facts. */
import * as KeySet from "../data/KeySet.ts"
import type { VersionedMap } from "../data/VersionedMap.ts"
import { ofKey } from "../value/encoded.ts"
import type { Encoded } from "../value/Value.ts"
import type { Draft } from "./Draft.ts"
import { tellWhileUncalm } from "./Echoes.ts"
import * as Holders from "./Holders.ts"
import type { LinkId } from "./Item.ts"
import { isCalm } from "./Lingering.ts"
import type { Subscription } from "./State.ts"
import { soleOf } from "./Suppliers.ts"
import { type Fact, hear, type Hearer, hearer, inform, settle } from "./Telling.ts"

/**
 * What a link says of one subscription's facts, one after the other: what they share is looked up and put
 * back once, which is most of what a fact costs. Nobody may ask the draft for it before `end`.
 */
export class Run {
  readonly subscription: Subscription
  readonly #draft: Draft
  readonly #link: LinkId
  readonly #key: string
  /** The link alone, which is all who supplies most facts. */
  readonly #alone: KeySet.KeySet
  #matches: VersionedMap<string, KeySet.KeySet>
  /** The holders but the link itself, once one fact concerns all of them. */
  #hearers: ReadonlyArray<Hearer> | undefined

  constructor(draft: Draft, link: LinkId, key: string) {
    this.#draft = draft
    this.#link = link
    this.#key = key
    this.#alone = KeySet.add(KeySet.empty, link)
    this.subscription = draft.subscriptions.get(key)!
    this.#matches = this.subscription.matches
  }
  /** The link supplies captures, as perhaps others do. Says whether it did not before. */
  add(captures: string, encoded: Encoded): boolean {
    const others = this.#matches.get(captures)
    if (others !== undefined && KeySet.has(others, this.#link)) return false
    this.#matches = this.#matches.set(captures, others === undefined ? this.#alone : KeySet.add(others, this.#link))
    this.#tell(captures, others ?? KeySet.empty, "Add", encoded)
    return true
  }
  /** It does no longer: they are gone there, or nobody asks or answers. Says whether it did before. */
  remove(captures: string, why: "gone" | "not known", encoded?: Encoded): boolean {
    const all = this.#matches.get(captures)
    if (all === undefined || !KeySet.has(all, this.#link)) return false
    const others = KeySet.remove(all, this.#link)
    this.#matches = KeySet.isEmpty(others) ? this.#matches.delete(captures) : this.#matches.set(captures, others)
    this.#tell(captures, others, "Del", encoded, why)
    return true
  }
  end(): void {
    const draft = this.#draft
    if (this.#matches !== this.subscription.matches) draft.subscriptions = draft.subscriptions.set(this.#key, { ...this.subscription, matches: this.#matches })
    this.#settle()
  }
  #settle(): void {
    for (const one of this.#hearers ?? []) settle(this.#draft, one)
    this.#hearers = undefined
  }

  /**
   * The link comes beside, or leaves, the suppliers `others`. The first supply is news to all holders but
   * the supplier; a second one only to the first supplier, who did not hear of its own.
   */
  #tell(captures: string, others: KeySet.KeySet, _tag: Fact["_tag"], known: Encoded | undefined, why?: "gone" | "not known"): void {
    if (!isCalm(this.#draft)) return tellWhileUncalm(this.#draft, this.#key, captures, others, this.#link, _tag, known ?? ofKey(captures), why)
    if (KeySet.isEmpty(others)) {
      const hearers = this.#hearers ??= this.#hearersNow()
      if (hearers.length === 0) return
      const encoded = known ?? ofKey(captures)
      for (const hearer of hearers) hear(this.#draft, hearer, _tag, encoded)
      return
    }
    const sole = soleOf(others)
    if (sole === undefined) return
    const endpoint = Holders.endpointOf(this.subscription.holders, sole)
    if (endpoint === undefined) return
    this.#settle() // so that one of many holders is told at the cost of one
    inform(this.#draft, sole, _tag, endpoint, known ?? ofKey(captures))
  }
  #hearersNow(): ReadonlyArray<Hearer> {
    const hearers: Array<Hearer> = []
    Holders.forEach(this.subscription.holders, (link, endpoint) => {
      if (link === this.#link) return
      hearers.push(hearer(this.#draft, link, endpoint))
    })
    return hearers
  }
}

/** A link supplies nothing more of a subscription here: it is gone, or nobody asks or answers. */
export const withdraw = (draft: Draft, link: LinkId, key: string, supplies: VersionedMap<string, true>, why: "gone" | "not known"): void => {
  const run = new Run(draft, link, key)
  for (const captures of [...supplies.keys()].sort()) run.remove(captures, why)
  run.end()
}
