/**
 * Ways to a root, and the two orders on them. One says where nodes want to go: to the root of the least
 * priority, then id. The other says what they may take without a cycle, as in Babel (RFC 8966, 2.4):
 * what is newer, or else nearer, than all that they ever offered themselves.
 */

/** What a node offers to its neighbours. */
export interface Path {
  /** Raised by the root when somebody finds no feasible way, and by whoever takes a lost root's place. */
  readonly seq: number
  /** The root's: the less, the rather is it the root. */
  readonly priority: number
  /** Its node id. */
  readonly root: string
  /** The sum of the costs of the links on the way. */
  readonly distance: number
}

/** Whether a root is preferred to another: negative when it is. */
export const compareRoots = (a: Path, b: Path): number => a.priority - b.priority || (a.root < b.root ? -1 : a.root > b.root ? 1 : 0)

/**
 * Whether `a` is strictly before `b`. A node keeps the least path that it ever had as its own measure, and
 * takes as parent only who offers one before that, and whose measure is before it still: so measures
 * fall strictly from each child to its parent, and there is no cycle.
 */
export const isBefore = (a: Path, b: Path): boolean => {
  if (a.seq !== b.seq) return a.seq > b.seq
  const roots = compareRoots(a, b)
  return roots !== 0 ? roots < 0 : a.distance < b.distance
}

export const least = (a: Path, b: Path): Path => isBefore(b, a) ? b : a
/** The same way, one link longer. */
export const over = (path: Path, cost: number): Path => ({ ...path, distance: path.distance + cost })

/** Whether neighbours should hear of the difference: of half or twice the distance, not of less. */
export const isNews = (told: Path, now: Path): boolean =>
  compareRoots(told, now) !== 0 || now.distance >= 2 * told.distance && now.distance > told.distance || 2 * now.distance <= told.distance && now.distance < told.distance
