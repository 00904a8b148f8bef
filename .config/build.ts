/**
 * `npm run build`: each package as publishable ES modules with declarations in its `dist` folder,
 * with a package.json of its own that points at them. Publish with `npm publish packages/NAME/dist`.
 */
import { spawnSync } from "node:child_process"
import { chmodSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const js = (path: string): string => path.replace("./src/", "./").replace(/\.ts$/, ".js")

// in the order of their dependencies: later ones are checked against the declarations of earlier ones
for (const name of ["core", "node", "testkit"]) {
  const folder = join(root, "packages", name)
  const dist = join(folder, "dist")
  rmSync(dist, { recursive: true, force: true })
  const config = join(folder, "tsconfig.build.json")
  const paths = Object.fromEntries(["core", "node"].filter((other) => other !== name).map((other) => [`@colloquy/${other}`, [`../${other}/dist/index.d.ts`]]))
  writeFileSync(config, JSON.stringify({
    extends: "../../tsconfig.json",
    compilerOptions: { noEmit: false, allowImportingTsExtensions: false, declaration: true, rootDir: "src", outDir: "dist", paths },
    include: ["src"]
  }))
  const { status } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", config], { stdio: "inherit" })
  rmSync(config)
  if (status !== 0) process.exit(status ?? 1)

  const { bin, devDependencies: _, ...manifest } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const bins = bin && Object.fromEntries(Object.entries<string>(bin).map(([command, path]) => [command, js(path)]))
  writeFileSync(join(dist, "package.json"), `${JSON.stringify({
    ...manifest, ...bins && { bin: bins },
    exports: { ".": { types: "./index.d.ts", default: "./index.js" } }
  }, undefined, 2)}\n`)
  for (const path of Object.values<string>(bins ?? {})) chmodSync(join(dist, path), 0o755)
  for (const extra of [join(folder, "README.md"), join(root, "LICENSE"), join(folder, "src/link/PROTOCOL.md")]) {
    if (existsSync(extra)) cpSync(extra, join(dist, extra.split("/").at(-1)!))
  }
  console.log(`built packages/${name}/dist`)
}
