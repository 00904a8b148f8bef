/**
 * Goes through a recorded run again, a step at a time: the file is read as it is needed, and the
 * machine steps as it did then.
 *
 * Promises: memory for one line, the state before it and the one after; whatever the file holds, this
 * ends with an `End` that says how, and throws only what the file system throws. Each step is checked
 * against what was recorded of it: what is shown is what happened.
 */
import { Node, type Process, Recording } from "@colloquy/core"
import { closeSync, openSync, readSync } from "node:fs"

/** A step, gone through again. */
export interface Moment {
  /** 0 is the node's start, and n the n-th event. */
  readonly n: number
  /** Milliseconds since the node started. */
  readonly ms: number
  readonly event: Node.Event | undefined
  /** `undefined` for a step that was abandoned. */
  readonly actions: ReadonlyArray<Node.Action> | undefined
  readonly before: Node.State
  readonly after: Node.State
}

export type End =
  /** The file ends here; `cut` says that it does so within a line. */
  | { readonly _tag: "End"; readonly last: number; readonly cut: boolean }
  /** The recorder gave up here. */
  | (Recording.Stopped & { readonly last: number })
  | Recording.RecordingError
  /** The step does something else than it did: another version recorded it, or a step is not pure. */
  | {
    readonly _tag: "Diverged"
    readonly n: number
    readonly event: Node.Event | undefined
    readonly recorded: Recording.Did
    readonly replayed: Recording.Did
  }
  /** The node had behaviours that were not given. */
  | { readonly _tag: "Missing"; readonly behaviours: ReadonlyArray<string> }

/** The moments of a recorded run. */
export function* moments(file: string, behaviours: Process.Behaviours): Generator<Moment, End> {
  const lines = linesOf(file)
  try {
    const first = lines.next().value
    if (first === undefined) return new Recording.RecordingError(1, "the file is empty")
    if (first._tag === "RecordingError") return first
    if (!first.isWhole) return new Recording.RecordingError(1, "this is not the beginning of a recording, or nothing more was written")
    const start = Recording.readStart(first.text)
    if (start._tag === "RecordingError") return start
    const missing = start.behaviours.filter((name) => !Object.hasOwn(behaviours, name))
    if (missing.length > 0) return { _tag: "Missing", behaviours: missing }
    return yield* steps(start, lines, behaviours)
  } finally {
    lines.return(undefined)
  }
}

function* steps(start: Recording.Start, lines: Iterable<Line | Recording.RecordingError>, behaviours: Process.Behaviours): Generator<Moment, End> {
  const machine = Node.of(behaviours)
  let [state, boot] = machine.initial(start.config)
  const did = Recording.did(boot)
  if (!Recording.agree(start.did, did)) return { _tag: "Diverged", n: 0, event: undefined, recorded: start.did, replayed: did }
  yield { n: 0, ms: 0, event: undefined, actions: boot, before: state, after: state }
  let last = 0
  for (const line of lines) {
    if (line._tag === "RecordingError") return line
    if (!line.isWhole) return { _tag: "End", last, cut: true }
    const step = Recording.readStep(line.text, line.number)
    if (step._tag === "RecordingError") return step
    if (step._tag === "Stopped") return { ...step, last }
    const before = state
    let actions: ReadonlyArray<Node.Action> | undefined
    try {
      ;[state, actions] = machine.transition(before, step.event)
    } catch { /* as in the host: the old state stands */ }
    const replayed = Recording.did(actions)
    last = step.n
    if (!Recording.agree(step.did, replayed)) return { _tag: "Diverged", n: last, event: step.event, recorded: step.did, replayed }
    yield { n: last, ms: step.at - start.at, event: step.event, actions, before, after: state }
  }
  return { _tag: "End", last, cut: false }
}

interface Line {
  readonly _tag: "Line"
  /** From 1. */
  readonly number: number
  readonly text: string
  /** Whether the line's end is in the file. */
  readonly isWhole: boolean
}

const chunkBytes = 65_536
const lineBytesMax = Recording.lineMax * 3 // UTF-8 takes three bytes for a unit of UTF-16 at most

/** The lines of a file, read as they are asked for; ends at what is no text. */
function* linesOf(file: string): Generator<Line | Recording.RecordingError, undefined> {
  const fd = openSync(file, "r")
  try {
    const utf8 = new TextDecoder("utf-8", { fatal: true })
    let number = 1
    let parts: Array<Uint8Array> = []
    let bytes = 0
    const lineOf = (isWhole: boolean): Line | Recording.RecordingError => {
      const whole = Buffer.concat(parts)
      parts = []
      bytes = 0
      try {
        return { _tag: "Line", number: number++, text: isWhole ? utf8.decode(whole) : "", isWhole }
      } catch {
        return new Recording.RecordingError(number - 1, "this is no text")
      }
    }
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes)
      const chunkEnd = readSync(fd, chunk)
      if (chunkEnd === 0) break
      let at = 0
      for (let end = chunk.indexOf(10); end >= 0 && end < chunkEnd; end = chunk.indexOf(10, at)) {
        parts.push(chunk.subarray(at, end))
        yield lineOf(true)
        at = end + 1
      }
      parts.push(chunk.subarray(at, chunkEnd))
      bytes += chunkEnd - at
      if (bytes > lineBytesMax) return void (yield new Recording.RecordingError(number, `a line of more than ${lineBytesMax} bytes`))
    }
    if (bytes > 0) yield lineOf(false)
  } finally {
    closeSync(fd)
  }
}
