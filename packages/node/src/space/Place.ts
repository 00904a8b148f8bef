/**
 * Where external processes live: a dataspace, seen from the outside. A node's scope is one (HostPlace),
 * and so is a dataspace nested in another (NestedPlace). What a program uses (Space) is made of it.
 */
import type { Process, Value } from "@colloquy/core"
import type { Effect } from "effect"

/** An external process's ears. They are called while the dataspace steps: they may perform, and must not block. */
export interface Listener {
  readonly deliver: (events: ReadonlyArray<Process.Event>) => void
  /** The process has ended, by its own will or not. */
  readonly exited: (reason: Value.Value) => void
}

export interface Place {
  /** An external process comes, and is told its number. */
  readonly enter: (name: string, listener: Listener) => string
  /** One turn of it. One that has ended performs nothing. */
  readonly perform: (pid: string, actions: ReadonlyArray<Process.Action>) => void
  readonly leave: (pid: string, reason?: Value.Value) => void
  /** Completes when the peers have answered for what was asked so far. */
  readonly sync: Effect.Effect<void>
  /** What pure processes may be. */
  readonly behaviours: Process.Behaviours
}
