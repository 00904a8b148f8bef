/** Looks for bugs in whatever core is beside it, and says which it found: run on copies in which one was planted. */
import { Process, Rng, Value } from "@colloquy/core"
import * as Checks from "../src/Checks.ts"
import * as Simulation from "../src/Simulation.ts"

/** At rest a message takes each edge once: the others that come would be dropped, and nobody would see them. */
const sparing = (seed: number): void => {
  const { graphOf, shapes, Standing } = Simulation
  const network = new Standing({ graph: graphOf(shapes[seed % shapes.length]!, 8, Rng.drawing(seed)), latencyMs: 5 })
  network.after((world) => world.tell("n3", ...Simulation.act("s", "speaker", Process.send(Value.record("f", "hello")))), 2_000)
  const turns = network.traffic.packets.get("Turn")
  if (turns !== 7) throw new Error(`a message to 8 nodes takes ${turns} turns`)
}

const networks = Simulation.fuzzTrial({ triesMax: 0 })
const checks: { readonly [name: string]: readonly [seeds: number, check: (seed: number) => unknown] } = {
  kernel: [1_200, Checks.kernel],
  fuel: [200, Checks.fuel],
  conversation: [400, Checks.conversation],
  network: [80, (seed) => Simulation.run(networks, seed)],
  sparing: [5, sparing],
  tree: [80, (seed) => Simulation.run(Simulation.fuzzTrial({ chords: 1 + seed % 4, triesMax: 300 }), seed)],
  gentle: [20, (seed) => Simulation.run(Simulation.gentleTrial({ triesMax: 100 }), seed)]
}
const name = process.argv[2]!
const [seeds, check] = checks[name]!
for (let seed = 1; seed <= seeds; seed++) {
  try {
    check(seed)
  } catch (error) {
    const steps = error instanceof Simulation.Failure ? ` (${error.shrunk.filter(({ what }) => what._tag !== "Start").length} steps)` : ""
    console.log(`${String(error).split("\n")[0]!.slice(0, 300)}${steps}`)
    process.exit(1)
  }
}
