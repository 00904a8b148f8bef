/**
 * Keeps its children running, as Erlang/OTP's supervisors do, on presence alone.
 *
 * A child is a behaviour made by `whileWanted`. The supervisor holds `<stay-up self name n>` as long as its
 * n-th instance shall live, the child holds `<up self name n>` as long as it does; why it ended is the
 * reason with which that goes (`true` for a normal quit, `<crash message>` for a crash; any other
 * reason is an abnormal end as well). So a supervisor that ends, however, takes its children with it.
 *
 * Promises: children start in their order, each once the one before is up, and stop one by one in the reverse
 * order; nothing is started again before all that had to stop is really gone. When there would be more
 * than `restartsMax` restarts `withinMs`, it stops the children and quits with `<intensity name reason>`.
 * Restarts are forgotten by timers (`Timer`): without a driver they never are.
 *
 * As in OTP: a transient child that ended normally starts again when its siblings are all restarted with
 * it, a temporary one never does; and what ends while it is to be stopped counts as stopped.
 */
import * as Process from "../dataspace/Process.ts"
import { still } from "../machine/Machine.ts"
import * as Pattern from "../value/Pattern.ts"
import { record, type Value } from "../value/Value.ts"
import { type Bond, unborn, whileWanted } from "./Handoff.ts"
import * as Timer from "./Timer.ts"

/** What `behaviour` is spawned with. */
export interface Config {
  /** Who is restarted with a child: nobody else; all others; those that were started after it. */
  readonly strategy: "one-for-one" | "one-for-all" | "rest-for-one"
  /** How many restarts within so many ms are borne; one more, and the supervisor quits with `<intensity name reason>`. */
  readonly intensity: { readonly restartsMax: number; readonly withinMs: number }
  /** In the order in which they start. */
  readonly children: ReadonlyArray<ChildSpec>
}
/** One child, and whether it is started again. */
export interface ChildSpec {
  /** Stands in `<up supervisor name n>` and in `<intensity name reason>`. */
  readonly name: string
  /** Its behaviour is one made by `whileWanted`, as `child` is; `config` comes to it in a `Bond`. */
  readonly process: Process.Process
  /** Started again: always; when it ended abnormally; never. */
  readonly restart: "permanent" | "transient" | "temporary"
}

/**
 * `down` waits to be started, `finished` does not; `doomed` lives and waits for its turn to be stopped;
 * `stopping` has been told.
 */
type Stage = "down" | "running" | "doomed" | "stopping" | "finished"
interface Child {
  readonly stage: Stage
  readonly instance: number
  /** Whether this instance has been seen. */
  readonly isUp: boolean
}
/** The state of `behaviour`. */
export interface State {
  readonly self: Process.Pid
  readonly config: Config
  /** In their order, which is that of `config.children`. */
  readonly children: ReadonlyArray<Child>
  /** Numbers instances and timers. */
  readonly next: number
  /** The timers of the restarts that are not forgotten. */
  readonly restarts: ReadonlyArray<number>
  /** Stops all, and then quits with this reason. */
  readonly closing: Value | undefined
}

const isAlive = ({ stage }: Child): boolean => stage === "running" || stage === "doomed" || stage === "stopping"

/** A supervisor. */
export const behaviour: Process.Behaviour<Config, State> = {
  initial: (config, self) => {
    const children = config.children.map((): Child => ({ stage: "down", instance: 0, isUp: false }))
    const [state, actions] = settle({ self, config, children, next: 1, restarts: [], closing: undefined })
    return [state, [
      Process.observe("up", Pattern.record("up", Pattern.literal(self), Pattern.discard, Pattern.bind())),
      Timer.observe("expired", self),
      Timer.observeDriver("driver"),
      ...actions
    ]]
  },
  transition: (state, event) => {
    const [first] = event.captures
    switch (event.handle) {
      case "up":
        if (event._tag === "Added") return onUp(state, first!)
        return event._tag === "Removed" ? onGone(state, first!, event.reason ?? true) : still(state)
      case "expired": return still(state.restarts.includes(first as number) ? forget(state, first as number) : state)
      case "driver": return event._tag === "Added" ? [state, state.restarts.map((timer) => remember(state, timer))] : still(state)
      default: return onBorn(state, event.handle)
    }
  }
}

/** A supervisor as a child: it is gone when all below it are. */
export const child = whileWanted(behaviour, (state) => settle(close(state, true)))

const onUp = (state: State, instance: Value): Process.Turn<State> => {
  const i = indexOf(state, instance)
  return i < 0 ? still(state) : settle(change(state, i, { isUp: true }))
}

/** The birth of an instance is over: one that nobody has seen never lived. */
const onBorn = (state: State, instance: Value): Process.Turn<State> => {
  const i = indexOf(state, instance)
  return i < 0 || state.children[i]!.isUp ? still(state) : onGone(state, instance, unborn)
}

const onGone = (state: State, instance: Value, reason: Value): Process.Turn<State> => {
  const i = indexOf(state, instance)
  if (i < 0) return still(state)
  const { restart } = state.config.children[i]!
  const wasStopped = state.children[i]!.stage !== "running"
  const isOver = restart === "temporary" || restart === "transient" && reason === true && !wasStopped
  const [next, actions] = onEnd(change(state, i, { stage: isOver ? "finished" : "down" }), i, reason, wasStopped || isOver)
  return [next, [Process.retract(handleOf(i)), ...actions]]
}

/** A child is gone. If that was not `asked` for, it and those that go with it are to be restarted. */
const onEnd = (state: State, i: number, reason: Value, asked: boolean): Process.Turn<State> => {
  if (asked) return settle(state)
  const { children, intensity, strategy } = state.config
  if (state.restarts.length >= intensity.restartsMax) return settle(close(state, record("intensity", children[i]!.name, reason)))
  const timer = state.next
  const counted = { ...state, next: timer + 1, restarts: [...state.restarts, timer] }
  const [next, actions] = settle(doom(counted, (j) => strategy === "one-for-all" || strategy === "rest-for-one" && j > i))
  return [next, [remember(state, timer), ...actions]]
}

/** The next step on the way to all children running, or to none: what must stop, stops before anything starts. */
const settle = (state: State): Process.Turn<State> => {
  const { children, closing } = state
  if (children.some(({ stage }) => stage === "stopping")) return still(state)
  const last = children.findLastIndex(({ stage }) => stage === "doomed")
  if (last >= 0) return [change(state, last, { stage: "stopping" }), [Process.retract(handleOf(last))]]
  if (closing !== undefined) return [state, [Process.quit(closing)]]
  if (children.some(({ isUp, stage }) => stage === "running" && !isUp)) return still(state)
  const first = children.findIndex(({ stage }) => stage === "down")
  return first < 0 ? still(state) : start(state, first)
}

const start = (state: State, i: number): Process.Turn<State> => {
  const { name, process: { behaviour: task, config } } = state.config.children[i]!
  const { next: instance, self } = state
  const bond: Bond = { wanted: record("stay-up", self, name, instance), up: record("up", self, name, instance), config }
  return [change({ ...state, next: instance + 1 }, i, { stage: "running", instance, isUp: false }), [
    Process.assert(handleOf(i), bond.wanted!), Process.spawn(name, { behaviour: task, config: bond }), { _tag: "Yield", handle: instance }
  ]]
}

const doom = (state: State, goes: (i: number) => boolean): State => ({
  ...state,
  children: state.children.map((one, i) => {
    if (!goes(i)) return one
    if (one.stage === "running") return { ...one, stage: "doomed" }
    return one.stage === "finished" && state.config.children[i]!.restart !== "temporary" ? { ...one, stage: "down" } : one
  })
})
const close = (state: State, reason: Value): State => state.closing === undefined ? { ...doom(state, () => true), closing: reason } : state

const change = (state: State, i: number, by: Partial<Child>): State =>
  ({ ...state, children: state.children.map((one, j) => (j === i ? { ...one, ...by } : one)) })

/** Which child this living instance is of; -1 when of none. */
const indexOf = ({ children }: State, instance: Value): number => children.findIndex((one) => one.instance === instance && isAlive(one))

const forget = (state: State, timer: number): State => ({ ...state, restarts: state.restarts.filter((one) => one !== timer) })
/** Asks to be told when this restart may be forgotten. */
const remember = ({ config, self }: State, timer: number): Process.Action => Timer.set(self, timer, config.intensity.withinMs)

/** When a process ends, what it holds goes in the order of the handles: these make the last child hear of it first. */
const handleOf = (i: number): number => -1 - i
