import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["core", "providers/*", "e2e", "examples", "benchmarks"].map(
      (directory) => `${directory}/src/**/*.test.ts`,
    ),
    // Those are for `npm run e2e`: they take long, or need more than this machine has by itself.
    exclude: [...configDefaults.exclude, "**/*.slow.test.ts", "**/*.contract.test.ts", "**/*.nats.test.ts"],
    // Processes, not threads: tests start workers, take signals, and count what is left of both.
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
