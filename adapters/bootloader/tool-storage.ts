import { constants } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";

/** The errors of open(2) for storage that exists but cannot be written. */
const UNWRITABLE: ReadonlySet<unknown> = new Set(["EROFS", "EACCES", "EPERM"]);

/**
 * Asks the kernel whether a board's tools could write their files and devices, including MTD and UBI. Missing or busy
 * storage proves nothing: the tools may know better than the configuration that names it.
 *
 * @param sysfs the folder in which the kernel shows its UBI devices
 * @throws {AgentError} BOOTENV_WRITE
 */
export async function expectToolsCanWrite(paths: readonly string[], sysfs = "/sys/class/ubi"): Promise<void> {
  for (const path of paths) {
    try {
      await (await open(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)).close();
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && UNWRITABLE.has(cause.code)) {
        throw new AgentError("BOOTENV_WRITE", { path }, cause);
      }
    }
    // After a failed erase, UBI rejects every write but still lets programs open its volumes.
    const ubi = /^(?:\/dev\/)?(ubi[0-9]+)[_:]/.exec(path)?.[1];
    if (ubi !== undefined && (await readFile(join(sysfs, ubi, "ro_mode"), "utf8").catch(() => "0")).trim() === "1") {
      throw new AgentError("BOOTENV_WRITE", { path, reason: `${ubi} has become read-only after an error` });
    }
  }
}
