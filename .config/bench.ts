/**
 * `npm run bench [-- NAME … --json FILE --compare FILE --svg FILE]`: every benchmark of every
 * package, or those that are named (`codec`, or `core/codec`), each in a process of its own, one after the other.
 *
 *     --json FILE      saves the results, and the machine and versions that they are of
 *     --compare FILE   prints them beside those that were saved before
 *     --svg FILE       plots the curves of those that have any
 *
 * A benchmark is a file `packages/PACKAGE/bench/NAME.ts`; what several share lies in a folder there. It
 * is run with `node --expose-gc NAME.ts --json` and prints a `Result` (bench/Result.ts) on standard output,
 * as one JSON object: `bench/Harness.ts` measures and prints it.
 * What it says on standard error is shown at once. Whether it succeeded is its exit status. Options that
 * are not ours (`--rounds=3`) are passed on.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { arch, cpus, platform, release, totalmem } from "node:os"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { svgOf } from "./bench/Curves.ts"
import { comparison, markdown } from "./bench/Report.ts"
import type { Bench, Result, Run } from "./bench/Result.ts"

const options = { json: { type: "string" }, compare: { type: "string" }, svg: { type: "string" } } as const
const { positionals, tokens, values } = parseArgs({ allowPositionals: true, strict: false, tokens: true, options })
const fileOf = (option: keyof typeof options): string | undefined => {
  const file = values[option]
  if (file !== true) return file as string | undefined
  console.error(`--${option} takes the name of a file`)
  process.exit(2)
}
const [json, compare, svg] = [fileOf("json"), fileOf("compare"), fileOf("svg")]
const passed = tokens.flatMap((token) => token.kind !== "option" || token.name in options ? [] : [token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`])
const started = "forwarder.ts" // by relay.ts
const outputMax = 64 * 2 ** 20

const found = ["core", "node", "testkit"].flatMap((pkg) => {
  const folder = fileURLToPath(new URL(`../packages/${pkg}/bench/`, import.meta.url))
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".ts") && file !== started) : []
  return files.map((file) => ({ name: `${pkg}/${file.slice(0, -3)}`, path: folder + file }))
})
const wanted = found.filter(({ name }) => positionals.length === 0 || positionals.some((asked) => asked === name || asked === name.split("/")[1]))
const unknown = positionals.filter((asked) => !found.some(({ name }) => asked === name || asked === name.split("/")[1]))
if (unknown.length > 0) {
  console.error(`no benchmark is called ${unknown.join(" or ")}; there are ${found.map(({ name }) => name).join(", ")}`)
  process.exit(2)
}
const old = compare === undefined ? undefined : JSON.parse(readFileSync(compare, "utf8")) as Run

const benches: Array<Bench> = []
for (const { name, path } of wanted) {
  console.log(`\n## ${name}\n`)
  const { status, stdout } = spawnSync(process.execPath, ["--expose-gc", path, "--json", ...passed], { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8", maxBuffer: outputMax })
  if (status !== 0) {
    console.error(`${name} failed`)
    process.exit(status ?? 1)
  }
  const bench: Bench = { name, ...JSON.parse(stdout) as Result }
  console.log(markdown(bench))
  benches.push(bench)
}

const [cpu] = cpus()
const versionOf = (file: string): string => (JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")) as { version: string }).version
const machine = {
  processor: `${cpus().length} × ${cpu?.model ?? "unknown"}`, memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
  system: `${platform()} ${release()} ${arch()}`, node: process.version, v8: process.versions.v8, colloquy: versionOf("../packages/core/package.json")
}
const write = (file: string, text: string): void => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
const run: Run = { machine, benches }
if (json !== undefined) write(json, `${JSON.stringify(run, undefined, 2)}\n`)
if (old !== undefined) console.log(`\n# Compared with ${compare}\n\n${comparison(old, run)}`)
if (svg !== undefined) {
  const curves = benches.flatMap(({ curves: some = [] }) => some)
  if (curves.length === 0) {
    console.error("none of these benchmarks has curves")
    process.exitCode = 2
  } else write(svg, await svgOf(curves))
}
