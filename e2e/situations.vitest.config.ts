import { defineConfig } from "vitest/config";

/** What must be true whatever is done to a run: see `src/situations/README.md`. */
export default defineConfig({
  test: {
    include: ["e2e/src/situations/**/*.situations.ts"],
    pool: "forks",
    // Rows mostly wait; more of them than this and they wait for the machine.
    maxWorkers: 2,
    maxConcurrency: 3,
  },
});
