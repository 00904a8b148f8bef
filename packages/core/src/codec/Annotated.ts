/**
 * Values with annotations, for readers that ask to keep them. Annotations never bear on equality,
 * order or the canonical form, so everything else here works on values without.
 */
import { key, Tag, write, Writer } from "../value/canonical.ts"
import { Dictionary, Embedded, Record, Set, type Value } from "../value/Value.ts"

/** `@a1 @a2 value`. It may stand wherever a value does in what an annotating reader returns. */
export class Annotated {
  readonly _tag = "Annotated"
  readonly annotations: ReadonlyArray<Value>
  readonly value: Value
  constructor(annotations: ReadonlyArray<Value>, value: Value) {
    this.annotations = annotations
    this.value = value
  }
}

/** An annotated value in the place of a value: `Value` does not list it, so that nobody else need ask. */
export const annotate = (annotations: ReadonlyArray<Value>, value: Value): Value => new Annotated(annotations, value) as unknown as Value
/**
 * Whether a reader kept annotations here. `strip` takes them off before a value is compared or matched.
 *
 * isAnnotated(annotate(["draft"], 1))   // => true
 */
export const isAnnotated = (value: unknown): value is Annotated => value instanceof Annotated

/** The value without annotations, inside as well. */
export const strip = (value: Value): Value => {
  if (isAnnotated(value)) return strip(value.value)
  if (value instanceof Record) return new Record(strip(value.label), value.fields.map(strip))
  if (Array.isArray(value)) return value.map(strip)
  if (value instanceof Set) return new Set(value.items.map(strip))
  if (value instanceof Dictionary) return new Dictionary(value.entries.map(([k, v]) => [strip(k), strip(v)]))
  if (value instanceof Embedded) return new Embedded(strip(value.value))
  return value
}

/** The binary form with annotations kept, set elements and entries in canonical order. Throws `InvalidValue`. */
export const encodeAnnotated = (value: Value): Uint8Array => {
  const out = new Writer()
  put(out, value)
  return out.take()
}

const put = (out: Writer, value: Value): void => {
  if (isAnnotated(value)) {
    for (const annotation of value.annotations) {
      out.byte(Tag.annotation)
      put(out, annotation)
    }
    return put(out, value.value)
  }
  if (value instanceof Record) return compound(out, Tag.record, [value.label, ...value.fields])
  if (Array.isArray(value)) return compound(out, Tag.sequence, value)
  if (value instanceof Set) return compound(out, Tag.set, byKey(value.items, (item) => item))
  if (value instanceof Dictionary) return compound(out, Tag.dictionary, byKey(value.entries, ([k]) => k).flat())
  if (value instanceof Embedded) {
    out.byte(Tag.embedded)
    return put(out, value.value)
  }
  write(out, value)
}

const compound = (out: Writer, tag: number, members: ReadonlyArray<Value>): void => {
  out.byte(tag)
  for (const member of members) put(out, member)
  out.byte(Tag.end)
}

const byKey = <A>(members: ReadonlyArray<A>, of: (member: A) => Value): ReadonlyArray<A> =>
  members.map((member) => [key(strip(of(member))), member] as const).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, member]) => member)
