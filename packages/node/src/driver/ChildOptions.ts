/** What a `<process id command args options>` asks for, or what is wrong with it. */
import { Value } from "@colloquy/core"
import { isCredit } from "./Credited.ts"

export interface Demand {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly cwd: string | undefined
  readonly env: NodeJS.ProcessEnv
  /** The part of it that the demand says. */
  readonly own: Readonly<Record<string, string>>
  readonly stdin: "pipe" | "none"
  readonly stdout: Mode
  readonly stderr: Mode
  readonly credit: number
  readonly killMs: number
}
export type Mode = "lines" | "bytes" | "none"

// what programs need in order to find others, a place for their files and the user's language
const harmless = new Set(["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SystemRoot", "PATHEXT"])

const isText = (value: unknown): value is string => typeof value === "string" && !value.includes("\0")
const isMode = (value: unknown): value is Mode => value === "lines" || value === "bytes" || value === "none"
const isInput = (value: unknown): value is "pipe" | "none" => value === "pipe" || value === "none"
const isMilliseconds = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 3_600_000
const nameOf = (value: Value.Value): unknown => typeof value === "symbol" ? Symbol.keyFor(value) : value

const askedOf = (value: Value.Value | undefined): Readonly<Record<string, string>> | undefined => {
  const asked = value === undefined ? [] : value instanceof Value.Dictionary ? value.entries : undefined
  if (asked === undefined || !asked.every(([name, text]) => isText(name) && name !== "" && !name.includes("=") && isText(text))) return undefined
  return Object.fromEntries(asked)
}
const ours = (inherit: boolean): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => inherit || harmless.has(name)))

/** The demand, or the reason why it is none. */
export const readDemand = ([command, args, options]: ReadonlyArray<Value.Value>, { killMs }: { readonly killMs: number }): Demand | string => {
  if (!isText(command) || command === "") return "a command is a string"
  if (!Array.isArray(args) || !args.every(isText)) return "arguments are a sequence of strings"
  if (!(options instanceof Value.Dictionary)) return "options are a dictionary"
  const given = new Map(options.entries.map(([name, value]) => [nameOf(name), value]))
  const { cwd, env, inherit, ...rest } = { inherit: false, stdin: "pipe", stdout: "lines", stderr: "lines", credit: 0, killMs, ...named(given) }
  const unknown = [...given.keys()].find((name) => typeof name !== "string" || !known.has(name))
  if (unknown !== undefined) return `there is no option ${String(unknown)}`
  const own = askedOf(env)
  if (typeof inherit !== "boolean") return "inherit is a boolean"
  if (own === undefined) return "env is a dictionary of strings"
  if (cwd !== undefined && !isText(cwd)) return "cwd is a string"
  const [stdin, stdout, stderr] = [nameOf(rest.stdin), nameOf(rest.stdout), nameOf(rest.stderr)]
  if (!isInput(stdin)) return "stdin is pipe or none"
  if (!isMode(stdout) || !isMode(stderr)) return "stdout and stderr are lines, bytes or none"
  if (rest.credit !== 0 && !isCredit(rest.credit)) return "credit is a whole number"
  if (!isMilliseconds(rest.killMs)) return "killMs is a whole number of milliseconds, an hour at most"
  return { command, args, cwd, env: { ...ours(inherit), ...own }, own, stdin, stdout, stderr, credit: rest.credit, killMs: rest.killMs }
}

type Given = { readonly [name in "cwd" | "env" | "inherit" | "stdin" | "stdout" | "stderr" | "credit" | "killMs"]?: Value.Value }
const known: ReadonlySet<unknown> = new Set(["cwd", "env", "inherit", "stdin", "stdout", "stderr", "credit", "killMs"])
const named = (given: ReadonlyMap<unknown, Value.Value>): Given => Object.fromEntries([...given].filter(([name]) => known.has(name)))
