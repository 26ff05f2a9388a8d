import { defineConfig } from "vitest/config";
export default defineConfig({
  root: "/work/main",
  test: { include: ["e2e/src/**/*.test.ts"], pool: "forks", testTimeout: 30000, hookTimeout: 30000 },
});
