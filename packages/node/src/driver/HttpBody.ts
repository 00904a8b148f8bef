/** The body of a request, read whole and bounded: one by itself, and all that wait together. */
import type { IncomingMessage } from "node:http"

/** How many bytes of bodies are held. */
export interface Budget {
  used: number
}
export type Body =
  | { readonly _tag: "Whole"; readonly bytes: Uint8Array }
  | { readonly _tag: "TooLarge" }
  /** Others' bodies take all the room. */
  | { readonly _tag: "NoRoom" }

export interface Limits {
  readonly bodyMax: number
  readonly bodiesMax: number
}

/** Whether a body says itself that it is too large. */
export const isTooLarge = ({ headers }: IncomingMessage, { bodyMax }: Limits): boolean => Number(headers["content-length"] ?? 0) > bodyMax

/** Reads it, and then calls `done` once; or never, when the client goes first. What it takes of the budget is given back by the function returned. */
export const readWhole = (request: IncomingMessage, budget: Budget, { bodiesMax, bodyMax }: Limits, done: (body: Body) => void): () => void => {
  // not a list of chunks: those of a single byte would cost hundreds each
  let bytes = new Uint8Array(0)
  let size = 0
  const giveBack = (): void => {
    budget.used -= size
    size = 0
  }
  const finish = (body: Body): void => {
    request.off("data", onData).off("end", onEnd)
    if (body._tag !== "Whole") giveBack()
    done(body)
  }
  const onData = (chunk: Buffer): void => {
    const at = size
    size += chunk.length
    budget.used += chunk.length
    if (size > bodyMax) return finish({ _tag: "TooLarge" })
    if (budget.used > bodiesMax) return finish({ _tag: "NoRoom" })
    if (size > bytes.length) bytes = grown(bytes, at, size, bodyMax)
    bytes.set(chunk, at)
  }
  const onEnd = (): void => finish({ _tag: "Whole", bytes: bytes.length === size ? bytes : bytes.slice(0, size) })
  request.on("data", onData).on("end", onEnd)
  return giveBack
}
const grown = (bytes: Uint8Array, used: number, needed: number, max: number): Uint8Array<ArrayBuffer> => {
  const next = new Uint8Array(Math.min(max, Math.max(needed, 2 * bytes.length)))
  next.set(bytes.subarray(0, used))
  return next
}
