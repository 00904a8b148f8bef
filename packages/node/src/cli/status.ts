/** `colloquy status`: what a node says about itself, read from its status scope. */
import { Operator, Pattern, Process, Text } from "@colloquy/core"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { Host } from "../Host.ts"
import * as Client from "./client.ts"
import { jsonOf, line } from "./output.ts"

/** The facts that are shown: how each is called, its fields, and the heading it comes under. */
const shown = [
  { label: "node", fields: ["id", "incarnation"], heading: "node" },
  { label: "listener", fields: ["address"], heading: "listeners" },
  { label: "link", fields: ["link", "scope", "role", "node", "address"], heading: "links" },
  { label: "edge", fields: ["link", "scope", "role"], heading: "edges of trees" },
  { label: "peer", fields: ["node", "incarnation", "leaf"], heading: "peers" },
  { label: "uplink-connected", fields: ["scope", "address", "remote", "link"], heading: "uplinks connected" },
  { label: "uplink-waiting", fields: ["scope", "address", "remote", "tries", "reason"], heading: "uplinks waiting" },
  { label: "scope", fields: ["name"], heading: "scopes with peers" },
  { label: "count", fields: ["scope", "what", "n"], heading: "counts" }
] as const

export const status = Command.make("status", { at: Client.at, json: Client.json }, ({ at, json }) => Effect.gen(function*() {
  const { link, scope } = yield* Client.join(at, Operator.statusScope)
  const host = yield* Host
  const found = new Map<Process.Handle, Array<Process.Captures>>(shown.map(({ label }) => [label, []]))
  const pid = host.freshPid("status")
  host.enter(scope, pid, {
    deliver: (events) => { for (const { captures, handle } of events) found.get(handle)?.push(captures) },
    exited: () => {}
  }, shown.map(({ fields, label }) => Process.observe(label, Pattern.record(label, ...fields.map(() => Pattern.bind())))))
  yield* host.sync(link) // everything that matches now has arrived
  const sections = shown.map(({ fields, heading, label }) => ({ heading, label, fields, rows: found.get(label)! }))
  yield* line(json
    ? JSON.stringify(Object.fromEntries(sections.map(({ fields, label, rows }) => [label, rows.map((row) => Object.fromEntries(row.map((v, i) => [fields[i]!, jsonOf(v)])))])))
    : sections.filter(({ rows }) => rows.length > 0).map(({ fields, heading, rows }) => `${heading}\n${table(fields, rows)}`).join("\n"))
}).pipe(Effect.scoped, Effect.provide(Client.layer))).pipe(Command.withDescription("show a node's links, peers, scopes and counts"))


/** Columns as wide as their widest cell. */
const table = (fields: ReadonlyArray<string>, rows: ReadonlyArray<Process.Captures>): string => {
  const cells = [fields, ...rows.map((row) => row.map((v) => typeof v === "string" ? Text.print(v).slice(1, -1) : Text.print(v)))]
  const widths = fields.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)))
  return cells.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()}`).join("\n")
}
