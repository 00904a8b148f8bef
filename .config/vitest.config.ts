import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** What takes longest begins first, so that the last file does not keep the other cores waiting. */
const slow = /oracle|replay|mutations|three-nodes|model|federation\.property|simulation|networks|fail-over|ssh|space\.test/
class SlowFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const sorted = await super.sort(files)
    return [...sorted.filter(({ moduleId }) => slow.test(moduleId)), ...sorted.filter(({ moduleId }) => !slow.test(moduleId))]
  }
}

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    maxWorkers: "100%", // by default one core of two would be idle
    testTimeout: 60_000, // what takes a second on an idle machine may take ten on a busy one; no test waits for time to pass
    sequence: { sequencer: SlowFirst },
    reporters: ["default", fileURLToPath(new URL("vitest.reporter.ts", import.meta.url))]
  }
})
