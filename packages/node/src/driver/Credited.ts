/**
 * A readable stream, read by credit: whoever listens grants bytes or lines, and is told no more than it
 * granted. Beyond that Node itself reads ahead, up to the stream's high-water mark (64 KiB).
 *
 * Lines end with LF or CR LF, which are not part of them, and are read as UTF-8. One that is longer
 * than `lineMax` bytes comes in pieces, each a line that costs credit: a stranger who never ends a line
 * fills no memory. The end is told without credit, after all that came before it.
 */
import type { Readable } from "node:stream"

export interface Options {
  readonly mode: "bytes" | "lines"
  readonly lineMax: number
  readonly onData: (data: string | Uint8Array) => void
  /** Once. `broken` when the stream was cut off before its end. */
  readonly onEnd: (broken: boolean) => void
}
export interface Credited {
  readonly grant: (n: number) => void
  /** Says nothing any more. */
  readonly stop: () => void
}

/** Whether something is an amount of credit. */
export const isCredit = (n: unknown): n is number => typeof n === "number" && Number.isSafeInteger(n) && n > 0

export const read = (stream: Readable, { lineMax, mode, onData, onEnd }: Options): Credited => {
  let credit = 0
  let isStopped = false
  let isEnded = false
  const lines = unfinished(lineMax)

  const take = (): string | Uint8Array | undefined => {
    if (isStopped || credit === 0) return undefined
    if (mode === "lines") return lines.next(stream, isEnded)
    const n = Math.min(credit, stream.readableLength)
    return n === 0 ? undefined : bytesOf(stream.read(n) as Buffer)
  }
  const pump = (): void => {
    for (let data = take(); data !== undefined; data = take()) {
      credit -= mode === "lines" ? 1 : data.length
      onData(data)
    }
    if (isStopped) return
    if (isEnded && lines.isEmpty()) return end(false)
    if (stream.readableLength === 0) stream.read(0) // asks for more, and finds out about the end
  }
  const end = (broken: boolean): void => {
    if (isStopped) return
    isStopped = true
    onEnd(broken)
  }
  stream.on("readable", pump)
  stream.on("end", () => {
    isEnded = true
    pump()
  })
  stream.on("error", () => end(true))
  stream.on("close", () => { if (!isEnded) end(true) })
  return {
    grant: (n) => {
      credit = Math.min(credit + n, Number.MAX_SAFE_INTEGER)
      pump()
    },
    stop: () => {
      isStopped = true
      stream.off("readable", pump)
    }
  }
}

/** The same bytes, as a value: whose `slice` copies, which a Buffer's does not. */
export const bytesOf = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)

/** What was read of a line that has not ended, and what came after the lines that were told. */
const unfinished = (lineMax: number) => {
  let rest: Buffer = Buffer.alloc(0)
  let parts: Array<Buffer> = []
  let size = 0
  const cut = (length: number, skip: number): string => {
    const line = Buffer.concat([...parts, rest.subarray(0, length)])
    rest = rest.subarray(length + skip)
    parts = []
    size = 0
    return line.toString("utf8", 0, skip === 1 && line.at(-1) === 0x0d ? line.length - 1 : line.length)
  }
  const isEmpty = (): boolean => size === 0 && rest.length === 0
  const next = (stream: Readable, isEnded: boolean): string | undefined => {
    for (;;) {
      if (rest.length === 0) rest = stream.read() as Buffer | null ?? rest
      const at = rest.indexOf(0x0a)
      const length = at < 0 ? rest.length : at
      if (size + length > lineMax) return cut(lineMax - size, 0)
      if (at >= 0) return cut(at, 1)
      if (rest.length === 0) return isEnded && size > 0 ? cut(0, 0) : undefined
      parts.push(rest)
      size += rest.length
      rest = rest.subarray(rest.length)
    }
  }
  return { next, isEmpty }
}
