import { open, readFile } from "node:fs/promises";
import { afterEach, expect, test } from "vitest";
import { artifact } from "../../artifact/odd-artifacts.ts";
import { CutOffRig, cutThreeTimes, IMAGE_BYTES, randomImage, rangesOf } from "./cut-off-rig.ts";

const MIB = 1024 * 1024;
let rig: CutOffRig | undefined;
afterEach(() => rig?.close());

async function make(made: Promise<CutOffRig>): Promise<CutOffRig> {
  rig = await made;
  return rig;
}

/** On a very busy machine, the first run may end before a checkpoint that covers so many bytes. */
async function runUntilStored(device: CutOffRig, bytes: number): Promise<void> {
  for (let cut = 4 * MIB; (device.record?.checkpoint?.storedBytes ?? 0) <= bytes; cut += MIB)
    expect((await device.run(cut)).outcome).toBe("cut off");
}

for (const compression of ["none", "gzip"] as const) {
  for (const seed of [1, 2, 3]) {
    test(`after each of three power cuts, the agent fetches only the part that is not stored: ${compression}, seed ${seed}`, async () => {
      const device = await make(CutOffRig.make(compression, seed));
      const runs = await cutThreeTimes(device, seed);
      expect(await device.slotHolds(device.image)).toBe(true);
      // Each run made progress, so the count started again.
      expect(device.record?.resumes).toBe(0);
      for (const { checkpoint, ranges } of runs) {
        expect(ranges).toEqual(rangesOf(device, checkpoint));
        if (checkpoint === undefined) continue;
        // From the last piece that begins before what is stored.
        expect(checkpoint.fileByte + checkpoint.storedBytes - checkpoint.plainByte).toBeLessThanOrEqual(MIB);
      }
      expect(runs.filter(({ checkpoint }) => checkpoint !== undefined).length).toBeGreaterThanOrEqual(1);
    });
  }
}

test("storage slower than the line is never more than 16 MiB behind its last checkpoint", async () => {
  const image = randomImage(4, 48 * MIB);
  const device = await make(CutOffRig.make("none", 4, image, Number.POSITIVE_INFINITY));
  device.writeMs = 20;
  expect(await device.run()).toEqual({ outcome: "done", written: image.length });
  expect(device.farthestBytes).toBeLessThanOrEqual(16 * MIB);
});

test("the checksum finds a byte of the slot that changes between two runs", async () => {
  const device = await make(CutOffRig.make("none"));
  await runUntilStored(device, MIB);
  const slot = await open(device.slot, "r+");
  await slot.write(Buffer.from([(device.image[MIB] ?? 0) ^ 1]), 0, 1, MIB);
  await slot.close();
  await expect(device.run()).rejects.toMatchObject({ code: "ARTIFACT_CHECKSUM", detail: { file: "image" } });
});

test("a byte of the source that changes between two runs is found by the checksum", async () => {
  const device = await make(CutOffRig.make("gzip"));
  expect((await device.run(4 * MIB)).outcome).toBe("cut off");
  device.server.content.writeUInt8(device.server.content.readUInt8(7 * MIB) ^ 1, 7 * MIB);
  await expect(device.run()).rejects.toMatchObject({
    code: expect.stringMatching(/^ARTIFACT_(CHECKSUM|COMPRESSED_DATA)$/),
  });
});

test("a source with another ETag is downloaded again, and blocks that exist are not written again", async () => {
  const device = await make(CutOffRig.make("none"));
  expect((await device.run(6 * MIB)).outcome).toBe("cut off");
  const stored = device.record?.checkpoint?.storedBytes ?? 0;
  device.server.etag = '"2"';
  const ended = await device.run();
  expect(ended.outcome === "done" && ended.written).toBeLessThanOrEqual(IMAGE_BYTES - stored);
  expect(await device.slotHolds(device.image)).toBe(true);
  expect(device.log).toContain("warning: The download starts over: the source has changed (DOWNLOAD_CHANGED).");
  expect(device.record).toMatchObject({ etag: '"2"', resumes: 0 });
});

test("a source that has become another Artifact is refused", async () => {
  const device = await make(CutOffRig.make("none"));
  expect((await device.run(4 * MIB)).outcome).toBe("cut off");
  device.server.content = artifact({ data: [{ name: "image", content: device.image }] });
  device.server.etag = '"2"';
  await expect(device.run()).rejects.toMatchObject({
    code: "DOWNLOAD_CHANGED",
    detail: { reason: "another Artifact" },
  });
});

test("a server without ranges is read from the beginning, and nothing is written twice", async () => {
  const device = await make(CutOffRig.make("gzip"));
  expect((await device.run(6 * MIB)).outcome).toBe("cut off");
  device.server.ranges = false;
  expect((await device.run()).outcome).toBe("done");
  expect(await device.slotHolds(device.image)).toBe(true);
  expect(device.server.served).toHaveLength(2);
});

test("gzip of another writer starts over, reports it, and writes only missing blocks", async () => {
  const image = randomImage(4);
  const content = artifact({ gzip: true, data: [{ name: "image", content: image }] });
  const device = await make(CutOffRig.foreign(image, content));
  device.server.breaks.push(6 * MIB);
  device.server.statuses.push(0, 403);
  await expect(device.run()).rejects.toMatchObject({ code: "SOURCE_STATUS" });
  expect(device.record?.checkpoint).toBeUndefined();
  const before = await readFile(device.slot);
  expect(before.subarray(0, 4 * MIB).equals(image.subarray(0, 4 * MIB))).toBe(true);
  const ended = await device.run();
  expect(ended.outcome === "done" && ended.written).toBeLessThan(6 * MIB);
  expect(await device.slotHolds(image)).toBe(true);
  expect(device.log).toContain("warning: The download starts over: no checkpoint is stored.");
});

test("a false checkpoint is noticed", async () => {
  const device = await make(CutOffRig.make("none"));
  await runUntilStored(device, MIB);
  const { record } = device;
  if (record?.checkpoint === undefined) return expect.fail("no checkpoint");
  const { checkpoint } = record;
  for (const change of [
    { artifactByte: checkpoint.artifactByte + 4096 },
    { artifactByte: 0 },
    { storedBytes: checkpoint.storedBytes - 4096 },
    { fileBytes: checkpoint.storedBytes - 4096 },
    { fileName: "another" },
    { headBytes: checkpoint.headBytes - 512 },
  ]) {
    device.record = { ...record, checkpoint: { ...checkpoint, ...change } };
    await expect(device.run(), JSON.stringify(change)).rejects.toMatchObject({
      code: expect.stringMatching(/^ARTIFACT_/),
    });
  }
});
