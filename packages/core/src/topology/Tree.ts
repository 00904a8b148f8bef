/** What two neighbours tell each other to settle the tree of their scope; a link carries it as it is. */
import type { Path } from "./Path.ts"

export type Tree =
  /** The way to the root that I offer. */
  | { readonly _tag: "Path"; readonly path: Path }
  /** I have none. */
  | { readonly _tag: "Pathless" }
  /** Find me one of at least this number. */
  | { readonly _tag: "Seek"; readonly seq: number }
  /** Be my parent; my own best path ever was this one. */
  | { readonly _tag: "Attach"; readonly feasible: Path }
  /** I am: the link is an edge. */
  | { readonly _tag: "Attached" }
  /** The link is no edge any more; or it does not become one. */
  | { readonly _tag: "Detach" }
  /** So be it; or, to `Attach`: no. */
  | { readonly _tag: "Detached" }
