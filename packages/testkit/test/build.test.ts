/** The built packages, as somebody who installed them has them: in a project that is empty but for them. */
import { assert, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const program = `
import { Dataspace, Pattern, Process, Text, Value } from "@colloquy/core"
import { Network } from "@colloquy/testkit"
import { Address, Node } from "@colloquy/node"
const [state] = Dataspace.of({}).initial({})
const [, actions] = Dataspace.of({}).transition(state, { _tag: "Enter", pid: "me", name: "me", actions: [
  Process.assert(1, Value.record("present", "lobby", "ann")),
  Process.observe(2, Pattern.record("present", Pattern.literal("lobby"), Pattern.bind()))
] })
const network = new Network.Network()
network.start("a")
console.log(Text.print(actions[0].events[0].captures), network.nodes.size, typeof Node.layer, Address.parse("tcp://h:1/s").scope)
`

it("builds packages that an empty project can import, with declarations and a command", { timeout: 120_000 }, () => {
  execFileSync(process.execPath, [join(root, ".config/build.ts")], { cwd: root })
  const project = mkdtempSync(join(tmpdir(), "colloquy-"))
  try {
    const modules = join(project, "node_modules")
    mkdirSync(join(modules, "@colloquy"), { recursive: true })
    for (const name of ["core", "node", "testkit"]) cpSync(join(root, "packages", name, "dist"), join(modules, "@colloquy", name), { recursive: true })
    for (const name of readdirSync(join(root, "node_modules"))) if (name !== "@colloquy" && !name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name))
    writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }))
    writeFileSync(join(project, "main.mjs"), program)
    // what the README shows, pasted
    const sketches = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text]) => text!)
    for (const [i, text] of sketches.entries()) writeFileSync(join(project, `sketch-${i}.mts`), text)

    const run = (...args: ReadonlyArray<string>) => execFileSync(process.execPath, args, { cwd: project, encoding: "utf8" })

    assert.strictEqual(run("main.mjs"), '["ann"] 1 function s\n')
    assert.match(run(join(modules, "@colloquy/node/cli/main.js"), "--version"), /0\.1\.0/)
    assert.match(run("sketch-1.mts"), /ann came[^]*ann left/)
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", "--lib", "es2024", "--types", "node", "--skipLibCheck"]
    execFileSync(join(root, "node_modules/.bin/tsc"), [...options, ...sketches.map((_, i) => `sketch-${i}.mts`)], { cwd: project, stdio: "inherit" })
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
})
