/** A node without processes relays, and its own dataspace takes no part in it until somebody comes. */
import { assert, describe, it } from "@effect/vitest"
import { Binary, Encoded, Pattern, Process, Scope, Value } from "../../src/index.ts"
import { Hub, type Peer } from "./peers.ts"

const present = Pattern.record("present", Pattern.bind())
const ann = Encoded.encodedOf(["ann"])
/** What its own dataspace holds. */
const local = (hub: Hub) => {
  const { assertions, patterns } = Scope.counts(hub.state.members.Scopes.get("s")!)
  return { assertions, patterns }
}
/** The facts of which a watcher heard. */
const told = (watcher: Peer) => watcher.turns().flat().flatMap((item) =>
  item._tag === "Add" || item._tag === "Del" ? [`${item._tag} <${String(Binary.decode(item.captures))}>`] : [])

describe("a node that only relays", () => {
  it("keeps nothing in its own dataspace of what passes", () => {
    const hub = new Hub()
    const [watcher, speaker] = [hub.peer("watcher"), hub.peer("speaker")]
    const before = local(hub)

    watcher.turn({ _tag: "Assert", endpoint: 1, pattern: present })
    speaker.turn({ _tag: "Add", endpoint: 1, captures: ann })

    assert.deepStrictEqual(told(watcher), ["Add <ann>"])
    assert.deepStrictEqual(local(hub), before)
  })
  it("shows who comes later what stands, and says for him what he says", () => {
    const hub = new Hub()
    const [watcher, speaker] = [hub.peer("watcher"), hub.peer("speaker")]
    watcher.turn({ _tag: "Assert", endpoint: 1, pattern: present })
    speaker.turn({ _tag: "Add", endpoint: 1, captures: ann })

    hub.act("s", "late", Process.observe("who", present), Process.assert("me", Value.record("present", "late")))

    assert.deepStrictEqual(hub.heard("late").map(({ captures: [who] }) => who).sort(), ["ann", "late"])
    assert.deepStrictEqual(told(watcher), ["Add <ann>", "Add <late>"])
  })
  it("is not brought back by a process that comes when it stops", () => {
    const hub = new Hub()
    const watcher = hub.peer("watcher")
    watcher.turn({ _tag: "Assert", endpoint: 1, pattern: present })
    hub.tell({ _tag: "Stop", at: 1 })

    hub.act("s", "late", Process.assert("me", Value.record("present", "late")))

    assert.deepStrictEqual(told(watcher), [])
  })
})
