/**
 * A persistent map at the speed of a native one: Baker's rerooting ("shallow binding", Baker 1978;
 * Conchon and Filliâtre 2007). The newest version owns the one native `Map`; every older version is a
 * chain of differences that leads to it. Reading an older version turns the chain round. Up to eight
 * entries are an array of keys and values instead, which every write copies: most maps stay that small,
 * and a native Map of one entry takes 192 bytes.
 *
 * Promises: every version stays what it was for ever; used linearly, which is how a runtime uses it,
 * it costs one small object a write more than a native `Map`; an abandoned write is undone when its
 * predecessor is next read. An iteration must be finished before the map, in any version, is used
 * otherwise. Keys are the same when `===` says so; NaN is none.
 */
export class VersionedMap<K, V> {
  #small: Small<K, V> | undefined
  #entries: Entries<K, V> | undefined
  #next: VersionedMap<K, V> | undefined = undefined
  #key: K | undefined = undefined
  #old: V | undefined = undefined

  private constructor(small: Small<K, V> | undefined, entries: Entries<K, V> | undefined) {
    this.#small = small
    this.#entries = entries
  }

  static #none: VersionedMap<any, any> | undefined
  /** The empty map. What is written to it starts a history of its own, so that one empty map is the beginning of all. */
  static empty<K, V>(): VersionedMap<K, V> {
    return VersionedMap.#none ??= new VersionedMap<any, any>([], undefined)
  }

  get size(): number {
    if (this.#small !== undefined) return this.#small.length / 2
    const { emptied, map } = this.#own()
    return map.size - emptied
  }
  get(key: K): V | undefined {
    const small = this.#small
    if (small === undefined) return this.#own().map.get(key)
    for (let i = 0; i < small.length; i += 2) if (small[i] === key) return small[i + 1] as V
    return undefined
  }
  has(key: K): boolean {
    return this.get(key) !== undefined
  }
  /** The map with `value`, which must not be `undefined`, under `key`. The same map when it is there already. */
  set(key: K, value: V): VersionedMap<K, V> {
    return this.#write(key, value)
  }
  /** The map without `key`. The same map when it has none. */
  delete(key: K): VersionedMap<K, V> {
    return this.#write(key, undefined)
  }
  *entries(): IterableIterator<[K, V]> {
    const small = this.#small
    if (small !== undefined) for (let i = 0; i < small.length; i += 2) yield [small[i] as K, small[i + 1] as V]
    else for (const [key, value] of this.#own().map) if (value !== undefined) yield [key, value]
  }
  *keys(): IterableIterator<K> {
    for (const [key] of this.entries()) yield key
  }
  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value
  }
  /** Visits the entries, faster than an iterator does. The map, in any version, must not be used otherwise meanwhile. */
  forEach(visit: (value: V, key: K) => void): void {
    const small = this.#small
    if (small !== undefined) for (let i = 0; i < small.length; i += 2) visit(small[i + 1] as V, small[i] as K)
    else for (const [key, value] of this.#own().map) if (value !== undefined) visit(value, key)
  }
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries()
  }

  /** Makes this version the one that owns the native map, by turning round the chain that leads to it. */
  #own(): Entries<K, V> {
    if (this.#entries !== undefined) return this.#entries
    // a loop, not a recursion: the chain may be a million steps long
    const path: Array<VersionedMap<K, V>> = []
    let owner: VersionedMap<K, V> = this
    while (owner.#entries === undefined) {
      path.push(owner)
      owner = owner.#next!
    }
    const entries = owner.#entries
    for (let i = path.length - 1; i >= 0; i--) {
      const older = path[i]!
      const key = older.#key!
      owner.#entries = undefined
      owner.#next = older
      owner.#key = key
      owner.#old = entries.map.get(key)
      put(entries, key, owner.#old, older.#old)
      older.#entries = entries
      older.#next = undefined
      older.#key = undefined
      older.#old = undefined
      owner = older
    }
    return entries
  }

  #write(key: K, value: V | undefined): VersionedMap<K, V> {
    if (this.#small !== undefined) return this.#writeSmall(this.#small, key, value)
    const entries = this.#own()
    const old = entries.map.get(key)
    if (old === value) return this
    if (isDue(entries)) return VersionedMap.#copied(entries).#write(key, value) // and this one keeps its own
    entries.writes++
    put(entries, key, old, value)
    const newer = new VersionedMap<K, V>(undefined, entries)
    this.#entries = undefined
    this.#next = newer
    this.#key = key
    this.#old = old
    return newer
  }
  #writeSmall(small: Small<K, V>, key: K, value: V | undefined): VersionedMap<K, V> {
    let at = 0
    while (at < small.length && small[at] !== key) at += 2
    if (small[at + 1] === value) return this
    if (at === small.length && at === smallMax * 2) return new VersionedMap<K, V>(undefined, { map: new Map(this), emptied: 0, writes: 0 }).#write(key, value)
    if (value === undefined && small.length === 2) return VersionedMap.empty()
    return new VersionedMap<K, V>(value === undefined ? without(small, at) : withEntry(small, at, key, value), undefined)
  }
  /** A map of its own with the live entries alone; a small one when few are left, so that one that comes and goes does not make it change for ever. */
  static #copied<K, V>({ emptied, map }: Entries<K, V>): VersionedMap<K, V> {
    if (emptied === 0) return new VersionedMap<K, V>(undefined, { map: new Map(map), emptied: 0, writes: 0 })
    const live = new Map<K, V | undefined>()
    for (const [key, value] of map) if (value !== undefined) live.set(key, value)
    return live.size <= smallMax / 2 ? new VersionedMap<K, V>([...live].flat(1) as Array<K | V>, undefined) : new VersionedMap<K, V>(undefined, { map: live, emptied: 0, writes: 0 })
  }
}

/** Key, value, key, value. */
type Small<K, V> = ReadonlyArray<K | V>
const smallMax = 8 // a guess: a look at eight keys costs what one hash does

/** Written out: these arrays have no room that they do not use, and there are many of them. */
const withEntry = <K, V>(small: Small<K, V>, at: number, key: K, value: V): Small<K, V> => {
  const more = Array<K | V>(Math.max(small.length, at + 2))
  for (let i = 0; i < small.length; i++) more[i] = small[i]!
  more[at] = key
  more[at + 1] = value
  return more
}
const without = <K, V>(small: Small<K, V>, at: number): Small<K, V> => {
  const less = Array<K | V>(small.length - 2)
  for (let i = 0; i < at; i++) less[i] = small[i]!
  for (let i = at; i < less.length; i++) less[i] = small[i + 2]!
  return less
}

/**
 * Deleted entries stay as emptied ones: setting and deleting one key beside 100,000 others costs a
 * native Map 37 µs each time, and keeping the entry avoids it (bench/versioned-map.ts).
 *
 * From time to time the next version starts with a copy of its own, of the live entries alone, and this
 * one keeps what it has. That sweeps, and it cuts the chain: an old version that died in the old
 * generation would otherwise keep alive, until that is collected, all that came after it, and every
 * young collection would copy it (42 % of the kernel's time went there).
 */
interface Entries<K, V> {
  readonly map: Map<K, V | undefined>
  emptied: number
  /** Since it was copied. */
  writes: number
}
const sweepMin = 32 // a guess: small maps are swept seldom enough
const chainMin = 256 // a guess: as long as a chain may be at least
const writesPerEntry = 8 // so a write pays for the copy of an eighth of an entry
const copyMax = 262_144 // some 15 ms once in two million writes; a larger map is copied to be swept alone

const isDue = ({ emptied, map, writes }: Entries<unknown, unknown>): boolean =>
  (emptied > sweepMin && emptied * 2 > map.size) || (map.size <= copyMax && writes > Math.max(chainMin, map.size * writesPerEntry))

/** Writes or, with `undefined`, empties an entry that holds `old`. */
const put = <K, V>(entries: Entries<K, V>, key: K, old: V | undefined, value: V | undefined): void => {
  const { map } = entries
  const size = map.size
  if (value === undefined && old === undefined) return
  map.set(key, value)
  if (value === undefined) entries.emptied++
  else if (old === undefined && map.size === size) entries.emptied-- // it was there, but emptied
}
