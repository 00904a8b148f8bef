/**
 * One round of trouble under load, and what it was like for those who lived through it. The checks are
 * the mesh's views (`Views.faults`): nothing here says what is right, only what happens in which order.
 */
import { now } from "./lines.ts"
import type { Member } from "./Member.ts"
import { loopback, Mesh, type Options, type Pauses } from "./Mesh.ts"
import type { Fault } from "./Views.ts"

export const names = ["A", "B", "C", "D", "E"] as const
export const pairs: ReadonlyArray<readonly [string, string]> = names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b] as const))
export const defaults: Options = {
  names,
  graceMs: 5_000, // the node's default
  pingMs: 10_000,
  giveUpMs: 30_000,
  messagesPerS: 1_000,
  changesPerS: 100,
  boundMs: 20_000, // a guess: what a busy machine needs to start five processes
  place: loopback
}

export type How =
  /** Two at one instant, and again when the others have forgotten them. */
  | "both"
  /** The second when the others have lost their links with the first, so that they look for other ways already. */
  | "in turn"
  /** Two at one instant, and again at once: their new lives begin while their old ones still linger. */
  | "and back"
export const ways: ReadonlyArray<How> = ["both", "in turn", "and back"]

export interface Row {
  readonly killed: string
  readonly how: How
  readonly roots: string
  /** Before the kill; from the kill until they are forgotten; and until all is whole again, which includes the kill when they are back at once. */
  readonly calm: Pauses | undefined
  readonly killing: Pauses | undefined
  readonly returning: Pauses
  /** How long after its kill the last fact of the last of them was gone, for the first and for the last of the survivors. */
  readonly gone: { readonly leastMs: number; readonly mostMs: number }
  readonly faults: ReadonlyArray<Fault>
}

/** Echoes are counted, and are not what this is about: they end with the grace period, as every view shows when it is exact. */
export const isWrong = ({ kind }: Fault): boolean => kind !== "echo"

/** Kills two and starts them again. Starts from a mesh that is whole, and ends with one whose views are exact. */
export const round = async (mesh: Mesh, [first, second]: readonly [string, string], how: How, calmMs = 0): Promise<Row> => {
  const known = mesh.views.faults().length
  mesh.load(true)
  mesh.mark()
  await mesh.audible()
  const roots = mesh.roots.join(" ")
  const calm = calmMs === 0 ? undefined : await pausesFor(mesh, calmMs)

  mesh.mark()
  const dead: Array<Member> = [mesh.kill(first)]
  let killedAt = now()
  if (how === "in turn") await mesh.until("the links are lost", () => mesh.living.every(({ linked }) => !linked.has(first)))
  dead.push(mesh.kill(second))
  if (how === "in turn") killedAt = now()
  const survivors = mesh.living
  const forget = () => mesh.forgotten(...dead.map(({ life }) => life))
  if (how !== "and back") await forget()
  const killing = how === "and back" ? undefined : await mesh.pauses()

  if (how !== "and back") mesh.mark()
  await Promise.all(dead.map(({ exit }) => exit)) // their addresses are free
  await mesh.restart([first, second])
  if (how === "and back") await forget()
  await mesh.whole()
  for (const member of mesh.living) member.listen()
  await mesh.audible()
  const returning = await mesh.pauses(survivors)
  await settle(mesh)
  const gone = survivors.map(({ life }) => Math.max(...dead.map((member) => mesh.views.goneAt(life, member.life)!)) - killedAt)
  return {
    killed: `${first} ${second}`, how, roots, calm, killing, returning,
    gone: { leastMs: Math.min(...gone), mostMs: Math.max(...gone) },
    faults: mesh.views.faults().slice(known)
  }
}

/** Ends the load and waits until everybody sees what is so. */
export const settle = async (mesh: Mesh, reaches?: (from: Member, to: Member) => boolean): Promise<void> => {
  mesh.load(false)
  // who has read `load` has said all that he did before
  await mesh.pauses()
  await mesh.exact(reaches, mesh.options.graceMs + mesh.options.giveUpMs)
}

const pausesFor = async (mesh: Mesh, ms: number): Promise<Pauses> => {
  mesh.mark()
  await new Promise((resolve) => setTimeout(resolve, ms))
  return mesh.pauses()
}

export interface Rest {
  readonly seconds: number
  readonly links: number
  /** In both directions together, the heartbeat included. */
  readonly packetsPerLinkPerS: number
  readonly packets: { readonly [kind: string]: number }
}

/** What the nodes write while nothing happens. */
export const rest = async (mesh: Mesh, ms: number): Promise<Rest> => {
  await settle(mesh)
  for (const member of mesh.living) member.tell({ do: "count" })
  await new Promise((resolve) => setTimeout(resolve, ms))
  const reports = await Promise.all(mesh.living.map((member) => member.report()))
  const packets: Record<string, number> = {}
  for (const report of reports) for (const [kind, n] of Object.entries(report.packets)) packets[kind] = (packets[kind] ?? 0) + n
  const seconds = Math.min(...reports.map(({ countedMs }) => countedMs)) / 1_000
  const links = mesh.living.length * (mesh.living.length - 1) / 2
  const total = Object.values(packets).reduce((sum, n) => sum + n, 0)
  return { seconds, links, packetsPerLinkPerS: total / links / seconds, packets }
}
