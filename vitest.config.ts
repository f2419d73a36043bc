import { defineConfig } from "vitest/config";
import { excluded, TIER_NAMES, TIERS } from "./scripts/lib/tiers.ts";

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
        include: [...TIERS[name]],
        exclude: excluded(name),
        pool: "forks",
        testTimeout: 30_000,
        hookTimeout: 30_000,
      },
    })),
  },
});
