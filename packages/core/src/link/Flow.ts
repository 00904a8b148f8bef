/**
 * How much lies between us and a peer, counted in bytes: what we wrote and the transport has not taken,
 * what we sent in turns and the peer has not credited, and what we owe it credit for.
 *
 * Promises: with a peer that credits, no more is outstanding than its window, but for a turn that starts
 * while at most half of it is; who credits whenever half a window is dealt with is never waited for in vain.
 */

export interface Flow {
  /** Bytes written that the transport has not taken. */
  readonly unsentBytes: number
  /** Those of the largest turn that was said since nothing waited. */
  readonly turnBytes: number
  /** Payload bytes of the turn packets that we sent since we joined, and how far the peer has dealt with them. */
  readonly sentBytes: number
  readonly creditedBytes: number
  /** The same of those that we received, and how far we have said so. */
  readonly dealtBytes: number
  readonly grantedBytes: number
}

export const initial: Flow = { unsentBytes: 0, turnBytes: 0, sentBytes: 0, creditedBytes: 0, dealtBytes: 0, grantedBytes: 0 }

/** What we keep to when we send. */
export interface Bounds {
  /** The peer's; 0 when it gives no credit. */
  readonly windowBytes: number
  readonly unsentBytesMax: number
}

const outstanding = ({ creditedBytes, sentBytes }: Flow): number => sentBytes - creditedBytes

/** Whether a turn has to wait however small it is. */
export const isBlocked = (flow: Flow, { unsentBytesMax, windowBytes }: Bounds): boolean =>
  flow.unsentBytes >= unsentBytesMax || (windowBytes > 0 && outstanding(flow) >= windowBytes)

/** Whether a turn of so many bytes may go, to a peer for whom we are not blocked. */
export const admits = (flow: Flow, bytes: number, { windowBytes }: Bounds): boolean =>
  windowBytes === 0 || outstanding(flow) + bytes <= windowBytes || isHalfFree(flow, windowBytes)
const isHalfFree = (flow: Flow, windowBytes: number): boolean => outstanding(flow) * 2 <= windowBytes

/** How much of what waited may go now. Nothing until half of what there can be is free, so that it goes in few and large turns. */
export const room = (flow: Flow, { unsentBytesMax, windowBytes }: Bounds): number => {
  if (flow.unsentBytes * 2 > unsentBytesMax) return 0
  if (windowBytes === 0) return unsentBytesMax - flow.unsentBytes
  return isHalfFree(flow, windowBytes) ? Math.min(unsentBytesMax - flow.unsentBytes, windowBytes - outstanding(flow)) : 0
}

/** We wrote so many bytes, of which so many are payloads of turn packets. */
export const wrote = (flow: Flow, bytes: number, turnBytes: number): Flow =>
  ({ ...flow, unsentBytes: flow.unsentBytes + bytes, turnBytes: Math.max(flow.turnBytes, bytes), sentBytes: flow.sentBytes + turnBytes })

/** The transport took so many; `isLast` when nothing else waits for it to take more. */
export const written = (flow: Flow, bytes: number, isLast: boolean): Flow => {
  const unsentBytes = Math.max(0, flow.unsentBytes - bytes)
  return { ...flow, unsentBytes, turnBytes: isLast && unsentBytes === 0 ? 0 : flow.turnBytes }
}

/** The peer dealt with so many of our turns' bytes; `undefined` when that cannot be. */
export const credited = (flow: Flow, n: number): Flow | undefined =>
  n < flow.creditedBytes || n > flow.sentBytes ? undefined : { ...flow, creditedBytes: n }

/** We dealt with so many of the peer's. */
export const dealt = (flow: Flow, bytes: number): Flow => ({ ...flow, dealtBytes: flow.dealtBytes + bytes })

/** Whether it is time to say so, for a window of ours of so many bytes. */
export const isCreditDue = ({ dealtBytes, grantedBytes }: Flow, windowBytes: number): boolean =>
  windowBytes > 0 && (dealtBytes - grantedBytes) * 2 >= windowBytes
export const granted = (flow: Flow): Flow => ({ ...flow, grantedBytes: flow.dealtBytes })
