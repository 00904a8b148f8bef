/** What a turn tells whom, in the three waves in which it is told: additions, messages, removals. */
import { grown } from "../data/grown.ts"
import type { Value } from "../value/Value.ts"
import * as Captures from "./Captures.ts"
import * as Process from "./Process.ts"

export class News {
  added: Array<Told> | undefined
  received: Array<Told> | undefined
  removed: Array<Told> | undefined
  add(observer: Captures.Observer, captures: Process.Captures): void {
    this.added = grown(this.added, { observer, event: Process.added(observer.handle, captures) })
  }
  /** Tells those who see an edge. */
  edges(group: Captures.Group, captures: Process.Captures, edges: Captures.Edges, reason: Value | undefined): void {
    if (edges.ordinary === 0 && edges.foreign === 0) return
    for (const observer of Captures.observersOf(group, edges.foreign === 0 ? "ordinary" : edges.ordinary === 0 ? "foreign" : "all")) {
      const edge = observer.foreign ? edges.foreign : edges.ordinary
      if (edge > 0) this.add(observer, captures)
      else if (edge < 0) this.removed = grown(this.removed, { observer, event: Process.removed(observer.handle, captures, reason) })
    }
  }
  message(group: Captures.Group, captures: Process.Captures, which: Captures.Which = "all"): void {
    for (const observer of Captures.observersOf(group, which)) this.received = grown(this.received, { observer, event: Process.received(observer.handle, captures) })
  }
}
/** Those whom one value concerns by several patterns are told oldest observation first, as those of one pattern are. */
export const oldestFirst = (told: Array<Told> | undefined, from: number): void => {
  if (told !== undefined) for (let i = from + 1; i < told.length; i++) {
    if (told[i - 1]!.observer.id <= told[i]!.observer.id) continue
    const tail = told.splice(from).sort((a, b) => a.observer.id - b.observer.id)
    for (const one of tail) told.push(one)
    return
  }
}
export interface Told {
  readonly observer: Captures.Observer
  readonly event: Process.Event
}
