/** Both ends of what is told on a link, as plainly as can be: who says only what the rules allow, and who checks that it does. */
import { assert } from "@effect/vitest"
import * as fc from "fast-check"
import type { Item } from "../../src/federation/Item.ts"
import { encodedOf } from "../../src/value/encoded.ts"
import { decode } from "../../src/codec/Binary.ts"
import { Pattern } from "../../src/index.ts"

/** What there is to say, before it is known what it means then. */
export type Choice =
  /** The fact comes when it is not there, and goes when it is. */
  | { readonly do: "fact"; readonly endpoint: number; readonly fact: number }
  | { readonly do: "message"; readonly endpoint: number; readonly size: number }
  | { readonly do: "stamp" }
  | { readonly do: "interest" }
  | { readonly do: "end"; readonly endpoint: number }

const endpoint = fc.integer({ min: 1, max: 3 })
export const choice: fc.Arbitrary<Choice> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("fact" as const), endpoint, fact: fc.nat(4) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("message" as const), endpoint, size: fc.nat(40) }) },
  { weight: 3, arbitrary: fc.constant({ do: "stamp" as const }) },
  fc.constant({ do: "interest" as const }),
  fc.record({ do: fc.constant("end" as const), endpoint })
)

/** Says what is chosen, and knows what holds. */
export class Teller {
  readonly facts = new Set<string>()
  readonly messages: Array<string> = []
  readonly interests: Array<string> = []
  private readonly ended = new Set<number>()
  private stamps = 0
  private said = 0
  private lastEndpoint = 0

  say(one: Choice): ReadonlyArray<Item> {
    this.said++
    switch (one.do) {
      case "stamp": return [{ _tag: "Stamp", origin: 1 + (this.stamps % 2), n: ++this.stamps }]
      case "interest": return [this.interest()]
      case "end":
        if (this.ended.has(one.endpoint)) return []
        this.ended.add(one.endpoint)
        for (const fact of [...this.facts]) if (fact.startsWith(`${one.endpoint} `)) this.facts.delete(fact)
        return [{ _tag: "End", endpoint: one.endpoint }]
      case "message":
        if (this.ended.has(one.endpoint)) return []
        this.messages.push(`${this.stamps} ${one.endpoint} ${this.said}`)
        return [{ _tag: "Msg", endpoint: one.endpoint, captures: encodedOf([this.said, "x".repeat(one.size)]) }]
      case "fact": {
        if (this.ended.has(one.endpoint)) return []
        const fact = `${one.endpoint} ${one.fact}`
        const isThere = this.facts.delete(fact)
        if (!isThere) this.facts.add(fact)
        return [{ _tag: isThere ? "Del" : "Add", endpoint: one.endpoint, captures: encodedOf([one.fact]) }]
      }
    }
  }
  private interest(): Item {
    const [_tag, n] = this.said % 2 === 0 ? (["Assert", ++this.lastEndpoint] as const) : (["Clear", this.lastEndpoint + 1] as const)
    this.interests.push(`${_tag} ${n}`)
    return _tag === "Assert" ? { _tag, endpoint: n, pattern: Pattern.bind() } : { _tag, endpoint: n }
  }
}

/** Hears it, and objects to what breaks the rules. */
export class Listener {
  readonly facts = new Set<string>()
  readonly messages: Array<string> = []
  readonly interests: Array<string> = []
  private readonly ended = new Set<number>()
  private stamps = 0

  hear(items: ReadonlyArray<Item>): void {
    for (const item of items) {
      if ("captures" in item) assert.isFalse(this.ended.has(item.endpoint), "nothing follows an end")
      switch (item._tag) {
        case "Stamp":
          assert.isAbove(item.n, this.stamps, "stamps grow")
          this.stamps = item.n
          break
        case "Msg":
          this.messages.push(`${this.stamps} ${item.endpoint} ${first(item)}`)
          break
        case "Add":
          assert.isFalse(this.facts.has(`${item.endpoint} ${first(item)}`), "no fact is added twice")
          this.facts.add(`${item.endpoint} ${first(item)}`)
          break
        case "Del":
          assert.isTrue(this.facts.delete(`${item.endpoint} ${first(item)}`), "what goes was there")
          break
        case "End":
          this.ended.add(item.endpoint)
          for (const fact of [...this.facts]) if (fact.startsWith(`${item.endpoint} `)) this.facts.delete(fact)
          break
        case "Assert":
        case "Clear": this.interests.push(`${item._tag} ${item.endpoint}`)
      }
    }
  }
}
const first = (item: Item & { readonly _tag: "Msg" | "Add" | "Del" }): number => (decode(item.captures) as ReadonlyArray<number>)[0]!

/** Whether all of `some` are in `all`, in the same order. */
export const isSubsequence = (some: ReadonlyArray<string>, all: ReadonlyArray<string>): boolean => {
  let at = 0
  for (const one of all) if (one === some[at]) at++
  return at === some.length
}
