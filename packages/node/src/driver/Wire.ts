/**
 * One open connection, as the conversation about it (`Conversations.ts`) sees it. The TCP and the
 * WebSocket driver each have theirs.
 */
import type { Value } from "@colloquy/core"
import * as Reason from "./Reason.ts"

export interface Wire {
  /** Somebody is there: reading may begin. */
  readonly begin: () => void
  readonly credit: (n: number) => void
  /** Says `false` to what cannot be written. */
  readonly write: (data: Uint8Array | string) => boolean
  /** Ends it when all is written, or when it lingers too long. Nothing is told any more. */
  readonly close: () => void
  /** Breaks it off. Nothing is told any more. */
  readonly abort: () => void
  /** Breaks it off as soon as what was written is written, or lingers too long. Nothing is told any more. */
  readonly stop: () => void
}

/** What becomes of it. */
export interface News {
  readonly received: (data: ReadonlyArray<Uint8Array | string>) => void
  readonly eof: () => void
  readonly written: (n: number) => void
  /** Once: nothing more is told of it. */
  readonly ended: (reason: Value.Value) => void
  /** Once, last: the system has it back. */
  readonly gone: () => void
}

/** What one connection may cost. */
export interface Limits {
  /** What may wait to be written: bytes, unless a single write has more, and writes. */
  readonly writeBytesMax: number
  readonly writesMax: number
  /** How long a connection may take to be made, a handshake of its protocol among that. */
  readonly connectMs: number
  /** Silence after which the system asks whether the other end is there. */
  readonly keepAliveMs: number
  /** How long a connection that is closed may take to send what was written. */
  readonly lingerMs: number
}
export const limits: Limits = {
  writeBytesMax: 4 * 1024 * 1024, // a guess: what a fast line takes in a moment
  writesMax: 4_096, // a guess: each costs some 500 bytes beside its data
  connectMs: 10_000, // a guess, as for links
  keepAliveMs: 30_000, // a guess: a peer that vanished is noticed within minutes, not hours
  lingerMs: 2_000 // a guess, as for links
}
/** How many pieces are told before others have a turn: a chunk may hold 65,536 empty lines. */
export const piecesAtOnce = 1_024 // a guess

/** How much waits to be written. */
export const backlog = ({ writeBytesMax, writesMax }: Limits) => {
  let bytes = 0
  let writes = 0
  return {
    /** Makes room for a write; `false` when the writer did not wait for its acknowledgements. */
    enter: (n: number): boolean => {
      if (writes >= writesMax || (bytes > 0 && bytes + n > writeBytesMax)) return false
      bytes += n
      writes++
      return true
    },
    leave: (n: number): void => {
      bytes -= n
      writes--
    }
  }
}
export const overflow = Reason.of("write-overflow")
