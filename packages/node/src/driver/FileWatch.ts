/**
 * Files and folders, as facts that are kept true.
 *
 * | word | | means |
 * | --- | --- | --- |
 * | `<watch-file path>` | fact, you | keep me told of the file at this absolute path |
 * | `<watch-folder path>` | fact, you | keep me told of a folder's entries; not of those further down |
 * | `<watching path>` | fact | there was a first look: what is held about the path, or not, is so |
 * | `<file path size modifiedMs>` | fact | there is such a file |
 * | `<file-changed path size modifiedMs>` | message | it has another content than when last looked at, or is there now |
 * | `<entry folder name kind size modifiedMs>` | fact | `kind` is `file`, `folder`, `link` or `other` |
 * | `<watch-failed demand reason>` | fact | it cannot be looked at, or only in part, or is only looked at now and then |
 *
 * A file that changes is never seen to be away: the new fact replaces the old one. What changes often is
 * told of now and then, at most once each `debounceMs`, and what was last said is what is there. A file
 * is watched through its folder, so that one which is moved to its place, as editors do, is noticed.
 *
 * Watching tells whoever can assert in the dataspace what files there are, and in a federated scope that
 * is every peer: say with `allow` what may be watched. It is asked about a path without `.` and `..`, and
 * when links lead elsewhere, at each look about where they lead.
 */
import { Pattern, Value } from "@colloquy/core"
import { Effect, Layer, type Scope } from "effect"
import type { BigIntStats } from "node:fs"
import { lstat, opendir, realpath, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import type { Space } from "../space/Space.ts"
import * as Demands from "./Demands.ts"
import * as Port from "./Port.ts"
import * as Reason from "./Reason.ts"
import * as Watcher from "./Watcher.ts"

/** What the driver keeps to. `allow` has no default: nothing is watched that nobody allowed. */
export interface Config extends Watcher.Limits {
  /** What may be watched. */
  readonly allow: (path: string) => boolean
  /** At one time; a demand for more fails with `too-many`. */
  readonly watchesMax: number
  /** Of one folder. */
  readonly entriesMax: number
}
/** What `layer` keeps to unless told otherwise. */
export const defaults: Omit<Config, "allow"> = {
  watchesMax: 1_000, // an eighth of what Linux gives a user at least
  entriesMax: 10_000, // a guess
  debounceMs: 50, // a guess: shorter than people notice
  pollMs: 5_000 // a guess
}

/** Watches what the dataspace asks for, as far as it is allowed. */
export const layer = (config: Partial<Config> & Pick<Config, "allow">): Layer.Layer<never, never, Space> => Layer.effectDiscard(driver({ ...defaults, ...config }))

const driver = (asked: Config): Effect.Effect<void, never, Space | Scope.Scope> => Effect.gen(function*() {
  const config = { ...asked, allow: Port.sure(asked.allow) }
  const port = yield* Port.make("file-watch")
  let watches = 0
  const serve = (label: string, watch: (path: string, facts: Facts) => () => void) =>
    Demands.serve(port, Pattern.record(label, Pattern.bind()), ([path]) => {
      const facts = factsOf(port, Value.record(label, path!), path!)
      const refused = (reason: Value.Value) => {
        facts.failed(reason)
        return facts.forget
      }
      const isPath = typeof path === "string" && Port.isPlainPath(path)
      if (!isPath) return refused(Reason.failure("misused", "what is watched is an absolute path, without . and .."))
      if (watches >= config.watchesMax) return refused(Reason.of("too-many"))
      if (!config.allow(path)) return refused(Reason.of("denied"))
      watches++
      const stop = watch(path, facts)
      return () => {
        watches--
        stop()
        facts.forget()
      }
    })
  yield* serve("watch-file", (path, facts) => watchFile(path, facts, port, config))
  yield* serve("watch-folder", (path, facts) => watchFolder(path, facts, config))
})

/** What is held about one path, by what it is about; nothing any more once it is forgotten. */
interface Facts {
  /** Makes this all that is held about what there is. */
  readonly become: (facts: ReadonlyMap<string, Value.Value>) => void
  readonly failed: (reason: Value.Value | undefined) => void
  readonly isForgotten: () => boolean
  readonly forget: () => void
}
const factsOf = (port: Port.Port, demand: Value.Value, path: Value.Value): Facts => {
  const held = new Map<string, Port.Held>()
  let isForgotten = false
  const set = (key: string, fact: Value.Value | undefined): void => {
    if (isForgotten) return
    const known = held.get(key)
    if (fact === undefined) {
      held.delete(key)
      known?.release()
    } else {
      // who hears of it may end all this within the call
      const one = known ?? port.hold()
      held.set(key, one)
      one.become(fact)
    }
  }
  return {
    become: (facts) => {
      for (const [name, fact] of facts) set(`/${name}`, fact)
      for (const key of held.keys()) if (key.startsWith("/") && !facts.has(key.slice(1))) set(key, undefined)
      set("watching", Value.record("watching", path))
    },
    failed: (reason) => set("failed", reason === undefined ? undefined : Value.record("watch-failed", demand, reason)),
    isForgotten: () => isForgotten,
    forget: () => {
      set("watching", undefined) // first: from here on, what is not held says nothing
      isForgotten = true
      for (const one of held.values()) one.release()
      held.clear()
    }
  }
}

const watchFile = (path: string, facts: Facts, port: Port.Port, { allow, ...limits }: Config): () => void => {
  const name = basename(path)
  let isFirst = true
  let last: string | undefined
  const look = async (deaf: NodeJS.ErrnoException | undefined): Promise<void> => {
    const real = await allowed(path, allow)
    const seen = typeof real === "string" ? await attempt(stat(real, { bigint: true })) : real
    if (facts.isForgotten()) return
    const isFile = !(seen instanceof Error) && seen.isFile()
    const content = isFile ? `${seen.dev} ${seen.ino} ${seen.size} ${seen.mtimeNs}` : undefined
    const isChanged = content !== undefined && content !== last && !isFirst
    facts.become(new Map(isFile ? [[name, Value.record("file", path, ...extent(seen))]] : []))
    if (isFile && isChanged) port.say(Value.record("file-changed", path, ...extent(seen)))
    if (seen instanceof Error) facts.failed(isAway(seen) ? undefined : Reason.ofError(seen))
    else facts.failed(isFile ? deafness(deaf) : Reason.failure("no-file", "something else has this name"))
    last = content
    isFirst = false
  }
  return Watcher.start({ ...limits, folder: dirname(path), concerns: (changed) => changed === name, look })
}

const watchFolder = (path: string, facts: Facts, { allow, entriesMax, ...limits }: Config): () => void => {
  const look = async (deaf: NodeJS.ErrnoException | undefined): Promise<void> => {
    const real = await allowed(path, allow)
    const names = typeof real === "string" ? await attempt(namesOf(real, entriesMax + 1)) : real
    if (names instanceof Error) {
      facts.become(new Map())
      return facts.failed(names.code === "ENOTDIR" ? Reason.failure("no-folder", "something else has this name") : Reason.ofError(names))
    }
    const entries = new Map<string, Value.Value>()
    for (const name of names.slice(0, entriesMax)) {
      if (facts.isForgotten()) return
      const seen = await attempt(lstat(join(real as string, name), { bigint: true }))
      if (!(seen instanceof Error)) entries.set(name, Value.record("entry", path, name, kindOf(seen), ...extent(seen)))
    }
    facts.become(entries)
    facts.failed(names.length > entriesMax ? Reason.failure("too-many", `it has more than ${entriesMax} entries`) : deafness(deaf))
  }
  return Watcher.start({ ...limits, folder: path, concerns: () => true, look })
}

/** Where a path leads, when that may be watched too. */
const allowed = async (path: string, allow: Config["allow"]): Promise<string | NodeJS.ErrnoException> => {
  const real = await attempt(realpath(path))
  if (typeof real !== "string" || real === path || allow(real)) return real
  return Object.assign(new Error("it leads elsewhere"), { code: "EACCES" })
}
/** Up to so many names: there may be more than anybody could hold. */
const namesOf = async (path: string, max: number): Promise<ReadonlyArray<string>> => {
  const names: Array<string> = []
  for await (const { name } of await opendir(path)) {
    names.push(name)
    if (names.length >= max) break
  }
  return names.sort()
}
const attempt = <A>(promise: Promise<A>): Promise<A | NodeJS.ErrnoException> => promise.catch((error: unknown) => error as NodeJS.ErrnoException)
const isAway = ({ code }: NodeJS.ErrnoException): boolean => code === "ENOENT" || code === "ENOTDIR"
const deafness = (deaf: NodeJS.ErrnoException | undefined): Value.Value | undefined =>
  deaf === undefined ? undefined : Reason.failure("deaf", `it is only looked at now and then: ${deaf.message}`)
const extent = ({ mtimeMs, size }: BigIntStats): readonly [size: number, modifiedMs: number] => [Number(size), Number(mtimeMs)]
const kindOf = (seen: BigIntStats): symbol =>
  Value.symbol(seen.isFile() ? "file" : seen.isDirectory() ? "folder" : seen.isSymbolicLink() ? "link" : "other")
