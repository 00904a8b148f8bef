/** What chance or a caller decided in a run, as plain data: a list of steps is the run, without its seed. */

export interface Step<Event> {
  readonly at: number
  readonly what: What<Event>
}

export type What<Event> =
  /** A node begins a life, and is told these events at once; without a list, those of its life before. */
  | { readonly _tag: "Start"; readonly node: string; readonly events?: ReadonlyArray<Event>; readonly seed?: number }
  /** State lost, no farewell. `dark`: its peers are not even told that the connections are gone. */
  | { readonly _tag: "Crash"; readonly node: string; readonly dark: boolean }
  | { readonly _tag: "Stop"; readonly node: string }
  | { readonly _tag: "Tell"; readonly node: string; readonly events: ReadonlyArray<Event> }
  | { readonly _tag: "Connect"; readonly from: string; readonly to: string }
  /** Every connection between the two is lost, with what is under way. */
  | { readonly _tag: "Lose"; readonly a: string; readonly b: string }
  /** From now on, what `from` writes to `to` on the connections that they have vanishes. */
  | { readonly _tag: "Silence"; readonly from: string; readonly to: string }
  /** Nothing passes between the groups; who is in none is in one more. It takes the place of an earlier one. */
  | { readonly _tag: "Partition"; readonly groups: ReadonlyArray<ReadonlyArray<string>> }
  | { readonly _tag: "Heal" }
  /** One chunk's way: how long it takes, after how many bytes it is cut, whether it catches up with the one before. */
  | { readonly _tag: "Delay"; readonly of: string; readonly ms: number; readonly cut?: number; readonly merge?: boolean }

/** One line, for people. An event that is described by nothing is left out. */
export const print = <Event>({ at, what }: Step<Event>, describe: (event: Event) => string): string =>
  `${String(at).padStart(8)} ms  ${printWhat(what, describe)}`

const printWhat = <Event>(what: What<Event>, describe: (event: Event) => string): string => {
  switch (what._tag) {
    case "Start": return [`${what.node} starts${what.events === undefined ? " again" : ""}`, ...events(what.events ?? [], describe)].join("; ")
    case "Crash": return `${what.node} crashes${what.dark ? ", and nobody is told" : ""}`
    case "Stop": return `${what.node} is asked to stop`
    case "Tell": return `${what.node}: ${events(what.events, describe).join("; ")}`
    case "Connect": return `${what.from} is connected to ${what.to}`
    case "Lose": return `${what.a} and ${what.b} lose their connections`
    case "Silence": return `${what.from} is heard by ${what.to} no more`
    case "Partition": return `the network parts: ${what.groups.map((group) => group.join(" ")).join(" | ")}`
    case "Heal": return "the network is whole again"
    case "Delay": {
      const cut = what.cut === undefined ? "" : `, cut after ${what.cut} bytes`
      return `${what.of} takes ${what.ms} ms${cut}${what.merge === true ? ", with the chunk before it" : ""}`
    }
  }
}

const events = <Event>(told: ReadonlyArray<Event>, describe: (event: Event) => string): ReadonlyArray<string> =>
  told.map(describe).filter((text) => text !== "")
