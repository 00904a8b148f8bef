import { assert, describe, it } from "@effect/vitest"
import { Value } from "@colloquy/core"
import { Effect, Exit, Layer, Scope } from "effect"
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ChildProcess from "../../src/driver/ChildProcess.ts"
import { fields, print, program, record, space, symbol } from "./world.ts"

const world = Layer.provideMerge(ChildProcess.layer({ allow: () => true, allowEnv: () => true, allowFolder: () => true }), space)
const folder = realpathSync(mkdtempSync(join(tmpdir(), "colloquy-")))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

const options = (given: { readonly [name: string]: Value.Value }) =>
  new Value.Dictionary(Object.entries(given).map(([name, value]) => [symbol(name), value]))
const demand = (id: Value.Value, script: string, given: { readonly [name: string]: Value.Value } = {}, ...args: ReadonlyArray<string>) =>
  record("process", id, process.execPath, ["-e", script, ...args], options(given))
const credit = (id: Value.Value, stream: string, n: Value.Value) => record("process-credit", id, symbol(stream), n)
const eof = symbol("eof")

/** A program that hears of all that processes do. */
const witness = Effect.map(program, (me) => {
  for (const label of ["running", "failed", "written"]) me.observe(`process-${label}`, 2)
  for (const label of ["exited", "output", "unwritten"]) me.observe(`process-${label}`, 3)
  return me
})
const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Whether it does anything any more: an orphan stays until somebody asks what became of it. */
const isRunning = (pid: number): boolean => {
  if (!isThere(pid)) return false
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

describe("child processes", () => {
  it.live("run with their arguments, say what they say, and exit with a code", () => Effect.gen(function*() {
    const me = yield* witness
    const script = "console.log(process.argv.slice(1).join('|')); console.error('oh'); process.exitCode = 3"
    me.assert(demand("p", script, { credit: 10 }, "a b", "$HOME", "'; echo x"))

    const gone = yield* me.reads(/- <process-running "p" \d+> <process-exited "p" 3 #f>/)
    yield* me.reads('! <process-output "p" stdout eof>')
    yield* me.reads('! <process-output "p" stderr eof>')
    const text = me.text()

    assert.strictEqual(text[0], `+ <process-running "p" ${String(fields(gone)[1])}>`)
    assert.isBelow(text.indexOf('+ <process-exited "p" 3 #f>'), me.diary.indexOf(gone))
    const said = (stream: string) => text.map((line) => line.split(`! <process-output "p" ${stream} `)[1]).filter((line) => line !== undefined)
    assert.deepStrictEqual([said("stdout"), said("stderr")], [[`"a b|$HOME|'; echo x">`, "eof>"], ['"oh">', "eof>"]])
  }).pipe(Effect.provide(world)), 20_000)

  it.live("give lines by credit, without their ends, and the last one too, also after they exited", () => Effect.gen(function*() {
    const me = yield* witness
    me.assert(demand(1, "process.stdout.write('one\\r\\ntwo\\n\\nf\\u00fcnf\\nlast')"))
    yield* me.reads("+ <process-exited 1 0 #f>")
    const outputs = () => me.text().filter((line) => line.includes("stdout"))
    assert.deepStrictEqual(outputs(), [])

    me.send(credit(1, "stdout", 2))
    yield* me.reads('! <process-output 1 stdout "two">')
    assert.deepStrictEqual(outputs(), ['! <process-output 1 stdout "one">', '! <process-output 1 stdout "two">'])

    me.send(credit(1, "stdout", 0), credit(1, "stdout", -1), credit(1, "stdout", "x"), credit(1, "stdin", 5), credit(2, "stdout", 5))
    me.send(credit(1, "stdout", 2))
    yield* me.reads('! <process-output 1 stdout "fünf">')
    assert.deepStrictEqual(outputs().slice(2), ['! <process-output 1 stdout "">', '! <process-output 1 stdout "fünf">'])

    // the end has been read by now, and must not overtake what came before it
    for (let i = 0; i < 5; i++) yield* Effect.promise(() => new Promise(setImmediate))
    assert.strictEqual(outputs().length, 4)
    me.send(credit(1, "stdout", 1))
    yield* me.reads("! <process-output 1 stdout eof>")
    assert.deepStrictEqual(outputs().slice(4), ['! <process-output 1 stdout "last">', "! <process-output 1 stdout eof>"])
  }).pipe(Effect.provide(world)), 20_000)

  it.live("give exactly as many bytes as were granted", () => Effect.gen(function*() {
    const me = yield* witness
    const script = "process.stdout.write(Buffer.from(Array.from({ length: 300000 }, (_, i) => i & 255)))"
    me.assert(demand("b", script, { stdout: symbol("bytes"), credit: 5 }))
    const bytes = () => Buffer.concat(me.diary.map((entry) => fields(entry)[2]).filter((data) => data instanceof Uint8Array))
    yield* me.until(() => bytes().length >= 5)
    assert.deepStrictEqual([...bytes()], [0, 1, 2, 3, 4])

    me.send(credit("b", "stdout", 250_000))
    yield* me.until(() => bytes().length >= 250_005)
    assert.strictEqual(bytes().length, 250_005)
    assert.isFalse(me.text().some((line) => line.includes("exited"))) // more than the pipe holds is not read ahead

    me.send(credit("b", "stdout", 1_000_000))
    yield* me.reads('! <process-output "b" stdout eof>')
    assert.isTrue(bytes().equals(Buffer.from(Array.from({ length: 300_000 }, (_, i) => i & 255))))
    yield* me.reads('+ <process-exited "b" 0 #f>')
  }).pipe(Effect.provide(world)), 20_000)

  it.live("cut a line that does not end into pieces", () => Effect.gen(function*() {
    const me = yield* witness
    me.assert(demand("l", "process.stdout.write('abcdefghij\\nxyz\\n12345678')", { credit: 10 }))
    yield* me.reads('! <process-output "l" stdout eof>')

    const lines = me.diary.filter((entry) => fields(entry)[1] === symbol("stdout")).map((entry) => fields(entry)[2])
    assert.deepStrictEqual(lines, ["abcd", "efgh", "ij", "xyz", "1234", "5678", eof])
  }).pipe(Effect.provide(Layer.provideMerge(ChildProcess.layer({ allow: () => true, lineMax: 4 }), space))), 20_000)

  it.live("take what is said to them, acknowledge it, and refuse what is too much or too late", () => Effect.gen(function*() {
    const me = yield* witness
    me.assert(demand("cat", "process.stdin.pipe(process.stdout)", { credit: 100 }))
    yield* me.reads(/\+ <process-running/)
    const input = (n: number, data: Value.Value) => record("process-input", "cat", n, data)
    me.send(input(1, "hello\n"), input(2, Uint8Array.of(119, 10)), input(3, 7), input(4, "x".repeat(2000)), input(5, eof), input(6, "late"))

    yield* me.reads('+ <process-exited "cat" 0 #f>')
    yield* me.reads('! <process-output "cat" stdout eof>')
    assert.deepStrictEqual(me.text().filter((line) => line.includes("written")).sort(), [
      '! <process-unwritten "cat" 3 misused>', '! <process-unwritten "cat" 4 write-overflow>', '! <process-unwritten "cat" 6 closed>',
      '! <process-written "cat" 1>', '! <process-written "cat" 2>', '! <process-written "cat" 5>'
    ])
    const said = me.text().filter((line) => line.includes("stdout"))
    assert.deepStrictEqual(said, ["\"hello\"", "\"w\"", "eof"].map((line) => `! <process-output "cat" stdout ${line}>`))
  }).pipe(Effect.provide(Layer.provideMerge(ChildProcess.layer({ allow: () => true, inputMax: 1000 }), space))), 20_000)

  it.live("see only the environment that they are given, and their folder", () => Effect.gen(function*() {
    const me = yield* witness
    process.env.COLLOQUY_TEST_SECRET = "s"
    const script = "console.log(JSON.stringify([process.cwd(), process.env.A, process.env.COLLOQUY_TEST_SECRET, process.env.PATH !== undefined]))"
    const env = new Value.Dictionary([["A", "1"]])
    me.assert(demand("bare", script, { cwd: folder, env, credit: 1, stdin: symbol("none"), stderr: symbol("none") }))
    me.assert(demand("heir", script, { cwd: folder, inherit: true, credit: 1 }))

    const bare = yield* me.reads(/<process-output "bare" stdout "/)
    const heir = yield* me.reads(/<process-output "heir" stdout "/)
    delete process.env.COLLOQUY_TEST_SECRET

    assert.deepStrictEqual(JSON.parse(fields(bare)[2] as string), [folder, "1", null, true])
    assert.deepStrictEqual(JSON.parse(fields(heir)[2] as string), [folder, null, "s", true])
  }).pipe(Effect.provide(world)), 20_000)

  it.live("are told to end when the demand goes, and say with what", () => Effect.gen(function*() {
    const me = yield* witness
    const asked = me.assert(demand("t", "console.log('up'); setInterval(() => {}, 1000)", { credit: 1 }))
    yield* me.reads('! <process-output "t" stdout "up">')
    const pid = fields(me.diary[0]!)[1] as number

    asked.retract()
    yield* me.reads('! <process-exited "t" #f "SIGTERM">')

    assert.deepStrictEqual(me.text().slice(2), [`- <process-running "t" ${pid}>`, '! <process-exited "t" #f "SIGTERM">'])
    assert.isFalse(isThere(pid))
  }).pipe(Effect.provide(world)), 20_000)

  it.live("are killed when they do not listen, with those that they started", () => Effect.gen(function*() {
    const me = yield* witness
    const child = "process.on('SIGTERM', () => {}); console.log(process.pid); setInterval(() => {}, 1000)"
    const spawn = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' })`
    const script = `process.on('SIGTERM', () => {}); ${spawn}; setInterval(() => {}, 1000)`
    const asked = me.assert(demand("deaf", script, { credit: 1, killMs: 50 }))
    const grandchild = Number(fields(yield* me.reads(/<process-output "deaf" stdout/))[2])
    const pid = fields(me.diary[0]!)[1] as number

    asked.retract()
    yield* me.reads('! <process-exited "deaf" #f "SIGKILL">')

    assert.isFalse(isThere(pid))
    yield* Effect.promise(async () => { while (isRunning(grandchild)) await new Promise(setImmediate) })
  }).pipe(Effect.provide(world)), 20_000)

  it.live("are killed with what outlived them and keeps their output open", () => Effect.gen(function*() {
    const me = yield* witness
    const child = "console.log(process.pid); setInterval(() => {}, 1000)"
    const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' }).unref()`
    const asked = me.assert(demand("gone", script, { credit: 1, killMs: 1000 }))
    const grandchild = Number(fields(yield* me.reads(/<process-output "gone" stdout/))[2])
    yield* me.reads('+ <process-exited "gone" 0 #f>')
    const isLeft = isRunning(grandchild)

    asked.retract()

    yield* Effect.promise(async () => { while (isRunning(grandchild)) await new Promise(setImmediate) })
    assert.isTrue(isLeft)
  }).pipe(Effect.provide(world)), 20_000)

  it.live("are not started again before they have gone", () => Effect.gen(function*() {
    const me = yield* witness
    const again = demand("slow", "process.on('SIGTERM', () => process.exit(7)); console.log('up'); setInterval(() => {}, 1000)", { credit: 1 })
    const asked = me.assert(again)
    yield* me.reads(/stdout "up"/)
    asked.retract()
    const once = me.assert(again)
    once.retract()
    me.assert(again)
    yield* me.reads(/\+ <process-running "slow"/, 2)

    assert.deepStrictEqual(me.text().map((line) => line.replace(/\d+>$/, "N>")), [
      '+ <process-running "slow" N>', '! <process-output "slow" stdout "up">', '- <process-running "slow" N>',
      '! <process-exited "slow" 7 #f>', '+ <process-running "slow" N>'
    ])
  }).pipe(Effect.provide(world)), 20_000)

  it.live("are not waited for longer than the driver says when the layer is closed, whatever the demand says", () => Effect.gen(function*() {
    const scope = yield* Scope.make()
    const me = yield* witness
    yield* Layer.buildWithScope(ChildProcess.layer({ allow: () => true, killMs: 50 }), scope)
    me.assert(demand("deaf", "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)", { credit: 1, killMs: 3_600_000 }))
    yield* me.reads(/stdout "up"/)
    const pid = fields(me.diary[0]!)[1] as number

    yield* Scope.close(scope, Exit.void)

    assert.isFalse(isThere(pid))
  }).pipe(Effect.provide(space)), 20_000)

  it.live("are what is allowed, whatever the demand says of their environment and folder", () => Effect.gen(function*() {
    const me = yield* witness
    writeFileSync(join(folder, "tool"), "#!/bin/sh\necho not the real one\n", { mode: 0o755 })
    symlinkSync("/", join(folder, "out"))
    const none = { stdin: symbol("none"), credit: 1 }
    const env = (name: string, value: string) => ({ ...none, env: new Value.Dictionary([[name, value]]) })
    const run = (id: Value.Value, command: string, given: { readonly [name: string]: Value.Value }) =>
      me.assert(record("process", id, command, [], options(given)))
    run(1, "tool", env("PATH", folder))
    run(2, "tool", env("LD_PRELOAD", join(folder, "tool")))
    run(3, "./tool", none)
    run(4, "./tool", { ...none, cwd: folder })
    run(5, "true", { ...none, cwd: join(folder, "out") })
    run(6, "true", { ...none, cwd: join(folder, "nowhere") })
    run(8, "throws", none)
    run(7, "true", { ...env("COLOUR", "red"), cwd: join(folder, "..", folder.split("/").at(-1)!) })
    yield* me.reads(/^\+ <process-(failed|exited)/, 8)

    assert.deepStrictEqual(me.text().filter((line) => /failed|exited|real/.test(line)).sort(), [
      "+ <process-exited 7 0 #f>", ...[1, 2, 3, 4, 5].map((id) => `+ <process-failed ${id} denied>`), "+ <process-failed 6 not-found>", "+ <process-failed 8 denied>"
    ])
  }).pipe(Effect.provide(Layer.provideMerge(ChildProcess.layer({
    allow: (command) => {
      if (command === "throws") throw new Error("no")
      return command === "tool" || command === "true"
    },
    allowEnv: (name) => name === "COLOUR",
    allowFolder: (path) => path === folder
  }), space))), 20_000)

  it.live("have all gone when the layer is closed", () => Effect.gen(function*() {
    const scope = yield* Scope.make()
    const me = yield* witness
    yield* Layer.buildWithScope(ChildProcess.layer({ allow: () => true, killMs: 50 }), scope)
    me.assert(demand("a", "console.log('up'); setInterval(() => {}, 1000)", { credit: 1 }))
    me.assert(demand("b", "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)", { credit: 1 }))
    yield* me.reads(/stdout "up"/, 2)
    const pids = me.diary.filter(({ value }) => print({ sign: "+", value }).includes("running")).map((entry) => fields(entry)[1] as number)

    yield* Scope.close(scope, Exit.void)

    assert.strictEqual(pids.length, 2)
    assert.deepStrictEqual(pids.filter(isThere), [])
    assert.strictEqual(me.text().filter((line) => line.startsWith("- <process-running")).length, 2)
  }).pipe(Effect.provide(space)), 20_000)

  it.live("fail as a fact, as long as it is asked for", () => Effect.gen(function*() {
    const me = yield* witness
    const running = me.assert(demand("twice", "process.stdin.resume()"))
    yield* me.reads(/\+ <process-running/)
    const run = (id: Value.Value, command: Value.Value, args: Value.Value = [], given: Value.Value = options({})) =>
      record("process", id, command, args, given)
    const cases: ReadonlyArray<readonly [Value.Value, string]> = [
      [run(1, join(folder, "nobody")), "not-found"],
      [run(2, folder), "denied"],
      [run(3, ""), '<error "misused" "a command is a string">'],
      [run(4, "a\0b"), '<error "misused" "a command is a string">'],
      [run(5, "node", ["a", 1]), '<error "misused" "arguments are a sequence of strings">'],
      [run(6, "node", [], 7), '<error "misused" "options are a dictionary">'],
      [run(7, "node", [], options({ shell: true })), '<error "misused" "there is no option shell">'],
      [run(8, "node", [], options({ env: new Value.Dictionary([["A", 1]]) })), '<error "misused" "env is a dictionary of strings">'],
      [run(9, "node", [], options({ stdout: symbol("words") })), '<error "misused" "stdout and stderr are lines, bytes or none">'],
      [run(10, "node", [], options({ killMs: -1 })), '<error "misused" "killMs is a whole number of milliseconds, an hour at most">'],
      [run(11, "forbidden"), "denied"],
      [demand("twice", "0"), "id-in-use"]
    ]
    const held = cases.map(([fact]) => me.assert(fact))
    for (const [fact, why] of cases) yield* me.reads(`+ <process-failed ${JSON.stringify((fact as Value.Record).fields[0])} ${why}>`)
    const count = me.text().filter((line) => line.startsWith("+ <process-failed")).length
    for (const one of held) one.retract()
    yield* me.reads(/^- <process-failed/, cases.length)

    assert.strictEqual(count, cases.length)
    assert.isFalse(existsSync(join(folder, "nobody")))
    running.retract()
    yield* me.reads(/! <process-exited "twice"/)
  }).pipe(Effect.provide(Layer.provideMerge(ChildProcess.layer({ allow: (command) => command !== "forbidden" }), space))), 20_000)

  it.live("are no more than so many", () => Effect.gen(function*() {
    const me = yield* witness
    const first = me.assert(demand(1, "process.stdin.resume()"))
    yield* me.reads(/\+ <process-running 1 /)
    const second = me.assert(demand(2, "process.stdin.resume()"))
    yield* me.reads("+ <process-failed 2 too-many>")
    first.retract()
    second.retract()
    me.assert(demand(3, "0"))
    yield* me.reads("+ <process-exited 3 0 #f>")
  }).pipe(Effect.provide(Layer.provideMerge(ChildProcess.layer({ allow: () => true, processesMax: 1 }), space))), 20_000)
})

