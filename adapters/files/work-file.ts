import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, open, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { EditCopy, WorkFile } from "../../src/ports/files.ts";
import { findReplaceable, temporaryFor } from "../../src/util/replace-file.ts";
import { diskActs } from "./disk.ts";

/** Zeros of at least this size stay a hole. */
const HOLE_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(HOLE_BYTES);
const PRIVATE = 0o600;
const MAX_STDERR_CHARACTERS = 400;

/** @see WorkFile */
export async function openWorkFile(): Promise<WorkFile> {
  const name = join(tmpdir(), `switchback-${randomBytes(6).toString("hex")}`);
  const failed = (cause: unknown): never => {
    throw new AgentError("OUTPUT_FAILED", { path: dirname(name) }, cause);
  };
  const file = await open(name, "wx+", PRIVATE).catch(failed);
  // Without a name, the file goes when this process ends, in any way.
  await rm(name).catch(failed);
  let sizeBytes = 0;
  const put = async (chunk: Uint8Array): Promise<void> => {
    for (let at = 0; at < chunk.length; ) {
      at += (await file.write(chunk, at, chunk.length - at, sizeBytes + at).catch(failed)).bytesWritten;
    }
  };
  return {
    path: `/proc/${process.pid}/fd/${file.fd}`,
    async write(chunk) {
      for (let at = 0; at < chunk.length; at += HOLE_BYTES) {
        const piece = chunk.subarray(at, at + HOLE_BYTES);
        if (!ZEROS.subarray(0, piece.length).equals(piece)) await put(piece);
        sizeBytes += piece.length;
      }
    },
    end: () => file.truncate(sizeBytes).catch(failed),
    get sizeBytes() {
      return sizeBytes;
    },
    close: () => file.close(),
  };
}

/** @see EditCopy */
export const editCopy: EditCopy = async (path, edit, signal) => {
  const failed = (cause: unknown): never => {
    throw new AgentError("OUTPUT_FAILED", { path }, cause);
  };
  const { target } = await findReplaceable(path).catch(failed);
  const temporary = temporaryFor(target);
  try {
    await copyFile(target, temporary, signal).catch((cause: unknown) => {
      signal.throwIfAborted();
      failed(cause);
    });
    await edit(temporary);
    signal.throwIfAborted();
    await sync(temporary).catch(failed);
    await diskActs.rename(temporary, target).catch(failed);
  } catch (error) {
    await diskActs.remove(temporary).catch(() => undefined); // ignored: `error` says what went wrong.
    throw error;
  }
  await diskActs.syncFolder(dirname(target));
};

/** Copies a file with its holes, and without copying blocks where the file system can share them. */
function copyFile(from: string, to: string, signal: AbortSignal): Promise<void> {
  const args = ["--reflink=auto", "--sparse=auto", "--preserve=mode,ownership", "--", from, to];
  return new Promise((resolve, reject) => {
    const child = spawn("cp", args, { stdio: ["ignore", "ignore", "pipe"], signal, killSignal: "SIGKILL" });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(0, MAX_STDERR_CHARACTERS);
    });
    let error: unknown;
    child.once("error", (cause) => {
      error = cause;
    });
    // Even after an error: the copy must not be written to when it is removed.
    child.once("close", (status) => {
      if (status === 0 && error === undefined) resolve();
      else reject(error ?? new Error(said.trim()));
    });
  });
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r+");
  await file.sync().finally(() => file.close());
}

/** Makes a symbolic link, in place of a file or link. */
export async function makeLink(path: string, target: string): Promise<void> {
  try {
    await rm(path, { force: true });
    await symlink(target, path);
  } catch (cause) {
    throw new AgentError("OUTPUT_FAILED", { path }, cause);
  }
}

/** Makes a folder with `mode`, or keeps an existing one. */
export async function makeOutputFolder(path: string, mode: number): Promise<void> {
  try {
    if ((await diskActs.makeFolder(path, mode)) !== undefined) await chmod(path, mode);
  } catch (cause) {
    throw new AgentError("OUTPUT_FAILED", { path }, cause);
  }
}
