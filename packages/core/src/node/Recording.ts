/**
 * The run of a node as lines of text, one a step, in Preserves: what a file holds of it.
 *
 *     <colloquy-recording 1 {config: {…} behaviours: ["…"] at: 31.5} {Log: 1} "89ab12cd">
 *     <step 1 31.9 {_tag: "Received" link: "in:1" bytes: #x"…" at: 31.8} {Write: 1 SetTimer: 2} "0011aabb">
 *     <stopped "why">
 *
 * The first line has what the machine was configured with, and the names of its behaviours, which are
 * programs and not in the recording. A step has its number, when it was taken (ms of the host's clock),
 * the event, and of the actions how many there were of each kind and a hash, so that a replay that
 * diverges is noticed; `failed` stands there for a step that was abandoned. Line k holds step k - 1.
 *
 * Promises: what was written is read back exactly, line by line; whatever else is read gives a
 * `RecordingError` with its line, and never an event that is not shaped like one.
 */
import { DecodeError } from "../codec/DecodeError.ts"
import * as Plain from "../codec/Plain.ts"
import * as Text from "../codec/Text.ts"
import * as Trace from "../machine/Trace.ts"
import { InvalidValue, isRecord, record, Record, symbol, type Value } from "../value/Value.ts"
import type { Action, Config, Event } from "./Node.ts"

/** The format that is written, and the only one that is read. */
export const version = 1
/** Characters of a line at most. */
export const lineMax = Plain.defaultLimits.bytesMax

/** What the first line says of the node. */
export interface Header {
  readonly config: Config
  /** Names of the behaviours that the node had. */
  readonly behaviours: ReadonlyArray<string>
  /** The host's clock when the node started. */
  readonly at: number
}
/** The first line, read: the header, and what the machine asked for before its first event. */
export interface Start extends Header {
  readonly _tag: "Start"
  /** Of the actions before the first event. */
  readonly did: Did
}
/** Another line, read. */
export interface Step {
  readonly _tag: "Step"
  /** Of the step, from 1. */
  readonly n: number
  /** When it was taken, in ms of the host's clock. */
  readonly at: number
  readonly event: Event
  readonly did: Did
}
/** The recorder gave up. */
export interface Stopped {
  readonly _tag: "Stopped"
  readonly reason: string
}

/** What can be told of a step's actions afterwards; `failed` when it was abandoned. */
export type Did = "failed" | { readonly counts: { readonly [tag: string]: number }; readonly hash: string }

/** Why a line is none of a recording. A plain value: returned, never thrown. */
export class RecordingError {
  readonly _tag = "RecordingError"
  /** From 1. */
  readonly line: number
  readonly message: string
  constructor(line: number, message: string) {
    this.line = line
    this.message = message
  }
}

/** What a step did; `undefined` actions are those of a step that was abandoned. */
export const did = (actions: ReadonlyArray<Action> | undefined): Did => {
  if (actions === undefined) return "failed"
  const counts: { [tag: string]: number } = {}
  for (const { _tag } of actions) counts[_tag] = (counts[_tag] ?? 0) + 1
  return { counts, hash: Trace.digest(actions).toString(16).padStart(8, "0") }
}

/** Whether a step did again what it did. */
export const agree = (a: Did, b: Did): boolean => Trace.same(a, b)

// ---- writing ------------------------------------------------------------------------------------

/** The first line. Throws `InvalidValue` for what is no plain data, as the others do. */
export const start = ({ at, behaviours, config }: Header, boot: ReadonlyArray<Action>): string =>
  line(new Record(symbol("colloquy-recording"), [version, Plain.toValue({ config, behaviours, at }), ...didValue(did(boot))]))

/** The line of step `n`, from 1, taken at `at` ms of the host's clock; `actions` is `undefined` when it was abandoned. */
export const step = (n: number, at: number, event: Event, actions: ReadonlyArray<Action> | undefined): string =>
  line(new Record(symbol("step"), [n, Plain.toValue(at), Plain.toValue(event), ...didValue(did(actions))]))

/** The last line of a recording that was given up. One without it may have been cut off, or go on. */
export const stopped = (reason: string): string => line(record("stopped", Plain.toValue(reason)))

const didValue = (what: Did): ReadonlyArray<Value> => what === "failed" ? [symbol("failed")] : [Plain.toValue(what.counts), what.hash]
const line = (value: Value): string => {
  const text = Text.print(value)
  if (text.length > lineMax) throw new InvalidValue(`a line of ${text.length} characters, more than ${lineMax}`)
  return text
}

// ---- reading ------------------------------------------------------------------------------------

/** The first line. */
export const readStart = (text: string): Start | RecordingError => {
  const wrong = (message: string) => new RecordingError(1, message)
  const value = Text.read(text, Plain.defaultLimits)
  if (!(value instanceof Record) || value.label !== symbol("colloquy-recording")) return wrong("this is not the beginning of a recording")
  const [format, header, ...rest] = value.fields
  if (format !== version) return wrong(`its format is ${Text.print(format ?? symbol("unknown")).slice(0, 20)}; this program reads format ${version}`)
  const data = header === undefined ? undefined : Plain.fromValue(header)
  const what = didOf(rest)
  if (what === undefined || !isHeader(data)) return wrong("the header is damaged")
  return { _tag: "Start", ...data, did: what }
}

/** Line `number`, which is not the first. */
export const readStep = (text: string, number: number): Step | Stopped | RecordingError => {
  const wrong = (message: string) => new RecordingError(number, message)
  const value = Text.read(text, Plain.defaultLimits)
  if (value instanceof DecodeError) return wrong(`${value.message}, at character ${value.offset + 1}`)
  if (isRecord(value, "stopped", 1)) {
    const reason = Plain.fromValue(value.fields[0]!)
    return typeof reason === "string" ? { _tag: "Stopped", reason } : wrong("it does not say why the recording was stopped")
  }
  if (!(value instanceof Record) || value.label !== symbol("step")) return wrong("this is not a step")
  const [n, time, what, ...rest] = value.fields
  if (n !== number - 1) return wrong(`step ${number - 1} should be here`)
  const at = time === undefined ? undefined : Plain.fromValue(time)
  const event = what === undefined ? undefined : Plain.fromValue(what)
  if (event instanceof DecodeError) return wrong(event.message)
  const done = didOf(rest)
  if (typeof at !== "number" || done === undefined) return wrong("the step is damaged")
  if (!isEvent(event)) return wrong("this is no event of a node")
  return { _tag: "Step", n, at, event, did: done }
}

const didOf = ([first, hash, ...more]: ReadonlyArray<Value>): Did | undefined => {
  if (first === symbol("failed") && hash === undefined) return "failed"
  const counts = first === undefined ? undefined : Plain.fromValue(first)
  if (!isFields(counts, "number") || typeof hash !== "string" || more.length > 0) return undefined
  return { counts: counts as { readonly [tag: string]: number }, hash }
}

type Fields = { readonly [name: string]: unknown }
const isPlain = (data: unknown): data is Fields => typeof data === "object" && data !== null && Object.getPrototypeOf(data) === Object.prototype
const isFields = (data: unknown, type: string): data is Fields => isPlain(data) && Object.values(data).every((field) => typeof field === type)

const isHeader = (data: unknown): data is Header => isPlain(data) && typeof data["at"] === "number"
  && Array.isArray(data["behaviours"]) && data["behaviours"].every((one) => typeof one === "string") && isConfig(data["config"])

const isConfig = (data: unknown): boolean => {
  if (!isPlain(data)) return false
  const { incarnation, leaf = false, limits = {}, node, priority = 0, seed, slowPeer = "drop", timing = {} } = data
  if (!isPlain(timing)) return false
  const { backoff = {}, ...times } = timing
  return typeof node === "string" && typeof incarnation === "number" && typeof seed === "number" && typeof leaf === "boolean"
    && typeof priority === "number" && (slowPeer === "drop" || slowPeer === "close")
    && isFields(limits, "number") && isFields(times, "number") && isFields(backoff, "number")
}

type Shape = { readonly [field: string]: "string" | "number" | "boolean" | "bytes" | "space" | "event" | "list" }
/** What a field of each event must be, lest a step be given what it cannot be given by a host. */
const shapes: { readonly [tag in Event["_tag"]]: Shape } = {
  Incoming: { link: "string", from: "string", stream: "boolean", at: "number" },
  Dialled: { link: "string", stream: "boolean", at: "number" },
  DialFailed: { link: "string", reason: "string", at: "number" },
  Received: { link: "string", bytes: "bytes", at: "number" },
  Written: { link: "string", bytes: "number" },
  Lost: { link: "string", reason: "string", at: "number" },
  TimerFired: { timer: "string", at: "number" },
  Tell: { space: "space", event: "event" },
  Sync: { link: "string", n: "number" },
  Stop: { at: "number" }
}
/** The events of a dataspace; what processes do may be any nonsense, as it may be in a node. */
const told: { readonly [tag: string]: Shape } = {
  Enter: { pid: "string", name: "string", actions: "list" },
  Perform: { pid: "string", actions: "list" },
  Leave: { pid: "string" },
  Supply: { items: "list" },
  Continue: {}
}

const isEvent = (data: unknown): data is Event => isShaped(shapes, data)
const isShaped = (known: { readonly [tag: string]: Shape }, data: unknown): boolean => {
  if (!isPlain(data) || typeof data["_tag"] !== "string" || !Object.hasOwn(known, data["_tag"])) return false
  return Object.entries(known[data["_tag"]]!).every(([field, what]) => isField(what, data[field]))
}
const isField = (what: Shape[string], data: unknown): boolean => {
  switch (what) {
    case "bytes": return data instanceof Uint8Array
    case "space": return data === null || typeof data === "string"
    case "event": return isShaped(told, data)
    case "list": return Array.isArray(data)
    default: return typeof data === what
  }
}
