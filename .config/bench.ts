/** `npm run bench [-- NAME]`: every benchmark of every package, or those whose file has this name. */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"

const helper = "forwarder.ts"
const [name, ...rest] = process.argv.slice(2)
const found = ["core", "node", "testkit"].flatMap((pkg) => {
  const folder = fileURLToPath(new URL(`../packages/${pkg}/bench/`, import.meta.url))
  return existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".ts") && file !== helper).map((file) => ({ label: `${pkg}/${file}`, path: folder + file, file })) : []
}).filter(({ file }) => name === undefined || file === `${name}.ts`)
if (found.length === 0) {
  console.error(`no benchmark is called ${name}`)
  process.exit(1)
}
for (const { label, path } of found) {
  console.log(`\n# ${label}`)
  const { status } = spawnSync(process.execPath, ["--expose-gc", path, ...rest], { stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
}
