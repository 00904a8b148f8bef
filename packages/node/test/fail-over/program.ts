/**
 * One of the mesh, a process of its own: a node that holds facts up, changes some of them and says things
 * at the rates that its parent process asks for, and tells it of every fact that comes or goes. It hears
 * the kernel's own events, not a stream that would let a fact's end and return cancel out.
 */
import { Framing, type Node, Packet, Pattern, Process, Value } from "@colloquy/core"
import { Effect, Exit, Layer, Logger, Scope } from "effect"
import { createInterface } from "node:readline"
import { Host, Node as NodeLayers, Space, Transports } from "../../src/index.ts"
import { Hearing } from "./Hearing.ts"
import { type Life, type Line, now, type Order, type Report, type Spec } from "./lines.ts"

const scopeName = "mesh"
const tickMs = 5
const spec = JSON.parse(process.argv[2]!) as Spec
const say = (line: Line): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

// ---- what it sees -------------------------------------------------------------------------------

const hearings = new Map<Life, Hearing>()
const onMessage = (life: Life, n: number, at: number): void => {
  const hearing = hearings.get(life) ?? new Hearing(at)
  hearings.set(life, hearing)
  if (hearing.isAwaited) say({ is: "heard", life, n })
  hearing.isAwaited = false
  if (!hearing.hear(n, at)) say({ is: "twice", life, n })
}

const listen = (host: Host.Host["Service"]): void => {
  const seen = (events: ReadonlyArray<Process.Event>): void => {
    const at = now()
    for (const { _tag, captures } of events) {
      const [life, n] = captures as readonly [Life, number]
      if (_tag === "Received") onMessage(life, n, at)
      else if (_tag === "Added") say({ is: "added", life, n, at })
      else if (_tag === "Removed") say({ is: "removed", life, n, at })
    }
  }
  const pair = (label: string) => Process.observe(label, Pattern.record(label, Pattern.bind(), Pattern.bind()))
  host.enter(scopeName, "ears", { deliver: seen, exited: () => {} }, [pair("fact"), pair("said")])

  const nodes = new Map<string, string>()
  const links = ({ _tag, captures, handle }: Process.Event): void => {
    const [link, other] = captures as readonly [string, string]
    if (handle === "link") {
      nodes.set(link, other)
      say({ is: _tag === "Added" ? "linked" : "parted", node: other, life: spec.life, at: now() })
    } else say({ is: "edge", node: nodes.get(link) ?? link, role: _tag === "Added" ? other : undefined, life: spec.life, at: now() })
  }
  host.enter(null, "eyes", { deliver: (events) => events.forEach(links), exited: () => {} }, [
    Process.observe("link", Pattern.record("link", Pattern.bind(), Pattern.literal(scopeName), Pattern.discard, Pattern.bind(), Pattern.discard)),
    Process.observe("edge", Pattern.record("edge", Pattern.bind(), Pattern.literal(scopeName), Pattern.bind()))
  ])
}

// ---- what it does -------------------------------------------------------------------------------

let rates = { messagesPerS: 0, changesPerS: 0 }
let hiccupMs = 0
let sent = 0

const work = Effect.fnUntraced(function*(space: Space.Interface) {
  const standing: Array<{ readonly n: number; readonly scope: Scope.Closeable }> = []
  let facts = 0
  const hold = Effect.fnUntraced(function*() {
    const n = ++facts
    const scope = yield* Scope.make()
    say({ is: "asserts", n, at: now() })
    yield* Scope.provide(space.assert(Value.record("fact", spec.life, n)), scope)
    return { n, scope }
  })
  const change = Effect.fnUntraced(function*() {
    if (standing.length <= spec.changing) return void standing.push(yield* hold())
    const { n, scope } = standing.shift()!
    say({ is: "retracts", n, at: now() })
    yield* Scope.close(scope, Exit.void)
  })
  for (let i = 0; i < spec.steady; i++) yield* hold()
  let messages = 0
  let last = now()
  let owed = { messages: 0, changes: 0 }
  for (;;) {
    yield* Effect.sleep(tickMs)
    const passed = now() - last
    last += passed
    hiccupMs = Math.max(hiccupMs, passed)
    owed = { messages: owed.messages + passed * rates.messagesPerS / 1_000, changes: owed.changes + passed * rates.changesPerS / 1_000 }
    for (; owed.messages >= 1; owed.messages--, sent++) yield* space.send(Value.record("said", spec.life, ++messages))
    for (; owed.changes >= 1; owed.changes--) yield* change()
  }
})

// ---- what it writes -----------------------------------------------------------------------------

let packets: Record<string, number> | undefined
let countedFrom = 0
const limits = { bytesMax: 1 << 26, depthMax: 100, turnItemsMax: 1 << 20 }
const recorder = {
  start: () => {},
  step: (_: Node.Event, actions: ReadonlyArray<Node.Action> | undefined) => {
    if (packets === undefined) return
    for (const action of actions ?? []) {
      if (action._tag !== "Write") continue
      for (const frame of Framing.split(Framing.initial, action.bytes, 1 << 26).frames) {
        const packet = Packet.parse(frame, limits)
        const kind = packet instanceof Packet.PacketError ? `unread: ${packet.message}` : packet._tag
        packets[kind] = (packets[kind] ?? 0) + 1
      }
    }
  }
}

// ---- what it is told ----------------------------------------------------------------------------

const obey = (order: Order, uplink: (address: string) => void): void => {
  switch (order.do) {
    case "uplink": return uplink(order.address)
    case "load":
      rates = order
      return
    case "mark":
      hiccupMs = 0
      sent = 0
      for (const hearing of hearings.values()) hearing.mark(now())
      return
    case "listen":
      for (const hearing of hearings.values()) hearing.isAwaited = true
      return
    case "count":
      packets = {}
      countedFrom = now()
      return
    case "report": return say({ is: "report", report: report() })
  }
}
const report = (): Report => {
  const at = now()
  const heard = Object.fromEntries([...hearings].map(([life, hearing]) => [life, hearing.report(at)]))
  return { hiccupMs, sent, heard, packets: packets ?? {}, countedMs: at - countedFrom }
}

const program = Effect.gen(function*() {
  const host = yield* Host.Host
  const scope = yield* Effect.scope
  const space = yield* Space.make(scopeName)
  listen(host)
  const address = yield* NodeLayers.listenAt(spec.listen, true)
  const run = Effect.runForkWith(yield* Effect.context<Host.Host>())
  createInterface({ input: process.stdin })
    .on("line", (line) => obey(JSON.parse(line) as Order, (to) => void run(Scope.provide(NodeLayers.uplink(scopeName, to), scope))))
    .on("close", () => process.exit(0)) // the parent is gone
  say({ is: "ready", address })
  yield* work(space)
}).pipe(Effect.scoped)

const log = Logger.make(({ logLevel, message }) => {
  if (logLevel !== "Info" && logLevel !== "Debug") say({ is: "log", level: logLevel, text: JSON.stringify(message) })
})
const { giveUpMs, graceMs, id, pingMs } = spec
const node = NodeLayers.layerNoTransport({
  id, record: recorder, timing: { graceMs, pingMs, giveUpMs, backoff: { leastMs: 50, mostMs: 500 } }
})
Effect.runFork(program.pipe(
  Effect.provide(node.pipe(Layer.provideMerge(Transports.layer), Layer.provideMerge(Logger.layer([log])))),
  Effect.catchCause((cause) => Effect.sync(() => {
    say({ is: "log", level: "Fatal", text: String(cause) })
    process.exit(1)
  }))
))
