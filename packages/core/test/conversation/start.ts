/** The drivers, the applications and the chat, all in one world with one log. */
import * as EventRelay from "../../src/conversation/driver/EventRelay.ts"
import * as Tcp from "../../src/conversation/driver/Tcp.ts"
import * as TimerDriver from "../../src/conversation/driver/TimerDriver.ts"
import * as TimerRelay from "../../src/conversation/driver/TimerRelay.ts"
import { Conversation } from "../../src/index.ts"
import { apps } from "./apps.ts"
import * as Chat from "./chat.ts"
import { S, script, type Script } from "./script.ts"
import { type Boot, type Options, world } from "./world.ts"

const drivers = { "timer": TimerDriver.program, "timer-relay": TimerRelay.program, "event-relay": EventRelay.program, ...Tcp.programs }

/** A world with a log of what its applications heard. */
export const start = (boot: Boot, options: Options = {}) => {
  const log: Array<string> = []
  return { ...world({ ...drivers, ...Chat.programs, ...apps(log) }, boot, options), log }
}
/** With all the fuel in the world, and with so little that every answer of the world comes at a bad moment. */
export const fuels: ReadonlyArray<Options> = [{}, { fuel: 1 }, { fuel: 2 }, { fuel: 3 }]

/** Does all this when it starts, and quits at the event `leave`. */
export const leaver = (name: string, ...begin: Script["start"]) =>
  script(name, [...begin, S("leave", "<event leave _>")], { "leave !P": [Conversation.quit()] })
