import { readFileSync, statSync } from "node:fs";
import { systemClock } from "../../../../adapters/clock/system-clock.ts";
import type { BlockFile } from "../../../../adapters/linux/block-file.ts";
import type { Host } from "../../../../src/agent/host.ts";
import type { FileActs } from "../../../../src/ports/files.ts";
import type { Process } from "../../../../src/ports/process.ts";
import type { Disk } from "./disk.ts";

/** What a started program does to the disk, and how it ends. */
export type Programs = (argv: readonly string[], disk: Disk) => { readonly exitCode: number; readonly stdout?: string };

/** The chunk size of the real implementation. */
const CHUNK_BYTES = 256 * 1024;

/** A host whose every act is an act on `disk`. Its programs run in this process. */
export function recordingHost(disk: Disk, programs: Programs, longestWriteBytes: number): Host {
  const process: Process = {
    async run([program, ...args], { onLine }, signal) {
      signal.throwIfAborted();
      if (program === "mkfifo") {
        disk.makeFifo(args.at(-1) ?? "");
        return { exitCode: 0, stdout: "", stderr: "" };
      }
      disk.act("start", program);
      const { exitCode, stdout = "" } = programs([program, ...args], disk);
      if (stdout !== "") onLine?.("stdout", stdout.trimEnd());
      return { exitCode, stdout, stderr: "" };
    },
  };
  return {
    files: recordingActs(disk),
    openStorage: async (path) => storageOn(disk, path, longestWriteBytes),
    async openRaw() {
      throw new Error("the boot environment of this board is a file");
    },
    process: () => process,
    ownRootProcess: () => ({ ...process, expectToRun: async () => false }),
    lock: () => ({ acquire: async () => async () => undefined }),
    clock: systemClock,
  };
}

export function recordingActs(disk: Disk): FileActs {
  return {
    async writeSynced(path, content, mode) {
      disk.write(path, Buffer.from(content), mode);
      disk.sync(path);
    },
    async storeSynced(path, read, mode) {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      let content = Buffer.alloc(0);
      let count = 0;
      do {
        count = await read(chunk);
        content = Buffer.concat([content, chunk.subarray(0, count)]);
        if (count > 0 || content.length === 0) disk.write(path, content, mode);
      } while (count > 0);
      disk.sync(path);
    },
    rename: async (from, to) => disk.rename(from, to),
    remove: async (path) => disk.remove(path),
    makeFolder: async (path, mode) => disk.makeFolder(path, mode),
    syncFolder: async (path) => disk.sync(path),
    // Always the same, so that boards that differ only in these names are switched on only once.
    unique: () => "0123456789ab",
  };
}

function storageOn(disk: Disk, path: string, longestWriteBytes: number): BlockFile {
  return {
    sizeBytes: statSync(path).size,
    direct: false,
    async read(into, offset) {
      return readFileSync(path).copy(into, 0, offset);
    },
    async write(from, offset) {
      const bytes = Buffer.from(from.subarray(0, longestWriteBytes));
      disk.writeBlock(path, bytes, offset);
      return bytes.length;
    },
    sync: async () => disk.sync(path),
    close: async () => undefined,
  };
}
