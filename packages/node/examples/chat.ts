/**
 * A chat server with rooms, for whoever has a plain `nc`. After os2's.
 *
 *     node packages/node/examples/chat.ts 7000        # and then, twice or more: nc 127.0.0.1 7000
 *
 * To be in a room is the fact `<In room name guest "">`, to speak there the message `<In room name guest text>`:
 * one question hears both, in one order. (`guest` tells sessions apart, whatever they are called.)
 * Nobody keeps a list of users. One that leaves a room, quits, crashes or is cut off is no longer in it,
 * and all the others see that.
 *
 * Each session is a dataspace of its own, nested in that of the server. Two processes live there that
 * speak with each other by words that nobody outside hears: the terminal, which knows of TCP and not of
 * rooms, and the user, who knows of rooms and not of TCP. When the session ends, all of it ends.
 *
 * | word of a session | from | means |
 * | --- | --- | --- |
 * | `<Ask>` | user | I am ready for a line |
 * | `<Typed line>` | terminal | here it is; `null`: there will be no more |
 * | `<Print text>` | user | show this line |
 */
import { Assertion, Pattern, Value } from "@colloquy/core"
import { Driver, Node, Space } from "@colloquy/node"
import { Console, Effect, Fiber, Layer, Schema, Stream } from "effect"
import { Command } from "effect/cli"
import { here, listen } from "./demand.ts"
import { main, port } from "./main.ts"

export const In = Assertion.record("In", { room: Schema.String, name: Schema.String, guest: Schema.String, said: Schema.String })
const Inbound = Assertion.record("inbound", { fact: In })
const outbound = (fact: Value.Value) => Value.record("outbound", fact)

const Ask = Assertion.record("Ask", {})
const Typed = Assertion.record("Typed", { line: Schema.NullOr(Schema.String) })
const Print = Assertion.record("Print", { text: Schema.String })

/** Runs `handle` for each message, one after the other, until the Scope closes. */
const onEach = <W extends Space.What, R>(what: W, handle: (captures: Space.Asked<W>) => Effect.Effect<void, never, R>) =>
  Effect.flatMap(Space.Space, (space) =>
    Effect.forkScoped(Stream.runForEach(space.observe(what), ({ captures }) => handle(captures)), { startImmediately: true }))

/** Between a connection outside and the user inside. */
const terminal = (id: Value.Value) => Effect.gen(function*() {
  const space = yield* Space.Space
  const tell = (label: string, ...rest: ReadonlyArray<Value.Value>) => space.send(outbound(Value.record(label, id, ...rest)))
  const told = (label: string, ...rest: ReadonlyArray<Pattern.Pattern>) =>
    Pattern.record("inbound", Pattern.record(label, Pattern.literal(id), ...rest))
  // no line is read before somebody asks for it: the socket waits, not our memory
  yield* onEach(Ask.all, () => tell("tcp-credit", 1))
  // whoever does not read what we write is cut off by the driver, in the end
  yield* onEach(Print.all, ({ text }) => tell("tcp-out", `${text}\n`))
  // what others type must not drive anybody's terminal
  yield* onEach(told("tcp-in", Pattern.bind()), ([line]) => space.send(Typed({ line: String(line).replace(/\p{Cc}/gu, "").trim() })))
  yield* onEach(told("tcp-eof"), () => space.send(Typed({ line: null })))
  yield* space.assert(outbound(Value.record("tcp-handle", id)))
  yield* tell("tcp-mode", Value.symbol("lines"))
  return yield* Effect.never
}).pipe(Effect.scoped)

const goodName = /^(?!guest)[\p{L}\p{N}_-]{1,20}$/u

/** What a user wants next: another name, another room, or to go. */
type Next = { readonly name: string } | { readonly room: string } | "quit"

/** Somebody, from coming to going. A stay in a room is a Scope, and in it the time under one name is another. */
const user = (guest: string) => Effect.gen(function*() {
  const space = yield* Space.Space
  const print = (text: string) => space.send(Print({ text }))
  const present = (room: string) => space.query(Inbound.with({ fact: { room, name: Pattern.bind, said: "" } }))
  const isTaken = (name: string) =>
    Effect.map(space.query(Inbound.with({ fact: { name, room: Pattern.bind, said: "" } })), (found) => found.length > 0)
  const line = Effect.gen(function*() {
    const typed = yield* Effect.forkChild(space.waitFor(Typed.all), { startImmediately: true })
    yield* space.send(Ask())
    return (yield* Fiber.join(typed)).line
  })

  let name = guest
  const under = (room: string): Effect.Effect<Next> => Effect.gen(function*() {
    yield* space.assert(outbound(In({ room, name, guest, said: "" })))
    for (;;) {
      const text = yield* line
      const [command, argument = ""] = (text ?? "/quit").split(/\s+/)
      if (command === "/quit") return "quit" as const
      else if (command === "/who") yield* print((yield* present(room)).map(({ fact }) => fact.name).sort().join(", "))
      else if (command === "/join" && argument !== "") return { room: argument }
      else if (command === "/nick") {
        if (goodName.test(argument) && !(yield* isTaken(argument))) return { name: argument }
        yield* print(`"${argument}" is taken, or no name.`)
      }
      else if (command!.startsWith("/")) yield* print("Write /join ROOM, /nick NAME, /who or /quit, or what you have to say.")
      else if (text !== "") yield* space.send(outbound(In({ room, name, guest, said: text! })))
    }
  }).pipe(Effect.scoped)

  const stay = (room: string) => Effect.gen(function*() {
    const all = Inbound.with({ fact: { room, name: Pattern.bind, guest: Pattern.bind, said: Pattern.bind } })
    yield* Effect.forkScoped(Stream.runForEach(space.observe(all), ({ _tag, captures: { fact } }) => {
      if (fact.guest === guest) return Effect.void
      return print(_tag === "Added" ? `${fact.name} arrived` : _tag === "Removed" ? `${fact.name} departed` : `${fact.name}: ${fact.said}`)
    }), { startImmediately: true })
    for (;;) {
      yield* print(`You are ${name}, in ${room}.`)
      const next = yield* under(room)
      if (next === "quit" || "room" in next) return next
      name = next.name
    }
  }).pipe(Effect.scoped)

  for (let room = "lobby";;) {
    const next = yield* stay(room)
    if (next === "quit") return
    room = next.room
  }
})

const session = (id: Value.Value, guest: string) => Effect.gen(function*() {
  const space = yield* Space.Space
  const connected = yield* space.fork("terminal", terminal(id))
  yield* Effect.raceFirst(user(guest), Fiber.join(connected)) // whoever ends first, ends both
}).pipe(Effect.scoped)

/** Serves at a port of this machine for as long as the Scope is open, and says which it is; 0 means any that is free. */
export const chat = (port: number) => Effect.gen(function*() {
  const space = yield* Space.Space
  let guests = 0
  yield* space.during(Pattern.record("tcp-connection", Pattern.bind(), Pattern.literal(here(port)), Pattern.discard), ([id]) =>
    Effect.flatMap(space.nested("session", session(id!, `guest${++guests}`)), Fiber.join))
  return yield* listen(port)
})

export const layer = Driver.Tcp.layer.pipe(Layer.provideMerge(Node.scope("chat")), Layer.provide(Node.layer()))

const serve = Effect.fnUntraced(function*({ port }: { readonly port: number }) {
  yield* Console.log(`listening on 127.0.0.1:${yield* chat(port)}`)
  return yield* Effect.never
}, Effect.scoped, Effect.provide(layer))

main(import.meta, Command.make("chat.ts", { port: port(7000) }, serve).pipe(Command.withDescription("a chat server with rooms, for plain nc")))
