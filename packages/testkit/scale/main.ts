#!/usr/bin/env node
/** `npm run sim:scale`: the command in this process. */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { performance } from "node:perf_hooks"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { command } from "./command.ts"
import { svgOf } from "./Plot.ts"

// all of it before anything large is made: the heap of small machines is limited to half of their memory
const heapMax = 6_144 // MB; the default size takes less
if (getHeapStatistics().heap_size_limit < heapMax * 2 ** 20) setFlagsFromString(`--max-old-space-size=${heapMax}`)
setFlagsFromString("--max-semi-space-size=64") // a tenth less time, measured with 3,000 nodes
setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

// whoever read our output has gone (`… | head -1`): that is no failure
process.stdout.on("error", () => process.exit(0))

process.exitCode = await command(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  now: () => performance.now(),
  heap: () => {
    collect()
    return process.memoryUsage().heapUsed
  },
  plot: async (results, file) => {
    const svg = await svgOf(results)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, svg)
  }
})
