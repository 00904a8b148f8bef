export * as Machine from "./machine/Machine.ts"
export * as Pattern from "./value/Pattern.ts"
export * as Value from "./value/Value.ts"
