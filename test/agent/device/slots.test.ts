import { expect, test } from "vitest";
import { composeSlotDevice } from "../../../src/agent/device/slots.ts";
import { thisHost } from "../../../src/agent/host.ts";
import { loadConfig } from "../../../src/config/config.ts";

const NOWHERE = { main: "/nowhere", fallback: "/nowhere", mainRequired: false, fallbackRequired: false };
const config = await loadConfig(NOWHERE, () => undefined);
const { signal } = new AbortController();
const device = (A: string, B: string) => composeSlotDevice(config, { A, B }, { booted: async () => "A" }, thisHost);

test("two UBI volumes are written as such, and can only be written from their beginning", async () => {
  const slots = device("ubi0_0", "/dev/ubi9_9");
  await expect(slots.open("B", { imageBytes: 1 }, signal)).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { path: "/dev/ubi9_9", reason: "no such volume" },
  });
  await expect(slots.read("B", 1, signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    detail: { reason: "no such volume" },
  });
  expect(slots.resumePoint("B", 8192)).toBe(0);
});

test("anything else is a block device or an image file", async () => {
  const slots = device("/dev/nowhere1", "/dev/nowhere2");
  await expect(slots.open("B", { imageBytes: 1 }, signal)).rejects.toMatchObject({
    code: "SLOT_IO",
    detail: { path: "/dev/nowhere2", errno: "ENOENT" },
  });
  expect(slots.resumePoint("B", 8193)).toBe(8192);
});
