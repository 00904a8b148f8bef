/**
 * What the READMEs show is so: every program runs as it stands there and prints what it is said to print,
 * after `// =>` or in the text block below it; tests pass, stories are what their machines say, and all of it is well typed.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { Scenario } from "../src/index.ts"
import { type File, filesOf, pages, programsOf, root } from "./pages.ts"

const bin = (name: string): string => join(root, "node_modules", name)

/** A folder with these files, in which our packages are found. */
const withFolder = async (files: ReadonlyArray<File>, body: (folder: string) => unknown): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "colloquy-"))
  try {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }')
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: join(root, "tsconfig.json"), include: ["*.ts"] }))
    for (const { path, text } of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    await body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
/** What a command in a folder prints; with its complaints, when it fails. */
const run = async (folder: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}): Promise<string> => {
  const running = promisify(execFile)(process.execPath, [...args], { cwd: folder, env: { ...process.env, VITEST: undefined, ...env } })
  return running.then(({ stdout }) => stdout, (error: { readonly stdout: string; readonly message: string }) => `${error.stdout}${error.message}`)
}

/** Runs the tests of a folder, and returns the names of those that pass. */
const testsOf = async (folder: string, env: NodeJS.ProcessEnv = {}): Promise<ReadonlyArray<string>> => {
  const said = await run(folder, [bin("vitest/vitest.mjs"), "run", "--root", folder, "--reporter=json", "--outputFile=report.json"], env)
  const { success, testResults } = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as Report
  assert.isTrue(success, said)
  return testResults.flatMap(({ assertionResults }) => assertionResults.filter(({ status }) => status === "passed").map(({ title }) => title)).sort()
}
interface Report {
  readonly success: boolean
  readonly testResults: ReadonlyArray<{ readonly assertionResults: ReadonlyArray<{ readonly title: string; readonly status: string }> }>
}

/** A story as it is before anybody has let a machine tell it. */
const untold = (file: File): File => {
  const { directives, trailer } = Scenario.parse(file.text)
  return { ...file, text: Scenario.print({ directives: directives.map((directive) => ({ ...directive, expected: [] })), trailer }) }
}

for (const [name, least] of pages) {
  describe(name, () => {
    const files = filesOf(name)
    const programs = programsOf(files)
    const tests = files.filter(({ path }) => path.endsWith(".test.ts"))
    const stories = files.filter(({ path }) => path.endsWith(".txt"))

    it("has no block of a kind that nobody runs, and no command that there is not", { timeout: 60_000 }, async () => {
      const page = readFileSync(join(root, name), "utf8")
      const kinds = [...page.matchAll(/^```(.+)$/gm)].map(([, kind]) => kind!)
      const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, text]) => text!.split("\n"))
      const scripts = commands.flatMap((line) => [...line.matchAll(/npm run (\S+)/g)].map(([, script]) => script!))
      const flags = commands.flatMap((line) => {
        const [, command, rest = ""] = /^npx colloquy (\w+)(.*)$/.exec(line) ?? []
        return command === undefined ? [] : [...rest.replace(/'[^']*'/g, "").matchAll(/--[\w-]+/g)].map(([flag]) => ({ command, flag }))
      })
      const declared = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly scripts: Record<string, string> }

      assert.deepStrictEqual(kinds.filter((kind) => !["ts", "text", "sh", "mermaid"].includes(kind)), [])
      assert.deepStrictEqual(scripts.filter((script) => !Object.hasOwn(declared.scripts, script)), [])
      await Promise.all(flags.map(async ({ command, flag }) => {
        assert.include(await run(root, ["packages/node/src/cli/main.ts", command, "--help"]), `${flag} `)
      }))
    })
    it("says what its programs print", () => {
      const silent = programs.filter(({ output }) => output === "").map(({ path }) => path)
      const imported = new Set(files.flatMap(({ text }) => [...text.matchAll(/from "\.\/(.+)"/g)].map(([, path]) => path!)))

      assert.isAtLeast(programs.length - silent.length, least)
      assert.deepStrictEqual(silent.filter((path) => !imported.has(path)), [], "who prints nothing is a part of others")
    })
    it("has programs that print that", { timeout: 60_000 }, () => withFolder(files, async (folder) => {
      const printed = await Promise.all(programs.map(async ({ path }) => [path, (await run(folder, [path])).trimEnd()]))

      assert.deepStrictEqual(printed, programs.map(({ output, path }) => [path, output.trimEnd()]))
    }))
    it("is well typed", { timeout: 60_000 }, () => withFolder(files, async (folder) => {
      const said = await run(folder, [bin("typescript/bin/tsc"), "-p", ".", "--listFiles"])

      assert.isTrue([...programs, ...tests].every(({ path }) => said.includes(`/${path}\n`)), "it looked at all of them")
      // what is wrong elsewhere is not the README's
      assert.deepStrictEqual(said.split("\n").filter((line) => /^[\w.-]+\.ts\(/.test(line)), [])
    }))
    if (tests.length === 0) return
    const told = files.map((file) => stories.includes(file) ? untold(file) : file)
    it("has tests that pass, and stories that REWRITE=1 makes", { timeout: 60_000 }, () => withFolder(told, async (folder) => {
      const passed = await testsOf(folder, { REWRITE: "1", CI: "" })

      for (const { path, text } of stories) assert.strictEqual(readFileSync(join(folder, path), "utf8"), text)
      const declared = tests.flatMap(({ text }) => [...text.matchAll(/\b(?:it|itMachine)\("(.+?)"/g)].map(([, title]) => title!))
      assert.deepStrictEqual(passed, [...declared, ...stories.map(({ path }) => path.replace("scenarios/", ""))].sort())
    }))
  })
}
