/** Counts what was dropped, in a fact that changes at most once a second: a flood must not become one of facts. */
import type { Value } from "@colloquy/core"
import type { Port } from "./Port.ts"

const periodMs = 1_000 // a guess

export interface Tally {
  readonly count: () => void
  readonly stop: () => void
}

export const make = (port: Port, word: (n: number) => Value.Value): Tally => {
  let n = 0
  let shown = 0
  const fact = port.hold()
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const show = (): void => {
    timer = undefined
    if (shown === n) return
    shown = n
    timer = setTimeout(show, periodMs)
    fact.become(word(n))
  }
  return {
    count: () => {
      n++
      if (timer === undefined && !isStopped) show()
    },
    stop: () => {
      isStopped = true
      clearTimeout(timer)
      fact.release()
    }
  }
}
