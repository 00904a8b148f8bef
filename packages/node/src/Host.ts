/**
 * The one place where the node machine meets the world: take an event, step, carry out the actions in
 * their order. No protocol is decided here.
 *
 * Steps run where events arise, synchronously: a chunk is dealt with inside the callback that brought
 * it, so a socket is read no faster than the node steps. Events that arise in a step wait in a queue.
 */
import { type Dataspace, Link, Node, Operator, type Process, type Value } from "@colloquy/core"
import { Cause, Context, Deferred, Effect, FiberMap, Layer, Metric } from "effect"
import { randomInt } from "node:crypto"
import { performance } from "node:perf_hooks"
import type { Recorder } from "./Recorder.ts"
import * as Address from "./transport/Address.ts"
import type { Connection } from "./transport/Transport.ts"
import * as Transports from "./transport/index.ts"

/** An external process's ears. Called within a step: it may tell the host things, and must not block. */
export interface Listener {
  /** Everything that one turn tells this process, in order. */
  readonly deliver: (events: ReadonlyArray<Process.Event>) => void
  /** Called once, last: the process has ended, or the node has. */
  readonly exited: (reason: Value.Value) => void
}

/** What a host is given. It chooses the incarnation, by the clock, and the seed. */
export interface Config extends Omit<Node.Config, "incarnation" | "seed"> {
  /** What pure processes in this node's dataspaces may be. */
  readonly behaviours?: Process.Behaviours
  /** Hears of every step, so that somebody can go through the run again. */
  readonly record?: Recorder
}

/** Steps at one go, when each leads to another. */
const stepsMax = 1_000 // a guess: some milliseconds
/** Pieces of a stream are joined up to so many bytes: above it, copying costs more than a system call with several. */
const joinedMax = 65_536 // a guess
/** How long a peer may take to accept a connection. */
const dialMs = Link.defaultTiming.helloMs
/** How long farewells may take when a node stops. */
const stopMs = 2_000 // a guess: as long as a connection lingers

/** A node that runs. `Space` is what programs use of it; drivers and transports speak to it directly. */
export class Host extends Context.Service<Host, {
  /** The node's id. */
  readonly node: string
  /** Steps the node at once, or, when called within a step, after it. */
  readonly tell: (event: Node.Event) => void
  /** An external process enters a dataspace; `listener` hears what concerns it. */
  readonly enter: (space: Node.Space, pid: string, listener: Listener, actions: ReadonlyArray<Process.Action>, name?: string) => void
  /** A name for an external process that no other has here. */
  readonly freshPid: (name: string) => string
  /** A connection that a transport accepted. */
  readonly accept: (connection: Connection) => void
  /** Asks a link's peer to say when it has dealt with everything sent so far. */
  readonly sync: (link: string) => Effect.Effect<void>
  /** The links that join a scope to its peers now. */
  readonly linksOf: (space: Node.Space) => ReadonlyArray<string>
  /** What pure processes here may be, for dataspaces that are nested by programs. */
  readonly behaviours: Process.Behaviours
  /** The node's state now, to look at. */
  readonly state: () => Node.State
}>()("@colloquy/node/Host") {
  /** A running node, until its scope closes: then farewells are sent and sockets closed. */
  static readonly layer = (config: Config): Layer.Layer<Host> => Layer.effect(Host, make(config))
}

const dropped = Metric.counter("colloquy_link_messages_dropped", { description: "messages that a peer did not take in time", incremental: true })

const make = Effect.fnUntraced(function*(config: Config) {
  const context = yield* Effect.context<never>()
  const transportOf = yield* Transports.provided
  const dials = yield* FiberMap.make<string, void>()
  const runDial = yield* FiberMap.runtime(dials)<never>()
  const log = yield* logger
  const stopped = yield* Deferred.make<void>()

  const connections = new Map<string, Connection>()
  const listeners = new Map<string, Listener>()
  const timers = new Map<string, NodeJS.Timeout>()
  const syncs = new Map<number, () => void>()
  /** What is to be written when this go is over, by link. */
  const unwritten = new Map<string, Array<Uint8Array>>()
  const now = () => performance.now()
  const { behaviours = {}, record, ...named } = config
  const nodeConfig: Node.Config = { ...named, incarnation: Date.now(), seed: randomInt(2 ** 32) }
  const machine = Node.of(behaviours)
  const [first, boot] = machine.initial(nodeConfig)
  record?.start(nodeConfig, Object.keys(behaviours), boot, (reason) => log("Error", "the recording was stopped", { reason }))
  let state = first
  let count = 0
  let isOver = false
  let allClosed: (() => void) | undefined

  const queue: Array<Node.Event> = []
  let running = false
  const tell = (event: Node.Event): void => {
    queue.push(event)
    if (running) return
    running = true
    drain()
  }
  /** Steps through the queue: by index, not shift(), since a burst of events must not cost the square of its length. */
  const drain = (): void => {
    let i = 0
    for (; i < queue.length && i < stepsMax; i++) step(queue[i]!)
    if (i < queue.length) {
      flush()
      // listeners that keep answering each other: timers and sockets have their turn in between
      queue.splice(0, i)
      return void setImmediate(drain)
    }
    queue.length = 0
    running = false
  }
  const step = (event: Node.Event): void => {
    let actions: ReadonlyArray<Node.Action>
    try {
      ;[state, actions] = machine.transition(state, event)
    } catch (error) {
      // our own bug: the old state stands, and everybody else goes on
      if (record !== undefined) record.step(event, undefined)
      return log("Error", "a step failed", { event: event._tag, error: String(error instanceof Error ? error.stack : error) })
    }
    if (record !== undefined) record.step(event, actions)
    for (const action of actions) perform(action)
  }

  const perform = (action: Node.Action): void => {
    switch (action._tag) {
      case "Write": return write(action.link, action.bytes)
      case "Close": return close(action.link)
      case "Dial": return dial(action.link, action.address)
      case "SetTimer": return setTimer(action.timer, action.afterMs)
      case "CancelTimer": return cancelTimer(action.timer)
      case "Deliver": return safely(() => listeners.get(key(action.space, action.pid))?.deliver(action.events))
      case "Exited": return onExited(key(action.space, action.pid), action.reason)
      case "Continue": return void setImmediate(() => tell({ _tag: "Tell", space: action.space, event: { _tag: "Continue" } }))
      case "Synced": return syncs.get(action.n)?.()
      case "Dropped":
        dropped.updateUnsafe(action.messages, context)
        return log("Warn", "a peer reads too slowly: messages were dropped", { link: action.link, messages: action.messages })
      case "Log": return log(action.level, action.message, action.fields)
      case "Stopped": return void Deferred.doneUnsafe(stopped, Effect.void)
    }
  }

  const open = (link: string, connection: Connection): void => {
    connections.set(link, connection)
    connection.start({
      onChunk: (bytes) => tell({ _tag: "Received", link, bytes, at: now() }),
      onLost: (reason) => {
        connections.delete(link)
        tell({ _tag: "Lost", link, reason, at: now() })
        if (connections.size === 0) allClosed?.()
      }
    })
  }
  /** What fibers say one after the other goes in one write: a write of its own costs more than all the rest of a short turn. */
  const write = (link: string, bytes: Uint8Array): void => {
    const waiting = unwritten.get(link)
    if (waiting !== undefined) return void waiting.push(bytes)
    if (unwritten.size === 0) queueMicrotask(flush)
    unwritten.set(link, [bytes])
  }
  const flush = (): void => {
    for (const link of [...unwritten.keys()]) flushLink(link)
  }
  const flushLink = (link: string): void => {
    const connection = connections.get(link)
    const pieces = unwritten.get(link)
    unwritten.delete(link)
    if (connection === undefined || pieces === undefined) return
    let bytes = 0
    for (const piece of pieces) bytes += piece.length
    const onTaken = () => tell({ _tag: "Written", link, bytes })
    if (pieces.length === 1) return connection.write(pieces[0]!, onTaken)
    if (connection.stream && bytes <= joinedMax) return connection.write(Buffer.concat(pieces, bytes), onTaken)
    connection.cork()
    for (const [i, piece] of pieces.entries()) connection.write(piece, i === pieces.length - 1 ? onTaken : () => {})
    connection.uncork()
  }
  const close = (link: string): void => {
    runDial(link, Effect.void) // a dial that is under way is given up
    flushLink(link)
    connections.get(link)?.close()
  }
  const dial = (link: string, text: string): void => {
    const failed = (reason: string) => tell({ _tag: "DialFailed", link, reason, at: now() })
    const located = Address.parse(text)
    if (located instanceof Address.BadAddress) return failed(located.message)
    const transport = transportOf(located.address)
    if (transport === undefined) return failed(`no transport for ${text}: provide its layer`)
    runDial(link, transport.dial(located.address).pipe(
      // a host that is silent would be waited for as long as the operating system likes
      Effect.timeoutOrElse({ duration: dialMs, orElse: () => Effect.fail({ reason: `no answer within ${dialMs} ms` }) }),
      Effect.match({
        onFailure: (error) => failed(error.reason),
        onSuccess: (connection) => {
          connections.set(link, connection)
          tell({ _tag: "Dialled", link, stream: connection.stream, at: now() })
          open(link, connection)
        }
      }),
      Effect.catchCause((cause) => Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.sync(() => failed(Cause.pretty(cause))))
    ))
  }

  const setTimer = (timer: string, afterMs: number): void => {
    cancelTimer(timer)
    timers.set(timer, setTimeout(() => {
      timers.delete(timer)
      tell({ _tag: "TimerFired", timer, at: now() })
    }, afterMs))
  }
  const cancelTimer = (timer: string): void => {
    clearTimeout(timers.get(timer))
    timers.delete(timer)
  }

  const onExited = (of: string, reason: Value.Value): void => {
    const listener = listeners.get(of)
    listeners.delete(of)
    safely(() => listener?.exited(reason))
  }
  const safely = (callback: () => void): void => {
    try {
      callback()
    } catch (error) {
      log("Error", "a listener failed", { error: String(error instanceof Error ? error.stack : error) })
    }
  }

  for (const action of boot) perform(action)
  yield* Effect.addFinalizer(() => Effect.gen(function*() {
    tell({ _tag: "Stop", at: now() })
    yield* Effect.timeoutOption(Deferred.await(stopped), stopMs)
    for (const timer of timers.keys()) cancelTimer(timer)
    yield* Effect.callback<void>((resume) => {
      allClosed = () => resume(Effect.void)
      if (connections.size === 0) allClosed()
    }).pipe(Effect.timeoutOption(stopMs))
    for (const connection of connections.values()) connection.abort()
    // whoever outlives the node is told so, and waits for nothing that will not come
    isOver = true
    for (const of of [...listeners.keys()]) onExited(of, true)
  }))

  return Host.of({
    node: config.node,
    tell,
    enter: (space, pid, listener, actions, name = pid) => {
      if (isOver) return listener.exited(true)
      listeners.set(key(space, pid), listener)
      tell({ _tag: "Tell", space, event: { _tag: "Enter", pid, name, actions } satisfies Dataspace.Event })
    },
    freshPid: (name) => `${name}#${++count}`,
    accept: (connection) => {
      const link = `in:${++count}`
      connections.set(link, connection)
      tell({ _tag: "Incoming", link, from: connection.remote, stream: connection.stream, at: now() })
      open(link, connection)
    },
    sync: (link) => Effect.callback<void>((resume) => {
      const n = ++count
      syncs.set(n, () => {
        syncs.delete(n)
        resume(Effect.void)
      })
      tell({ _tag: "Sync", link, n })
      return Effect.sync(() => void syncs.delete(n))
    }),
    linksOf: (space) => space === null ? [] : Operator.linksOf(state.members.Operator, space),
    behaviours: config.behaviours ?? {},
    state: () => state
  })
})

const key = (space: Node.Space, pid: string): string => `${space === null ? "" : `${space}\n`}${pid}`

/** Logs from a callback through Effect's logger, with its level and annotations. */
const logger = Effect.gen(function*() {
  const context = yield* Effect.context<never>()
  const run = Effect.runForkWith(context)
  const levels = { Debug: Effect.logDebug, Info: Effect.logInfo, Warn: Effect.logWarning, Error: Effect.logError }
  return (level: keyof typeof levels, message: string, fields: Readonly<Record<string, unknown>>): void => {
    run(levels[level](message).pipe(Effect.annotateLogs(fields)))
  }
})
