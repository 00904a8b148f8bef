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
  #map: Map<K, V> | undefined
  #next: VersionedMap<K, V> | undefined = undefined
  #key: K | undefined = undefined
  #old: V | undefined = undefined

  private constructor(map: Map<K, V>) {
    this.#map = map
  }

  static empty<K, V>(): VersionedMap<K, V> {
    return new VersionedMap<K, V>(new Map())
  }

  get size(): number {
    return this.#own().size
  }
  get(key: K): V | undefined {
    return this.#own().get(key)
  }
  has(key: K): boolean {
    return this.#own().has(key)
  }
  set(key: K, value: V): VersionedMap<K, V> {
    return this.#write(key, value)
  }
  delete(key: K): VersionedMap<K, V> {
    return this.#write(key, undefined)
  }
  keys(): IterableIterator<K> {
    return this.#own().keys()
  }
  values(): IterableIterator<V> {
    return this.#own().values()
  }
  entries(): IterableIterator<[K, V]> {
    return this.#own().entries()
  }
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries()
  }

  #own(): Map<K, V> {
    if (this.#map !== undefined) return this.#map
    const path: Array<VersionedMap<K, V>> = []
    let owner: VersionedMap<K, V> = this
    while (owner.#map === undefined) {
      path.push(owner)
      owner = owner.#next!
    }
    const map = owner.#map
    for (let i = path.length - 1; i >= 0; i--) {
      const older = path[i]!
      const key = older.#key!
      owner.#map = undefined
      owner.#next = older
      owner.#key = key
      owner.#old = map.get(key)
      if (older.#old === undefined) map.delete(key)
      else map.set(key, older.#old)
      older.#map = map
      older.#next = undefined
      older.#key = undefined
      older.#old = undefined
      owner = older
    }
    return map
  }

  #write(key: K, value: V | undefined): VersionedMap<K, V> {
    const map = this.#own()
    const old = map.get(key)
    if (old === value) return this
    if (value === undefined) map.delete(key)
    else map.set(key, value)
    const newer = new VersionedMap<K, V>(map)
    this.#map = undefined
    this.#next = newer
    this.#key = key
    this.#old = old
    return newer
  }
}
