/** Facts and questions as a program uses them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Result, Schema } from "effect"
import * as Assertion from "../../src/assertion/Assertion.ts"
import { Dataspace, Pattern, Process, Text, Value } from "../../src/index.ts"

const Present = Assertion.record("Present", { room: Schema.String, user: Schema.String })
const Person = Assertion.record("Person", { user: Schema.String, age: Schema.Number })
const Message = Assertion.record("Message", { from: Person, body: Schema.String })
const Settings = Assertion.dictionary({ size: Schema.Int, color: Schema.Literals(["red", "blue"]), note: Schema.optionalKey(Schema.String) })
const Event = Assertion.union(Present, Person, Settings)

const value = (text: string): Value.Value => Text.read(text) as Value.Value
const print = (pattern: Pattern.Pattern): string => Text.print(Pattern.toValue(pattern))
/** What a question makes of a fact in the dataspace. */
const asked = <A>({ decode, pattern }: Assertion.Question<A>, fact: Value.Value): A | string => {
  const captures = Pattern.captures(pattern, fact)
  if (captures === undefined) return "no match"
  const result = decode(captures)
  return Result.isSuccess(result) ? result.success : result.failure.message
}
const thrown = (run: () => unknown): Assertion.Mismatch => {
  try {
    run()
  } catch (error) {
    assert.instanceOf(error, Assertion.Mismatch)
    return error
  }
  throw new Error("nothing was thrown")
}
const failure = <A>(result: Result.Result<A, Assertion.Mismatch>): Assertion.Mismatch => {
  assert.isTrue(Result.isFailure(result))
  return (result as Result.Failure<A, Assertion.Mismatch>).failure
}

describe("a record", () => {
  it("is a value with its fields in the order of their declaration", () => {
    assert.strictEqual(Text.print(Present({ user: "ann", room: "lobby" })), `<Present "lobby" "ann">`)
    assert.strictEqual(Text.print(Message({ body: "hi", from: { age: 7, user: "ann" } })), `<Message <Person "ann" 7> "hi">`)
    assert.strictEqual(Text.print(Assertion.record("tick", {})()), "<tick>")
  })
  it("decodes to the fact with its tag, in nested records too", () => {
    assert.deepStrictEqual(Message.decode(value(`<Message <Person "ann" 7> "hi">`)), Result.succeed({
      _tag: "Message" as const, from: { _tag: "Person" as const, user: "ann", age: 7 }, body: "hi"
    }))
  })
  it("names the place of what does not decode", () => {
    const deep = failure(Message.decode(value(`<Message <Person "ann" "old"> "hi">`)))

    assert.deepStrictEqual([deep._tag, deep.path, deep.reason, deep.message],
      ["Mismatch", ["from", "age"], "Expected number, got String", "Expected number, got String at from.age"])
    assert.strictEqual(failure(Message.decode(value(`<Message "ann" "hi">`))).message, "Expected <Person user age>, got String at from")
    assert.strictEqual(failure(Present.decode(value(`<Present "lobby">`))).message, "Expected <Present room user>, got <Present> of 1")
    assert.strictEqual(failure(Present.decode(value("[]"))).message, "Expected <Present room user>, got Sequence")
  })
  it("throws what a program says wrongly, and gives it as a Result from encode", () => {
    const wrong = { from: { user: "ann", age: "old" }, body: "hi" } as never

    assert.deepStrictEqual(thrown(() => Message(wrong)).path, ["from", "age"])
    assert.strictEqual(failure(Message.encode(wrong)).message, "Expected number, got String at from.age")
    assert.strictEqual(thrown(() => Present(undefined as never)).message, "Expected string, got undefined at room")
    assert.strictEqual(thrown(() => Present({ _tag: "Person", room: "a", user: "b" } as never)).message, `Expected "Present" at _tag`)
    assert.strictEqual(thrown(() => Present({ room: "\ud800", user: "b" })).message, "Expected text, got a lone surrogate at room")
  })
  it("fills in what its schema's constructor fills in", () => {
    const Job = Assertion.record("job", { tries: Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(3))), name: Schema.NonEmptyString })
    const Team = Assertion.record("team", { jobs: Schema.Array(Job) })

    assert.strictEqual(Text.print(Job({ name: "sweep" })), `<job 3 "sweep">`)
    assert.strictEqual(Text.print(Team({ jobs: [{ name: "sweep" }] })), `<team [<job 3 "sweep">]>`)
    assert.deepStrictEqual(thrown(() => Job({ name: "" })).path, ["name"])
  })
  it("refuses names that have no place", () => {
    const field = (name: string) => thrown(() => Assertion.record("bad", { [name]: Schema.String })).path

    assert.deepStrictEqual([field("_tag"), field("2")], [["_tag"], ["2"]])
    assert.deepStrictEqual(thrown(() => Assertion.record("bad", { note: Schema.optionalKey(Schema.String) } as never)).path, ["note"])
  })
  it("is a schema among schemas", () => {
    const Rooms = Assertion.record("rooms", { all: Schema.Array(Present), first: Schema.Option(Person), log: Schema.Array(Event) })
    const rooms = Rooms.make({
      all: [Present.make({ room: "a", user: "b" })],
      first: Option.some(Person.make({ user: "ann", age: 7 })),
      log: [Settings.make({ size: 1, color: "red" }), Present.make({ room: "a", user: "b" })]
    })

    const fact = Rooms(rooms)
    const text = `<rooms [<Present "a" "b">] {_tag: "Some" value: <Person "ann" 7>} [{size: 1 color: "red"} <Present "a" "b">]>`
    assert.strictEqual(Text.print(fact), text)
    assert.deepStrictEqual(Rooms.decode(fact), Result.succeed(rooms))
    assert.deepStrictEqual(Schema.decodeUnknownSync(Present)(Present({ room: "a", user: "b" })), { _tag: "Present", room: "a", user: "b" })
    assert.isTrue(Schema.isSchema(Present))
    assert.deepStrictEqual(failure(Rooms.decode(value(`<rooms [<Present "a" 2>] {_tag: "None"} []>`))).path, ["all", 0, "user"])
  })
})

describe("a question", () => {
  it("binds, fixes and leaves open, at any depth", () => {
    const who = Message.with({ from: { user: Pattern.bind }, body: "hi" })

    assert.strictEqual(print(who.pattern), `<rec Message [<rec Person [<bind <_>> <_>]> <lit "hi">]>`)
    assert.deepStrictEqual(asked(who, value(`<Message <Person "ann" 7> "hi">`)), { from: { user: "ann" } })
    assert.deepStrictEqual(asked(who, value(`<Message <Person "ann" 7> "bye">`)), "no match")
    assert.deepStrictEqual(asked(who, value(`<Message <Person 3 7> "hi">`)), "Expected string, got SignedInteger at from.user")
  })
  it("is the pattern that one would write by hand", () => {
    const pattern = Pattern.record("Present", Pattern.literal("lobby"), Pattern.bind())

    assert.deepStrictEqual(Present.with({ room: "lobby", user: Pattern.bind }).pattern, pattern)
    assert.deepStrictEqual(Present.with({ room: "lobby", user: Pattern.bind() }).pattern, pattern)
    assert.deepStrictEqual(Present.with({ room: Pattern.discard, user: undefined }).pattern, Present.with({}).pattern)
    assert.deepStrictEqual(Present.with({}).pattern, Pattern.record("Present", Pattern.discard, Pattern.discard))
    assert.deepStrictEqual(Present.with({ room: "a", user: "b" }).pattern, Pattern.literal(Present({ room: "a", user: "b" })))
  })
  it("asks for the whole of each with all", () => {
    assert.deepStrictEqual(asked(Present.all, Present({ room: "a", user: "b" })), { _tag: "Present", room: "a", user: "b" })
    assert.deepStrictEqual(asked(Message.all, value(`<Message 1 "hi">`)), "Expected <Person user age>, got SignedInteger at from")
    assert.deepStrictEqual(asked(Settings.all, value(`{size: 1 color: "red" more: 2}`)), { size: 1, color: "red" })
    assert.deepStrictEqual(asked(Settings.all, value(`{size: 1}`)), "no match")
    assert.deepStrictEqual(asked(Settings.all, value(`{size: 1 color: "green"}`)), `Expected "red" | "blue" at color`)
  })
  it("encodes literals and decodes captures by their schema", () => {
    const At = Assertion.record("at", { when: Schema.DateTimeUtcFromString, ago: Schema.NumberFromString })
    const fact = value(`<at "2026-01-01T00:00:00.000Z" "15">`)
    const decoded = Result.getOrThrow(At.decode(fact))

    assert.deepStrictEqual(asked(At.with({ ago: Pattern.bind, when: decoded.when }), fact), { ago: 15 })
    assert.deepStrictEqual(asked(At.with({ ago: 15, when: Pattern.bind }), fact), { when: decoded.when })
  })
  it("constrains what it binds by a pattern inside, whose own binds are nobody's", () => {
    const inner = Pattern.record("Person", Pattern.bind(), Pattern.literal(7))
    const fact = value(`<Message <Person "ann" 7> "hi">`)

    for (const from of [inner, Pattern.bind(inner)]) {
      const question = Message.with({ from, body: Pattern.bind })
      assert.deepStrictEqual(asked(question, fact), { from: { _tag: "Person", user: "ann", age: 7 }, body: "hi" })
      assert.strictEqual(asked(question, value(`<Message <Person "ann" 8> "hi">`)), "no match")
    }
  })
  it("binds dictionary fields in any order of writing, and asks for what must be there", () => {
    const question = Settings.with({ size: Pattern.bind, color: Pattern.bind })
    const noted = Settings.with({ note: Pattern.bind })

    assert.deepStrictEqual(asked(question, value(`{color: "red" size: 1}`)), { color: "red" as const, size: 1 })
    assert.strictEqual(asked(question, value(`{color: "red"}`)), "no match")
    assert.deepStrictEqual(asked(noted, value(`{color: "red" size: 1 note: "x"}`)), { note: "x" })
    assert.strictEqual(asked(noted, value(`{color: "red" size: 1}`)), "no match")
  })
  it("counts captures in the order of dictionaries, which is not that of strings", () => {
    const Odd = Assertion.dictionary({ "😀": Schema.String, "\uffff": Schema.Number, z: Schema.Boolean, ab: Schema.Int })
    const fact = Odd({ "😀": "smile", "\uffff": 1.5, z: true, ab: 2 })

    assert.deepStrictEqual(asked(Odd.with({ z: Pattern.bind, "😀": Pattern.bind, ab: Pattern.bind, "\uffff": Pattern.bind }), fact),
      { "😀": "smile", "\uffff": 1.5, z: true, ab: 2 })
  })
  it("looks into structs, classes, tuples and members of unions", () => {
    class User extends Schema.Class<User>("User")({ id: Schema.Int, name: Schema.String }) {}
    const Log = Assertion.record("log", {
      event: Event, place: Schema.Tuple([Schema.Number, Schema.String]), meta: Schema.Struct({ host: Schema.String, pid: Schema.Int }), owner: User
    })
    const owner = new User({ id: 1, name: "ann" })
    const fact = Log({ event: { _tag: "Person", user: "bob", age: 7 }, place: [2, "b"], meta: { pid: 9, host: "h" }, owner })

    const parts = Log.with({
      event: { _tag: "Person", age: Pattern.bind }, place: [2, Pattern.bind], meta: { host: "h", pid: Pattern.bind }, owner: { name: Pattern.bind }
    })
    assert.deepStrictEqual(asked(parts, fact), { event: { age: 7 }, place: ["b"] as const, meta: { pid: 9 }, owner: { name: "ann" } })
    assert.deepStrictEqual(asked(Log.with({ owner: Pattern.bind }), fact), { owner })
    assert.deepStrictEqual(asked(Log.with({ owner, place: [Pattern.bind, undefined] }), fact), { place: [2] as const })
    assert.strictEqual(asked(Log.with({ event: { _tag: "Present" } }), fact), "no match")
    assert.strictEqual(failure(Log.with({ place: [2, Pattern.bind] }).decode([7])).message, "Expected string, got SignedInteger at place.1")
    assert.strictEqual(thrown(() => Log.with({ place: [2] } as never)).message, "Expected 2 items at place")
    assert.deepStrictEqual(asked(Event.with({ color: "red", size: Pattern.bind }), value(`{color: "red" size: 4}`)), { size: 4 })
  })
  it("takes an object for a fact where its tag is one of a fact's", () => {
    const Bind = Assertion.record("Bind", { pattern: Schema.Unknown })
    const Holder = Assertion.record("holder", { it: Assertion.union(Bind, Present) })

    const Literal = Schema.TaggedStruct("Literal", { value: Schema.Int })
    const Struct = Assertion.record("holder", { it: Literal, or: Schema.Union([Literal, Schema.Int]) })
    const it = { _tag: "Literal", value: 3 } as const

    assert.strictEqual(print(Holder.with({ it: { _tag: "Bind", pattern: 3 } as never }).pattern), "<lit <holder <Bind 3>>>")
    assert.strictEqual(print(Struct.with({ it }).pattern), `<rec holder [<dict {_tag: <lit "Literal"> value: <lit 3>}> <_>]>`)
    assert.strictEqual(print(Struct.with({ or: it }).pattern), `<rec holder [<_> <lit {_tag: "Literal" value: 3}>]>`)
  })
  it("throws a Mismatch, with the path, for literals and names that are none of the schema's", () => {
    assert.strictEqual(thrown(() => Message.with({ from: { age: "7" } } as never)).message, "Expected number, got String at from.age")
    assert.strictEqual(thrown(() => Message.with({ from: { agee: 7 } } as never)).message, "Expected no such field at from.agee")
    assert.strictEqual(thrown(() => Event.with({ _tag: "Nobody" } as never)).message, "Expected the _tag, or the fields, of a member of the union")
  })
  it("refuses captures of another pattern", () => {
    const { decode } = Present.with({ user: Pattern.bind })

    assert.strictEqual(failure(decode([])).message, "Expected 1 captures, got 0")
    assert.strictEqual(failure(Present.all.decode(["a"])).message, "Expected 2 captures, got 1")
  })
  it("is an observation of the kernel", () => {
    const space = Dataspace.of({})
    const question = Present.with({ room: "lobby", user: Pattern.bind })
    const [, actions] = space.transition(space.initial({})[0], { _tag: "Enter", pid: "me", name: "me", actions: [
      Process.assert("fact", Present({ room: "lobby", user: "ann" })),
      Process.assert("other", Present({ room: "attic", user: "bob" })),
      Process.observe("who", question.pattern)
    ] })

    const told = actions.flatMap((action) => action._tag === "Deliver" ? action.events : [])
    assert.deepStrictEqual(told.map((event) => event._tag === "Added" && question.decode(event.captures)), [Result.succeed({ user: "ann" })])
  })
})

describe("a union", () => {
  it("encodes and decodes by the label", () => {
    assert.strictEqual(Text.print(Event({ _tag: "Person", user: "ann", age: 7 })), `<Person "ann" 7>`)
    assert.strictEqual(Text.print(Event({ size: 1, color: "blue" })), `{size: 1 color: "blue"}`)
    assert.deepStrictEqual(Event.decode(value(`<Present "a" "b">`)), Result.succeed({ _tag: "Present" as const, room: "a", user: "b" }))
    assert.deepStrictEqual(Event.decode(value(`{color: "red" size: 2}`)), Result.succeed({ size: 2, color: "red" as const }))
  })
  it("says what is wrong with the member that was meant", () => {
    assert.strictEqual(failure(Event.decode(value(`<Person "ann" #t>`))).message, "Expected number, got Boolean at age")
    assert.strictEqual(failure(Event.decode(value(`<Nobody>`))).message, "Expected a dictionary")
    assert.strictEqual(failure(Assertion.union(Present, Person).decode(3)).message, "Expected one of Present, Person")
  })
  it("tells members of one label apart by their fields, and nests", () => {
    const Two = Assertion.record("hit", { x: Schema.Number, y: Schema.Number })
    const Three = Assertion.record("hit", { x: Schema.Number, y: Schema.Number, z: Schema.Number })
    const Hit = Assertion.union(Assertion.union(Two, Three), Present)

    assert.deepStrictEqual(Hit.decode(value("<hit 1 2 3>")), Result.succeed({ _tag: "hit" as const, x: 1, y: 2, z: 3 }))
    assert.strictEqual(Text.print(Hit({ _tag: "hit", x: 1, y: 2 })), "<hit 1 2>")
    assert.strictEqual(Text.print(Hit({ _tag: "hit", x: 1, y: 2, z: 3 })), "<hit 1 2 3>")
    assert.strictEqual(failure(Hit.decode(value("<hit>"))).message, "Expected one of hit, Present")
  })
})

describe("a mismatch", () => {
  it.effect("is an error that Effect knows by its tag", () => Effect.gen(function*() {
    const message = yield* Effect.fromResult(Present.decode(3)).pipe(
      Effect.as("decoded"),
      Effect.catchTag("Mismatch", ({ message }) => Effect.succeed(message))
    )

    assert.strictEqual(message, "Expected <Present room user>, got SignedInteger")
  }))
  it("holds nothing of what was found", () => {
    const Secret = Assertion.record("secret", { word: Schema.NonEmptyString.check(Schema.isMaxLength(3)) })

    assert.notInclude(JSON.stringify(failure(Secret.decode(value(`<secret "hunter2">`)))), "hunter2")
  })
})
