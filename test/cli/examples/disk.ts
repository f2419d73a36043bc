import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { expect } from "vitest";
import type { Device } from "./device.ts";

/** A filesystem in a file, which is a device both on the machine and in the example. */
export const disk = (name: string) => (device: Device) => {
  device.put("/disk", "");
  const made = spawnSync("mkfs.ext4", ["-q", device.path("/disk"), "8M"], { encoding: "utf8" });
  const { stdout } = spawnSync("losetup", ["--find", "--show", device.path("/disk")], { encoding: "utf8" });
  expect(made.status).toBe(0);
  // By the kernel's name, too, under which a filesystem is looked up that is mounted.
  for (const node of [name, basename(stdout.trim())]) device.devices.set(node, stdout.trim());
};
