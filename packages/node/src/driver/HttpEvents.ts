/**
 * Server-sent events (the HTML standard, 9.2), as an answer that goes on.
 *
 * A reader that does not keep up is cut off: once `eventsMax` bytes wait for it, the next event is too
 * much. It connects again by itself, and an event that was dropped in silence would never be missed.
 */
import type { OutgoingHttpHeaders, ServerResponse } from "node:http"

export interface Events {
  /** Whether it could be sent; `false` says that the reader is too slow. */
  readonly send: (name: string, data: string, id?: string) => boolean
  readonly end: () => void
  /** Stops what keeps the connection warm. */
  readonly stop: () => void
}
/** What a reader of server-sent events may cost. */
export interface Limits {
  /** Bytes that may wait for it; with more it is cut off. */
  readonly eventsMax: number
  /** Silence after which a comment is sent, so that nobody on the way takes the connection for dead. */
  readonly heartbeatMs: number
}

/** One event as it is written. A name and an id are one line; each line of the data is one of its own. */
export const eventOf = (name: string, data: string, id?: string): string => {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`).join("")
  const line = name.replace(/[\r\n]+/g, " ")
  // an id with NUL in it would be ignored
  const known = id === undefined ? "" : `id: ${id.replace(/[\r\n\0]+/g, " ")}\n`
  return `${line === "" ? "" : `event: ${line}\n`}${known}${lines}\n`
}

/** Begins the answer. */
export const open = (response: ServerResponse, headers: OutgoingHttpHeaders, { eventsMax, heartbeatMs }: Limits): Events => {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", ...headers })
  response.flushHeaders()
  const write = (text: string): boolean => {
    if (response.writableLength > eventsMax) return false
    response.write(text)
    return true
  }
  // a comment: what is between the two of us keeps the connection, and one that broke is found out
  const heartbeat = setInterval(() => write(":\n\n"), heartbeatMs)
  return {
    send: (name, data, id) => write(eventOf(name, data, id)),
    end: () => void response.end(),
    stop: () => clearInterval(heartbeat)
  }
}
