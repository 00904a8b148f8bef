/**
 * Requests: what a process wants of the world, as plain data. To subscribe, as a participant, to
 * `<event source _>` is to ask for `source`; what the world answers is the message `<event source value>`.
 *
 * The contract between those who ask and the shell that runs the ground:
 *
 * - `Wait { source }` is the order to begin, and `Fired { source, value }` an answer to it. The shell
 *   carries out all actions of a step in their order, and only then answers.
 * - `Unwait { source }` says that nobody wants the source any more: the shell lets go of all that it
 *   stands for, and fires it no more. Since the ground says so whenever the process that asked is gone,
 *   however it ended, nothing of the world outlives its purpose.
 * - A source with a number in it is one-shot: it is answered once, and whoever asked withdraws it then.
 *   No two requests of a run are the same, so a late answer is never taken for another one's.
 * - An answer may come too late, when the one who asked is withdrawing already. What such an answer
 *   carried must not be lost: each kind of source says how the shell learns that it was taken.
 */
import { Record, type Value } from "../../value/Value.ts"
import * as Conversation from "../Conversation.ts"
import * as Topic from "../Topic.ts"

/** `open("clock", record("timer", 1, symbol("relative"), 50), "onTimer")`: the handler hears each answer as a message. */
export const open = (id: Conversation.EndpointId, source: Topic.Topic, handler: string): Conversation.Ordinary =>
  Conversation.subscriber(id, Topic.record("event", source, Topic.wild), handler)

/** The value that a request was answered with, when that is what the event is. */
export const answer = (event: Conversation.Event): Value | undefined =>
  event._tag === "Message" && event.body instanceof Record ? event.body.fields[1] : undefined
