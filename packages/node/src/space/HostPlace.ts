/** A scope of a running node, or its management dataspace (`null`), as a place. */
import type { Node } from "@colloquy/core"
import { Effect } from "effect"
import type { Host } from "../Host.ts"
import type { Place } from "./Place.ts"

/** A peer that does not answer is not waited for any longer. */
const syncMs = 5_000 // a guess: some round trips on a slow line

export const make = (host: Host["Service"], space: Node.Space): Place => ({
  enter: (name, listener) => {
    const pid = host.freshPid(name)
    host.enter(space, pid, listener, [], name)
    return pid
  },
  perform: (pid, actions) => host.tell({ _tag: "Tell", space, event: { _tag: "Perform", pid, actions } }),
  leave: (pid, reason) => host.tell({ _tag: "Tell", space, event: reason === undefined ? { _tag: "Leave", pid } : { _tag: "Leave", pid, reason } }),
  sync: Effect.suspend(() => Effect.forEach(host.linksOf(space), host.sync, { concurrency: "unbounded", discard: true })).pipe(
    Effect.timeoutOption(syncMs),
    Effect.asVoid
  ),
  behaviours: host.behaviours
})
