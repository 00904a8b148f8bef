/**
 * Effects that run while something stands: one for each key, interrupted when it goes. Of one key the
 * next begins when the last is over, finalizers included; what came and went meanwhile never began, so
 * a fact that flaps while a finalizer takes its time leaves nothing behind.
 */
import { Cause, Effect, Exit, Fiber } from "effect"

type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
interface Run {
  fiber: Fiber.Fiber<never, unknown> | undefined
  /** What is to run when this one, whose fact has gone, is over. */
  next: Effect.Effect<never, unknown> | undefined
}

export class Runs {
  readonly #fork: Fork
  readonly #count: (change: number) => void
  readonly #runs = new Map<string, Run>()
  #isClosed = false
  /** `count` is told of each that begins and each that is over. */
  constructor(fork: Fork, count: (change: number) => void) {
    this.#fork = fork
    this.#count = count
  }

  begin(key: string, effect: Effect.Effect<never, unknown>): void {
    const last = this.#runs.get(key)
    if (last === undefined) this.#start(key, effect)
    else last.next = effect
  }
  end(key: string): void {
    const run = this.#runs.get(key)
    if (run?.next === undefined) run?.fiber?.interruptUnsafe()
    else run.next = undefined
  }
  /** Nothing begins any more, and what runs is over when this is. One that closes us itself is interrupted after that. */
  readonly close: Effect.Effect<void> = Effect.withFiber((self) => {
    this.#isClosed = true
    const fibers = [...this.#runs.values()].flatMap(({ fiber }) => fiber ?? [])
    for (const fiber of fibers) fiber.interruptUnsafe()
    return Effect.asVoid(Fiber.awaitAll(fibers.filter((fiber) => fiber !== self)))
  })

  #start(key: string, effect: Effect.Effect<never, unknown>): void {
    const run: Run = { fiber: undefined, next: undefined }
    this.#runs.set(key, run)
    this.#count(1)
    run.fiber = this.#fork(effect)
    // it may have closed us before it was known here
    if (this.#isClosed) run.fiber.interruptUnsafe()
    run.fiber.addObserver((exit) => {
      this.#count(-1)
      // also what its finalizers failed with while it was interrupted, which no handler within it sees
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) this.#fork(Effect.logError("what runs during a fact failed", exit.cause))
      this.#runs.delete(key)
      if (run.next !== undefined && !this.#isClosed) this.#start(key, run.next)
    })
  }
}
