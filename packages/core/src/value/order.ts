/** Preserves' equality and total order (0.996, "Total order"): over contents, kind by kind. */
import { doubleBits, key } from "./canonical.ts"
import { type Dictionary, type Double, type Embedded, InvalidValue, type Kind, kindOf, kinds, type Record, type Set, type Value } from "./Value.ts"

const rank = new Map<Kind, number>(kinds.map((kind, i) => [kind, i]))

/** Equality over contents: `equals(-0.0, 0.0)` is false, a NaN equals itself when its bits agree. */
export const equals = (a: Value, b: Value): boolean => a === b || compare(a, b) === 0

/**
 * Negative, zero or positive: where `a` stands in the total order relative to `b`. Throws `InvalidValue`.
 *
 * compare(2, "two") < 0   // => true
 */
export const compare = (a: Value, b: Value): number => {
  const kind = kindOf(a)
  const other = kindOf(b)
  if (kind === undefined || other === undefined) throw new InvalidValue("not a Preserves value")
  if (kind !== other) return rank.get(kind)! - rank.get(other)!
  switch (kind) {
    case "Boolean": return Number(a) - Number(b)
    case "Double": return sign(total(a as number | Double) - total(b as number | Double))
    case "SignedInteger": return (a as number | bigint) < (b as number | bigint) ? -1 : (a as number | bigint) > (b as number | bigint) ? 1 : 0
    case "String": return compareText(a as string, b as string)
    case "Symbol": return compareText(Symbol.keyFor(a as symbol)!, Symbol.keyFor(b as symbol)!)
    case "ByteString": return compareBytes(a as Uint8Array, b as Uint8Array)
    case "Record": return compare((a as Record).label, (b as Record).label) || compareAll((a as Record).fields, (b as Record).fields)
    case "Sequence": return compareAll(a as ReadonlyArray<Value>, b as ReadonlyArray<Value>)
    case "Set": return compareAll(sorted((a as Set).items), sorted((b as Set).items))
    case "Dictionary": return compareAll(sortedEntries(a as Dictionary).flat(), sortedEntries(b as Dictionary).flat())
    case "Embedded": return compare((a as Embedded).value, (b as Embedded).value)
  }
}

const sign = (n: bigint): number => n < 0n ? -1 : n > 0n ? 1 : 0

/** IEEE 754 totalOrder as a signed integer: negative numbers have their magnitude bits turned over. */
const total = (d: number | Double): bigint => {
  const bits = BigInt.asIntN(64, doubleBits(d))
  return bits < 0n ? bits ^ 0x7fff_ffff_ffff_ffffn : bits
}

/** By code point. JavaScript's own `<` goes by UTF-16 unit and puts U+1F600 before U+FFFD. */
const compareText = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    const astralX = x >= 0xd800 && x <= 0xdfff
    const astralY = y >= 0xd800 && y <= 0xdfff
    return astralX === astralY ? x - y : astralX ? 1 : -1
  }
  return a.length - b.length
}

const compareBytes = (a: Uint8Array, b: Uint8Array): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

const compareAll = (a: ReadonlyArray<Value>, b: ReadonlyArray<Value>): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const order = compare(a[i]!, b[i]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** The items in the total order (a new array). */
export const sorted = (items: ReadonlyArray<Value>): ReadonlyArray<Value> => [...items].sort(compare)

/** The entries in the total order of their keys (a new array). */
export const sortedEntries = <A>({ entries }: { readonly entries: ReadonlyArray<readonly [Value, A]> }): ReadonlyArray<readonly [Value, A]> =>
  [...entries].sort((a, b) => compare(a[0], b[0]))

/** The items without repetitions, first occurrence kept. */
export const distinct = (items: Iterable<Value>): ReadonlyArray<Value> => {
  const seen = new globalThis.Map<string, Value>()
  for (const item of items) {
    const k = key(item)
    if (!seen.has(k)) seen.set(k, item)
  }
  return [...seen.values()]
}
