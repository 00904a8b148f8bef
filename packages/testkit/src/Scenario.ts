/**
 * Scenarios: text files that tell a story about a machine, in the manner of cockroachdb/datadriven and
 * of etcd's raft. A command, its input if it has any, a `----`, and what came of it:
 *
 *     # Nobody is told twice.
 *     assert ann 1 <present "lobby" "ann"> drop=(a,b)
 *     ----
 *     screen: Added who ["ann"]
 *
 * An output ends with a blank line. One that holds blank lines or dashes stands between two fences, a
 * second and a last line of dashes. `REWRITE=1` writes what the handler said into the file; read the
 * difference as if a colleague had written it.
 *
 * Promises: a file that is parsed and printed is the same, byte for byte, and a rewrite changes nothing
 * but outputs; what could be read in two ways is refused, with its line; a CI never rewrites.
 */
import { Binary, Machine, type Pattern, PatternText, Text, type Value } from "@colloquy/core"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { it } from "vitest"
import { type Command, commandOf, isRule } from "./Command.ts"
import * as Show from "./Show.ts"

/** One command of a file, with its input and what should come of it. */
export interface Directive extends Command {
  /** Of the command, from 1. */
  readonly line: number
  /** Comments and blank lines before it. */
  readonly preamble: ReadonlyArray<string>
  /** The lines between the command and the rule. */
  readonly input: ReadonlyArray<string>
  /** The line of dashes around the output, if there is one. */
  readonly fence: string | undefined
  /** The lines of the output, without its fence. */
  readonly expected: ReadonlyArray<string>
}
/** A scenario, parsed; `print` gives back its bytes. */
export interface File {
  readonly directives: ReadonlyArray<Directive>
  /** What follows the last one. */
  readonly trailer: ReadonlyArray<string>
}
/** Carries out a command and says what came of it. What it throws is a mistake in the file, or in the handler. */
export type Handler = (directive: Directive) => string

/** A file that is no scenario, or a command that could not be carried out. The message begins with file:line. */
export class Malformed extends Error {
  readonly _tag = "Malformed"
}
/** A command that came to something else than its file says. The message begins with file:line. */
export class Mismatch extends Error {
  readonly _tag = "Mismatch"
}

// ---- the format ---------------------------------------------------------------------------------

const rule = "----"
const isBlank = (line: string): boolean => line.trim() === ""
const isQuiet = (line: string): boolean => isBlank(line) || line.trimStart().startsWith("#")

const onlySpaces = "spaces alone neither end an output nor belong to it: make the line empty, or use a fence"
const secondRule = `a second ${rule}: leave a blank line before the command, or use a fence`

/** Throws `Malformed`; `path` is what its message calls the file. */
export const parse = (text: string, path = "scenario"): File => {
  const lines = text.split("\n")
  const refuse = (line: number, why: string): never => {
    throw new Malformed(`${path}:${line + 1}: ${why}`)
  }
  const carriage = lines.findIndex((line) => line.includes("\r"))
  if (carriage >= 0) refuse(carriage, "a carriage return: lines end with a line feed alone")
  const directives: Array<Directive> = []
  let at = 0
  const take = (until: (line: string) => boolean): ReadonlyArray<string> => {
    const start = at
    while (at < lines.length && !until(lines[at]!)) at++
    return lines.slice(start, at)
  }
  const output = (): Pick<Directive, "expected" | "fence"> => {
    if (at < lines.length && isRule(lines[at]!)) {
      const [opened, fence] = [at, lines[at++]!]
      const expected = take((line) => line === fence)
      if (at === lines.length) refuse(opened, `the fence ${fence} is not closed`)
      if (++at < lines.length && lines[at] !== "") refuse(at, "a blank line has to follow a fence")
      return { expected, fence }
    }
    const expected = take((line) => isBlank(line) || isRule(line))
    if (at < lines.length && lines[at] !== "") refuse(at, isBlank(lines[at]!) ? onlySpaces : secondRule)
    return { expected, fence: undefined }
  }
  for (;;) {
    const preamble = take((line) => !isQuiet(line))
    if (at === lines.length) return { directives, trailer: preamble }
    const line = at
    const head = lines[at++]!
    if (isRule(head)) refuse(line, `a ${head} without a command`)
    const input = take((line) => line === rule || isBlank(line))
    if (lines[at++] !== rule) refuse(line, `no ${rule} follows "${head}"`)
    const command = commandOf(head)
    if (typeof command === "string") throw new Malformed(`${path}:${line + 1}: ${command}`)
    directives.push({ ...command, line: line + 1, preamble, input, ...output() })
  }
}

/** The text of a file, byte for byte what it was parsed from. */
export const print = ({ directives, trailer }: File): string =>
  [
    ...directives.flatMap((directive, i) => {
      const { head, input, preamble } = directive
      return [...(i === 0 ? preamble : apart(preamble)), head, ...input, rule, ...outputOf(directive)]
    }),
    ...(directives.length === 0 || trailer.length === 0 ? trailer : apart(trailer))
  ].join("\n")

/** An output ends with a blank line, whatever follows. */
const apart = (lines: ReadonlyArray<string>): ReadonlyArray<string> => lines[0] === "" ? lines : ["", ...lines]

const outputOf = ({ expected, fence }: Directive): ReadonlyArray<string> => {
  if (fence !== undefined && !expected.includes(fence)) return [fence, ...expected, fence]
  if (!expected.some((line) => isBlank(line) || isRule(line))) return expected
  const longest = expected.filter(isRule).reduce((most, { length }) => Math.max(most, length), rule.length - 1)
  const found = "-".repeat(longest + 1)
  return [found, ...expected, found]
}

const withOutput = (directive: Directive, output: string): Directive =>
  output === directive.expected.join("\n") ? directive : { ...directive, fence: undefined, expected: output === "" ? [] : output.split("\n") }

// ---- running ------------------------------------------------------------------------------------

type Env = { readonly [name: string]: string | undefined }
const isSet = (value: string | undefined): boolean => value !== undefined && value !== "" && value !== "0"

/** Runs a file: throws `Mismatch` at the first output that differs, or rewrites the file when `REWRITE` is set. */
export const run = (path: string, handler: Handler, env: Env = process.env): void => {
  const rewrites = isSet(env["REWRITE"])
  if (rewrites && isSet(env["CI"])) throw new Error(`${path}: REWRITE is refused where CI is set: there a scenario is checked, not written`)
  const before = readFileSync(path, "utf8")
  const file = parse(before, path)
  const directives = file.directives.map((directive) => withOutput(directive, outcome(path, handler, directive)))
  const after = print({ ...file, directives })
  if (after === before) return
  if (rewrites) return writeFileSync(path, after)
  const changed = directives.flatMap((directive, i) => directive === file.directives[i] ? [] : [[file.directives[i]!, directive.expected] as const])
  throw new Mismatch(mismatch(path, ...changed[0]!, changed.length - 1))
}

const outcome = (path: string, handler: Handler, directive: Directive): string => {
  const where = `${path}:${directive.line}: ${directive.head}`
  let output: string
  try {
    output = handler(directive)
  } catch (error) {
    throw new Malformed(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  if (output.includes("\r")) throw new Malformed(`${where}: the output holds a carriage return, which no scenario can`)
  return output
}

/** Names the first line that differs, which is where an editor should open the file. */
const mismatch = (path: string, { expected, fence, head, input, line }: Directive, actual: ReadonlyArray<string>, others: number): string => {
  const same = expected.findIndex((line, i) => line !== actual[i])
  const first = line + input.length + (fence === undefined ? 2 : 3) + (same < 0 ? expected.length : same)
  const more = others === 0 ? "" : `\n(${others} more ${others === 1 ? "command differs" : "commands differ"} after it; REWRITE=1 writes what came)`
  const lines = Show.diff(expected, actual).map((line) => `    ${line}`)
  return `${path}:${first}: "${head}" came to something else (- expected, + actual):\n${lines.join("\n")}${more}`
}

/** The scenario files in a folder and in those within it, by name. */
export const files = (folder: string | URL): ReadonlyArray<string> => {
  const root = typeof folder === "string" ? folder : fileURLToPath(folder)
  return readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".txt")).sort().map((name) => join(root, name))
}

/** Declares one test per file of a folder; each runs with a handler of its own. */
export const suite = (folder: string | URL, make: (path: string) => Handler): void => {
  const found = files(folder)
  if (found.length === 0) throw new Error(`${String(folder)} holds no scenario (*.txt)`)
  for (const path of found) it(relative(join(path, "../.."), path), () => run(path, make(path)))
}

// ---- any machine --------------------------------------------------------------------------------

/** How a machine is told a story: what each command says to it, and how its answers look. */
export interface Runner<Config, State, Event extends Machine.Tagged, Action extends Machine.Tagged> {
  readonly machine: Machine.Machine<Config, State, Event, Action>
  /** Of `initial`, at the beginning and whenever a command says so. */
  readonly config: NoInfer<Config>
  /** What a command tells the machine; `undefined` for a command that it does not know. */
  readonly event: (directive: Directive) => Event | ReadonlyArray<Event> | undefined
  /** One line (or more, or nothing) for an action. `Show.show` when left out. */
  readonly show?: (action: NoInfer<Action>) => string
  /** What `state` prints. `Show.tree` when left out. */
  readonly state?: (state: NoInfer<State>) => string
}

/** What a command says of which nothing comes. */
export const nothing = "(nothing)"
/** Lines as an output. */
export const said = (lines: ReadonlyArray<string>): string => lines.filter((line) => line !== "").join("\n") || nothing

/**
 * A handler that tells a machine what the commands say and prints the actions. Beside the user's own
 * commands it knows `initial` (starts anew, and prints what that yields), `state`, and `repeat n`,
 * whose input lines are commands. (`const Event`: an event written in place keeps its tag's type.)
 */
export const machine = <Config, State, const Event extends Machine.Tagged, Action extends Machine.Tagged>(
  { config, event, machine, show = Show.show, state: shown = Show.tree }: Runner<Config, State, Event, Action>
): Handler => {
  let [state] = machine.initial(config)
  return withRepeat((directive) => {
    if (directive.command === "state") return shown(state)
    if (directive.command === "initial") {
      const [first, actions] = machine.initial(config)
      state = first
      return said(actions.map(show))
    }
    const told = event(directive)
    if (told === undefined) throw new Error(`no command is called "${directive.command}"`)
    const [next, actions] = Machine.fold(machine, state, "_tag" in told ? [told] : told)
    state = next
    return said(actions.map(show))
  })
}

/** A handler that knows `repeat n` as well: its input lines, as commands, n times. */
export const withRepeat = (handler: Handler): Handler => (directive) => {
  if (directive.command !== "repeat") return handler(directive)
  const times = Number(directive.args[0])
  if (!Number.isSafeInteger(times) || times < 0) throw new Error("repeat n: n is a whole number")
  const commands = directive.input.map((line): Directive => {
    const command = commandOf(line)
    if (typeof command === "string") throw new Error(command)
    return { ...directive, ...command, input: [] }
  })
  return Array.from({ length: times }, () => commands.map(handler)).flat().join("\n")
}

/** A value in an argument or an input line. */
export const value = (text: string | undefined): Value.Value => {
  const read = Text.read(text ?? "")
  if (read instanceof Binary.DecodeError) throw new Error(`${text ?? "nothing"} is no value: ${read.message}, at character ${read.offset + 1}`)
  return read
}
/** A pattern, likewise. */
export const pattern = (text: string | undefined): Pattern.Pattern => {
  const read = PatternText.readPattern(text ?? "")
  if (read instanceof Binary.DecodeError) throw new Error(`${text ?? "nothing"} is no pattern: ${read.message}, at character ${read.offset + 1}`)
  return read.pattern
}
