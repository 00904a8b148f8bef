/**
 * What a member of the mesh and its parent process tell each other, one JSON value a line. Times are
 * those of the machine's monotonic clock, ms, which all its processes share.
 */

/** A member's life, such as `A.2`: the second of the node A. Facts and messages carry it. */
export type Life = string

/** What a member is told at its start. */
export interface Spec {
  readonly id: string
  readonly life: Life
  readonly listen: string
  /** Facts that it holds up all its life, and those that stand at one time of the ones that change. */
  readonly steady: number
  readonly changing: number
  readonly graceMs: number
  readonly pingMs: number
  readonly giveUpMs: number
}

export type Order =
  | { readonly do: "uplink"; readonly address: string }
  | { readonly do: "load"; readonly messagesPerS: number; readonly changesPerS: number }
  /** Forget what was heard so far: pauses are measured from now on. */
  | { readonly do: "mark" }
  /** Say of everybody once more when they are heard next. */
  | { readonly do: "listen" }
  | { readonly do: "report" }
  /** Count the packets that are written from now on. */
  | { readonly do: "count" }

export type Line =
  | { readonly is: "ready"; readonly address: string }
  /** Its own fact `n` stands from now on; or goes. Said before it is so. */
  | { readonly is: "asserts" | "retracts"; readonly n: number; readonly at: number }
  /** It sees a fact come, or go. */
  | { readonly is: "added" | "removed"; readonly life: Life; readonly n: number; readonly at: number }
  /** The first message of a life since it was told to mark or listen; and a message that came before. */
  | { readonly is: "heard" | "twice"; readonly life: Life; readonly n: number }
  | { readonly is: "linked" | "parted"; readonly node: string; readonly life: Life; readonly at: number }
  /** What its links are in the tree: `role` is `parent`, `child`, or nothing any more. */
  | { readonly is: "edge"; readonly node: string; readonly role: string | undefined; readonly life: Life; readonly at: number }
  | { readonly is: "log"; readonly level: string; readonly text: string }
  | { readonly is: "report"; readonly report: Report }

/** What happened since the mark. */
export interface Report {
  /** The longest time between two rounds of its own work: what it owes to the machine, and not to the network. */
  readonly hiccupMs: number
  readonly sent: number
  readonly heard: { readonly [life: Life]: Heard }
  /** Written since `count`, by kind; and for how long that was. */
  readonly packets: { readonly [kind: string]: number }
  readonly countedMs: number
}

/** The messages of one life at one member. */
export interface Heard {
  readonly count: number
  /** Numbers that are missing between the first and the last that came. */
  readonly lost: number
  /** The longest time without any. */
  readonly pauseMs: number
}

export const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000
