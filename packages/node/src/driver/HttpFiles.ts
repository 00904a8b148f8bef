/**
 * Files of a folder, over HTTP.
 *
 * Promises: only regular files inside the folder are read, wherever links lead; nothing whose name, or
 * whose folder's, begins with a dot; and who has a version of a file already is not sent it again. A file
 * that cannot be opened for want of descriptors is not said to be missing.
 */
import { constants } from "node:fs"
import { type FileHandle, open, realpath, stat } from "node:fs/promises"
import type { IncomingMessage, ServerResponse } from "node:http"
import { extname, join, sep } from "node:path"
import { pipeline } from "node:stream"
import { isKnown, rangeOf } from "./HttpConditions.ts"

const types: { readonly [extension: string]: string } = {
  ".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".json": "application/json",
  ".map": "application/json", ".txt": "text/plain; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".csv": "text/csv; charset=utf-8",
  ".xml": "application/xml", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
  ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif", ".ico": "image/x-icon", ".woff": "font/woff", ".woff2": "font/woff2",
  ".pdf": "application/pdf", ".wasm": "application/wasm", ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".webm": "video/webm"
}
/** What a file is, by its name. */
export const typeOf = (name: string): string => types[extname(name).toLowerCase()] ?? "application/octet-stream"

interface File {
  readonly name: string
  readonly handle: FileHandle
  readonly size: number
  readonly tag: string
  readonly modified: Date
}
type Found = { readonly _tag: "File"; readonly file: File } | { readonly _tag: "Folder" } | { readonly _tag: "Missing" }
const missing: Found = { _tag: "Missing" }

// a segment that is decoded may hold what separates names here
const isPlain = (segment: string): boolean => segment !== "" && !segment.startsWith(".") && !/[/\\\0:]/.test(segment)

/** What stands at a path below a folder; an empty last segment is a folder's index. */
export const find = async (folder: string, segments: ReadonlyArray<string>): Promise<Found> => {
  const isFolder = segments.length === 0 || segments.at(-1) === ""
  const names = isFolder ? [...segments.slice(0, -1), "index.html"] : segments
  if (!names.every(isPlain)) return missing
  let handle: FileHandle | undefined
  try {
    const root = await realpath(folder)
    const real = await realpath(join(root, ...names))
    // where links lead counts, not what they are called
    const inside = root.endsWith(sep) ? root : root + sep
    if (!real.startsWith(inside) || !real.slice(inside.length).split(sep).every(isPlain)) return missing
    const seen = await stat(real)
    if (seen.isDirectory()) return isFolder ? missing : { _tag: "Folder" }
    if (!seen.isFile()) return missing // opening a pipe would wait for its writer
    handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const found = await handle.stat({ bigint: true })
    if (!found.isFile()) return await shut(handle)
    const tag = `W/"${found.ino.toString(36)}-${found.size.toString(36)}-${found.mtimeNs.toString(36)}"`
    return { _tag: "File", file: { name: real, handle, size: Number(found.size), tag, modified: found.mtime } }
  } catch (error) {
    await handle?.close().catch(() => {})
    if (isShort(error as NodeJS.ErrnoException)) throw error
    return missing
  }
}
/** Whether it is the system that lacks something. */
export const isShort = ({ code }: NodeJS.ErrnoException): boolean => code === "EMFILE" || code === "ENFILE" || code === "ENOMEM" || code === "EIO"
const shut = async (handle: FileHandle): Promise<Found> => {
  await handle.close().catch(() => {})
  return missing
}

/** Answers with what stands at a path below a folder, when something does. */
export const serve = async (
  folder: string,
  segments: ReadonlyArray<string>,
  request: IncomingMessage,
  response: ServerResponse,
  sendMs: number
): Promise<boolean> => {
  const found = await find(folder, segments)
  if (found._tag === "Missing") return false
  if (response.closed || response.destroyed) {
    if (found._tag === "File") await shut(found.file.handle)
    return true // the client has gone meanwhile
  }
  response.setTimeout(sendMs, () => response.destroy())
  if (found._tag === "Folder") {
    // relative, so that no path can lead to another host
    response.writeHead(301, { location: `./${encodeURIComponent(segments.at(-1)!)}/`, "content-length": 0 }).end()
    return true
  }
  await answer(found.file, request, response)
  return true
}
const answer = async ({ handle, modified, name, size, tag }: File, { headers, method }: IncomingMessage, response: ServerResponse): Promise<void> => {
  const fresh = { etag: tag, "last-modified": modified.toUTCString(), "cache-control": "no-cache", "accept-ranges": "bytes" }
  const part = isKnown(headers, tag, modified) ? "known" : method === "HEAD" ? undefined : rangeOf(headers, size)
  const { end, start } = typeof part === "object" ? part : { start: 0, end: size - 1 }
  const about = { "content-type": typeOf(name), "content-length": end - start + 1, "x-content-type-options": "nosniff" }
  if (part === "known") response.writeHead(304, fresh)
  else if (part === "beyond") response.writeHead(416, { "content-range": `bytes */${size}`, "content-length": 0 })
  else if (part === undefined) response.writeHead(200, { ...fresh, ...about })
  else response.writeHead(206, { ...fresh, ...about, "content-range": `bytes ${start}-${end}/${size}` })
  if (typeof part === "string" || method === "HEAD" || size === 0) {
    response.end()
    return void await shut(handle)
  }
  // no more than was promised: the file may grow meanwhile; when it shrinks, the connection breaks
  pipeline(handle.createReadStream({ start, end }), response, () => {})
}
