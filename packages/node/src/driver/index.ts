/** Drivers turn facts and messages into input and output, and back; a Layer each, over a Space. */
export * as ChildProcess from "./ChildProcess.ts"
export * as FileWatch from "./FileWatch.ts"
export * as Http from "./Http.ts"
export * as Tcp from "./Tcp.ts"
export * as Timer from "./Timer.ts"
export * as Udp from "./Udp.ts"
export * as WebSocket from "./WebSocket.ts"
