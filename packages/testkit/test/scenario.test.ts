/** The scenario files, each machine with its words; then the format and the runner themselves. */
import { assert, describe, it } from "@effect/vitest"
import { Canonical, Dataspace, Encoded, Federation, type Item, Link, type Machine, Packet, Process, Topology, Value } from "@colloquy/core"
import * as fc from "fast-check"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NetworkScenario from "../src/NetworkScenario.ts"
import * as Scenario from "../src/Scenario.ts"
import * as Show from "../src/Show.ts"

const folder = (name: string): URL => new URL(`../scenarios/${name}`, import.meta.url)
const flag = ({ options }: Scenario.Directive, name: string): boolean => options.get(name)?.[0] === "true"

// ---- dataspace: `turn pid` takes a line an action; `assert pid …` and so on are turns of one ----------

const behaviours: Process.Behaviours = {
  /** Lights a lamp, answers `<ping>`, goes out politely on `<stop>` and crashes on `<kick>`. */
  lamp: {
    initial: (): Process.Turn<number> => [0, [
      Process.assert("light", Value.record("light", "on")),
      ...["ping", "stop", "kick"].map((word) => Process.observe(word, Scenario.pattern(`<${word}>`)))
    ]],
    transition: (n: number, { handle }) => {
      if (handle === "kick") throw new Error("that hurt")
      if (handle === "stop") return [n, [Process.quit("enough")]]
      return [n + 1, [Process.assert("light", Value.record("light", n + 1)), Process.send(Value.record("pong", n + 1))]]
    }
  }
}
const processAction = (line: string): Process.Action => {
  const [verb, first, ...rest] = line.split(" ") as [string, string, ...ReadonlyArray<string>]
  switch (verb) {
    case "assert": return Process.assert(first, Scenario.value(rest.join(" ")))
    case "observe": return Process.observe(first, Scenario.pattern(rest.join(" ")))
    case "retract": return Process.retract(first)
    case "send": return Process.send(Scenario.value([first, ...rest].join(" ")))
    case "spawn": return Process.spawn(first, { behaviour: rest[0] ?? "", config: undefined })
    default: throw new Error(`nobody can ${verb}`)
  }
}
const dataspace = () => Scenario.machine({
  machine: Dataspace.of(behaviours),
  config: {},
  event: ({ args: [pid = "", ...rest], command, input }): ReadonlyArray<Dataspace.Event> => {
    if (command === "leave") return [{ _tag: "Leave", pid }]
    const actions = command === "turn" ? input.map(processAction) : [processAction([command, ...rest].join(" "))]
    return [{ _tag: "Enter", pid, name: pid, actions: [] }, { _tag: "Perform", pid, actions }]
  },
  show: (action) => action._tag === "Deliver" ? `${action.pid} hears ${action.events.map(Show.heard).join(", ")}` : Show.show(action),
  state: (state) => Scenario.said(Show.facts(state))
})

// ---- federation: `turn link` takes a line an item ----------------------------------------------------

const item = (line: string): Item.Item => {
  const [_tag, endpoint, ...rest] = line.split(" ") as [Item.Item["_tag"], string, ...ReadonlyArray<string>]
  switch (_tag) {
    case "Assert": return { _tag, endpoint: Number(endpoint), pattern: Scenario.pattern(rest.join(" ")) }
    case "Clear":
    case "End": return { _tag, endpoint: Number(endpoint) }
    case "Stamp": return { _tag, origin: Number(endpoint), n: Number(rest[0]) }
    default: return { _tag, endpoint: Number(endpoint), captures: Encoded.encodedOf(Scenario.value(rest.join(" "))) }
  }
}
const showItem = (item: Item.Item): string => item._tag === "Stamp" ? `Stamp ${item.origin} ${item.n}` :
  [item._tag, item.endpoint, ...("pattern" in item ? [Show.pattern(item.pattern)] : "captures" in item ? [Show.show(item.captures)] : [])].join(" ")
const federation = () => Scenario.machine({
  machine: Federation,
  config: {},
  event: ({ args: [link = ""], command, input }): Federation.Event | undefined =>
    command === "up" ? { _tag: "LinkUp", link }
    : command === "down" ? { _tag: "LinkDown", link }
    : command === "turn" ? { _tag: "Turn", link, items: input.map(item) } : undefined,
  show: (action) => action._tag === "Turn" ? `to ${action.link}: ${action.items.map(showItem).join(", ")}` : Show.show(action)
})

// ---- topology ----------------------------------------------------------------------------------------

const topology = () => Scenario.machine({
  machine: Topology,
  config: { self: { node: "m", incarnation: 1 }, leaf: false },
  event: (directive): Topology.Event | undefined => {
    const { args: [link = "", what = "", ...rest], command, options } = directive
    const peer = { node: what, incarnation: Number(options.get("incarnation")?.[0] ?? 1), leaf: flag(directive, "leaf") }
    switch (command) {
      case "greeted":
      case "offered": return { _tag: command === "greeted" ? "Greeted" : "Offered", link, peer }
      case "accepted": return { _tag: "Accepted", link }
      case "told": return { _tag: "Told", link, tree: tree(what, rest) }
      case "lost": return { _tag: "LinkLost", link, farewell: flag(directive, "farewell") }
      case "grace": return { _tag: "GraceOver", edge: link }
      default: return undefined
    }
  },
  show: (action) => {
    switch (action._tag) {
      case "TellNext":
      case "Tell": return `tell ${action.link} ${showTree(action.tree)}`
      case "Refuse": return `Refuse ${action.link} ${action.error.code}: ${action.error.message}`
      default: return Show.show(action)
    }
  }
})
/** `Path root seq distance`, `Attach root seq distance`, `Seek seq` and the words without any. */
const tree = (_tag: string, [root = "", ...numbers]: ReadonlyArray<string>): Topology.Tree => {
  const path = { root, seq: Number(numbers[0]), distance: Number(numbers[1]), priority: 100 }
  return (_tag === "Path" ? { _tag, path } : _tag === "Attach" ? { _tag, feasible: path } : _tag === "Seek" ? { _tag, seq: Number(root) } : { _tag }) as Topology.Tree
}
const showTree = (tree: Topology.Tree): string => {
  const path = tree._tag === "Path" ? tree.path : tree._tag === "Attach" ? tree.feasible : undefined
  return path !== undefined ? `${tree._tag} ${path.root} ${path.seq} ${path.distance}` : tree._tag === "Seek" ? `Seek ${tree.seq}` : tree._tag
}

// ---- link: packets as the values that they are -------------------------------------------------------

const framed = (line: string): Uint8Array => {
  const payload = Canonical.encode(Scenario.value(line))
  const bytes = new Uint8Array(4 + payload.length)
  new DataView(bytes.buffer).setUint32(0, payload.length)
  bytes.set(payload, 4)
  return bytes
}
const showPacket = (bytes: Uint8Array): string => {
  const packet = Packet.parse(bytes.subarray(4), { depthMax: 128, bytesMax: 1e6, turnItemsMax: 100 })
  if (packet._tag === "Turn") return `Turn ${packet.items.map(showItem).join(", ")}`
  return packet._tag === "Hello" ? `Hello ${packet.peer.node} incarnation=${packet.peer.incarnation}` : Show.show(packet)
}
const link = (role: "dialer" | "acceptor") => Scenario.machine({
  machine: Link,
  config: { link: "L", self: { node: "m", incarnation: 7, leaf: false }, stream: true, ...(role === "dialer" ? { role, scope: "chat" } : { role }) },
  event: (directive): Link.Event | ReadonlyArray<Link.Event> | undefined => {
    const { args: [word = "", ...rest], command, input, options } = directive
    const at = Number(options.get("at")?.[0] ?? 0)
    switch (command) {
      case "received": return input.map((line) => ({ _tag: "Received", bytes: framed(line), at }))
      case "offer": return { _tag: "Offer" }
      case "accept": return { _tag: "Accept" }
      case "tell": return { _tag: "Settle", tree: tree(word, rest) }
      case "turn": return { _tag: "Turn", items: input.map(item) }
      case "bye": return { _tag: "Bye", reason: String(Scenario.value(word)) }
      case "lost": return { _tag: "Lost", reason: String(Scenario.value(word)) }
      case "fired": return { _tag: "TimerFired", timer: word as Link.Timer, at }
      default: return undefined
    }
  },
  show: (action) => action._tag === "Write" ? `Write ${showPacket(action.bytes)}`
    : action._tag === "Received" ? `Received ${action.items.map(showItem).join(", ")}` : Show.show(action)
})

describe("scenarios", () => {
  Scenario.suite(folder("dataspace"), dataspace)
  Scenario.suite(folder("federation"), federation)
  Scenario.suite(folder("topology"), topology)
  Scenario.suite(folder("link"), (path) => link(path.includes("acceptor") ? "acceptor" : "dialer"))
  Scenario.suite(folder("network"), () => NetworkScenario.make())
})

// ---- the format --------------------------------------------------------------------------------------

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,5}$/)
const line = fc.string({ maxLength: 8 }).map((text) => text.replace(/[\r\n]/g, ""))
const filler = fc.oneof(fc.constantFrom("", "  ", "#"), line.map((text) => `# ${text}`))
const argument = fc.oneof(word, fc.constantFrom('<present "lobby" $>', '"two words"', "drop=(a,b)", "n=3", '#{1 2}', "k=<a b>", "[1, 2]"))
const head = fc.tuple(word, fc.uniqueArray(argument, { maxLength: 3, selector: (arg) => arg.split("=")[0]! }), fc.constantFrom("", " ", "\t"))
  .map(([command, args, end]) => [command, ...args].join(" ") + end)
const plain = line.map((text) => `x${text}`)
const output = fc.array(fc.oneof(plain, fc.constantFrom("", " ", "----", "------", "# no comment", "x ")), { maxLength: 5 })
type Part = Pick<Scenario.Directive, "preamble" | "head" | "input" | "expected">
const directive = fc.record({ preamble: fc.array(filler, { maxLength: 3 }), head, input: fc.array(plain, { maxLength: 2 }), expected: output })
const partsOf = (parts: ReadonlyArray<Part>) => parts.map(({ expected, head, input }) => ({ expected, head, input }))
const written = (parts: ReadonlyArray<Part>, trailer: ReadonlyArray<string>) =>
  Scenario.print({ directives: parts.map((part) => ({ ...part, line: 0, fence: undefined, command: "", args: [], options: new Map() })), trailer })
const story = fc.tuple(fc.array(directive, { maxLength: 4 }), fc.array(filler, { maxLength: 3 }))
/** Lines that are likely to be mistaken for one another. */
const tangled = fc.oneof(fc.constantFrom("a", "b <c d>", "----", "-----", "", " ", "# c", " # d", "x=(1", "a\r", "k= k=", "----"), plain)
const tangle = fc.array(tangled, { maxLength: 12 }).map((lines) => lines.join("\n"))

describe("the format", () => {
  it("reads what it printed: commands, inputs, outputs of every kind, and every comment", () => {
    fc.assert(fc.property(story, ([parts, trailer]) => {
      const text = written(parts, trailer)
      const file = Scenario.parse(text)

      const comments = [...file.directives.flatMap(({ preamble }) => preamble), ...file.trailer].filter((line) => line !== "")
      assert.deepStrictEqual(partsOf(file.directives), partsOf(parts))
      assert.deepStrictEqual(comments, [...parts.flatMap(({ preamble }) => preamble), ...trailer].filter((line) => line !== ""))
      assert.strictEqual(Scenario.print(file), text)
    }), { numRuns: 500 })
  })
  it("prints any file that it takes, byte for byte, and refuses the others with their line", () => {
    let taken = 0
    fc.assert(fc.property(tangle, (text) => {
      let file: Scenario.File
      try {
        file = Scenario.parse(text, "story.txt")
      } catch (error) {
        assert.instanceOf(error, Scenario.Malformed)
        assert.match((error as Error).message, /^story\.txt:\d+: /)
        return
      }
      taken += Number(file.directives.length > 0)
      assert.strictEqual(Scenario.print(file), text)
    }), { numRuns: 5_000 })
    assert.isAbove(taken, 100)
  })
  it("reads arguments, values with spaces in them, and options", () => {
    const [command] = Scenario.parse('deliver a <says "it\'s, \\"so\\"" [1 2]> drop=(b, <c, d>) n=3 none=() #{x y} L1<[ "a\\" b"\n----').directives

    assert.deepStrictEqual(command!.args, ["a", '<says "it\'s, \\"so\\"" [1 2]>', "#{x y}", "L1<[", '"a\\" b"'])
    assert.deepStrictEqual([...command!.options], [["drop", ["b", "<c, d>"]], ["n", ["3"]], ["none", []]])
  })
  for (const [text, message] of [
    ["a\r\n----\r\n", "f:1: a carriage return: lines end with a line feed alone"],
    ["# c\n\na\n\n----\n", 'f:3: no ---- follows "a"'],
    ["a", 'f:1: no ---- follows "a"'],
    ["\n----\nx\n", "f:2: a ---- without a command"],
    ["a\n----\nx\nb\n----\ny\n", "f:5: a second ----: leave a blank line before the command, or use a fence"],
    ["a\n----\nx\n \nb\n----\n", "f:4: spaces alone neither end an output nor belong to it: make the line empty, or use a fence"],
    ["a\n----\n----\nx\n\n", "f:3: the fence ---- is not closed"],
    ["a\n----\n----\nx\n----\nb\n----\n", "f:6: a blank line has to follow a fence"],
    ["a\n----\n\nb <c [d>\n----\n", "f:4: what opens with < at column 3 does not close"],
    ["a k=1 k=2\n----\n", "f:1: k= is said twice"]
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => Scenario.parse(text, "f"), Scenario.Malformed, message)
    })
  }
})

// ---- the runner --------------------------------------------------------------------------------------

/** A file that exists while `body` runs. */
const withFile = (text: string, body: (path: string) => void): void => {
  const place = mkdtempSync(join(tmpdir(), "colloquy-"))
  try {
    const path = join(place, "story.txt")
    writeFileSync(path, text)
    body(path)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}
const messageOf = (body: () => void): string => {
  try {
    body()
  } catch (error) {
    return (error as Error).message
  }
  return assert.fail("it did not throw")
}

describe("the runner", () => {
  it("rewrites outputs and nothing else; then the file passes, until one line of it changes", () => {
    fc.assert(fc.property(story, fc.array(output, { minLength: 4, maxLength: 4 }), fc.nat(), ([parts, trailer], outputs, pick) => {
      withFile(written(parts, trailer), (path) => {
        const handler = (): Scenario.Handler => {
          let n = 0
          return () => outputs[n++]!.join("\n")
        }
        Scenario.run(path, handler(), { REWRITE: "1" })
        const text = readFileSync(path, "utf8")
        const file = Scenario.parse(text)

        Scenario.run(path, handler(), {})
        assert.deepStrictEqual(file.directives.map(({ head, input }) => ({ head, input })), parts.map(({ head, input }) => ({ head, input })))
        assert.deepStrictEqual(file.directives.map(({ expected }) => expected.join("\n")), parts.map((_, i) => outputs[i]!.join("\n")))

        const lines = text.split("\n")
        const starts = file.directives.map(({ fence, input, line }) => line + input.length + (fence === undefined ? 1 : 2))
        const places = file.directives.flatMap(({ expected }, i) => expected.map((_, j) => starts[i]! + j))
        if (places.length === 0) return
        const place = places[pick % places.length]!
        writeFileSync(path, lines.with(place, "changed").join("\n"))
        assert.match(messageOf(() => Scenario.run(path, handler(), {})), new RegExp(`story\\.txt:${place + 1}: .*\n(.*\n)* {4}- changed`))
      })
    }), { numRuns: 150 })
  })
  it("shows what was expected and what came, and how many commands follow suit", () => {
    withFile("# A story.\ntell a\n----\nfirst\nold\nlast \n\ntell b\n----\n", (path) => {
      assert.strictEqual(messageOf(() => Scenario.run(path, () => "first\nnew\nlast", {})), [
        `${path}:5: "tell a" came to something else (- expected, + actual):`,
        "      first", "    - old", "    - last·", "    + new", "    + last",
        "(1 more command differs after it; REWRITE=1 writes what came)"
      ].join("\n"))
    })
  })
  it("refuses to rewrite where CI is set, and says where a handler threw", () => {
    withFile("tell a\n----\n", (path) => {
      const refused = `${path}: REWRITE is refused where CI is set: there a scenario is checked, not written`
      assert.strictEqual(messageOf(() => Scenario.run(path, () => "x", { REWRITE: "1", CI: "true" })), refused)
      assert.strictEqual(messageOf(() => Scenario.run(path, () => assert.fail("who is a?"), { REWRITE: "1" })), `${path}:1: tell a: who is a?`)
      assert.match(messageOf(() => Scenario.run(path, () => "x\r", { REWRITE: "1" })), /a carriage return/)
      assert.strictEqual(readFileSync(path, "utf8"), "tell a\n----\n")
    })
  })
  it("runs a machine of ten lines, repeats, and prints its state", () => {
    type Say = { readonly _tag: "Say"; readonly n: number }
    const counter: Machine.Machine<{}, { readonly n: number }, { readonly _tag: "Add"; readonly by: number }, Say> = {
      initial: () => [{ n: 0 }, [{ _tag: "Say", n: 0 }]],
      transition: ({ n }, { by }) => [{ n: n + by }, by === 0 ? [] : [{ _tag: "Say", n: n + by }]]
    }
    withFile("initial\n----\nSay n=0\n\nrepeat 2\nadd 3\nadd 0\n----\nSay n=3\n(nothing)\nSay n=6\n(nothing)\n\nstate\n----\nn: 6\n", (path) => {
      const handler = Scenario.machine({
        machine: counter,
        config: {},
        event: ({ args: [by], command }) => command === "add" ? { _tag: "Add", by: Number(by) } : undefined
      })
      Scenario.run(path, handler, {})
      assert.strictEqual(messageOf(() => handler(Scenario.parse("sub 1\n----").directives[0]!)), 'no command is called "sub"')
      assert.strictEqual(messageOf(() => handler(Scenario.parse("repeat x\n----").directives[0]!)), "repeat n: n is a whole number")
    })
  })
  it("says what a story about nodes got wrong", () => {
    for (const [line, message] of [
      ["assert a s p h <x>", "no node is called a"],
      ["uplink n", "3 arguments are needed, and 1 are here"],
      ["assert n s p h <x", "what opens with < at column 16 does not close"],
      ["send n s p >", "> is no value: "],
      ["observe n s p h #{$x}", "#{$x} is no pattern: "],
      ["dance", 'no command is called "dance"']
    ] as const) {
      withFile(`start n\n----\n\n${line}\n----\n`, (path) => {
        const said = messageOf(() => Scenario.run(path, NetworkScenario.make(), { REWRITE: "1" }))
        assert.include(said, "story.txt:4: ")
        assert.include(said, message)
      })
    }
  })
  it("finds files in their order, and refuses a folder without any", () => {
    withFile("", (path) => {
      writeFileSync(join(path, "../another.txt"), "")
      writeFileSync(join(path, "../notes.md"), "")

      assert.deepStrictEqual(Scenario.files(join(path, "..")), [join(path, "../another.txt"), path])
    })
    assert.throws(() => Scenario.suite(new URL(".", import.meta.url), () => () => ""), /holds no scenario/)
  })
})
