/** Values to bytes and text and back, whatever they are; and bytes from strangers. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Binary, Canonical, Encoded, Framing, Order, Pattern, PatternText, Rng, Text, Value } from "../../src/index.ts"
import * as Arbitrary from "./arbitrary.ts"

const same = (a: unknown, b: Value.Value): boolean => !(a instanceof Binary.DecodeError) && Order.equals(a as Value.Value, b)

describe("codecs", () => {
  it("decode what they encode, and scan it", () => {
    fc.assert(fc.property(Arbitrary.value, (value) => {
      const bytes = Canonical.encode(value)
      return same(Binary.decode(bytes), value) && Binary.scan(bytes, 0, bytes.length) === bytes.length && Encoded.skip(bytes, 0) === bytes.length
    }), { numRuns: 2000 })
  })
  it("read what they print", () => {
    fc.assert(fc.property(Arbitrary.value, (value) => same(Text.read(Text.print(value)), value)), { numRuns: 2000 })
  })
  it("agree on equality, order and key", () => {
    fc.assert(fc.property(Arbitrary.value, Arbitrary.value, Arbitrary.value, (a, b, c) => {
      const ab = Order.compare(a, b)
      assert.strictEqual(Math.sign(ab), -Math.sign(Order.compare(b, a)))
      assert.strictEqual(ab === 0, Canonical.key(a) === Canonical.key(b))
      assert.strictEqual(Order.equals(a, a), true)
      if (ab <= 0 && Order.compare(b, c) <= 0) assert.isAtMost(Order.compare(a, c), 0)
    }), { numRuns: 2000 })
  })
  it("order as the specification says where bytes would not", () => {
    const ordered: ReadonlyArray<Value.Value> = [false, true, new Value.Double(-0), new Value.Double(0), 0.5, -1, 1, 256, "aa", "b", "\uFFFD", "\u{1F600}", Uint8Array.of(1), Value.symbol("a"), Value.record("a"), [], [1], new Value.Set([2, 1]), new Value.Dictionary([]), new Value.Embedded(1)]
    assert.deepStrictEqual(ordered.toReversed().sort(Order.compare), ordered)
  })
  it("refuse what is no value, with the way to it", () => {
    const cyclic: Array<Value.Value> = []
    cyclic.push(cyclic)
    assert.throws(() => Canonical.encode(cyclic), Value.InvalidValue, "nested")
    assert.throws(() => Canonical.encode(["a", Value.record("b", undefined as never)]), Value.InvalidValue, "at 1.0")
    assert.throws(() => Canonical.encode("\ud800"), Value.InvalidValue, "lone surrogate")
    assert.throws(() => Canonical.encode(new Value.Set([1, 1n])), Value.InvalidValue, "two equal set elements")
    assert.throws(() => Canonical.encode(Symbol("local")), Value.InvalidValue)
  })
  it("know encoded values without decoding them", () => {
    const encoded = Encoded.encodedOf([1, "two", [3], Value.record("four", 5)])
    assert.strictEqual(Encoded.elements(encoded), 4)
    assert.strictEqual(Encoded.elements(Encoded.encodedOf("x")), -1)
    assert.strictEqual(Encoded.keyOf(encoded), Canonical.key([1, "two", [3], Value.record("four", 5)]))
    assert.deepStrictEqual(Encoded.ofKey(Encoded.keyOf(encoded)).bytes, encoded.bytes)
  })
})

describe("decode", () => {
  it("refuses what is too deep to have a key, rather than throw, when it looks for repetitions", () => {
    const nested = (levels: number, inner: number): ReadonlyArray<number> => [...Array<number>(levels).fill(0xb5), inner, ...Array<number>(levels).fill(0x84)]
    const set = (levels: number) => Uint8Array.of(0xb6, ...nested(levels, 0x80), ...nested(levels, 0x81), 0x84)
    const dictionary = (levels: number) => Uint8Array.of(0xb7, ...nested(levels, 0x80), 0x80, ...nested(levels, 0x81), 0x80, 0x84)
    const limits = { depthMax: 1_000, bytesMax: 1_000 }

    for (const make of [set, dictionary]) {
      assert.notInstanceOf(Binary.decode(make(Canonical.depthMax), limits), Binary.DecodeError)
      assert.strictEqual((Binary.decode(make(Canonical.depthMax + 1), limits) as Binary.DecodeError).kind, "TooDeep")
      assert.strictEqual((Binary.decodeAnnotated(make(Canonical.depthMax + 1), limits) as Binary.DecodeError).kind, "TooDeep")
    }
  })
})

describe("scan", () => {
  it("bounds symbols when it is asked to, and nothing else of their size", () => {
    const found = [Value.symbol("abc"), "abcd", Value.record("abc", 1), Value.symbol("abcd"), [new Value.Set([Value.symbol("é12")])]].map((value) => {
      const bytes = Canonical.encode(value)
      const end = Binary.scan(bytes, 0, bytes.length, { ...Binary.defaultLimits, symbolBytesMax: 3 })
      return typeof end === "number" ? end === bytes.length : [end.kind, end.offset]
    })

    assert.deepStrictEqual(found, [true, true, true, ["TooLarge", 0], ["TooLarge", 2]])
  })

  const cases: ReadonlyArray<readonly [string, string, Binary.DecodeError["kind"]]> = [
    ["a long integer", "b0020001", "NotCanonical"],
    ["zero with a byte", "b00100", "NotCanonical"],
    ["a long length", "b18100", "NotCanonical"],
    ["a set out of order", "b6b00102b0010184", "NotCanonical"],
    ["a repeated element", "b6b00101b0010184", "Malformed"],
    ["keys out of order", "b7b0010280b001018084", "NotCanonical"],
    ["an annotation", "85b00101b00102", "NotCanonical"],
    ["overlong UTF-8", "b102c080", "Malformed"],
    ["a surrogate in UTF-8", "b103eda080", "Malformed"],
    ["an empty record", "b484", "Malformed"],
    ["a lone end", "84", "Malformed"],
    ["a length beyond the input", "b1ffffffff7f61", "Short"],
    ["nothing", "", "Short"]
  ]
  for (const [name, hex, kind] of cases) {
    it(`refuses ${name}`, () => {
      const bytes = Buffer.from(hex, "hex")
      assert.strictEqual((Binary.scan(bytes, 0, bytes.length) as Binary.DecodeError).kind, kind)
    })
  }
})

describe("patterns as text", () => {
  it("reads wildcards and names, in the order of the captures", () => {
    const read = PatternText.readPattern('<present "lobby" $who {b: $b a: $a} [_ 1]>') as PatternText.PatternText
    const { bind, dictionary, discard, literal, record, sequence } = Pattern
    assert.deepStrictEqual(read, {
      pattern: record("present", literal("lobby"), bind(), dictionary([[Value.symbol("a"), bind()], [Value.symbol("b"), bind()]]), sequence([discard, literal(1)])),
      names: ["who", "a", "b"]
    })
  })
  it("says where it goes wrong", () => {
    const error = PatternText.readPattern("<present $who") as Binary.DecodeError
    assert.deepStrictEqual([error.kind, error.offset], ["Short", 13])
    assert.instanceOf(PatternText.readPattern("#{$x}"), Binary.DecodeError)
    assert.instanceOf(PatternText.readPattern("[".repeat(100_000)), Binary.DecodeError)
  })
  it("means what it says when matched", () => {
    const { pattern } = PatternText.readPattern("<p $x _ {k: $}>") as PatternText.PatternText
    const of = (text: string) => Pattern.captures(pattern, Text.read(text) as Value.Value)
    assert.deepStrictEqual(of("<p 1 2 {k: 3 more: 4}>"), [1, 3])
    assert.isUndefined(of("<p 1 2>"))
    assert.isUndefined(of("<p 1 2 {}>"))
  })
  it("keeps the normal form through its value", () => {
    const all = Pattern.record("a", Pattern.literal(1))
    assert.deepStrictEqual(all, Pattern.literal(Value.record("a", 1)))
    assert.deepStrictEqual(Pattern.fromValue(Text.read("<rec a [<lit 1>]>") as Value.Value), all)
    assert.isUndefined(Pattern.fromValue(Text.read("<rec a 1>") as Value.Value))
  })
})

describe("hostile input", () => {
  it("is too deep rather than too short when no more of it could help", () => {
    for (const [bytes, depth] of [[[0x86], 0], [[0xb4], 0], [[0xb5, 0x86], 1]] as const) {
      const refused = Binary.decode(Uint8Array.from(bytes), { depthMax: depth, bytesMax: 100 })

      assert.deepInclude(refused, { _tag: "DecodeError", kind: "TooDeep", offset: bytes.length })
    }
  })
  const samples = fc.sample(Arbitrary.value, { numRuns: 400, seed: 7 })
  const bytesOf = samples.map((value) => Canonical.encode(value))
  const textOf = samples.map(Text.print)

  it("is answered with typed errors, 240,000 times", { timeout: 60_000 }, () => {
    const below = Rng.drawing(1)
    const seen = { decoded: 0, scanned: 0, read: 0, frames: 0 }
    for (let i = 0; i < 80_000; i++) {
      let bytes: Uint8Array = Uint8Array.from({ length: below(24) }, () => (below(3) === 0 ? 0x80 + below(64) : below(256)))
      if (i % 2 === 0) {
        bytes = bytesOf[below(bytesOf.length)]!.slice()
        for (let k = below(3); k >= 0 && bytes.length > 0; k--) bytes[below(bytes.length)] = below(256)
        if (below(4) === 0) bytes = bytes.subarray(0, below(bytes.length + 1))
      }
      const decoded = Binary.decode(bytes)
      const end = Binary.scan(bytes, 0, bytes.length)
      if (!(decoded instanceof Binary.DecodeError)) {
        seen.decoded++
        // what decodes is canonical, or scan says that it is not
        if (typeof end !== "number") assert.strictEqual(end.kind, "NotCanonical", Buffer.from(bytes).toString("hex"))
      }
      if (end === bytes.length) {
        seen.scanned++
        assert.deepStrictEqual(Canonical.encode(decoded as Value.Value), Uint8Array.from(bytes))
      }
      const split = Framing.split(Framing.initial, Uint8Array.of(0, below(20) === 0 ? 1 : 0, 0, below(24), ...bytes), 64)
      seen.frames += split.frames.length

      let text = textOf[below(textOf.length)]!
      for (let k = below(3); k >= 0; k--) {
        const at = below(text.length + 1)
        text = text.slice(0, at) + String.fromCharCode(below(2) === 0 ? 0x20 + below(96) : below(0x10000)) + text.slice(at + below(3))
      }
      if (!(Text.read(text) instanceof Binary.DecodeError)) seen.read++
    }
    for (const [what, count] of Object.entries(seen)) assert.isAbove(count, 100, `${what}: some inputs must be good, or nothing is tested`)
  })
  it("cannot exhaust the stack", () => {
    const deep = 100_000
    for (const tag of [0xb4, 0xb5, 0xb6, 0xb7, 0x85, 0x86]) {
      const bytes = new Uint8Array(deep).fill(tag)
      assert.oneOf((Binary.decode(bytes) as Binary.DecodeError).kind, ["TooDeep", "Short"])
      assert.instanceOf(Binary.scan(bytes, 0, deep), Binary.DecodeError)
    }
    for (const open of ["[", "<", "{", "#{", "#:", "@", "[@a ", "{a:"]) assert.instanceOf(Text.read(open.repeat(deep)), Binary.DecodeError, open)
  })
  it("cannot make us allocate on its word", () => {
    const promise = Buffer.from("b2ffffffffffff1f00", "hex")
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 1000; i++) assert.strictEqual((Binary.decode(promise) as Binary.DecodeError).kind, "Short")
    let state = Framing.initial
    for (let i = 0; i < 1000; i++) state = Framing.split(Framing.initial, Uint8Array.of(0x7f, 0xff, 0xff, 0xff), 0x7fffffff).state
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 1 << 20)
    assert.strictEqual(state.partial?.have, 4)
  })
  it("takes time in proportion to its size, however it is made", { timeout: 20_000 }, () => {
    const mega = 1 << 20
    const big = Canonical.encode((1n << BigInt(8 * (mega >> 3))) - 1n)
    assert.notInstanceOf(Binary.decode(big), Binary.DecodeError)
    assert.notInstanceOf(Text.read(`"${"\\n".repeat(mega)}"`), Binary.DecodeError)
    assert.notInstanceOf(Text.read(`[${" ,".repeat(mega)}]`), Binary.DecodeError)
    assert.notInstanceOf(Text.read(`${"# x\n".repeat(mega >> 2)}1`), Binary.DecodeError)
    assert.instanceOf(Binary.decode(Buffer.concat([Buffer.from([0xb6]), Buffer.alloc(mega, 0x80), Buffer.from([0x84])])), Binary.DecodeError)
  })
})

describe("framing", () => {
  it("gives the same frames however the stream is cut, and leaves old states alone", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 30 }), (frames, cuts) => {
      const stream = Buffer.concat(frames.flatMap((frame) => [Buffer.from([0, 0, 0, frame.length]), frame]))
      const got: Array<number[]> = []
      let state = Framing.initial
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = cuts[i % cuts.length]!
        const chunk = stream.subarray(at, at + size)
        Framing.split(state, Uint8Array.of(9, 9, 9, 9), 1000) // a step that is abandoned
        const split = Framing.split(state, chunk, 1000)
        got.push(...split.frames.map((frame) => [...frame]))
        state = split.state
        at += size
      }
      assert.deepStrictEqual(got, frames.map((frame) => [...frame]))
    }))
  })
  it("refuses a frame that is too long when its length is read", () => {
    const { error, frames } = Framing.split(Framing.initial, Uint8Array.of(0, 0, 0, 1, 7, 0, 0, 1, 0, 1), 255)
    assert.deepStrictEqual([frames.map((frame) => [...frame]), error?.kind], [[[7]], "TooLarge"])
  })
})
