import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { decode, scan } from "../../src/codec/Binary.ts"
import * as Framing from "../../src/codec/Framing.ts"
import { defaultConfig as federationLimits } from "../../src/federation/Federation.ts"
import * as Fit from "../../src/link/Fit.ts"
import * as Link from "../../src/link/Link.ts"
import { encode, leastCapacity, type Packet, PacketError, parse } from "../../src/link/Packet.ts"
import { defaultLimits } from "../../src/link/Config.ts"
import * as canonical from "../../src/value/canonical.ts"
import type { Value } from "../../src/value/Value.ts"
import { comparable, toItem, toPacket, toValue } from "./arbitrary.ts"
import { Bad, normal, print, readFrames, readPacket, readText, readValue, toHex, unhex, writeFrame, writePacket, writeValue } from "./reference-reader.ts"

const document = readFileSync(new URL("../../src/link/PROTOCOL.md", import.meta.url), "utf8")

interface Example {
  readonly kind: string
  readonly text: string
  readonly hex: string
}

/** The fenced blocks, but the picture's: pairs of lines. */
const examples: ReadonlyArray<Example> = [...document.matchAll(/^```(\w+)\n([^`]*)^```$/gm)].flatMap(([, kind, body]) => {
  if (kind === "mermaid") return []
  const lines = body!.trimEnd().split("\n")
  assert.strictEqual(lines.length % 2, 0, `a ${kind} block holds pairs of lines`)
  return lines.flatMap((text, i) => (i % 2 === 0 ? [{ kind: kind!, text, hex: kind === "pattern" ? lines[i + 1]! : lines[i + 1]!.replaceAll(" ", "") }] : []))
})
const of = (...kinds: ReadonlyArray<string>) => examples.filter(({ kind }) => kinds.includes(kind))

const limits = { ...defaultLimits, bytesMax: defaultLimits.packetBytesMax }
const read = (hex: string): Packet | PacketError => parse(unhex(hex), limits)

describe("PROTOCOL.md", () => {
  it("shows many examples, of all the kinds that it explains", () => {
    const kinds = [...new Set(examples.map(({ kind }) => kind))]

    assert.sameMembers(kinds, ["value", "packet", "dialer", "acceptor", "frames", "pattern", "wrong"])
    assert.isAtLeast(examples.length, 80)
  })

  for (const { hex, kind, text } of of("value", "packet", "dialer", "acceptor", "frames")) {
    it(`shows the bytes of ${text}, in a ${kind} block`, () => {
      const payload = kind === "frames" ? hex.slice(8) : hex

      assert.strictEqual(writeValue(readText(text)), payload)
      assert.strictEqual(print(readValue(unhex(payload))), text)
      assert.strictEqual(scan(unhex(payload), 0, payload.length / 2), payload.length / 2)
      assert.strictEqual(toHex(canonical.encode(toValue(readText(text)))), payload)
      assert.strictEqual(toHex(canonical.encode(decode(unhex(payload)) as Value)), payload)
    })
  }

  for (const { hex, text } of of("packet", "dialer", "acceptor")) {
    it(`shows a packet that is read and written alike: ${text}`, () => {
      const packet = read(hex)

      assert.notInstanceOf(packet, PacketError)
      assert.strictEqual(writePacket(readPacket(unhex(hex))), hex)
      // a hello with fewer keys is written with all, and one with unknown keys without
      if (packet._tag === "Hello" && !text.includes("turnItemsMax")) assert.deepStrictEqual(packet.takes, leastCapacity)
      else {
        assert.strictEqual(toHex(encode(packet, false)), hex)
        assert.deepStrictEqual(comparable(packet), toPacket(readPacket(unhex(hex))))
      }
    })
  }

  it("shows packets as they lie in a stream", () => {
    const frames = of("frames")
    const stream = unhex(frames.map(({ hex }) => hex).join(""))
    const payloads = frames.map(({ text }) => writeValue(readText(text)))

    assert.deepStrictEqual(frames.map(({ hex }) => hex), payloads.map(writeFrame))
    assert.deepStrictEqual(readFrames(stream).map(toHex), payloads)
    assert.deepStrictEqual(Framing.split(Framing.initial, stream, 100).frames.map(toHex), payloads)
    assert.deepStrictEqual(payloads.map((hex) => toHex(encode(read(hex) as Packet, true))), frames.map(({ hex }) => hex))
  })

  for (const { hex: form, text } of of("pattern")) {
    it(`shows what ${text} means`, () => {
      const packet = read(`b4b30154b3013fb00101${writeValue(readText(text))}84`)

      assert.deepStrictEqual(normal(readText(text)), readText(form))
      assert.deepStrictEqual(packet, { _tag: "Turn", more: false, items: [toItem({ op: "?", n: 1, v: readText(form) })] })
    })
  }

  for (const { hex, text } of of("wrong")) {
    it(`shows what is ${text}: ${hex}`, () => {
      const packet = read(hex)

      assert.strictEqual(packet instanceof PacketError ? packet.code : packet._tag, text)
      assert.strictEqual(refusal(hex), text)
    })
  }

  it("names every code that a packet can be refused with", () => {
    const [, table] = document.split("| code | what was wrong |")
    const codes = ["Malformed", "NotCanonical", "TooDeep", "TooLarge", "UnknownPacket", "Version", "BadField", "BadItem", "BadEndpoint", "NotAPattern", "TooManyItems",
      "TurnTooLarge", "TooManyBytes", "Unanswered", "Unexpected", "BadCredit", "HelloTimeout", "Silent", "Overflow"]

    assert.deepStrictEqual(codes.filter((code) => !table!.includes(`\`${code}\``)), [])
  })

  it("states the limits that are in force", () => {
    const grouped = (n: number) => n.toLocaleString("en-US")
    const row = (name: keyof typeof leastCapacity) => `| ${grouped(leastCapacity[name])} | ${grouped(defaultLimits[name])} |`

    for (const name of ["packetBytesMax", "turnBytesMax", "turnItemsMax", "windowBytes"] as const) {
      assert.match(document, new RegExp(`^\\| \`${name}\`: .*${row(name).replaceAll("|", "\\|")}`, "m"))
    }
    const { depthMax, messageBytesMax, messagesMax, queueBytesMax, unsentBytesMax } = defaultLimits
    const waiting = [unsentBytesMax, messagesMax, messageBytesMax, queueBytesMax]
    const ours = [depthMax, ...waiting, Fit.symbolBytesMax, Fit.patternBytesMax, ...Object.entries(federationLimits).flatMap(([name, n]) => name.endsWith("Max") ? [n] : [])]
    for (const n of ours) assert.include(document, `| ${grouped(n)} |`)
  })
})

const refusal = (hex: string): string => {
  try {
    return print(readValue(unhex(writePacket(readPacket(unhex(hex))))))
  } catch (error) {
    return error instanceof Bad ? error.code : String(error)
  }
}

describe("the conversation in PROTOCOL.md", () => {
  it("is what two links say", () => {
    const lines = of("dialer", "acceptor")
    const starts = {
      dialer: Link.initial({ link: "d", role: "dialer", scope: "lobby", self: { node: "cli-7f", incarnation: 1, leaf: true }, stream: false }),
      acceptor: Link.initial({ link: "a", role: "acceptor", self: { node: "n1", incarnation: 3, leaf: false }, stream: false })
    }
    const states: { dialer: Link.State; acceptor: Link.State } = { dialer: starts.dialer[0], acceptor: starts.acceptor[0] }
    const news: Array<string> = []
    /** What a side has written by itself, and the document has not come to. */
    const ahead: { readonly dialer: Array<string>; readonly acceptor: Array<string> } = { dialer: [], acceptor: [] }
    const step = (side: "dialer" | "acceptor", event: Link.Event): void => {
      const [state, actions] = Link.transition(states[side], event)
      states[side] = state
      news.push(...actions.map(({ _tag }) => _tag).filter((tag) => !/Timer|Write|Close/.test(tag)).map((tag) => `${side} ${tag}`))
      ahead[side].push(...written(actions))
    }

    for (const { hex, kind, text } of lines) {
      const side = kind as "dialer" | "acceptor"
      const packet = read(hex) as Packet
      // our own hello always tells what we take; the document's client is content with the least
      if (packet._tag !== "Hello") {
        if (ahead[side].length === 0) step(side, order(packet))
        assert.strictEqual(ahead[side].shift(), hex, text)
      } else if (side === "acceptor") assert.deepStrictEqual(written(starts.acceptor[1]), [hex], text)
      step(side === "dialer" ? "acceptor" : "dialer", { _tag: "Received", bytes: unhex(hex), at: 0 })
    }

    assert.deepStrictEqual(ahead, { dialer: [], acceptor: [] })
    assert.deepStrictEqual(news, [
      "dialer Greeted", "acceptor Offered", "dialer Accepted", "acceptor Measured", "dialer Measured",
      "acceptor Received", "acceptor SyncRequested", "dialer Received", "dialer Synced",
      "dialer Received", "dialer Received", "dialer Received", "acceptor Received", "dialer Received",
      "dialer Ended", "acceptor Ended"
    ])
  })
})

const written = (actions: ReadonlyArray<Link.Action>): ReadonlyArray<string> =>
  actions.flatMap((action) => (action._tag === "Write" ? [toHex(action.bytes)] : []))

/** What a node tells its link to make it say this packet. */
const order = (packet: Packet): Link.Event => {
  switch (packet._tag) {
    case "Join": return { _tag: "Offer" }
    case "Joined": return { _tag: "Accept" }
    case "Turn": return { _tag: "Turn", items: packet.items }
    case "Sync": return { _tag: "Sync", n: packet.n }
    case "Synced": return { _tag: "Synced", n: packet.n }
    case "Bye": return { _tag: "Bye", reason: packet.reason }
    default: throw new Error(`nobody is told to say ${packet._tag}`)
  }
}
