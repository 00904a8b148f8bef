/** The public surface of the shell, one module a line. */
export * as Driver from "./driver/index.ts"
export * as Host from "./Host.ts"
export * as Node from "./Node.ts"
export * as NodeConfig from "./NodeConfig.ts"
export * as Space from "./space/Space.ts"
export * as Address from "./transport/Address.ts"
export * as Transport from "./transport/Transport.ts"
export * as Transports from "./transport/index.ts"
