import { defineConfig } from "vitest/config";

/** The tests that take long: `npm run e2e`. Those that do not are part of `npm test`. */
export default defineConfig({
  test: {
    include: ["e2e/src/**/*.slow.test.ts"],
    pool: "forks",
    // Each of them wants the whole machine for itself.
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
});
