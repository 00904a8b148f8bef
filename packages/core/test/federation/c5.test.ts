/**
 * The conformance rows of a federated scope (F01-F47), in the reference's notation. One turn from link
 * L is `L<[…]`, one to it `L>[…]`; `A e p` is Assert, `C e` Clear, `+ e v` Add, `- e v` Del, `! e v` Msg,
 * `E e` End; `#x` is the endpoint that was chosen here, bound where it first comes out. Where the
 * original and the fixed behaviour differ, the fixed one (column F).
 */
import { assert, describe, it } from "@effect/vitest"
import { Encoded, Federation, type Item, Pattern, Value } from "../../src/index.ts"

const patterns: { [name: string]: Pattern.Pattern } = { p: Pattern.record("p", Pattern.bind()), q: Pattern.record("q", Pattern.bind()) }
const nameOf = (pattern: Pattern.Pattern): string => Object.keys(patterns).find((name) => Pattern.key(patterns[name]!) === Pattern.key(pattern))!

/** A scope with the links L1, L2 and L3 up, and what a script made of it. */
class World {
  state: Federation.State
  readonly names = new Map<string, number>()
  constructor() {
    this.state = Federation.initial({})[0]
    for (const link of ["L1", "L2", "L3"]) this.state = Federation.transition(this.state, { _tag: "LinkUp", link })[0]
  }

  /** Feeds one line; the result is what goes out, one `L>[…]` a link, in order, and `fault L code`. */
  feed(line: string): ReadonlyArray<Federation.Action> {
    const [verb, rest] = line.split(" ") as [string, string]
    const events: ReadonlyArray<Federation.Event> = verb === "up" ? [{ _tag: "LinkUp", link: rest }]
      : verb === "down" ? [{ _tag: "LinkDown", link: rest }]
      : [{ _tag: "Turn", link: line.slice(0, 2), items: line.slice(4, -1).split(", ").map((item) => this.item(item)) }]
    return events.flatMap((event) => {
      const [next, actions] = Federation.transition(this.state, event)
      this.state = next
      return actions
    })
  }
  item(text: string): Item.Item {
    const [op, name, arg] = text.split(" ") as [string, string, string]
    const endpoint = name.startsWith("#") ? this.names.get(name) ?? assert.fail(`${name} is not bound`) : Number(name)
    const captured = (): Value.Encoded => Encoded.encodedOf(JSON.parse(arg.startsWith("[") ? arg : `[${arg}]`))
    switch (op) {
      case "A": return { _tag: "Assert", endpoint, pattern: patterns[arg]! }
      case "C": return { _tag: "Clear", endpoint }
      case "+": return { _tag: "Add", endpoint, captures: captured() }
      case "-": return { _tag: "Del", endpoint, captures: captured() }
      case "!": return { _tag: "Msg", endpoint, captures: captured() }
      default: return { _tag: "End", endpoint }
    }
  }

  /** Compares what went out with `L>[…]` lines; unbound names are bound by it. */
  expect(stamped: ReadonlyArray<Federation.Action>, lines: ReadonlyArray<string>): void {
    const actions = stamped.map(withoutStamps)
    const said = actions.map((action) => action._tag === "Fault"
      ? `fault ${action.link} ${action.error.code} ${action.error.index}`
      : `${action.link}>[${action.items.map((item) => this.print(item)).join(", ")}]`)
    const wanted = lines.map((line) => line.replace(/#\w+/g, (name, at: number) => {
      if (!this.names.has(name)) this.bind(name, line, at, actions)
      return String(this.names.get(name))
    }))
    assert.deepStrictEqual([...said].sort(), [...wanted].sort())
  }
  bind(name: string, line: string, at: number, actions: ReadonlyArray<Federation.Action>): void {
    const turn = actions.find((action) => action._tag === "Turn" && action.link === line.slice(0, 2))
    const index = line.slice(0, at).split(", ").length - 1
    const item = turn?._tag === "Turn" ? turn.items[index] : undefined
    assert.isDefined(item, `${line}: nothing came to bind ${name}`)
    this.names.set(name, (item as Exclude<Item.Item, Item.Stamp>).endpoint)
  }
  print(item: Item.Item): string {
    const value = "captures" in item ? readInts(item.captures) : ""
    switch (item._tag) {
      case "Assert": return `A ${item.endpoint} ${nameOf(item.pattern)}`
      case "Clear": return `C ${item.endpoint}`
      case "Add": return `+ ${item.endpoint} ${value}`
      case "Del": return `- ${item.endpoint} ${value}`
      case "Msg": return `! ${item.endpoint} ${value}`
      case "End": return `E ${item.endpoint}`
      case "Stamp": return assert.fail("stamps were taken out")
    }
  }
}
/** Stamps have tests of their own (stamps.test.ts). */
const withoutStamps = (action: Federation.Action): Federation.Action =>
  action._tag === "Turn" ? { ...action, items: action.items.filter(({ _tag }) => _tag !== "Stamp") } : action
const readInts = ({ bytes, end, start }: Value.Encoded): number => {
  assert.deepStrictEqual([bytes[start], bytes[start + 1], bytes[start + 2], end - start], [0xb5, 0xb0, 1, 5])
  return bytes[start + 3]!
}

/** `input -> output; output` lines; output of the lines of an earlier row is checked there. */
const play = (...lines: ReadonlyArray<string>): World => {
  const world = new World()
  for (const line of lines) {
    const [input, output = ""] = line.split(" -> ") as [string, string?]
    world.expect(world.feed(input), output === "" ? [] : output.split("; "))
  }
  return world
}

const F01 = ["L1<[A 10 p] -> L2>[A #a p]; L3>[A #b p]"]
const F02 = [...F01, "L3<[A 30 p] -> L1>[A #c p]"]
const F03 = [...F02, "L2<[A 20 p]"]
const F04 = [...F01, "L2<[+ #a 5] -> L1>[+ 10 5]"]
const F05 = [...F04, "L3<[A 30 p] -> L1>[A #c p]; L3>[+ 30 5]"]
const F07 = [...F05, "L2<[A 20 p]", "L1<[+ #c 5] -> L2>[+ 20 5]"]
const F08 = [...F07, "L3<[+ #b 5]"]
const F09 = [...F08, "L2<[- #a 5]"]
const F10 = [...F09, "L3<[- #b 5] -> L1>[- 10 5]"]
const F11 = [...F10, "L1<[- #c 5] -> L2>[- 20 5]; L3>[- 30 5]"]
const F12 = [...F11, "L2<[C 20] -> L2>[E 20]"]
const F13 = [...F12, "L3<[C 30] -> L1>[C #c]; L3>[E 30]"]
const F14 = [...F13, "L1<[C 10] -> L1>[E 10]; L2>[C #a]; L3>[C #b]", "L1<[E #c]", "L2<[E #a]", "L3<[E #b]"]
const F20 = [...F01, "L2<[A 20 p, + #a 5] -> L1>[A #c p, + 10 5]"]
const F25 = [...F20, "L3<[+ #b 5, + #b 6] -> L1>[+ 10 6]; L2>[+ 20 5, + 20 6]", "down L2 -> L1>[C #c]"]
const F40 = [...F01, "L1<[C 10] -> L1>[E 10]; L2>[C #a]; L3>[C #b]", "L2<[+ #a 5]", "L2<[E #a]"]

const rows: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
  ["F01 first subscriber", F01],
  ["F02 second subscriber", F02],
  ["F03 third subscriber", F03],
  ["F04 add from non-holder", F04],
  ["F05 initial sync", F05],
  ["F06 no self echo", [...F04, "L2<[A 20 p] -> L1>[A #c p]"]],
  ["F07 second provider tells the first", F07],
  ["F08 third provider", F08],
  ["F09 del 3->2", F09],
  ["F10 del 2->1", F10],
  ["F11 del 1->0", F11],
  ["F12 holders 3->2", F12],
  ["F13 holders 2->1", F13],
  ["F14 holders 1->0", F14],
  ["F15 message fan-out", [...F03, "L2<[! #a 9] -> L1>[! 10 9]; L3>[! 30 9]"]],
  ["F16 message, sole holder is the sender", ["L1<[A 10 p] -> L2>[A #a p]; L3>[A #b p]", "L1<[! 1 9] -> fault L1 UnknownEndpoint 0; L2>[C #a]; L3>[C #b]"]],
  ["F17 two specs are independent", ["L1<[A 10 p, A 11 q] -> L2>[A #p p, A #q q]; L3>[A #r p, A #s q]", "L2<[+ #q 5] -> L1>[+ 11 5]"]],
  ["F18 turn grouping", [...F01, "L2<[+ #a 5, ! #a 6, - #a 5] -> L1>[+ 10 5, ! 10 6, - 10 5]"]],
  ["F19 message before add", [...F01, "L2<[! #a 6, + #a 5] -> L1>[! 10 6, + 10 5]"]],
  ["F20 subscribe and provide in one Turn", F20],
  ["F21 link up with existing subs", [...F01, "up L4 -> L4>[A #d p]"]],
  ["F22 link up, no holders left", [...F14, "up L4"]],
  ["F23 link up while End outstanding", [...F04, "L1<[C 10] -> L1>[E 10]; L2>[C #a]; L3>[C #b]", "up L4"]],
  ["F24 provider link drops", [...F05, "down L2 -> L1>[- 10 5]; L3>[- 30 5]"]],
  ["F25 one of two holders drops", F25],
  ["F26 last provider drops", [...F25, "down L3 -> L1>[- 10 5, - 10 6]"]],
  ["F27 last holder drops", [...F01, "down L1 -> L2>[C #a]; L3>[C #b]"]],
  ["F29 clear of unknown id", ["L1<[C 99] -> fault L1 UnknownEndpoint 0"]],
  ["F31 duplicate add", [...F01, "L2<[+ #a 5, + #a 5] -> fault L2 DuplicateCaptures 1"]],
  ["F32 del of absent", [...F01, "L2<[- #a 5] -> fault L2 AbsentCaptures 0"]],
  ["F33 error aborts the Turn", [...F01, "L2<[+ #a 5, + #a 5, + #a 6, A 20 p] -> fault L2 DuplicateCaptures 1"]],
  ["F34 same id, two specs", ["L1<[A 10 p, A 10 q] -> fault L1 ReusedEndpoint 1"]],
  ["F35 same spec, two ids", ["L2<[A 20 p] -> L1>[A #a p]; L3>[A #b p]", "L1<[A 10 p, A 11 p] -> fault L1 DuplicatePattern 1"]],
  ["F36 never-asked id", [...F01, "L3<[+ 77 5] -> fault L3 UnknownEndpoint 0", "L3<[! 77 5]", "L3<[E 77]"]],
  ["F37 unsolicited End", [...F04, "L2<[E #a] -> fault L2 OpenEndpoint 0; L1>[- 10 5]"]],
  ["F38 wrong captures shape: none", [...F01, "L2<[+ #a []] -> fault L2 WrongArity 0"]],
  ["F38 wrong captures shape: two", [...F01, "L2<[+ #a [4,5]] -> fault L2 WrongArity 0"]],
  ["F38 wrong captures shape: no sequence", [...F01, 'L2<[+ #a ["bogus",1]] -> fault L2 WrongArity 0']],
  ["F39 resubscribe before End", [...F04, "L1<[C 10] -> L1>[E 10]; L2>[C #a]; L3>[C #b]", "L1<[A 12 p] -> L2>[A #e p]; L3>[A #f p]", "L2<[E #a, + #e 5] -> L1>[+ 12 5]"]],
  ["F40 late add after Clear", F40],
  ["F41 late del after Clear", [...F04, "L1<[C 10] -> L1>[E 10]; L2>[C #a]; L3>[C #b]", "L2<[- #a 5]", "L2<[E #a]"]],
  ["F42 resubscribe after End", [...F40, "L1<[A 13 p] -> L2>[A #e p]; L3>[A #f p]"]],
  ["F43 R-bug: two providers", [
    "L1<[A 10 p] -> L2>[A #a p]; L3>[A #b p]", "L2<[A 20 p] -> L1>[A #c p]", "L1<[+ #c 5] -> L2>[+ 20 5]", "L2<[+ #a 5] -> L1>[+ 10 5]",
    "L1<[- #c 5] -> L2>[- 20 5]", "L2<[- #a 5] -> L1>[- 10 5]"
  ]],
  ["F44 R-bug: resubscription ghost", [
    "L1<[A 10 p] -> L2>[A #a p]; L3>[A #b p]", "L2<[A 20 p] -> L1>[A #c p]", "L2<[+ #a 5] -> L1>[+ 10 5]", "L1<[C 10] -> L1>[E 10]; L2>[C #a]",
    "L1<[A 11 p] -> L2>[A #d p]", "L2<[E #a, + #d 5] -> L1>[+ 11 5]", "L2<[- #d 5] -> L1>[- 11 5]"
  ]]
]

describe("C5: one federated scope", () => {
  for (const [name, lines] of rows) {
    it(name, () => {
      play(...lines)
    })
  }

  it("F28 drop removes everything", () => {
    for (const [, lines] of rows) {
      const world = play(...lines)
      for (const link of ["L1", "L2", "L3", "L4"]) world.feed(`down ${link}`)

      assert.deepStrictEqual([world.state.links.size, world.state.subscriptions.size], [0, 0])
    }
  })
  it("F30 an assertion that is no observation cannot be said: only patterns travel, and the link checks them", () => {
    assert.isUndefined(Pattern.fromValue(7))
    assert.isUndefined(Pattern.fromValue(Value.record("present", "ann")))
  })
  it("F40 leaves no match state, F42 uses a fresh endpoint", () => {
    const world = play(...F40, "L1<[A 13 p] -> L2>[A #e p]; L3>[A #f p]")

    assert.notStrictEqual(world.names.get("#e"), world.names.get("#a"))
    assert.deepStrictEqual([...world.state.subscriptions.values()].map(({ matches }) => matches.size), [0])
  })
  it("F45 two links fall in one step", () => {
    const world = play(...F08)
    const actions = [...world.feed("down L1"), ...world.feed("down L2")]

    world.expect([{ _tag: "Turn", link: "L3", items: actions.flatMap((a) => a._tag === "Turn" && a.link === "L3" ? a.items : []) }], ["L3>[- 30 5, C #b]"])
    assert.deepStrictEqual(actions.filter(({ link }) => link === "L1"), [])
  })
  it("F47 purity: the same inputs give the same states and outputs, and old states stay", () => {
    const [one, two] = [play(...F08), play(...F08)]
    const before = one.state
    const once = one.feed("down L1")
    one.state = before
    const twice = one.feed("down L1")

    assert.deepStrictEqual(once, twice)
    assert.deepStrictEqual(two.feed("down L1"), once)
  })
})
