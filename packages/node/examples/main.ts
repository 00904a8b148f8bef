/** How an example is a program too: started by its file, until it ends or a signal comes, which is how a server is meant to end. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Queue, References, Stream } from "effect"
import { realpathSync } from "node:fs"
import { createInterface } from "node:readline"

/** Runs `program` with the command line's words when `module` is the file that was started, and not when a test imports it. */
export const main = <E>(module: ImportMeta, program: (words: ReadonlyArray<string>) => Effect.Effect<unknown, E>): void => {
  const [, started = "", ...words] = process.argv
  if (module.filename !== realpathSync(started)) return
  // what is logged goes to standard error: the output is the program's own
  NodeRuntime.runMain(Effect.provideService(program(words), References.LogToStderr, true), {
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
  })
}

/** The lines of standard input, to its end. */
export const typed: Stream.Stream<string> = Stream.callback((queue) => Effect.acquireRelease(
  Effect.sync(() => createInterface({ input: process.stdin })
    .on("line", (line) => { Queue.offerUnsafe(queue, line) })
    .on("close", () => { Queue.endUnsafe(queue) })),
  (lines) => Effect.sync(() => lines.close())
))
