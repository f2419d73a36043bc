import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { filesOf, TIER_NAMES } from "./scripts/lib/tiers.ts";

/** Makes the folder for what the files of a run share. */
const SHARED = "test/support/shared-folder.ts";

/** Boards have the machine for themselves, after all else, and each board has a processor for itself. */
const QEMU = {
  globalSetup: [SHARED, "test/qemu/build-boards.ts"],
  maxWorkers: availableParallelism(),
  sequence: { groupOrder: 1 },
};

/** Files that take long, the longest first: none of them is begun when the others are about to end. */
const LONG = [
  ...["vexpress-a9-power-cuts", "vexpress-a9", "x86-64-grub", "vexpress-a9-managed", "x86-64-grub-managed"],
  ...["persisted-steps", "sigkill", "adapter-update-module.tools", "power-cuts.tools", "docker-refused.tools"],
  ...["download-bytes", "adapter-skeletons.tools", "managed-steps", "bootloader.tools", "deb.tools"],
  ...["directory.tools", "docker.tools", "adapter-program.tools", "damaged-signed-artifacts", "single-file.tools"],
  ...[
    "mutants",
    "examples.tools",
    "managed-resume.tools",
    "broken-edges",
    "managed",
    "script.tools",
    "damaged-artifacts",
  ],
  ...["sabotages", "power-cuts", "managed-sigkill", "rpm.tools", "daemon-worker", "bootloader-native", "types"],
  ...["faults", "model", "real-client", "managed-daemon", "downloaded-artifact", "grub-cuts"],
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number =>
      [...LONG, basename(moduleId, ".test.ts")].indexOf(basename(moduleId, ".test.ts"));
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

/** One more than there are processors: much of what runs here waits, for programs, timers and the disk. */
const WORKERS = availableParallelism() + 1;

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: WORKERS,
    allowOnly: false,
    passWithNoTests: false,
    sequence: { sequencer: LongFirst },
    projects: TIER_NAMES.map((name) => ({
      test: {
        name,
        ...filesOf(name),
        pool: "forks",
        globalSetup: [SHARED],
        testTimeout: 30_000,
        hookTimeout: 30_000,
        // To find what never happens, and not to measure: machines are slow, and do other things beside.
        expect: { poll: { timeout: 20_000 } },
        ...(name === "qemu" && QEMU),
      },
    })),
  },
});
