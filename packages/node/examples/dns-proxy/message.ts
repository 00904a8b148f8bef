/**
 * What DNS messages say (RFC 1035), and for how long it is true. No sockets, no clock, no dataspace.
 *
 * `dns-packet` reads and writes the format. What it cannot say again as it was said (labels with dots
 * or strange bytes in them) is no question for us. EDNS (RFC 6891) is for the size of a packet, nothing else.
 */
import * as dns from "dns-packet"
import type { Answer, Question } from "./words.ts"

const opcode = 0b1111 << 11
const rcode = 0b1111
export const rcodes = { noError: 0, serverFailure: 2, nameError: 3, notImplemented: 4, badVersion: 16 }

/** Fits one packet on nearly every path (DNS flag day 2020). */
const payload = 1_232
const opt = (extendedRcode = 0): dns.OptAnswer =>
  ({ type: "OPT", name: ".", udpPayloadSize: payload, extendedRcode, ednsVersion: 0, flags: 0, flag_do: false, options: [] })
const isOpt = (record: dns.Answer): record is dns.OptAnswer => record.type === "OPT"

/** How long an answer is kept at most, in seconds. */
const answerMax = 86_400 // as unbound does
const negativeMax = 10_800 // RFC 2308, section 5

/** Strangers send us anything. */
const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}
const decode = (bytes: Uint8Array): dns.DecodedPacket => {
  const packet = dns.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  if (dns.decode.bytes > bytes.length) throw new Error("cut off") // it reads some fields beyond the end
  return packet
}

/** Upper and lower case are one in names, for ASCII letters alone. */
const questionOf = ({ class: klass = "IN", name, type }: dns.Question): Question =>
  ({ _tag: "question", name: name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()), type, class: klass })
const isSame = (a: Question, b: Question): boolean => a.name === b.name && a.type === b.type && a.class === b.class

/** What a client wants to know. */
export interface Query {
  readonly id: number
  readonly flags: number
  /** As the client wrote it: it compares the reply's with its own. */
  readonly asked: dns.Question
  readonly question: Question
  readonly hasOpt: boolean
  /** The largest packet it can take over UDP. */
  readonly bytesMax: number
  /** Why it gets no answer, if so. */
  readonly refusal: number | undefined
}
export const readQuery = (bytes: Uint8Array): Query | undefined => attempt(() => {
  const { additionals = [], flag_qr, flags = 0, id = 0, questions = [] } = decode(bytes)
  const [asked] = questions
  if (flag_qr || asked === undefined || questions.length > 1) return undefined
  const said = dns.encode({ questions: [asked] }).subarray(12)
  if (!said.equals(bytes.subarray(12, 12 + said.length))) return undefined
  const edns = additionals.find(isOpt)
  const isUnknown = (flags & opcode) !== 0 || asked.type === "AXFR" || asked.type === "IXFR"
  return {
    id, flags, asked, question: questionOf(asked), hasOpt: edns !== undefined,
    bytesMax: Math.max(512, Math.min(edns?.udpPayloadSize ?? 512, payload)),
    refusal: isUnknown ? rcodes.notImplemented : (edns?.ednsVersion ?? 0) > 0 ? rcodes.badVersion : undefined
  }
})

interface Records {
  readonly answers?: Array<dns.Answer>
  readonly authorities?: Array<dns.Answer>
  readonly additionals?: Array<dns.Answer>
}
const repeated = opcode | dns.RECURSION_DESIRED | dns.CHECKING_DISABLED
const respond = ({ asked, flags, hasOpt, id }: Query, code: number, { additionals = [], ...records }: Records, truncated = 0): Uint8Array =>
  dns.encode({
    id, type: "response", questions: [asked], ...records,
    flags: flags & repeated | dns.RECURSION_AVAILABLE | truncated | code & rcode,
    additionals: hasOpt ? [...additionals, opt(code >> 4)] : additionals
  })
/** A reply that says why there is no answer. */
export const refuse = (query: Query, code: number): Uint8Array => respond(query, code, {})
/** The answer as this client gets it. All records live as long as the answer, in seconds that have begun. */
export const reply = (query: Query, { message, until }: Pick<Answer, "message" | "until">, now: number, bytesMax: number): Uint8Array => {
  const { additionals = [], answers = [], authorities = [], flags = 0 } = decode(message)
  const ttl = Math.max(0, Math.ceil((until - now) / 1_000))
  const aged = (records: Array<dns.Answer>) => records.map((record) => ({ ...record, ttl }))
  const whole = respond(query, flags & rcode, { answers: aged(answers), authorities: aged(authorities), additionals: aged(additionals) })
  return whole.length <= bytesMax ? whole : respond(query, flags & rcode, {}, dns.TRUNCATED_RESPONSE)
}

/** What we ask a server. */
export const ask = (id: number, { class: klass, name, type }: Question): Uint8Array =>
  dns.encode({ id, type: "query", flags: dns.RECURSION_DESIRED, questions: [{ name, type, class: klass } as dns.Question], additionals: [opt()] })

export type Reply =
  | { readonly _tag: "Truncated" }
  /** The server does not want to, or cannot. */
  | { readonly _tag: "Useless"; readonly rcode: number }
  | { readonly _tag: "Found"; readonly message: Uint8Array; readonly seconds: number }

/** What a server says to our question; `undefined` for anything else, which may be an attempt to deceive us. */
export const readReply = (bytes: Uint8Array, id: number, question: Question): Reply | undefined => attempt(() => {
  const head = decode(Buffer.from(bytes).fill(0, 6, 12)) // a truncated message may end within a record
  const [about] = head.questions ?? []
  if (!head.flag_qr || head.id !== id || about === undefined || !isSame(questionOf(about), question)) return undefined
  const { flags = 0 } = head
  if (head.flag_tc) return { _tag: "Truncated" }
  const code = flags & rcode
  if (code !== rcodes.noError && code !== rcodes.nameError) return { _tag: "Useless", rcode: code }
  const { additionals = [], answers = [], authorities = [] } = decode(bytes)
  const found = { answers, authorities, additionals: additionals.filter((record) => !isOpt(record)) }
  const message = dns.encode({ type: "response", flags: code, ...found })
  decode(message)
  return { _tag: "Found", message, seconds: secondsOf(question, code, found) }
})

/** "No" is true as long as the zone says in its SOA record (RFC 2308); one that does not say it is not kept. */
const secondsOf = ({ type }: Question, code: number, { additionals, answers, authorities }: Required<Records>): number => {
  const isNo = code === rcodes.nameError || type !== "ANY" && !answers.some((answer) => answer.type === type)
  const soa = authorities.find((record) => record.type === "SOA")
  const ttls = [...answers, ...authorities, ...additionals].map((record) => "ttl" in record ? record.ttl ?? 0 : 0)
  return Math.min(...ttls, ...isNo ? [soa?.data.minimum ?? 0, negativeMax] : [answerMax])
}

/** What we say when no server does. */
export const failure: Uint8Array = dns.encode({ type: "response", flags: rcodes.serverFailure })
