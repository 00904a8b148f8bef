/** What the compiler knows of assertions: it is `npm run check` that runs these. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { type Result, Schema } from "effect"
import * as Assertion from "../../src/assertion/Assertion.ts"
import { Pattern, type Value } from "../../src/index.ts"

const Room = Schema.String.pipe(Schema.brand("Room"))
const Present = Assertion.record("Present", { room: Schema.String, user: Schema.String })
const Person = Assertion.record("Person", { user: Schema.String, age: Schema.Number })
const Message = Assertion.record("Message", { from: Person, body: Schema.String, at: Schema.DateTimeUtcFromString })
const Settings = Assertion.dictionary({ color: Schema.Literals(["red", "blue"]), size: Schema.optionalKey(Schema.Int) })
const Event = Assertion.union(Present, Person, Settings)
const Log = Assertion.record("Log", {
  event: Event, place: Schema.Tuple([Schema.Number, Schema.String]), meta: Schema.Struct({ host: Schema.String, pid: Schema.Int })
})
class User extends Schema.Class<User>("User")({ id: Schema.Int, name: Schema.String }) {}
const Account = Assertion.record("Account", { owner: User, room: Room })

type CapturesOf<Q> = Q extends Assertion.Question<infer A> ? A : never

describe("the types of assertions", () => {
  it("are the fact with its tag, and the value", () => {
    expectTypeOf<typeof Present.Type>().toEqualTypeOf<{ readonly _tag: "Present"; readonly room: string; readonly user: string }>()
    expectTypeOf<typeof Present.Encoded>().toEqualTypeOf<Value.Record>()
    expectTypeOf(Present).toBeCallableWith({ room: "lobby", user: "ann" })
    expectTypeOf(Present({ room: "lobby", user: "ann" })).toEqualTypeOf<Value.Record>()
    expectTypeOf(Present.decode("x")).toEqualTypeOf<Result.Result<typeof Present.Type, Assertion.Mismatch>>()
    expectTypeOf(Present.encode({ room: "lobby", user: "ann" })).toEqualTypeOf<Result.Result<Value.Record, Assertion.Mismatch>>()
    expectTypeOf<typeof Settings.Type>().toEqualTypeOf<{ readonly color: "red" | "blue"; readonly size?: number }>()
    expectTypeOf<typeof Event.Type>().toEqualTypeOf<typeof Present.Type | typeof Person.Type | typeof Settings.Type>()
    expectTypeOf<typeof Message.Type.from>().toEqualTypeOf<typeof Person.Type>()
    expectTypeOf<CapturesOf<typeof Present.all>>().toEqualTypeOf<typeof Present.Type>()
    expectTypeOf<CapturesOf<typeof Settings.all>>().toEqualTypeOf<typeof Settings.Type>()
  })
  it("capture exactly what is bound", () => {
    const one = Present.with({ room: "lobby", user: Pattern.bind })
    const called = Present.with({ user: Pattern.bind() })
    const none = Present.with({ room: "lobby" })
    const nested = Message.with({ from: { user: Pattern.bind }, body: "hi" })
    const both = Message.with({ from: { user: Pattern.bind }, at: Pattern.bind })
    const record = Message.with({ from: Pattern.bind })

    expectTypeOf<CapturesOf<typeof one>>().toEqualTypeOf<{ readonly user: string }>()
    expectTypeOf<CapturesOf<typeof called>>().toEqualTypeOf<{ readonly user: string }>()
    expectTypeOf<CapturesOf<typeof none>>().toEqualTypeOf<{}>()
    expectTypeOf<CapturesOf<typeof nested>>().toEqualTypeOf<{ readonly from: { readonly user: string } }>()
    expectTypeOf<CapturesOf<typeof both>>().toEqualTypeOf<{ readonly from: { readonly user: string }; readonly at: typeof Message.Type.at }>()
    expectTypeOf<CapturesOf<typeof record>>().toEqualTypeOf<{ readonly from: typeof Person.Type }>()
  })
  it("look into unions, tuples, structs and classes", () => {
    const member = Event.with({ _tag: "Person", age: Pattern.bind })
    const settings = Event.with({ color: Pattern.bind })
    const inUnion = Log.with({ event: { _tag: "Present", user: Pattern.bind } })
    const union = Log.with({ event: Pattern.bind })
    const tuple = Log.with({ place: [1, Pattern.bind], meta: { host: "a", pid: Pattern.bind } })
    const open = Log.with({ place: [Pattern.discard as Pattern.Discard, Pattern.bind], meta: Pattern.discard as Pattern.Discard })
    const first = Log.with({ place: [Pattern.bind, undefined] })
    const owner = Account.with({ owner: { name: Pattern.bind }, room: Pattern.bind })

    expectTypeOf<CapturesOf<typeof member>>().toEqualTypeOf<{ readonly age: number }>()
    expectTypeOf<CapturesOf<typeof settings>>().toEqualTypeOf<{ readonly color: "red" | "blue" }>()
    expectTypeOf<CapturesOf<typeof inUnion>>().toEqualTypeOf<{ readonly event: { readonly user: string } }>()
    expectTypeOf<CapturesOf<typeof union>>().toEqualTypeOf<{ readonly event: typeof Event.Type }>()
    expectTypeOf<CapturesOf<typeof tuple>>().toEqualTypeOf<{ readonly place: readonly [string]; readonly meta: { readonly pid: number } }>()
    expectTypeOf<CapturesOf<typeof open>>().toEqualTypeOf<{ readonly place: readonly [string] }>()
    expectTypeOf<CapturesOf<typeof first>>().toEqualTypeOf<{ readonly place: readonly [number] }>()
    expectTypeOf<CapturesOf<typeof owner>>().toEqualTypeOf<{ readonly owner: { readonly name: string }; readonly room: typeof Room.Type }>()
  })
  it("refuse what the schema does not have", () => {
    const refused = () => {
      // @ts-expect-error a number is no string
      Present({ room: 3, user: "ann" })
      // @ts-expect-error a field is missing
      Present({ room: "lobby" })
      // @ts-expect-error a literal of another type
      Present.with({ room: 3 })
      // @ts-expect-error no such field
      Present.with({ rom: "lobby" })
      // @ts-expect-error no such field further in
      Message.with({ from: { usr: Pattern.bind } })
      // @ts-expect-error no such member
      Event.with({ _tag: "Nobody" })
      // @ts-expect-error a field of another member
      Event.with({ _tag: "Person", room: "lobby" })
      // @ts-expect-error a plain string is no Room
      Account.with({ room: "lobby" })
      // @ts-expect-error records have their fields by place
      Assertion.record("Bad", { note: Schema.optionalKey(Schema.String) })
      // @ts-expect-error _tag is the label's
      Assertion.record("Bad", { _tag: Schema.String })
    }

    expectTypeOf(refused).toBeFunction()
  })
  it("takes questions of any captures where the captures do not matter", () => {
    expectTypeOf(Present.all).toExtend<Assertion.Question<unknown>>()
    expectTypeOf(Present.with({ user: Pattern.bind })).toExtend<Assertion.Question<{ readonly user: string }>>()
  })
})
