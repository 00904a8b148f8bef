/** Any value, for properties. */
import * as fc from "fast-check"
import { Canonical, Order, Value } from "../../src/index.ts"

const text = fc.string({ unit: "grapheme", maxLength: 12 })
const atom: fc.Arbitrary<Value.Value> = fc.oneof(
  fc.boolean(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt(),
  fc.double().map((n) => (Number.isInteger(n) || !Number.isFinite(n) ? new Value.Double(n) : n)),
  text,
  fc.uint8Array({ maxLength: 12 }),
  text.map(Value.symbol)
)
/** Integers in the one form that readers give. */
const normal = (value: Value.Value): Value.Value => typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value

export const value: fc.Arbitrary<Value.Value> = fc.letrec<{ value: Value.Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    atom.map(normal),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.tuple(tie("value"), fc.array(tie("value"), { maxLength: 4 })).map(([label, fields]) => new Value.Record(label, fields)),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => new Value.Set(Order.distinct(items))),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((entries) =>
      new Value.Dictionary([...new Map(entries.map((entry) => [Canonical.key(entry[0]), entry] as const)).values()])),
    tie("value").map((inner) => new Value.Embedded(inner))
  )
})).value
