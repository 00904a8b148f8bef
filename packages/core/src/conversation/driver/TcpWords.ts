/**
 * The words of TCP conversations: what is said between a connection and those who use it, and what the
 * connection asks of the shell.
 *
 * ## Between the connection and those who use it
 *
 * | word | means |
 * | --- | --- |
 * | `<tcp-address host port>` | the other end |
 * | `<tcp-handle id>` | this end of a connection that we open; `id` is ours to choose, for one connection |
 * | `<tcp-listener port>` | this end of all that are accepted at a port |
 * | `<tcp-channel source target packet>` | `packet` goes from one end to the other: a message |
 *
 * A connection is two flows of packets: *in*, from the address here, and *out*. A packet is bytes, or
 * the symbol `eof`. What controls a flow is feedback on it:
 *
 * | feedback | on | says |
 * | --- | --- | --- |
 * | `<tcp-credit n>` | in | send me so many more bytes, or lines |
 * | `<tcp-mode lines>`, `<tcp-mode bytes>` | in | from now on in this form; all credit is forgotten |
 * | `<tcp-credit n>` | out | n bytes that you sent are written |
 *
 * ## What is asked of the shell (`Request.ts` has the contract of all requests)
 *
 * | source | fires |
 * | --- | --- |
 * | `<tcp-listen port>` | `<accepted id host port>` for each connection; `<failed reason>` when it cannot listen |
 * | `<tcp-connect id host port>` | once: `connected`, or `<failed reason>` |
 * | `<tcp-socket id>` | `<closed reason>` when the connection broke |
 * | `<tcp-read id n mode credit>` | once: bytes |
 * | `<tcp-eof id n>` | once: anything, when the other end has closed and there is nothing left to read |
 * | `<tcp-write id n bytes>` | once: `<written length>` |
 *
 * - The shell chooses the `id` of what it accepts: an integer, another one each time. The others are
 *   sequences.
 * - `<tcp-socket id>` stands as long as the connection is wanted: its `Unwait` closes the connection,
 *   after all that was asked to be written. `Unwait` of a port closes the port, and every connection
 *   that it accepted and whose socket nobody ever waited for.
 * - The writes of a connection are carried out in the order of n, from 1. `Unwait` does not undo one.
 * - A read takes from what has arrived, and reads no more from the network than it needs: `bytes`
 *   exactly `credit` bytes, fewer only before the end; `lines` one line without its end (CR, LF or CR
 *   LF), the last one also without any; `some` whatever is there, 1 to `credit` bytes.
 * - n counts the reads that were taken before. What a read fired with is kept until a `tcp-read` or
 *   `tcp-eof` with a higher n says that it was taken; a new read with the same n gets it again. The
 *   end has come when nothing is left but what was taken.
 */
import { record, symbol, type Value } from "../../value/Value.ts"
import * as Topic from "../Topic.ts"

/** `<tcp-address host port>`: the other end of a connection. */
export const address = (host: string, port: number): Value => record("tcp-address", host, port)
/** `<tcp-handle id>`: this end of a connection that we open. `id` is ours to choose, for one connection. */
export const handle = (id: Value): Value => record("tcp-handle", id)
/** `<tcp-listener port>`: this end of all connections that are accepted there. */
export const listener = (port: number): Value => record("tcp-listener", port)

/** What there is to say from one end to the other. */
export const flow = (source: Topic.Topic, target: Topic.Topic): Topic.Topic => Topic.record("tcp-channel", source, target, Topic.wild)
/** What is said: for `send`, and for `feedback`. */
export const packet = (source: Value, target: Value, what: Value): Value => record("tcp-channel", source, target, what)

/** The packet after which nothing comes that way. */
export const eof: Value = symbol("eof")
/** Feedback on what comes in: send me n more bytes, or lines. Feedback on what goes out: n of your bytes are written. */
export const credit = (n: number): Value => record("tcp-credit", n)
/** Feedback on what comes in: from now on in this form, and without the credit that was given. */
export const mode = (which: "bytes" | "lines"): Value => record("tcp-mode", symbol(which))

/**
 * It could not be connected, or listened to: a message. `remote` is `false` for a listener. Whoever
 * wants to know subscribes before asking, and asks again by another endpoint, as often as it likes.
 */
export const failed = (local: Value, remote: Value, reason: Value): Value => record("tcp-failed", local, remote, reason)

/** All ends of a kind. */
export const anyAddress: Topic.Topic = Topic.record("tcp-address", Topic.wild, Topic.wild)
/** All ends of connections that are opened from here. */
export const anyHandle: Topic.Topic = Topic.record("tcp-handle", Topic.wild)
/** All ends of connections that are accepted here. */
export const anyListener: Topic.Topic = Topic.record("tcp-listener", Topic.wild)

/** Says to the driver which of its processes is there: `subject` is a listener, or `[local remote]`. */
export const serving = (subject: Topic.Topic): Topic.Topic => Topic.record("tcp-serving", subject)

/** With credit, or bare: then data flows unasked, in whatever pieces, is not acknowledged, and may be text. */
export type Control = "credit" | "bare"
