/**
 * A WebSocket, read by credit: it is paused whenever a message waits for some. What the library cuts out
 * of a chunk that it has (64 KiB) waits here; so the end is heard of without credit when nothing waits.
 */
import { Value } from "@colloquy/core"
import type * as ws from "ws"
import * as Reason from "./Reason.ts"
import { backlog, type Limits as WireLimits, type News, overflow, piecesAtOnce, type Wire } from "./Wire.ts"

/** What one connection may cost. */
export interface Limits extends WireLimits {
  /** Bytes of a message; a longer one ends the connection, as 1009. */
  readonly messageBytesMax: number
}
export interface WebSocketWire extends Wire {
  /** The closing handshake, when all is written. Says `false` to what the protocol does not allow. */
  readonly leave: (code: number, text: string) => boolean
}

const closed = (code: number, text: string): Value.Value => Value.record("closed", code, text.toWellFormed())
/** How the library calls what a peer did wrong, as the codes of RFC 6455, 7.4.1. */
const wrongs: { readonly [code: string]: number } = { WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009, WS_ERR_INVALID_UTF8: 1007 }
const reasonOf = (error: NodeJS.ErrnoException): Value.Value =>
  error.code?.startsWith("WS_ERR") === true ? closed(wrongs[error.code] ?? 1002, error.message) : Reason.ofError(error)
const textBytesMax = 123 // RFC 6455, 5.5: a control frame has 125, and 2 are the code

export const make = (socket: ws.WebSocket, limits: Limits, news: News): WebSocketWire => {
  const waiting = backlog(limits)
  let queue: Array<Uint8Array | string> = []
  let credit = 0
  let isOpen = socket.readyState === socket.OPEN
  let hasBegun = false
  let isTelling = false
  let isLeaving = false
  let isOver = false
  let end: Value.Value | undefined
  let broken: Value.Value | undefined
  let linger: NodeJS.Timeout | undefined

  const finish = (reason: Value.Value): void => {
    if (isOver) return
    isOver = true
    queue = []
    news.ended(reason)
  }
  /** Tells what there is credit for. What is told may bring more credit while it is told. */
  const pump = (): void => {
    if (!hasBegun || isTelling) return
    isTelling = true
    const pieces = queue.splice(0, Math.min(credit, piecesAtOnce))
    credit -= pieces.length
    if (pieces.length > 0) news.received(pieces)
    isTelling = false
    if (isOver) return
    if (queue.length > 0) {
      socket.pause()
      if (credit > 0) setImmediate(pump) // others first
    } else if (end === undefined) socket.resume()
    else finish(end)
  }
  socket.on("message", (data: Buffer, isBinary) => {
    if (isOver) return
    queue.push(isBinary ? new Uint8Array(data.buffer, data.byteOffset, data.length) : data.toString())
    pump()
  })
  socket.on("open", () => { isOpen = true })
  socket.on("error", (error) => {
    broken ??= reasonOf(error)
    finish(broken)
    abandon()
  })
  socket.on("close", (code, text) => {
    clearTimeout(linger)
    end = broken ?? closed(code, text.toString())
    if (broken !== undefined || queue.length === 0) finish(end)
    news.gone()
  })
  const abandon = (): void => {
    if (socket.readyState !== socket.CLOSED) linger ??= setTimeout(() => socket.terminate(), limits.lingerMs)
  }
  const sayFarewell = (code: number): void => {
    isOver = true
    queue = []
    if (!isOpen) return socket.terminate()
    socket.resume() // to hear the other end's
    socket.close(code)
    abandon()
  }
  return {
    begin: () => {
      hasBegun = true
      pump()
    },
    credit: (n) => {
      credit = Math.min(credit + n, Number.MAX_SAFE_INTEGER)
      pump()
    },
    write: (data) => {
      if (isLeaving) return false
      const n = typeof data === "string" ? Buffer.byteLength(data) : data.length
      if (!waiting.enter(n)) {
        finish(overflow)
        socket.terminate()
        return true
      }
      socket.send(data, { binary: typeof data !== "string" }, (error) => {
        waiting.leave(n)
        if (!error && !isOver) news.written(n)
      })
      return true
    },
    leave: (code, text) => {
      const isAllowed = code === 1000 || (Number.isInteger(code) && code >= 3000 && code <= 4999)
      if (isLeaving || !isAllowed || Buffer.byteLength(text) > textBytesMax) return false
      isLeaving = true
      abandon()
      socket.close(code, text)
      return true
    },
    close: () => sayFarewell(1000),
    abort: () => {
      isOver = true
      socket.terminate()
    },
    stop: () => sayFarewell(1001)
  }
}
