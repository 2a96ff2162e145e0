import { defineConfig } from "vitest/config";

/** What is run by name against a real server, and is no test of every day. */
export default defineConfig({
  test: {
    include: ["e2e/screenshots.ts", "e2e/lighthouse.ts", "e2e/measure.ts"],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
});
