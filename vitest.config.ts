import { defineConfig } from "vitest/config";
import { filesOf, TIER_NAMES } from "./scripts/lib/tiers.ts";

/**
 * Boards have the machine for themselves, after all else. Each leaves a core idle while it waits for time to pass, so
 * that there are more of them than cores.
 */
const QEMU = { globalSetup: ["test/qemu/build-boards.ts"], maxWorkers: 3, sequence: { groupOrder: 1 } };

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
        ...(name === "qemu" && QEMU),
      },
    })),
  },
});
