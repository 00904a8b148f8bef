/**
 * A to-do list that belongs to nobody: each node holds its own items, and sees those of all.
 *
 *     node packages/node/examples/todo.ts ann tcp://127.0.0.1:7701
 *     node packages/node/examples/todo.ts bob tcp://127.0.0.1:7702 tcp://127.0.0.1:7701
 *     node packages/node/examples/todo.ts cay tcp://127.0.0.1:7703 tcp://127.0.0.1:7702
 *
 * and then, in any of them: `add buy milk`, `list`, `done bob/1`, and Ctrl-D to go.
 *
 * | fact | held by | means |
 * | --- | --- | --- |
 * | `<Item owner id text isDone>` | its owner's node | this is to do, or done |
 * | `<Finish owner id>` | whoever wants that | please call it done |
 *
 * There is no server and no copy of the list: the three dataspaces called "todo" are one, and a node
 * that goes, or dies, takes its items with it. The wish that an item be done is a fact and no message,
 * so it is not lost when a link is down for a while: it stands until it is fulfilled.
 */
import { Assertion, Pattern } from "@colloquy/core"
import { Node, Space } from "@colloquy/node"
import { Console, Effect, Layer, Schema, Scope, Stream } from "effect"
import { Argument, Command } from "effect/cli"
import { main, typed } from "./main.ts"

export const Item = Assertion.record("Item", { owner: Schema.String, id: Schema.Int, text: Schema.String, isDone: Schema.Boolean })
export const Finish = Assertion.record("Finish", { owner: Schema.String, id: Schema.Int })

const shown = ({ id, isDone, owner, text }: typeof Item.Type) => `${owner}/${id} [${isDone ? "x" : " "}] ${text}`
const inOrder = (a: typeof Item.Type, b: typeof Item.Type) => a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : a.id - b.id

/** An item is to do, until somebody wants it done; then it is done, for as long as the outer Scope is open. */
const item = (owner: string, id: number, text: string) => Effect.gen(function*() {
  const space = yield* Space.Space
  const life = yield* Effect.scope
  yield* Effect.scoped(Effect.gen(function*() {
    yield* space.assert(Item({ owner, id, text, isDone: false }))
    yield* space.waitFor(Finish.with({ owner, id }))
    // before the other goes: at no time is there no such item
    yield* Scope.provide(space.assert(Item({ owner, id, text, isDone: true })), life)
  }))
})

const finish = (owner: string, id: number) => Effect.gen(function*() {
  const space = yield* Space.Space
  yield* space.assert(Finish({ owner, id }))
  yield* space.waitFor(Item.with({ owner, id, isDone: true }))
}).pipe(Effect.scoped)

/** Obeys commands to their end, and prints what changes meanwhile. What was added stays until the Scope closes. */
export const todo = <E, R>(
  owner: string,
  commands: Stream.Stream<string, E, R>,
  print: (line: string) => Effect.Effect<void>
) => Effect.gen(function*() {
  const space = yield* Space.Space
  yield* Effect.forkScoped(Stream.runForEach(space.observe(Item.all), ({ _tag, captures }) =>
    print(`${_tag === "Added" ? "+" : "-"} ${shown(captures)}`)), { startImmediately: true })

  let count = 0
  yield* Stream.runForEach(commands, Effect.fnUntraced(function*(line) {
    const [, command, rest = ""] = /^\s*(\S*)\s*(.*?)\s*$/.exec(line)!
    const [, whose = owner, id] = /^(?:(.+)\/)?(\d{1,15})$/.exec(rest) ?? []
    if (command === "add" && rest !== "") yield* Effect.forkScoped(item(owner, ++count, rest))
    else if (command === "done" && id !== undefined) yield* Effect.forkScoped(finish(whose, Number(id)))
    else if (command === "list") yield* Effect.forEach((yield* space.query(Item.all)).toSorted(inOrder), (one) => print(shown(one)))
    else yield* print("Write add TEXT, done NUMBER, done OWNER/NUMBER, or list.")
  }))
})

/** A node that listens, and its place in the list; uplinks join it to others. Every node of a list needs a name of its own. */
export const layer = (name: string, listen: string, uplinks: ReadonlyArray<string>) =>
  Node.scope("todo", { uplinks }).pipe(Layer.provideMerge(Node.layer({ id: name, listen: [listen] })))

/** Where the node listens, as its management dataspace says. */
export const address = Effect.gen(function*() {
  const management = yield* Space.make(null)
  const [bound] = yield* management.waitFor(Pattern.record("listener", Pattern.bind()))
  return bound as string
}).pipe(Effect.scoped)

const words = {
  name: Argument.String("name").pipe(Argument.withDescription("of the node, and of whoever types here")),
  listen: Argument.String("listen").pipe(Argument.withDescription("its address: tcp://127.0.0.1:7701"), Argument.withDefault("tcp://127.0.0.1:0")),
  uplinks: Argument.String("uplink").pipe(Argument.withDescription("addresses of others"), Argument.atLeast(0))
}
main(import.meta, Command.make("todo.ts", words, ({ listen, name, uplinks }) => Effect.gen(function*() {
  yield* Console.log(`${name} listens at ${yield* address}`)
  yield* todo(name, typed, Console.log)
}).pipe(Effect.scoped, Effect.provide(layer(name, listen, uplinks)))).pipe(Command.withDescription("a to-do list that several nodes share")))
