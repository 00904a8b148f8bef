/**
 * Watches messages: nobody hears one more often than it was sent, and what is sent while the network is
 * at rest is heard by everybody in its part who observed it then, once, unless the network changes before
 * it has arrived.
 */
import { Canonical, type Node, Pattern, Text, type Value } from "@colloquy/core"
import { Violation } from "./Trial.ts"

/** An observation, and how often it was told of messages that show these captures. */
export interface Listener {
  readonly space: Node.Space
  readonly pattern: Pattern.Pattern
  readonly messages: Map<string, number>
  /** When it began. */
  readonly since: number
}
interface Expected {
  readonly at: number
  readonly who: string
  readonly listener: Listener
  readonly text: string
  readonly isCurrent: () => boolean
}
interface Counted {
  /** How many of the messages were counted. */
  upTo: number
  readonly times: Map<string, number>
}

export class MessageWatch {
  /** How long the network must have been as it is before a message, and how long that may take. */
  readonly #reachMs: number
  readonly #sent = new Map<Node.Space, Array<Value.Value>>()
  readonly #counted = new Map<string, Counted>()
  #expected: Array<Expected> = []
  #changedAt = 0
  /** Messages that had to be heard, and were. */
  heard = 0

  constructor(reachMs: number) {
    this.#reachMs = reachMs
  }

  /** The network is not what it was: what is under way may be lost with the way that it takes. */
  onChange(at: number): void {
    this.#changedAt = at
    this.#expected = []
  }
  isAtRest(at: number): boolean {
    return at - this.#changedAt >= this.#reachMs
  }
  onSent(space: Node.Space, body: Value.Value): void {
    const sent = this.#sent.get(space) ?? []
    this.#sent.set(space, sent)
    sent.push(body)
  }
  /** What the sender's part observes, when the network was at rest. */
  expect(at: number, body: Value.Value, who: string, listener: Listener, isCurrent: () => boolean): void {
    if (at - listener.since < this.#reachMs) return // they may not have heard of it over there
    const text = capturesOf(listener.pattern, body)
    if (text === undefined || this.#timesOf(listener, text) !== 1) return // of several that look alike it is not known which is missing
    this.#expected.push({ at, who, listener, text, isCurrent })
  }
  onHeard(who: string, { messages, ...listener }: Listener, text: string): void {
    const times = (messages.get(text) ?? 0) + 1
    messages.set(text, times)
    const sent = this.#timesOf({ messages, ...listener }, text)
    if (times > sent) throw new Violation("a message is heard once", `${who} hears ${text} ${times} times, and it was sent ${sent} times`)
  }
  /** Now: what should have arrived by now. */
  look(at: number): void {
    while (this.#expected.length > 0 && this.#expected[0]!.at + this.#reachMs <= at) {
      const { isCurrent, listener, text, who } = this.#expected.shift()!
      if (!isCurrent()) continue
      if (!listener.messages.has(text)) throw new Violation("while nothing changes a message is heard", `${who} has not heard ${text} ${this.#reachMs} ms after it was sent`)
      this.heard++
    }
  }

  #timesOf({ pattern, space }: Listener, text: string): number {
    const key = `${space === null ? "" : space} ${Canonical.key(Pattern.toValue(pattern))}`
    const counted = this.#counted.get(key) ?? { upTo: 0, times: new Map<string, number>() }
    this.#counted.set(key, counted)
    const sent = this.#sent.get(space) ?? []
    for (; counted.upTo < sent.length; counted.upTo++) {
      const shown = capturesOf(pattern, sent[counted.upTo]!)
      if (shown !== undefined) counted.times.set(shown, (counted.times.get(shown) ?? 0) + 1)
    }
    return counted.times.get(text) ?? 0
  }
}

export const capturesOf = (pattern: Pattern.Pattern, value: Value.Value): string | undefined => {
  const captures = Pattern.captures(pattern, value)
  return captures === undefined ? undefined : Text.print(captures)
}
