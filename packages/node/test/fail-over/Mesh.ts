/**
 * Nodes in a full mesh, each a process: started, loaded, killed, started again, and watched. Each dials
 * those before it, so that half of a returning node's links are its own to make.
 *
 * Everything waits for what somebody says; a wait that is too long fails, and says what is missing.
 */
import { type Life, type Line, now, type Report, type Spec } from "./lines.ts"
import { Member } from "./Member.ts"
import { Views } from "./Views.ts"

export interface Options {
  readonly names: ReadonlyArray<string>
  readonly graceMs: number
  readonly pingMs: number
  readonly giveUpMs: number
  /** In the whole network; the living share it. */
  readonly messagesPerS: number
  readonly changesPerS: number
  /** How long anything may take beyond the grace period. */
  readonly boundMs: number
  /** Where the members run; `loopback` unless said. */
  readonly place?: Place
  readonly onLog?: (text: string) => void
}

/** Where a member runs, where it listens, and how another reaches it. */
export interface Place {
  readonly prefix: (name: string) => ReadonlyArray<string>
  readonly listen: (name: string) => string
  readonly reach: (from: string, to: string, bound: string) => string
}
export const loopback: Place = { prefix: () => [], listen: () => "tcp://127.0.0.1:0", reach: (_from, _to, bound) => bound }

const steady = 10
const changing = 20

/** What happened among some members since a mark. */
export interface Pauses {
  /** The longest time that one of them heard nothing of another. */
  readonly pauseMs: number
  readonly between: string
  readonly lost: number
  /** The longest time that one of the processes did not get to run. */
  readonly hiccupMs: number
  readonly heard: number
}

export class Mesh implements AsyncDisposable {
  readonly options: Options
  readonly views = new Views()
  readonly members = new Map<string, Member>()
  readonly #all: Array<Member> = []
  readonly #listens = new Map<string, string>()
  readonly #lives = new Map<string, number>()
  readonly #logs: Array<string> = []
  #isLoaded = false
  #changed: () => void = () => {}
  constructor(options: Options) {
    this.options = options
  }
  /** All of them, linked with each other. */
  static async start(options: Options): Promise<Mesh> {
    const mesh = new Mesh(options)
    try {
      await mesh.restart(options.names)
      await mesh.whole()
      return mesh
    } catch (error) {
      await mesh[Symbol.asyncDispose]()
      throw error
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#all) member.kill()
    await Promise.all(this.#all.map(({ exit }) => exit))
  }

  get living(): ReadonlyArray<Member> {
    return [...this.members.values()]
  }
  get #place(): Place {
    return this.options.place ?? loopback
  }

  // ---- starting and killing ---------------------------------------------------------------------

  /** Starts nodes, each at the address that it had, and waits until they listen. */
  async restart(names: ReadonlyArray<string>): Promise<void> {
    const started = names.map((name) => this.#start(name))
    await this.until("everybody listens", () => started.every(({ address }) => address !== undefined))
    for (const { address, spec } of started) this.#listens.set(spec.id, address!)
    for (const member of this.living) {
      for (const other of this.living) {
        const isNew = started.includes(member) || (started.includes(other) && this.#lives.get(other.spec.id) === 1)
        if (!isNew || other.spec.id >= member.spec.id) continue
        member.tell({ do: "uplink", address: this.#place.reach(member.spec.id, other.spec.id, other.address!) })
      }
    }
    this.#load()
  }
  #start(id: string): Member {
    const { giveUpMs, graceMs, pingMs } = this.options
    const count = (this.#lives.get(id) ?? 0) + 1
    this.#lives.set(id, count)
    const listen = this.#listens.get(id) ?? this.#place.listen(id)
    const spec: Spec = { id, life: `${id}.${count}`, listen, steady, changing, graceMs, pingMs, giveUpMs }
    const member = new Member(spec, this.#place.prefix(id), (from, line) => this.#onLine(from, line))
    this.members.set(id, member)
    this.#all.push(member)
    return member
  }
  /** Without a farewell. What it asserted is not so from now on. */
  kill(name: string): Member {
    const member = this.members.get(name)!
    this.members.delete(name)
    this.views.ends(member.life, now())
    member.kill()
    this.#load()
    return member
  }

  // ---- load -------------------------------------------------------------------------------------

  load(isLoaded: boolean): void {
    this.#isLoaded = isLoaded
    this.#load()
  }
  #load(): void {
    const share = this.#isLoaded ? 1 / this.members.size : 0
    for (const member of this.living) {
      member.tell({ do: "load", messagesPerS: this.options.messagesPerS * share, changesPerS: this.options.changesPerS * share })
    }
  }
  mark(): void {
    for (const member of this.living) member.mark()
  }
  /** What those who lived all the time since the mark heard of each other. */
  async pauses(among: ReadonlyArray<Member> = this.living): Promise<Pauses> {
    const reports = new Map<Life, Report>()
    await Promise.all(among.map(async (member) => reports.set(member.life, await member.report())))
    const pairs = among.flatMap((listener) => among.filter((other) => other !== listener).map((speaker) => {
      const heard = reports.get(listener.life)!.heard[speaker.life] ?? { count: 0, lost: 0, pauseMs: 0 }
      return { between: `${speaker.spec.id}→${listener.spec.id}`, ...heard }
    }))
    const longest = pairs.reduce((a, b) => b.pauseMs > a.pauseMs ? b : a)
    return {
      pauseMs: longest.pauseMs,
      between: longest.between,
      lost: pairs.reduce((sum, { lost }) => sum + lost, 0),
      heard: pairs.reduce((sum, { count }) => sum + count, 0),
      hiccupMs: Math.max(...[...reports.values()].map(({ hiccupMs }) => hiccupMs))
    }
  }

  // ---- waiting ----------------------------------------------------------------------------------

  /** Who has no parent, and children: the root, when there is one. */
  get roots(): ReadonlyArray<string> {
    return this.living.filter(({ edges }) => edges.size > 0 && ![...edges.values()].includes("parent")).map(({ spec }) => spec.id)
  }
  /** Everybody linked with everybody, and holding what everybody holds up. */
  whole(): Promise<void> {
    return this.until("the mesh is whole", () => this.living.every((member) =>
      member.linked.size === this.members.size - 1 && this.living.every((other) => this.views.holdsSteady(member.life, other.life, steady))))
  }
  /** Everybody has heard everybody since the mark, or since they were told to listen. */
  audible(among: ReadonlyArray<Member> = this.living): Promise<void> {
    const hears = (member: Member) => among.every((other) => other === member || member.heard.has(other.life))
    return this.until("everybody is heard", () => among.every(hears))
  }
  /** The killed are forgotten by all who live. */
  forgotten(...lives: ReadonlyArray<Life>): Promise<void> {
    const knowsNone = (member: Member) => lives.every((life) => this.views.holdsNothingOf(member.life, life))
    return this.until("the killed are forgotten", () => this.living.every(knowsNone), this.options.graceMs)
  }
  /** Everybody sees exactly what those whom it can reach hold up. Only a network without load comes to it. */
  exact(reaches: (from: Member, to: Member) => boolean = () => true, extraMs = 0): Promise<void> {
    const wrong = () => this.living.flatMap((member) =>
      this.views.differs(member.life, this.living.filter((other) => reaches(member, other)).map(({ life }) => life)) ?? [])
    return this.until("every view is exact", () => wrong().length === 0, extraMs, () => wrong().join("; "))
  }
  async until(what: string, isSo: () => boolean, extraMs = 0, explain: () => string = () => this.#explain()): Promise<void> {
    const deadline = now() + this.options.boundMs + extraMs
    while (!isSo()) {
      const left = deadline - now()
      if (left <= 0) throw new Error(`it took too long until ${what}: ${explain()}\n${this.#logs.slice(-20).join("\n")}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#changed = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
  #explain(): string {
    const lives = this.living.map(({ life }) => life)
    return this.living.map(({ edges, heard, life, linked }) => [
      `${life} is linked with ${[...linked].join(" ") || "nobody"}`,
      `edges ${[...edges].map(([node, role]) => `${node}:${role}`).join(" ") || "none"}`,
      `heard ${[...heard].join(" ") || "nobody"}`,
      this.views.differs(life, lives) ?? "sees all"
    ].join(", ")).join("; ")
  }

  #onLine(from: Member, line: Line): void {
    const { life } = from
    switch (line.is) {
      case "asserts": this.views.asserts(life, line.n); break
      case "retracts": this.views.retracts(life, line.n, line.at); break
      case "added": this.views.added(life, line.life, line.n, line.at); break
      case "removed": this.views.removed(life, line.life, line.n, line.at); break
      case "twice": this.views.heardTwice(life, line.life, line.n); break
      case "log":
        this.#logs.push(`${life} ${line.level}: ${line.text}`)
        this.options.onLog?.(this.#logs.at(-1)!)
        break
    }
    this.#changed()
  }
}
