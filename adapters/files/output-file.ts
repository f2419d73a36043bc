import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { OutputFile, WriteWhole } from "../../src/ports/files.ts";
import { findReplaceable, temporaryFor } from "../../src/util/replace-file.ts";
import { diskActs, openAnew } from "./disk.ts";

/** @see WriteWhole */
export const writeWhole: WriteWhole = async (path, fill, mode) => {
  const failed = (cause: unknown): never => {
    throw new AgentError("OUTPUT_FAILED", { path }, cause);
  };
  const { target, found } = await findReplaceable(path).catch(failed);
  // No cleanup of old temporary files: another process may be writing the same file, and the files are the user's.
  const temporary = temporaryFor(target);
  const file = await openAnew(temporary, mode ?? (found && found.mode & 0o7777), found).catch(failed);
  try {
    await fill(createOutput(file, failed));
    await file.sync().catch(failed);
    await file.close();
    await diskActs.rename(temporary, target).catch(failed);
  } catch (error) {
    await file.close().catch(() => undefined); // ignored: `error` says what went wrong.
    await diskActs.remove(temporary).catch(() => undefined); // ignored: the same.
    throw error;
  }
  await diskActs.syncFolder(dirname(target));
};

function createOutput(file: FileHandle, failed: (cause: unknown) => never): OutputFile {
  let sizeBytes = 0;
  const put = async (chunk: Uint8Array, position: number): Promise<void> => {
    let written = 0;
    while (written < chunk.length) {
      const rest = chunk.subarray(written);
      const { bytesWritten } = await file.write(rest, 0, rest.length, position + written).catch(failed);
      written += bytesWritten;
    }
  };
  return {
    async write(chunk) {
      await put(chunk, sizeBytes);
      sizeBytes += chunk.length;
    },
    patch: put,
    get sizeBytes() {
      return sizeBytes;
    },
  };
}
