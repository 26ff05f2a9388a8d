import { defineConfig } from "vitest/config";
import { ENGINE_VARIABLE, ENGINES } from "./src/engines.ts";

/** All that runs on a LocalCluster, over each engine but the one that it has by itself, over which `npm test` runs. */
export default defineConfig({
  test: {
    projects: Object.keys(ENGINES)
      .filter((name) => name !== "hub")
      .map((name) => ({
        test: {
          name,
          env: { [ENGINE_VARIABLE]: name },
          include: ["e2e/src/*.test.ts"],
          // Those start servers of NATS as they need them.
          exclude: ["**/*.nats.test.ts"],
          pool: "forks" as const,
          // As for the slow ones, which are among them.
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 60_000,
        },
      })),
  },
});
