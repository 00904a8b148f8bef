/** What people can run: small programs over a terminal and a dataspace of their own. Their value is the exit status. */
import { Pattern, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import { Effect, type Scope, Stream } from "effect"
import { fromGround, type Terminal, toGround } from "./terminal.ts"

export interface Call extends Terminal {
  readonly user: string
  readonly args: ReadonlyArray<string>
  /** Of all the applications there are. */
  readonly names: ReadonlyArray<string>
}
export type Application = (call: Call) => Effect.Effect<number, Error, Space.Space | Scope.Scope>

const help: Application = ({ names, print, user }) => Effect.as(print(`Hello, ${user}. There is: ${names.join(", ")}\n`), 0)

const whoami: Application = ({ print, user }) => Effect.as(print(`${user}\n`), 0)

/** `1 + 2` is answered by `3`; a line that makes no sense is told on stderr, and makes the status 1. */
const calc: Application = ({ lines, print, printError }) => Effect.gen(function*() {
  let status = 0
  yield* Stream.runForEach(lines, (line) => {
    const [, a, operator, b] = /^\s*(-?\d{1,1000})\s*([-+*/])\s*(-?\d{1,1000})\s*$/.exec(line) ?? []
    if (a !== undefined && b !== undefined) return print(`${compute(BigInt(a), operator!, BigInt(b))}\n`)
    status = 1
    return printError("calc: write two numbers with + - * or / between them\n")
  })
  return status
})
/** Dividing by zero throws: this application is over then, and nothing else. */
const compute = (a: bigint, operator: string, b: bigint): bigint =>
  operator === "+" ? a + b : operator === "-" ? a - b : operator === "*" ? a * b : a / b

/** Lines for whoever is in the same room. Room and people are facts in the ground: each sees the others' come and go. */
const chat: Application = ({ args: [room = "lobby"], lines, print, user }) => Effect.gen(function*() {
  const space = yield* Space.Space
  const here = (label: string, ...fields: ReadonlyArray<Pattern.Pattern>) => fromGround(Pattern.record(label, Pattern.literal(room), ...fields))
  yield* Effect.forkScoped(Stream.runForEach(space.observe(here("present", Pattern.bind())), ({ _tag, captures: [who] }) =>
    print(`* ${String(who)} ${_tag === "Added" ? "came" : "left"}\n`)))
  yield* Effect.forkScoped(Stream.runForEach(space.observe(here("says", Pattern.bind(), Pattern.bind())), ({ captures: [who, text] }) =>
    print(`${String(who)}: ${String(text)}\n`)))
  yield* space.assert(toGround(Value.record("present", room, user)))
  yield* Stream.runForEach(lines, (text) => space.send(toGround(Value.record("says", room, user, text))))
  return 0
})

/** The applications of this connection are facts in its dataspace, the one around ours. */
const ps: Application = ({ print }) => Effect.gen(function*() {
  const space = yield* Space.Space
  const all = yield* space.query(Pattern.record("inbound", Pattern.record("application", Pattern.bind(), Pattern.bind())))
  yield* print(all.map(([channel, command]) => `${String(channel)} ${String(command)}\n`).sort().join(""))
  return 0
})

const kill: Application = ({ args: [channel = ""], printError }) => Effect.gen(function*() {
  const space = yield* Space.Space
  const found = yield* space.query(Pattern.record("inbound", Pattern.record("application", Pattern.literal(channel), Pattern.discard)))
  if (found.length === 0) return yield* Effect.as(printError("kill: no such application; see ps\n"), 1)
  yield* space.send(Value.record("outbound", Value.record("kill", channel)))
  return 0
})

export const applications: { readonly [name: string]: Application } = { help, whoami, calc, chat, ps, kill }
