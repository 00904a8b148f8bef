/** The built packages, as somebody who installed them has them: in a project that is empty but for them. */
import { assert, it } from "@effect/vitest"
import { execFile, execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { filesOf, pages, programsOf, root } from "./pages.ts"

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

it("builds packages that an empty project can import, with declarations and a command, and paste the pages into", { timeout: 180_000 }, async () => {
  execFileSync(process.execPath, [join(root, ".config/build.ts")], { cwd: root })
  const project = mkdtempSync(join(tmpdir(), "colloquy-"))
  try {
    const modules = join(project, "node_modules")
    mkdirSync(join(modules, "@colloquy"), { recursive: true })
    for (const name of ["core", "node", "testkit"]) cpSync(join(root, "packages", name, "dist"), join(modules, "@colloquy", name), { recursive: true })
    for (const name of readdirSync(join(root, "node_modules"))) if (name !== "@colloquy" && !name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name))
    writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }))
    writeFileSync(join(project, "main.mjs"), program)
    // what the pages show, pasted
    const pasted = pages.map(([page], i) => ({ folder: join(project, String(i)), files: filesOf(page) }))
    for (const { files, folder } of pasted) {
      for (const { path, text } of files) {
        mkdirSync(dirname(join(folder, path)), { recursive: true })
        writeFileSync(join(folder, path), text)
      }
    }
    const programs = pasted.flatMap(({ files, folder }) =>
      programsOf(files).map(({ output, path }) => ({ file: join(folder, path), output: output.trimEnd() })))

    const run = async (...args: ReadonlyArray<string>) => (await promisify(execFile)(process.execPath, args, { cwd: project })).stdout.trimEnd()

    assert.strictEqual(await run("main.mjs"), '["ann"] 1 function s')
    assert.match(await run(join(modules, "@colloquy/node/cli/main.js"), "--version"), /0\.1\.0/)
    const printed = await Promise.all(programs.map(async ({ file }) => ({ file, output: await run(file) })))
    assert.deepStrictEqual(printed, programs)
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", "--lib", "es2024", "--types", "node", "--skipLibCheck",
      "--allowImportingTsExtensions"]
    execFileSync(join(root, "node_modules/.bin/tsc"), [...options, ...programs.map(({ file }) => file)], { cwd: project, stdio: "inherit" })
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
})
