/**
 * A bank: customers are facts, and whoever observes them is the manager of the tellers.
 *
 *     node packages/node/examples/teller.ts 2 ann bob cay     # two counters, three customers
 *
 * | fact | held by | means |
 * | --- | --- | --- |
 * | `<Customer name wish>` | the customer | I am in the bank |
 * | `<Teller counter customer>` | a teller | I serve this customer, at this counter |
 * | `<Receipt customer text>` | the teller | done; please take it, and leave |
 *
 * Nobody calls anybody. The customers that stand and have no teller are the queue; a teller comes when
 * there is demand and a counter, and goes with its customer. A teller that crashes takes its facts with
 * it, so its customer is seen to wait again. A customer that leaves withdraws the demand, wherever the
 * work for it has got to.
 */
import { Assertion, Pattern } from "@colloquy/core"
import { Node, Space } from "@colloquy/node"
import { Console, Effect, Fiber, Layer, Random, Schema, Semaphore } from "effect"
import { Argument, Command } from "effect/cli"
import { main } from "./main.ts"

export const Customer = Assertion.record("Customer", { name: Schema.String, wish: Schema.String })
export const Teller = Assertion.record("Teller", { counter: Schema.Int, customer: Schema.String })
export const Receipt = Assertion.record("Receipt", { customer: Schema.String, text: Schema.String })

/** Comes in, waits to be served, and leaves with the receipt: the Scope ends, and so does the fact. */
export const customer = (name: string, wish: string) => Effect.gen(function*() {
  const space = yield* Space.Space
  yield* space.assert(Customer({ name, wish }))
  const { text } = yield* space.waitFor(Receipt.with({ customer: name, text: Pattern.bind }))
  return text
}).pipe(Effect.scoped)

/** What a teller does about a wish. */
export type Service<E = never> = (wish: string) => Effect.Effect<string, E>

/** The receipt is a fact, and not a message: it cannot come too early to be heard. It is held out until the customer is gone. */
const teller = <E>(counter: number, name: string, work: Effect.Effect<string, E>) => Effect.gen(function*() {
  const space = yield* Space.Space
  yield* space.assert(Teller({ counter, customer: name }))
  yield* space.assert(Receipt({ customer: name, text: yield* work }))
  return yield* Effect.never
}).pipe(Effect.scoped)

/** Who has cost so many tellers is sent away, or one bad wish would keep a counter busy for ever. */
export const tellersMax = 3

/** Staffs `counters` counters, as customers come, for as long as the Scope is open. */
export const bank = <E>(counters: number, serve: Service<E>) => Effect.gen(function*() {
  const space = yield* Space.Space
  const queue = yield* Semaphore.make(counters) // lets in who waited longest
  const free = Array.from({ length: counters }, (_, i) => i + 1)

  // once for each customer, in a Scope that closes when the customer leaves: whoever serves then is interrupted
  yield* space.during(Customer.all, ({ name, wish }) => {
    const atCounter = Effect.acquireUseRelease(
      Effect.sync(() => free.shift()!),
      // a process of its own: when it fails, all that it asserted goes in one turn, and everybody else stays
      (counter) => Effect.flatMap(space.fork(`teller ${counter}`, teller(counter, name, serve(wish))), Fiber.join),
      (counter) => Effect.sync(() => free.push(counter))
    )
    return Effect.scoped(queue.withPermit(atCounter)).pipe(
      Effect.sandbox, // a defect is a crash as well
      Effect.tapError((cause) => Effect.logWarning(`the teller of ${name} crashed`, cause)),
      Effect.retry({ times: tellersMax - 1 }), // back to the end of the queue
      Effect.catch(() => space.assert(Receipt({ customer: name, text: "Sorry, we cannot help you." })))
    )
  })
})

/** What happens, in words. */
const tell = Effect.gen(function*() {
  const space = yield* Space.Space
  yield* space.during(Customer.all, ({ name }) => Effect.acquireRelease(Console.log(`${name} waits`), () => Console.log(`${name} leaves`)))
  yield* space.during(Teller.all, ({ counter, customer }) =>
    Effect.acquireRelease(Console.log(`teller ${counter} serves ${customer}`), () => Console.log(`counter ${counter} is free`)))
})

const program = Effect.fnUntraced(function*({ counters, names }: { readonly counters: number; readonly names: ReadonlyArray<string> }) {
  yield* tell
  yield* bank(counters, (wish) => Effect.gen(function*() {
    yield* Effect.sleep("500 millis")
    return (yield* Random.next) < 0.2 ? yield* Effect.die(new Error("the teller fainted")) : `You have ${wish}.`
  }))
  const receipts = yield* Effect.forEach(names, (name) => customer(name, "a new account"), { concurrency: "unbounded" })
  yield* Effect.forEach(receipts, (text, i) => Console.log(`${names[i]} was told: ${text}`))
}, Effect.scoped, Effect.provide(Node.scope("bank").pipe(Layer.provide(Node.layer()))))

const words = {
  counters: Argument.Int("counters").pipe(
    Argument.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))),
    Argument.withDescription("how many there are")
  ),
  names: Argument.String("customer").pipe(Argument.withDescription("who comes, each with a wish"), Argument.atLeast(1))
}
main(import.meta, Command.make("teller.ts", words, program).pipe(Command.withDescription("a bank serves its customers, each at one of the counters")))
