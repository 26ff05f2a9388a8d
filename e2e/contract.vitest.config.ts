import { defineConfig } from "vitest/config";

/** The contract that every provider passes, against the real thing. */
export default defineConfig({
  test: {
    include: ["e2e/src/contract/**/*.contract.test.ts"],
    pool: "forks",
    // Each of them wants the whole machine for itself.
    fileParallelism: false,
    hookTimeout: 60_000,
  },
});
