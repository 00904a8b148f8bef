/** Lines on standard output: for people as Preserves text, for machines as JSON. */
import { Text, Value } from "@colloquy/core"
import { Effect } from "effect"

/** Writes one line at once. A reader that is gone ends the command quietly (`colloquy watch … | head -1`). */
export const line = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(`${text}\n`))

/**
 * A value as JSON. What JSON has not becomes an object with one key that starts with `$`:
 * symbols, bytes (hexadecimal), records, sets, dictionaries with keys that are no strings, integers
 * beyond 2^53 (decimal) and doubles that are no finite numbers (text).
 */
export const jsonOf = (value: Value.Value): unknown => {
  switch (Value.kindOf(value)) {
    case "SignedInteger": return Number.isSafeInteger(Number(value)) ? Number(value) : { $integer: String(value) }
    case "Double": {
      const n = typeof value === "number" ? value : (value as Value.Double).value
      return Number.isFinite(n) ? n : { $double: Text.print(value) }
    }
    case "Symbol": return { $symbol: Symbol.keyFor(value as symbol) }
    case "ByteString": return { $bytes: Buffer.from(value as Uint8Array).toString("hex") }
    case "Record": return { $record: jsonOf((value as Value.Record).label), fields: (value as Value.Record).fields.map(jsonOf) }
    case "Sequence": return (value as ReadonlyArray<Value.Value>).map(jsonOf)
    case "Set": return { $set: (value as Value.Set).items.map(jsonOf) }
    case "Dictionary": {
      const { entries } = value as Value.Dictionary
      return entries.every(([k]) => typeof k === "string" && !k.startsWith("$"))
        ? Object.fromEntries(entries.map(([k, v]) => [k, jsonOf(v)]))
        : { $dictionary: entries.map(([k, v]) => [jsonOf(k), jsonOf(v)]) }
    }
    case "Embedded": return { $embedded: jsonOf((value as Value.Embedded).value) }
    default: return value
  }
}
