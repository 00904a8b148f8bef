#!/usr/bin/env node
/** `npm run sim`: the command (sim/command.ts) in this process. */
import { randomInt } from "node:crypto"
import { performance } from "node:perf_hooks"
import { command, trialOf } from "./sim/command.ts"

// whoever read our output has gone (`… | head -1`): that is no failure
process.stdout.on("error", () => process.exit(0))

process.exitCode = command(process.argv.slice(2), {
  trial: trialOf,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  now: () => performance.now(),
  anySeed: () => randomInt(2 ** 32)
})
