/** The examples as commands: all are on the page, explain themselves, and say in a line what is wrong with their words. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { once } from "node:events"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Program } from "./program.ts"

const examples = fileURLToPath(new URL("../../examples", import.meta.url))
const page = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
const textOf = (name: string): string => readFileSync(join(examples, name), "utf8")
const names = readdirSync(examples, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && /^main\(import\.meta/m.test(textOf(name)))
const listed = [...page.matchAll(/^\| `(\S+\.ts)([^`]*)` \| ([^|]+) \|/gm)].map(([, name = "", words = "", talk = ""]) => ({ name, words, talk }))

const run = async (...words: ReadonlyArray<string>) => {
  await using program = new Program(...words as [string])
  program.child.stdin!.end()
  const status = await program.exit
  return { status, lines: program.lines, errors: program.errors.filter((line) => line !== "") }
}

describe("the example programs", () => {
  it("are listed on the page, with a line to run and one to talk to them that their own heads have too", () => {
    assert.sameMembers(listed.map(({ name }) => name), names)
    assert.isAtLeast(names.length, 7)
    for (const { name, talk, words } of listed) {
      assert.include(textOf(name), `node packages/node/examples/${name}${words}`, name)
      for (const [, command] of talk.matchAll(/^`((?:nc|dig|ssh) [^`]+)`/g)) assert.include(textOf(name), command!, name)
    }
  })

  for (const name of names) {
    it(`${name} explains itself`, { timeout: 60_000 }, async () => {
      const { errors, lines, status } = await run(name, "--help")

      assert.deepStrictEqual([status, errors], [0, []])
      assert.include(lines[0], "DESCRIPTION")
      assert.isTrue(lines.some((line) => line.trim().startsWith(name)), "its usage")
    })
  }

  it("dns-proxy/main.ts writes addresses as the system does, who would not be known again otherwise", { timeout: 60_000 }, async () => {
    await using program = new Program("dns-proxy/main.ts", "--listen", "127.0.0.1:0", "--server", "0:0:0:0:0:0:0:1", "--server", "fe80::1%lo")

    await program.sees(/^answering at 127\.0\.0\.1:\d+, asking \[::1\]:53, \[fe80::1%lo\]:53$/)
  })

  it("refuse words that make no sense, and say why in a line", { timeout: 60_000 }, async () => {
    const [key, port] = [join(examples, "main.ts"), createServer()]
    port.listen(0, "127.0.0.1")
    await once(port, "listening")
    const taken = String((port.address() as { readonly port: number }).port)
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      [["echo.ts", "seven"], /<port>: "seven"/],
      [["echo.ts", "70000"], /between 0 and 65535/],
      [["echo.ts", "0", "1"], /positional argument: "1"/],
      [["echo.ts", taken], /^cannot have <tcp-listen <tcp "127\.0\.0\.1" \d+>>: in-use$/],
      [["chat.ts", "-1"], /-1/],
      [["teller.ts", "0", "ann"], /<counters>: "0"/],
      [["teller.ts", "many", "ann"], /<counters>: "many"/],
      [["teller.ts", "2"], /customer/],
      [["todo.ts"], /name/],
      [["todo.ts", "ann", "nowhere"], /"nowhere" is not an address/],
      [["todo.ts", "ann", `tcp://127.0.0.1:${taken}`], /it is in use/],
      [["supervisor.ts", "till"], /"till"/],
      [["dns-proxy/main.ts", "--port", "1"], /--port/],
      [["dns-proxy/main.ts", "--server", "9.9.9.9:53/x"], /an address: 127\.0\.0\.1, /],
      [["dns-proxy/main.ts", "--server", "[::1]:65536"], /an address: 127\.0\.0\.1, /],
      [["ssh/main.ts"], /NAME=FILE/],
      [["ssh/main.ts", "ann"], /NAME=FILE, such as/],
      [["ssh/main.ts", "ann=/nowhere.pub"], /\/nowhere\.pub/],
      [["ssh/main.ts", `ann=${key}`], /main\.ts, line 1: Unsupported key format/],
      [["ssh/main.ts", "--host-key", key, `ann=${key}`], /not a private key|Unsupported key format/],
      [["ssh/main.ts", "--port", "x", "ann=/nowhere.pub"], /--port/]
    ]
    await Promise.all(cases.map(async ([words, why]) => {
      const { errors, status } = await run(...words)

      assert.strictEqual(status, 1, words.join(" "))
      assert.match(errors.at(-1)!.trim(), why, words.join(" "))
      assert.isTrue(errors.length <= 2 && errors.every((line) => !/^\s+at /.test(line)), errors.join("\n"))
    }))
    port.close()
  })
})
