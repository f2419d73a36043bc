import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { SLOW } from "./scripts/lib/slow-tests.ts";
import { filesOf, TIER_NAMES, type TierName } from "./scripts/lib/tiers.ts";

/** Makes the folder that the files of a run share. */
const SHARED = "test/support/shared-folder.ts";
/**
 * Gives the tests a temporary folder in memory. Those of the other tiers need a disk: device nodes, images of gigabytes,
 * file systems that can be frozen.
 */
const TEMPORARY = "test/support/temporary-folder.ts";
/** Undoes what a test file does to its process. */
const STATE = "test/support/process-state.ts";
/** Starts the PostgreSQL that the tests of the server share. */
const POSTGRES = "test/support/server/postgres-cluster.ts";
const IN_MEMORY: readonly string[] = ["unit", "crash", "fuzz", "interop", "server"] satisfies readonly TierName[];

/**
 * Without the additional certificates of this machine. They must not decide whom an agent under test trusts. And Node
 * decodes all of them at each start, which more than doubles its processor time: the tests start Node thousands of times.
 */
const ENVIRONMENT = { NODE_EXTRA_CA_CERTS: "" };

/**
 * Tiers whose files share processes, each of which loads a module only once: in most of these files, the modules take
 * more processor time than the tests.
 */
const SHARING: readonly string[] = ["unit", "server"] satisfies readonly TierName[];

/** Boards run after all other tests, with the machine to themselves, and with one processor for each board. */
const QEMU = {
  globalSetup: [SHARED, "test/system/qemu/build-boards.ts"],
  maxWorkers: availableParallelism(),
  sequence: { groupOrder: 1 },
};

/** The many short files of `unit` end the run, so that no processor waits for a long one. */
const LAST: readonly string[] = TIER_NAMES.toReversed();

/** Slow files first. The other files of a tier follow each other, because only then do they share a process. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId, project }: TestSpecification): number => {
      const found = SLOW.indexOf(basename(moduleId, ".test.ts"));
      return found >= 0 ? found : SLOW.length + LAST.indexOf(project.name);
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

/**
 * One more than there are processors, because many tests wait for programs, timers and the disk. With two more, tests
 * that count what is in flight when a process is killed would count more than on any device.
 */
const WORKERS = availableParallelism() + 1;

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: WORKERS,
    allowOnly: false,
    passWithNoTests: false,
    sequence: { sequencer: SlowFirst },
    projects: TIER_NAMES.map((name) => ({
      test: {
        name,
        ...filesOf(name),
        pool: "forks",
        isolate: !SHARING.includes(name),
        setupFiles: [STATE],
        env: ENVIRONMENT,
        globalSetup: [
          ...(IN_MEMORY.includes(name) ? [TEMPORARY] : []),
          SHARED,
          ...(name === "server" ? [POSTGRES] : []),
        ],
        // These limits end tests that hang. They do not measure: a slow or busy machine must not fail a test.
        testTimeout: 300_000,
        hookTimeout: 300_000,
        expect: { poll: { timeout: 20_000 } },
        ...(name === "qemu" && QEMU),
      },
    })),
  },
});
