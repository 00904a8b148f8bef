/**
 * Time for processes, which have no clock: they ask a timer driver, by messages, and are told.
 *
 * | message | says |
 * | --- | --- |
 * | `<set-timer id ms relative>` | a process: tell me when so many milliseconds have passed |
 * | `<timer-expired id now>` | the driver: they have |
 *
 * A timer's id is `[pid name]`: the process's own number, so that no other process means the same, and
 * a name that the process chose. One observation hears all of a process's timers. There is no
 * cancelling: a process forgets the name, uses it never again, and ignores what comes.
 *
 * Who asks while no driver listens is not heard, so a process that cannot do without watches for the
 * driver (`observeDriver`) and asks again, when one comes, for all that it waits for.
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import * as Process from "../dataspace/Process.ts"
import { still } from "../machine/Machine.ts"
import * as Pattern from "../value/Pattern.ts"
import { record, symbol, type Value } from "../value/Value.ts"

/** The id of the timer that process `self` calls `name`. */
export const id = (self: Process.Pid, name: Value): Value => [self, name]

/**
 * Asks for `name` in `ms`, rounded up to a whole number.
 *
 * set(7, "retry", 250)   // => Process.send(Value.record("set-timer", [7, "retry"], 250, Value.symbol("relative")))
 */
export const set = (self: Process.Pid, name: Value, ms: number): Process.Action =>
  Process.send(record("set-timer", id(self, name), Math.ceil(ms), symbol("relative")))

/** Hears of all timers of `self`: `Received` with the captures `[name, now]`. */
export const observe = (handle: Process.Handle, self: Process.Pid): Process.Action =>
  Process.observe(handle, Pattern.record("timer-expired", Pattern.sequence([Pattern.literal(self), Pattern.bind()]), Pattern.bind()))

/** `Added` when somebody listens to `<set-timer …>`, `Removed` when nobody does any more. */
export const observeDriver = (handle: Process.Handle): Process.Action =>
  Process.observe(handle, Pattern.record("Observe", Pattern.record("rec", Pattern.literal(symbol("set-timer")), Pattern.discard)))

/** The driver's answer. */
export const expired = (timer: Value, now: Value): Process.Action => Process.send(record("timer-expired", timer, now))

/** The state of `driver`. */
export interface DriverState {
  readonly self: Process.Pid
  /** Numbers requests, whose timers are called `[pid n]`. */
  readonly next: number
  /** What whoever asked calls the timer, by the handle of our observation. */
  readonly timers: VersionedMap<Process.Handle, Value>
}
const requests = "requests"

/**
 * The driver on a ground: what it is asked for it asks of the world as the source `<timer n kind ms>`,
 * as conversations do (driver/TimerDriver.ts has the shell's part). What asks for no time is ignored.
 */
export const driver: Process.Behaviour<unknown, DriverState> = {
  initial: (_, self) => [
    { self, next: 1, timers: VersionedMap.empty() },
    [Process.observe(requests, Pattern.record("set-timer", Pattern.bind(), Pattern.bind(), Pattern.bind()))]
  ],
  transition: (state, event) => {
    if (event._tag !== "Received") return still(state)
    const { next, self, timers } = state
    if (event.handle !== requests) {
      const timer = timers.get(event.handle)
      if (timer === undefined) return still(state)
      return [{ ...state, timers: timers.delete(event.handle) }, [Process.retract(event.handle), expired(timer, event.captures[0]!)]]
    }
    const [timer, ms, kind] = event.captures
    if (typeof ms !== "number" || (kind !== symbol("relative") && kind !== symbol("absolute"))) return still(state)
    const source = Pattern.literal(record("timer", [self, next], kind, ms))
    return [{ ...state, next: next + 1, timers: timers.set(next, timer!) }, [Process.observe(next, Pattern.record("event", source, Pattern.bind()))]]
  }
}
