/** What neighbours say of the tree, and what the links to them cost. Who says what answers nothing is refused. */
import type { LinkId } from "../federation/Item.ts"
import type { Refusal } from "./Action.ts"
import { type Draft, set, tell } from "./Draft.ts"
import { edgeDown, edgeUp } from "./Edges.ts"
import { refuse } from "./Joining.ts"
import { isBefore, type Path } from "./Path.ts"
import type { Neighbour } from "./State.ts"
import type { Tree } from "./Tree.ts"
import { numbersMax, settle } from "./Way.ts"

export const onTold = (draft: Draft, link: LinkId, tree: Tree): void => {
  const it = draft.neighbours.get(link)
  if (it === undefined) return draft.links.has(link) ? refuse(draft, link, { code: "Unexpected", message: `${tree._tag} on a link of a leaf, which is an edge without it` }) : undefined
  switch (tree._tag) {
    case "Path":
      set(draft, link, { heard: tree.path, sought: it.heard?.root === tree.path.root ? it.sought : 0 })
      break
    case "Pathless":
      set(draft, link, { heard: undefined, sought: 0 })
      break
    case "Seek":
      if (tree.seq <= numbersMax) set(draft, link, { wanted: Math.max(it.wanted, tree.seq) })
      break
    case "Attach": return onAttach(draft, link, it, tree.feasible)
    case "Attached":
      if (it.role !== "asked") return refuse(draft, link, unasked("Attached"))
      set(draft, link, { role: "parent" })
      edgeUp(draft, link, "parent")
      break
    case "Detach":
      letGo(draft, link, it)
      break
    case "Detached":
      if (it.role !== "asked" && it.role !== "left") return refuse(draft, link, unasked("Detached"))
      // refused: what it offered holds no more, and it offers again what holds
      set(draft, link, it.role === "asked" ? { role: "none", heard: undefined, sought: 0 } : { role: "none" })
      if (draft.above === link) draft.above = undefined
  }
  settle(draft)
}
const unasked = (what: string): Refusal => ({ code: "Unexpected", message: `${what}, which answers nothing that we asked` })

const onAttach = (draft: Draft, link: LinkId, it: Neighbour, feasible: Path): void => {
  if (it.role === "child") return refuse(draft, link, { code: "Unexpected", message: "Attach of a child" })
  const isTaken = it.role === "none" && draft.path !== undefined && !draft.departing && isBefore(draft.feasible, feasible)
  if (isTaken) {
    set(draft, link, { role: "child" })
    tell(draft, link, { _tag: "Attached" })
    edgeUp(draft, link, "child")
  } else {
    tell(draft, link, { _tag: "Detached" })
    set(draft, link, { told: undefined })
  }
  settle(draft)
}

/** The neighbour lets go of us, as our child or as our parent; or we both did. */
const letGo = (draft: Draft, link: LinkId, { role }: Neighbour): void => {
  edgeDown(draft, link, true)
  tell(draft, link, { _tag: "Detached" })
  if (role !== "child" && role !== "parent") return
  set(draft, link, { role: "none" })
  if (draft.above === link) draft.above = undefined
}

/**
 * A link costs the least round trip that was seen on it, in ms, at least 1: what is on top of it is congestion
 * and chance. Only the first, of a new link, is a reason to look for a shorter way at once: changing parents
 * costs what is under way, and while links stay as they are nothing is to be lost.
 */
export const onMeasured = (draft: Draft, link: LinkId, rttMs: number): void => {
  const it = draft.neighbours.get(link)
  if (it === undefined || it.costs === "what was said") return
  const cost = Math.max(1, Math.round(rttMs))
  const isFirst = it.costs === "nothing yet"
  set(draft, link, { cost: isFirst ? cost : Math.min(cost, it.cost), costs: "a round trip" })
  if (isFirst) settle(draft)
}
