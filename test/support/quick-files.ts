import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { diskActs } from "../../adapters/files/disk.ts";
import type { FileActs } from "../../src/ports/files.ts";

/**
 * Files that last as long as the machine does, at a fraction of the steps: for tests that save thousands of times and
 * lose no power.
 */
export const quickActs: FileActs = {
  ...diskActs,
  writeSynced: async (path, content, mode) => writeFileSync(path, content, { mode }),
  rename: async (from, to) => renameSync(from, to),
  remove: async (path) => rmSync(path, { recursive: true, force: true }),
  makeFolder: async (path, mode) => mkdirSync(path, { recursive: true, mode }),
  syncFolder: async () => undefined,
};
