/**
 * A TCP or Unix socket, read by credit.
 *
 * Nothing is read before somebody is there. From then on Node reads ahead, 128 KiB at most, so that the
 * end and a reset are heard of without credit; from what it has, no byte is taken beyond the credit, but
 * for the lines and packets that are cut out of a chunk, which wait here. The stream never flows.
 */
import type { Value } from "@colloquy/core"
import type * as net from "node:net"
import { Intake, type Limits as IntakeLimits, type Mode, prefixOf } from "./Intake.ts"
import * as Reason from "./Reason.ts"
import { backlog, type Limits as WireLimits, type News, overflow, piecesAtOnce, type Wire } from "./Wire.ts"

export type Limits = WireLimits & IntakeLimits
export interface TcpWire extends Wire {
  /** Forgets all credit. */
  readonly setMode: (mode: Mode) => void
  /** Half-closes. */
  readonly end: () => void
}

export const make = (socket: net.Socket, limits: Limits, news: News): TcpWire => {
  const intake = new Intake(limits)
  const waiting = backlog(limits)
  let credit = 0
  let hasBegun = false
  let isPumping = false
  /** The other end's side, then ours, then the socket itself; and whether that is told. */
  let isRead = false
  let isEofTold = false
  let isEnded = false
  let isClosed = false
  let isOver = false
  let broken: Value.Value | undefined
  let linger: NodeJS.Timeout | undefined

  const finish = (reason: Value.Value): void => {
    if (isOver) return
    isOver = true
    news.ended(reason)
  }
  const fail = (reason: Value.Value): void => {
    finish(reason)
    socket.destroy()
  }

  /** Tells what there is credit for. What is told may bring more credit while it is told. */
  const pump = (): void => {
    if (!hasBegun || isPumping) return
    isPumping = true
    while (advance());
    if (!isOver && isRead && intake.isDrained) tellEof()
    isPumping = false
  }
  const advance = (): boolean => !isOver && (tellPieces() || readMore())
  const tellPieces = (): boolean => {
    const pieces: Array<Uint8Array | string> = []
    let next = intake.take(credit, isRead)
    for (; typeof next === "object"; next = intake.take(credit, isRead)) {
      pieces.push(next.piece)
      credit -= next.used
      if (pieces.length >= piecesAtOnce) break
    }
    if (pieces.length > 0) news.received(pieces)
    if (typeof next === "string") fail(Reason.of(next))
    if (typeof next !== "object") return pieces.length > 0
    setImmediate(pump) // there may be more: others first
    return false
  }
  const readMore = (): boolean => {
    const wanted = intake.mode._tag === "bytes" ? Math.min(credit, socket.readableLength) : credit > 0 ? socket.readableLength : 0
    const chunk = wanted > 0 ? socket.read(wanted) as Buffer | null : null
    if (chunk !== null) intake.push(chunk)
    else if (socket.readableLength === 0) socket.read(0) // asks for more, and finds out about the end
    return chunk !== null
  }
  const tellEof = (): void => {
    if (!isEofTold) {
      isEofTold = true
      news.eof()
    }
    if (isClosed) finish(Reason.of(intake.length > 0 ? "truncated" : "eof"))
  }

  socket.on("error", (error: Error) => { broken ??= Reason.ofError(error) })
  socket.on("end", () => {
    isRead = true
    pump()
  })
  socket.on("close", () => {
    isClosed = true
    clearTimeout(linger)
    news.gone()
    if (broken !== undefined || !isRead) finish(broken ?? Reason.of("reset"))
    else pump() // both sides have ended, and some of it may not be told yet
  })

  const leave = (): void => {
    isOver = true
    if (socket.connecting) socket.destroy()
    else if (!isClosed) linger = setTimeout(() => socket.destroy(), limits.lingerMs)
  }
  const discard = (): void => {
    while (socket.read() !== null);
  }
  return {
    begin: () => {
      if (hasBegun || isOver) return
      hasBegun = true
      socket.on("readable", pump)
      pump()
    },
    credit: (n) => {
      credit = Math.min(credit + n, Number.MAX_SAFE_INTEGER)
      pump()
    },
    setMode: (mode) => {
      credit = 0
      intake.setMode(mode)
      pump()
    },
    write: (data) => {
      const body = typeof data === "string" ? Buffer.from(data) : data
      const prefix = prefixOf(intake.mode, body.length)
      if (isEnded || prefix === undefined) return false
      if (!waiting.enter(body.length)) {
        fail(overflow)
        return true
      }
      socket.cork()
      if (prefix.length > 0) socket.write(prefix)
      socket.write(body, (error) => {
        waiting.leave(body.length)
        if (!error && !isOver) news.written(body.length)
      })
      process.nextTick(() => socket.uncork())
      return true
    },
    end: () => {
      isEnded = true
      socket.end()
    },
    close: () => {
      leave()
      socket.end()
      // what is still coming is taken and forgotten: a socket that is closed with bytes unread is reset, and what was written would be lost
      socket.on("readable", discard)
      discard()
    },
    abort: () => {
      isOver = true
      socket.destroy()
    },
    stop: () => {
      leave()
      socket.destroySoon()
    }
  }
}
