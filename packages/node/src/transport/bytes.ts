/** Bytes between sockets and the core. */

/** What came, as the core wants it: a `Buffer`'s own `slice` copies nothing, and would let what is kept of a chunk keep all of it. */
export const plain = (chunk: Buffer): Uint8Array => new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)

/** What has to wait until it is sent keeps nobody else's bytes in memory: short ones share their buffers (core's data/runs.ts). */
export const apart = (bytes: Uint8Array): Uint8Array => bytes.length < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes
