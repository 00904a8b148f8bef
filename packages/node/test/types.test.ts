/** What the compiler knows of the Effect API: answers, errors and what is required. It is `npm run check` that runs these. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { Assertion, Pattern, Process, type Value } from "@colloquy/core"
import { Context, Effect, type Fiber, type Layer, type Result, Schema, type Scope, type Stream } from "effect"
import * as HostModule from "../src/Host.ts"
import * as Node from "../src/Node.ts"
import * as NodeConfig from "../src/NodeConfig.ts"
import * as Space from "../src/space/Space.ts"
import type { BadAddress } from "../src/transport/Address.ts"
import type { ListenError } from "../src/transport/Transport.ts"

const Present = Assertion.record("Present", { room: Schema.String, user: Schema.String })
const Count = Assertion.record("Count", { n: Schema.Number, at: Schema.DateTimeUtcFromString })
const counts = Count.with({ n: Pattern.bind })
const pattern = Pattern.record("x", Pattern.bind())

class Store extends Context.Service<Store, { readonly size: number }>()("test/Store") {}
class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}
declare const space: Space.Interface
declare const needy: Effect.Effect<number, Broken, Store>

describe("a space's types", () => {
  it("are the answers of what is asked, with no error and nothing required", () => {
    const types = () => {
      expectTypeOf(space.query(counts)).toEqualTypeOf<Effect.Effect<ReadonlyArray<{ readonly n: number }>>>()
      expectTypeOf(space.query(pattern)).toEqualTypeOf<Effect.Effect<ReadonlyArray<Process.Captures>>>()
      expectTypeOf(space.waitFor(Present.all))
        .toEqualTypeOf<Effect.Effect<{ readonly _tag: "Present"; readonly room: string; readonly user: string }>>()
      expectTypeOf(space.waitForAbsence(Present.all)).toEqualTypeOf<Effect.Effect<Value.Value | undefined>>()
      expectTypeOf(space.send(Present({ room: "a", user: "b" }))).toEqualTypeOf<Effect.Effect<void>>()
      expectTypeOf(space.observe(counts)).toEqualTypeOf<Stream.Stream<Space.Change<{ readonly n: number }>>>()
      expectTypeOf(space.observe(pattern, { messagesMax: 1 })).toEqualTypeOf<Stream.Stream<Space.Change>>()
    }

    expectTypeOf(types).toBeFunction()
  })
  it("tell of several questions which one a change answers, and so what its captures are", () => {
    const several = () => space.observe({ count: counts, who: Present.all, raw: pattern })
    type Told = Stream.Success<ReturnType<typeof several>>
    type CapturesOf<K> = Extract<Told, { readonly question: K; readonly _tag: "Added" }>["captures"]

    expectTypeOf<Told["question"]>().toEqualTypeOf<"count" | "who" | "raw">()
    expectTypeOf<Told["_tag"]>().toEqualTypeOf<"Added" | "Removed" | "Received">()
    expectTypeOf<CapturesOf<"count">>().toEqualTypeOf<{ readonly n: number }>()
    expectTypeOf<CapturesOf<"who">>().toEqualTypeOf<typeof Present.Type>()
    expectTypeOf<CapturesOf<"raw">>().toEqualTypeOf<Process.Captures>()
    expectTypeOf<Extract<Told, { readonly _tag: "Removed" }>["reason"]>().toEqualTypeOf<Value.Value | undefined>()
  })
  it("require a Scope for what lasts, and what its effects need besides", () => {
    const types = () => {
      expectTypeOf(space.assert("x")).toEqualTypeOf<Effect.Effect<void, never, Scope.Scope>>()
      expectTypeOf(space.assertRef("x")).toEqualTypeOf<Effect.Effect<Space.FactRef, never, Scope.Scope>>()
      expectTypeOf(space.during(counts, ({ n }) => Effect.as(needy, n))).toEqualTypeOf<Effect.Effect<void, never, Store | Scope.Scope>>()
      expectTypeOf(space.during(counts, () => Effect.addFinalizer(() => Effect.void))).toEqualTypeOf<Effect.Effect<void, never, Scope.Scope>>()
      expectTypeOf(space.fork("a", needy)).toEqualTypeOf<Effect.Effect<Fiber.Fiber<number, Broken>, never, Store | Scope.Scope>>()
      expectTypeOf(space.fork("a", Space.Space)).toEqualTypeOf<Effect.Effect<Fiber.Fiber<Space.Interface, never>, never, Scope.Scope>>()
      expectTypeOf(space.nested("a", Effect.andThen(Space.Space, needy)))
        .toEqualTypeOf<Effect.Effect<Fiber.Fiber<number, Broken>, never, Store | Scope.Scope>>()
    }

    expectTypeOf(types).toBeFunction()
  })
  it("name every error: a process that does not start is the only one", () => {
    const types = () => {
      expectTypeOf(space.spawn("a", { behaviour: "b", config: 0 })).toEqualTypeOf<Effect.Effect<Process.Pid, Space.SpawnFailed>>()
      const spawned = space.spawn("a", { behaviour: "b", config: 0 })
      const caught = Effect.catchTag(spawned, "SpawnFailed", ({ name, reason }) => Effect.succeed({ name, reason }))
      expectTypeOf(caught).toEqualTypeOf<Effect.Effect<Process.Pid | { name: string; reason: Value.Value }>>()
    }

    expectTypeOf(types).toBeFunction()
  })
  it("refuse what is no value, no question, and no service that is there", () => {
    const refused = () => {
      // @ts-expect-error a date is no value
      void space.assert(new Date())
      // @ts-expect-error a value is no pattern
      void space.observe("x")
      // @ts-expect-error one of several is none
      void space.observe({ a: counts, b: 1 })
      // @ts-expect-error the captures have no such field
      void space.during(counts, ({ m }) => Effect.log(m))
      // @ts-expect-error Store is missing
      void Effect.runPromise(Effect.scoped(space.fork("a", needy)))
    }

    expectTypeOf(refused).toBeFunction()
  })
})

describe("the types of layers and of what they are told", () => {
  type Listening = BadAddress | ListenError | Node.Insecure | Node.BadScope | NodeConfig.BadSetting
  it("say what a node gives, needs and can fail with", () => {
    const types = () => {
      expectTypeOf(Node.layer({ id: "n" })).toEqualTypeOf<Layer.Layer<HostModule.Host, Listening>>()
      expectTypeOf(Node.layerMemory()).toEqualTypeOf<Layer.Layer<HostModule.Host, Listening>>()
      expectTypeOf(Node.layerNoTransport({})).toEqualTypeOf<Layer.Layer<HostModule.Host, Listening>>()
      expectTypeOf(Node.layerConfig()).toEqualTypeOf<Layer.Layer<HostModule.Host, Listening>>()
      expectTypeOf(Node.layerConfig(Effect.as(needy, {}))).toEqualTypeOf<Layer.Layer<HostModule.Host, Listening | Broken, Store>>()
      expectTypeOf(Node.scope("chat")).toEqualTypeOf<Layer.Layer<Space.Space, BadAddress | Node.BadScope, HostModule.Host>>()
      expectTypeOf(Space.Space.layer("chat")).toEqualTypeOf<Layer.Layer<Space.Space, never, HostModule.Host>>()
      expectTypeOf(Space.make("chat")).toEqualTypeOf<Effect.Effect<Space.Interface, never, HostModule.Host | Scope.Scope>>()
    }

    expectTypeOf(types).toBeFunction()
  })
  it("say what a configuration is, and that a bad setting is all that can be wrong", () => {
    const load = () => NodeConfig.load({ file: "node.json" })

    expectTypeOf<Effect.Error<ReturnType<typeof load>>>().toEqualTypeOf<NodeConfig.BadSetting>()
    expectTypeOf<Effect.Services<ReturnType<typeof load>>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Success<ReturnType<typeof load>>>().toExtend<Node.Config>()
  })
  it("say what a value that comes from a stranger may be", () => {
    expectTypeOf(Count.decode).returns.toEqualTypeOf<Result.Result<typeof Count.Type, Assertion.Mismatch>>()
    expectTypeOf(counts.decode).returns.toEqualTypeOf<Result.Result<{ readonly n: number }, Assertion.Mismatch>>()
    expectTypeOf<Assertion.Mismatch["path"]>().toEqualTypeOf<ReadonlyArray<string | number>>()
    expectTypeOf<Assertion.Mismatch["_tag"]>().toEqualTypeOf<"Mismatch">()
  })
})
