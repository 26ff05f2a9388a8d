import { defineConfig } from "vitest/config";

/** What needs servers of NATS to start: `NATS_SERVER_BIN`, and of the oldest version `NATS_OLD_SERVER_BIN`. */
export default defineConfig({
  test: {
    include: ["core", "providers/*", "e2e"].map((directory) => `${directory}/src/**/*.nats.test.ts`),
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
