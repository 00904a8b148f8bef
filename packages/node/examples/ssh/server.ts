/**
 * An SSH server whose sessions and applications are nested dataspaces.
 *
 *     the ground         <authorized-key …>  <ssh-listen …>  <ssh-connection …>     and what people share: <present room user>
 *       a connection     <application channel command>                              its applications know of each other
 *         an application whatever it likes, for itself alone
 *
 * A program sees its own dataspace. What it means for the one around it, it puts in `<outbound …>`; what it
 * wants to hear from there, it asks for as `<inbound …>`; two of them reach the ground.
 * Nothing here cleans up: a connection's dataspace lives while `<ssh-connection …>` stands, an application's
 * while its channel is open, and all that was held in one goes with it.
 */
import { Pattern, Value } from "@colloquy/core"
import { Space } from "@colloquy/node"
import { Cause, Effect, Exit, Fiber } from "effect"
import { demand } from "../demand.ts"
import { type Application, applications as standard } from "./applications.ts"
import { terminal } from "./terminal.ts"

export interface Options {
  readonly host: string
  readonly port: number
  readonly keys: ReadonlyArray<{ readonly user: string; readonly key: Uint8Array }>
  readonly applications?: { readonly [name: string]: Application }
}

/** Serves until the Scope closes; yields the port. Needs the driver (`driver.ts`) in the same dataspace. */
export const serve = Effect.fnUntraced(function*({ applications = standard, host, keys, port }: Options) {
  const space = yield* Space.Space
  for (const { key, user } of keys) yield* space.assert(Value.record("authorized-key", user, key))
  yield* space.during(Pattern.record("ssh-connection", Pattern.bind(), Pattern.bind()), ([id, user]) =>
    Effect.flatMap(space.nested(`connection ${String(id)}`, connection(String(id), String(user), applications)), Fiber.join))

  const listening = space.waitFor(Pattern.record("ssh-listening", Pattern.literal(host), Pattern.literal(port), Pattern.bind()))
  const [actual] = yield* demand("ssh", Value.record("ssh-listen", host, port), listening)
  return actual as number
})

/** Runs in a connection's own dataspace: an application for each channel, in one nested in it. */
const connection = Effect.fnUntraced(function*(id: string, user: string, applications: NonNullable<Options["applications"]>) {
  const space = yield* Space.Space
  const channels = Pattern.record("ssh-channel", Pattern.literal(id), Pattern.bind(), Pattern.bind())
  yield* space.during(Pattern.record("inbound", channels), ([it, command]) => Effect.gen(function*() {
    const channel = String(it)
    // the Scope closes when the application has ended, or was killed: then it is interrupted
    const status = yield* Effect.scoped(Effect.gen(function*() {
      yield* space.assert(Value.record("application", channel, command!))
      const application = yield* space.nested(`application ${channel}`, run(channel, user, String(command), applications))
      return yield* Effect.raceFirst(
        Effect.map(Fiber.await(application), statusOf),
        Effect.as(space.waitFor(Pattern.record("kill", Pattern.literal(channel))), "TERM")
      )
    }))
    yield* space.send(Value.record("outbound", Value.record("ssh-exit", channel, status)))
  }))
  yield* space.assert(Value.record("outbound", Value.record("ssh-handle", id)))
  return yield* Effect.never
})

const statusOf = (exit: Exit.Exit<number>): number | string => Exit.isSuccess(exit) ? exit.value : "TERM"

/** Runs in an application's own dataspace, to its exit status. What it dies of is told on its stderr, and harms nobody else. */
const run = (channel: string, user: string, command: string, applications: NonNullable<Options["applications"]>) => Effect.gen(function*() {
  const io = yield* terminal(channel)
  const [name = "", ...args] = command.trim().split(/\s+/)
  const application = Object.hasOwn(applications, name || "help") ? applications[name || "help"] : undefined
  if (application === undefined) return yield* Effect.as(io.printError(`${name}: no such application\n`), 127)
  return yield* application({ ...io, user, args, names: Object.keys(applications) }).pipe(
    Effect.scoped,
    Effect.catchCause((cause) => Effect.as(io.printError(`${name}: ${Cause.prettyErrors(cause)[0]?.message ?? "failed"}\n`), 1))
  )
})
