/**
 * A make-believe world for a ground and its drivers: a clock that the test moves, a console, a network,
 * and sources that the test fires by hand. All is synchronous: after each thing that the test does, the
 * world answers what it can answer, until there is nothing to say.
 *
 * Devices answer before the ground goes on where its fuel ended, so that with little fuel answers come
 * as late as they can: when those who asked are withdrawing.
 */
import { assert } from "@effect/vitest"
import { Conversation, Dataspace, Ground, Text, Value } from "../../src/index.ts"
import { network } from "./network.ts"
import { v } from "./script.ts"

export interface Firing {
  readonly source: Value.Value
  readonly value: Value.Value
}
/** What carries out requests: it is told of each, and asked again and again what it has to answer. */
export interface Device {
  readonly begin: (request: Value.Record, source: Value.Value) => void
  readonly end: (request: Value.Record, source: Value.Value) => void
  readonly next: () => Firing | undefined
}

const clock = () => {
  let now = 1_000
  let timers: Array<{ readonly source: Value.Value; readonly due: number }> = []
  const device: Device = {
    begin: ({ fields: [, kind, ms] }, source) => {
      timers.push({ source, due: (kind === Value.symbol("relative") ? now : 0) + (ms as number) })
      timers.sort((a, b) => a.due - b.due)
    },
    end: (_, source) => {
      timers = timers.filter((timer) => timer.source !== source)
    },
    next: () => timers[0] === undefined || timers[0].due > now ? undefined : { source: timers.shift()!.source, value: now }
  }
  /** Moves on to what is due next, but not beyond `end`; says whether there was anything. */
  const tick = (end: number): boolean => {
    const due = timers[0]?.due ?? Infinity
    now = Math.max(now, Math.min(due, end))
    return due <= end
  }
  return { device, tick, now: () => now }
}

/** `<console-read n>` fires with a line of what is typed, or `eof`; `<console-write n text>` fires when it is written. */
const keyboard = () => {
  const typed: Array<Value.Value> = []
  const shown: Array<string> = []
  const answers: Array<Firing> = []
  const readers: Array<Value.Value> = []
  const device: Device = {
    begin: ({ fields, label }, source) => {
      if (label === Value.symbol("console-read")) return void readers.push(source)
      shown.push(fields[1] as string)
      answers.push({ source, value: true })
    },
    end: () => undefined,
    next: () => answers.shift() ?? (readers.length > 0 && typed.length > 0 ? { source: readers.shift()!, value: typed.shift()! } : undefined)
  }
  return { device, typed, shown }
}

export type Programs = { readonly [name: string]: Conversation.Program }
export type Boot = NonNullable<Dataspace.Config["boot"]>
export interface Options {
  readonly fuel?: number
}
export const world = (programs: Programs, boot: Boot, { fuel }: Options = {}) => {
  const ground = Ground.of(Conversation.behaviours(programs))
  const requests: Array<string> = []
  /** What is waited for, as the ground named it first. */
  const waiting = new Map<string, Value.Value>()
  let continues = 0
  let state: Ground.State
  let isOver = false

  const time = clock()
  const terminal = keyboard()
  const net = network(() => settle())
  const deviceOf = (label: string): Device | undefined =>
    label === "timer" ? time.device : label.startsWith("console-") ? terminal.device : label.startsWith("tcp-") ? net.device : undefined

  const request = (tag: "Wait" | "Unwait", named: Value.Value): void => {
    const text = Text.print(named)
    requests.push(`${tag} ${text}`)
    assert.strictEqual(waiting.has(text), tag === "Unwait", "what is waited for is waited for once")
    const source = waiting.get(text) ?? named
    if (tag === "Wait") waiting.set(text, source)
    else waiting.delete(text)
    if (source instanceof Value.Record) deviceOf(Symbol.keyFor(source.label as symbol)!)?.[tag === "Wait" ? "begin" : "end"](source, source)
  }
  const take = ([next, actions]: readonly [Ground.State, ReadonlyArray<Ground.Action>]): void => {
    state = next
    for (const action of actions) {
      switch (action._tag) {
        case "Wait":
        case "Unwait": request(action._tag, action.source); break
        case "Continue": continues++; break
        case "Terminated": isOver = true; break
        case "Failed": throw new Error(action.reason)
      }
    }
  }
  const settle = (): void => {
    for (let step = 0; step < 100_000; step++) {
      const firing = time.device.next() ?? terminal.device.next() ?? net.device.next()
      if (firing !== undefined) {
        if (waiting.has(Text.print(firing.source))) take(ground.transition(state, { _tag: "Fired", ...firing }))
      } else if (continues > 0) {
        continues--
        take(ground.transition(state, { _tag: "Continue" }))
      } else return
    }
    throw new Error("the world does not come to rest")
  }

  take(ground.initial(fuel === undefined ? { boot } : { boot, fuel }))
  settle()
  return {
    /** Each `Wait` and `Unwait`, as text. */
    requests,
    waits: () => [...waiting.keys()],
    fire: (source: string, value: Value.Value = true) => {
      assert.isTrue(waiting.has(source), `${source} is waited for`)
      take(ground.transition(state, { _tag: "Fired", source: v(source), value }))
      settle()
    },
    advance: (ms: number) => {
      const end = time.now() + ms
      while (time.tick(end)) settle()
    },
    now: time.now,
    dial: net.dial,
    serve: net.serve,
    isOpen: net.isOpen,
    type: (...lines: ReadonlyArray<Value.Value>) => {
      terminal.typed.push(...lines)
      settle()
    },
    shown: terminal.shown,
    /** The processes that live on the ground, by their names. */
    alive: () => [...state.inner.processes.values()].map(({ name }) => name).filter((name) => name !== "world").sort(),
    isOver: () => isOver
  }
}
