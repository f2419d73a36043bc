import type { Bootloader, SlotId } from "../ports/bootloader.ts";
import type { BootloaderRig } from "./bootloader-rig.ts";
import { type ContractCheck, expectRefusal, expectSame } from "./contract.ts";

/** A board whose storage the rig observes: it knows which writes are not synced, and it can make the storage fail. */
export interface StorageRig extends BootloaderRig {
  /**
   * Drops all changes that are not durable, then restarts like `reboot`, with the argument that the remaining state
   * needs.
   */
  losePower(): Promise<SlotId | undefined>;
  /** Makes every change to the storage fail until `reset`. */
  failStorage(): void;
}

const { signal } = new AbortController();

interface Change {
  readonly title: string;
  readonly arrange: (rig: StorageRig) => Promise<unknown>;
  readonly change: (boot: Bootloader) => Promise<void>;
  /** The slot that comes up after the change. */
  readonly up: SlotId;
}

async function startTrial({ boot, reboot }: StorageRig): Promise<void> {
  await boot.arm("B", signal);
  await reboot();
}

const CHANGES: readonly Change[] = [
  { title: "arming", arrange: async () => undefined, change: (boot) => boot.arm("B", signal), up: "B" },
  { title: "confirming", arrange: startTrial, change: (boot) => boot.confirm(signal), up: "B" },
  {
    title: "reverting before the reboot",
    arrange: ({ boot }) => boot.arm("B", signal),
    change: (boot) => boot.revert("A", signal),
    up: "A",
  },
  { title: "reverting", arrange: startTrial, change: (boot) => boot.revert("A", signal), up: "A" },
];

/** Promises about storage, for a rig that observes every write. */
export const BOOTLOADER_STORAGE_CONTRACT: readonly ContractCheck<StorageRig>[] = CHANGES.flatMap(
  ({ title, arrange, change, up }) => [
    {
      title: `${title} is durable once the adapter reports success`,
      async run(rig) {
        await arrange(rig);
        await change(rig.boot);
        expectSame(await rig.losePower(), up, `${title} succeeded, then a power cut: running slot`);
        const { slot } = await rig.boot.plan(signal);
        expectSame(slot, up, `${title} succeeded, then a power cut: planned slot`);
        if (title !== "confirming") return;
        expectSame(
          await rig.powerCycle(),
          up,
          "confirming succeeded, then a power cut and one more power-on: running slot",
        );
      },
    },
    {
      title: `${title} reports an error when writes to storage fail`,
      async run(rig) {
        await arrange(rig);
        const before = await rig.boot.plan(signal);
        rig.failStorage();
        await expectRefusal(change(rig.boot), `${title} while writes to storage fail`);
        expectSame(await rig.boot.plan(signal), before, `${title} while writes to storage fail: plan afterwards`);
      },
    },
  ],
);
