/** The examples in doc comments are true: `expression   // => value`, in the words of their own module. */
import { assert, it } from "@effect/vitest"
import * as core from "@colloquy/core"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const files = ["packages/core/src", "packages/node/src"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts")).map((file) => join(root, folder, file)))
const examples = files.flatMap((file) =>
  [...readFileSync(file, "utf8").matchAll(/^ \* (\S.*?) {2,}\/\/ => (.+)$/gm)].map(([, expression, value]) => ({ file, expression: expression!, value: value! })))

it("finds the examples", () => {
  assert.isAbove(examples.length, 12)
})
for (const { expression, file, value } of examples) {
  it(expression, async () => {
    const scope = { ...core, ...await import(file) as object }
    // oxlint-disable-next-line no-implied-eval, no-new-func
    const run = (code: string): unknown => new Function(...Object.keys(scope), `return (${code})`)(...Object.values(scope))

    assert.deepStrictEqual(run(expression), run(value))
  })
}
