/** What is wrong with a packet that a peer sent, in words that can be sent back to it. */
import type { DecodeError } from "../codec/Binary.ts"

/** What is wrong, for programs. The codes go over the wire: PROTOCOL.md lists them. */
export type PacketErrorCode =
  /** Not one whole Preserves value: cut short, bytes after it, an unknown tag, broken UTF-8. */
  | "Malformed"
  /** A value, but not in its canonical form. */
  | "NotCanonical"
  /** Values within values beyond `depthMax`. */
  | "TooDeep"
  /** More bytes than are taken: of a packet, or of one item of a turn. */
  | "TooLarge"
  /** A value that is no packet of this version. */
  | "UnknownPacket"
  /** A hello of another version. */
  | "Version"
  /** A packet whose field is of the wrong kind or out of its range. */
  | "BadField"
  /** An item of a turn that is none: unknown operator, or a part of it is missing. */
  | "BadItem"
  /** An endpoint that is no integer from 1 to 2^53-1. */
  | "BadEndpoint"
  /** An `Assert` of a value that is no pattern. */
  | "NotAPattern"
  /** More items in a packet, or in a turn, than are taken. */
  | "TooManyItems"
  /** A turn whose packets have more bytes together than are taken. */
  | "TurnTooLarge"

/** A plain value, returned and never thrown. */
export class PacketError {
  readonly _tag = "PacketError"
  readonly code: PacketErrorCode
  readonly message: string
  /** Where in the packet's payload, in bytes. */
  readonly offset: number
  /** Which item of the turn, from 0; absent when it is about no item. */
  readonly index: number | undefined
  constructor(code: PacketErrorCode, message: string, offset: number, index?: number) {
    this.code = code
    this.message = message
    this.offset = offset
    this.index = index
  }
}

/** The codec's finding, as the link's. */
export const undecodable = ({ kind, message, offset }: DecodeError, index?: number): PacketError =>
  new PacketError(kind === "Short" || kind === "Trailing" ? "Malformed" : kind, message, offset, index)
