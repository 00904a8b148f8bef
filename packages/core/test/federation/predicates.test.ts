/**
 * The two predicates of federation, over one scope in random lives: links come, go, linger, are forgotten and
 * trusted again, while they ask, supply and withdraw. What was said to each link must be what `asked` and
 * `told` say, after every event, and no end is told of what was not begun.
 */
import { assert, describe, it } from "@effect/vitest"
import { Encoded, Federation, Pattern, Rng } from "../../src/index.ts"

const patterns = [Pattern.record("m", Pattern.bind()), Pattern.record("n", Pattern.bind())]
const keys = patterns.map((pattern) => Pattern.key(pattern))
const facts = [1, 2, 3].map((n) => Encoded.encodedOf([n]))
const names = ["own", "a", "b", "c"]

/** A peer that keeps the protocol, and what it has been told. */
class Peer {
  readonly link: string
  next = 1
  /** Its endpoints, by pattern; ours, by number, with what it supplies there. */
  readonly asks = new Map<string, number>()
  readonly asked = new Map<number, { readonly key: string; readonly supplied: Set<number>; isOpen: boolean }>()
  readonly told = new Map<number, Set<string>>()
  constructor(link: string) {
    this.link = link
  }
}

const play = (seed: number): void => {
  const below = Rng.drawing(seed)
  let [state] = Federation.initial({ closingMax: 1_000 })
  const peers = new Map<string, Peer>()
  const lost = new Map<string, "lingers" | "forgotten">()
  let count = 0
  const textOf = ({ bytes, end, start }: { readonly bytes: Uint8Array; readonly start: number; readonly end: number }) => String.fromCharCode(...bytes.subarray(start, end))

  const feed = (event: Federation.Event): void => {
    const [next, actions] = Federation.transition(state, event)
    state = next
    for (const action of actions) {
      if (action._tag === "Fault") throw new Error(`${action.link} kept the protocol: ${action.error.message}`)
      const peer = peers.get(action.link)
      if (peer === undefined) throw new Error(`${action.link}, which is gone, is told something`)
      for (const item of action.items) {
        switch (item._tag) {
          case "Assert":
            peer.asked.set(item.endpoint, { key: Pattern.key(item.pattern), supplied: new Set(), isOpen: true })
            break
          case "Clear":
            peer.asked.get(item.endpoint)!.isOpen = false
            break
          case "Add":
            assert.isFalse(peer.told.get(item.endpoint)!.has(textOf(item.captures)), "told once")
            peer.told.get(item.endpoint)!.add(textOf(item.captures))
            break
          case "Del":
            if (!peer.told.get(item.endpoint)!.delete(textOf(item.captures))) throw new Error("an end of what was not told")
            break
          case "End":
          case "Msg":
          case "Stamp":
        }
      }
    }
    for (const peer of peers.values()) check(peer)
  }
  const check = (peer: Peer): void => {
    for (const key of keys) {
      const open = [...peer.asked.values()].some((one) => one.isOpen && one.key === key)
      assert.strictEqual(open, Federation.asked(state, key, peer.link), `${peer.link} is asked for ${key}`)
      const endpoint = peer.asks.get(key)
      const told = endpoint === undefined ? new Set() : peer.told.get(endpoint)!
      for (const fact of facts) assert.strictEqual(told.has(textOf(fact)), Federation.told(state, key, textOf(fact), peer.link), `${peer.link} is told of ${textOf(fact)}`)
    }
  }

  for (let i = 0; i < 60; i++) {
    const name = names[below(names.length)]!
    const peer = [...peers.values()].find(({ link }) => link.startsWith(name))
    if (peer === undefined) {
      const fresh = new Peer(`${name}${++count}`)
      peers.set(fresh.link, fresh)
      feed({ _tag: "LinkUp", link: fresh.link, own: name === "own" })
      continue
    }
    const { link } = peer
    const p = below(patterns.length)
    const key = keys[p]!
    switch (below(8)) {
      case 0:
        if (name === "own") break
        peers.delete(link)
        if (below(3) === 0) feed({ _tag: "LinkDown", link })
        else {
          lost.set(link, "lingers")
          feed({ _tag: "LinkDown", link, linger: true })
        }
        break
      case 1: {
        const [gone, how] = [...lost][below(Math.max(1, lost.size))] ?? []
        if (gone === undefined) break
        if (how === "lingers") lost.set(gone, "forgotten")
        else lost.delete(gone)
        feed(how === "lingers" ? { _tag: "LinkDown", link: gone } : { _tag: "Trust", link: gone })
        break
      }
      case 2: {
        const endpoint = peer.asks.get(key)
        if (endpoint === undefined) {
          peer.asks.set(key, peer.next)
          peer.told.set(peer.next, new Set())
          feed({ _tag: "Turn", link, items: [{ _tag: "Assert", endpoint: peer.next++, pattern: patterns[p]! }] })
        } else {
          peer.asks.delete(key)
          feed({ _tag: "Turn", link, items: [{ _tag: "Clear", endpoint }] })
        }
        break
      }
      case 3: {
        const [endpoint] = [...peer.asked].find(([, one]) => !one.isOpen) ?? []
        if (endpoint === undefined) break
        peer.asked.delete(endpoint)
        feed({ _tag: "Turn", link, items: [{ _tag: "End", endpoint }] })
        break
      }
      default: {
        const [endpoint, one] = [...peer.asked].filter(([, { isOpen }]) => isOpen)[below(2)] ?? []
        if (endpoint === undefined || one === undefined) break
        const n = below(facts.length)
        const _tag = one.supplied.delete(n) ? "Del" : "Add"
        if (_tag === "Add") one.supplied.add(n)
        feed({ _tag: "Turn", link, items: [{ _tag, endpoint, captures: facts[n]! }] })
      }
    }
  }
  for (const [link, how] of lost) if (how === "lingers") feed({ _tag: "LinkDown", link })
  for (const link of lost.keys()) feed({ _tag: "Trust", link })
  assert.strictEqual(state.lingering.size + state.echoes.size, 0)
}

describe("the predicates of federation", () => {
  it("are what was said, in 800 random lives of links that may linger", () => {
    for (let seed = 1; seed <= 800; seed++) {
      try {
        play(seed)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    }
  })
})
