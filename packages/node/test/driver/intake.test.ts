/** However the bytes come in pieces, the same is cut out of them. */
import { assert, describe, it } from "@effect/vitest"
import { Value } from "@colloquy/core"
import * as fc from "fast-check"
import { vi } from "vitest"
import { Intake, modeOf, prefixOf } from "../../src/driver/Intake.ts"

const { record, symbol } = Value
const limits = { lineBytesMax: 50, packetBytesMax: 40 }
type Cut = { readonly pieces: ReadonlyArray<Uint8Array | string>; readonly reason?: string; readonly isDrained: boolean }

/** Pushes the chunks, and takes with so much credit at each time. */
const cut = (mode: Value.Value, chunks: ReadonlyArray<Uint8Array>, credit = Number.MAX_SAFE_INTEGER): Cut => {
  const intake = new Intake(limits)
  intake.setMode(modeOf(mode)!)
  const pieces: Array<Uint8Array | string> = []
  const take = (isOver: boolean): string | undefined => {
    let next = intake.take(credit, isOver)
    for (; typeof next === "object"; next = intake.take(credit, isOver)) pieces.push(next.piece)
    return next
  }
  for (const chunk of chunks) {
    intake.push(Buffer.from(chunk))
    const reason = take(false)
    if (reason !== undefined) return { pieces, reason, isDrained: intake.isDrained }
  }
  const reason = take(true)
  return { pieces, ...reason === undefined ? {} : { reason }, isDrained: intake.isDrained }
}
const split = (bytes: Uint8Array, cuts: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const at = [0, ...cuts.map((n) => n % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}
const cuts = fc.array(fc.nat(), { maxLength: 20 })
const joined = (pieces: ReadonlyArray<Uint8Array | string>) => Buffer.concat(pieces.map((piece) => Buffer.from(piece as Uint8Array)))

describe("intake", () => {
  it("gives all bytes back, at most the credit at a time", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), cuts, fc.integer({ min: 1, max: 70 }), (bytes, at, credit) => {
      const { isDrained, pieces } = cut(symbol("bytes"), split(bytes, at), credit)
      assert.isTrue(joined(pieces).equals(bytes))
      assert.isTrue(isDrained)
      for (const piece of pieces) assert.isTrue(piece.length > 0 && piece.length <= credit)
    }))
  })

  it("cuts the same lines out of any pieces, as splitting them all at once does", () => {
    const alphabet = fc.constantFrom(10, 13, 97, 98, 0xc3, 0xb6)
    fc.assert(fc.property(fc.array(alphabet, { maxLength: 200 }), cuts, (codes, at) => {
      const text = Buffer.from(codes).toString("latin1")
      const parts = text.split("\n")
      const last = parts.pop()!
      const lines = [...parts.map((line) => line.replace(/\r$/, "")), ...last === "" ? [] : [last]]
      const short = lines.findIndex((line) => line.length > limits.lineBytesMax)
      const { isDrained, pieces, reason } = cut(symbol("raw-lines"), split(Uint8Array.from(codes), at))

      assert.deepStrictEqual(pieces.map((piece) => Buffer.from(piece as Uint8Array).toString("latin1")), short < 0 ? lines : lines.slice(0, short))
      assert.strictEqual(reason, short < 0 ? undefined : "line-too-long")
      assert.isTrue(isDrained || short >= 0)
    }), { numRuns: 500 })
  })

  it("gives back the packets that were put together, whatever their pieces", () => {
    const packet = fc.uint8Array({ maxLength: limits.packetBytesMax })
    fc.assert(fc.property(fc.constantFrom(1, 2, 4), fc.array(packet, { maxLength: 10 }), cuts, fc.nat({ max: 3 }), (prefix, packets, at, missing) => {
      const mode = modeOf(record("packets", prefix))!
      const stream = Buffer.concat(packets.flatMap((body) => [prefixOf(mode, body.length)!, body]))
      const kept = missing > 0 && packets.length > 0 ? stream.subarray(0, stream.length - 1) : stream
      const { isDrained, pieces, reason } = cut(record("packets", prefix), split(kept, at))

      assert.deepStrictEqual(pieces, kept === stream ? packets : packets.slice(0, -1))
      assert.isUndefined(reason)
      assert.isTrue(isDrained)
    }))
  })

  it("refuses a packet by its length alone, and lengths that do not fit before one", () => {
    assert.deepStrictEqual(cut(symbol("packets"), [Uint8Array.of(0, 0, 0, 41)]), { pieces: [], reason: "packet-too-long", isDrained: true })
    assert.isUndefined(prefixOf(modeOf(record("packets", 1))!, 256))
    assert.deepStrictEqual(prefixOf(modeOf(record("packets", 2))!, 65_535), Buffer.from([255, 255]))
    for (const none of [record("packets", 3), record("packets", "4"), symbol("words"), "lines"]) assert.isUndefined(modeOf(none))
  })

  it("looks at each byte once and copies it a few times, however small the pieces", () => {
    let copied = 0
    let scanned = 0
    const { copy, indexOf } = Buffer.prototype
    vi.spyOn(Buffer.prototype, "copy").mockImplementation(function(this: Buffer, ...args) {
      const n = copy.apply(this, args)
      copied += n
      return n
    })
    vi.spyOn(Buffer.prototype, "indexOf").mockImplementation(function(this: Buffer, value: any, from: any) {
      scanned += this.length - Number(from)
      return indexOf.call(this, value, from)
    } as never)
    const size = 100_000
    const intake = new Intake({ lineBytesMax: size, packetBytesMax: 0 })
    intake.setMode(modeOf(symbol("lines"))!)
    const chunk = Buffer.from("x")
    for (let i = 0; i < size; i++) {
      intake.push(chunk)
      if (intake.take(1, false) !== undefined) assert.fail("there is no line yet")
    }
    intake.push(Buffer.from("\n"))
    const line = intake.take(1, false)
    vi.restoreAllMocks()

    assert.deepStrictEqual(line, { piece: "x".repeat(size), used: 1 })
    assert.strictEqual(scanned, size + 1)
    assert.isBelow(copied, 4 * size)
  })
})
