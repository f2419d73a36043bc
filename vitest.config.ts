import { defineConfig } from "vitest/config";
import { filesOf, TIER_NAMES } from "./scripts/lib/tiers.ts";

/** Two workers, because the machines that run this have two cores and the tests start real programs. */
export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    allowOnly: false,
    passWithNoTests: false,
    projects: TIER_NAMES.map((name) => ({
      test: {
        name,
        ...filesOf(name),
        pool: "forks",
        testTimeout: 30_000,
        hookTimeout: 30_000,
      },
    })),
  },
});
