/** The list of three nodes in a line, ann - bob - cay: in one process over TCP, and as three programs. */
import { assert, describe, it } from "@effect/vitest"
import { Space } from "@colloquy/node"
import { Effect, Exit, Fiber, Layer, Logger, Queue, Scope, Stream } from "effect"
import { address, Finish, Item, layer, todo } from "../../examples/todo.ts"
import { Program } from "./program.ts"

/** A node of its own that is told things, until its Scope is closed. */
const start = Effect.fnUntraced(function*(name: string, ...uplinks: ReadonlyArray<string>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  return yield* Scope.provide(Effect.gen(function*() {
    const context = yield* Layer.build(Layer.provideMerge(layer(name, "tcp://127.0.0.1:0", uplinks), Logger.layer([])))
    const commands = yield* Queue.unbounded<string>()
    const printed = yield* Queue.unbounded<string>()
    const program = todo(name, Stream.fromQueue(commands), (line) => Effect.asVoid(Queue.offer(printed, line)))
    yield* Effect.forkScoped(Effect.provide(program, context), { startImmediately: true })
    return {
      address: yield* Effect.provide(address, context),
      space: yield* Effect.provide(Space.Space, context),
      type: (line: string) => Queue.offer(commands, line),
      /** Takes what was printed, up to this line. */
      sees: (line: string) => Effect.gen(function*() {
        const lines = [yield* Queue.take(printed)]
        while (lines.at(-1) !== line) lines.push(yield* Queue.take(printed))
        return lines
      }),
      stop: Scope.close(scope, Exit.void)
    }
  }), scope)
})
const line = Effect.gen(function*() {
  const ann = yield* start("ann")
  const bob = yield* start("bob", ann.address)
  const cay = yield* start("cay", bob.address)
  return { ann, bob, cay }
})

describe("the to-do list", () => {
  it.live("shows everybody's items to everybody, and lets anybody call any of them done", () => Effect.gen(function*() {
    const { ann, bob, cay } = yield* line
    yield* ann.type("add buy milk")
    yield* ann.type("add read a book")
    yield* cay.type("add sleep")
    for (const one of [ann, bob]) yield* one.sees("+ cay/1 [ ] sleep")
    yield* cay.sees("+ ann/2 [ ] read a book")
    yield* cay.type("done ann/1")
    assert.deepStrictEqual((yield* bob.sees("- ann/1 [ ] buy milk")).slice(-2), ["+ ann/1 [x] buy milk", "- ann/1 [ ] buy milk"])
    yield* ann.type("done 2")
    yield* bob.sees("- ann/2 [ ] read a book")

    yield* bob.type("list")
    assert.deepStrictEqual(yield* bob.sees("cay/1 [ ] sleep"), ["ann/1 [x] buy milk", "ann/2 [x] read a book", "cay/1 [ ] sleep"])
    for (const line of ["buy milk", "done 99999999999999999999", "done milk"]) {
      yield* bob.type(line)
      assert.deepStrictEqual(yield* bob.sees("Write add TEXT, done NUMBER, done OWNER/NUMBER, or list."),
        ["Write add TEXT, done NUMBER, done OWNER/NUMBER, or list."])
    }
  }).pipe(Effect.scoped))

  it.live("lets a wish stand until the item is there and done, and no longer", () => Effect.gen(function*() {
    const { ann, cay } = yield* line
    // a query goes to the next node and no further, where nobody has asked for just this: an observation hears all
    const wishes = yield* Effect.forkScoped(Stream.runCollect(Stream.take(ann.space.observe(Finish.all), 2)), { startImmediately: true })
    yield* cay.type("done ann/1")
    yield* ann.space.waitFor(Finish.all)
    yield* ann.type("add buy milk")
    yield* cay.sees("+ ann/1 [x] buy milk")

    assert.deepStrictEqual((yield* Fiber.join(wishes)).map(({ _tag }) => _tag), ["Added", "Removed"])
    assert.deepStrictEqual((yield* cay.space.query(Item.all)).map(({ isDone }) => isDone), [true])
  }).pipe(Effect.scoped))

  it.live("loses a node's items with the node, and the items that came by way of it", () => Effect.gen(function*() {
    const { ann, bob, cay } = yield* line
    for (const one of [ann, bob, cay]) yield* one.type("add sing")
    yield* ann.sees("+ cay/1 [ ] sing")
    yield* cay.sees("+ ann/1 [ ] sing")
    yield* bob.stop
    for (const [one, other] of [[ann, "cay"], [cay, "ann"]] as const) {
      const lines = [...yield* one.sees(`- ${other}/1 [ ] sing`)]
      if (!lines.includes("- bob/1 [ ] sing")) yield* one.sees("- bob/1 [ ] sing")
    }

    assert.deepStrictEqual(yield* Effect.all([ann.space.query(Item.all), cay.space.query(Item.all)]), [
      [{ _tag: "Item", owner: "ann", id: 1, text: "sing", isDone: false }],
      [{ _tag: "Item", owner: "cay", id: 1, text: "sing", isDone: false }]
    ])
  }).pipe(Effect.scoped))

  it("is one list again when the one in the middle was killed and came back, and a wish of meanwhile comes true", { timeout: 60_000 }, async () => {
    await using ann = new Program("todo.ts", "ann")
    const [, atAnn] = await ann.sees(/ listens at (.*)$/)
    const killed = new Program("todo.ts", "bob", "tcp://127.0.0.1:0", atAnn!)
    const [, atBob] = await killed.sees(/ listens at (.*)$/)
    await using cay = new Program("todo.ts", "cay", "tcp://127.0.0.1:0", atBob!)
    ann.type("add buy milk")
    await cay.sees(/^\+ ann\/1 \[ \] buy milk$/)
    await killed[Symbol.asyncDispose]()
    await cay.sees(/^- ann\/1 \[ \] buy milk$/)
    cay.type("done ann/1")

    await using bob = new Program("todo.ts", "bob", atBob!, atAnn!)
    for (const one of [ann, bob, cay]) await one.sees(/^\+ ann\/1 \[x\] buy milk$/)
    cay.type("add sleep")
    for (const one of [ann, bob]) await one.sees(/^\+ cay\/1 \[ \] sleep$/)
  })

  it("is three programs, of which one says farewell and one is killed", { timeout: 60_000 }, async () => {
    const addressOf = (program: Program) => program.sees(/ listens at (.*)$/).then(([, found]) => found!)
    await using ann = new Program("todo.ts", "ann")
    await using bob = new Program("todo.ts", "bob", "tcp://127.0.0.1:0", await addressOf(ann))
    await using cay = new Program("todo.ts", "cay", "tcp://127.0.0.1:0", await addressOf(ann))
    ann.type("add buy milk")
    bob.type("add sing")
    cay.type("add sleep")
    for (const line of [/^\+ ann\/1/, /^\+ bob\/1/, /^\+ cay\/1/]) await Promise.all([ann, bob, cay].map((program) => program.sees(line)))

    assert.strictEqual(await bob.stop(), 0)
    for (const program of [ann, cay]) await program.sees(/^- bob\/1 \[ \] sing$/)
    cay.child.kill("SIGKILL")
    await ann.sees(/^- cay\/1 \[ \] sleep$/)
    ann.type("list")
    await ann.sees(/^ann\/1 \[ \] buy milk$/)
    ann.child.stdin!.end()

    assert.strictEqual(await ann.exit, 0)
  })
})
