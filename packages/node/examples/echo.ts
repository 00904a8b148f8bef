/**
 * TCP echo. Whoever connects is told what it says.
 *
 *     node packages/node/examples/echo.ts 7000        # and then: nc 127.0.0.1 7000
 *
 * No socket is opened and none is closed here. The fact that somebody wants to listen opens the
 * listener; a connection is a fact, for as long as it is up; the fact that somebody handles it keeps it.
 * A conversation is a pure process: it hears all that is said to it in one order, and its test is a
 * table of events and actions.
 */
import { Pattern, Process, Value } from "@colloquy/core"
import { Driver, Node, Space } from "@colloquy/node"
import { Console, Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { here, listen } from "./demand.ts"
import { main, port } from "./main.ts"

/** The most that one connection may have under way here: what was read, and not written back yet. */
export const windowBytes = 65_536

/** One conversation. Its state is the name of its connection. */
export const conversation: Process.Behaviour<Value.Value, Value.Value> = {
  initial: (id) => [id, [
    Process.observe("in", Pattern.record("tcp-in", Pattern.literal(id), Pattern.bind())),
    Process.observe("written", Pattern.record("tcp-written", Pattern.literal(id), Pattern.bind())),
    Process.observe("eof", Pattern.record("tcp-eof", Pattern.literal(id))),
    Process.observe("up", Pattern.record("tcp-connection", Pattern.literal(id), Pattern.discard, Pattern.discard)),
    // all ears are open: now it may begin
    Process.assert("handle", Value.record("tcp-handle", id)),
    Process.send(Value.record("tcp-credit", id, windowBytes))
  ]],
  transition: (id, { _tag, captures, handle }) => {
    switch (handle) {
      case "in": return [id, [Process.send(Value.record("tcp-out", id, captures[0]!))]]
      // credit is given back when bytes have left, so who does not read its echo is not read either
      case "written": return [id, [Process.send(Value.record("tcp-credit", id, captures[0]!))]]
      case "eof": return [id, [Process.send(Value.record("tcp-end", id))]]
      default: return [id, handle === "up" && _tag === "Removed" ? [Process.quit()] : []]
    }
  }
}

/** Answers at a port of this machine for as long as the Scope is open, and says which it is; 0 means any that is free. */
export const echo = (port: number) => Effect.gen(function*() {
  const space = yield* Space.Space
  yield* space.during(Pattern.record("tcp-connection", Pattern.bind(), Pattern.literal(here(port)), Pattern.discard), ([id]) =>
    space.spawn("conversation", { behaviour: "conversation", config: id }))
  return yield* listen(port)
})

/** What it runs on: a node that knows the behaviour, a dataspace of its own, and the driver in it. */
export const layer = Driver.Tcp.layer.pipe(
  Layer.provideMerge(Node.scope("echo")),
  Layer.provide(Node.layer({ behaviours: { conversation } }))
)

const serve = Effect.fnUntraced(function*({ port }: { readonly port: number }) {
  yield* Console.log(`listening on 127.0.0.1:${yield* echo(port)}`)
  return yield* Effect.never
}, Effect.scoped, Effect.provide(layer))

main(import.meta, Command.make("echo.ts", { port: port(7000) }, serve).pipe(Command.withDescription("TCP echo: who connects is told what it says")))
