import { type ContractCheck, completes, cutInWords, expectRefusal, expectThat } from "./contract.ts";
import { type DeviceRig, expectBytes, putImage, readSlot, sampleImage } from "./device.ts";

/** Slots whose storage is bytes at offsets, of which every change can be watched and cut off. */
export interface DeviceStorageRig extends DeviceRig {
  /** What `work` does to the storage is what the next loss of power is about. */
  watch(work: () => Promise<unknown>): Promise<void>;
  /** Takes the power away, with all that was not made durable, and gives it back. */
  losePower(): Promise<void>;
  /** The power fails in the `act`-th durable act of the next `watch`, counted from 1; that rejects. */
  cutPowerAt(act: number, moment: "before" | "during" | "after"): void;
  /** What the power was cut at, in words, where the rig can tell. */
  cutAct?(): string | undefined;
  /** From now until `reset`, every change of what is stored fails. */
  failStorage(): void;
  /** Makes the slots what they were at first. */
  reset(): Promise<void>;
}

/** More than writing these few bytes needs: what fails by itself would be cut for ever. */
const MAX_ACTS = 1000;

/** Promises about storage, for a rig that can see what happens to it. */
export const DEVICE_STORAGE_CONTRACT: readonly ContractCheck<DeviceStorageRig>[] = [
  {
    title: "an image survives a loss of power once it has been synced",
    async run(rig) {
      const image = sampleImage(150_001);
      await rig.watch(() => putImage(rig.device, image));
      await rig.losePower();
      expectBytes((await rig.content("B")).subarray(0, image.length), image, "the slot");
      expectBytes(await readSlot(rig.device, "B", image.length), image, "what is read of it");
    },
  },
  {
    title: "what lies behind the image in its slot stays as it is",
    async run(rig) {
      const before = await rig.content("B");
      for (const bytes of [1, 100_001]) await rig.watch(() => putImage(rig.device, sampleImage(bytes)));
      const after = await rig.content("B");
      expectBytes(after.subarray(100_001), before.subarray(100_001), "the rest of the slot");
    },
  },
  {
    title: "writing fails when nothing can be stored, and says so",
    async run(rig) {
      rig.failStorage();
      const writing = rig.watch(() => putImage(rig.device, sampleImage(150_001)));
      await expectRefusal(writing, "writing an image, while nothing can be stored");
    },
  },
  {
    title: "a power cut anywhere in writing leaves the other slot alone, and the image can be written anew",
    async run(rig) {
      const other = await rig.content("A");
      const image = sampleImage(150_001);
      // What fails without a power cut would be taken for cut, again and again.
      await rig.watch(() => putImage(rig.device, image));
      let act = 1;
      while (await cutAt(rig, image, other, act)) {
        act += 1;
        expectThat(act < MAX_ACTS, "writing fails also when the power is cut after the last thing that it writes");
      }
      expectThat(act > 1, "writing was answered as done, and nothing that is written was seen");
    },
  },
];

/** @returns whether writing has an `act`-th durable act */
async function cutAt(rig: DeviceStorageRig, image: Uint8Array, other: Uint8Array, act: number): Promise<boolean> {
  for (const moment of ["before", "during", "after"] as const) {
    await rig.reset();
    rig.cutPowerAt(act, moment);
    if (await completes(rig.watch(() => putImage(rig.device, image)))) return false;
    const where = `writing with the power cut ${cutInWords(rig, moment, act)}`;
    expectBytes(await rig.content("A"), other, `${where}: the other slot`);
    await putImage(rig.device, image);
    expectBytes(await readSlot(rig.device, "B", image.length), image, `${where}: the image written anew`);
  }
  return true;
}
