/**
 * Scenarios about whole nodes: the words of a story about who says what where, over a `Network` of
 * pipes in one thread. Each command prints what it made external processes hear, and nothing moves
 * between nodes until the file says so.
 *
 *     start a b                         nodes; `leaf=true` for one that forwards for nobody
 *     crash a                           a node goes without a word, and with it its connections
 *     stop a                            it says farewell first
 *     uplink a s b                      a asks for an uplink of scope s to b
 *     unlink a s b                      and no longer
 *     assert a s pid handle <fact>      a process on a, in scope s, holds a fact up; likewise
 *     observe a s pid handle <pattern>  `_` discards, `$` captures
 *     retract a s pid handle
 *     send a s pid <message>
 *     leave a s pid                     the process ends
 *     deliver [a b]                     what is under way now, or only what is from a to b
 *     stabilize                         deliver until nothing is under way
 *     cut a b                           their connections are lost, with what is under way in them
 *     retry [a]                         everybody who waits to dial again does, at one moment; or only a
 *     forget                            the graces end in which facts of lost links stay
 *     links                             the connections that are open
 *     edges                             those of them that are edges of a tree: child -> parent, or leaf -- node
 *     facts a s                         what stands there, asserted by local processes
 *
 * The scope `@management` is a node's management dataspace, where uplinks and links are facts.
 */
import { Process, Topology, type Node } from "@colloquy/core"
import { Network } from "./Network.ts"
import { type Directive, type Handler, pattern, said, value, withRepeat } from "./Scenario.ts"
import * as Show from "./Show.ts"

/** A handler for one file. */
export const make = (network: Network = new Network()): Handler => withRepeat((directive) => {
  const before = network.heard.length
  const printed = obey(network, directive)
  return printed === undefined ? said(network.heard.slice(before).map(heard)) : said(printed)
})

const heard = ({ event, node, pid, space }: Network["heard"][number]): string =>
  `${node} ${space ?? management} ${pid}: ${Show.heard(event)}`
const management = "@management"
const spaceOf = (scope: string): Node.Space => scope === management ? null : scope

/** Lines to print, or `undefined` to print what was heard. */
const obey = (network: Network, { args, command, options }: Directive): ReadonlyArray<string> | undefined => {
  const node = (name: string | undefined): string => {
    if (name === undefined || !network.nodes.has(name)) throw new Error(`no node is called ${name ?? "nothing"}`)
    return name
  }
  const act = (action: Process.Action): void => {
    const [at, scope, pid] = several(args, 3)
    network.act(node(at), spaceOf(scope), pid, action)
  }
  switch (command) {
    case "start":
      for (const name of args) network.start(name, { leaf: options.get("leaf")?.[0] === "true" })
      return undefined
    case "crash": return void crash(network, node(args[0]))
    case "stop": return void network.tell(node(args[0]), { _tag: "Stop", at: 0 })
    case "uplink": {
      const [from, scope, to] = several(args, 3)
      return void network.uplink(node(from), scope, to)
    }
    case "unlink": {
      const [from, scope, to] = several(args, 3)
      return void network.act(node(from), null, "test", Process.retract(`uplink ${scope} ${to}`))
    }
    case "assert": return void act(Process.assert(several(args, 5)[3], value(args[4])))
    case "observe": return void act(Process.observe(several(args, 5)[3], pattern(args[4])))
    case "retract": return void act(Process.retract(several(args, 4)[3]))
    case "send": return void act(Process.send(value(several(args, 4)[3])))
    case "leave": {
      const [at, scope, pid] = several(args, 3)
      return void network.tell(node(at), { _tag: "Tell", space: spaceOf(scope), event: { _tag: "Leave", pid } })
    }
    case "deliver": return void deliver(network, args.length === 0 ? undefined : several(args.map(node), 2))
    case "stabilize": return void network.settle()
    case "cut": {
      const [a, b] = several(args.map(node), 2)
      for (const pipe of between(network, a, b)) network.cut(pipe)
      return undefined
    }
    case "retry": return void retry(network, args.length === 0 ? [...network.nodes.keys()] : args.map(node))
    case "forget": return void network.forget()
    case "edges": return edges(network)
    case "links": return network.pipes.filter(({ open }) => open).map(({ ends: [from, to] }) => `${from.node} -> ${to.node}`)
    case "facts": {
      const [at, scope] = several(args, 2)
      const members = network.nodes.get(node(at))!.members
      const space = scope === management ? members.Management : members.Scopes.get(scope)?.Dataspace
      return space === undefined ? [] : Show.facts(space)
    }
    default: throw new Error(`no command is called "${command}"`)
  }
}

/** As the child sees it, or the leaf. */
const edges = ({ nodes }: Network): ReadonlyArray<string> => [...nodes].flatMap(([name, { config: { self }, members: { Scopes } }]) =>
  [...Scopes.entries()].flatMap(([scope, { Topology: tree }]) => Topology.edges(tree).flatMap(({ node, role }) =>
    role === "parent" ? [`${scope}: ${name} -> ${node}`] : role === "leaf" && self.leaf ? [`${scope}: ${name} -- ${node}`] : []))).sort()

/** The first `n` of the arguments, which must be there. */
const several = <N extends number>(args: ReadonlyArray<string>, n: N): Strings<N> => {
  if (args.length < n) throw new Error(`${n} arguments are needed, and ${args.length} are here`)
  return args as Strings<N>
}
type Strings<N extends number, T extends ReadonlyArray<string> = []> =
  T["length"] extends N ? readonly [...T, ...ReadonlyArray<string>] : Strings<N, readonly [...T, string]>

/** Open pipes between two nodes, whoever dialled. */
const between = ({ pipes }: Network, a: string, b: string): ReadonlyArray<number> =>
  pipes.flatMap(({ ends: [x, y], open }, i) => open && ((x.node === a && y.node === b) || (x.node === b && y.node === a)) ? [i] : [])

/** One round: what is under way now, and nothing that comes of it. */
const deliver = (network: Network, way: readonly [from: string, to: string, ...ReadonlyArray<string>] | undefined): void => {
  const round = network.underway().map(([pipe, to]) => ({ pipe, to, chunks: network.pipes[pipe]!.flows[to].length }))
  for (const { chunks, pipe, to } of round) {
    const { ends } = network.pipes[pipe]!
    if (way !== undefined && (ends[to].node !== way[1] || ends[1 - to]!.node !== way[0])) continue
    for (let i = 0; i < chunks && network.pipes[pipe]!.open && network.pipes[pipe]!.flows[to].length > 0; i++) network.deliver(pipe, to)
  }
}

const retry = (network: Network, nodes: ReadonlyArray<string>): void => {
  for (const [key, { node, timer }] of [...network.timers]) {
    if (!timer.startsWith("retry ") || !nodes.includes(node)) continue
    network.timers.delete(key)
    network.tell(node, { _tag: "TimerFired", timer, at: 0 })
  }
}

const crash = (network: Network, name: string): void => {
  network.nodes.delete(name)
  for (const [key, { node }] of [...network.timers]) if (node === name) network.timers.delete(key)
  for (const [i, { ends }] of network.pipes.entries()) if (ends.some(({ node }) => node === name)) network.cut(i)
}
