/** Recorded runs: of a real node that is killed, gone through again; and of files that are damaged. */
import { assert, describe, it } from "@effect/vitest"
import { Node, Process, Recording, Trace, Value } from "@colloquy/core"
import { mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Recorder from "../src/Recorder.ts"
import * as Replay from "../src/Replay.ts"
import { Processes } from "./processes.ts"
import type { Running } from "./running.ts"

const ends = async (running: Running) => ({ status: await running.exit, out: running.lines, error: running.errors.join(" ").trim() })

const inFolder = async (body: (folder: string, processes: Processes) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "colloquy-"))
  try {
    await using processes = new Processes()
    await body(folder, processes)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const config: Node.Config = { node: "solo", incarnation: 1, seed: 2 }
const told = (pid: string, ...actions: ReadonlyArray<Process.Action>): Node.Event =>
  ({ _tag: "Tell", space: "lobby", event: { _tag: "Enter", pid, name: pid, actions } })
const events: ReadonlyArray<Node.Event> = [
  told("ann", Process.assert(1, Value.record("present", "ann"))),
  { _tag: "Incoming", link: "in:1", from: "tcp://127.0.0.1:9", stream: true, at: 40 },
  { _tag: "Lost", link: "in:1", reason: "reset", at: 50 },
  told("bob", Process.send(Value.record("says", "bob")))
]

/** A recording of these events, made by a recorder. */
const record = (file: string, behaviours: ReadonlyArray<string> = []): ReadonlyArray<Node.State> => {
  const recorder = Recorder.open(file)
  const machine = Node.of({})
  const trace = Trace.run(machine, config, events)
  recorder.start(config, behaviours, trace.boot, assert.fail)
  for (const { actions, event } of trace.steps) recorder.step(event, actions)
  recorder.close()
  return Trace.states(machine, trace)
}

describe("a recorded node", () => {
  it("is gone through again after it was killed", { timeout: 90_000 }, () => inFolder(async (folder, processes) => {
    const file = join(folder, "run.rec")
    const { address, node } = await processes.serve("--id", "solo", "--listen", "tcp://127.0.0.1:0", "--record", file)
    const watcher = processes.run("watch", "--at", `${address}/lobby`, '<present "lobby" $who>')
    const asserter = processes.run("assert", "--at", `${address}/lobby`, '<present "lobby" "ann">')
    await watcher.sees('+ ["ann"]')
    // another command has come and gone: the turn that told the watcher is long over
    assert.strictEqual(await processes.run("send", "--at", `${address}/lobby`, "<says>").exit, 0)
    node.kill("SIGKILL")
    await node.exit
    assert.deepStrictEqual([asserter, watcher].map(({ child }) => child.exitCode), [null, null])

    const all = [...Replay.moments(file, {})]
    const replay = (...args: ReadonlyArray<string>) => ends(processes.run("replay", ...args, file))
    const [{ out, status }, { out: json }, found, linked, never] = await Promise.all([
      replay(),
      replay("--json", "--no-state"),
      replay("--no-state", "--until", '<present "lobby" "ann">'),
      replay("--no-state", "--json", "--until", "<peer $ $ #t>"),
      replay("--until", '<present "lobby" "eve">')
    ])

    // as the machine itself steps through the events of the file
    const [first, ...steps] = readFileSync(file, "utf8").split("\n").slice(0, -1)
    const start = Recording.readStart(first!) as Recording.Start
    const read = steps.map((line, i) => ({ event: (Recording.readStep(line, i + 2) as Recording.Step).event, actions: [] }))
    const live = Trace.states(Node.of({}), { config: start.config, steps: read })
    assert.isAbove(all.length, 15)
    assert.strictEqual(all.length, live.length)
    for (const [i, { after }] of all.entries()) assert.deepStrictEqual(Trace.diff(after, live[i]).found, [])

    assert.strictEqual(status, 0)
    assert.deepStrictEqual(out.filter((line) => line.startsWith("step ")).map((line) => Number(line.split(" ")[1])), all.map(({ n }) => n))
    assert.deepStrictEqual(json.map((line) => JSON.parse(line).step), all.map(({ n }) => n))

    assert.strictEqual(found.status, 0)
    assert.match(found.out.at(-1)!, /^found at step \d+: <present "lobby" "ann">$/)
    assert.include(found.out.join("\n"), 'said  Add <present "lobby" "ann">')
    const at = Number(/\d+/.exec(found.out.at(-1)!)![0])
    const [{ out: before }, { out: state }] = await Promise.all([replay("--at", String(at - 1)), replay("--at", String(at))])
    const holds = (lines: ReadonlyArray<string>) => lines.some((line) => line.includes('matches[["ann"]]'))
    assert.deepStrictEqual([holds(before), holds(state)], [false, true])

    assert.match(JSON.parse(linked.out.at(-1)!).what, /^<peer "client-/)
    assert.strictEqual(never.status, 1)
    assert.match(never.error, /^colloquy: nothing matches <present "lobby" "eve"> in \d+ steps$/)
  }))
  it("is recorded to a file of its own, that only its owner reads", { timeout: 60_000 }, () => inFolder(async (folder, processes) => {
    const file = join(folder, "run.rec")
    const { node } = await processes.serve("--listen", "tcp://127.0.0.1:0", "--record", file)

    const again = await ends(processes.run("serve", "--listen", "tcp://127.0.0.1:0", "--record", file))
    const nowhere = await ends(processes.run("serve", "--listen", "tcp://127.0.0.1:0", "--record", join(folder, "no", "run.rec")))
    node.kill("SIGTERM")

    assert.strictEqual(await node.exit, 0)
    assert.deepStrictEqual([again.status, nowhere.status], [1, 1])
    assert.match(again.error, /run\.rec is there already: a recording is never written over$/)
    assert.match(nowhere.error, /^colloquy: cannot record to .*ENOENT[^\n]*$/)
    assert.strictEqual(statSync(file).mode & 0o077, 0)
    // the farewell is in it
    const end = await ends(processes.run("replay", "--no-state", "--until", "Stopped", file))
    assert.match(end.out.at(-1)!, /^found at step \d+: Stopped$/)
  }))
})

describe("colloquy replay", () => {
  it("shows what a step was told, what it did and what it changed", { timeout: 60_000 }, () => inFolder(async (folder, processes) => {
    const file = join(folder, "run.rec")
    record(file)

    const { out } = await ends(processes.run("replay", "--from", "2", "--to", "2", file))

    assert.match(out[0]!, /^step 2 {2}\+\d+\.\d{3} s {2}Incoming \{link: "in:1", from: "tcp:\/\/127\.0\.0\.1:9", stream: true\}$/)
    assert.match(out[1]!, /^ {4}did {3}Write \{bytes: \d+ bytes, link: "in:1"\}$/)
    assert.deepStrictEqual(out.slice(2, 4), [
      '    did   SetTimer {timer: "hello in:1", afterMs: 10000}',
      '    + members.Operator.links["in:1"]: {address: "tcp://127.0.0.1:9", role: "acceptor", phase: "open"}'
    ])
    assert.match(out[4]!, /^ {4}\+ members\.Sessions\["in:1"\]: Live \{.*…$/)
    assert.strictEqual(out.length, 5)
  }))
  it("stops at a fact, at a message, at a tag and at a text", { timeout: 60_000 }, () => inFolder(async (folder, processes) => {
    const file = join(folder, "run.rec")
    record(file)
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["<present $>", 'found at step 1: <present "ann">'],
      ["<says _>", 'found at step 4: <says "bob">'],
      ["Lost", "found at step 3: Lost"],
      ["SetTimer", "found at step 2: SetTimer"],
      ['"reset"', 'found at step 3: step 3  +TIME s  Lost {link: "in:1", reason: "reset"}']
    ]
    await Promise.all(cases.map(async ([until, last]) => {
      const { out, status } = await ends(processes.run("replay", "--until", until, file))

      assert.strictEqual(out.at(-1)!.replace(/\+\d+\.\d+/, "+TIME"), last)
      assert.strictEqual(status, 0)
    }))
  }))
  it("reads a file up to the last whole line, and says that it is cut off", { timeout: 60_000 }, () => inFolder(async (folder, processes) => {
    const file = join(folder, "run.rec")
    record(file)
    const whole = readFileSync(file, "utf8")
    writeFileSync(file, whole.slice(0, -20))

    const { error, out, status } = await ends(processes.run("replay", "--no-state", file))

    assert.strictEqual(status, 0)
    assert.strictEqual(error, "colloquy: the last line is cut off; the recording ends with step 3")
    assert.match(out.findLast((line) => line.startsWith("step"))!, /^step 3 /)
  }))
  it("says in one line what is wrong with a file", { timeout: 90_000 }, () => inFolder(async (folder, processes) => {
    const good = join(folder, "good.rec")
    record(good)
    const lines = readFileSync(good, "utf8").split("\n")
    const file = (name: string, content: string | Uint8Array): string => {
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    }
    const changed = (from: string | RegExp, to: string): string => lines.join("\n").replace(from, to)
    const other = join(folder, "other.rec")
    record(other, ["clock"])
    const noModule = file("none.mjs", "export const behaviours = {}")
    const module = file("behaviours.mjs", "export default { clock: { initial: () => [0, []], transition: (state) => [state, []] } }")
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      [[join(folder, "absent")], /cannot read .*absent: ENOENT/],
      [[folder], /cannot read .*: EISDIR/],
      [[file("empty", "")], /line 1: the file is empty/],
      [[file("short", lines[0]!.slice(0, 30))], /line 1: this is not the beginning of a recording/],
      [[file("garbage", "hello\nworld\n")], /line 1: this is not the beginning/],
      [[file("binary", Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919) & 0xff))], /line 1: this is no text/],
      [[file("middle", [lines[0], lines[1], "garbage", ...lines.slice(3)].join("\n"))], /line 3: this is not a step/],
      [[file("gap", [lines[0], ...lines.slice(2)].join("\n"))], /line 2: step 1 should be here/],
      [[file("later", changed("colloquy-recording 1", "colloquy-recording 9"))], /line 1: its format is 9; this program reads format 1/],
      [[file("differs", changed(/"[0-9a-f]{8}">\n<step 3/, '"00000000">\n<step 3'))], /step 2 \(Incoming\) does not do .* 00000000 then/],
      [["--from", "9", good], /there is no step 9: the recording ends with step 4/],
      [["--at", "9", good], /there is no step 9/],
      [["--at=-3", good], /--at -3: steps count from 0/],
      [["--from", "5", "--to", "2", good], /there is no step between them/],
      [["--at", "1", "--until", "Lost", good], /leave out --from, --to and --until/],
      [["--behaviours", file("throws.mjs", "throw null"), other], /cannot use .*throws\.mjs: it threw null/],
      [["--until", "<present", good], /"<present" is not a pattern/],
      [["--until", "<says _>", "--to", "2", good], /nothing matches <says _> up to step 2/],
      [[other], /the node had behaviours that a recording does not hold \(clock\): give them with --behaviours MODULE/],
      [["--behaviours", join(folder, "absent.mjs"), other], /cannot use .*absent\.mjs: /],
      [["--behaviours", noModule, other], /cannot use .*none\.mjs: its default export is not an object of behaviours/]
    ]
    await Promise.all(cases.map(async ([args, error]) => {
      const end = await ends(processes.run("replay", "--no-state", ...args))

      assert.strictEqual(end.status, 1, args.join(" "))
      assert.match(end.error, error)
      assert.match(end.error, /^colloquy: [^\n]*$/)
      assert.notMatch(end.error, /\s{2,}at /, "no stack trace")
    }))
    assert.strictEqual((await ends(processes.run("replay", "--no-state", "--behaviours", module, other))).status, 0)
  }))
})

describe("a recorder", () => {
  const moments = (file: string) => {
    const steps = Replay.moments(file, {})
    const all: Array<Replay.Moment> = []
    for (;;) {
      const next = steps.next()
      if (next.done === true) return { all, end: next.value }
      all.push(next.value)
    }
  }
  it("writes what is read back, state by state", () => inFolder(async (folder) => {
    const states = record(join(folder, "run.rec"))

    const { all, end } = moments(join(folder, "run.rec"))

    assert.deepStrictEqual(end, { _tag: "End", last: 4, cut: false })
    assert.deepStrictEqual(all.map(({ event }) => event), [undefined, ...events])
    for (const [i, { after }] of all.entries()) assert.isTrue(Trace.same(after, states[i]))
  }))
  it("stops for good at what it cannot write, says so once, and never throws", () => inFolder(async (folder) => {
    const file = join(folder, "run.rec")
    const recorder = Recorder.open(file)
    const reasons: Array<string> = []
    recorder.start(config, [], [], (reason) => reasons.push(reason))
    const spawn = { _tag: "Spawn", name: "x", process: { behaviour: "x", config: () => {} } } as const

    recorder.step(events[1]!, Node.of({}).transition(Node.of({}).initial(config)[0], events[1]!)[1])
    recorder.step(told("ann", spawn), [])
    recorder.step(events[2]!, [])
    recorder.close()

    assert.deepStrictEqual(reasons, ["a function is no plain data at event.actions.0.process.config"])
    assert.deepStrictEqual(moments(file).end, { _tag: "Stopped", reason: reasons[0]!, last: 1 })
  }))
  it("gives up when nothing more can be written", () => inFolder(async (folder) => {
    const file = join(folder, "run.rec")
    writeFileSync(file, "")
    const reasons: Array<string> = []
    const recorder = Recorder.onto(openSync(file, "r")) // as a full disk: every write to it fails
    recorder.start(config, [], [], (reason) => reasons.push(reason))
    recorder.close()
    recorder.step(events[0]!, [])
    recorder.close()

    assert.strictEqual(reasons.length, 1)
    assert.match(reasons[0]!, /EBADF/)
  }))
})
