/**
 * A dataspace nested in another place, whose external processes are programs of this node. It is an
 * external process of the outer place and keeps the inner dataspace as its state; the relay between the
 * two is core's (`Nested`). It begins with the first process that enters, and ends with the last.
 */
import { type Dataspace, Nested, type Process, type Value } from "@colloquy/core"
import { Effect } from "effect"
import type { Listener, Place } from "./Place.ts"

export const make = (outer: Place, name: string): Place => {
  const machine = Nested.of(outer.behaviours)
  const listeners = new Map<string, Listener>()
  let state: Nested.State | undefined
  let isOver = false
  let count = 0

  // what arises in a step waits for its end, as in a node's host
  const queue: Array<() => void> = []
  let running = false
  const step = (run: () => Nested.Said): void => inTurn(() => { if (!isOver) carryOut(run()) })
  const inTurn = (run: () => void): void => {
    queue.push(run)
    if (running) return
    running = true
    for (let i = 0; i < queue.length; i++) attempt(queue[i]!)
    queue.length = 0
    running = false
    if (thrown.length > 0) throw thrown.splice(0)[0]
  }
  // that one listener throws is no reason for others to hear nothing
  const thrown: Array<unknown> = []
  const attempt = (run: () => void): void => {
    try {
      run()
    } catch (error) {
      thrown.push(error)
    }
  }
  const carryOut = ([next, outside, inside]: Nested.Said): void => {
    state = next
    const actions: Array<Process.Action> = []
    for (const action of outside) {
      if (action._tag === "Yield") afterOthers(() => hear({ _tag: "Resumed", handle: action.handle, captures: [] }))
      else actions.push(action)
    }
    for (const action of inside) {
      attempt(() => action._tag === "Deliver" ? listeners.get(action.pid)?.deliver(action.events) : gone(action.pid, action.reason))
    }
    if (actions.length > 0) outer.perform(self, actions)
  }
  const gone = (pid: string, reason: Value.Value): void => {
    const listener = listeners.get(pid)
    listeners.delete(pid)
    listener?.exited(reason)
  }
  const hear = (event: Process.Event): void => step(() => machine.hear(state!, event))
  const tell = (event: Dataspace.Event): void => step(() => state === undefined ? machine.initial({}, self, event) : machine.tell(state, event))

  /** Those who wait until all that was asked outside so far has been answered. */
  const syncing = new Map<Process.Handle, () => void>()
  const settled = Effect.callback<void>((resume) => inTurn(() => {
    const handle = `sync ${++count}`
    syncing.set(handle, () => {
      syncing.delete(handle)
      resume(Effect.void)
    })
    if (isOver) syncing.get(handle)!()
    else outer.perform(self, [{ _tag: "Yield", handle }])
  }))

  const self = outer.enter(name, {
    deliver: (events) => {
      for (const event of events) {
        const sync = event._tag === "Resumed" ? syncing.get(event.handle) : undefined
        if (sync === undefined) hear(event)
        else sync()
      }
    },
    exited: (reason) => {
      isOver = true
      for (const pid of [...listeners.keys()]) attempt(() => gone(pid, reason))
      for (const sync of [...syncing.values()]) sync()
    }
  })

  return {
    enter: (label, listener) => {
      const pid = `${label}#${++count}`
      if (isOver) listener.exited(true)
      else {
        listeners.set(pid, listener)
        tell({ _tag: "Enter", pid, name: label, actions: [] })
      }
      return pid
    },
    perform: (pid, actions) => tell({ _tag: "Perform", pid, actions }),
    leave: (pid, reason) => tell(reason === undefined ? { _tag: "Leave", pid } : { _tag: "Leave", pid, reason }),
    sync: Effect.andThen(outer.sync, settled),
    behaviours: outer.behaviours
  }
}

/** Timers and sockets have their turn first. */
const afterOthers = (run: () => void): void => void Effect.runFork(Effect.andThen(Effect.sleep(0), Effect.sync(run)))
