import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readDeviceType } from "../../src/config/device-type.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "device-type-"));
});
afterAll(() => rm(dir, { recursive: true }));

for (const [text, type] of [
  ["device_type=raspberrypi4\n", "raspberrypi4"],
  ["device_type=board", "board"],
  ["device_type=a=b c\n", "a=b c"],
  ["# made by a builder\ndevice_type=x\n", "x"],
  ["device_type=x\r\n", "x"],
  ["device_type=x  \n", "x"],
  [" device_type=x\n", "x"],
  ["device_type= x\n", "x"],
  ["other=1\ndevice_type=x\n\n", "x"],
] as const) {
  test(`${JSON.stringify(text)} names the type ${type}`, async () => {
    await writeFile(join(dir, "ok"), text);
    expect(await readDeviceType(join(dir, "ok"))).toBe(type);
  });
}

for (const text of [
  "",
  "device_type=\n",
  "Device_Type=x\n",
  "device_type=x\nmore\n",
  "# device_type=x\n",
  "device_type=x\ndevice_type=y\n",
  "device_type = x\n",
]) {
  test(`${JSON.stringify(text)} names no type`, async () => {
    await writeFile(join(dir, "bad"), text);
    await expect(readDeviceType(join(dir, "bad"))).rejects.toMatchObject({ code: "DEVICE_TYPE_FILE" });
  });
}

test("a file that is not there names no type", async () => {
  await expect(readDeviceType(join(dir, "none"))).rejects.toMatchObject({ code: "DEVICE_TYPE_FILE" });
});
