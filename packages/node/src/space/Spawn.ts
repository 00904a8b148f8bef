/** Pure processes, spawned by a program: who started is known by its number, who did not by the reason. */
import { Pattern, Process, Text, Value } from "@colloquy/core"
import { Data, Effect } from "effect"
import type { Program } from "./Program.ts"
import * as Sound from "./Sound.ts"

/** A pure process was spawned and ended at once. */
export class SpawnFailed extends Data.TaggedError("SpawnFailed")<{ readonly name: string; readonly reason: Value.Value }> {
  override get message() {
    return `${this.name} ended at its start: ${Text.print(this.reason)}`
  }
}

type Spawned = Effect.Effect<Process.Pid, SpawnFailed>

export const spawn = (program: Program, name: string, process: Process.Process): Spawned => Effect.callback((resume) => {
  if (program.isOver) return resume(Effect.interrupt)
  if (typeof process?.behaviour !== "string") throw new Value.InvalidValue("a process names its behaviour")
  const exits = program.nextHandle()
  const handle = program.nextHandle()
  const observation = Sound.observation(exits, Pattern.record("exited", Pattern.literal(Sound.name(name)), Pattern.bind(), Pattern.bind()))
  const ended = new Map<Process.Pid, Value.Value>()
  const forgetEnd = program.onEnd(() => resume(Effect.interrupt))
  const forget = () => {
    forgetEnd()
    program.forget(handle)
    if (program.forget(exits)) program.perform([Process.retract(exits)])
  }
  let child: Process.Pid | undefined
  program.hear(exits, ({ captures: [pid, reason] }) => ended.set(pid as Process.Pid, reason!))
  program.hear(handle, (event) => {
    if (event._tag === "Spawned") {
      child = event.captures[0] as Process.Pid
      return
    }
    // all that the turn told has been told
    forget()
    const reason = ended.get(child!)
    resume(reason === undefined ? Effect.succeed(child!) : Effect.fail(new SpawnFailed({ name, reason })))
  })
  program.perform([observation, Process.spawn(name, process, handle), { _tag: "Yield", handle }])
  return Effect.sync(forget)
})
