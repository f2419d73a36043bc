import { join } from "node:path";
import type { StoreScript } from "../../artifact/header-archive.ts";
import { holdMetaData, type StoreMetaData } from "../../artifact/meta-data.ts";
import type { MetaData } from "../../artifact/model.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { FileActs, FileReads, OpenFile } from "../../ports/files.ts";
import { ensureFolder } from "../../util/ensure-folder.ts";
import { originOf, parseScriptName } from "./names.ts";
import { VERSION_FILE } from "./order.ts";

const SCRIPT_MODE = 0o700;
const VERSION = "3";
/** Within the folder of the scripts, which may be a mount: a rename does not lead out of one. No script has this name. */
const STAGE = ".staged";
/** Meta-data up to this much, all payloads together, stays in memory: that of nearly all Artifacts. */
const HELD_BYTES = 128 * 1024;
const PIECE_BYTES = 64 * 1024;

/**
 * The way of an Artifact's state scripts to their folder. They go to disk while the header is read, since memory must
 * not grow with them; but they become scripts that can run only when `admit` is called, after the header and whatever
 * else decides over the Artifact have been found right. Large meta-data waits in the same place for the module that it
 * is for.
 *
 * @see spec "state-scripts", sections 1 and 11
 */
export interface ScriptStage {
  /**
   * Writes a script to where nothing runs it. Its content is durable when this resolves.
   *
   * @throws {AgentError} SCRIPT_NAME, SCRIPT_FOLDER; whatever reading it throws
   */
  readonly store: StoreScript;
  /**
   * Keeps meta-data, on disk where it is large. The file has no name any more when this resolves, so that nothing is left
   * of it after a power cut. Its content can be read until `discard`.
   *
   * @throws {AgentError} SCRIPT_FOLDER; whatever reading it throws
   */
  readonly storeMetaData: StoreMetaData;
  /**
   * Replaces what is in the folder by what was stored. The result is durable: the scripts have to be there after the
   * reboot into the new system, and those of an earlier update must not come back. A power cut in between leaves some
   * of either; the next call starts over.
   *
   * @param names all scripts of the Artifact
   * @throws {AgentError} SCRIPT_FOLDER
   */
  admit(names: readonly string[]): Promise<void>;
  /** Removes what was stored and not admitted, also by an agent that lost its power, and lets go of meta-data. */
  discard(): Promise<void>;
}

type StageReads = Pick<FileReads, "lookNow" | "list" | "open">;

export function createScriptStage(folder: string, acts: FileActs, reads: StageReads): ScriptStage {
  const stage = join(folder, STAGE);
  let stored: string[] = [];
  /** What `discard` has to remove: the folder, too, where there was none. */
  let made: string | undefined;
  let heldBytes = 0;
  /** Of meta-data; they have no names. */
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
      await naming(folder, async () => {
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
      await naming(folder, async () => {
        if (made === undefined) await begin();
        await acts.storeSynced(path, read, 0o600);
        files.push(await reads.open(path));
        await acts.remove(path);
      });
      return inFile(files.at(-1), sizeBytes);
    },
    async admit(names) {
      if (names.join("/") !== stored.join("/")) throw new TypeError("not all scripts of the Artifact have been stored");
      await naming(folder, async () => {
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
      // ignored: nothing runs what is left, and the next start tries again.
      if (left !== undefined) await acts.remove(left).catch(() => undefined);
    },
  };
}

/** @param file undefined is a bug, like a file that has been closed */
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

/** The reader has looked at the names already; but what is written here is executed by root. */
function checkName(name: string): void {
  const parsed = parseScriptName(name);
  if (parsed === undefined || originOf(parsed.state) !== "artifact" || name.includes("/")) {
    throw new AgentError("SCRIPT_NAME", { path: name });
  }
}

/** Asked on the spot, and of most devices at each start of the agent. */
function isThere(path: string, reads: StageReads): boolean {
  try {
    return reads.lookNow(path) !== undefined;
  } catch {
    // ignored: what cannot be looked at cannot be removed, either.
    return false;
  }
}

/** The folder itself stays when it is emptied: it may be a link, or a mount. */
async function namesIn(folder: string, reads: StageReads): Promise<readonly string[]> {
  try {
    return await reads.list(folder);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [];
    throw cause;
  }
}

/** @throws {AgentError} SCRIPT_FOLDER for what the system refuses; what the source of a script throws is its own */
async function naming(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    throw new AgentError("SCRIPT_FOLDER", { folder }, cause);
  }
}
