/**
 * What the READMEs show is so: every program runs as it stands there and prints what it is said to print,
 * after `// =>` or in the text block below it; tests pass, stories are what their machines say, and all of it is well typed.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Scenario } from "../src/index.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const bin = (name: string): string => join(root, "node_modules", name)

interface File {
  /** `// watch.ts` or `# scenarios/…txt` in its first line; other programs are numbered. */
  readonly path: string
  readonly text: string
  /** What a program prints. */
  readonly output: string
}

/** The programs and stories of a README, in their order. A text block that is no file is the output of the program above it, or a picture. */
const filesOf = (readme: string): ReadonlyArray<File> => {
  const files: Array<File> = []
  for (const [, language, text = ""] of readme.matchAll(/^```(ts|text)\n([\s\S]*?)^```$/gm)) {
    const named = /^(?:\/\/|#) ([\w./-]+\.(?:ts|txt))\b/.exec(text)?.[1]
    const last = files.at(-1)
    const inline = [...text.matchAll(/\/\/ => (.*)$/gm)].map(([, line]) => `${line}\n`).join("")
    if (language === "ts" || named !== undefined) files.push({ path: named ?? `program-${files.length + 1}.ts`, text, output: inline })
    else if (last?.text.includes("console.log") === true && last.output === "") files[files.length - 1] = { ...last, output: text }
  }
  return files
}

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

for (const [name, least] of [["README.md", 2], ["packages/core/README.md", 5], ["packages/testkit/README.md", 4], ["packages/node/README.md", 2]] as const) {
  describe(name, () => {
    const files = filesOf(readFileSync(join(root, name), "utf8"))
    const programs = files.filter(({ path }) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    const tests = files.filter(({ path }) => path.endsWith(".test.ts"))
    const stories = files.filter(({ path }) => path.endsWith(".txt"))

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
