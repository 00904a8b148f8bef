/** Three nodes in a line, A - B - C, over TCP, a Unix socket and WebSocket, each a process of its own. */
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Processes } from "./processes.ts"

const line = async (processes: Processes, folder: string) => {
  const a = await processes.serve("--id", "A", "--listen", "tcp://127.0.0.1:0")
  const socket = join(folder, "b.sock")
  const serveB = () => processes.serve("--id", "B", "--listen", `unix:${socket}`, "--uplink", `lobby=${a.address}`)
  const b = await serveB()
  const c = await processes.serve("--id", "C", "--listen", "ws://127.0.0.1:0", "--uplink", `lobby=unix:${socket}#lobby`)
  return { b, serveB, at: { a: `${a.address}/lobby`, b: `unix:${socket}#lobby`, c: `${c.address}/lobby` } }
}

const scenario = async (body: (world: Awaited<ReturnType<typeof line>> & { readonly processes: Processes }) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "colloquy-"))
  try {
    await using processes = new Processes()
    await body({ ...await line(processes, folder), processes })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
const present = '<present "lobby" $who>'

describe("three nodes in a line", () => {
  it("shows a fact asserted at A to a watcher at C, and its end when the asserter is killed", { timeout: 60_000 }, () => scenario(async ({ at, processes }) => {
    const watcher = processes.run("watch", "--at", at.c, present)
    const asserter = processes.run("assert", "--at", at.a, '<present "lobby" "ann">')
    await watcher.sees('+ ["ann"]')

    asserter.kill("SIGKILL")
    await watcher.sees('- ["ann"]')

    assert.deepStrictEqual(watcher.lines, ['+ ["ann"]', '- ["ann"]'])
  }))

  it("carries a message sent at C to every watcher at A and B exactly once", { timeout: 60_000 }, () => scenario(async ({ at, processes }) => {
    const watchers = [at.a, at.a, at.b].map((url) => processes.run("watch", "--at", url, '<says $who $text>'))
    const overlapping = processes.run("watch", "--at", at.b, '<says _ $text>')
    // a watcher's interest is known at C when a fact from C has reached it
    const marks = processes.run("assert", "--at", at.c, '<says "mark" "here">')
    for (const watcher of watchers) await watcher.sees('+ ["mark" "here"]')
    await overlapping.sees('+ ["here"]')

    assert.strictEqual(await processes.run("send", "--at", at.c, '<says "cay" "hello">').exit, 0)
    assert.strictEqual(await processes.run("send", "--at", at.c, '<says "cay" "bye">').exit, 0)
    for (const watcher of watchers) await watcher.sees('! ["cay" "bye"]')
    await overlapping.sees('! ["bye"]')
    marks.kill("SIGTERM")
    for (const watcher of watchers) await watcher.sees('- ["mark" "here"]')

    for (const watcher of watchers) assert.deepStrictEqual(watcher.lines, ['+ ["mark" "here"]', '! ["cay" "hello"]', '! ["cay" "bye"]', '- ["mark" "here"]'])
    assert.strictEqual(await marks.exit, 0)
  }))

  it("is whole again after B was killed and came back", { timeout: 60_000 }, () => scenario(async ({ at, b, processes, serveB }) => {
    const watcher = processes.run("watch", "--at", at.c, present)
    processes.run("assert", "--at", at.a, '<present "lobby" "ann">')
    await watcher.sees('+ ["ann"]')

    b.node.kill("SIGKILL")
    await watcher.sees('- ["ann"]')
    await b.node.exit
    await serveB()
    await watcher.until("ann again", (lines) => lines.length === 3)
    processes.run("assert", "--at", at.b, '<present "lobby" "bob">')
    await watcher.sees('+ ["bob"]')

    assert.deepStrictEqual(watcher.lines, ['+ ["ann"]', '- ["ann"]', '+ ["ann"]', '+ ["bob"]'])
  }))

  it("stops cleanly on SIGTERM and SIGINT, saying farewell", { timeout: 60_000 }, () => scenario(async ({ at, b, processes }) => {
    const watcher = processes.run("watch", "--at", at.b, "--json", present)
    processes.run("assert", "--at", at.b, '<present "lobby" "ann">')
    await watcher.until("ann", (lines) => lines.length === 1)
    assert.deepStrictEqual(JSON.parse(watcher.lines[0]!), { event: "added", captures: ["ann"], names: ["who"] })

    b.node.kill("SIGTERM")
    assert.strictEqual(await b.node.exit, 0)
    watcher.kill("SIGINT")
    assert.strictEqual(await watcher.exit, 0)

    assert.isTrue(b.node.errors.some((text) => text.includes("the node stops")))
  }))
})
