import type { Reporter, TestModule } from "vitest/node"

/** Closes a run with one plain line that any CI can read: `N passed, N failed, N skipped`. */
export default class Closing implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const count = { passed: 0, failed: 0, skipped: 0 }
    for (const module of modules) {
      if (module.state() === "failed" && module.children.size === 0) count.failed++ // a file that did not load
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        count[state === "passed" || state === "failed" ? state : "skipped"]++
      }
    }
    console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  }
}
