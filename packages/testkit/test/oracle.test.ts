/** The kernel against its oracle, and conversations against what everybody must have heard, in many random programs. */
import { assert, it } from "@effect/vitest"
import * as Checks from "../src/Checks.ts"

const programs = 10_000
const conversations = 2_000

it(`the kernel does what its oracle does, in ${programs} random programs that nest three deep`, { timeout: 120_000 }, () => {
  let lively = 0
  for (let seed = 1; seed <= programs; seed++) lively += Number(Checks.kernel(seed) > 50)

  assert.isAbove(lively, programs / 2)
})
it(`whoever converses hears of everybody and everything that it must, in ${conversations} random conversations`, { timeout: 120_000 }, () => {
  let heard = 0
  for (let seed = 1; seed <= conversations; seed++) heard += Checks.conversation(seed)

  assert.isAbove(heard, conversations * 5)
})
