/** The README's programs run as they stand there. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const programs = ["README.md", "packages/core/README.md"].flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!))
const printed = [
  "{ value: 2 } 1\n",
  "ann came\nann left\n",
  '[{"_tag":"Deliver","pid":"me","events":[{"_tag":"Added","handle":"who","captures":["ann"]}]}]\n'
]

describe("README", () => {
  it("has the programs that are expected", () => {
    assert.strictEqual(programs.length, printed.length)
  })
  for (const [i, code] of programs.entries()) {
    it(`runs program ${i + 1}`, { timeout: 30_000 }, () => {
      const folder = mkdtempSync(join(tmpdir(), "colloquy-"))
      try {
        symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
        writeFileSync(join(folder, "main.mts"), code)

        const out = execFileSync(process.execPath, [join(folder, "main.mts")], { encoding: "utf8" })

        assert.strictEqual(out, printed[i])
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })
  }
})
