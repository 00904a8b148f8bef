/**
 * A persistent map at the speed of a native one: Baker's rerooting ("shallow binding", Baker 1978;
 * Conchon and Filliâtre 2007). The newest version owns the one native `Map`; every older version is a
 * chain of differences that leads to it. Reading an older version turns the chain round.
 *
 * Promises: every version stays what it was for ever; used linearly, which is how a runtime uses it,
 * it costs one small object a write more than a native `Map`; an abandoned write is undone when its
 * predecessor is next read. An iteration must be finished before the map, in any version, is used
 * otherwise.
 */
export class VersionedMap<K, V> {
  #entries: Entries<K, V> | undefined
  #next: VersionedMap<K, V> | undefined = undefined
  #key: K | undefined = undefined
  #old: V | undefined = undefined

  /** Without entries, and until it has a successor, it is the empty map. */
  private constructor(entries: Entries<K, V> | undefined) {
    this.#entries = entries
  }

  /** The empty map. What is written to it starts a history of its own, so that one empty map may be the beginning of many. */
  static empty<K, V>(): VersionedMap<K, V> {
    return new VersionedMap<K, V>(undefined)
  }

  get size(): number {
    const { emptied, map } = this.#own()
    return map.size - emptied
  }
  get(key: K): V | undefined {
    return this.#own().map.get(key)
  }
  has(key: K): boolean {
    return this.#own().map.get(key) !== undefined
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
    for (const [key, value] of this.#own().map) if (value !== undefined) yield [key, value]
  }
  *keys(): IterableIterator<K> {
    for (const [key, value] of this.#own().map) if (value !== undefined) yield key
  }
  *values(): IterableIterator<V> {
    for (const value of this.#own().map.values()) if (value !== undefined) yield value
  }
  /** Visits the entries, faster than an iterator does. The map, in any version, must not be used otherwise meanwhile. */
  forEach(visit: (value: V, key: K) => void): void {
    for (const [key, value] of this.#own().map) if (value !== undefined) visit(value, key)
  }
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries()
  }

  /** Makes this version the one that owns the native map, by turning round the chain that leads to it. */
  #own(): Entries<K, V> {
    if (this.#entries !== undefined) return this.#entries
    if (this.#next === undefined) return nothing as Entries<K, V>
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
      owner.#old = put(entries, key, older.#old)
      older.#entries = entries
      older.#next = undefined
      older.#key = undefined
      older.#old = undefined
      owner = older
    }
    return entries
  }

  #write(key: K, value: V | undefined): VersionedMap<K, V> {
    const own = this.#own()
    const old = own.map.get(key)
    if (old === value) return this
    const isFresh = own === nothing || isDue(own)
    const entries = isFresh ? copied(own) : own
    entries.writes++
    put(entries, key, value)
    const newer = new VersionedMap<K, V>(entries)
    if (isFresh) return newer // and this one keeps its own
    this.#entries = undefined
    this.#next = newer
    this.#key = key
    this.#old = old
    return newer
  }
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
const nothing: Entries<any, any> = { map: new Map(), emptied: 0, writes: 0 }
const sweepMin = 32 // a guess: small maps are swept seldom enough
const chainMin = 256 // a guess: as long as a chain may be at least
const writesPerEntry = 8 // so a write pays for the copy of an eighth of an entry
const copyMax = 262_144 // some 15 ms once in two million writes; a larger map is copied to be swept alone

const isDue = ({ emptied, map, writes }: Entries<unknown, unknown>): boolean =>
  (emptied > sweepMin && emptied * 2 > map.size) || (map.size <= copyMax && writes > Math.max(chainMin, map.size * writesPerEntry))

const copied = <K, V>({ emptied, map }: Entries<K, V>): Entries<K, V> => {
  if (emptied === 0) return { map: new Map(map), emptied: 0, writes: 0 }
  const live = new Map<K, V | undefined>()
  for (const [key, value] of map) if (value !== undefined) live.set(key, value)
  return { map: live, emptied: 0, writes: 0 }
}

/** Writes or, with `undefined`, empties an entry; returns what was there. */
const put = <K, V>(entries: Entries<K, V>, key: K, value: V | undefined): V | undefined => {
  const { map } = entries
  const old = map.get(key)
  if (value !== undefined) {
    if (old === undefined && entries.emptied > 0 && map.has(key)) entries.emptied--
    map.set(key, value)
  } else if (old !== undefined) {
    map.set(key, undefined)
    entries.emptied++
  }
  return old
}
