import { type ContractCheck, completes, cutInWords, expectRefusal, expectThat } from "./contract.ts";
import { type DeviceRig, expectBytes, putImage, readSlot, sampleImage } from "./device.ts";

/** Slots in byte-addressed storage. The rig observes every change to it and can cut the power at each. */
export interface DeviceStorageRig extends DeviceRig {
  /** Runs `work` and records its changes to the storage. The next loss of power applies to these changes. */
  watch(work: () => Promise<unknown>): Promise<void>;
  /** Cuts the power, drops all changes that are not durable, and restores the power. */
  losePower(): Promise<void>;
  /** Cuts the power in the `act`-th durable act of the next `watch`, counted from 1; that call rejects. */
  cutPowerAt(act: number, moment: "before" | "during" | "after"): void;
  /** The act at which the power was cut, in words. Absent if the rig cannot tell. */
  cutAct?(): string | undefined;
  /** Makes every change to the storage fail until `reset`. */
  failStorage(): void;
  /** Restores the slots to their initial content. */
  reset(): Promise<void>;
}

/**
 * More acts than these few bytes need. Without this limit, a write that fails without a power cut would loop for ever.
 */
const MAX_ACTS = 1000;

/** Promises about storage, for a rig that observes every write. */
export const DEVICE_STORAGE_CONTRACT: readonly ContractCheck<DeviceStorageRig>[] = [
  {
    title: "a synced image survives a loss of power",
    async run(rig) {
      const image = sampleImage(150_001);
      await rig.watch(() => putImage(rig.device, image));
      await rig.losePower();
      expectBytes((await rig.content("B")).subarray(0, image.length), image, "content of the slot");
      expectBytes(await readSlot(rig.device, "B", image.length), image, "content read from the slot");
    },
  },
  {
    title: "writing an image leaves the rest of the slot unchanged",
    async run(rig) {
      const before = await rig.content("B");
      for (const bytes of [1, 100_001]) await rig.watch(() => putImage(rig.device, sampleImage(bytes)));
      const after = await rig.content("B");
      expectBytes(after.subarray(100_001), before.subarray(100_001), "content of the rest of the slot");
    },
  },
  {
    title: "the device reports an error when writes to storage fail",
    async run(rig) {
      rig.failStorage();
      const writing = rig.watch(() => putImage(rig.device, sampleImage(150_001)));
      await expectRefusal(writing, "writing an image while writes to storage fail");
    },
  },
  {
    title: "a power cut anywhere in writing leaves the other slot unchanged, and the image can be written again",
    async run(rig) {
      const other = await rig.content("A");
      const image = sampleImage(150_001);
      // Write once without a cut first: the loop below would take any other failure for a power cut.
      await rig.watch(() => putImage(rig.device, image));
      let act = 1;
      while (await cutAt(rig, image, other, act)) {
        act += 1;
        expectThat(act < MAX_ACTS, "writing still fails when the power cut comes after its last write");
      }
      expectThat(act > 1, "the adapter reported success for writing, but the check saw no write");
    },
  },
];

/** @returns whether writing has an `act`-th durable act */
async function cutAt(rig: DeviceStorageRig, image: Uint8Array, other: Uint8Array, act: number): Promise<boolean> {
  for (const moment of ["before", "during", "after"] as const) {
    await rig.reset();
    rig.cutPowerAt(act, moment);
    if (await completes(rig.watch(() => putImage(rig.device, image)))) return false;
    const where = `writing, with the power cut ${cutInWords(rig, moment, act)}`;
    expectBytes(await rig.content("A"), other, `${where}: the other slot`);
    await putImage(rig.device, image);
    expectBytes(await readSlot(rig.device, "B", image.length), image, `${where}: the image written again`);
  }
  return true;
}
