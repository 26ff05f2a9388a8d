import { defineConfig } from "vitest/config";

/** Random lives of runs: see `src/ledger/ledger.suite.ts`. */
export default defineConfig({
  test: {
    include: ["e2e/src/ledger/*.suite.ts"],
    pool: "forks",
    testTimeout: 600_000,
  },
});
