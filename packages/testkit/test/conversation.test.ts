/** Conversations across nodes: whoever takes part is known by a name that nobody else has in the scope. */
import { assert, describe, it } from "@effect/vitest"
import { Conversation, Demand, Handoff, Pattern, Process, Text, Topic, Value } from "@colloquy/core"
import { Network } from "../src/Network.ts"

/** Two nodes joined in one scope, and what processes there hear. */
const world = () => {
  const heard: Array<string> = []
  const programs: { readonly [name: string]: Conversation.Program } = {
    publisher: { boot: (topic) => [topic, [Conversation.publisher("p", Topic.record("news", topic), "any")]], handlers: { any: (topic) => [topic, []] } },
    subscriber: {
      boot: (who) => [who, [Conversation.subscriber("s", Topic.record("news", Topic.wild), "hear")]],
      handlers: { hear: (who, event) => {
        if (event._tag === "Presence" || event._tag === "Absence") heard.push(`${who} ${event._tag} ${Text.print(event.role.topic as Value.Value)} ${event.present}`)
        return [who, []]
      } }
    },
    /** Spawns a publisher of its own and ends it when it is told its number. */
    killer: {
      boot: (topic) => [topic, [Conversation.spawn("child", { behaviour: "publisher", config: topic }, "kill")]],
      handlers: { kill: (topic, event) => [topic, event._tag === "Spawned" ? [Conversation.kill(event.pid)] : []] }
    }
  }
  const others: Process.Behaviours = {
    demand: Demand.behaviour,
    worker: Handoff.whileWanted({
      initial: ({ captures }: { readonly captures: Process.Captures }) => [0, [Process.assert("works", Value.record("works", ...captures)), Process.observe("die", Pattern.record("die"))]],
      transition: () => { throw new Error("died") }
    })
  }
  const network = new Network(Conversation.behaviours(programs, others))
  network.start("a")
  network.start("b")
  network.uplink("a", "s", "b")
  network.settle()
  const spawn = (node: string, behaviour: string, config: unknown, pid = `${node} starter`) => {
    network.act(node, "s", pid, Process.spawn(behaviour, { behaviour, config }))
    network.settle()
  }
  return { heard, network, spawn }
}

describe("conversations between nodes", () => {
  it("tell apart who is on another node, whatever its number there", () => {
    const { heard, network, spawn } = world()
    spawn("a", "publisher", 1)
    spawn("b", "publisher", 2)
    spawn("b", "subscriber", "B")
    network.cut(0)
    network.forget()

    assert.deepStrictEqual([...heard].sort(), ["B Absence <news 1> 1", "B Presence <news 1> 2", "B Presence <news 2> 1"].sort())
  })
  it("end the process that is meant, and no other that has its number elsewhere", () => {
    const { heard, spawn } = world()
    spawn("a", "publisher", 1)
    spawn("a", "publisher", 2)
    spawn("b", "killer", 3)
    spawn("a", "subscriber", "A")

    assert.deepStrictEqual([...heard].sort(), ["A Presence <news 1> 1", "A Presence <news 2> 2"])
  })
  it("supply a demand where it is managed: one worker for each manager, and a new one for the one that dies", () => {
    const { network, spawn } = world()
    const config: Demand.Config = { demand: Pattern.record("want", Pattern.bind()), task: { behaviour: "worker", config: {} }, backoff: { leastMs: 10, mostMs: 100 } }
    for (const node of ["a", "b"]) spawn(node, "demand", config)
    network.act("a", "s", "w", Process.observe("works", Pattern.record("works", Pattern.bind())), Process.assert("want", Value.record("want", 1)))
    network.settle()
    network.act("a", "s", "w", Process.send(Value.record("die")))
    network.settle()

    const told = network.heard.filter(({ pid }) => pid === "w").map(({ event }) => event._tag)
    assert.deepStrictEqual(told.filter((tag) => tag === "Added").length - told.filter((tag) => tag === "Removed").length, 1)
  })
})
