/** Looks for bugs in whatever core is beside it, and says which it found: run on copies in which one was planted. */
import * as Checks from "../src/Checks.ts"
import * as Simulation from "../src/Simulation.ts"

const networks = Simulation.fuzzTrial({ triesMax: 0 })
const checks: { readonly [name: string]: readonly [seeds: number, check: (seed: number) => unknown] } = {
  kernel: [1_200, Checks.kernel],
  fuel: [200, Checks.fuel],
  conversation: [400, Checks.conversation],
  network: [80, (seed) => Simulation.run(networks, seed)]
}
const name = process.argv[2]!
const [seeds, check] = checks[name]!
for (let seed = 1; seed <= seeds; seed++) {
  try {
    check(seed)
  } catch (error) {
    console.log(String(error).slice(0, 300))
    process.exit(1)
  }
}
