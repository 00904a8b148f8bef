/** What travels on a link between two federated scopes, both ways: the vocabulary of one turn. */
import type { Pattern } from "../value/Pattern.ts"
import type { Encoded } from "../value/Value.ts"

/**
 * Names one subscription on one link in one direction. Chosen by whoever asks, increasing, with gaps,
 * never reused. Assert and Clear name the sender's endpoints; Add, Del, Msg and End the receiver's.
 */
export type Endpoint = number

/** One statement on a link. A turn is a list of them, which takes effect as a whole. */
export type Item =
  /** I want to hear about `pattern`, under this name. Its key, where the sender has it at hand, is its encoding: it is not made again for each link. */
  | { readonly _tag: "Assert"; readonly endpoint: Endpoint; readonly pattern: Pattern; readonly key?: string }
  /** I no longer do. You owe me one `End`; what you said before it I ignore. */
  | { readonly _tag: "Clear"; readonly endpoint: Endpoint }
  /** A fact with these captures (one encoded sequence) appeared on my side. */
  | { readonly _tag: "Add"; readonly endpoint: Endpoint; readonly captures: Encoded }
  /** The last one went. */
  | { readonly _tag: "Del"; readonly endpoint: Endpoint; readonly captures: Encoded }
  /** Somebody on my side said what has these captures; it is said once. */
  | { readonly _tag: "Msg"; readonly endpoint: Endpoint; readonly captures: Encoded }
  /** The answer to `Clear`: nothing follows under this name. */
  | { readonly _tag: "End"; readonly endpoint: Endpoint }
  | Stamp

/**
 * Where the messages behind it come from, up to the next stamp: the `n`th turn with messages of a node's
 * life. When the tree changes while a message is under way, it may come by the old path and by the new
 * one; who has seen a stamp drops what comes under it by another link.
 */
export interface Stamp {
  readonly _tag: "Stamp"
  /** Names one life of a node: a hash. */
  readonly origin: number
  /** Increases with each such turn. */
  readonly n: number
}

/** A node's own name for a link; it is not sent, and never used again. */
export type LinkId = string
