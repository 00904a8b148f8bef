#!/usr/bin/env node
/** `npm run sim`: the command (sim/command.ts) in this process. */
import { randomInt } from "node:crypto"
import { performance } from "node:perf_hooks"
import { command } from "./sim/command.ts"
import { trial } from "./sim/fuzz.ts"

// whoever read our output has gone (`… | head -1`): that is no failure
process.stdout.on("error", () => process.exit(0))

process.exitCode = command(process.argv.slice(2), {
  trial,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  now: () => performance.now(),
  anySeed: () => randomInt(2 ** 32)
})
