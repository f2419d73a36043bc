import { defineConfig } from "vitest/config";

/**
 * Tiers are folders: what is not one of these is `unit`. `scripts/tiers.ts` says what each needs from Debian.
 * Two workers, because the machines that run this have two cores and the tests start real programs.
 */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    allowOnly: false,
    passWithNoTests: false,
  },
});
