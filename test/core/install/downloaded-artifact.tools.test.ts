import { expect, test } from "vitest";
import { CutOffRig, cutThreeTimes, IMAGE_BYTES, rangesOf } from "./cut-off-rig.ts";

test("after each of three power cuts, the agent fetches only the part that is not stored: zstd", async () => {
  const device = await CutOffRig.make("zstd");
  try {
    const runs = await cutThreeTimes(device, 5);
    expect(await device.slotHolds(device.image)).toBe(true);
    for (const { checkpoint, ranges } of runs) expect(ranges).toEqual(rangesOf(device, checkpoint));
    expect(runs.filter(({ checkpoint }) => checkpoint !== undefined).length).toBeGreaterThanOrEqual(1);
  } finally {
    await device.close();
  }
});

test("xz has no place to resume from: the download starts over and is right", async () => {
  const device = await CutOffRig.make("lzma", 1, Buffer.alloc(IMAGE_BYTES, "image"));
  try {
    device.server.breaks.push(Math.floor(device.server.content.length / 2));
    device.server.statuses.push(0, 403);
    await expect(device.run()).rejects.toMatchObject({ code: "SOURCE_STATUS" });
    expect(device.record?.checkpoint).toBeUndefined();
    expect((await device.run()).outcome).toBe("done");
    expect(await device.slotHolds(device.image)).toBe(true);
  } finally {
    await device.close();
  }
});
