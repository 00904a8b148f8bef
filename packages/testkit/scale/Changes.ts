/**
 * What changes in a network, kind by kind, and what each change costs. Most come in pairs, of which the second
 * undoes the first, so that the network stays as large as it is and what is measured first does not weigh on
 * what comes after.
 */
import { isEdge, type Member, type Network, type Wire } from "./Network.ts"
import { anyIgnored, anyObserved, isUp, lonely, type Message, type Observer, type Population } from "./Population.ts"
import { forestOf, type Forest, type Least, leastBetween, leastOfMessage, type Said, saidOn } from "./Tree.ts"

export const kinds = [
  "a fact asserted", "a fact retracted", "a fact that nobody observes", "a message",
  "an observer comes", "an observer goes", "the first observer of a pattern", "the last observer of a pattern goes",
  "a link of the tree lost", "that link added again", "a spare link lost", "a spare link added",
  "a node crashed", "a node joined", "the root crashed", "the root joined again"
] as const
export type Kind = (typeof kinds)[number]

/** What one change cost. */
export interface Sample {
  readonly kind: Kind
  readonly turns: number
  readonly items: number
  /** Packets about the tree, syncs included. */
  readonly tree: number
  /** Of these packets, those that were sent after a grace period. */
  readonly late: number
  readonly least: Least
  /** From the change to the last packet, but for the late ones, in mean round trips of a link. */
  readonly roundTrips: number
  /** Observers that do not see what they should, now that all is quiet; and news that they should not have had. */
  readonly wrong: number
  readonly needless: number
}

export interface Site {
  readonly network: Network
  readonly population: Population
  readonly latencyOf: (from: string, to: string) => number
  readonly meanRttMs: number
  readonly below: (n: number) => number
  /** Told now and then what goes on. */
  readonly progress: (what: string) => void
}

/** How many samples a kind gets: in a large network, fewer of what concerns every node. */
const timesOf = (kind: Kind, nodes: number, samples: number): number => {
  const most = kind.includes("root") ? 10_000 / nodes : kind.includes("of a pattern") ? 30_000 / nodes : samples
  return Math.max(1, Math.min(samples, Math.round(most)))
}

export const measure = (site: Site, samples: number): ReadonlyArray<Sample> => {
  const taken: Array<Sample> = []
  const meter = new Meter(site, (sample) => taken.push(sample))
  for (const [first, run] of trials) {
    const times = timesOf(first, site.network.members.size, samples)
    for (let n = 0; n < times; n++) run(site, meter)
  }
  return taken
}

class Meter {
  readonly #site: Site
  readonly #keep: (sample: Sample) => void
  #forest: Forest
  #said: Said

  constructor(site: Site, keep: (sample: Sample) => void) {
    this.#site = site
    this.#keep = keep
    this.#forest = forestOf(site.network, site.population.ledger)
    this.#said = saidOn(this.#forest)
  }
  take(kind: Kind, change: () => void, message?: Message): void {
    const { meanRttMs, network, population, progress } = this.#site
    const before = this.#forest
    const known = population.forgetNews()
    const start = network.now
    network.count()
    progress(kind)
    change()
    network.settle(() => progress(kind))
    const { items, late, settledAt, syncs, tree, turns } = network.traffic
    const after = forestOf(network, population.ledger)
    const said = saidOn(after)
    const least = message === undefined ? leastBetween(this.#said, said) : leastOfMessage(after, network.members.get(message.from)!, message.topic)
    const [wrong, needless] = [population.wrong(after), population.needless(before, after, message, known)]
    this.#keep({ kind, turns, items, tree: tree + syncs, late, least, roundTrips: (settledAt - start) / meanRttMs, wrong, needless })
    this.#forest = after
    this.#said = said
  }
}

/** What is tried as often as its first kind is wanted. */
type Trial = readonly [first: Kind, run: (site: Site, meter: Meter) => void]

const trials: ReadonlyArray<Trial> = [
  ["a fact asserted", ({ below, network, population }, meter) => {
    const node = anyNode(network, below)
    meter.take("a fact asserted", () => population.assert(node.name, anyObserved(below)))
    meter.take("a fact retracted", () => population.retractAny(below))
  }],
  ["a fact that nobody observes", ({ below, network, population }, meter) => {
    meter.take("a fact that nobody observes", () => population.assert(anyNode(network, below).name, anyIgnored(below)))
  }],
  ["a message", ({ below, network, population }, meter) => {
    const message = { from: anyNode(network, below).name, topic: anyObserved(below) }
    meter.take("a message", () => population.send(message.from, message.topic), message)
  }],
  ["an observer comes", (site, meter) => observing(site, meter, anyObserved(site.below), "an observer comes", "an observer goes")],
  ["the first observer of a pattern", (site, meter) =>
    observing(site, meter, lonely, "the first observer of a pattern", "the last observer of a pattern goes")],
  ["a link of the tree lost", (site, meter) => losing(site, meter, isEdge, "a link of the tree lost", "that link added again")],
  ["a spare link lost", (site, meter) => losing(site, meter, (wire) => !isEdge(wire), "a spare link lost", "a spare link added")],
  ["a node crashed", (site, meter) => {
    const root = rootOf(site.network)
    crashing(site, meter, anyNode(site.network, site.below, (member) => member !== root), "a node crashed", "a node joined")
  }],
  ["the root crashed", (site, meter) => {
    const root = rootOf(site.network)
    if (root !== undefined) crashing(site, meter, root, "the root crashed", "the root joined again")
  }]
]

const observing = ({ below, network, population }: Site, meter: Meter, topic: number, comes: Kind, goes: Kind): void => {
  const { name } = anyNode(network, below)
  let observer: Observer | undefined
  meter.take(comes, () => { observer = population.observe(name, topic) })
  meter.take(goes, () => population.dismiss(observer!))
}

const losing = ({ below, latencyOf, network }: Site, meter: Meter, isMeant: (wire: Wire) => boolean, lost: Kind, added: Kind): void => {
  const meant = [...network.wires.values()].filter(isMeant)
  if (meant.length === 0) return // a tree without chords has no spare link
  const wire = pick(meant, below)
  const [from, to] = wire.ends
  meter.take(lost, () => network.lose(wire))
  meter.take(added, () => network.connect(from.name, to.name, latencyOf(from.name, to.name)))
}

const crashing = ({ latencyOf, network, population }: Site, meter: Meter, { name, wires }: Member, crashed: Kind, joined: Kind): void => {
  const links = [...wires.values()].map(({ ends: [from, to] }) => [from.name, to.name] as const)
  meter.take(crashed, () => {
    population.crashed(name)
    network.crash(name)
  })
  meter.take(joined, () => {
    network.start(name)
    population.revived(name)
    for (const [from, to] of links) network.connect(from, to, latencyOf(from, to))
  })
}

/** The root of the greatest part, should there be several. */
const rootOf = (network: Network): Member | undefined =>
  [...network.members.values()].find(({ name, state }) => state?.Topology.path?.root === name && state.Topology.links.size > 0)
const anyNode = (network: Network, below: (n: number) => number, isMeant: (member: Member) => boolean = () => true): Member =>
  pick([...network.members.values()].filter((member) => isUp(member) && isMeant(member)), below)
const pick = <A>(list: ReadonlyArray<A>, below: (n: number) => number): A => list[below(list.length)]!
