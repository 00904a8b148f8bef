/** What topology says to others: orders for the links' sessions and for timers, and news for federation and the operator. */
import type { Item, LinkId } from "../federation/Item.ts"
import type { EdgeId, Peer } from "./State.ts"
import type { Tree } from "./Tree.ts"

export type Action =
  /** Dialer: ask the peer to join. */
  | { readonly _tag: "Offer"; readonly link: LinkId }
  /** Acceptor: let the peer in. */
  | { readonly _tag: "Accept"; readonly link: LinkId }
  /** Tell the peer why not, and close. */
  | { readonly _tag: "Refuse"; readonly link: LinkId; readonly error: Refusal }
  /** Send the peer this. */
  | { readonly _tag: "Tell"; readonly link: LinkId; readonly tree: Tree }
  /** Come back with `TellDue` when the edges that came and went before have been dealt with. */
  | { readonly _tag: "TellNext"; readonly link: LinkId; readonly tree: Tree }
  /** A link is of use: it is an edge, or spare. */
  | { readonly _tag: "Joined"; readonly link: LinkId; readonly peer: Peer }
  /** A link that had joined is gone. */
  | { readonly _tag: "Parted"; readonly link: LinkId }
  /** The link is an edge from now on, under this name; `role` is what the peer is to us. */
  | { readonly _tag: "EdgeUp"; readonly edge: EdgeId; readonly link: LinkId; readonly role: "parent" | "child" | "leaf" }
  /** With `linger`, what came over it stays until it is forgotten. */
  | { readonly _tag: "EdgeDown"; readonly edge: EdgeId; readonly link: LinkId; readonly linger: boolean }
  /** The grace of an edge is over, or its peer is back and has answered: what came over it goes. */
  | { readonly _tag: "Forget"; readonly edge: EdgeId }
  /** Who was at the other end has forgotten it, too. */
  | { readonly _tag: "Trust"; readonly edge: EdgeId }
  /** What the peer was told over this edge is all that is so, as far as we know: nothing else lingers here. Or it is no edge any more. */
  | { readonly _tag: "Assure"; readonly link: LinkId }
  /** A turn that came over an edge, for federation. */
  | { readonly _tag: "Turn"; readonly edge: EdgeId; readonly items: ReadonlyArray<Item> }
  /** Come back with `Confirmed` when the peer has answered for what it is asked now. */
  | { readonly _tag: "Confirm"; readonly link: LinkId }
  /** Come back with `GraceOver` of this edge in so many ms. */
  | { readonly _tag: "SetGrace"; readonly edge: EdgeId; readonly afterMs: number }
  | { readonly _tag: "CancelGrace"; readonly edge: EdgeId }

/** Why a link is not let in, or not any more. The peer is told. */
export interface Refusal {
  /**
   * `Self`: we dialled ourselves; `Duplicate`: this life of the node is linked already; `Stale`: a later one is; `Replaced`: a
   * newer link of it took the place; `SecondLink`: a leaf has one link; `Unexpected`: what was said does not fit the tree;
   * `Exhausted`: no greater number is left, and we begin anew.
   */
  readonly code: "Self" | "Duplicate" | "Replaced" | "Stale" | "SecondLink" | "Unexpected" | "Exhausted"
  readonly message: string
}
