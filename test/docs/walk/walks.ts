import { cpSync } from "node:fs";
import type { Device } from "../../cli/examples/device.ts";
import type { Walk } from "./walk.ts";

/** The reader has cloned the repository and built it. */
async function checkout(device: Device): Promise<void> {
  for (const name of ["identity", "image/boards", "qemu/boards", "state-scripts", "systemd", "update-modules"])
    cpSync(name, device.path(name), { recursive: true });
  await device.run("cp -r /opt/switchback dist");
}

/** How each guide is followed, by its file name. */
export const WALKS: Readonly<Record<string, Walk>> = {
  "five-minutes.md": {
    at: "desk",
    given: checkout,
  },
};
