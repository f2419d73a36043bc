import { diskActs, diskReads } from "../../adapters/files/disk.ts";
import type { FileActs, FileReads, WriteOutput } from "../ports/files.ts";

/** Files of this machine, for commands that need no agent. */
export const localActs: FileActs = diskActs;
export const localReads: FileReads = diskReads;

/** An output file on this machine. @see WriteWhole */
export const outputTo =
  (path: string, mode?: number): WriteOutput =>
  async (fill) =>
    (await import("../../adapters/files/output-file.ts")).writeWhole(path, fill, mode);

/** Temporary files and copies, for commands that work on images. */
export const workFiles = (): Promise<typeof import("../../adapters/files/work-file.ts")> =>
  import("../../adapters/files/work-file.ts");
