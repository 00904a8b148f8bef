/**
 * What can be asked of a schema, as types: a `Question`'s literals are typed by the schema, and what it
 * captures is a record of exactly what it binds.
 *
 * | in the place of a value | means | captures |
 * | --- | --- | --- |
 * | nothing, `undefined`, `Pattern.discard` | anything | |
 * | `Pattern.bind`, `Pattern.bind()` | anything | it, as its schema decodes it |
 * | any other pattern | what it matches | it, as its schema decodes it |
 * | an object, where a record, dictionary, struct or class of fields stands | each of these fields so | the bound ones, by name |
 * | an array, where a tuple stands | each item so | the bound ones, in order |
 * | any other value | exactly that, as the schema encodes it | |
 */
import type { Result, Schema } from "effect"
import type * as Pattern from "../value/Pattern.ts"
import type { Value } from "../value/Value.ts"
import type { Mismatch } from "./Mismatch.ts"

/** A pattern, and how what it captures is read. `decode` never throws. */
export interface Question<out A> {
  readonly pattern: Pattern.Pattern
  /** The typed answer that these captures of `pattern` are; others may have asserted what fits the pattern and not the types. */
  readonly decode: (captures: ReadonlyArray<Value>) => Result.Result<A, Mismatch>
}

type Simplify<A> = { [K in keyof A]: A[K] } & {}
type Fields = { readonly [x: PropertyKey]: Schema.Constraint }
type Elements = ReadonlyArray<Schema.Constraint>
type HasFields<F extends Fields> = { readonly fields: F }
type HasElements<E extends Elements> = { readonly elements: E }
type HasMembers<M extends Elements> = { readonly "~colloquy/members": M }
type HasTag<T extends string> = { readonly label: T }

type Hole = typeof Pattern.bind | Pattern.Pattern | undefined

/** What may stand where a value of this schema would. */
export type Ask<S> =
  | Hole
  | (S extends HasMembers<infer M> ? AskMember<M[number]>
    : S extends HasFields<infer F> ? AskFields<F> & TagOf<S, "optional">
    : S extends HasElements<infer E> ? { readonly [I in keyof E]: Ask<E[I]> }
    : S extends { readonly Type: infer T } ? T
    : never)
export type AskFields<F> = { readonly [K in keyof F]?: Ask<F[K]> }
/** One member of a union: by its tag when it has one. */
export type AskMember<S> = S extends HasMembers<infer M> ? AskMember<M[number]>
  : S extends HasTag<string> & HasFields<infer F> ? AskFields<F> & TagOf<S, "required">
  : S extends HasFields<infer F> ? "_tag" extends keyof F ? AskFields<F> : AskFields<F> & { readonly _tag?: never } : never
type TagOf<S, O> = S extends HasTag<infer T> ? O extends "required" ? { readonly _tag: T } : { readonly _tag?: T } : unknown

/** Refuses names that the schema does not have: all of them may be left out, so a slip of the pen would pass. */
export type Strict<S, Q> = Q extends Hole ? unknown
  : S extends HasMembers<infer M> ? Strict<MemberOf<M[number], Q>, Q>
  : S extends HasFields<infer F> ? { readonly [K in keyof Q]: K extends keyof F ? Strict<F[K], Q[K]> : IsTag<S, K> extends true ? unknown : never }
  : S extends HasElements<infer E> ? { readonly [I in keyof Q]: I extends keyof E ? Strict<E[I], Q[I]> : unknown }
  : unknown

type IsTag<S, K> = S extends HasTag<string> ? K extends "_tag" ? true : false : false

/** The members that a question can be about. */
type MemberOf<S, Q> = S extends HasMembers<infer M> ? MemberOf<M[number], Q>
  : S extends HasTag<infer T> ? Q extends { readonly _tag: T } ? S : never
  : Q extends { readonly _tag: string } ? S extends HasFields<infer F> ? "_tag" extends keyof F ? S : never : never : S

declare const nothing: unique symbol
type Nothing = typeof nothing

/** What a question about this schema gives; a record of nothing when it binds nothing. */
export type Captures<S, Q> = Captured<S, Q> extends infer C ? [C] extends [Nothing] ? {} : C : never

type Captured<S, Q> =
  [Q] extends [typeof Pattern.bind] ? TypeOf<S>
    : [Q] extends [Pattern.Discard | undefined] ? Nothing
    : [Q] extends [Pattern.Pattern] ? TypeOf<S>
    : S extends HasMembers<infer M> ? Captured<MemberOf<M[number], Q>, Q>
    : S extends HasFields<infer F> ? OrNothing<{
      readonly [K in keyof Q & keyof F as IsNothing<Captured<F[K], Q[K]>> extends true ? never : K]: Captured<F[K], Q[K]>
    }>
    : S extends HasElements<infer E> ? Q extends ReadonlyArray<unknown> ? NoItems<Items<E, Q>> : Nothing
    : Nothing
type TypeOf<S> = S extends { readonly Type: infer T } ? T : never
type IsNothing<C> = [C] extends [Nothing] ? true : false
type OrNothing<C> = [keyof C] extends [never] ? Nothing : Simplify<C>
type NoItems<C> = C extends readonly [] ? Nothing : C
type Items<E, Q extends ReadonlyArray<unknown>> = E extends readonly [infer E0, ...infer Es]
  ? Q extends readonly [infer Q0, ...infer Qs]
    ? IsNothing<Captured<E0, Q0>> extends true ? Items<Es, Qs> : readonly [Captured<E0, Q0>, ...Items<Es, Qs>]
    : readonly []
  : readonly []
