/** The Preserves project's own cases, text to binary and back, with and without annotations. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { Annotated, Binary, Canonical, Order, Text, Value } from "../../src/index.ts"

const file = (name: string) => readFileSync(new URL(`vectors/${name}`, import.meta.url))
const good = (value: Value.Value | Binary.DecodeError): Value.Value => value instanceof Binary.DecodeError ? assert.fail(`${value.message} at ${value.offset}`) : value
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const document = Annotated.strip(good(Text.readAnnotated(file("samples-0.996-derived.pr").toString("utf8")))) as Value.Record
const annotated = good(Text.readAnnotated(file("samples-0.996-derived.pr").toString("utf8")))
/** The dictionary of cases, with the annotations of the values in them kept. */
const casesOf = (value: Value.Value): ReadonlyArray<readonly [Value.Value, Value.Value]> => {
  const bare = Annotated.isAnnotated(value) ? value.value : value
  return ((bare as Value.Record).fields[0] as Value.Dictionary).entries
}
const bareOf = (value: Value.Value): Value.Value => Annotated.isAnnotated(value) ? value.value : value

describe("Preserves vectors", () => {
  const cases = casesOf(annotated).map(([name, test]) => ({ name: Text.print(Annotated.strip(name)), test: bareOf(test) as Value.Record }))
  const of = (...labels: ReadonlyArray<string>) => cases.filter(({ test }) => labels.includes(Symbol.keyFor(test.label as symbol)!))
  const bytesOf = (test: Value.Record) => Annotated.strip(test.fields[0]!) as Uint8Array
  const textOf = (test: Value.Record) => Annotated.strip(test.fields[0]!) as string

  it("has as many cases as the file", () => {
    assert.deepStrictEqual(
      { all: cases.length, tests: of("Test").length, loose: of("NondeterministicTest").length, parse: of("ParseError").length, short: of("ParseShort").length, decode: of("DecodeError").length },
      { all: 189, tests: 130, loose: 6, parse: 37, short: 7, decode: 6 }
    )
    assert.isTrue(Value.isRecord(document, "TestCases", 1))
  })

  for (const { name, test } of of("Test", "NondeterministicTest")) {
    it(name, () => {
      const bytes = bytesOf(test)
      const value = test.fields[1]!
      const stripped = Annotated.strip(value)

      assert.isTrue(Order.equals(good(Binary.decode(Canonical.encode(stripped))), stripped), "1: the canonical form decodes to the value")
      assert.isTrue(Order.equals(good(Binary.decode(bytes)), stripped), "2: the given bytes decode to it")
      assert.strictEqual(hex(Annotated.encodeAnnotated(good(Binary.decodeAnnotated(bytes)))), hex(Annotated.encodeAnnotated(value)), "3, 4: annotations are kept")
      assert.isTrue(Order.equals(good(Text.read(Text.print(stripped))), stripped), "5: text, without annotations")
      assert.strictEqual(hex(Annotated.encodeAnnotated(good(Text.readAnnotated(Text.print(value))))), hex(Annotated.encodeAnnotated(value)), "6: and with them")
      if (test.label === Symbol.for("Test")) assert.strictEqual(hex(Annotated.encodeAnnotated(value)), hex(bytes), "7, 8: the bytes are these")
    })
  }
  for (const { name, test } of of("ParseError")) {
    it(name, () => {
      const error = Text.readAll(textOf(test)) as Binary.DecodeError
      assert.instanceOf(error, Binary.DecodeError, textOf(test))
    })
  }
  for (const { name, test } of of("ParseShort", "ParseEOF")) {
    it(name, () => {
      const error = Text.read(textOf(test)) as Binary.DecodeError
      assert.deepStrictEqual([error instanceof Binary.DecodeError, error.kind], [true, "Short"])
    })
  }
  for (const { name, test } of of("DecodeError", "DecodeShort", "DecodeEOF")) {
    it(name, () => {
      const error = Binary.decode(bytesOf(test)) as Binary.DecodeError
      const short = test.label !== Symbol.for("DecodeError")
      assert.deepStrictEqual([error instanceof Binary.DecodeError, error.kind === "Short"], [true, short])
      assert.instanceOf(Binary.scan(bytesOf(test), 0, bytesOf(test).length), Binary.DecodeError)
    })
  }
  it("encodes the whole file as the project did, byte for byte", () => {
    const bytes = file("samples.bin")

    const value = good(Binary.decodeAnnotated(bytes))

    assert.strictEqual(hex(Annotated.encodeAnnotated(value)), hex(bytes))
  })
})
