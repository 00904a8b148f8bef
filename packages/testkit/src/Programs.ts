/**
 * Random programs for a dataspace, as plain data: processes that assert, replace, retract, observe,
 * send, spawn, quit, crash and nest, three deep. Every process reacts to its first few events and is
 * silent then, so a program comes to rest.
 */
import { type Dataspace, Pattern, Process, Rng, Text, Value } from "@colloquy/core"

/** What a process does at its start, and at its first, second, … event. `"crash"` throws. */
export interface Script {
  readonly start: ReadonlyArray<Process.Action>
  readonly reactions: ReadonlyArray<ReadonlyArray<Process.Action> | "crash">
}
/** A random program: what a dataspace starts with, and what it is told then. */
export interface Program {
  readonly boot: NonNullable<Dataspace.Config["boot"]>
  /** What is told from outside, in order. */
  readonly turns: ReadonlyArray<Exclude<Dataspace.Event, { readonly _tag: "Supply" }>>
}

/** Behaviours of such programs; `hear` is told of every event in the order in which processes get them. */
export const behaviours = (nested: (behaviours: Process.Behaviours) => Process.Behaviour, hear: (line: string) => void): Process.Behaviours => {
  const all: { [name: string]: Process.Behaviour } = {
    script: {
      initial: (script: Script, self) => [{ script, self, n: 0 }, script.start],
      transition: ({ n, script, self }: { readonly script: Script; readonly self: Process.Pid; readonly n: number }, event) => {
        hear(`${self} ${shown(event)}`)
        const actions = script.reactions[n] ?? []
        if (actions === "crash") throw new Error("crash")
        return [{ script, self, n: n + 1 }, actions]
      }
    },
    /** Its configuration may be a value, as it must be for a process that is spawned from inside. */
    leaf: {
      initial: (config: Value.Value, self) => [self, [Process.assert(0, Value.record("leaf", config)), Process.observe("a", Pattern.record("f", Pattern.bind()))]],
      transition: (self: Process.Pid, event) => {
        hear(`${self} ${shown(event)}`)
        return [self, event._tag === "Removed" ? [Process.quit("gone")] : []]
      }
    }
  }
  all["nested"] = nested(all)
  return all
}

/** An event as text. The words of a crash are left out: they are for people. */
export const shown = (event: Process.Event): string =>
  `${event._tag} ${event.handle} ${Text.print(event.captures)}${event._tag === "Removed" && event.reason !== undefined ? ` because ${Text.print(event.reason)}` : ""}`.replace(/<crash "[^"]*">/g, "<crash>")

const nestingMax = 3
const spawningMax = 3

/** With `pauses`, processes may yield to the world outside, and go on when it says `Continue`. */
export const program = (seed: number, { pauses = true }: { readonly pauses?: boolean } = {}): Program => {
  const below = Rng.drawing(seed)
  const pick = <A>(list: ReadonlyArray<A>): A => list[below(list.length)]!
  const many = <A>(n: number, make: () => A): ReadonlyArray<A> => Array.from({ length: n }, make)

  const handle = (): Process.Handle => pick([0, 1, 2, "a", "b"])
  const fact = (): Value.Value => pick([Value.record("f", below(3)), Value.record("f", below(2)), Value.record("g", below(2), below(2)), [below(2), Value.record("f", 1)], below(2)])
  const value = (level: number): Value.Value => level > 0 && below(5) < 2 ? Value.record("outbound", value(level - 1)) : fact()
  const pattern = (level: number): Pattern.Pattern => {
    if (level > 0 && below(5) < 2) return Pattern.record("inbound", pattern(level - 1))
    return pick([
      Pattern.record("f", Pattern.bind()), Pattern.record("f", Pattern.discard), Pattern.record("f", Pattern.literal(1)), Pattern.bind(Pattern.record("g", Pattern.bind(), Pattern.discard)),
      Pattern.record("g", Pattern.literal(0), Pattern.bind()), Pattern.sequence([Pattern.bind(), Pattern.record("f", Pattern.discard)]), Pattern.record("leaf", Pattern.discard),
      Pattern.record("Observe", Pattern.record("rec", Pattern.literal(Value.symbol("f")), Pattern.bind())), Pattern.record("exited", Pattern.bind(), Pattern.discard, Pattern.bind()),
      Pattern.record("spawned-outside", Pattern.bind(), Pattern.bind()), Pattern.bind()
    ])
  }
  const script = (level: number, depth: number): Script => ({
    start: many(2 + below(4), () => action(level, depth)),
    reactions: many(below(6), () => below(16) === 0 ? "crash" as const : many(below(4), () => action(level, depth)))
  })
  const child = (level: number, depth: number): Process.Process => level < nestingMax && below(3) === 0
    ? { behaviour: "nested", config: { boot: many(1 + below(2), () => ({ name: pick(["p", "q"]), process: child(level + 1, depth + 1) })) } }
    : { behaviour: below(20) === 0 ? "nobody" : "script", config: script(level, depth + 1) }
  const action = (level: number, depth: number): Process.Action => {
    switch (below(20)) {
      case 0:
      case 1: return Process.retract(handle())
      case 2: return Process.retract(handle(), "enough")
      case 3:
      case 4:
      case 5:
      case 6:
      case 7: return Process.observe(handle(), pattern(level))
      case 8:
      case 9:
      case 10: return Process.send(value(level))
      case 11:
      case 12: return depth < spawningMax ? Process.spawn(pick(["p", "q"]), child(level, depth), ...(below(2) === 0 ? [handle()] : [])) : Process.send(value(level))
      case 13: {
        const chance = below(12)
        if (chance < 2) return chance === 0 ? Process.quit() : Process.quit("bored")
        if (chance === 2) return { _tag: "Fly" } as never // no action, on purpose
        if (chance < 5) return { _tag: "Yield", handle: handle(), world: pauses && chance === 3 }
        if (chance === 5 && level > 0) return Process.send(Value.record("quit-outside", "over"))
        return level > 0 ? Process.send(Value.record("spawn-outside", below(2), "leaf", "leaf", below(2))) : Process.assert(handle(), value(level))
      }
      default: return Process.assert(handle(), value(level))
    }
  }
  const turn = (): Program["turns"][number] => {
    const pid = pick(["x", "y"])
    switch (below(8)) {
      case 0: return below(3) === 0 ? { _tag: "Leave", pid } : { _tag: "Leave", pid, reason: "left" }
      case 1:
      case 2: return { _tag: "Enter", pid, name: pid, actions: many(1 + below(4), () => action(0, spawningMax)) }
      default: return { _tag: "Perform", pid, actions: many(1 + below(4), () => action(0, 1)) }
    }
  }
  const enter: Program["turns"] = ["x", "y"].map((pid) => ({ _tag: "Enter", pid, name: pid, actions: many(2, () => action(0, spawningMax)) }))
  return { boot: many(2 + below(3), () => ({ name: pick(["p", "q"]), process: child(0, 0) })), turns: [...enter, ...many(3 + below(6), turn)] }
}
