/**
 * Lists that mostly stay empty or get one entry. An empty array that something is pushed onto makes room
 * for seventeen; a turn has a dozen of such lists, and half of what it cost was to clear them away.
 *
 * grown(undefined, 1)   // => [1]
 * grown(grown(undefined, 1), 2)   // => [1, 2]
 */
export const grown = <A>(list: Array<A> | undefined, one: A): Array<A> => {
  if (list === undefined) return [one]
  list.push(one)
  return list
}
