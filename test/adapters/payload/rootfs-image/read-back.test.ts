import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createSlotDevice } from "../../../../adapters/device/slot-device.ts";
import { type TagCipher, WrittenImage } from "../../../../adapters/payload/rootfs-image/read-back.ts";
import { createFaultyDisk } from "../../../support/faulty-device.ts";

const MIB = 1024 * 1024;
const signal = new AbortController().signal;

/** An image that came in chunks of `chunkBytes`, looked for in a slot that holds `content`. */
async function look(
  image: Uint8Array,
  content: Uint8Array,
  chunkBytes = image.length,
  cipher?: TagCipher,
): Promise<void> {
  const written = new WrittenImage(cipher);
  for (let at = 0; at < image.length; at += chunkBytes) written.add(image.subarray(at, at + chunkBytes));
  const disk = createFaultyDisk({ content });
  const paths = { A: "/dev/null", B: "/dev/zero" };
  const slots = createSlotDevice({ paths, booted: async () => "A", openStorage: async () => disk.open() });
  await written.expectIn(slots, "B", signal);
}

for (const chunkBytes of [1000, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 10 * MIB]) {
  test(`an image that came in chunks of ${chunkBytes} bytes is found in a slot that holds it and more`, async () => {
    const content = randomBytes(10 * MIB);
    await look(content.subarray(0, 9 * MIB + 5), content, chunkBytes);
  });
}

for (const [at, offset, length] of [
  [0, 0, 4 * MIB],
  [4 * MIB - 1, 0, 4 * MIB],
  [4 * MIB, 4 * MIB, 4 * MIB],
  [9 * MIB + 4, 8 * MIB, MIB + 5],
] as const) {
  test(`one wrong bit at ${at} is found, and reported within ${length} bytes from ${offset}`, async () => {
    const image = randomBytes(9 * MIB + 5);
    const content = Buffer.concat([image, randomBytes(MIB)]);
    content[at] = (content[at] ?? 0) ^ 1;
    await expect(look(image, content, 64 * 1024)).rejects.toMatchObject({
      code: "SLOT_READBACK",
      detail: { slot: "B", offset, length },
    });
  });
}

for (const cipher of ["chacha20-poly1305", "aes-256-gcm"] as const) {
  test(`${cipher} finds the image, and a wrong bit in it`, async () => {
    const image = randomBytes(5 * MIB);
    const content = Buffer.concat([image, randomBytes(MIB)]);
    await look(image, content, 64 * 1024, cipher);
    content[4 * MIB] = (content[4 * MIB] ?? 0) ^ 1;
    const detail = { slot: "B", offset: 4 * MIB, length: MIB };
    await expect(look(image, content, 64 * 1024, cipher)).rejects.toMatchObject({ code: "SLOT_READBACK", detail });
  });
}

test("storage that wraps around, so that the end lies over the beginning, is found", async () => {
  const image = randomBytes(9 * MIB);
  const content = Buffer.concat([image.subarray(5 * MIB), image.subarray(4 * MIB)]);
  await expect(look(image, content, 64 * 1024)).rejects.toMatchObject({ code: "SLOT_READBACK", detail: { offset: 0 } });
});

test("parts that have changed places are found", async () => {
  const image = randomBytes(8 * MIB);
  const content = Buffer.concat([image.subarray(4 * MIB), image.subarray(0, 4 * MIB)]);
  await expect(look(image, content, MIB)).rejects.toMatchObject({ code: "SLOT_READBACK", detail: { offset: 0 } });
});

test("of an empty image there is nothing to find", async () => {
  await look(new Uint8Array(0), randomBytes(512), 1);
});
