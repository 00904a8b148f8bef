/**
 * How long to wait before what crashed is started again: not at all the first time, then `leastMs`,
 * and twice as long each time up to `mostMs`. What has lived for `steadyMs` is forgiven.
 */

/** When what crashed is started again; all in ms. */
export interface Config {
  /** The wait after the second crash in a row. */
  readonly leastMs: number
  /** No wait is longer. */
  readonly mostMs: number
  /** `mostMs` when left out: what crashes as soon as that again and again is never taken for steady. */
  readonly steadyMs?: number
}

/**
 * The wait after so many crashes in a row.
 *
 * [1, 2, 3, 4, 5, 2000].map((crashes) => delayMs({ leastMs: 100, mostMs: 500 }, crashes))   // => [0, 100, 200, 400, 500, 500]
 */
export const delayMs = ({ leastMs, mostMs }: Config, crashes: number): number => crashes <= 1 ? 0 : Math.min(mostMs, leastMs * 2 ** (crashes - 2))

/** How long an instance must have lived for its predecessors' crashes to be forgotten. */
export const steadyMs = ({ mostMs, steadyMs = mostMs }: Config): number => steadyMs
