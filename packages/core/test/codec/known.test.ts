import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { symbolOf, textOf } from "../../src/codec/known.ts"
import * as utf8 from "../../src/value/utf8.ts"
import { Binary, Canonical } from "../../src/index.ts"

/** Bytes that are mostly text: ASCII, well-formed sequences, halves of them, a byte order mark, and noise. */
const bytes = fc.array(fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 0x7f }).map((b) => [b]) },
  fc.constantFrom([0xc3, 0xa4], [0xef, 0xbb, 0xbf], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x8d, 0x8e], [0xf4, 0x90, 0x80, 0x80], [0xc0, 0x80], [0xe2, 0x82]),
  { weight: 1, arbitrary: fc.integer({ min: 0x80, max: 0xff }).map((b) => [b]) }
), { maxLength: 60 }).map((parts) => Uint8Array.from([1, ...parts.flat(), 0xff]))

const slowly = (all: Uint8Array, start: number, end: number): string | number => {
  const wrong = utf8.malformedAt(all, start, end)
  return wrong < 0 ? utf8.read(all, start, end) : wrong
}

describe("text out of bytes", () => {
  it("is what a loop over them gives, whatever the bytes and however many", () => {
    fc.assert(fc.property(bytes, (all) => {
      assert.deepStrictEqual(textOf(all, 1, all.length - 1), slowly(all, 1, all.length - 1))
    }), { numRuns: 2_000 })
  })
  it("keeps the byte order mark in long text as in short", () => {
    for (const length of [0, 10, 31, 32, 33, 200]) {
      const text = `\uFEFF${"a".repeat(length)}`

      assert.strictEqual(Binary.decode(Canonical.encode(text)), text)
    }
  })
  it("names the place where long text is wrong", () => {
    const all = Canonical.encode("a".repeat(100))
    all[80] = 0xff

    const refused = Binary.decode(all)

    assert.deepInclude(refused, { _tag: "DecodeError", kind: "Malformed", offset: 80 })
  })
})

describe("symbols out of bytes", () => {
  it("are those of their text, known or not", () => {
    fc.assert(fc.property(fc.array(bytes, { minLength: 1, maxLength: 8 }), (several) => {
      for (const all of [...several, ...several]) {
        const text = slowly(all, 1, all.length - 1)
        assert.strictEqual(symbolOf(all, 1, all.length - 1), typeof text === "string" ? Symbol.for(text) : text)
      }
    }))
  })
  it("are not what was remembered when somebody writes over the bytes", () => {
    const all = Uint8Array.from([0x61, 0x62, 0x63])
    symbolOf(all, 0, 3)
    all[0] = 0x7a

    const found = [symbolOf(all, 0, 3), symbolOf(Uint8Array.from([0x61, 0x62, 0x63]), 0, 3)]

    assert.deepStrictEqual(found, [Symbol.for("zbc"), Symbol.for("abc")])
  })
})

describe("integers out of bytes", () => {
  it("are exact around the ends of what a number holds", () => {
    for (const big of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 54n - 1n, 2n ** 55n - 1n, 2n ** 48n, 2n ** 47n]) {
      for (const n of [big, -big, -big - 1n]) {
        const read = Binary.decode(Canonical.encode(n))

        assert.strictEqual(read, Number.isSafeInteger(Number(n)) ? Number(n) : n)
      }
    }
  })
})
