import { randomBytes } from "node:crypto";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AgentError } from "../errors/agent-error.ts";

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
 * Lets `fill` write a file under a temporary name beside `path`. It is fsynced and takes the name `path` when `fill`
 * returns; when it throws, the temporary file is removed and what was at `path` stays as it was.
 *
 * @throws {AgentError} OUTPUT_FAILED; whatever `fill` throws
 */
export async function writeWhole(path: string, fill: (output: OutputFile) => Promise<void>): Promise<void> {
  const { target, mode } = await resolveTarget(path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  const failed = (cause: unknown): AgentError => new AgentError("OUTPUT_FAILED", { path }, cause);
  const file = await open(temporary, "wx", 0o666).catch((cause: unknown) => {
    throw failed(cause);
  });
  try {
    if (mode !== undefined) await file.chmod(mode);
    await fill(createOutput(file, failed));
    await file.sync().catch((cause: unknown) => {
      throw failed(cause);
    });
    await file.close();
    await rename(temporary, target).catch((cause: unknown) => {
      throw failed(cause);
    });
  } catch (error) {
    // ignored: closing and removing are all that can be done, and `error` says what went wrong.
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}

function createOutput(file: FileHandle, failed: (cause: unknown) => AgentError): OutputFile {
  let sizeBytes = 0;
  const put = async (chunk: Uint8Array, position: number): Promise<void> => {
    let written = 0;
    while (written < chunk.length) {
      const rest = chunk.subarray(written);
      const { bytesWritten } = await file.write(rest, 0, rest.length, position + written).catch((cause: unknown) => {
        throw failed(cause);
      });
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

/** Follows links, so that what they lead to is replaced and keeps its mode. Only plain files can be. */
async function resolveTarget(path: string): Promise<{ readonly target: string; readonly mode?: number }> {
  const target = await realpath(path).catch(() => path); // ignored: what does not exist yet has no real path.
  const found = await stat(target).catch(() => undefined); // ignored: the same.
  if (found === undefined) return { target };
  if (!found.isFile()) throw new AgentError("OUTPUT_FAILED", { path, reason: "not a regular file" });
  return { target, mode: found.mode & 0o777 };
}

/** The new name is durable only when the folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
