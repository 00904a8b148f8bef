/**
 * Bugs planted on purpose, one at a time, in a copy of core: the random checks that the suite runs
 * must find every one of them, or they prove little about the code as it is.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const packages = fileURLToPath(new URL("../..", import.meta.url))

interface Change {
  readonly file: string
  readonly from: string
  readonly to: string
}
interface Mutant extends Change {
  readonly bug: string
  /** Where it is in two places, of two files. */
  readonly also?: Change
  /** Which check must find it. */
  readonly check: "kernel" | "fuel" | "conversation" | "network" | "sparing" | "tree" | "gentle"
}
const turn = "dataspace/Turn.ts"
const dataspace = "dataspace/Dataspace.ts"
const interest = "federation/Interest.ts"
const mutants: ReadonlyArray<Mutant> = [
  { bug: "a process that ends keeps one of its facts", check: "kernel", file: turn, from: "sort(([a], [b]) => byHandle(a, b)))", to: "sort(([a], [b]) => byHandle(a, b)).slice(1))" },
  { bug: "removals are told before additions", check: "kernel", file: dataspace, from: "{ added, received, removed }: News", to: "{ added: removed, received, removed: added }: News" },
  { bug: "half of a crashed turn takes effect", check: "kernel", file: dataspace, from: "    return endAs(draft, before, Turn.crash(error))\n", to: "    apply(draft, staged)\n    return endAs(draft, before, Turn.crash(error))\n" },
  { bug: "a second copy of a fact is not counted", check: "kernel", file: dataspace, from: "const local = old.local + localDelta", to: "const local = Math.min(old.local + localDelta, 1)" },
  { bug: "a process hears of an observation that it no longer holds", check: "kernel", file: dataspace, from: "process.held.get(event.handle)?.observed?.id === id", to: "true" },
  { bug: "what waits for an observation that goes meanwhile is told all the same", check: "kernel", file: dataspace, from: "  draft.hasWithdrawn = true\n", to: "" },
  { bug: "a new observation is not told what stands", check: "kernel", file: dataspace, from: "for (const captures of Captures.seenBy(known, observer.foreign)) news", to: "for (const captures of [] as Array<Process.Captures>) news" },
  { bug: "captures go with the first of the values that show them", check: "kernel", file: "dataspace/Captures.ts", from: "local: before.local + (by.local ?? 0)", to: "local: Math.min(1, before.local + (by.local ?? 0))" },
  { bug: "a number of a process is used again", check: "kernel", file: turn, from: "const number = staged.nextPid++", to: "const number = Math.min(staged.nextPid++, 3)" },
  { bug: "a handle that is asserted anew keeps the old fact as well", check: "kernel", file: turn, from: "if (old !== undefined) withdraw(staged, process, handle, old, undefined)", to: "" },
  { bug: "the reason of a retraction is lost", check: "kernel", file: turn, from: "  withdraw(staged, process, handle, old, reason)\n", to: "  withdraw(staged, process, handle, old, undefined)\n" },
  { bug: "a replacement looks like an absence", check: "kernel", file: dataspace, from: "  if (list !== undefined) for (const change of list) if (change.local > 0 || change.foreign > 0) changeCopies(draft, news, change, Math.max(0, change.local), Math.max(0, change.foreign))\n", to: "" },
  { bug: "a message is told to each pattern in the order of the index", check: "kernel", file: "dataspace/News.ts", from: "tail = told.splice(from).sort((a, b) => a.observer.id - b.observer.id)", to: "tail = told.splice(from).sort((a, b) => b.observer.id - a.observer.id)" },
  { bug: "the index forgets who wants what when the last that has it goes", check: "kernel", file: "dataspace/Index.ts", from: "group === undefined ? leaves.delete(projected) : leaves.set(projected, group)", to: "leaves.delete(projected)" },
  { bug: "what nobody observes any more outside is still shown inside", check: "kernel", file: "dataspace/Nested.ts", from: "stale.push(Process.retract(shown))", to: "void shown" },
  { bug: "what goes inside stays outside", check: "kernel", file: "dataspace/Nested.ts", from: "draft.out.push(Process.retract(outward.get(key)!, _tag === \"Removed\" ? event.reason : undefined))", to: "" },
  { bug: "the nested dataspace does not end with its last process", check: "kernel", file: "dataspace/Nested.ts", from: "if (Dataspace.population(inner) <= 1) draft.out.push(Process.quit())", to: "" },
  { bug: "who waits when the fuel ends is forgotten", check: "fuel", file: dataspace, from: "pending: Queue.append(pending, left)", to: "pending: Queue.append(pending, left.slice(1))" },
  { bug: "nobody is asked to continue", check: "fuel", file: dataspace, from: "if (!scheduled) draft.act({ _tag: \"Continue\" })", to: "" },
  { bug: "observers see observers", check: "conversation", file: "conversation/Role.ts", from: "interest === \"everything\" ?", to: "interest !== \"participant\" ?" },
  { bug: "an open topic is not looked for", check: "conversation", file: "conversation/Role.ts", from: "at(sameHead, one, two))), at(open, open, open)]", to: "at(sameHead, one, two)))]" },
  { bug: "one variable may stand for two values", check: "conversation", file: "conversation/Topic.ts", from: "if (known !== undefined) return known", to: "" },
  { bug: "absence of a set is told for the first that goes", check: "conversation", file: "conversation/Conversation.ts", from: "return [before === 0 || after === 0,", to: "return [before === 0 || delta < 0," },
  { bug: "whoever withdraws an endpoint does not hear of it", check: "conversation", file: "conversation/Conversation.ts", from: "if (endpoint.peers.size > 0) wait", to: "if (endpoint.peers.size > 1) wait" },
  { bug: "an endpoint's number is used again", check: "conversation", file: "conversation/Conversation.ts", from: "next: n + 1 }", to: "next: Math.max(3, n) }" },
  { bug: "an endpoint of a link is used again", check: "network", file: interest, from: "const endpoint = draft.next++\n  draft.names", to: "const endpoint = Math.min(draft.next++, 3)\n  draft.names" },
  { bug: "a link is asked again under the name that it was asked before", check: "network", file: interest, from: "renamed: draft.links.get(link)!.renamed.set(key, endpoint)", to: "renamed: draft.links.get(link)!.renamed" },
  { bug: "one retraction in the federation is dropped", check: "network", file: "federation/Run.ts", from: "this.#tell(captures, others, \"Del\", encoded, why)", to: "" },
  { bug: "a link is told what came from it", check: "network", file: "federation/Run.ts", from: "if (link === this.#link) return", to: "" },
  { bug: "a message goes back to where it came from", check: "sparing", file: "federation/Messages.ts", from: "if (holder === link || isLingering(draft, holder)) return", to: "if (isLingering(draft, holder)) return" },
  { bug: "a new holder is not told what stands", check: "network", file: interest, from: "if (isSuppliedToOther(draft, key, captures, suppliers, link)) inform(draft, link, \"Add\", endpoint, ofKey(captures))", to: "" },
  { bug: "a clear is not answered", check: "network", file: interest, from: "say(draft, link, { _tag: \"End\", endpoint })", to: "" },
  { bug: "a reconnection is not tried again", check: "network", file: "node/Operator.ts", from: "afterMs: Math.round(ceiling / 2 + fraction * ceiling / 2)", to: "afterMs: 1e9" },
  { bug: "any neighbour will do as parent, be it feasible or not", check: "tree", file: "topology/Way.ts", from: "if (isBefore(it.heard!, draft.feasible)) way", to: "way", also: { file: "topology/Neighbours.ts", from: "&& isBefore(draft.feasible, feasible)", to: "" } },
  { bug: "a node attaches elsewhere before it has let go", check: "tree", file: "topology/Way.ts", from: "if (draft.above !== undefined) return leave(draft, draft.above)\n  draft.above = link", to: "if (draft.above !== undefined) leave(draft, draft.above)\n  draft.above = link" },
  { bug: "a second link of a peer is taken beside the first", check: "tree", file: "topology/Joining.ts", from: "if (known !== undefined) refuse(draft, known, {", to: "if (known === \"\") refuse(draft, known, {" },
  { bug: "what lingers is never forgotten", check: "tree", file: "topology/Topology.ts", from: "case \"GraceOver\": onGraceOver(draft, event.edge); break", to: "case \"GraceOver\": break" },
  { bug: "messages that came before are let through", check: "gentle", file: "federation/Stamps.ts", from: "link === known!.link ? stamp : null]", to: "link === known!.link ? stamp : stamp]" },
  { bug: "nothing lingers", check: "gentle", file: "topology/Edges.ts", from: "const linger = isSudden && graceMs > 0", to: "const linger = graceMs < 0" }
]

/** A copy of core and of the checks, in a folder of its own; each worker has one. */
const workshop = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "colloquy-mutants-"))
  for (const name of ["core", "testkit"]) {
    cpSync(join(packages, name, "src"), join(folder, name, "src"), { recursive: true })
    cpSync(join(packages, name, "package.json"), join(folder, name, "package.json"))
  }
  cpSync(join(packages, "testkit/test/mutant.ts"), join(folder, "testkit/test/mutant.ts"))
  mkdirSync(join(folder, "node_modules/@colloquy"), { recursive: true })
  symlinkSync(join(folder, "core"), join(folder, "node_modules/@colloquy/core"), "dir")
  symlinkSync(join(packages, "../node_modules/effect"), join(folder, "node_modules/effect"), "dir")
  return folder
}
/** Yields what takes it back. */
const plant = (folder: string, { file, from, to }: Change): (() => void) => {
  const path = join(folder, "core/src", file)
  const source = readFileSync(path, "utf8")
  assert.strictEqual(source.split(from).length, 2, `${file} has once: ${from}`)
  writeFileSync(path, source.replace(from, () => to))
  return () => writeFileSync(path, source)
}
/** What a check prints about the core in this folder: nothing when it finds nothing. */
const look = (folder: string, check: string): Promise<string> => new Promise((done) => {
  execFile(process.execPath, [join(folder, "testkit/test/mutant.ts"), check], { timeout: 60_000 }, (error, stdout, stderr) => done(error === null ? "" : stdout || stderr || "it did not end"))
})

describe("planted bugs", () => {
  it(`are found, all ${mutants.length}, and nothing is found where none was planted`, { timeout: 240_000 }, async () => {
    const folders = Array.from({ length: availableParallelism() }, workshop)
    const missed: Array<string> = []
    const jobs: Array<(folder: string) => Promise<void>> = [...new Set(mutants.map(({ check }) => check))].map((check) => async (folder) => {
      assert.strictEqual(await look(folder, check), "", `${check}, nothing planted`)
    })
    for (const mutant of mutants) {
      const { also, bug, check } = mutant
      jobs.push(async (folder) => {
        const mend = [mutant, ...(also === undefined ? [] : [also])].map((change) => plant(folder, change))
        const found = await look(folder, check)
        if (found === "") missed.push(bug)
        const [, steps] = / \((\d+) steps\)$/.exec(found.trim()) ?? []
        if (check === "tree" || check === "gentle") assert.isBelow(Number(steps), 100, `${bug} is shown by few steps of the thousand: ${found}`)
        for (const one of mend) one()
      })
    }
    await Promise.all(folders.map(async (folder) => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job(folder)
    }))
    for (const folder of folders) rmSync(folder, { recursive: true })

    assert.deepStrictEqual(missed, [])
    assert.isAtLeast(mutants.length, 12)
  })
})
