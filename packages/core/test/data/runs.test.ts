/** Short runs of bytes share buffers; nobody may notice. */
import { assert, describe, it } from "@effect/vitest"
import { runOf, runs } from "../../src/data/runs.ts"

describe("runs of bytes", () => {
  it("are as long as was asked, empty, and nobody else's", () => {
    const lengths = Array.from({ length: 500 }, (_, i) => i * 37 % 1_100)

    const all = lengths.map((length) => runOf(length))
    for (const [i, run] of all.entries()) {
      assert.deepStrictEqual(run, new Uint8Array(lengths[i]!))
      run.fill(i % 255 + 1)
    }

    for (const [i, run] of all.entries()) assert.isTrue(run.every((byte) => byte === i % 255 + 1), `run ${i}`)
  })

  it("keep no more than 8 KiB besides themselves from being collected, and long ones nothing", () => {
    assert.isAtMost(runOf(10).buffer.byteLength, 8_192)
    assert.strictEqual(runOf(1_025).buffer.byteLength, 1_025)
  })

  it("go on when somebody gives his away, and all that lie in the same buffer", () => {
    const run = runs()
    structuredClone(run(10), { transfer: [run(10).buffer as ArrayBuffer] })

    assert.deepStrictEqual(run(10), new Uint8Array(10))
  })
})
