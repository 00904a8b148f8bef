/**
 * Whole nodes joined by pipes, in one thread and without a clock. Every chunk that a node writes
 * waits in its pipe until `deliver` takes it, so a test decides what is delayed, cut or merged, and
 * what is lost with a pipe that is cut.
 */
import { type Dataspace, type Machine, Node, Process, Value } from "@colloquy/core"

interface End {
  readonly node: string
  readonly link: string
}
interface Pipe {
  readonly ends: readonly [End, End]
  /** What is under way to each end. */
  readonly flows: readonly [Array<Uint8Array>, Array<Uint8Array>]
  open: boolean
}

/** An event that an external process was told, and where. */
export interface Heard {
  readonly node: string
  readonly space: Node.Space
  readonly pid: string
  readonly event: Process.Event
}

/** Nodes, and the pipes between them. Nothing moves but by the methods below, and every clock says 0. */
export class Network {
  /** What every node here is: `Node.of(behaviours)`. */
  readonly machine: Machine.Machine<Node.Config, Node.State, Node.Event, Node.Action>
  /** The state of each, by its name, which is its address as well. */
  readonly nodes = new Map<string, Node.State>()
  /** In the order in which they were dialled; cut ones stay, so that an index always means the same one. */
  readonly pipes: Array<Pipe> = []
  /** Timers that were set and not cancelled. They fire by `retry` and `forget`, or by a test's own `tell`. */
  readonly timers = new Map<string, { readonly node: string; readonly timer: string }>()
  /** All that external processes were told, in order; a test may empty it. */
  readonly heard: Array<Heard> = []
  /** All that nodes logged, in order. */
  readonly logs: Array<Extract<Node.Action, { readonly _tag: "Log" }>> = []
  /** Pure processes in the nodes' dataspaces may be these. */
  constructor(behaviours: Process.Behaviours = {}) {
    this.machine = Node.of(behaviours)
  }
  #links = 0
  #lives = 0

  /** Starts a node; one that is there already starts a new life. */
  start(node: string, config: Partial<Node.Config> = {}): void {
    const [state, actions] = this.machine.initial({ node, incarnation: ++this.#lives, seed: this.#lives, ...config })
    this.nodes.set(node, state)
    this.#perform(node, actions)
  }

  /** Steps a node and carries out what it asks for; nothing when there is no such node. */
  tell(node: string, event: Node.Event): void {
    const state = this.nodes.get(node)
    if (state === undefined) return
    const [next, actions] = this.machine.transition(state, event)
    this.nodes.set(node, next)
    this.#perform(node, actions)
  }
  /** A turn of an external process, which enters with its first. */
  act(node: string, space: Node.Space, pid: string, ...actions: ReadonlyArray<Process.Action>): void {
    this.tell(node, { _tag: "Tell", space, event: { _tag: "Enter", pid, name: pid, actions: [] } satisfies Dataspace.Event })
    this.tell(node, { _tag: "Tell", space, event: { _tag: "Perform", pid, actions } })
  }
  /** Asks `node` for an uplink of a scope to another node of this network, whose address is its name. */
  uplink(node: string, scope: string, to: string): void {
    this.act(node, null, "test", Process.assert(`uplink ${scope} ${to}`, uplinkOf(scope, to)))
  }

  /** Pipes in which something is under way, by index and direction. */
  underway(): ReadonlyArray<readonly [pipe: number, to: 0 | 1]> {
    return this.pipes.flatMap(({ flows, open }, i) => open ? ([0, 1] as const).filter((to) => flows[to].length > 0).map((to) => [i, to] as const) : [])
  }
  /** Delivers one chunk, or its first `bytes` bytes. */
  deliver(pipe: number, to: 0 | 1, bytes?: number): void {
    const { ends, flows } = this.pipes[pipe]!
    const chunk = flows[to].shift()!
    const cut = bytes === undefined ? chunk.length : Math.max(1, Math.min(bytes, chunk.length))
    if (cut < chunk.length) flows[to].unshift(chunk.slice(cut))
    this.tell(ends[to].node, { _tag: "Received", link: ends[to].link, bytes: chunk.slice(0, cut), at: 0 })
  }
  /** Delivers all, in the order of the pipes, until nothing is under way. */
  settle(): void {
    for (let underway = this.underway(); underway.length > 0; underway = this.underway()) {
      for (const [pipe, to] of underway) if (this.pipes[pipe]!.open && this.pipes[pipe]!.flows[to].length > 0) this.deliver(pipe, to)
    }
  }
  /** Loses a connection with all that is under way in it; both ends learn of it. */
  cut(pipe: number): void {
    const it = this.pipes[pipe]!
    if (!it.open) return
    it.open = false
    for (const { link, node } of it.ends) this.tell(node, { _tag: "Lost", link, reason: "cut", at: 0 })
  }
  /** Lets all retries happen that are waited for, with `between` after each: jitter keeps them apart. Heartbeats do not. */
  retry(between: () => void = () => {}): void {
    for (const [key, { node, timer }] of [...this.timers]) {
      if (!timer.startsWith("retry ")) continue
      this.timers.delete(key)
      this.tell(node, { _tag: "TimerFired", timer, at: 0 })
      between()
    }
  }

  /** Lets all graces end that run, and those that begin when they do. */
  forget(): void {
    const running = () => [...this.timers].filter(([, { timer }]) => timer.startsWith("grace "))
    for (let graces = running(); graces.length > 0; graces = running()) {
      for (const [key, { node, timer }] of graces) {
        this.timers.delete(key)
        this.tell(node, { _tag: "TimerFired", timer, at: 0 })
      }
    }
  }

  #perform(node: string, actions: ReadonlyArray<Node.Action>): void {
    for (const action of actions) {
      switch (action._tag) {
        case "Dial": this.#dial(node, action.link, action.address); break
        case "Write": this.#pipeOf(node, action.link)?.push(action.bytes); break
        case "Close": this.#close(node, action.link); break
        case "SetTimer": this.timers.set(`${node} ${action.timer}`, { node, timer: action.timer }); break
        case "CancelTimer": this.timers.delete(`${node} ${action.timer}`); break
        case "Deliver": for (const event of action.events) this.heard.push({ node, space: action.space, pid: action.pid, event }); break
        case "Continue": this.tell(node, { _tag: "Tell", space: action.space, event: { _tag: "Continue" } }); break
        case "Log": this.logs.push(action); break
        case "Exited":
        case "Dropped":
        case "Synced":
        case "Stopped": break
      }
    }
  }
  #dial(node: string, link: string, to: string): void {
    if (!this.nodes.has(to)) return this.tell(node, { _tag: "DialFailed", link, reason: "no such node", at: 0 })
    const theirs = `in:${++this.#links}`
    this.pipes.push({ ends: [{ node, link }, { node: to, link: theirs }], flows: [[], []], open: true })
    this.tell(to, { _tag: "Incoming", link: theirs, from: node, stream: true, at: 0 })
    this.tell(node, { _tag: "Dialled", link, stream: true, at: 0 })
  }
  #pipeOf(node: string, link: string): Array<Uint8Array> | undefined {
    for (const { ends, flows, open } of this.pipes) {
      if (!open) continue
      if (ends[0].node === node && ends[0].link === link) return flows[1]
      if (ends[1].node === node && ends[1].link === link) return flows[0]
    }
    return undefined
  }
  /** What was written still arrives; then the other end finds the connection closed. */
  #close(node: string, link: string): void {
    const pipe = this.pipes.findIndex(({ ends, open }) => open && ends.some((end) => end.node === node && end.link === link))
    if (pipe < 0) return
    const { ends, flows } = this.pipes[pipe]!
    const other = ends[0].node === node && ends[0].link === link ? 1 : 0
    while (flows[other].length > 0 && this.pipes[pipe]!.open) this.deliver(pipe, other)
    this.cut(pipe)
  }
}

const uplinkOf = (scope: string, to: string): Value.Value => Value.record("uplink", scope, to, scope)
