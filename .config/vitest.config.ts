import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    reporters: ["default", fileURLToPath(new URL("vitest.reporter.ts", import.meta.url))]
  }
})
