import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../errors/agent-error.ts";
import { diskActs, openAnew } from "./durable-file.ts";
import { findReplaceable, temporaryFor } from "./replace-file.ts";

/** A file that is there whole or not at all. */
export interface OutputFile {
  /** Appends. */
  write(chunk: Uint8Array): Promise<void>;
  /** Replaces bytes that were written before. */
  patch(chunk: Uint8Array, position: number): Promise<void>;
  /** Bytes appended so far. */
  readonly sizeBytes: number;
}

/**
 * Lets `fill` write a file under a temporary name beside `path`, with the rules of `replaceFile` for links, modes and
 * owners. It is fsynced and takes the name `path` when `fill` returns; when it throws, the temporary file is removed and
 * what was at `path` stays as it was.
 *
 * @throws {AgentError} OUTPUT_FAILED; whatever `fill` throws
 */
export async function writeWhole(path: string, fill: (output: OutputFile) => Promise<void>): Promise<void> {
  const failed = (cause: unknown): never => {
    throw new AgentError("OUTPUT_FAILED", { path }, cause);
  };
  const { target, found } = await findReplaceable(path).catch(failed);
  // Without a sweep: another process may be writing the same file, and these are no files of the agent's own.
  const temporary = temporaryFor(target);
  const file = await openAnew(temporary, found && found.mode & 0o7777, found).catch(failed);
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
}

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
