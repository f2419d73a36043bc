import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { filesOf, TIER_NAMES } from "./scripts/lib/tiers.ts";

/** Boards have the machine for themselves, after all else, and each board has a processor for itself. */
const QEMU = {
  globalSetup: ["test/qemu/build-boards.ts"],
  maxWorkers: availableParallelism(),
  sequence: { groupOrder: 1 },
};

/** Files that take minutes, the longest first: none of them is begun when the others are about to end. */
const LONG = ["vexpress-a9-power-cuts", "vexpress-a9", "x86-64-grub", "vexpress-a9-managed", "x86-64-grub-managed"];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number =>
      [...LONG, basename(moduleId, ".test.ts")].indexOf(basename(moduleId, ".test.ts"));
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

/** Two workers, because the machines that run this have two cores and the tests start real programs. */
export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    allowOnly: false,
    passWithNoTests: false,
    sequence: { sequencer: LongFirst },
    projects: TIER_NAMES.map((name) => ({
      test: {
        name,
        ...filesOf(name),
        pool: "forks",
        testTimeout: 30_000,
        hookTimeout: 30_000,
        // To find what never happens, and not to measure: machines are slow, and do other things beside.
        expect: { poll: { timeout: 20_000 } },
        ...(name === "qemu" && QEMU),
      },
    })),
  },
});
