import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** The durable acts behind replacing a small file; a test counts them and cuts the power at each. */
export interface FileActs {
  /** Writes the whole of `content` to `path`, made with `mode` where it is new, and makes the content durable. */
  writeSynced(path: string, content: string | Uint8Array, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes files that were made, renamed or removed within `path` durable. */
  syncFolder(path: string): Promise<void>;
}

export const diskActs: FileActs = {
  async writeSynced(path, content, mode) {
    const file = await open(path, "w", mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  rename,
  async syncFolder(path) {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/**
 * Replaces a file: after a power cut it is the old one or the new one, never torn. Resolves when the new one
 * is durable. A temporary file that a power cut leaves behind is overwritten by the next call.
 */
export async function replaceFile(path: string, text: string, acts: FileActs = diskActs, mode = 0o644): Promise<void> {
  const temporary = `${path}.new`;
  await acts.writeSynced(temporary, text, mode);
  await acts.rename(temporary, path);
  await acts.syncFolder(dirname(path));
}
