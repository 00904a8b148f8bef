/**
 * Links that fall silent rather than close: each member in a network namespace of its own, a pair of
 * virtual Ethernet devices between every two, and a cut is a device that is taken down. TCP hears
 * nothing of it; only the heartbeat does. Needs Linux, iproute2 and the right to make namespaces.
 */
import { execFileSync } from "node:child_process"
import { now } from "./lines.ts"
import { Mesh, type Options, type Pauses, type Place } from "./Mesh.ts"
import { names, settle } from "./rounds.ts"
import type { Fault } from "./Views.ts"

const ip = (...args: ReadonlyArray<string>): void => void execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] })
const port = 7_600
/** When a link that says nothing is asked, and when it is given up: sooner than by default, so that a round is short. */
export const silence = { pingMs: 300, giveUpMs: 1_000 }

export class Wires implements Disposable, Place {
  readonly #names: ReadonlyArray<string>
  readonly #prefix: string
  constructor(all: ReadonlyArray<string>, prefix = `colloquy-${process.pid}-`) {
    this.#names = all
    this.#prefix = prefix
    try {
      for (const name of all) {
        ip("netns", "add", this.#space(name))
        ip("-n", this.#space(name), "link", "set", "lo", "up")
      }
      all.forEach((a, i) => all.slice(i + 1).forEach((b) => {
        ip("-n", this.#space(a), "link", "add", `to${b}`, "type", "veth", "peer", "name", `to${a}`, "netns", this.#space(b))
        for (const [from, to] of [[a, b], [b, a]] as const) {
          ip("-n", this.#space(from), "addr", "add", `${this.#host(from, to)}/30`, "dev", `to${to}`)
          ip("-n", this.#space(from), "link", "set", `to${to}`, "up")
        }
      }))
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }
  /** Why there can be none here, or nothing when they can be. */
  static missing(): string | undefined {
    try {
      new Wires(["A", "B"], `colloquy-${process.pid}-try-`)[Symbol.dispose]()
      return undefined
    } catch (error) {
      const said = (error as { readonly stderr?: Buffer }).stderr?.toString().trim()
      return `network namespaces and virtual Ethernet are not to be had: ${said === undefined || said === "" ? (error as Error).message : said}`
    }
  }
  [Symbol.dispose](): void {
    for (const name of this.#names) {
      try {
        ip("netns", "del", this.#space(name))
      } catch {
        // it was never made
      }
    }
  }
  #space(name: string): string {
    return `${this.#prefix}${name}`
  }
  /** Each two have a network of four addresses. */
  #host(from: string, to: string): string {
    const [i, j] = [this.#names.indexOf(from), this.#names.indexOf(to)]
    return `10.99.${Math.min(i, j) * 16 + Math.max(i, j)}.${i < j ? 1 : 2}`
  }
  readonly prefix = (name: string): ReadonlyArray<string> => ["ip", "netns", "exec", this.#space(name)]
  readonly listen = (): string => `tcp://0.0.0.0:${port}`
  readonly reach = (from: string, to: string): string => `tcp://${this.#host(to, from)}:${port}`

  set(a: string, b: string, state: "up" | "down"): void {
    ip("-n", this.#space(a), "link", "set", `to${b}`, state)
  }
}

export interface CutRow {
  readonly apart: string
  readonly silent: Pauses
  readonly parting: Pauses
  readonly healing: Pauses
  readonly faults: ReadonlyArray<Fault>
}

/**
 * First one link of the two falls silent, and the tree goes another way; then all links between the
 * two and the other three, until each side has forgotten the other; then everything heals.
 */
export const cutRound = async (given: Options, [first, second]: readonly [string, string]): Promise<CutRow> => {
  using wires = new Wires(names)
  await using mesh = await Mesh.start({ ...given, ...silence, place: wires })
  mesh.load(true)
  mesh.mark()
  await mesh.audible()
  const isLinked = (a: string, b: string) => mesh.members.get(a)!.linked.has(b) && mesh.members.get(b)!.linked.has(a)
  const isParted = (a: string, b: string) => !mesh.members.get(a)!.linked.has(b) && !mesh.members.get(b)!.linked.has(a)

  mesh.mark()
  wires.set(first, second, "down")
  await mesh.until("the silent link is given up", () => isParted(first, second))
  for (const member of mesh.living) member.listen()
  await mesh.audible()
  const silent = await mesh.pauses()
  wires.set(first, second, "up")
  await mesh.until("the link is back", () => isLinked(first, second))
  await mesh.whole()

  const isInside = (id: string) => id === first || id === second
  const [inside, outside] = [mesh.living.filter(({ spec }) => isInside(spec.id)), mesh.living.filter(({ spec }) => !isInside(spec.id))]
  const between = inside.flatMap((a) => outside.map((b) => [a.spec.id, b.spec.id] as const))
  const sideOf = (life: string) => isInside(life.split(".")[0]!)
  mesh.mark()
  const heal = mesh.views.part((a, b) => sideOf(a) !== sideOf(b), now())
  for (const [a, b] of between) wires.set(a, b, "down")
  await mesh.until("the silent links are given up", () => between.every(([a, b]) => isParted(a, b)))
  await mesh.until("each side has forgotten the other", () =>
    between.every(([a, b]) => mesh.views.holdsNothingOf(mesh.members.get(a)!.life, mesh.members.get(b)!.life)
      && mesh.views.holdsNothingOf(mesh.members.get(b)!.life, mesh.members.get(a)!.life)), mesh.options.graceMs)
  const parting = await mesh.pauses(outside)
  await settle(mesh, (from, to) => isInside(from.spec.id) === isInside(to.spec.id))

  mesh.load(true)
  mesh.mark()
  heal(now())
  for (const [a, b] of between) wires.set(a, b, "up")
  await mesh.whole()
  await mesh.audible()
  const healing = await mesh.pauses(outside)
  await settle(mesh)
  return { apart: `${first} ${second}`, silent, parting, healing, faults: mesh.views.faults() }
}
