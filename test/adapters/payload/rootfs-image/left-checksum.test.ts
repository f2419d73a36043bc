import { createHash, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../../adapters/clock/system-clock.ts";
import { createFaultyDisk, type Lie } from "../../../../adapters/device/faulty.ts";
import { createSlotDevice } from "../../../../adapters/device/slot-device.ts";
import { createRootfsImageHandler } from "../../../../adapters/payload/rootfs-image/handler.ts";
import { openArtifact } from "../../../../src/artifact/reader.ts";
import { artifact, tar } from "../../../artifact/odd-artifacts.ts";
import { inPieces } from "../../../artifact/read-all.ts";

const { signal } = new AbortController();
const IMAGE = randomBytes(60_000);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const GOOD = artifact({ data: [{ name: "image", content: IMAGE }] });
/** Of the right length; the manifest speaks of another content. */
const DAMAGED = artifact({
  data: [{ name: "image", content: IMAGE }],
  dataBytes: tar([{ name: "image", content: Buffer.from(IMAGE).fill(0, 30_000, 30_001 + 9) }]),
});

interface Trouble {
  readonly bytes?: Buffer;
  readonly lies?: ReadonlyMap<number, Lie>;
  readonly verifyReadback?: boolean;
}

/** Downloads into slot B, on a board that runs A. @returns what the handler asked of the file, and what the slot holds */
async function download({ bytes = GOOD, lies = new Map(), verifyReadback = true }: Trouble) {
  const disk = createFaultyDisk({ content: Buffer.alloc(16 * 4096), lies });
  const handler = createRootfsImageHandler({
    bootloader: {
      kind: "memory",
      booted: async () => "A",
      plan: async () => ({ slot: "A", trial: false }),
      arm: async () => undefined,
      confirm: async () => undefined,
      revert: async () => undefined,
    },
    slots: createSlotDevice({
      paths: { A: "/dev/null", B: "/dev/zero" },
      booted: async () => "A",
      openStorage: async () => disk.open(),
    }),
    memo: { load: async () => undefined, save: async () => undefined },
    log: () => undefined,
    clock: systemClock,
    verifyReadback,
  });
  const reader = await openArtifact(inPieces(bytes, 7000));
  const asked: string[] = [];
  try {
    const payload = await reader.nextPayload();
    expect.assert(payload !== undefined);
    const watched = {
      async next() {
        const file = await payload.next();
        if (file === undefined) return undefined;
        const leave = file.leaveChecksum?.bind(file);
        file.leaveChecksum = () => {
          asked.push("leaveChecksum");
          leave?.();
        };
        return file;
      },
    };
    await handler.download(watched, signal);
    await reader.finish();
  } finally {
    await reader.close();
  }
  return { asked, holds: sha256(disk.content().subarray(0, IMAGE.length)) };
}

describe("an image that is read back is hashed once, in the slot", () => {
  test("and is the one of the manifest", async () => {
    expect(await download({})).toEqual({ asked: ["leaveChecksum"], holds: sha256(IMAGE) });
  });

  test("one that was damaged on its way is refused as that", async () => {
    await expect(download({ bytes: DAMAGED })).rejects.toMatchObject({
      code: "ARTIFACT_CHECKSUM",
      detail: { file: "image", expected: sha256(IMAGE) },
    });
  });

  for (const lie of ["dropped", "corrupted"] as const) {
    test(`one of which the storage has ${lie} a sector is refused as that, damaged on its way or not`, async () => {
      for (const bytes of [GOOD, DAMAGED]) {
        const lies = new Map([[77, lie]]);
        await expect(download({ bytes, lies })).rejects.toMatchObject({ code: "SLOT_READBACK" });
      }
    });
  }
});

test("an image that is not read back is hashed on its way in", async () => {
  expect(await download({ verifyReadback: false })).toEqual({ asked: [], holds: sha256(IMAGE) });
  await expect(download({ bytes: DAMAGED, verifyReadback: false })).rejects.toMatchObject({
    code: "ARTIFACT_CHECKSUM",
  });
});
