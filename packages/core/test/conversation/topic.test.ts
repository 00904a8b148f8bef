/** Topics as the sets of messages that they stand for. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Canonical, Order, Pattern, Topic, Value } from "../../src/index.ts"
import { shown, t } from "./script.ts"

const atom = fc.constantFrom<Value.Value>(0, 1, "a")
const { body } = fc.letrec<{ body: Value.Value }>((tie) => ({
  body: fc.oneof({ maxDepth: 2 }, atom, fc.array(tie("body"), { maxLength: 2 }), fc.array(tie("body"), { maxLength: 2 }).map((fields) => Value.record("f", ...fields)),
    tie("body").map((of) => new Value.Dictionary([["k", of]])))
}))
/** A topic under which a message falls: some places open, equal ones perhaps by one name. */
const opened = (of: Value.Value, choose: () => number): Topic.Topic => {
  const choice = choose() % 6
  if (choice === 0) return Topic.wild
  if (choice === 1) return Topic.variable(choose() % 2 === 0 ? Canonical.key(of) : "v")
  if (of instanceof Value.Record) return Topic.recordOf(of.label, of.fields.map((field) => opened(field, choose)))
  if (of instanceof Value.Dictionary) return Topic.dictionary(of.entries.map(([k, value]) => [k, opened(value, choose)]))
  return Array.isArray(of) ? of.map((item: Value.Value) => opened(item, choose)) : of
}
const choices = fc.infiniteStream(fc.nat(1_000))
const topicOf = fc.tuple(body, choices).map(([of, stream]) => opened(of, () => stream.next().value))

describe("topics", () => {
  it("intersect in exactly the messages that both stand for", () => {
    fc.assert(fc.property(topicOf, topicOf, fc.array(body, { maxLength: 8 }), (a, b, bodies) => {
      const both = Topic.unify(a, b)
      const flipped = Topic.unify(b, a)
      assert.strictEqual(both && shown(both), flipped && shown(flipped))
      for (const one of bodies) {
        assert.strictEqual(Topic.accepts(a, one) && Topic.accepts(b, one), both !== undefined && Topic.accepts(both, one), `${shown(a)} ${shown(b)} ${shown(one)}`)
      }
    }), { numRuns: 3_000 })
  })
  it("intersect with the message from which they were made, in it alone", () => {
    fc.assert(fc.property(body, choices, (of, stream) => {
      const topic = opened(of, () => stream.next().value)
      if (Topic.accepts(topic, of)) assert.isTrue(Order.equals(Topic.unify(topic, of) as Value.Value, of))
      assert.strictEqual(Pattern.matches(Topic.pattern(topic), of) || !Topic.accepts(topic, of), true)
    }))
  })
  it("come back from the values that stand for them, and have one key whatever their variables are called", () => {
    fc.assert(fc.property(topicOf, (topic) => {
      const canonical = Topic.canonical(topic)!
      assert.strictEqual(Topic.key(Topic.fromValue(Topic.toValue(canonical))!), Topic.key(canonical))
    }))
    assert.strictEqual(Topic.key(Topic.canonical(t("[?x ?y ?x]"))!), Topic.key(Topic.canonical(t("[?b ?a ?b]"))!))
    assert.notStrictEqual(Topic.key(Topic.canonical(t("[?x ?y ?x]"))!), Topic.key(Topic.canonical(t("[?x ?y ?y]"))!))
  })
  it("from strangers neither hang nor throw", () => {
    // v0 = [v1 v1], v1 = [v2 v2], …: the solution doubles at every step
    const names = Array.from({ length: 60 }, (_, i) => Topic.variable(i))
    const left = [names, names]
    const right = [names, [...names.slice(1).map((name) => [name, name]), 0]]
    const deep = (levels: number): Topic.Topic => (levels === 0 ? Topic.wild : [deep(levels - 1)])
    assert.isUndefined(Topic.unify(left, right))
    assert.isUndefined(Topic.canonical(deep(2_000)))
    assert.isUndefined(Topic.fromValue(Value.record("rec", 1)))
    assert.isUndefined(Topic.fromValue(Value.record("var", "x")))
  })
})
