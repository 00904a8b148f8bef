/**
 * The first line of a scenario's command: `name arg… key=(a,b)`. An argument ends at a space, except
 * that a value which opens with a bracket or a quote ends where it closes, spaces and all: so facts
 * and patterns stand in a command as they stand anywhere.
 */
export interface Command {
  /** The line as it stands in the file. */
  readonly head: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** What `key=(a,b)` and `key=a` say. */
  readonly options: ReadonlyMap<string, ReadonlyArray<string>>
}

/** A line of nothing but dashes, four or more. */
export const isRule = (line: string): boolean => /^-{4,}$/.test(line)

/** The command, or what is wrong with the line. */
export const commandOf = (head: string): Command | string => {
  const tokens = tokensOf(head)
  if (typeof tokens === "string") return tokens
  const [command, ...rest] = tokens
  if (command === undefined) return "a command has a name"
  const args: Array<string> = []
  const options = new Map<string, ReadonlyArray<string>>()
  for (const token of rest) {
    const [, key, value] = /^([\w-]+)=(.*)$/s.exec(token) ?? []
    if (key === undefined) args.push(token)
    else if (options.has(key)) return `${key}= is said twice`
    else options.set(key, value!.startsWith("(") && value!.endsWith(")") ? listOf(value!.slice(1, -1)) : [value!])
  }
  return { head, command, args, options }
}

const closers: { readonly [open: string]: string } = { "<": ">", "[": "]", "{": "}", "(": ")", '"': '"', "'": "'" }
const isQuote = (c: string | undefined): boolean => c === '"' || c === "'"
const isSpace = (c: string | undefined): boolean => c === " " || c === "\t"

const tokensOf = (head: string): ReadonlyArray<string> | string => {
  const tokens: Array<string> = []
  let at = 0
  for (;;) {
    while (isSpace(head[at])) at++
    if (at >= head.length) return tokens
    const start = at
    // a key, and the marks that a value may have before its bracket: #{…}, #"…", #:<…>
    at += /^(?:[\w-]+=)?(?:#[\w!:]*)?/.exec(head.slice(at))![0].length
    if (Object.hasOwn(closers, head[at] ?? "")) {
      const end = closing(head, at)
      if (end === undefined) return `what opens with ${head[at]} at column ${at + 1} does not close`
      at = end
    }
    while (at < head.length && !isSpace(head[at])) at++
    tokens.push(head.slice(start, at))
  }
}

/** The place after what opens at `at`. */
const closing = (text: string, at: number): number | undefined => {
  const open: Array<string> = []
  for (; at < text.length; at++) {
    const c = text[at]!
    if (isQuote(open.at(-1))) {
      if (c === "\\") at++
      else if (c === open.at(-1)) open.pop()
    } else if (c === open.at(-1)) open.pop()
    else if (Object.hasOwn(closers, c)) open.push(closers[c]!)
    if (open.length === 0) return at + 1
  }
  return undefined
}

/** What stands between commas, those within brackets and quotes aside. */
const listOf = (text: string): ReadonlyArray<string> => {
  const items: Array<string> = []
  let start = 0
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && Object.hasOwn(closers, text[at]!)) at = (closing(text, at) ?? text.length) - 1
    else if (at === text.length || text[at] === ",") {
      items.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  return items.length === 1 && items[0] === "" ? [] : items
}
