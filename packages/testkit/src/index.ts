/** What tests of machines are made of, one module a line. */
export * as Laws from "./Laws.ts"
export * as Network from "./Network.ts"
