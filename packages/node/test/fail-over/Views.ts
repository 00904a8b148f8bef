/**
 * What is so, and what each watcher sees of it. Facts are numbered within the life of who asserts them,
 * and no number is used twice. So whoever saw a fact go while it stood has seen a *glitch*; the only
 * excuse is that the two were apart, without any way between them. Whoever saw a fact go rightly, and
 * come once more, has seen an *echo*: something that lingered elsewhere, until the grace period is over.
 *
 * What is so comes from the asserters and what is seen from the watchers, over different pipes: both
 * are judged at the end (`faults`), when all have spoken.
 */
import type { Life } from "./lines.ts"

type Fact = string
const factOf = (life: Life, n: number): Fact => `${life} ${n}`

interface Standing {
  until: number
}
export interface Fault {
  readonly kind: "glitch" | "echo" | "twice"
  readonly text: string
}
interface Sight {
  readonly _tag: "went" | "came back"
  readonly watcher: Life
  readonly life: Life
  readonly fact: Fact
  readonly at: number
}
interface Apart {
  readonly between: (a: Life, b: Life) => boolean
  readonly from: number
  until: number
}

export class Views {
  /** By life, what it asserted, and until when. */
  readonly #truth = new Map<Life, Map<Fact, Standing>>()
  readonly #ended = new Map<Life, number>()
  readonly #held = new Map<Life, Set<Fact>>()
  readonly #gone = new Map<Life, Set<Fact>>()
  readonly #goneAt = new Map<string, number>()
  readonly #sights: Array<Sight> = []
  readonly #faults: Array<Fault> = []
  readonly #apart: Array<Apart> = []

  asserts(life: Life, n: number): void {
    this.#of(this.#truth, life, () => new Map<Fact, Standing>()).set(factOf(life, n), { until: Number.POSITIVE_INFINITY })
  }
  retracts(life: Life, n: number, at: number): void {
    this.#truth.get(life)!.get(factOf(life, n))!.until = at
  }
  /** Killed: nothing that it asserted is so any more, and nothing that it sees is of interest. */
  ends(life: Life, at: number): void {
    this.#ended.set(life, at)
    this.#held.delete(life)
    this.#gone.delete(life)
  }
  /** From now on, until the answer is called, some have no way to each other. */
  part(between: (a: Life, b: Life) => boolean, from: number): (until: number) => void {
    const apart: Apart = { between, from, until: Number.POSITIVE_INFINITY }
    this.#apart.push(apart)
    return (until) => { apart.until = until }
  }
  added(watcher: Life, life: Life, n: number, at: number): void {
    if (this.#ended.has(watcher)) return // what it said is still on its way
    const fact = factOf(life, n)
    const held = this.#of(this.#held, watcher, () => new Set<Fact>())
    if (held.has(fact)) this.#faults.push({ kind: "twice", text: `${watcher} saw ${fact} come while it held it` })
    if (this.#of(this.#gone, watcher, () => new Set<Fact>()).has(fact)) this.#sights.push({ _tag: "came back", watcher, life, fact, at })
    held.add(fact)
  }
  removed(watcher: Life, life: Life, n: number, at: number): void {
    if (this.#ended.has(watcher)) return // what it said is still on its way
    const fact = factOf(life, n)
    const wasHeld = this.#of(this.#held, watcher, () => new Set<Fact>()).delete(fact)
    if (!wasHeld) this.#faults.push({ kind: "twice", text: `${watcher} saw ${fact} go without holding it` })
    this.#of(this.#gone, watcher, () => new Set<Fact>()).add(fact)
    this.#goneAt.set(`${watcher} ${life}`, at)
    this.#sights.push({ _tag: "went", watcher, life, fact, at })
  }
  /** When a watcher lost the last fact of a life. */
  goneAt(watcher: Life, life: Life): number | undefined {
    return this.#goneAt.get(`${watcher} ${life}`)
  }
  heardTwice(watcher: Life, life: Life, n: number): void {
    this.#faults.push({ kind: "twice", text: `${watcher} heard message ${n} of ${life} twice` })
  }
  #areApart(watcher: Life, life: Life, at: number): boolean {
    return this.#apart.some(({ between, from, until }) => between(watcher, life) && from < at && at < until)
  }
  #of<A>(map: Map<Life, A>, life: Life, empty: () => A): A {
    const found = map.get(life) ?? empty()
    map.set(life, found)
    return found
  }

  /** What a watcher should hold: all that stands of those lives. */
  #due(lives: ReadonlyArray<Life>): ReadonlySet<Fact> {
    const stands = ([, { until }]: readonly [Fact, Standing]) => until === Number.POSITIVE_INFINITY
    const standing = lives.flatMap((life) => [...this.#truth.get(life) ?? []].filter(stands))
    return new Set(standing.map(([fact]) => fact))
  }
  /** How a watcher's view differs from what stands of those lives. Exact once nothing changes any more. */
  differs(watcher: Life, lives: ReadonlyArray<Life>): string | undefined {
    const due = this.#due(lives)
    const held = this.#held.get(watcher) ?? new Set<Fact>()
    const missing = [...due].filter((fact) => !held.has(fact))
    const extra = [...held].filter((fact) => !due.has(fact))
    if (missing.length + extra.length === 0) return undefined
    return `${watcher} misses ${missing.length} (${missing.slice(0, 3).join(", ")}), has ${extra.length} too many (${extra.slice(0, 3).join(", ")})`
  }
  holdsNothingOf(watcher: Life, life: Life): boolean {
    for (const fact of this.#held.get(watcher) ?? []) if (fact.startsWith(`${life} `)) return false
    return true
  }
  /** Whether a watcher holds a life's first facts, which stay. */
  holdsSteady(watcher: Life, life: Life, steady: number): boolean {
    const held = this.#held.get(watcher)
    return held !== undefined && Array.from({ length: steady }, (_, i) => factOf(life, i + 1)).every((fact) => held.has(fact))
  }

  /** All that was wrong so far; judge when everybody has said everything. What was judged is forgotten. */
  faults(): ReadonlyArray<Fault> {
    for (const { _tag, at, fact, life, watcher } of this.#sights.splice(0)) {
      const until = Math.min(this.#truth.get(life)?.get(fact)?.until ?? at, this.#ended.get(life) ?? Number.POSITIVE_INFINITY)
      // what comes back and stands is the other half of a glitch, or of being apart
      if (_tag === "came back" && at >= until) {
        this.#faults.push({ kind: "echo", text: `${watcher} saw ${fact} come once more, ${Math.round(at - until)} ms after its end` })
      } else if (_tag === "went" && at < until && !this.#areApart(watcher, life, at)) {
        this.#faults.push({ kind: "glitch", text: `${watcher} saw ${fact} go while it stood` })
      }
    }
    return this.#faults
  }
}
