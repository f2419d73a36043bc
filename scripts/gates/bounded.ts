import { readFile } from "node:fs/promises";
import type { Gate } from "../lib/gate.ts";

/**
 * The modules that may read a whole file without a limit, and what keeps each file small. All other modules must use
 * `src/util/small-file.ts`: a file of gigabytes must not fill the memory, and a named pipe must not block the agent.
 */
const MAY_READ: Readonly<Record<string, string>> = {
  "adapters/linux/raw-file.ts": "a flag in /sys",
  "adapters/bootloader/rpi-tryboot/firmware.ts": "a number in the device tree",
  "adapters/linux/running-system.ts": "/proc and /sys",
  "adapters/bootloader/tool-storage.ts": "a flag in /sys",
  "adapters/clock/boot-clock.ts": "/proc",
  "adapters/linux/block-file.ts": "a number in /sys",
  "adapters/linux/mounts.ts": "/proc and /sys",
  "adapters/doctor/folder-facts.ts": "/proc",
  "adapters/doctor/root-facts.ts": "/proc",
  "adapters/process/left-programs.ts": "/proc",
  "adapters/process/program-record.ts": "/proc, and records in a folder that nobody else can write to",
  "adapters/snapshot/find-filesystem.ts": "/proc and /sys",
  "adapters/foreign/context.ts": "an adapter's own files, for the adapter",
  "adapters/check/device-rig.ts": "the check of adapters",
  "adapters/check/failing-reads.ts": "the check of adapters",
  "adapters/check/sandbox.ts": "the check of adapters",
  "adapters/check/sandbox-files.ts": "the check of adapters",
  "src/agent/check/payload.ts": "the payload that a developer gives to the check of adapters",
};

const WHOLE = /import\s+(?!type\b)\{[^}]*\breadFile(?:Sync)?\b[^}]*\}\s+from\s+"(?:node:)?fs(?:\/promises)?";/;

/** Every read of a whole file must have a limit. */
export const BOUNDED: Gate = {
  name: "bounded",
  async check(files) {
    const own = files.filter((file) => /^(?:src|adapters)\//.test(file));
    const texts = await Promise.all(own.map((file) => readFile(file, "utf8")));
    const readers = own.filter((_, index) => readsWhole(texts[index] ?? ""));
    const problems = readers
      .filter((file) => !Object.hasOwn(MAY_READ, file))
      .map((file) => `${file}: readFile: use readSmallFile, or be listed in scripts/gates/bounded.ts`);
    const stale = Object.keys(MAY_READ)
      .filter((file) => !readers.includes(file))
      .map((file) => `${file}: listed in scripts/gates/bounded.ts, and reads no whole file`);
    return {
      problems: [...problems, ...stale],
      looked: `${own.length} files, ${Object.keys(MAY_READ).length} may read whole files`,
    };
  },
};

/** Whether a module imports the functions of Node that read a whole file without a limit. */
export const readsWhole = (text: string): boolean => WHOLE.test(text);
