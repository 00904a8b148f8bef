/**
 * Writes a node's run to a file while it runs, a line a step (core's `Recording` has the format).
 *
 * Promises: a file that exists is never written over; nothing here throws into the node: when the disk
 * is full, or a step cannot be written, that is said once and nothing more is recorded. Lines reach the
 * operating system when the turn of the event loop that made them ends, or 64 KiB are waiting, by plain
 * synchronous writes: a stream would keep them in the process for as long as the disk is slow. So a
 * process that is killed loses the steps of its last turn; a machine that loses its power loses more,
 * since nothing is synced. The price is that a slow disk slows the node down.
 */
import { type Node, Recording } from "@colloquy/core"
import { appendFileSync, closeSync, openSync } from "node:fs"
import { performance } from "node:perf_hooks"

/** Told of everything that a node is told. Must not throw. */
export interface Recorder {
  /** The node starts; `failed` is called once if the recording cannot go on. */
  readonly start: (config: Node.Config, behaviours: ReadonlyArray<string>, boot: ReadonlyArray<Node.Action>, failed: (reason: string) => void) => void
  /** `undefined` actions are those of a step that was abandoned. */
  readonly step: (event: Node.Event, actions: ReadonlyArray<Node.Action> | undefined) => void
}

const bufferMax = 65_536 // a guess: some hundred steps

export interface Open extends Recorder {
  readonly close: () => void
}

/** A recorder for one node, on a new file. Throws when the file exists or cannot be made. */
export const open = (file: string): Open => onto(openSync(file, "wx", 0o600)) // what was said is for the eyes of whoever runs the node

/** A recorder that writes to an open file, and closes it. */
export const onto = (file: number): Open => {
  let fd: number | undefined = file
  let lines = ""
  let steps = 0
  let scheduled = false
  let onFailure: (reason: string) => void = () => {}

  const write = (): void => {
    const text = lines
    lines = ""
    if (fd !== undefined && text !== "") appendFileSync(fd, text)
  }
  const end = (): void => {
    process.off("exit", close)
    if (fd !== undefined) closeSync(fd)
    fd = undefined
  }
  const safely = (body: () => void): void => {
    if (fd === undefined) return
    try {
      body()
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error))
    }
  }
  const fail = (reason: string): void => {
    try {
      lines += `${Recording.stopped(reason)}\n`
      write()
    } catch { /* the disk that cannot take a step cannot take the reason either */ }
    try {
      end()
    } catch { /* nor does it matter how it closes */ }
    fd = undefined
    onFailure(reason)
  }
  const add = (text: string): void => {
    lines += `${text}\n`
    if (lines.length >= bufferMax) return write()
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      safely(write)
    })
  }
  const close = (): void => safely(() => {
    write()
    end()
  })
  process.on("exit", close) // a process that dies of its own mistake still runs this

  return {
    start: (config, behaviours, boot, failed) => {
      onFailure = failed
      safely(() => add(Recording.start({ config, behaviours, at: performance.now() }, boot)))
    },
    step: (event, actions) => safely(() => add(Recording.step(++steps, performance.now(), event, actions))),
    close
  }
}
