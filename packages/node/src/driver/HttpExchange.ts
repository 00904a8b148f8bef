/**
 * One request that is somebody's to answer: a fact from when its body has come until the client has
 * its answer, or went away, or waited too long. The first answer counts.
 */
import { Value } from "@colloquy/core"
import type { IncomingMessage, ServerResponse } from "node:http"
import { type Credited, isCredit, read } from "./Credited.ts"
import { type Asked, readAnswer, readHeaders, refuse, requestOf, send } from "./HttpAsked.ts"
import * as Events from "./HttpEvents.ts"
import type { Held, Port } from "./Port.ts"

/** How long an answer may take, and a reader. */
export interface Limits extends Events.Limits {
  /** Until somebody answers; then the client hears 504. */
  readonly answerMs: number
  /** Without any progress of what is sent; then the connection is cut. */
  readonly sendMs: number
}
export interface Request {
  readonly id: string
  readonly port: number
  readonly asked: Asked
  readonly request: IncomingMessage
  readonly response: ServerResponse
}
/** Why a request is gone: a symbol, or `<bad text>`. */
type Ended = "answered" | "left" | "late" | "unhandled" | "closed" | "slow"
type Phase =
  | { readonly _tag: "Waiting" }
  | { readonly _tag: "Answering"; readonly reason: Value.Value }
  | { readonly _tag: "Streaming"; readonly events: Events.Events }
  | { readonly _tag: "Gone" }

export class Exchange {
  readonly of: Request
  readonly #say: Port["say"]
  readonly #limits: Limits
  readonly #onGone: () => void
  readonly #fact: Held
  readonly #whole: Uint8Array | undefined
  readonly #body: Credited | undefined
  readonly #timer: NodeJS.Timeout
  #phase: Phase = { _tag: "Waiting" }

  /** `body` is `undefined` when it is to be read by credit. */
  constructor(of: Request, body: Uint8Array | undefined, port: Port, limits: Limits, onGone: () => void) {
    this.of = of
    this.#say = port.say
    this.#limits = limits
    this.#onGone = onGone
    this.#fact = port.hold()
    this.#timer = setTimeout(() => this.#refuse("late", 504, "no answer came in time"), limits.answerMs)
    of.response.once("close", () => {
      const phase = this.#phase
      this.#gone(phase._tag === "Answering" && of.response.writableFinished ? phase.reason : Value.symbol("left"))
    })
    this.#body = body === undefined ? this.#stream() : undefined
    this.#whole = body
  }
  /** Says in the dataspace that a client waits; it may be answered within this call. */
  announce(): void {
    this.#fact.become(requestOf(this.of.id, this.of.port, this.of.asked, this.#whole ?? Value.symbol("stream")))
  }
  #stream(): Credited {
    const tell = (data: Value.Value) => this.#say(Value.record("http-body", this.of.id, data))
    return read(this.of.request, {
      mode: "bytes",
      lineMax: 0,
      onData: (data) => tell(data),
      onEnd: (broken) => { if (!broken) tell(Value.symbol("eof")) } // a client that broke off is gone, and that is told
    })
  }

  grant(n: Value.Value): void {
    if (isCredit(n)) this.#body?.grant(n)
  }

  respond(said: ReadonlyArray<Value.Value>): void {
    if (this.#phase._tag !== "Waiting") return
    const answer = readAnswer(said)
    if (typeof answer === "string") return this.#bad(answer)
    this.#answering(Value.symbol("answered"))
    send(this.of.request, this.of.response, answer)
  }
  open(headers: Value.Value): void {
    if (this.#phase._tag !== "Waiting") return
    const read = readHeaders(headers)
    if (typeof read === "string") return this.#bad(read)
    clearTimeout(this.#timer)
    this.#phase = { _tag: "Streaming", events: Events.open(this.of.response, read, this.#limits) }
    if (this.of.asked.method === "HEAD") this.end() // that was all; what else the connection asks for would wait
  }
  event(name: Value.Value, data: Value.Value, id?: Value.Value): void {
    if (this.#phase._tag !== "Streaming" || typeof name !== "string" || typeof data !== "string") return
    if (!this.#phase.events.send(name, data, typeof id === "string" ? id : undefined)) this.#cut()
  }
  /** No more events come. */
  end(): void {
    if (this.#phase._tag !== "Streaming") return
    const { events } = this.#phase
    events.stop()
    this.#answering(Value.symbol("answered"))
    events.end()
  }
  /** Those who were to answer are gone. */
  unhandled(): void {
    this.#refuse("unhandled", 503, "nobody answers any more")
  }
  /** The port closes: what is being sent may be finished. */
  close(): void {
    this.#refuse("closed", 503, "this server stops")
    const phase = this.#phase
    if (phase._tag === "Gone") return
    this.#gone(Value.symbol("closed"))
    if (phase._tag === "Streaming") phase.events.end()
  }

  #answering(reason: Value.Value): void {
    clearTimeout(this.#timer)
    this.#body?.stop()
    this.#phase = { _tag: "Answering", reason }
    this.of.response.setTimeout(this.#limits.sendMs, () => this.#cut())
  }
  #refuse(reason: Ended, status: number, text: string): void {
    if (this.#phase._tag !== "Waiting") return
    this.#answering(Value.symbol(reason))
    refuse(this.of.request, this.of.response, status, text)
    // the client may take its time; nobody here can do anything for it any more
    this.#gone(Value.symbol(reason))
  }
  #bad(reason: string): void {
    this.#answering(Value.record("bad", reason))
    refuse(this.of.request, this.of.response, 500, "the answer that was given is none")
  }
  #cut(): void {
    this.#gone(Value.symbol("slow"))
    this.of.response.destroy()
  }
  #gone(reason: Value.Value): void {
    if (this.#phase._tag === "Gone") return
    if (this.#phase._tag === "Streaming") this.#phase.events.stop()
    clearTimeout(this.#timer)
    this.#body?.stop()
    this.#phase = { _tag: "Gone" }
    this.#onGone()
    this.#say(Value.record("http-ended", this.of.id, reason))
    this.#fact.release(reason)
  }
}
