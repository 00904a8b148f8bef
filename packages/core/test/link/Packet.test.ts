import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Item } from "../../src/federation/Item.ts"
import { decode } from "../../src/codec/Binary.ts"
import { depthMax, patternBytesMax, symbolBytesMax } from "../../src/link/Fit.ts"
import { encode, isName, nameBytesMax, type Packet, PacketError, parse, type ParseLimits, textBytesMax } from "../../src/link/Packet.ts"
import { encodeTurn } from "../../src/link/Turn.ts"
import { key } from "../../src/value/canonical.ts"
import { encodedOf } from "../../src/value/encoded.ts"
import * as Pattern from "../../src/value/Pattern.ts"
import { Dictionary, Encoded, record, symbol, type Value } from "../../src/value/Value.ts"
import { comparable, control, endpoint, packet, pattern, sequence, toItem, toPacket, turn } from "./arbitrary.ts"
import { Bad, normal, readFrames, readPacket, toHex, unhex, writePacket, writeValue } from "./reference-reader.ts"

const limits: ParseLimits = { depthMax: 128, bytesMax: 1 << 20, turnItemsMax: 100 }
const msg = (n: number, ...captures: ReadonlyArray<Value>): Item => ({ _tag: "Msg", endpoint: n, captures: encodedOf(captures) })

const T = "b4b30154"

describe("Packet beside the reference", () => {
  it("writes the same bytes", () => {
    fc.assert(fc.property(packet, (p) => assert.strictEqual(toHex(encode(toPacket(p), false)), writePacket(p))), { numRuns: 400 })
  })

  it("writes what the reference reads as the same packet", () => {
    fc.assert(fc.property(packet, (p) => assert.deepStrictEqual(readPacket(encode(toPacket(p), false)), p)), { numRuns: 400 })
  })

  it("reads what the reference writes", () => {
    fc.assert(fc.property(packet, (p) => assert.deepStrictEqual(comparable(parse(unhex(writePacket(p)), limits)), toPacket(p))), { numRuns: 400 })
  })

  it("brings patterns into the same normal form, whichever they were sent in", () => {
    fc.assert(fc.property(pattern, (p) => {
      const read = parse(unhex(`${T}b3013fb00101${writeValue(p)}84`), limits)

      assert.deepStrictEqual(read, toPacket({ label: "T", items: [{ op: "?", n: 1, v: normal(p)! }] }))
    }))
  })

  it("accepts of mutated packets exactly those that the reference accepts", () => {
    const mutation = fc.record({ at: fc.nat(), cut: fc.nat(2), put: fc.uint8Array({ maxLength: 2 }) })
    const verdicts = { accepted: 0, refused: 0 }
    fc.assert(fc.property(packet, fc.array(mutation, { minLength: 1, maxLength: 2 }), (p, mutations) => {
      let bytes = Buffer.from(writePacket(p), "hex")
      for (const { at, cut, put } of mutations) {
        const i = at % (bytes.length + 1)
        bytes = Buffer.concat([bytes.subarray(0, i), put, bytes.subarray(i + cut)])
      }

      const ours = parse(Uint8Array.from(bytes), limits)

      const isRefused = ours instanceof PacketError
      verdicts[isRefused ? "refused" : "accepted"]++
      if (isRefused) assert.throws(() => readPacket(Uint8Array.from(bytes)), Bad)
      else assert.deepStrictEqual(comparable(ours), comparable(toPacket(readPacket(Uint8Array.from(bytes)))))
    }), { numRuns: 2_000, seed: 1 })

    assert.isAbove(verdicts.accepted, 100)
    assert.isAbove(verdicts.refused, 1_000)
  })
})

describe("Packet", () => {
  it("returns whatever the bytes", () => {
    const tag = fc.constantFrom(0x80, 0x81, 0x84, 0x85, 0x86, 0x87, 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0, 1, 2, 0x54, 0x3f, 0xff)
    const soup = fc.array(fc.oneof({ weight: 4, arbitrary: tag }, fc.nat(255)), { maxLength: 60 })
    fc.assert(fc.property(fc.boolean(), soup, (isTurn, bytes) => {
      const read = parse(Uint8Array.from(isTurn ? [0xb4, 0xb3, 1, 0x54, ...bytes] : bytes), limits)

      assert.isString(read._tag)
    }), { numRuns: 3_000 })
  })

  it("puts the length before a framed packet", () => {
    fc.assert(fc.property(packet, (p) => {
      const framed = encode(toPacket(p), true)

      assert.deepStrictEqual(readFrames(framed).map(toHex), [writePacket(p)])
    }))
  })

  it("keeps captures where they came, and reads them at any offset", () => {
    const bytes = encode({ _tag: "Turn", items: [msg(7, "ann", 1)], more: false }, false)
    const chunk = new Uint8Array(bytes.length + 10)
    chunk.set(bytes, 5)

    const read = parse(chunk.subarray(5, 5 + bytes.length), limits)

    assert.deepStrictEqual(read, { _tag: "Turn", more: false, items: [{ _tag: "Msg", endpoint: 7, captures: new Encoded(bytes, 7, bytes.length - 1) }] })
    assert.strictEqual(read._tag === "Turn" && read.items[0]!._tag === "Msg" && read.items[0]!.captures.bytes.buffer, chunk.buffer)
  })

  it("adds at most eight bytes to the captures of a message", () => {
    const costs = (n: number, captures: Encoded): number => {
      const one: Item = { _tag: "Msg", endpoint: n, captures }
      const bytesOf = (items: ReadonlyArray<Item>) => encode({ _tag: "Turn", items, more: false }, true).length
      return bytesOf([one, one]) - bytesOf([one]) - (captures.end - captures.start)
    }
    const shown = [1, 127, 128, 32_767, 32_768, 2 ** 23, 2 ** 31, 2 ** 39, 2 ** 40].map((n) => costs(n, encodedOf(["x"])))

    assert.deepStrictEqual(shown, [3, 3, 4, 4, 5, 6, 7, 8, 8])
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 40 }), sequence, (n, v) => {
      assert.isAtMost(costs(n, new Encoded(unhex(writeValue(v)))), 8)
    }))
  })

  it("cuts what is for people to what fits, and says what UTF-8 cannot as U+FFFD", () => {
    const long = `${"x".repeat(textBytesMax - 3)}\u{1F600}`

    const read = [long, "a\ud800b"].map((reason) => parse(encode({ _tag: "Bye", reason }, false), limits))

    assert.deepStrictEqual(read, [{ _tag: "Bye", reason: "x".repeat(textBytesMax - 3) }, { _tag: "Bye", reason: "a\uFFFDb" }])
  })

  it("knows which strings are names", () => {
    const verdicts = ["", "lobby", "ü".repeat(127), "ü".repeat(128), "\udc00"].map(isName)

    assert.deepStrictEqual(verdicts, [true, true, true, false, false])
  })

  it("takes control packets of every kind within its limits", () => {
    fc.assert(fc.property(control, (p) => assert.notInstanceOf(parse(unhex(writePacket(p)), { ...limits, turnItemsMax: 0 }), PacketError)))
  })
})

/** Bytes, and what is wrong with them: code, offset, index of the item. */
const wrongs: ReadonlyArray<readonly [what: string, hex: string, code: string, offset: number, index?: number]> = [
  ["nothing", "", "Malformed", 0],
  ["a packet cut in its label", "b4b30154", "Malformed", 4],
  ["a turn without end", `${T}b00101b584`, "Malformed", 9, 1],
  ["a turn cut in its captures", `${T}b00101b5b00101`, "Malformed", 11, 0],
  ["bytes behind a turn", `${T}8480`, "Malformed", 5],
  ["an item cut after its operator", `${T}b3012b84`, "BadItem", 7, 0],
  ["an item cut after its endpoint", `${T}b3012bb0010184`, "BadItem", 10, 0],
  ["an interest without a pattern", `${T}b3013fb0010184`, "BadItem", 10, 0],
  ["a string as operator", `${T}b1012bb0010184`, "BadItem", 4, 0],
  ["an unknown operator, second", `${T}b00101b584b3012ab0010184`, "BadItem", 9, 1],
  ["an operator of two characters", `${T}b3022b2bb0010184`, "BadItem", 4, 0],
  ["captures that are a record", `${T}b00101b4808484`, "BadItem", 7, 0],
  ["endpoint 0", `${T}b000b58484`, "BadEndpoint", 4, 0],
  ["a negative endpoint", `${T}b3012eb001ff84`, "BadEndpoint", 7, 0],
  ["endpoint 2^53", `${T}b00720000000000000b58484`, "BadEndpoint", 4, 0],
  ["an endpoint of nine bytes", `${T}b009010000000000000000b58484`, "BadEndpoint", 4, 0],
  ["an endpoint that is too long", `${T}b0020001b58484`, "NotCanonical", 4, 0],
  ["an endpoint that is cut short", `${T}b0`, "Malformed", 5, 0],
  ["an endpoint that is a string", `${T}b3017eb1013184`, "BadEndpoint", 7, 0],
  ["captures that are not canonical", `${T}b00101b5b00200018484`, "NotCanonical", 8, 0],
  ["a pattern that is none", `${T}b3013fb00101b4b3016c8484`, "NotAPattern", 10, 0],
  ["a pattern that is not canonical", `${T}b3013fb00101b4b3016cb00200018484`, "NotCanonical", 14, 0],
  ["a sequence as packet", "b5b3015484", "UnknownPacket", 0],
  ["a record labelled by a string", "b4b1015484", "UnknownPacket", 0],
  ["a turn of another name", "b4b3015584", "UnknownPacket", 0],
  ["a count that is negative", "b4b30473796e63b001ff84", "BadField", 7],
  ["a count of 2^53", "b4b30473796e63b0072000000000000084", "BadField", 7],
  ["a stamp of an origin that is no integer", `${T}b30140b10161b0010184`, "BadItem", 7, 0],
  ["a stamp without a number", `${T}b30140b0010184`, "BadItem", 10, 0],
  ["a stamp of number 0", `${T}b30140b00101b00084`, "BadItem", 10, 0],
  ["a path whose distance is beyond 2^48", "b4b30470617468b000b000b10161b0070100000000000184", "BadField", 14],
  ["a join with what version 1 had once", "b4b3046a6f696eb100b58484", "UnknownPacket", 9],
  ["a label of nine letters", "b4b309646574616368656464b58484", "UnknownPacket", 0],
  ["an index that is #t", "b4b3056572726f72b30161b1008184", "BadField", 13],
  ["a hello of version 2, and of other fields", "b4b30568656c6c6fb001028084", "Version", 8],
  ["a hello with a string among its keys", "b4b30568656c6c6fb00101b100b00081b7b100b0008484", "BadField", 17]
]

describe("PacketError", () => {
  for (const [what, hex, code, offset, index] of wrongs) {
    it(`names ${what}`, () => {
      const read = parse(unhex(hex), limits)

      assert.instanceOf(read, PacketError)
      assert.deepStrictEqual([read.code, read.offset, read.index], [code, offset, index])
    })
  }

  it("says which limit was passed", () => {
    const deep = (n: number): Value => (n === 0 ? 1 : [deep(n - 1)])
    const items = Array.from({ length: 101 }, () => msg(1))
    const at = (packet: Packet, some: Partial<ParseLimits> = {}) => {
      const read = parse(encode(packet, false), { ...limits, ...some })
      return read instanceof PacketError ? [read.code, read.index] : read._tag
    }

    const found = [
      at({ _tag: "Turn", items, more: false }),
      at({ _tag: "Turn", items: items.slice(1), more: false }),
      at({ _tag: "Turn", items: [msg(1), msg(1, deep(10))], more: false }, { depthMax: 10 }),
      at({ _tag: "Turn", items: [msg(1), msg(1, deep(9))], more: false }, { depthMax: 10 }),
      at({ _tag: "Bye", reason: "x".repeat(100) }, { bytesMax: 64 })
    ]

    assert.deepStrictEqual(found, [["TooManyItems", 100], "Turn", ["TooDeep", 1], "Turn", ["TooLarge", undefined]])
  })

  it("takes from a peer what has a key wherever it goes, and nothing deeper", () => {
    const nested = (levels: number, inner = "81") => "b5".repeat(levels) + inner + "84".repeat(levels)
    const asked = (value: string) => `${T}b3013fb00101${value}84`
    const lit = (value: string) => asked(`b4b3036c6974${value}84`)
    // a record pattern without fields is, in its normal form, one level deeper than it was sent
    const rec = (label: string) => asked(`b4b303726563${label}b58484`)
    const codeOf = (hex: string) => {
      const read = parse(unhex(hex), { ...limits, depthMax: 1_000 })
      return read instanceof PacketError ? read.code : read._tag
    }
    const set = (levels: number) => `b6${nested(levels, "80")}${nested(levels)}84`
    const rows: ReadonlyArray<readonly [(levels: number) => string, number]> = [
      [(levels) => `${T}b00101${nested(levels)}84`, depthMax],
      [(levels) => `${T}b00101b5${set(levels)}8484`, depthMax - 2],
      [(levels) => lit(nested(levels)), depthMax - 1],
      [(levels) => lit(set(levels)), depthMax - 2],
      [(levels) => rec(nested(levels)), depthMax - 2]
    ]

    const codes = rows.map(([make, most]) => [codeOf(make(most)), codeOf(make(most + 1)), codeOf(make(126))])

    assert.deepStrictEqual(codes, rows.map(() => ["Turn", "TooDeep", "TooDeep"]))
    for (const [make, most] of rows) {
      const read = parse(unhex(make(most)), limits)
      const item = read._tag === "Turn" ? read.items[0]! : assert.fail(read._tag)
      const value = item._tag === "Assert" ? Pattern.toValue(item.pattern) : "captures" in item ? decode(item.captures) as Value : assert.fail(item._tag)
      assert.isString(key(record("Observe", [record("inbound", value)])))
    }
  })

  it("bounds symbols, which stay in memory, and patterns, which every peer must be able to take", () => {
    const codeOf = (item: Item) => {
      const read = parse(encode({ _tag: "Turn", items: [msg(1), item], more: false }, false), limits)
      return read instanceof PacketError ? [read.code, read.index] : read._tag
    }
    const asks = (value: Value): Item => ({ _tag: "Assert", endpoint: 1, pattern: Pattern.literal(value) })
    const short = symbol("s".repeat(symbolBytesMax))
    const long = symbol("s".repeat(symbolBytesMax + 1))
    const litBytes = 7 + 4 // <lit "…">

    const found = [
      msg(1, short), msg(1, long), msg(1, [new Dictionary([[long, 1]])]), asks(short), asks(long),
      asks("x".repeat(patternBytesMax - litBytes)), asks("x".repeat(patternBytesMax - litBytes + 1)), msg(1, "x".repeat(patternBytesMax))
    ].map(codeOf)

    assert.deepStrictEqual(found, ["Turn", ["TooLarge", 1], ["TooLarge", 1], "Turn", ["TooLarge", 1], "Turn", ["TooLarge", 1], "Turn"])
  })

  it("takes names and texts of the longest size, and no longer", () => {
    const name = (n: number) => `b4b3046a6f696eb1${n > 127 ? (n % 128 + 128).toString(16) + `0${Math.floor(n / 128)}` : n.toString(16)}${"61".repeat(n)}84`

    const found = [nameBytesMax, nameBytesMax + 1].map((n) => parse(unhex(name(n)), limits)._tag)

    assert.deepStrictEqual(found, ["Join", "PacketError"])
  })
})

describe("encodeTurn", () => {
  const parts = (items: ReadonlyArray<Item>, framed: boolean, bytesMax: number): ReadonlyArray<Packet | PacketError> => {
    const turn = encodeTurn(items, framed, bytesMax)
    if (turn instanceof PacketError) return [turn]
    const payloads = framed ? turn.pieces.flatMap(readFrames) : turn.pieces
    assert.strictEqual(turn.bytes, payloads.reduce((n, bytes) => n + bytes.length, 0))
    assert.isTrue(payloads.every((bytes) => bytes.length <= bytesMax))
    return payloads.map((bytes) => comparable(parse(bytes, limits)))
  }

  it("makes one packet of a turn that fits", () => {
    const items = [msg(1, "a"), msg(2, "b")]
    const size = encode({ _tag: "Turn", items, more: false }, false).length

    const fits = parts(items, true, size)

    assert.deepStrictEqual(fits, [{ _tag: "Turn", items, more: false }])
  })

  it("cuts a larger one between items, for streams and messages alike", () => {
    const items = [msg(1, "aaaa"), msg(2, "bbbb"), msg(3, "cccc")]
    const size = encode({ _tag: "Turn", items, more: false }, false).length
    const expected: ReadonlyArray<Packet> = [{ _tag: "Turn", items: items.slice(0, 2), more: true }, { _tag: "Turn", items: items.slice(2), more: false }]

    const cut = [parts(items, true, size - 1), parts(items, false, size - 1)]

    assert.deepStrictEqual(cut, [expected, expected])
  })

  it("names the item that is larger than any packet may be", () => {
    const large = encodeTurn([msg(1), msg(2, "x".repeat(100)), msg(3)], true, 64)

    assert.deepStrictEqual(large, new PacketError("TooLarge", "an item of 107 bytes", 9, 1))
  })

  it("loses and reorders nothing, wherever it cuts", () => {
    fc.assert(fc.property(turn, fc.boolean(), fc.integer({ min: 40, max: 200 }), (p, framed, bytesMax) => {
      const items = "items" in p ? p.items.map(toItem) : []
      const whole = parts(items, framed, bytesMax)

      if (whole[0] instanceof PacketError) return assert.strictEqual(whole[0].code, "TooLarge")
      const turns = whole as ReadonlyArray<Packet & { _tag: "Turn" }>
      assert.deepStrictEqual(turns.flatMap((t) => t.items), items)
      assert.deepStrictEqual(turns.map((t) => t.more), turns.map((_, i) => i < turns.length - 1))
    }), { numRuns: 300 })
  })

  it("makes several turns of what is more than one, each as full as it may be, wherever it cuts", () => {
    const bounds = fc.record({ turnBytesMax: fc.integer({ min: 60, max: 400 }), turnItemsMax: fc.integer({ min: 1, max: 4 }) })
    let several = 0
    fc.assert(fc.property(fc.array(turn, { minLength: 1, maxLength: 3 }), fc.boolean(), fc.integer({ min: 40, max: 200 }), bounds, (ps, framed, bytesMax, takes) => {
      const items = ps.flatMap((p) => ("items" in p ? p.items.map(toItem) : []))
      const made = encodeTurn(items, framed, bytesMax, takes)
      if (made instanceof PacketError) return assert.isAbove(encode({ _tag: "Turn", items: [items[made.index!]!], more: false }, false).length, Math.min(bytesMax, takes.turnBytesMax))

      const payloads = framed ? made.pieces.flatMap(readFrames) : made.pieces
      const turns: Array<{ items: Array<Item>; bytes: number }> = [{ items: [], bytes: 0 }]
      for (const payload of payloads) {
        const packet = comparable(parse(payload, limits)) as Packet & { _tag: "Turn" }
        turns.at(-1)!.items.push(...packet.items)
        turns.at(-1)!.bytes += payload.length
        assert.isAtMost(payload.length, bytesMax)
        if (!packet.more) turns.push({ items: [], bytes: 0 })
      }
      assert.deepStrictEqual(turns.pop(), { items: [], bytes: 0 })
      assert.deepStrictEqual(turns.flatMap((one) => one.items), items)
      for (const one of turns) assert.isTrue(one.bytes <= takes.turnBytesMax && one.items.length <= takes.turnItemsMax)
      if (turns.length > 1) several++
    }), { numRuns: 500, seed: 1 })

    assert.isAbove(several, 100)
  })

  it("writes the endpoints that it reads", () => {
    fc.assert(fc.property(endpoint, (n) => {
      const items: ReadonlyArray<Item> = [{ _tag: "Clear", endpoint: n }, { _tag: "Assert", endpoint: n, pattern: Pattern.bind() }]

      assert.deepStrictEqual(parts(items, false, 1_000), [{ _tag: "Turn", items, more: false }])
    }))
  })
})
