/** House rules that a type checker does not know: core is pure, and the arrows between folders hold. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const sources = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))

/** Code without comments and strings, so that a rule may be spoken of. */
const codeOf = (file: string): string =>
  readFileSync(join(root, file), "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "")
    .replace(/"(?:[^"\\\n]|\\.)*"/g, '""')
const importsOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, file), "utf8").matchAll(/^(?:import|export)[^"'\n]*?from "([^"]+)"/gm)].map(([, from]) => from!)

/** Which folder of core may import which (link takes the types of what it carries from federation and topology). */
const arrows: { readonly [folder: string]: ReadonlyArray<string> } = {
  machine: ["data"], // a family of machines is a map
  data: ["machine"], // beliefs are stated with its assert
  value: ["data"],
  codec: ["data", "value"],
  dataspace: ["machine", "data", "value"],
  conversation: ["machine", "data", "value", "dataspace"],
  assertion: ["value"], // and effect's Schema
  federation: ["machine", "data", "value"],
  topology: ["machine", "data", "federation"],
  link: ["machine", "data", "value", "codec", "federation", "topology"],
  node: ["machine", "data", "value", "codec", "dataspace", "federation", "topology", "link"]
}

describe("tidy", () => {
  const core = sources("packages/core/src")

  it("finds the sources", () => {
    assert.isAbove(core.length, 30)
  })
  it("keeps clock, chance, promises, input and output out of core", () => {
    const impure = /\bDate\b|\bMath\.random\b|\basync\b|\bawait\b|\bPromise\b|\bconsole\b|\bprocess\.(env|argv|exit|hrtime|nextTick|std|cwd|on)|\bsetTimeout\b|\bsetInterval\b|\bqueueMicrotask\b|\bfetch\(/
    assert.deepStrictEqual(core.filter((file) => impure.test(codeOf(file))), [])
  })
  it("lets core name what the runtime has beside the language in one place", () => {
    const beyond = /^declare const (?!\w+: unique symbol$)|\bglobalThis\.(?!Set\b|Map\b)|\bglobalThis\b(?!\.)/m
    assert.deepStrictEqual(core.filter((file) => beyond.test(codeOf(file))), ["packages/core/src/value/native.ts"])
  })
  it("lets core import nothing but itself, along the arrows", () => {
    const wrong = core.flatMap((file) => importsOf(file).filter((from) => {
      if (!from.startsWith(".")) return !(from === "effect" && file.startsWith("packages/core/src/assertion/"))
      const [to] = relative("packages/core/src", relative(root, resolve(root, dirname(file), from))).split("/")
      const [of] = relative("packages/core/src", file).split("/")
      return of !== "index.ts" && to !== of && !arrows[of!]!.includes(to!)
    }).map((from) => `${file} imports ${from}`))
    assert.deepStrictEqual(wrong, [])
  })
  it("keeps node: modules out of the user's API, so that browsers can use it, and node out of testkit", () => {
    assert.deepStrictEqual(sources("packages/node/src/space").filter((file) => importsOf(file).some((from) => from.startsWith("node:"))), [])
    assert.deepStrictEqual(sources("packages/testkit/src").filter((file) => importsOf(file).some((from) => from.startsWith("@colloquy/node"))), [])
  })
  it("leaves nothing unfinished, skipped or focused, and no test that sleeps", () => {
    const marks = /TOD[O]|FIXM[E]|not implemente[d]/
    const all = [...core, ...sources("packages/node/src"), ...sources("packages/testkit/src")]
    assert.deepStrictEqual(all.filter((file) => marks.test(readFileSync(join(root, file), "utf8"))), [])
    const tests = ["core", "node", "testkit"].flatMap((name) => sources(`packages/${name}/test`)).filter((file) => file.endsWith(".test.ts"))
    assert.deepStrictEqual(tests.filter((file) => /\b(it|test|describe)\.(skip|only|todo)\b|\bsleep\(|setTimeout\(/.test(codeOf(file))), [])
  })
  it("names no package registry's host in the lock file, and no machine's paths anywhere", () => {
    const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter((file) => file !== "")
    const places = /registry[.]npm|npmjs[.]org|[/]work[/]|[/]root[/]/
    assert.isAbove(tracked.length, 30)
    assert.deepStrictEqual(tracked.filter((file) => places.test(readFileSync(join(root, file), "latin1"))), [])
  })
})
