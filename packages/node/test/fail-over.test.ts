/**
 * Five processes in a full mesh on loopback, under load: two are killed, and nobody who lives sees
 * anything else than that the two are gone. `fail-over/main.ts` does it for every two, in every way.
 */
import { assert, describe, it } from "@effect/vitest"
import { Mesh } from "./fail-over/Mesh.ts"
import { defaults, isWrong, round } from "./fail-over/rounds.ts"

describe("five processes in a full mesh, under load", () => {
  it("lose two, one after the other or for a moment, and the others see just that", { timeout: 120_000 }, async () => {
    await using mesh = await Mesh.start({ ...defaults, graceMs: 1_500 })

    // the root, and then whom the others took for it instead; and the root and another, which are back at once
    const rows = [await round(mesh, ["A", "B"], "in turn"), await round(mesh, ["A", "D"], "and back")]

    assert.deepStrictEqual(rows.map(({ faults }) => faults.filter(isWrong)), [[], []])
    assert.isTrue(rows.every(({ returning }) => returning.heard > 0))
  })
})
