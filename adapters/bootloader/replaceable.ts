import { access, constants, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";

/**
 * Asks the kernel whether a new file can replace this one: the mount may be read-only or full, the file or its folder
 * immutable.
 *
 * @throws {AgentError} BOOTENV_WRITE
 */
export async function expectReplaceable(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await access(folder, constants.W_OK);
    await access(path, constants.W_OK);
  } catch (cause) {
    throw new AgentError("BOOTENV_WRITE", { path }, cause);
  }
  const { blocks, bfree } = await statfs(folder);
  if (blocks > 0 && bfree === 0) throw new AgentError("BOOTENV_WRITE", { path, reason: "its file system is full" });
}
