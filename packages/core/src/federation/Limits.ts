/** What a federated scope keeps on behalf of one link: how much it may be, and how much it is. */

/** Our own dataspace's link is free of these: what it supplies is what peers asked for, and is counted there. */
export interface Config {
  /** Subscriptions that a link may hold, and bytes of their patterns. */
  readonly endpointsMax?: number
  readonly endpointBytesMax?: number
  /** Captures that a link may supply at one time, and as many that it may be told of; and their bytes. */
  readonly capturesMax?: number
  readonly captureBytesMax?: number
  /** `Clear`s that a link may leave without their `End`. */
  readonly closingMax?: number
  /** Names this life of the node in the stamps of messages: from 1 to 2^53-1, and like no other in the scope. */
  readonly origin?: number
}

// what they cost was measured in a node with one peer, with what the kernel keeps of small ones
/** What is kept for one link unless a node is told otherwise; the memory in these remarks is what that many cost. */
export const defaultConfig: Required<Config> = {
  endpointsMax: 262_144, // a guess: more than any program asks for, or all that a node between two crowds passes on; 420 MB
  endpointBytesMax: 16_777_216, // as many of 256 bytes; `<present "lobby" $who>` takes 55
  capturesMax: 1_000_000, // a guess: as many as a scope is thought for; 900 MB
  captureBytesMax: 268_435_456, // a guess: four turns of the largest size
  closingMax: 1_048_576, // a guess: four links that ask for so much may go before a slow one answers
  origin: 1
}

/** Captures that are kept for a link. */
export interface Load {
  readonly count: number
  readonly bytes: number
}
export const unladen: Load = { count: 0, bytes: 0 }

/** One more, or one less, of `size` bytes. */
export const laden = ({ bytes, count }: Load, by: 1 | -1, size: number): Load => ({ count: count + by, bytes: bytes + by * size })

export interface Excess {
  readonly code: "TooManyCaptures" | "TooManyBytes"
  readonly message: string
}

/** What is wrong with so many captures from a link, or for one, if anything is. */
export const excess = ({ captureBytesMax, capturesMax }: Required<Config>, { bytes, count }: Load, way: "from" | "for"): Excess | undefined => {
  if (count > capturesMax) return { code: "TooManyCaptures", message: `more than ${capturesMax} captures ${way} one link` }
  if (bytes > captureBytesMax) return { code: "TooManyBytes", message: `more than ${captureBytesMax} bytes of captures ${way} one link` }
  return undefined
}
