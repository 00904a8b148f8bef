/** Plain data as one short line for people, through the maps that states are made of. */
import { VersionedMap } from "../data/VersionedMap.ts"

/** How a caller's own data is written, where it knows better; `undefined` leaves it to us. */
export type Show = (data: unknown) => string | undefined

/** How data is looked at by `shown`, and by `diff` and `leaves` of `Trace`. */
export interface Look {
  /** Asked first, for every piece of data and for every key of a map. */
  readonly show?: Show
  /** Paths that are passed over. */
  readonly ignore?: (path: string) => boolean
  /** Lines at most. */
  readonly most?: number
  /** Characters of one piece of data at most, about. */
  readonly widthMax?: number
}

const widthDefault = 200 // a guess: two lines of a terminal

export const isObject = (data: unknown): data is object => typeof data === "object" && data !== null

/** The parts of a map or an object, copied out: no map is under iteration when another version of it is read. */
export const entriesOf = (data: unknown): Map<unknown, unknown> => {
  if (data instanceof VersionedMap || data instanceof Map) return new Map(data)
  return new Map(Object.entries(data as object).filter(([, v]) => v !== undefined))
}

const name = /^[A-Za-z_$][A-Za-z0-9_$]*$/
/** The path to a part: `.name` of an object, `[key]` of a map or an array. */
export const pathTo = (path: string, key: unknown, keyed: boolean, look: Look): string =>
  !keyed && typeof key === "string" && name.test(key) ? (path === "" ? key : `${path}.${key}`) : `${path}[${shown(key, look)}]`

/**
 * The data in about `widthMax` characters: an object by its tag, a map by its entries.
 *
 * shown({ _tag: "Lost", link: "in:1", at: 12.5 })   // => 'Lost {link: "in:1", at: 12.5}'
 * shown([1, 2, 3, 4], { widthMax: 4 })   // => "[1, …"
 */
export const shown = (data: unknown, look: Look = {}): string => {
  const out = new Line(look.widthMax ?? widthDefault)
  write(out, data, look.show)
  return out.text
}

class Line {
  text = ""
  /** Nothing more is taken. */
  isFull = false
  readonly widthMax: number
  constructor(widthMax: number) {
    this.widthMax = widthMax
  }
  add(text: string): void {
    if (this.isFull) return
    const room = this.widthMax - this.text.length
    this.isFull = text.length > room
    this.text += this.isFull ? `${text.slice(0, room)}…` : text
  }
}

const write = (out: Line, data: unknown, show: Show | undefined): void => {
  const own = show?.(data)
  if (own !== undefined) return out.add(own)
  if (!isObject(data)) return out.add(atom(data))
  if (data instanceof Uint8Array) return out.add(`${data.length} bytes`)
  if (Array.isArray(data)) return list(out, "[", "]", data, (item) => write(out, item, show))
  const pair = (key: string, value: unknown): void => {
    out.add(`${key}: `)
    write(out, value, show)
  }
  if (data instanceof VersionedMap || data instanceof Map) {
    return list(out, "{", "}", [...data], ([key, value]) => pair(show?.(key) ?? atom(key), value))
  }
  const { _tag, ...fields } = data as { readonly [name: string]: unknown }
  const tag = typeof _tag === "string" ? _tag : ""
  const entries = Object.entries(tag === "" ? data : fields).filter(([, v]) => v !== undefined)
  if (entries.length === 0 && tag !== "") return out.add(tag)
  list(out, tag === "" ? "{" : `${tag} {`, "}", entries, ([key, value]) => pair(name.test(key) ? key : atom(key), value))
}

const list = <A>(out: Line, open: string, close: string, items: ReadonlyArray<A>, each: (item: A) => void): void => {
  out.add(open)
  for (const [i, item] of items.entries()) {
    if (i > 0) out.add(", ")
    if (out.isFull) return
    each(item)
  }
  out.add(close)
}

/** Control characters are escaped: what a stranger said must not drive the terminal that it is printed on. */
const atom = (data: unknown): string =>
  typeof data === "string"
    ? JSON.stringify(data).replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : typeof data === "bigint" ? `${data}n` : Object.is(data, -0) ? "-0" : String(data)
