import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["core", "providers/*", "e2e", "examples"].map((directory) => `${directory}/src/**/*.test.ts`),
    // Those are for `npm run e2e`.
    exclude: [...configDefaults.exclude, "**/*.slow.test.ts"],
    // Processes, not threads: tests start workers, take signals, and count what is left of both.
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
