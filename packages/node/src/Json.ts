/** JSON that people write: the line of each key, which JSON.parse does not tell, no key twice, and no depth that nobody means. */
import { Data } from "effect"

type Path = ReadonlyArray<string>

/** Whoever wrote it can mend this. */
export class BadJson extends Data.Error<{ readonly path: Path; readonly problem: string; readonly line: number }> {}

export interface Read {
  readonly value: unknown
  /** Where the key at the end of the path is; where the text begins, for what is in no object. */
  readonly lineOf: (path: Path) => number
}

/** Reads, or throws a BadJson. */
export const read = (text: string): Read => {
  const token = /[\s\uFEFF]*("(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,]+|$)/y
  const lines = new Map<string, number>()
  let next = ""
  let line = 1
  const advance = (): void => {
    const [passed = "", found = ""] = token.exec(text) ?? []
    line += passed.split("\n").length - 1
    next = found
  }
  const wrong = (problem: string, path: Path = []): never => { throw new BadJson({ path, problem, line }) }
  const unexpected = (wanted: string): never => wrong(`it is not JSON: expected ${wanted}, got ${next === "" ? "the end" : cut(next)}`)
  const take = (sign: string, called: string): void => next === sign ? advance() : unexpected(called)
  const literal = (wanted: string): unknown => {
    try {
      const value: unknown = JSON.parse(next)
      advance()
      return value
    } catch {
      return unexpected(wanted)
    }
  }
  /** What stands between two brackets, with commas between. */
  const all = <A>(end: string, item: (i: number) => A): ReadonlyArray<A> => {
    const items: Array<A> = []
    advance()
    for (;;) {
      if (next !== end || items.length > 0) items.push(item(items.length))
      if (next === end) break
      take(",", "a comma")
    }
    advance()
    return items
  }
  const member = (path: Path, keys: Set<string>): readonly [string, unknown] => {
    if (!next.startsWith("\"")) unexpected("a key in double quotes")
    const at = line
    const key = String(literal("a key in double quotes"))
    const inner = [...path, key]
    if (keys.has(key)) wrong("it is there twice", inner)
    keys.add(key)
    lines.set(inner.join("\0"), at)
    take(":", "a colon")
    return [key, value(inner)]
  }
  const value = (path: Path): unknown => {
    if (path.length > depthMax) wrong("it is nested too deep")
    if (next === "[") return all("]", (i) => value([...path, String(i)]))
    if (next !== "{") return literal("a value")
    const keys = new Set<string>()
    return Object.fromEntries(all("}", () => member(path, keys)))
  }
  advance()
  const whole = value([])
  if (next !== "") unexpected("the end")
  return { value: whole, lineOf: (path) => lines.get(path.join("\0")) ?? 1 }
}
const depthMax = 32 // a guess: what people write is not deeper than 5

/** In one line that is not too long. */
export const cut = (text: string): string => {
  const line = text.replace(/\s+/g, " ")
  return line.length > 80 ? `${line.slice(0, 77)}...` : line
}
