/** Real `colloquy` processes for tests. */
import { fileURLToPath } from "node:url"
import { Running } from "./running.ts"

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url))

class Command extends Running {
  /** Waits for this very line. */
  sees(line: string): Promise<true> {
    return this.until(line, (lines) => lines.includes(line))
  }
}

/** Starts processes and makes sure that none outlives the test. */
export class Processes {
  readonly all: Array<Command> = []
  run(...args: ReadonlyArray<string>): Command {
    const running = new Command(main, args)
    this.all.push(running)
    return running
  }
  /** A node that is ready, and where it listens. */
  async serve(...args: ReadonlyArray<string>): Promise<{ readonly node: Command; readonly address: string }> {
    const node = this.run("serve", ...args)
    await node.until("ready", (lines) => lines.some((line) => line.endsWith("is ready")))
    return { node, address: node.lines.find((line) => line.startsWith("listening on "))!.slice("listening on ".length) }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.all) child.kill("SIGKILL")
    await Promise.all(this.all.map(({ exit }) => exit))
  }
}
