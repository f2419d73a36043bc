import { join } from "node:path";
import type { StoreScript } from "../../artifact/header-archive.ts";
import { holdMetaData, type StoreMetaData } from "../../artifact/meta-data.ts";
import type { MetaData } from "../../artifact/model.ts";
import { AgentError, type ErrorDetail } from "../../errors/agent-error.ts";
import type { ErrorCode } from "../../errors/catalogue.ts";
import type { FileActs, FileReads, OpenFile } from "../../ports/files.ts";
import { ensureFolder } from "../../util/ensure-folder.ts";
import { errnoOf } from "../../util/errno.ts";
import { originOf, parseScriptName } from "./names.ts";
import { VERSION_FILE } from "./order.ts";

const SCRIPT_MODE = 0o700;
const VERSION = "3";
/** Inside the script folder, which may be a mount: a rename cannot cross file systems. No script can have this name. */
const STAGE = ".staged";
/** Limit for meta-data in memory, all payloads together. The meta-data of nearly all Artifacts fits. */
const HELD_BYTES = 128 * 1024;
const PIECE_BYTES = 64 * 1024;

/**
 * Stages an Artifact's state scripts on their way to the script folder. They go to disk while the header is read, so
 * that memory use stays constant. They can run only after `admit`, which the caller must call after it has verified the
 * header and accepted the Artifact. Large meta-data waits in the same place for its module.
 */
export interface ScriptStage {
  /**
   * Writes a script to a place where it cannot run. Its content is durable when this resolves.
   *
   * @throws {AgentError} SCRIPT_NAME, SCRIPT_FOLDER; the error of `read`
   */
  readonly store: StoreScript;
  /**
   * Keeps meta-data, on disk if it is large. The file has lost its name when this resolves, so that a power cut leaves
   * nothing behind. Its content is readable until `discard`.
   *
   * @throws {AgentError} STORE_WRITE; the error of `read`
   */
  readonly storeMetaData: StoreMetaData;
  /**
   * Replaces the folder's content by the stored scripts. The result is durable: the scripts must survive the reboot
   * into the new system, and those of an earlier update must not return. A power cut may leave some of each; the next
   * call starts over.
   *
   * @param names all scripts of the Artifact
   * @throws {AgentError} SCRIPT_FOLDER
   */
  admit(names: readonly string[]): Promise<void>;
  /** Removes scripts that were stored and not admitted, even before a power cut, and releases meta-data. */
  discard(): Promise<void>;
}

type StageReads = Pick<FileReads, "lookNow" | "list" | "open">;

export function createScriptStage(folder: string, acts: FileActs, reads: StageReads): ScriptStage {
  const stage = join(folder, STAGE);
  let stored: string[] = [];
  /** The path that `discard` must remove: the whole folder if it did not exist before. */
  let made: string | undefined;
  let heldBytes = 0;
  /** Open files of meta-data, which have no names. */
  const files: OpenFile[] = [];

  async function begin(): Promise<void> {
    const isNew = !isThere(folder, reads);
    await ensureFolder(folder, 0o755, acts);
    await acts.remove(stage);
    made = isNew ? folder : stage;
    await acts.makeFolder(stage, SCRIPT_MODE);
  }

  return {
    async store(name, read) {
      checkName(name);
      await naming("SCRIPT_FOLDER", { folder }, async () => {
        if (made === undefined) await begin();
        await acts.storeSynced(join(stage, name), read, SCRIPT_MODE);
      });
      stored.push(name);
    },
    async storeMetaData(sizeBytes, read) {
      if (heldBytes + sizeBytes <= HELD_BYTES) {
        heldBytes += sizeBytes;
        return await holdMetaData(sizeBytes, read);
      }
      const path = join(stage, "meta-data");
      await naming("STORE_WRITE", { path }, async () => {
        if (made === undefined) await begin();
        await acts.storeSynced(path, read, 0o600);
        files.push(await reads.open(path));
        await acts.remove(path);
      });
      return inFile(files.at(-1), sizeBytes);
    },
    async admit(names) {
      if (names.join("/") !== stored.join("/")) throw new TypeError("not all scripts of the Artifact have been stored");
      await naming("SCRIPT_FOLDER", { folder }, async () => {
        // Only meta-data has passed through a folder that did not exist before.
        if (stored.length === 0 && made === folder) return await acts.remove(folder);
        const old = (await namesIn(folder, reads)).filter((name) => name !== STAGE || stored.length === 0);
        for (const name of old) await acts.remove(join(folder, name));
        for (const name of stored) await acts.rename(join(stage, name), join(folder, name));
        if (stored.length > 0) {
          await acts.writeSynced(join(folder, VERSION_FILE), VERSION, 0o600);
          await acts.remove(stage);
        }
        if (old.length > 0 || stored.length > 0) await acts.syncFolder(folder);
      });
      stored = [];
      made = undefined;
    },
    async discard() {
      heldBytes = 0;
      for (const file of files.splice(0)) await file.close();
      const left = made ?? (isThere(stage, reads) ? stage : undefined);
      stored = [];
      made = undefined;
      // ignored: nothing runs these scripts, and the next start retries.
      if (left !== undefined) await acts.remove(left).catch(() => undefined);
    },
  };
}

/** @param file undefined only by a bug, like a closed file */
function inFile(file: OpenFile | undefined, sizeBytes: number): MetaData {
  return {
    sizeBytes,
    *pieces() {
      const buffer = Buffer.allocUnsafe(PIECE_BYTES);
      for (let at = 0; at < sizeBytes; ) {
        const count = file?.readNow(buffer, at) ?? 0;
        if (count === 0) return;
        yield buffer.subarray(0, count);
        at += count;
      }
    },
  };
}

/** Checks again what the reader has checked: root executes the files written here. */
function checkName(name: string): void {
  const parsed = parseScriptName(name);
  if (parsed === undefined || originOf(parsed.state) !== "artifact" || name.includes("/")) {
    throw new AgentError("SCRIPT_NAME", { path: name });
  }
}

/** Synchronous: the agent checks at each start, and on most devices the path does not exist. */
function isThere(path: string, reads: StageReads): boolean {
  try {
    return reads.lookNow(path) !== undefined;
  } catch {
    // ignored: if the agent cannot look at the path, it cannot remove it.
    return false;
  }
}

/** Lists the content, because the folder itself stays: it may be a link or a mount. */
async function namesIn(folder: string, reads: StageReads): Promise<readonly string[]> {
  try {
    return await reads.list(folder);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return [];
    throw cause;
  }
}

/** @throws {AgentError} `code` for a system error; an error from the source of a script passes unchanged */
async function naming(code: ErrorCode, detail: ErrorDetail, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    throw new AgentError(code, detail, cause);
  }
}
