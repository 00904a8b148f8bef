import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { execFileSync } from "node:child_process"
import { symbolOf } from "../../src/codec/symbols.ts"
import { latin1 } from "../../src/value/latin1.ts"
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
      assert.deepStrictEqual(utf8.text(all, 1, all.length - 1), slowly(all, 1, all.length - 1))
    }), { numRuns: 2_000 })
  })
  it("keeps the byte order mark in long text as in short", () => {
    for (const length of [0, 10, 31, 32, 33, 200]) {
      const text = `\uFEFF${"a".repeat(length)}`

      assert.strictEqual(Binary.decode(Canonical.encode(text)), text)
    }
  })
  it("may hold the character that stands for what is malformed", () => {
    for (const text of ["\uFFFD", `${"a".repeat(40)}\uFFFD`]) assert.strictEqual(Binary.decode(Canonical.encode(text)), text)
  })
  it("names the place where long text is wrong", () => {
    const all = Canonical.encode("a".repeat(100))
    all[80] = 0xff

    const refused = Binary.decode(all)

    assert.deepInclude(refused, { _tag: "DecodeError", kind: "Malformed", offset: 80 })
  })
})

describe("bytes out of text", () => {
  const texts = fc.array(fc.oneof(
    { weight: 6, arbitrary: fc.string({ maxLength: 30 }) },
    fc.constantFrom("ä", "€", "🍎", "\uFEFF", "\uFFFD"),
    { weight: 1, arbitrary: fc.constantFrom("\uD800", "\uDC00") }
  ), { maxLength: 8 }).map((parts) => parts.join(""))

  it("are what a loop over it gives, and none for a lone surrogate", () => {
    fc.assert(fc.property(texts, (text) => {
      const [fast, slow] = [new Uint8Array(3 * text.length + 8), new Uint8Array(3 * text.length + 8)]

      const written = utf8.put(text, fast, 5)

      assert.strictEqual(written, utf8.byteLength(text))
      if (written >= 0) {
        utf8.write(text, slow, 5)
        assert.deepStrictEqual(fast, slow)
      }
    }), { numRuns: 2_000 })
  })
  it("have their length before them, whatever the text was thought to need", () => {
    for (const letter of ["a", "ä", "€", "🍎"]) {
      for (const count of [0, 1, 11, 12, 13, 31, 32, 42, 43, 63, 64, 127, 128, 4_095, 4_096, 4_097, 5_461, 8_191, 8_192, 16_384]) {
        const text = letter.repeat(count)
        const size = utf8.byteLength(text)

        const encoded = Canonical.encode([text, 7])

        const length = size < 0x80 ? [size] : size < 0x4000 ? [size & 0x7f | 0x80, size >> 7] : [size & 0x7f | 0x80, size >> 7 & 0x7f | 0x80, size >> 14]
        assert.deepStrictEqual([...encoded.subarray(0, 2 + length.length)], [0xb5, 0xb1, ...length])
        assert.strictEqual(encoded.length, 2 + length.length + size + 4)
        assert.deepStrictEqual(Binary.decode(encoded), [text, 7])
      }
    }
  })
})

describe("bytes as keys", () => {
  it("have a character for each of them", () => {
    const all = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 37) & 0xff)
    for (const size of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 40, 256, 257, 5_000]) {
      assert.deepStrictEqual([...latin1(all, 3, 3 + size)].map((c) => c.charCodeAt(0)), [...all.subarray(3, 3 + size)])
    }
  })
})

describe("a runtime without Buffer", () => {
  it("writes the same bytes, and reads and refuses the same", () => {
    const program = `
      if (process.argv[1] === "without") delete globalThis.Buffer
      const { Binary, Canonical } = await import(${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)})
      const texts = ["", "abc", "a".repeat(12), "a".repeat(13), "ä".repeat(70), "\uFEFF" + "b".repeat(50), "🍎".repeat(30), "x".repeat(10_000)]
      const all = texts.map((text) => Canonical.encode([text, Symbol.for(text)]))
      const hex = (bytes) => bytes.reduce((text, b) => text + b.toString(16).padStart(2, "0"), "")
      const shown = (value) => JSON.stringify(value, (_, v) => typeof v === "symbol" ? String(v) : v)
      const read = all.map((bytes) => shown(Binary.decode(bytes)))
      const broken = all.map((bytes) => shown(Binary.decode(bytes.with(bytes.length >> 1, 0xff))))
      const surrogates = ["\uD800", "a".repeat(40) + "\uDC00"].map((text) => { try { return hex(Canonical.encode(text)) } catch (error) { return error.message } })
      const keys = all.map((bytes) => Canonical.key(bytes))
      console.log(typeof Buffer + "\\n" + JSON.stringify([all.map(hex), read, broken, surrogates, keys]))`
    const [withBuffer, without] = ["with", "without"].map((which) =>
      execFileSync(process.execPath, ["--input-type=module", "-e", program, which], { encoding: "utf8" }).split("\n"))

    assert.deepStrictEqual([withBuffer![0], without![0]], ["function", "undefined"])
    assert.isAbove(without![1]!.length, 10_000)
    assert.strictEqual(without![1], withBuffer![1])
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
  it("are not what was remembered when somebody writes over the bytes, of a Buffer too", () => {
    for (const of of [Uint8Array, Buffer]) {
      const all: Uint8Array = of.from(Array.from("item-a-x", (c) => c.charCodeAt(0)))
      symbolOf(all, 0, 8)
      all[2] = 0x58

      const found = [symbolOf(all, 0, 8), symbolOf(Uint8Array.from("item-a-x", (c) => c.charCodeAt(0)), 0, 8)]

      assert.deepStrictEqual(found, [Symbol.for("itXm-a-x"), Symbol.for("item-a-x")])
    }
  })
})

describe("integers", () => {
  it("have as many bytes as they need, in two's complement, and come back", () => {
    const integers = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -300, max: 300 }), fc.integer({ min: 1, max: 52 }).chain((bits) =>
      fc.constantFrom(2 ** bits, 2 ** bits - 1, -(2 ** bits), -(2 ** bits) - 1)))
    fc.assert(fc.property(integers, (n) => {
      const [tag, size, ...rest] = Canonical.encode(n)

      const unsigned = BigInt(`0x0${rest.map((b) => b.toString(16).padStart(2, "0")).join("")}`)
      assert.strictEqual(tag, 0xb0)
      assert.strictEqual(size, rest.length)
      assert.strictEqual(BigInt.asIntN(8 * rest.length, unsigned), BigInt(n))
      assert.isTrue(rest.length === 0 ? n === 0 : BigInt.asIntN(8 * rest.length - 8, BigInt(n)) !== BigInt(n))
      assert.deepStrictEqual(Canonical.encode(BigInt(n)), Canonical.encode(n))
      assert.strictEqual(Binary.decode(Canonical.encode(n)), n === 0 ? 0 : n)
    }), { numRuns: 2_000 })
  })

  it("are exact around the ends of what a number holds", () => {
    for (const big of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 54n - 1n, 2n ** 55n - 1n, 2n ** 48n, 2n ** 47n]) {
      for (const n of [big, -big, -big - 1n]) {
        const read = Binary.decode(Canonical.encode(n))

        assert.strictEqual(read, Number.isSafeInteger(Number(n)) ? Number(n) : n)
      }
    }
  })
})
