import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { FileActs } from "../../src/ports/files.ts";
import type { StoredValue } from "../../src/ports/stored-value.ts";
import { ensureFolder } from "../../src/util/ensure-folder.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { diskActs } from "../files/disk.ts";

/**
 * One value in its own file, mode 0600. Every change replaces the whole file.
 *
 * @throws {AgentError} STORE_READ, STORE_WRITE
 */
export function createFileValue(path: string, acts: FileActs = diskActs): StoredValue {
  return {
    async load() {
      try {
        return readSmallFile(path);
      } catch (cause) {
        if (errnoOf(cause) === "ENOENT") return undefined;
        throw new AgentError("STORE_READ", { path }, cause);
      }
    },
    async save(value) {
      try {
        if (value === undefined) {
          if (!existsSync(path)) return;
          // `remove` also deletes folders with their contents, and a folder at this path is not the agent's.
          if (!statSync(path).isFile()) throw new Error(`${path} is not a file`);
          await acts.remove(path);
          await acts.syncFolder(dirname(path));
          return;
        }
        await ensureFolder(dirname(path), 0o700, acts);
        const { replaceFile } = await import("../../src/util/replace-file.ts");
        await replaceFile(path, value, acts, 0o600);
      } catch (cause) {
        throw new AgentError("STORE_WRITE", { path }, cause);
      }
    },
  };
}
