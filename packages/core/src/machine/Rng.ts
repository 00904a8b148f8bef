/** Chance as data: mulberry32 (Tommy Ettinger, 2017, public domain), one 32-bit word of state. Not for secrets. */

/** What is left to draw, in 32 bits: equal states draw equal numbers. */
export interface State {
  readonly word: number
}

/**
 * The generator of a seed, of which the low 32 bits count. Equal seeds draw equal numbers.
 *
 * initial(-1)   // => { word: 0xffffffff }
 */
export const initial = (seed: number): State => ({ word: seed >>> 0 })

/** Uniform in [0, 1), in steps of 2^-32. */
export const float = ({ word }: State): readonly [number, State] => {
  const next = (word + 0x6d2b79f5) >>> 0
  let t = Math.imul(next ^ (next >>> 15), next | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return [((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000, { word: next }]
}

/** A whole number from 0 up to, and not including, `n`. */
export const below = (state: State, n: number): readonly [number, State] => {
  const [fraction, next] = float(state)
  return [Math.floor(fraction * n), next]
}

/** Draws whole numbers from 0 to n - 1. */
export type Draw = (n: number) => number

/** A generator that remembers where it is, for tests and for plans that are made before anything runs; a machine keeps a `State`. */
export const drawing = (seed: number): Draw => {
  let rng = initial(seed)
  return (n) => {
    const [value, next] = below(rng, n)
    rng = next
    return value
  }
}
