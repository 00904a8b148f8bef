/** What people get to read when they are wrong, or the world is: one clear line, and a status that is not zero. */
import { assert, describe, it } from "@effect/vitest"
import { Processes } from "./processes.ts"
import type { Running } from "./running.ts"

const ends = async (running: Running) => ({ status: await running.exit, error: running.errors.join(" ").trim(), out: running.lines })

describe("colloquy", () => {
  it("names what is wrong with arguments, values, patterns and addresses", { timeout: 60_000 }, async () => {
    await using processes = new Processes()
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      [["assert", "--at", "tcp://127.0.0.1:1", "<present"], /"<present" is not a value: the text ends inside a value, at character 9/],
      [["watch", "--at", "tcp://127.0.0.1:1", "#{$x}"], /is not a pattern/],
      [["watch", "--at", "http://127.0.0.1:1", "_"], /is not an address: its scheme is not tcp, ws or unix/],
      [["watch", "--at", "tcp://127.0.0.1", "_"], /a host and a port are needed/],
      [["status", "--at", "tcp://127.0.0.1:1"], /cannot reach tcp:\/\/127.0.0.1:1: nobody listens there \(ECONNREFUSED\)\. Is a node running there\?/],
      [["status", "--at", "unix:/nowhere/at/all.sock"], /there is no such file or folder \(ENOENT\)/],
      [["serve", "--listen", "tcp://0.0.0.0:0"], /links carry no authentication.*--insecure/],
      [["serve", "--uplink", "lobby"], /write LOCALSCOPE=URL/],
      [["serve", "--listen", "tcp://127.0.0.1:0", "--uplink", "lobby=nowhere"], /"nowhere" is not an address/],
      [["serve", "--config", "/nowhere.json"], /cannot read \/nowhere.json/],
      [["watch", "--at"], /at/],
      [["dance"], /dance/]
    ]
    await Promise.all(cases.map(async ([args, error]) => {
      const end = await ends(processes.run(...args))

      assert.strictEqual(end.status, 1, args.join(" "))
      assert.match(end.error, error)
      assert.notMatch(end.error, /\n\s+at /, "no stack trace")
    }))
  })

  it("says that an address is taken", { timeout: 60_000 }, async () => {
    await using processes = new Processes()
    const { address } = await processes.serve("--listen", "tcp://127.0.0.1:0")

    const end = await ends(processes.run("serve", "--listen", address))

    assert.strictEqual(end.status, 1)
    assert.match(end.error, /it is in use.*EADDRINUSE/)
  })

  it("serves, and describes itself to status", { timeout: 60_000 }, async () => {
    await using processes = new Processes()
    const { address } = await processes.serve("--id", "solo", "--listen", "tcp://127.0.0.1:0")
    const asserter = processes.run("assert", "--at", `${address}/lobby`, "<x 1>", "<x 2>")
    const watcher = processes.run("watch", "--at", `${address}/lobby`, "<x $>")
    await watcher.sees("+ [2]")

    const { out, status } = await ends(processes.run("status", "--json", "--at", address))

    const said = JSON.parse(out.join("\n"))
    assert.strictEqual(status, 0)
    assert.strictEqual(said.node[0].id, "solo")
    assert.deepStrictEqual(said.listener, [{ address }])
    assert.strictEqual(said.link.length, 2)
    assert.strictEqual(said.peer.length, 2)
    asserter.child.stdin!.end()
    assert.strictEqual(await asserter.exit, 0)
    await watcher.sees("- [2]")
  })

  it("chats: who is here, what they say, who left", { timeout: 60_000 }, async () => {
    await using processes = new Processes()
    const { address } = await processes.serve("--listen", "ws://127.0.0.1:0")
    const ann = processes.run("chat", "--at", address, "--name", "ann")
    await ann.sees("* ann is here")
    const bob = processes.run("chat", "--at", address, "--name", "bob")
    await ann.sees("* bob is here")
    await bob.sees("* ann is here")

    ann.child.stdin!.write("hello\n")
    await bob.sees("ann: hello")
    bob.child.stdin!.end()
    await ann.sees("* bob left")

    assert.deepStrictEqual(ann.lines, ["* ann is here", "* bob is here", "ann: hello", "* bob left"])
  })
})
