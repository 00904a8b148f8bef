/**
 * How an example is a command too: started by its file, until it ends or a signal comes, which is how a
 * server is meant to end. `--help` explains it; what somebody can mend is told in a line.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Exit, References, Schema, Stdio, Stream } from "effect"
import { Argument, CliError, Command } from "effect/cli"
import { realpathSync } from "node:fs"

/** Runs the command when `module` is the file that was started, and not when a test imports it. */
export const main = <const Name extends string, Input, E extends { readonly message: string }>(
  module: ImportMeta,
  command: Command.Command<Name, Input, {}, E, Command.Environment>
): void => {
  const [, started] = process.argv
  if (started === undefined || module.filename !== realpathSync(started)) return
  const fail = ({ message }: E) => Effect.andThen(Console.error(message), Effect.sync(() => { process.exitCode = 1 }))
  Command.run(command, { version: "0.1.0" }).pipe(
    Effect.catchIf((error): error is E => !CliError.isCliError(error), fail),
    Effect.provide(NodeServices.layer),
    // what is logged goes to standard error: the output is the program's own
    Effect.provideService(References.LogToStderr, true),
    NodeRuntime.runMain({
      teardown: (exit, end) => end(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? Number(process.exitCode ?? 0) : 1)
    })
  )
}

export const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))

/** Where a server listens on this machine. */
export const port = (usual: number) => Argument.Int("port").pipe(
  Argument.withSchema(Port),
  Argument.withDescription(`where to listen: ${usual}, unless you say another; 0 is any that is free`),
  Argument.withDefault(usual)
)

/** The lines of standard input, to its end. */
export const typed = Stream.unwrap(Effect.map(Stdio.Stdio, ({ stdin }) => stdin)).pipe(Stream.decodeText(), Stream.splitLines)
