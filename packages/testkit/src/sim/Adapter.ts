/**
 * How a machine takes part in a simulated world: what its configuration is in each of its lives, what
 * the world's news are to it, and what its actions ask of the world.
 */
import type { Machine } from "@colloquy/core"

export interface Adapter<M extends Machine.Any> {
  readonly machine: M
  readonly config: (life: Life) => Machine.Config<M>
  /** The machine's word for this news; nothing when it has none. */
  readonly event: (news: News) => Machine.Event<M> | undefined
  /** What an action asks of the world; nothing when it asks nothing. */
  readonly order: (action: Machine.Action<M>) => Order<Machine.Event<M>> | undefined
}

export interface Life {
  readonly node: string
  /** Counts the lives of this node from 1. */
  readonly incarnation: number
  /** For the machine's own chance. */
  readonly seed: number
}

/** Bytes are cut and merged on their way; anything else arrives as it was sent. */
export type Data = Uint8Array | { readonly _tag: string }

export type News =
  /** Somebody dialled us; the world named the link. */
  | { readonly _tag: "Incoming"; readonly link: string; readonly from: string; readonly at: number }
  | { readonly _tag: "Dialled"; readonly link: string; readonly at: number }
  | { readonly _tag: "DialFailed"; readonly link: string; readonly reason: string; readonly at: number }
  | { readonly _tag: "Received"; readonly link: string; readonly data: Data; readonly at: number }
  /** So many bytes (or messages) that we wrote were taken. */
  | { readonly _tag: "Written"; readonly link: string; readonly size: number; readonly at: number }
  | { readonly _tag: "Lost"; readonly link: string; readonly reason: string; readonly at: number }
  | { readonly _tag: "TimerFired"; readonly timer: string; readonly at: number }
  /** Come to an end, and then ask to `Halt`; a machine that has no word for it is halted at once. */
  | { readonly _tag: "Stop"; readonly at: number }

export type Order<Event> =
  /** Open a link to the node of this name. */
  | { readonly _tag: "Dial"; readonly link: string; readonly to: string }
  | { readonly _tag: "Write"; readonly link: string; readonly data: Data }
  /** What was written still arrives. */
  | { readonly _tag: "Close"; readonly link: string }
  /** Sets the timer anew if it is set. */
  | { readonly _tag: "SetTimer"; readonly timer: string; readonly afterMs: number }
  | { readonly _tag: "CancelTimer"; readonly timer: string }
  /** For the application. */
  | { readonly _tag: "Deliver"; readonly what: unknown }
  /** Tell me this when others had their turn. */
  | { readonly _tag: "Again"; readonly event: Event }
  | { readonly _tag: "Halt" }
