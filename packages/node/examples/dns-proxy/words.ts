/**
 * What is said in the proxy's dataspace. Its parts share these words, and the drivers' own
 * (`udp-…`, `tcp-…`).
 *
 * | word | | who | means |
 * | --- | --- | --- | --- |
 * | an observation of `<answer question $ $>` | fact | a client's relay | I want to know. It starts the question's handler, and ends it |
 * | `<answer question message until>` | fact | the handler | the answer, while somebody wants it; good until then (Unix ms) |
 * | `<keep answer>` | message | the handler | an answer that came from a server |
 * | `<cached answer>` | fact | the cache | one that is still good |
 * | `<query n question server>` | fact | a query | I ask this server. It is a demand for an id |
 * | `<query-id n id>` | fact | the allocator | no other query has this id, as long as yours stands |
 */
import { Assertion, Pattern, type Process, Value } from "@colloquy/core"
import { Schema } from "effect"

export const Question = Assertion.record("question", { name: Schema.String, type: Schema.String, class: Schema.String })
export type Question = typeof Question.Type
export const Answer = Assertion.record("answer", { question: Question, message: Schema.Uint8Array, until: Schema.Number })
export type Answer = typeof Answer.Type
export const Keep = Assertion.record("keep", { answer: Answer })
export const Cached = Assertion.record("cached", { answer: Answer })
export const Server = Assertion.record("server", { host: Schema.String, port: Schema.Number })
export type Server = typeof Server.Type
export const Query = Assertion.record("query", { n: Schema.Number, question: Question, server: Server })
export const QueryId = Assertion.record("query-id", { n: Schema.Number, id: Schema.Number })

/** Interest is a fact like any other: `<Observe <rec answer [<lit question> <bind <_>> <bind <_>>]>>`. */
export const wanted = {
  pattern: Pattern.record("Observe", Pattern.record("rec",
    Pattern.literal(Value.symbol("answer")),
    Pattern.sequence([Pattern.record("lit", Pattern.bind()), Pattern.record("bind", Pattern.discard), Pattern.record("bind", Pattern.discard)]))),
  decode: ([question]: Process.Captures) => Question.decode(question!)
}
