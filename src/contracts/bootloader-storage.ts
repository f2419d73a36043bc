import type { Bootloader, SlotId } from "../ports/bootloader.ts";
import type { BootloaderRig } from "./bootloader-rig.ts";
import { type ContractCheck, expectRefusal, expectSame } from "./contract.ts";

/** A board whose storage can be watched: what was written and not synced is known, and it can fail. */
export interface StorageRig extends BootloaderRig {
  /** All that was not made durable is lost, and then as `reboot`: firmware gets the argument that what is left asks for. */
  losePower(): Promise<SlotId | undefined>;
  /** From now until `reset`, every change of what is stored fails. */
  failStorage(): void;
}

const { signal } = new AbortController();

interface Change {
  readonly title: string;
  readonly arrange: (rig: StorageRig) => Promise<unknown>;
  readonly change: (boot: Bootloader) => Promise<void>;
  /** What comes up after it. */
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

/** Promises about storage, for a rig that can see what happens to it. */
export const BOOTLOADER_STORAGE_CONTRACT: readonly ContractCheck<StorageRig>[] = CHANGES.flatMap(
  ({ title, arrange, change, up }) => [
    {
      title: `${title} is durable when it has been answered`,
      async run(rig) {
        await arrange(rig);
        await change(rig.boot);
        expectSame(await rig.losePower(), up, `${title} was answered, and then the power was lost: the slot that runs`);
        const { slot } = await rig.boot.plan(signal);
        expectSame(slot, up, `${title} was answered, and then the power was lost: the planned slot`);
        if (title !== "confirming") return;
        expectSame(await rig.powerCycle(), up, "confirmed, the power lost, one more power-on: the slot that runs");
      },
    },
    {
      title: `${title} fails when nothing can be stored, and says so`,
      async run(rig) {
        await arrange(rig);
        const before = await rig.boot.plan(signal);
        rig.failStorage();
        await expectRefusal(change(rig.boot), `${title}, while nothing can be stored`);
        expectSame(await rig.boot.plan(signal), before, `${title}, while nothing can be stored: the plan afterwards`);
      },
    },
  ],
);
