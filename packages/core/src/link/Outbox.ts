/**
 * What a peer is to be told and has no room for yet. State coalesces: a fact that came and went, or
 * went and came back, is not mentioned, and what was queued under an endpoint goes when its `End` comes; so
 * the facts here are never more than those that the peer was told of and those that it should be told
 * of. Messages stay what they are, and the oldest of them can be dropped.
 *
 * Promises: what remains keeps its order, and a message goes out behind its own stamp; turns stay whole, and
 * those between which a fact came and went become one, so that nobody sees what never was; a sync stays
 * behind what was said before it; adding and taking cost the same however much is here; captures are copied out of the chunks
 * that brought them. A version stays what it was for ever, and used linearly this costs what native maps
 * do (VersionedMap).
 */
import { VersionedMap } from "../data/VersionedMap.ts"
import type { Endpoint, Item, Stamp } from "../federation/Item.ts"
import { detach, keyOf } from "../value/encoded.ts"
import * as Pattern from "../value/Pattern.ts"
import type { Encoded } from "../value/Value.ts"
import type { Packet } from "./Packet.ts"
import { headBytes, sizeOf } from "./Turn.ts"

/** A packet that has to stay behind what was said before it. */
export type Marker = Packet & { readonly _tag: "Sync" | "Synced" }

export interface Outbox {
  /** By number, in the order in which they came; those that fell away leave gaps. */
  readonly entries: VersionedMap<number, Entry>
  readonly first: number
  readonly next: number
  /** Where turns begin, but the first. */
  readonly cuts: Cut | undefined
  /** Where the news of a fact is. */
  readonly facts: VersionedMap<string, number>
  /** What is here under an endpoint of the peer; and which were ended, of which entries may still be here and do not count. */
  readonly loads: VersionedMap<Endpoint, Load>
  readonly ended: VersionedMap<Endpoint, true>
  /** What counts: all entries, and the messages among them. */
  readonly all: Count
  readonly messages: Count
  /** No message has a lesser number. */
  readonly oldest: number
  /** The stamp that the next message comes under; and the one that the peer goes by. While `undefined`, the one it knew before. */
  readonly stamp: Stamp | undefined
  readonly told: Stamp | undefined
}
interface Cut {
  readonly at: number
  readonly before: Cut | undefined
}
interface Entry {
  readonly said: Exclude<Item, Stamp> | Marker
  /** That a message came under. */
  readonly stamp: Stamp | undefined
  /** On the wire. */
  readonly bytes: number
}
export interface Count {
  readonly count: number
  readonly bytes: number
}
interface Load {
  readonly all: Count
  readonly messages: Count
}
type Draft = { -readonly [field in keyof Outbox]: Outbox[field] }

const none: Count = { count: 0, bytes: 0 }
export const empty: Outbox = {
  entries: VersionedMap.empty(), first: 0, next: 0, cuts: undefined,
  facts: VersionedMap.empty(), loads: VersionedMap.empty(), ended: VersionedMap.empty(),
  all: none, messages: none, oldest: 0, stamp: undefined, told: undefined
}

export const isEmpty = ({ all, stamp, told }: Outbox): boolean => all.count === 0 && stamp === told

/** What an entry costs in memory besides its bytes: measured, 400 for a message and 500 for a fact, which has its bytes twice. */
export const entryBytes = 512
/** Bytes of memory, roughly. */
export const heldBytes = ({ all }: Outbox): number => all.bytes + all.count * entryBytes

// What is put in

export const add = (box: Outbox, items: ReadonlyArray<Item>): Outbox => {
  const draft: Draft = { ...box }
  if (draft.next > draft.first && draft.cuts?.at !== draft.next) draft.cuts = { at: draft.next, before: draft.cuts }
  for (const item of items) put(draft, item)
  return tidied(draft)
}

export const mark = (box: Outbox, marker: Marker): Outbox => {
  const draft: Draft = { ...box }
  append(draft, marker, 8 + headBytes)
  return draft
}

const put = (draft: Draft, item: Item): void => {
  // nothing follows an `End`; whoever says more is wrong, and must not leave here what is never taken
  if ("captures" in item && draft.ended.has(item.endpoint)) return
  switch (item._tag) {
    case "Stamp":
      if (!isSame(draft.stamp, item)) draft.stamp = item
      return
    case "Add":
    case "Del": return putFact(draft, item)
    case "Msg": return append(draft, { ...item, captures: kept(item.captures) }, sizeOf(item))
    case "Assert": return append(draft, item, sizeOf({ _tag: "Clear", endpoint: item.endpoint }) + (item.key ?? Pattern.key(item.pattern)).length)
    case "Clear": return append(draft, item, sizeOf(item))
    case "End":
      silence(draft, item.endpoint)
      return append(draft, item, sizeOf(item))
  }
}

/** A fact comes and goes in turn, so news of one that has news here already takes that back. */
const putFact = (draft: Draft, item: Item & { readonly _tag: "Add" | "Del" }): void => {
  const key = factKey(item)
  const at = draft.facts.get(key)
  const before = at === undefined ? undefined : draft.entries.get(at)
  if (before === undefined || before.said._tag === item._tag) {
    draft.facts = draft.facts.set(key, draft.next)
    return append(draft, { ...item, captures: kept(item.captures) }, sizeOf(item))
  }
  remove(draft, at!, before)
  discount(draft, before)
  // the peer will not see what held in between, nor may it see a part of the turns that led there and away
  while (draft.cuts !== undefined && draft.cuts.at > at!) draft.cuts = draft.cuts.before
}
type Fact = { readonly captures: Encoded; readonly endpoint: Endpoint }
const factKey = ({ captures, endpoint }: Fact): string => `${endpoint} ${keyOf(captures)}`

/** A view that is not all of its buffer would keep the rest of a chunk in memory. */
const kept = (captures: Encoded): Encoded => captures.end - captures.start === captures.bytes.buffer.byteLength ? captures : detach(captures)

const append = (draft: Draft, said: Entry["said"], bytes: number): void => {
  const entry: Entry = { said, stamp: said._tag === "Msg" ? draft.stamp : undefined, bytes }
  draft.entries = draft.entries.set(draft.next++, entry)
  count(draft, entry, 1)
}

/** What is here under an endpoint counts no more. It is left where it is, since its places are not known, and falls away when they are come to. */
const silence = (draft: Draft, endpoint: Endpoint): void => {
  const load = draft.loads.get(endpoint)
  if (load === undefined) return
  draft.all = plus(draft.all, -load.all.count, -load.all.bytes)
  draft.messages = plus(draft.messages, -load.messages.count, -load.messages.bytes)
  draft.loads = draft.loads.delete(endpoint)
  draft.ended = draft.ended.set(endpoint, true)
}
const isSilenced = ({ ended }: Outbox, { said }: Entry): boolean => "captures" in said && ended.has(said.endpoint)

// What goes

/** Without the oldest messages, so that at most these many are left; and how many those were. */
export const dropMessages = (box: Outbox, messagesMax: number, messageBytesMax: number): readonly [Outbox, dropped: number] => {
  if (!isCrowded(box, messagesMax, messageBytesMax)) return [box, 0]
  const draft: Draft = { ...box, oldest: Math.max(box.oldest, box.first) }
  for (; isCrowded(draft, messagesMax, messageBytesMax); draft.oldest++) {
    const entry = draft.entries.get(draft.oldest)
    if (entry?.said._tag !== "Msg" || isSilenced(draft, entry)) continue
    remove(draft, draft.oldest, entry)
    discount(draft, entry)
  }
  return [tidied(draft), box.messages.count - draft.messages.count]
}
export const isCrowded = ({ messages }: Outbox, messagesMax: number, messageBytesMax: number): boolean =>
  messages.count > messagesMax || messages.bytes > messageBytesMax

/** What is to be said next: turns, and markers between them. */
export type Said = { readonly _tag: "Items"; readonly items: ReadonlyArray<Item> } | Marker

/** Out of the front as many whole turns as make at most so many bytes of packets, but at least one. */
export const take = (box: Outbox, bytesMax: number): readonly [ReadonlyArray<Said>, Outbox] => {
  const said: Array<Said> = []
  let draft: Draft = { ...box }
  let items: Array<Item> = []
  let left = bytesMax
  const say = (stamp: Stamp | undefined, one: ReadonlyArray<Item>, bytes: number): void => {
    if (items.length === 0) {
      said.push({ _tag: "Items", items })
      left -= headBytes + 1
    }
    if (stamp !== undefined && stamp !== draft.told) {
      items.push(stamp)
      left -= sizeOf(stamp)
      draft.told = stamp
    }
    items.push(...one)
    left -= bytes
  }
  /** A sync waits for the end of the turn that it came to stand in: later is late, and not wrong. */
  const takeFirst = (syncs: Array<Marker>): void => {
    const entry = draft.entries.get(draft.first)
    if (entry !== undefined) {
      const one = entry.said
      remove(draft, draft.first, entry)
      if (!isSilenced(draft, entry)) {
        discount(draft, entry)
        if (isMarker(one)) syncs.push(one)
        else say(entry.stamp, [one], entry.bytes)
        if (one._tag === "End") draft.ended = draft.ended.delete(one.endpoint)
      }
    }
    draft.first++
  }
  const cuts = cutsOf(box)
  for (const end of [...cuts, box.next]) {
    const before = { draft: { ...draft }, items, itemsHere: items.length, saidHere: said.length, left }
    const syncs: Array<Marker> = []
    while (draft.first < end) takeFirst(syncs)
    if (syncs.length > 0) {
      said.push(...syncs)
      items = []
    }
    if (left < 0 && before.left < bytesMax) {
      // one turn too many
      draft = before.draft
      said.length = before.saidHere
      items = before.items
      items.length = before.itemsHere
      left = before.left
      break
    }
    if (left <= 0 && left < bytesMax) break
  }
  // messages that come under it later will not bring it along
  if (draft.all.count === 0 && draft.stamp !== draft.told && (left === bytesMax || left >= stampBytesMax)) say(draft.stamp, [], 0)
  draft.cuts = cutAt(cuts.filter((at) => at > draft.first))
  return [said, tidied(draft)]
}
const stampBytesMax = headBytes + 1 + 7 + 2 * 7

/** Where the turns of a box begin, but the first. */
const cutsOf = ({ cuts, first }: Outbox): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let cut = cuts; cut !== undefined && cut.at > first; cut = cut.before) found.push(cut.at)
  return found.toReversed()
}
const cutAt = (places: ReadonlyArray<number>): Cut | undefined => places.reduce((before: Cut | undefined, at) => ({ at, before }), undefined)

/** What must be said even when all else has become void. */
export const markers = (box: Outbox): ReadonlyArray<Marker> => {
  const found: Array<Marker> = []
  for (const [, { said }] of inOrder(box)) if (isMarker(said)) found.push(said)
  return found
}
const isMarker = (said: Entry["said"]): said is Marker => said._tag === "Sync" || said._tag === "Synced"

const remove = (draft: Draft, at: number, { said }: Entry): void => {
  draft.entries = draft.entries.delete(at)
  if (said._tag !== "Add" && said._tag !== "Del") return
  const key = factKey(said)
  if (draft.facts.get(key) === at) draft.facts = draft.facts.delete(key)
}

// Counting

const discount = (draft: Draft, entry: Entry): void => count(draft, entry, -1)
const count = (draft: Draft, { bytes, said }: Entry, by: 1 | -1): void => {
  draft.all = plus(draft.all, by, by * bytes)
  if (!("captures" in said)) return
  const isMessage = said._tag === "Msg"
  const { all, messages } = draft.loads.get(said.endpoint) ?? { all: none, messages: none }
  const now = plus(all, by, by * bytes)
  if (isMessage) draft.messages = plus(draft.messages, by, by * bytes)
  draft.loads = now.count === 0
    ? draft.loads.delete(said.endpoint)
    : draft.loads.set(said.endpoint, { all: now, messages: isMessage ? plus(messages, by, by * bytes) : messages })
}
const plus = ({ bytes, count }: Count, more: number, moreBytes: number): Count => ({ count: count + more, bytes: bytes + moreBytes })
const isSame = (a: Stamp | undefined, b: Stamp): boolean => a?.origin === b.origin && a.n === b.n

// Gaps

const gapsMin = 1_024 // a guess: a thousand looks for what is not there cost less than a rebuilt map

/** Numbered anew when more than half of the numbers are gaps, so that walking over them costs no more than what is here. */
const tidied = (draft: Draft): Outbox => {
  if (isEmpty(draft)) return empty
  if (draft.next - draft.first <= 2 * draft.all.count + gapsMin) return draft
  let { entries, facts } = empty
  let next = 0
  const cuts = cutsOf(draft)
  const places = new Set<number>()
  let passed = 0
  for (const [at, entry] of inOrder(draft)) {
    if (isSilenced(draft, entry)) continue
    for (; passed < cuts.length && cuts[passed]! <= at; passed++) places.add(next)
    if (entry.said._tag === "Add" || entry.said._tag === "Del") facts = facts.set(factKey(entry.said), next)
    entries = entries.set(next++, entry)
  }
  return { ...draft, entries, facts, cuts: cutAt([...places]), ended: empty.ended, first: 0, next, oldest: 0 }
}

const inOrder = ({ entries }: Outbox): ReadonlyArray<readonly [number, Entry]> => [...entries].sort(([a], [b]) => a - b)
