import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["core/src/**/*.test.ts", "providers/*/src/**/*.test.ts", "examples/src/**/*.test.ts"],
    // Processes, not threads: tests start workers, take signals, and count what is left of both.
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
