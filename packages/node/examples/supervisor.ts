/**
 * A supervisor tree that prints itself whenever it changes.
 *
 *     node packages/node/examples/supervisor.ts       # and then the name of a worker, such as: till
 *
 * The supervisors are core's, pure processes. What they keep running are Effects: for each of them a pure
 * worker stands in the tree, whose fact `<Work pid name>` is the demand for the Effect. When the tree
 * stops a worker, its fact goes, and with it the Scope of the Effect; when the Effect ends, the worker
 * is told why, and ends for that reason, which is what its supervisor sees.
 *
 * Nobody keeps the tree for printing. Each process of it holds up `<Child pid parent name n>`, where n tells one start
 * from the next, and whoever observes these has the tree, as long as it stands.
 */
import { Assertion, Handoff, Pattern, Process, Supervisor, Text, Value } from "@colloquy/core"
import { Driver, Node, Space } from "@colloquy/node"
import { Cause, Console, Effect, Fiber, Layer, Schema, Stream } from "effect"
import { Command } from "effect/cli"
import { main, typed } from "./main.ts"

export const Child = Assertion.record("Child", { pid: Assertion.Value, parent: Assertion.Value, name: Schema.String, n: Schema.Int })
const Work = Assertion.record("Work", { pid: Assertion.Value, name: Schema.String })
/** A message to a worker: what was done for it is over. */
const Ended = Assertion.record("Ended", { pid: Assertion.Value, reason: Assertion.Value })

// ---- the pure part ------------------------------------------------------------------------------

/** A branch, when it has children; otherwise a worker, which is always to run. */
export interface Tree {
  readonly name: string
  readonly strategy?: Supervisor.Config["strategy"]
  readonly restartsMax?: number
  readonly children?: ReadonlyArray<Tree>
}

const processOf = ({ children, name, restartsMax = 3, strategy = "one-for-one" }: Tree): Process.Process => {
  if (children === undefined) return { behaviour: "worker", config: name }
  const config: Supervisor.Config = {
    strategy,
    intensity: { restartsMax, withinMs: 5_000 },
    children: children.map((child) => ({ name: child.name, process: processOf(child), restart: "permanent" }))
  }
  return { behaviour: "branch", config }
}

const worker: Process.Behaviour<string, string> = {
  initial: (name, pid) => [name, [
    Process.observe("ended", Ended.with({ pid, reason: Pattern.bind }).pattern),
    Process.assert("work", Work({ pid, name }))
  ]],
  transition: (name, { captures: [reason] }) => [name, [Process.quit(reason)]]
}

/** What a supervisor starts says where it stands: its bond names its parent, itself and its number. */
const placed = <Config, State>(behaviour: Process.Behaviour<Handoff.Bond<Config>, State>): Process.Behaviour<Handoff.Bond<Config>, State> => ({
  ...behaviour,
  initial: (bond, pid) => {
    const [parent, name, n] = (bond.up as Value.Record).fields
    const [state, actions] = behaviour.initial(bond, pid)
    return [state, [Process.assert("place", Child({ pid, parent: parent!, name: name as string, n: n as number })), ...actions]]
  }
})

export const behaviours: Process.Behaviours = { branch: placed(Supervisor.child), worker: placed(Handoff.whileWanted(worker)) }

// ---- the Effect part ----------------------------------------------------------------------------

const reasonOf = (cause: Cause.Cause<unknown>): Value.Value => Value.record("crash", String(Cause.squash(cause)))

/** Does the work of each worker while the tree wants it done. */
const staff = <E, R>(workers: (name: string) => Effect.Effect<unknown, E, R>) => Effect.gen(function*() {
  const space = yield* Space.Space
  yield* space.during(Work.all, ({ name, pid }) => workers(name).pipe(
    Effect.matchCause({ onFailure: reasonOf, onSuccess: (): Value.Value => true }),
    Effect.flatMap((reason) => space.send(Ended({ pid, reason })))
  ))
})

/** Keeps a tree running until the Scope closes, or it gives up: then why. Shows it whenever it has changed. */
export const grow = <E, R>(
  tree: Tree,
  workers: (name: string) => Effect.Effect<unknown, E, R>,
  show: (tree: string) => Effect.Effect<void>
) => Effect.gen(function*() {
  const space = yield* Space.Space
  yield* staff(workers)

  const standing = new Map<Value.Value, typeof Child.Type>()
  yield* Effect.forkScoped(Stream.runForEachArray(space.observe(Child.all), (changes) => {
    for (const { _tag, captures } of changes) {
      if (_tag === "Added") standing.set(captures.pid, captures)
      else standing.delete(captures.pid)
    }
    return show(draw([...standing.values()]).join("\n"))
  }), { startImmediately: true })

  // the root hangs on our own fact as its children hang on those that it holds
  const wanted = Value.record("stay-up", top, tree.name, 0)
  const bond: Handoff.Bond = { wanted, up: Value.record("up", top, tree.name, 0), config: processOf(tree).config }
  const end = Pattern.record("exited", Pattern.literal(tree.name), Pattern.discard, Pattern.bind())
  const exited = yield* Effect.forkScoped(space.waitFor(end), { startImmediately: true })
  yield* space.assert(wanted)
  yield* space.spawn(tree.name, { behaviour: "branch", config: bond })
  const [reason] = yield* Fiber.join(exited)
  return reason!
})

/** The parent of the root. */
const top = Value.symbol("top")

const draw = (all: ReadonlyArray<typeof Child.Type>, parent: Value.Value = top, indent = ""): ReadonlyArray<string> => {
  const children = all.filter((child) => child.parent === parent).toSorted((a, b) => a.name < b.name ? -1 : 1)
  return children.flatMap(({ n, name, pid }, i) => {
    const [branch, below] = parent === top ? ["", ""] : i < children.length - 1 ? ["├─ ", "│  "] : ["└─ ", "   "]
    return [`${indent}${branch}${name}${n === 0 ? "" : ` #${n}`}`, ...draw(all, pid, indent + below)]
  })
}

export const layer = Driver.Timer.layer.pipe( // forgets restarts that were long ago
  Layer.provideMerge(Node.scope("tree")),
  Layer.provide(Node.layer({ behaviours }))
)

const shop: Tree = {
  name: "shop",
  children: [
    { name: "clock" },
    { name: "counter", strategy: "rest-for-one", restartsMax: 1, children: [{ name: "stock" }, { name: "till" }] }
  ]
}
const Crash = Assertion.record("Crash", { name: Schema.String })

const program = Effect.gen(function*() {
  const space = yield* Space.Space
  yield* Effect.forkScoped(Stream.runForEach(typed, (name) => space.send(Crash({ name: name.trim() }))))
  const crashing = (name: string) => Effect.andThen(space.waitFor(Crash.with({ name })), Effect.die(new Error("somebody told it to")))
  const reason = yield* grow(shop, crashing, (tree) => Console.log(`${process.stdout.isTTY ? "\u001b[2J\u001b[H" : ""}${tree}\n`))
  yield* Console.log(`the tree gave up: ${Text.print(reason)}`)
}).pipe(Effect.scoped, Effect.provide(layer))

main(import.meta, Command.make("supervisor.ts", {}, () => program).pipe(Command.withDescription("a tree of workers: type a name, and it crashes")))
