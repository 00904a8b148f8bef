/** What the commands have in common: they do what their arguments ask for, or say what is wrong with those, or what there is to ask for. */
import { type Shape, shapes } from "./shapes.ts"

/** Where a command says things. */
export interface Voice {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/** `read` yields what is wanted, or nothing when help is, and throws what is wrong: the exit status is 2 then. */
export const obey = <Wanted, Status>(read: () => Wanted | undefined, help: string, { err, out }: Voice, go: (wanted: Wanted) => Status): Status | number => {
  let wanted: Wanted | undefined
  try {
    wanted = read()
  } catch (error) {
    err(`${(error as Error).message}\n\n${help}`)
    return 2
  }
  if (wanted !== undefined) return go(wanted)
  out(help)
  return 0
}

/** A whole number from `least` to `most`, or nothing where nothing is said. */
export const wholeOf = (name: string, text: string | undefined, least: number, most: number): number | undefined => {
  if (text === undefined) return undefined
  const n = Number(text)
  if (/^\d+$/.test(text) && n >= least && n <= most) return n
  throw new Error(`${name} takes a whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`}, not ${text}`)
}

/** One of the shapes, or of the words that are said besides. */
export const shapeOf = <Other extends string = never>(text: string, ...others: ReadonlyArray<Other>): Shape | Other => {
  const found = [...shapes, ...others].find((one) => one === text)
  if (found === undefined) throw new Error(`--shape takes one of ${[...shapes, ...others].join(", ")}, not ${text}`)
  return found
}
