import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createBoard } from "../../adapters/bootloader/fake/board.ts";
import { boardImage } from "../../adapters/bootloader/fake/board-image.ts";
import { BOARD_PARTITIONS, boardPaths, bootedOnBoard } from "../../adapters/bootloader/fake/board-layout.ts";
import { createFileEnv } from "../../adapters/bootloader/fake/file-env.ts";
import { startBoard } from "../../adapters/bootloader/fake/firmware.ts";
import { createMenderEnvBootloader } from "../../adapters/bootloader/mender-env.ts";
import { createPayloadRig, payloadFolder } from "../../adapters/check/payload-rig.ts";
import { Sandbox } from "../../adapters/check/sandbox.ts";
import { systemClock } from "../../adapters/clock/system-clock.ts";
import { createSlotDevice } from "../../adapters/device/slot-device.ts";
import { diskActs } from "../../adapters/files/disk.ts";
import { createRootfsImageHandler, type RootfsImageParts } from "../../adapters/payload/rootfs-image/handler.ts";
import { createFileValue } from "../../adapters/store/file-value.ts";
import { PAYLOAD_CONTRACT } from "../../src/contracts/payload-handler.ts";
import { PAYLOAD_READ_CONTRACT } from "../../src/contracts/payload-reads.ts";
import { PAYLOAD_STORAGE_CONTRACT } from "../../src/contracts/payload-storage.ts";

const IMAGE_BYTES = 100_000;
const SLOT_BYTES = 102_400;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "payload-contract-"));
});
afterEach(() => rm(dir, { recursive: true }));

type Spoil = (parts: RootfsImageParts) => Partial<RootfsImageParts>;

/** The handler of root file systems on a virtual board: its slots, its environment and the handler's memory are watched. */
async function rootfsImageRig(spoil: Spoil = () => ({})) {
  const root = join(dir, "root");
  const sandbox = new Sandbox(root, join(dir, "trace"));
  await createBoard(root, { slotBytes: SLOT_BYTES, imageBytes: IMAGE_BYTES, version: "v1", deviceType: "sandbox" });
  await startBoard(root);
  const paths = boardPaths(root);
  const acts = { ...diskActs, ...sandbox.acts };
  const booted = bootedOnBoard(root);
  const bootloader = createMenderEnvBootloader({
    kind: "fake",
    env: createFileEnv(paths.env, acts),
    partitions: BOARD_PARTITIONS,
    booted,
  });
  const slots = createSlotDevice({
    paths: paths.slots,
    booted,
    openStorage: async (path, _direct, access) => ({ ...(await sandbox.openStorage(path, access)), direct: false }),
  });
  const parts: RootfsImageParts = {
    bootloader,
    slots,
    storedValue: createFileValue(join(payloadFolder(root), "origin"), acts),
    log: () => undefined,
    clock: systemClock,
    verifyReadback: true,
  };
  const content = await imageOf("v2");
  const earlier = await imageOf("v1.5");
  const rig = await createPayloadRig(sandbox, { content, earlier }, async () =>
    createRootfsImageHandler({ ...parts, ...spoil(parts) }),
  );
  const reboot = async (): Promise<void> => {
    await startBoard(root);
    await rig.reboot();
  };
  return {
    ...rig,
    get handler() {
      return rig.handler;
    },
    async installed() {
      const { slot } = await bootloader.plan(new AbortController().signal);
      return `slot ${slot} ${createHash("sha256")
        .update(await readFile(paths.slots[slot]))
        .digest("hex")}`;
    },
    reboot,
    async losePower() {
      await rig.losePower();
      await reboot();
    },
    /** The state after an interrupted download: the inactive slot holds half of an image. */
    async tear() {
      const { slot } = await bootloader.plan(new AbortController().signal);
      const other = paths.slots[slot === "A" ? "B" : "A"];
      await writeFile(other, (await readFile(other)).fill(0, SLOT_BYTES / 2));
    },
    async keep() {
      await reboot();
      await rig.keep();
    },
    async reset() {
      await rig.reset();
      await reboot();
    },
  };
}

const CHECKS = [...PAYLOAD_CONTRACT, ...PAYLOAD_STORAGE_CONTRACT, ...PAYLOAD_READ_CONTRACT];

describe("root file system images", () => {
  for (const { title, run } of CHECKS) test(title, async () => run(await rootfsImageRig()));
});

/** Each row is one mistake in the parts of the handler, and the promise that it breaks. */
const MISTAKES: Readonly<Record<string, readonly [spoil: Spoil, promise: string]>> = {
  "does not arm the slot": [
    ({ bootloader }) => ({ bootloader: { ...bootloader, arm: async () => undefined } }),
    "ArtifactInstall installs the update, and a second ArtifactInstall changes nothing more",
  ],
  "does not sync the slot": [
    ({ slots }) => ({
      slots: {
        ...slots,
        open: async (...args) => ({
          ...(await slots.open(...args)),
          sync: async () => ({ writtenBytes: 0, skippedBytes: 0 }),
        }),
      },
    }),
    "an installed update survives a loss of power",
  ],
  "never deletes its state": [
    ({ storedValue }) => ({
      storedValue: {
        load: storedValue.load,
        save: async (value) => (value === undefined ? undefined : storedValue.save(value)),
      },
    }),
    "Cleanup removes all state that the handler keeps, and can be repeated",
  ],
  "hides failed writes": [
    ({ storedValue, bootloader }) => ({
      storedValue: {
        load: storedValue.load,
        save: (value) => storedValue.save(value).catch(() => undefined /* ignored: the mistake */),
      },
      bootloader: {
        ...bootloader,
        arm: (slot, signal) => bootloader.arm(slot, signal).catch(() => undefined /* ignored: the mistake */),
      },
    }),
    "ArtifactInstall reports an error when writes to storage fail",
  ],
  "rolls back to the failed slot": [
    ({ bootloader }) => ({ bootloader: { ...bootloader, revert: (_slot, signal) => bootloader.revert("B", signal) } }),
    "ArtifactRollback restores the previous state, even in a new process and when it is repeated",
  ],
};

describe("the check names the promise that a faulty handler of root file systems breaks", () => {
  for (const [mistake, [spoil, promise]] of Object.entries(MISTAKES)) {
    test(`a handler that ${mistake}`, async () => {
      const check = CHECKS.find(({ title }) => title === promise);
      const rig = await rootfsImageRig(spoil);
      await expect(check?.run(rig)).rejects.toThrow();
    });
  }
});

async function imageOf(version: string): Promise<Buffer> {
  const blocks: Uint8Array[] = [];
  for await (const block of boardImage(version, IMAGE_BYTES, "yes")) blocks.push(block);
  return Buffer.concat(blocks);
}
