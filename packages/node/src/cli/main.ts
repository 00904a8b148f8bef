#!/usr/bin/env node
/** The `colloquy` command. One file a subcommand. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit, Logger } from "effect"
import { Command } from "effect/cli"
import { assert } from "./assert.ts"
import { chat } from "./chat.ts"
import { replay } from "./replay.ts"
import { send } from "./send.ts"
import { serve } from "./serve.ts"
import { status } from "./status.ts"
import { watch } from "./watch.ts"

const colloquy = Command.make("colloquy").pipe(
  Command.withDescription("Federated dataspaces: facts that others see come and go, and messages"),
  Command.withSubcommands([serve, assert, send, watch, chat, status, replay])
)

// whoever read our output has gone (`… | head -1`): that is no failure
process.stdout.on("error", () => process.exit(0))

colloquy.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.catchTag("Failure", ({ message }) => Effect.sync(() => {
    process.stderr.write(`colloquy: ${message}\n`)
    process.exitCode = 1
  })),
  Effect.provide(NodeServices.layer),
  Effect.provide(Logger.layer([])), // commands speak for themselves; serve brings its own log
  NodeRuntime.runMain({
    // a signal is how a node or a watch is meant to end
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? Number(process.exitCode ?? 0) : 1)
  })
)
