/** The chat server, as people with `nc` know it. */
import { assert, describe, it } from "@effect/vitest"
import { Space } from "@colloquy/node"
import { Effect } from "effect"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { createInterface } from "node:readline"
import { chat, In, layer } from "../../examples/chat.ts"
import { Program } from "./program.ts"

/** Somebody at a terminal. */
class Person {
  readonly socket: Socket
  readonly lines: Array<string> = []
  readonly end: Promise<unknown>
  #changed: () => void = () => {}
  constructor(port: number) {
    this.socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true })
    this.end = once(this.socket, "end").finally(() => {
      this.socket.end()
      this.#changed()
    })
    createInterface({ input: this.socket }).on("line", (line) => {
      this.lines.push(line)
      this.#changed()
    })
  }
  type(...lines: ReadonlyArray<string>): void {
    this.socket.write(lines.map((line) => `${line}\n`).join(""))
  }
  /** Waits for the line, and gives all that came up to it since the last time. */
  async sees(line: string): Promise<ReadonlyArray<string>> {
    for (;;) {
      const i = this.lines.indexOf(line)
      if (i >= 0) return this.lines.splice(0, i + 1)
      if (this.socket.readableEnded) throw new Error(`the connection ended before "${line}": ${this.lines.join("; ")}`)
      await new Promise<void>((resolve) => { this.#changed = resolve })
    }
  }
}
/** Comes, and is called `name`, before anybody else does. */
const named = async (port: number, name: string): Promise<Person> => {
  const person = new Person(port)
  person.type(`/nick ${name}`)
  await person.sees(`You are ${name}, in lobby.`)
  return person
}
const scenario = (body: (port: number) => Promise<void>) =>
  Effect.flatMap(chat(0), (port) => Effect.promise(() => body(port))).pipe(Effect.scoped, Effect.provide(layer))

describe("the chat server", () => {
  it.live("tells those in a room who arrives, what they say and who departs, and nobody else", () => scenario(async (port) => {
    const ann = await named(port, "ann")
    const bob = await named(port, "bob")
    await ann.sees("bob arrived")
    const cay = await named(port, "cay")
    await ann.sees("cay arrived")
    await bob.sees("cay arrived")

    cay.type("/join den", "anybody here?")
    assert.deepStrictEqual(await cay.sees("You are cay, in den."), ["You are cay, in den."])
    ann.type("hello", "you two")
    await bob.sees("cay departed")
    assert.deepStrictEqual(await bob.sees("ann: you two"), ["ann: hello", "ann: you two"])
    bob.type("/join den")
    assert.deepStrictEqual(await bob.sees("cay arrived"), ["You are bob, in den.", "cay arrived"])
    assert.deepStrictEqual(await ann.sees("bob departed"), ["cay departed", "bob departed"])
    assert.deepStrictEqual(await cay.sees("bob arrived"), ["bob arrived"])
    bob.type("found you", "/quit")
    assert.deepStrictEqual(await cay.sees("bob departed"), ["bob: found you", "bob departed"])
    await bob.end
  }))

  it.live("lists who is here, gives a name to one at a time, and explains itself", () => scenario(async (port) => {
    const ann = await named(port, "ann")
    const bob = await named(port, "bob")
    bob.type("/who", "/nick ann", "/nick guest7", "/what")
    const told = await bob.sees("Write /join ROOM, /nick NAME, /who or /quit, or what you have to say.")
    assert.deepStrictEqual(told.slice(-4, -1), ["ann, bob", '"ann" is taken, or no name.', '"guest7" is taken, or no name.'])
    ann.type("/nick anna")
    assert.deepStrictEqual(await ann.sees("You are anna, in lobby."), ["guest2 arrived", "guest2 departed", "bob arrived", "You are anna, in lobby."])
    assert.deepStrictEqual(await bob.sees("anna arrived"), ["ann departed", "anna arrived"])
    bob.type("/nick ann", "/who")

    assert.deepStrictEqual(await bob.sees("ann, anna"), ["You are ann, in lobby.", "ann, anna"])
  }))

  it.live("sees the one who is cut off depart, and has nothing left of the session", () => Effect.gen(function*() {
    const space = yield* Space.Space
    const port = yield* chat(0)
    yield* Effect.promise(async () => {
      const ann = await named(port, "ann")
      const bob = await named(port, "bob")
      await ann.sees("bob arrived")
      bob.socket.on("error", () => {}).resetAndDestroy()
      await ann.sees("bob departed")
    })

    assert.deepStrictEqual((yield* space.query(In.all)).map(({ name }) => name), ["ann"])
  }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("hears one out who says much and hangs up, to the last line", () => scenario(async (port) => {
    const ann = await named(port, "ann")
    const bob = await named(port, "bob")
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`)
    bob.socket.end(`${lines.join("\r\n")}\r\n\u001b[2Jand that is all`)
    await ann.sees("bob arrived")

    assert.deepStrictEqual(await ann.sees("bob departed"), [...lines.map((line) => `bob: ${line}`), "bob: [2Jand that is all", "bob departed"])
    await bob.end
  }))

  it("is a program that sends everybody home when it is told to end", { timeout: 60_000 }, async () => {
    await using program = new Program("chat.ts", "0")
    const [, port] = await program.sees(/^listening on 127\.0\.0\.1:(\d+)$/)
    const ann = await named(Number(port), "ann")

    assert.strictEqual(await program.stop(), 0)
    await ann.end
    assert.deepStrictEqual(program.errors, [])
  })
})
