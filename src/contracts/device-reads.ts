import type { ContractCheck } from "./contract.ts";
import { expectBytes, putImage, readSlot, sampleImage } from "./device.ts";
import type { DeviceStorageRig } from "./device-storage.ts";
import { type FailingReadsRig, failEachRead } from "./failing-reads.ts";

type Rig = DeviceStorageRig & FailingReadsRig;

const IMAGE_BYTES = 150_001;

/** Promises for storage that cannot be read. */
export const DEVICE_READ_CONTRACT: readonly ContractCheck<Rig>[] = [
  {
    title: "if a read fails, the device reports an error or returns the stored bytes",
    async run(rig) {
      const image = sampleImage(IMAGE_BYTES);
      await putImage(rig.device, image);
      const same = async () => undefined;
      const read = () => readSlot(rig.device, "B", image.length);
      await failEachRead(rig, same, read, async (outcome) => {
        if ("answer" in outcome)
          expectBytes(outcome.answer, image, `content read while reads of ${outcome.unread} failed`);
      });
    },
  },
  {
    title: "if a read fails, writing fails or completes",
    async run(rig) {
      const image = sampleImage(IMAGE_BYTES);
      const write = () => putImage(rig.device, image);
      await failEachRead(rig, rig.reset, write, async (outcome) => {
        if (!("answer" in outcome)) return;
        const written = (await rig.content("B")).subarray(0, image.length);
        expectBytes(written, image, `slot written while reads of ${outcome.unread} failed`);
      });
    },
  },
];
