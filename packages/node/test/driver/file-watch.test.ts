import { assert, describe, it } from "@effect/vitest"
import { Text, Value } from "@colloquy/core"
import { Effect, Exit, Layer, Scope } from "effect"
import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as FileWatch from "../../src/driver/FileWatch.ts"
import { fields, type Program, program, record, space } from "./world.ts"

const world = (config: Partial<FileWatch.Config> = {}) => Layer.provideMerge(FileWatch.layer({ allow: () => true, debounceMs: 5, ...config }), space)
/** What only the system's word, or only the clock, can have told. */
const never = 3_600_000

/** A program that hears of all that is watched, and a folder of its own. */
const witness = Effect.gen(function*() {
  const me = yield* program
  const words = { watching: 1, "watch-failed": 2, file: 3, "file-changed": 3, entry: 5 }
  for (const [label, count] of Object.entries(words)) me.observe(label, count)
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "colloquy-")))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  return { me, folder }
})
const quote = (text: string) => JSON.stringify(text)
const file = (path: string) => `<file ${quote(path)} ${statSync(path).size} ${Math.floor(statSync(path).mtimeMs)}>`
/** What is held now, by the diary. */
const held = (me: Program, label: string): ReadonlyArray<ReadonlyArray<Value.Value>> => {
  const all = new Map<string, ReadonlyArray<Value.Value>>()
  for (const entry of me.diary) {
    if (!(entry.value instanceof Value.Record) || entry.value.label !== Symbol.for(label)) continue
    const key = JSON.stringify(fields(entry).map(String))
    if (entry.sign === "+") all.set(key, fields(entry))
    else if (entry.sign === "-") all.delete(key)
  }
  return [...all.values()]
}
const entries = (me: Program) =>
  held(me, "entry").map(([, name, kind, size]) => [name, Text.print(kind!), ...kind === Symbol.for("file") ? [size] : []].join(" ")).sort()

describe("a file that is watched", () => {
  it.live("is a fact that is kept true, and never seen to be away while it changes", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    const path = join(folder, "a.txt")
    writeFileSync(path, "one")
    const first = file(path)
    const asked = me.assert(record("watch-file", path))
    yield* me.reads(`+ <watching ${quote(path)}>`)
    assert.deepStrictEqual(me.text(), [`+ ${first}`, `+ <watching ${quote(path)}>`])

    appendFileSync(path, "+two")
    const second = file(path)
    yield* me.reads(`! ${second.replace("<file", "<file-changed")}`)
    assert.deepStrictEqual(me.text().slice(2), [`+ ${second}`, `- ${first}`, `! ${second.replace("<file", "<file-changed")}`])

    unlinkSync(path)
    yield* me.reads(`- ${second}`)
    writeFileSync(path, "three")
    const third = file(path)
    yield* me.reads(`! ${third.replace("<file", "<file-changed")}`)
    asked.retract()
    yield* me.reads(`- <watching ${quote(path)}>`)
    yield* me.until(() => held(me, "file").length === 0)
    assert.deepStrictEqual(me.text().slice(-2), [`- <watching ${quote(path)}>`, `- ${third}`])
  }).pipe(Effect.provide(world({ pollMs: never }))), 20_000)

  it.live("is noticed when another one is moved to its place, and others in its folder are not", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    const path = join(folder, "a.txt")
    writeFileSync(path, "one")
    me.assert(record("watch-file", path))
    yield* me.reads(`+ <watching ${quote(path)}>`)
    writeFileSync(join(folder, "b.txt"), "two")
    renameSync(join(folder, "b.txt"), path)
    yield* me.reads(/^! <file-changed/)
    assert.deepStrictEqual(me.text().filter((line) => line.includes("b.txt")), [])
    assert.strictEqual(held(me, "file").length, 1)
  }).pipe(Effect.provide(world({ pollMs: never }))), 20_000)

  it.live("need not be there, nor its folder, which may be replaced", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    const path = join(folder, "sub", "a.txt")
    me.assert(record("watch-file", path))
    yield* me.reads(`+ <watching ${quote(path)}>`)
    assert.deepStrictEqual(me.text(), [`+ <watching ${quote(path)}>`])

    mkdirSync(join(folder, "sub"))
    writeFileSync(path, "one")
    yield* me.reads(/^! <file-changed .* 3 /)
    renameSync(join(folder, "sub"), join(folder, "old"))
    yield* me.reads(/^- <file /)
    mkdirSync(join(folder, "sub"))
    writeFileSync(path, "four")
    yield* me.reads(/^! <file-changed .* 4 /)
    assert.deepStrictEqual(held(me, "file").map(([, size]) => size), [4])
    const told = me.text().filter((line) => line.startsWith("!"))
    assert.strictEqual(new Set(told).size, told.length) // looking again is no change
  }).pipe(Effect.provide(world({ pollMs: 20 }))), 20_000)

  it.live("is told of no more often than is of use", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    const path = join(folder, "a.txt")
    writeFileSync(path, "")
    me.assert(record("watch-file", path))
    yield* me.reads(`+ <watching ${quote(path)}>`)
    for (let i = 0; i < 500; i++) {
      appendFileSync(path, "x")
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    yield* me.reads(/^! <file-changed .* 500 /)

    assert.isBelow(me.text().filter((line) => line.startsWith("!")).length, 5)
    assert.deepStrictEqual(held(me, "file").map(([, size]) => size), [500])
  }).pipe(Effect.provide(world({ debounceMs: 200, pollMs: never }))), 20_000)
})

describe("a folder that is watched", () => {
  it.live("shows its entries as they come, change and go", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    mkdirSync(join(folder, "sub"))
    writeFileSync(join(folder, "sub", "deep"), "")
    writeFileSync(join(folder, "a"), "1")
    symlinkSync("a", join(folder, "l"))
    const asked = me.assert(record("watch-folder", folder))
    yield* me.reads(`+ <watching ${quote(folder)}>`)
    assert.deepStrictEqual(entries(me), ["a file 1", "l link", "sub folder"])

    writeFileSync(join(folder, "b"), "22")
    unlinkSync(join(folder, "l"))
    appendFileSync(join(folder, "a"), "1")
    yield* me.until(() => entries(me).join() === "a file 2,b file 2,sub folder")

    asked.retract()
    yield* me.reads(`- <watching ${quote(folder)}>`)
    yield* me.until(() => entries(me).length === 0)
  }).pipe(Effect.provide(world({ pollMs: never }))), 20_000)

  it.live("may not be there, and come back", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    const path = join(folder, "sub")
    me.assert(record("watch-folder", path))
    const failed = `<watch-failed <watch-folder ${quote(path)}> not-found>`
    yield* me.reads(`+ ${failed}`)
    mkdirSync(path)
    writeFileSync(join(path, "a"), "")
    yield* me.reads(`- ${failed}`)
    yield* me.until(() => entries(me).join() === "a file 0")
    rmSync(path, { recursive: true })
    yield* me.reads(`+ ${failed}`, 2)
    assert.deepStrictEqual(entries(me), [])
  }).pipe(Effect.provide(world({ pollMs: 20 }))), 20_000)

  it.live("is shown in part when it is too large", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    for (const name of ["a", "b", "c", "d"]) writeFileSync(join(folder, name), "")
    me.assert(record("watch-folder", folder))
    const failed = `<watch-failed <watch-folder ${quote(folder)}> <error "too-many" "it has more than 3 entries">>`
    yield* me.reads(`+ ${failed}`)
    assert.strictEqual(entries(me).length, 3)
    rmSync(join(folder, "b"))
    yield* me.reads(`- ${failed}`)
    assert.deepStrictEqual(entries(me), ["a file 0", "c file 0", "d file 0"])
  }).pipe(Effect.provide(world({ entriesMax: 3, pollMs: never }))), 20_000)
})

describe("watching", () => {
  it.live("is refused for a reason", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    writeFileSync(join(folder, "a"), "")
    const cases: ReadonlyArray<readonly [string, Value.Value, string]> = [
      ["watch-file", "a", '<error "misused" "what is watched is an absolute path, without . and ..">'],
      ["watch-folder", 7, '<error "misused" "what is watched is an absolute path, without . and ..">'],
      ["watch-file", "/a\0b", '<error "misused" "what is watched is an absolute path, without . and ..">'],
      ["watch-file", `${folder}/../secret`, '<error "misused" "what is watched is an absolute path, without . and ..">'],
      ["watch-folder", `${folder}/.`, '<error "misused" "what is watched is an absolute path, without . and ..">'],
      ["watch-file", "/secret", "denied"],
      ["watch-file", folder, '<error "no-file" "something else has this name">'],
      ["watch-folder", join(folder, "a"), '<error "no-folder" "something else has this name">'],
      ["watch-file", join(folder, "a"), "too-many"]
    ]
    const watched = me.assert(record("watch-folder", folder))
    watched.retract()
    for (const [label, path, why] of cases) {
      me.assert(record(label, path))
      yield* me.until((diary) => diary.some(({ sign, value }) => sign === "+" && Value.isRecord(value, "watch-failed", 2)
        && Text.print(fields({ sign, value })[0]!) === Text.print(record(label, path)) && Text.print(fields({ sign, value })[1]!) === why))
    }
    assert.deepStrictEqual(held(me, "file"), [])
  }).pipe(Effect.provide(world({ watchesMax: 2, allow: (path) => path !== "/secret" }))), 20_000)

  it.live("does not follow links to where nothing may be watched", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    const [shown, hidden] = [join(folder, "shown"), join(folder, "hidden")]
    for (const path of [shown, hidden]) mkdirSync(path)
    writeFileSync(join(hidden, "secret"), "")
    writeFileSync(join(shown, "open"), "")
    symlinkSync(join(hidden, "secret"), join(shown, "file"))
    symlinkSync(hidden, join(shown, "folder"))
    symlinkSync(join(shown, "open"), join(shown, "link"))
    const asked: ReadonlyArray<readonly [string, string]> = [["watch-file", "file"], ["watch-file", "folder/secret"], ["watch-folder", "folder"]]
    for (const [label, name] of asked) {
      me.assert(record(label, join(shown, name)))
      yield* me.reads(`+ <watch-failed <${label} ${quote(join(shown, name))}> denied>`)
    }
    me.assert(record("watch-file", join(shown, "link")))
    yield* me.reads(`+ ${file(join(shown, "link"))}`)

    assert.deepStrictEqual([held(me, "file").length, held(me, "entry").length], [1, 0])
  }).pipe(Effect.provide(world({ allow: (path) => {
    if (path.includes("hidden")) throw new Error("no")
    return path.includes("shown")
  } }))), 20_000)

  it.live("leaves nothing when the layer is closed", () => Effect.gen(function*() {
    const { folder, me } = yield* witness
    writeFileSync(join(folder, "a"), "")
    const scope = yield* Scope.make()
    yield* Layer.buildWithScope(FileWatch.layer({ allow: () => true }), scope)
    me.assert(record("watch-folder", folder))
    me.assert(record("watch-file", join(folder, "a")))
    yield* me.reads(/^\+ <watching/, 2)
    const watchers = () => process.getActiveResourcesInfo().filter((name) => name === "FSEventWrap").length
    const before = watchers()

    yield* Scope.close(scope, Exit.void)

    yield* me.until(() => ["entry", "file", "watching"].every((label) => held(me, label).length === 0))
    assert.isAtLeast(before, 2)
    yield* Effect.promise(async () => { while (watchers() > before - 2) await new Promise(setImmediate) })
  }).pipe(Effect.provide(space)), 20_000)
})
