import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import type { FileActs } from "../../src/ports/files.ts";
import type { StoredValue } from "../../src/ports/stored-value.ts";
import { isNoFile } from "../../src/util/is-no-file.ts";
import type { Logger } from "../../src/util/logger.ts";
import { diskActs } from "../files/disk.ts";
import { createFileValue } from "./file-value.ts";

/**
 * A value in a file, like `createFileValue`, whose loss only costs time. It never fails. It moves an unreadable file
 * aside and then counts as empty. A failed write loses the value, and the first one in a row logs a warning.
 */
export function createCachedValue(path: string, log: Logger, acts: FileActs = diskActs): StoredValue {
  const storedValue = createFileValue(path, acts);
  let isLost = false;

  /** @returns whether `path` is free now */
  async function putAside(error: AgentError): Promise<boolean> {
    try {
      const { setAside } = await import("../../src/util/set-aside.ts");
      log("warning", `Moved ${path} to ${await setAside(path, acts)}; starting without it: ${describeError(error)}`);
      return true;
    } catch (cause) {
      log("warning", `Continuing without ${path}: ${describeError(error)}. Cannot move it: ${String(cause)}`);
      return false;
    }
  }

  async function save(value: string | undefined): Promise<void> {
    try {
      await storedValue.save(value);
    } catch (error) {
      if (!(error instanceof AgentError && isNoFile(path) && (await putAside(error)))) throw error;
      if (value !== undefined) await storedValue.save(value);
    }
  }

  return {
    async load() {
      try {
        return await storedValue.load();
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        await putAside(error);
        return undefined;
      }
    },
    async save(value) {
      try {
        await save(value);
        isLost = false;
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        if (!isLost) log("warning", `Continuing without ${path}: ${describeError(error)}`);
        isLost = true;
      }
    },
  };
}
