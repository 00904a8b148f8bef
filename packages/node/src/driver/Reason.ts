/** Why something failed or ended: a symbol that programs can match, or `<error "CODE" "text">` for what has none. */
import { Value } from "@colloquy/core"

export type Known =
  | "refused" | "reset" | "timeout" | "unreachable" | "not-found" | "in-use" | "denied" | "eof" | "closed" | "unhandled" | "line-too-long"
  | "packet-too-long" | "truncated" | "write-overflow" | "too-many" | "id-in-use" | "misused" | "listener-closed" | "driver-stopped"
export const of = (known: Known): Value.Value => Value.symbol(known)

const codes: { readonly [code: string]: Known } = {
  ECONNREFUSED: "refused", ECONNRESET: "reset", EPIPE: "reset", ECONNABORTED: "reset", ETIMEDOUT: "timeout", EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable", EADDRNOTAVAIL: "unreachable", ENOTFOUND: "not-found", EAI_AGAIN: "not-found", ENOENT: "not-found",
  EADDRINUSE: "in-use", EACCES: "denied", EPERM: "denied"
}
const textMax = 500

/** What the system said. */
export const ofError = (error: Error): Value.Value => {
  const { code } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : codes[code]
  return known === undefined ? failure(code ?? error.name, error.message) : of(known)
}
export const failure = (code: string, text: string): Value.Value => Value.record("error", code.toWellFormed(), text.slice(0, textMax).toWellFormed())
