/**
 * What a program says is looked at before the dataspace sees it: there a process that says what is no
 * value ends, and with it all that the program holds. Here it is a defect of the fiber that said it.
 */
import { Canonical, type Pattern, Process, Value } from "@colloquy/core"

/** What the kernel takes (Turn.ts), so that nothing gets through here and not there. */
const bytesMax = 4 * 1024 * 1024
const levelsMax = 110

/** The value itself, to its last leaf one, and of a size that a dataspace takes. Throws an `InvalidValue`. */
export const value = <V extends Value.Value>(given: V): V => {
  if (Canonical.measure(given, levelsMax) > bytesMax) throw new Value.InvalidValue(`a value of more than ${bytesMax} bytes`)
  return given
}

/** The observation of a pattern that is one. */
export const observation = (handle: Process.Handle, pattern: Pattern.Pattern): Process.Action => {
  const action = Process.observe(handle, pattern)
  if (action._tag === "Assert" && Process.observed(value(action.assertion)) === undefined) {
    throw new Value.InvalidValue("no pattern, or one that is nested too deeply")
  }
  return action
}

/** A process's name. */
export const name = (given: string): string => {
  if (typeof given !== "string") throw new Value.InvalidValue("a name is a string")
  return value(given)
}
