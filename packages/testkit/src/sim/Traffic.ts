/**
 * What a network of nodes says on its links: how many packets of which kind, and when it last said
 * something new, which is a turn or a word of a tree. Heartbeats, credit and joining are nothing new.
 */
import { Framing, type Node, Packet } from "@colloquy/core"
import type { NodeMachine } from "./nodes.ts"
import { Violation } from "./Trial.ts"
import type { Turn } from "./World.ts"

export class Traffic {
  readonly packets = new Map<string, number>()
  /** When something new was last said. */
  newsAt = 0

  readonly watch = ({ actions, at }: Turn<NodeMachine>): void => {
    for (const action of actions as ReadonlyArray<Node.Action>) {
      if (action._tag !== "Write") continue
      for (const payload of Framing.split(Framing.initial, action.bytes, Packet.leastCapacity.packetBytesMax).frames) {
        const { _tag } = Packet.parse(payload, limits)
        if (_tag === "PacketError") throw new Violation("nodes say what can be read", `a packet of ${payload.length} bytes`)
        this.packets.set(_tag, (this.packets.get(_tag) ?? 0) + 1)
        if (news.has(_tag)) this.newsAt = at
      }
    }
  }
  /** Of all kinds, since this was last asked. */
  take(): number {
    const sum = [...this.packets.values()].reduce((all, count) => all + count, 0)
    this.packets.clear()
    return sum
  }
}

const limits: Packet.ParseLimits = { depthMax: 100, bytesMax: 65_536, turnItemsMax: 65_536 }
const news: ReadonlySet<string> = new Set(["Turn", "Path", "Pathless", "Seek", "Attach", "Attached", "Detach", "Detached"])
