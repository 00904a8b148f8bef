/**
 * A dataspace, as a program sees it: facts that live as long as their Scope, messages, and what
 * matches a pattern. Each `Space` is one external process of its dataspace.
 */
import { Canonical, type Node, type Pattern, Process, type Value } from "@colloquy/core"
import { Context, Effect, Exit, Layer, Queue, Scope, Stream } from "effect"
import { Host } from "../Host.ts"

/** What an observation is told. */
export type Change =
  | { readonly _tag: "Added"; readonly captures: Process.Captures }
  | { readonly _tag: "Removed"; readonly captures: Process.Captures }
  | { readonly _tag: "Received"; readonly captures: Process.Captures }

export interface Interface {
  /** Holds a fact up until the Scope closes. A value that is none is a defect. */
  readonly assert: (fact: Value.Value) => Effect.Effect<void, never, Scope.Scope>
  /** Says it once, to those who observe it now. */
  readonly send: (body: Value.Value) => Effect.Effect<void>
  /** What comes, goes and is said. Changes wait unboundedly for a slow consumer. */
  readonly observe: (pattern: Pattern.Pattern) => Stream.Stream<Change>
  /** Runs `effect` for each match, and interrupts it when the match goes. */
  readonly during: <E, R>(
    pattern: Pattern.Pattern,
    effect: (captures: Process.Captures) => Effect.Effect<unknown, E, R | Scope.Scope>
  ) => Effect.Effect<void, never, Exclude<R, Scope.Scope> | Scope.Scope>
}

export class Space extends Context.Service<Space, Interface>()("@colloquy/node/Space") {
  static readonly layer = (space: Node.Space): Layer.Layer<Space, never, Host> => Layer.effect(Space, make(space))
}

/** A program's view of one dataspace of its host; `null` is the management dataspace. */
export const make = Effect.fnUntraced(function*(space: Node.Space) {
  const host = yield* Host
  const pid = host.freshPid("program")
  const ears = new Map<Process.Handle, (event: Process.Event) => void>()
  let handles = 0
  yield* Effect.acquireRelease(
    Effect.sync(() => host.enter(space, pid, {
      deliver: (events) => { for (const event of events) ears.get(event.handle)?.(event) },
      exited: () => ears.clear()
    }, [])),
    () => Effect.sync(() => host.tell({ _tag: "Tell", space, event: { _tag: "Leave", pid } }))
  )
  const perform = (...actions: ReadonlyArray<Process.Action>) => Effect.sync(() => host.tell({ _tag: "Tell", space, event: { _tag: "Perform", pid, actions } }))
  const hold = (action: (handle: number) => Process.Action, handle: number) => Effect.acquireRelease(perform(action(handle)), () => perform(Process.retract(handle)))

  const assert = (fact: Value.Value) => Effect.suspend(() => hold((handle) => Process.assert(handle, fact), ++handles))
  const send = (body: Value.Value) => perform(Process.send(body))
  const observe = (pattern: Pattern.Pattern): Stream.Stream<Change> =>
    Stream.callback<Change>((queue) => Effect.suspend(() => {
      const handle = ++handles
      ears.set(handle, (event) => {
        if (event._tag !== "Resumed" && event._tag !== "Spawned") Queue.offerUnsafe(queue, { _tag: event._tag, captures: event.captures })
      })
      return Effect.andThen(Effect.addFinalizer(() => Effect.sync(() => ears.delete(handle))), hold((at) => Process.observe(at, pattern), handle))
    }), { bufferSize: Number.POSITIVE_INFINITY })

  const during = <E, R>(pattern: Pattern.Pattern, effect: (captures: Process.Captures) => Effect.Effect<unknown, E, R | Scope.Scope>) =>
    Effect.gen(function*() {
      const parent = yield* Effect.scope
      const running = new Map<string, Scope.Closeable>()
      const key = (captures: Process.Captures) => Canonical.key(captures)
      yield* Effect.forkScoped(Stream.runForEach(observe(pattern), ({ _tag, captures }) => {
        if (_tag === "Added") {
          return Effect.gen(function*() {
            const scope = yield* Scope.fork(parent)
            running.set(key(captures), scope)
            yield* effect(captures).pipe(Effect.tapCause((cause) => Effect.logError("a during failed", cause)), Scope.provide(scope), Effect.forkIn(scope))
          })
        }
        const scope = running.get(key(captures))
        if (_tag !== "Removed" || scope === undefined) return Effect.void
        running.delete(key(captures))
        return Scope.close(scope, Exit.void)
      }), { startImmediately: true })
    }) as Effect.Effect<void, never, Exclude<R, Scope.Scope> | Scope.Scope>

  return Space.of({ assert, send, observe, during })
})
