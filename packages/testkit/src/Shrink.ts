/**
 * Delta debugging (Zeller and Hildebrandt, IEEE TSE 2002, `ddmin`): what can be taken out of a list
 * that fails so that it still fails.
 *
 * Promises: what is returned fails, or is the list that was given; when the tries suffice, no single
 * element of it can be taken out.
 */
export interface Shrunk<A> {
  readonly list: ReadonlyArray<A>
  readonly tries: number
}

export const shrink = <A>(list: ReadonlyArray<A>, fails: (list: ReadonlyArray<A>) => boolean, triesMax: number): Shrunk<A> => {
  let tries = 0
  let parts = 2
  while (list.length > 0 && tries < triesMax) {
    const size = Math.ceil(list.length / parts)
    let smaller: ReadonlyArray<A> | undefined
    for (let from = 0; from < list.length && smaller === undefined && tries < triesMax; from += size) {
      const without = [...list.slice(0, from), ...list.slice(from + size)]
      tries++
      if (fails(without)) smaller = without
    }
    if (smaller === undefined && size === 1) break
    parts = smaller === undefined ? Math.min(parts * 2, list.length) : Math.max(parts - 1, 2)
    list = smaller ?? list
  }
  return { list, tries }
}

/** The same after a first attempt at whole kinds of elements: most of a trace is not to blame. */
export const shrinkByKind = <A>(
  list: ReadonlyArray<A>,
  kindOf: (one: A) => string,
  fails: (list: ReadonlyArray<A>) => boolean,
  triesMax: number
): Shrunk<A> => {
  const kinds = [...new Set(list.map(kindOf))].sort()
  let tries = 0
  for (const kind of kinds) {
    const without = list.filter((one) => kindOf(one) !== kind)
    if (++tries <= triesMax && fails(without)) list = without
  }
  const rest = shrink(list, fails, triesMax - tries)
  return { list: rest.list, tries: tries + rest.tries }
}
