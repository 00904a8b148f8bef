/**
 * What the runtime has to make text of bytes and bytes of text: in Node, the methods of `Buffer`, which
 * take any bytes. From a dozen bytes on they need a third of what a loop does, or less.
 *
 * They are functions of their arguments and nothing else, so core stays as pure as it is, and what they
 * give is what `utf8.ts` and `latin1.ts` give without them: nothing but time depends on whether they
 * are there. This is the one place where core names what the language does not have.
 */
interface Native {
  /** Malformed UTF-8 becomes U+FFFD. */
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string
  /** Stops where there is no more room. Says how many bytes it wrote. */
  readonly latin1Write: (this: Uint8Array, text: string, at: number, bytesMax: number) => number
  /** Lone surrogates become U+FFFD; stops before a character that has no room. Says how many bytes it wrote. */
  readonly utf8Write: (this: Uint8Array, text: string, at: number, bytesMax: number) => number
}
declare const Buffer: { readonly prototype: Partial<Native> } | undefined

/** `undefined` where the runtime has none, as in browsers. */
export const native: Native | undefined = (() => {
  if (typeof Buffer === "undefined") return undefined
  const { latin1Slice, latin1Write, utf8Slice, utf8Write } = Buffer.prototype
  if (latin1Slice === undefined || latin1Write === undefined || utf8Slice === undefined || utf8Write === undefined) return undefined
  return { latin1Slice, latin1Write, utf8Slice, utf8Write }
})()
