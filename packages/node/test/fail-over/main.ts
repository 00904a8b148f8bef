/**
 * `npm run fail-over`: five processes in a full mesh on loopback, under load. Every two of them are
 * killed, in every way, and started again; then what the links cost at rest is counted. With `--cut`,
 * links are cut instead, in network namespaces (cuts.ts).
 *
 *     npm run fail-over                               all 30 rounds, some minutes
 *     npm run fail-over -- --pair AB --how both       those that are named
 *     npm run fail-over -- --rounds 5 --json          all of them five times; a JSON object a line, progress on stderr
 *     npm run fail-over -- --cut                      as root, on Linux
 *
 * Times are ms, as are those of `--grace`, `--calm` (how long it is watched before each kill) and `--rest`;
 * `--messages` and `--changes` a second are the load of the whole network. Ends with 1 when anybody saw
 * what was not so, or a wait took too long; with `--strict` also when anybody saw an echo (Views.ts).
 */
import { parseArgs } from "node:util"
import { type CutRow, cutRound, silence, Wires } from "./cuts.ts"
import { Mesh, type Options, type Pauses } from "./Mesh.ts"
import { defaults, isWrong, pairs, rest, type Rest, round, type Row, ways } from "./rounds.ts"
import type { Fault } from "./Views.ts"

const help = `npm run fail-over -- [--pair AB]... [--how "both|in turn|and back"]... [--rounds N] [--cut] [--json] [--strict]

Kills two of five processes in a full mesh, in every combination, under load, and reports what the others saw.

  --pair AB       only this pair (again for more)      --how both     only this way: both, in turn, and back
  --rounds N      every round so often (1)             --cut          cut links in network namespaces instead; as root, on Linux
  --grace MS      the nodes' grace (${defaults.graceMs})               --calm MS      watched before each kill (1000)
  --messages N    a second, of the whole network (${defaults.messagesPerS}) --changes N    of facts (${defaults.changesPerS})
  --rest MS       how long the links at rest are counted (30000)
  --json          a JSON object a line                 --strict       an echo counts as wrong
  --verbose       what the processes log               --help         print this
`
const read = () => {
  try {
    return parseArgs({
      options: {
        pair: { type: "string", multiple: true },
        how: { type: "string", multiple: true },
        rounds: { type: "string", default: "1" },
        grace: { type: "string", default: String(defaults.graceMs) },
        messages: { type: "string", default: String(defaults.messagesPerS) },
        changes: { type: "string", default: String(defaults.changesPerS) },
        calm: { type: "string", default: "1000" },
        rest: { type: "string", default: "30000" },
        cut: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        strict: { type: "boolean", default: false },
        verbose: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false }
      }
    })
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${help}`)
    return process.exit(2)
  }
}
const { values } = read()
if (values.help) {
  process.stdout.write(help)
  process.exit(0)
}
const options: Options = {
  ...defaults,
  graceMs: Number(values.grace), messagesPerS: Number(values.messages), changesPerS: Number(values.changes),
  ...values.verbose ? { onLog: (text: string) => console.error(text) } : {}
}

const progress = (text: string): void => void process.stderr.write(`${text}\n`)
/** Echoes are told, and make nothing fail unless that is asked for. */
const wrongOf = (faults: ReadonlyArray<Fault>): ReadonlyArray<Fault> => values.strict ? faults : faults.filter(isWrong)
const verdict = (faults: ReadonlyArray<Fault>): string => {
  const echoes = faults.filter(({ kind }) => kind === "echo").length
  return `${faults.length - echoes} wrong, ${echoes} echoes${faults.slice(0, 3).map(({ text }) => `\n  ${text}`).join("")}`
}
const whole = (n: number): string => String(Math.round(n))
const shown = (pauses: Pauses | undefined): string => pauses === undefined ? "-" : `${whole(pauses.pauseMs)} (${whole(pauses.hiccupMs)})`

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`).join("\n")
}
const tableOf = (rows: ReadonlyArray<Row>): string => table([
  ["killed", "how", "root", "calm, ms", "killing, ms", "returning, ms", "lost", "gone after, ms", "echoes", "wrong"],
  ["---", "---", "---", "---", "---", "---", "---", "---", "---", "---"],
  ...rows.map(({ calm, faults, gone, how, killed, killing, returning, roots }) => [
    killed, how, roots, shown(calm), shown(killing), shown(returning),
    `${killing?.lost ?? 0} + ${returning.lost} of ${(killing?.heard ?? 0) + returning.heard}`,
    `${whole(gone.leastMs)}-${whole(gone.mostMs)}`, String(faults.length - wrongOf(faults).length), String(wrongOf(faults).length)
  ])
])
const restText = ({ links, packets, packetsPerLinkPerS, seconds }: Rest): string =>
  `at rest for ${whole(seconds)} s: ${packetsPerLinkPerS.toFixed(2)} packets per link per second, both ways together, of ${links} links (${
    Object.entries(packets).map(([kind, n]) => `${kind} ${n}`).join(", ") || "none"})`

/** What is asked for, of what there is. */
const chosen = <A>(all: ReadonlyArray<A>, said: ReadonlyArray<string> | undefined, name: (one: A) => string): ReadonlyArray<A> => {
  const strange = said?.find((text) => all.every((one) => name(one) !== text))
  if (strange !== undefined) throw new Error(`there is no ${strange}: choose of ${all.map(name).join(", ")}`)
  return all.filter((one) => said === undefined || said.includes(name(one)))
}
const chosenPairs = () => chosen(pairs, values.pair, (pair) => pair.join(""))

const kill = async (): Promise<boolean> => {
  const once = chosen(ways, values.how, (how) => how).flatMap((how) => chosenPairs().map((pair) => ({ how, pair })))
  const rows: Array<Row> = []
  let mesh: Mesh | undefined
  let failures = 0
  try {
    for (const { how, pair } of Array.from({ length: Number(values.rounds) }, () => once).flat()) {
      try {
        mesh ??= await Mesh.start(options)
        const row = await round(mesh, pair, how, Number(values.calm))
        rows.push(row)
        if (values.json) console.log(JSON.stringify(row))
        progress(`${row.killed} ${how}: ${shown(row.killing)}, ${shown(row.returning)}, ${verdict(row.faults)}`)
      } catch (error) {
        failures++
        progress(`${pair.join(" ")} ${how}: ${String(error)}`)
        if (values.json) console.log(JSON.stringify({ killed: pair.join(" "), how, error: String(error) }))
        await mesh?.[Symbol.asyncDispose]()
        mesh = undefined
      }
    }
    if (!values.json && rows.length > 0) {
      console.log(`\nthe longest time without a message of somebody who lives (and, in brackets, for which a process did not run):\n${tableOf(rows)}`)
    }
    if (mesh !== undefined && Number(values.rest) > 0) {
      progress(`resting ${values.rest} ms`)
      const found = await rest(mesh, Number(values.rest))
      console.log(values.json ? JSON.stringify({ rest: found }) : `\n${restText(found)}`)
    }
  } finally {
    await mesh?.[Symbol.asyncDispose]()
  }
  return failures === 0 && rows.every(({ faults }) => wrongOf(faults).length === 0)
}

const cut = async (): Promise<boolean> => {
  const reason = Wires.missing()
  if (reason !== undefined) {
    progress(`no links are cut here: ${reason}`)
    return false
  }
  const rows: Array<CutRow> = []
  let failures = 0
  for (const pair of chosenPairs()) {
    try {
      const row = await cutRound(options, pair)
      rows.push(row)
      if (values.json) console.log(JSON.stringify(row))
      progress(`${row.apart}: ${verdict(row.faults)}`)
    } catch (error) {
      failures++
      progress(`${pair.join(" ")}: ${String(error)}`)
      if (values.json) console.log(JSON.stringify({ apart: pair.join(" "), error: String(error) }))
    }
  }
  if (!values.json && rows.length > 0) {
    console.log(`\nthe longest time without a message of somebody within reach; a silent link is given up after ${silence.giveUpMs} ms:\n${table([
      ["two", "link between them silent, ms", "two apart from three, ms", "healed, ms", "lost", "echoes", "wrong"],
      ["---", "---", "---", "---", "---", "---", "---"],
      ...rows.map(({ apart, faults, healing, parting, silent }) => [
        apart, shown(silent), shown(parting), shown(healing), `${silent.lost} + ${parting.lost} + ${healing.lost}`,
        String(faults.length - wrongOf(faults).length), String(wrongOf(faults).length)
      ])
    ])}`)
  }
  return failures === 0 && rows.every(({ faults }) => wrongOf(faults).length === 0)
}

process.exitCode = await (values.cut ? cut() : kill()) ? 0 : 1
